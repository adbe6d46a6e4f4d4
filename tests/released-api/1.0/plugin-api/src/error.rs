//! The one error that crosses the plugin boundary, and its kinds.

use serde::{Deserialize, Serialize};

/// What went wrong, in the operator's terms. The word stands in the inventory and the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The endpoint's entry, the operator's file or a file that they name is wrong.
    Configuration,
    /// The endpoint does not know us: wrong user, password, token, certificate.
    Authentication,
    /// The endpoint knows us and refuses.
    Permission,
    /// No conversation came about, or it broke: refused, reset, name not found.
    Connection,
    /// The conversation could not be secured: untrusted, expired or misnamed certificate.
    Tls,
    /// A deadline passed.
    Timeout,
    /// The answer is not what the protocol says: not JSON, cut off, too large, contradictory.
    Protocol,
    /// The endpoint asks us to come back later (429).
    RateLimited,
    /// The endpoint is there but cannot answer (5xx).
    Unavailable,
    /// The endpoint or the plugin cannot do what was asked.
    Unsupported,
    /// The worker that asked the endpoint ended without saying how it went.
    Crashed,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// The word in JSON and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::Connection => "connection",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::Unsupported => "unsupported",
            Self::Crashed => "crashed",
            Self::Internal => "internal",
        }
    }
}

impl std::fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an endpoint, or an optional collection of it, could not be read.
///
/// The message names the thing that failed; the hint, where one can be known, says what to
/// do. Neither ever holds a secret.
///
/// ```
/// use gatherer_plugin_api::{ErrorKind, GatherError};
/// let error = GatherError::new(ErrorKind::Permission, "GET /api/v1/nodes: 403 Forbidden")
///     .with_hint("grant the user `list` on nodes");
/// assert_eq!(error.to_string(), "GET /api/v1/nodes: 403 Forbidden (grant the user `list` on nodes)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    // Without the example in Rust.
    schemars(description = "Why an endpoint, or an optional collection of it, could not be read.")
)]
#[serde(rename_all = "camelCase")]
pub struct GatherError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// One sentence that names what failed.
    pub message: String,
    /// One sentence that says what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the same request may succeed later with nothing changed.
    #[serde(default)]
    pub retryable: bool,
    /// How long the endpoint asks us to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// True if [`Context::item`](crate::Context::item) did not hand an item over, because it is
    /// too long: its collection can be ended with this error, and all else still be told. Known
    /// to the plugin alone, not to who reads the error as JSON.
    #[serde(skip)]
    pub item_too_long: bool,
}

impl GatherError {
    /// An error without a hint. `connection`, `timeout`, `rate-limited` and `unavailable` are
    /// retryable unless [`GatherError::with_retryable`] says otherwise.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retryable = matches!(
            kind,
            ErrorKind::Connection
                | ErrorKind::Timeout
                | ErrorKind::RateLimited
                | ErrorKind::Unavailable
        );
        Self {
            kind,
            message: message.into(),
            hint: None,
            retryable,
            retry_after_ms: None,
            item_too_long: false,
        }
    }

    /// A `configuration` error.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    /// A `protocol` error.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, message)
    }

    /// An `internal` error.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says whether trying again can help.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Adds how long the endpoint asks us to wait, in milliseconds.
    #[must_use]
    pub fn with_retry_after_ms(mut self, milliseconds: u64) -> Self {
        self.retry_after_ms = Some(milliseconds);
        self
    }
}

impl std::fmt::Display for GatherError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for GatherError {}
