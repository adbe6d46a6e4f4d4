//! Code that several plugins need: an HTTP client, retries, rate limits, sessions and paging, a runtime for
//! asynchronous work, and strict parsers of untrusted input.
#![forbid(unsafe_code)]

/// Reads files that a request names.
pub use gatherer_file_reader as file;

/// Parses untrusted YAML within limits.
#[cfg(feature = "yaml")]
pub use gatherer_yaml_reader as yaml;

pub mod cloud;
pub mod counts;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod http;
pub mod json;
pub mod jwt;
pub mod paging;
pub mod rate_limit;
pub mod retry;
pub mod run;
pub mod session;
#[cfg(feature = "testing")]
pub mod testing;
pub mod uuid;
pub mod xml;
