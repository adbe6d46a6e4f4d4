//! The time by which a request must be complete, and the errors if it is not.

use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use tokio::time::Instant;

use super::error::Exchange;
use crate::run;

/// The maximum time for one request if the endpoint has no deadline.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);

/// When a request, including its response, must be complete.
#[derive(Debug, Clone)]
pub struct RequestDeadline {
    /// The point in time.
    pub at: Instant,
    /// The time limit as messages name it: `the endpoint's timeout of 30 s`.
    pub limit: String,
}

impl RequestDeadline {
    /// The deadline of a request that starts now: a little before the endpoint's.
    pub fn new(context: &Context) -> Self {
        let wait = run::operation_remaining(context).unwrap_or(REQUEST_TIMEOUT);
        let limit = match context.deadline() {
            Some(_) => format!("the endpoint's {}", run::timeout_text(context)),
            None => format!("the limit of {}", run::seconds(REQUEST_TIMEOUT)),
        };
        Self { at: Instant::now() + wait, limit }
    }

    /// The error if the head of the response did not arrive in time.
    pub fn no_response(&self, exchange: &Exchange) -> GatherError {
        too_slow(format!("{}: no response within {}", exchange.description(), self.limit))
    }

    /// The error if only this many bytes of the body arrived in time.
    pub(super) fn incomplete_body(&self, exchange: &Exchange, bytes: usize) -> GatherError {
        let (exchange, limit) = (exchange.description(), &self.limit);
        too_slow(format!(
            "{exchange}: the response was not complete within {limit}: {bytes} bytes received"
        ))
    }
}

fn too_slow(message: String) -> GatherError {
    GatherError::new(ErrorKind::Timeout, message).with_hint(
        "raise the endpoint's `timeout`, or find out why the server, or a proxy in front of it, is slow",
    )
}
