//! Code that several plugins need: an HTTP client, retries, a runtime for asynchronous work, and strict
//! parsers of untrusted input.
#![forbid(unsafe_code)]

/// Reads files that a request names.
pub use gatherer_file_reader as file;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod http;
pub mod json;
pub mod retry;
pub mod run;
pub mod uuid;
pub mod xml;
