//! The spans of the runner: `run`, `endpoint` and `worker`.
//!
//! A line about an endpoint is logged inside the endpoint's span, from which it gets the
//! endpoint's id.

use tracing::Span;

use super::line::shorten;

/// The spans and their fields.
pub const FIELDS: [(&str, &[&str]); 3] =
    [("run", &[]), ("endpoint", &["id", "module"]), ("worker", &["pid"])];

// All have the level ERROR, so that a span exists whenever any line inside it is logged.

/// The span of one run, from the infile to the printed result.
pub fn run() -> Span {
    tracing::error_span!("run")
}

/// The span of one endpoint. There may be several for one endpoint, one after the other.
pub fn endpoint(id: &str, module: Option<&str>) -> Span {
    tracing::error_span!("endpoint", id = shorten(id), module = module.map(shorten))
}

/// The span of one worker process, inside the span of its endpoint.
pub fn worker(pid: i32) -> Span {
    tracing::error_span!("worker", pid)
}
