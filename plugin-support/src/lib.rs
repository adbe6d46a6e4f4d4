//! What several plugins need.
#![forbid(unsafe_code)]
