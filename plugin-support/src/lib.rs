//! What several plugins need: HTTP with our rules, retrying, running asynchronous work with an
//! end, strict JSON whose errors quote nothing.
#![forbid(unsafe_code)]

/// The reader of files that a request names.
pub use gatherer_file_reader as file;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod http;
pub mod json;
pub mod quantity;
pub mod retry;
pub mod run;
#[cfg(test)]
mod testing;
pub mod uuid;
pub mod xml;
