//! The one error that crosses the plugin boundary, and its kinds.

use serde::{Deserialize, Serialize};

/// What went wrong, in the operator's terms. Inventories and logs contain the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The endpoint's entry, the operator's file or a file named in either is wrong.
    Configuration,
    /// The endpoint does not accept the credentials: wrong user, password, token or certificate.
    Authentication,
    /// The endpoint accepts the credentials but denies access.
    Permission,
    /// The connection could not be established or broke: refused, reset, name not found.
    Connection,
    /// The connection could not be secured: the certificate is untrusted, expired or for another name.
    Tls,
    /// A deadline passed.
    Timeout,
    /// The endpoint's answer violates the protocol: not JSON, truncated, too large, contradictory.
    Protocol,
    /// The endpoint limits the rate of requests (429).
    RateLimited,
    /// The endpoint is reachable but cannot answer (5xx).
    Unavailable,
    /// The endpoint or the plugin does not support the operation.
    Unsupported,
    /// The answer lacks so many of the hosts or guests of the last one that it may be wrong (`max_lost`). Only the program
    /// itself reports it. Since API 1.1.
    Suspicious,
    /// The worker process of the endpoint ended without reporting a result.
    Crashed,
    /// A fault in this program or in the plugin.
    Internal,
}

impl ErrorKind {
    /// The word used in JSON and in logs.
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
            Self::Suspicious => "suspicious",
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
/// The message names the object that failed; the hint, if any, says what to do. Neither may contain
/// a secret.
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
    // The doc comment has an example in Rust, which does not belong in a schema.
    schemars(description = "Why an endpoint, or an optional collection of it, could not be read.")
)]
#[serde(rename_all = "camelCase")]
pub struct GatherError {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// What failed, as one sentence that names the object.
    pub message: String,
    /// What the operator can do about it, as one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the same request may succeed later without any change.
    #[serde(default)]
    pub retryable: bool,
    /// How long the endpoint asks clients to wait before they retry, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// True if [`Context::item`](crate::Context::item) rejected an item because it is too long: end
    /// its collection with this error and continue. Only the plugin sees this flag; it is not part
    /// of the JSON.
    #[serde(skip)]
    pub item_too_long: bool,
}

impl GatherError {
    /// An error without a hint. The kinds `connection`, `timeout`, `rate-limited` and `unavailable`
    /// are retryable by default; [`GatherError::with_retryable`] overrides that.
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

    /// Adds a hint: what the operator can do about the error.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets whether a retry may succeed.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// Sets how long the endpoint asks clients to wait before they retry, in milliseconds.
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
