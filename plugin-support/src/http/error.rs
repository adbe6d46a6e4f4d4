//! Explains a failed HTTP exchange to the operator, by the root cause in the chain of errors and
//! independent of the library that reported it.

use std::error::Error as StdError;
use std::io;
use std::time::Instant;

use gatherer_plugin_api::{ErrorKind, GatherError};
use http::uri::InvalidUri;
use hyper_util::client::legacy;
use rustls::CertificateError;

use super::Timeouts;
use super::address::sanitize;
use super::connector::{ProxyError, milliseconds};
use super::handshake_error::explain_handshake;
use super::tls_error::{CertificateHints, explain_certificate};
use super::verifier::RejectedCertificate;
use crate::run::seconds;

/// An exchange of a request and its response, as errors describe it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The method and URL of the request, without secrets.
    pub request: String,
    /// The URL of the proxy, if one is used, without credentials.
    pub proxy: Option<String>,
    /// Whether the connection uses TLS.
    pub secure: bool,
    /// How long the client waits.
    pub timeouts: Timeouts,
    /// Hints for a certificate that cannot be verified.
    pub certificate_hints: CertificateHints,
}

impl Exchange {
    /// An exchange without a proxy and with the default hints. `request` is the method and URL.
    pub fn new(request: impl Into<String>, secure: bool, timeouts: Timeouts) -> Self {
        Self {
            request: request.into(),
            proxy: None,
            secure,
            timeouts,
            certificate_hints: CertificateHints::default(),
        }
    }

    /// The request and its proxy, with which messages about the exchange begin.
    pub fn description(&self) -> String {
        match &self.proxy {
            Some(proxy) => format!("{}: through the proxy {proxy}", self.request),
            None => self.request.clone(),
        }
    }

    /// Logs the head of the response to a request that was sent at this instant.
    pub fn log_response(&self, status: http::StatusCode, sent: Instant) {
        tracing::debug!("{}: {status} ({})", self.description(), milliseconds(sent));
    }

    /// The error of status 407, as a response or as the response to CONNECT.
    pub fn proxy_requires_authentication(&self) -> GatherError {
        let message = format!("{}: 407 Proxy Authentication Required", self.description());
        GatherError::new(ErrorKind::Authentication, message)
            .with_hint("check user and password in the proxy's URL")
    }

    /// Explains an error that occurred before the head of the response arrived.
    pub fn failure(&self, error: &(dyn StdError + 'static)) -> GatherError {
        let causes = causes(error);
        if let Some(error) = find::<GatherError>(&causes) {
            return error.clone();
        }
        let text = root_cause_text(&causes);
        if self.proxy.is_some() {
            if text.contains("proxy authorization required") {
                return self.proxy_requires_authentication();
            }
            if text.starts_with("SOCKS error") && text.contains("credentials") {
                return self.socks_authentication_error("the proxy rejected the credentials");
            }
            if text.starts_with("SOCKS error") && text.contains("authentication") {
                return self.socks_authentication_error(
                    "the proxy requires another kind of authentication",
                );
            }
            if text.starts_with("tunnel error") {
                let message = format!("{}: the proxy refused to open a tunnel", self.description());
                return GatherError::new(ErrorKind::Connection, message).with_hint(
                    "the proxy may not allow this host or port: check its configuration, or list the \
                     host in no_proxy",
                );
            }
        }
        let connecting = find::<legacy::Error>(&causes).is_some_and(legacy::Error::is_connect);
        let cause = FailureCause::of(&causes, &text, connecting);
        if find::<ProxyError>(&causes).is_some() {
            // The hints of the service are not about the proxy's certificate.
            let hints = CertificateHints::default();
            return Self { certificate_hints: hints, ..self.clone() }.explain(&cause, &text);
        }
        self.explain(&cause, &text)
    }

    /// Explains an error that ended the body after this many bytes.
    pub(super) fn body_failure(
        &self,
        error: &(dyn StdError + 'static),
        bytes: usize,
    ) -> GatherError {
        let causes = causes(error);
        let text = root_cause_text(&causes);
        let cause = match FailureCause::of(&causes, &text, false) {
            FailureCause::Other => FailureCause::Broken,
            cause => cause,
        };
        let mut result = self.explain(&cause, &text);
        result.message = format!("{} (after {bytes} bytes of the response)", result.message);
        result
    }

    fn socks_authentication_error(&self, why: &str) -> GatherError {
        let message = format!("{}: {why}", self.description());
        GatherError::new(ErrorKind::Authentication, message)
            .with_hint("check the user name and the password in the proxy's URL")
    }

    fn explain(&self, cause: &FailureCause, text: &str) -> GatherError {
        let (kind, why, hint) = self.explanation(cause, text);
        let error = GatherError::new(kind, format!("{}: {why}", self.description()));
        let error = if cause.is_permanent() { error.with_retryable(false) } else { error };
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// The kind, the sentence and the hint for a cause.
    fn explanation(
        &self,
        cause: &FailureCause,
        text: &str,
    ) -> (ErrorKind, String, Option<&'static str>) {
        let (kind, why, hint) = match cause {
            FailureCause::Certificate(rejected) => {
                let (kind, why, hint) = explain_certificate(rejected, self.certificate_hints);
                let why = match &rejected.facts.subject {
                    Some(subject) => format!("{why}: {}", sanitize(subject)),
                    None => why,
                };
                return (kind, why, Some(hint));
            }
            FailureCause::Tls(error) => {
                let (why, hint) = explain_handshake(error);
                return (ErrorKind::Tls, format!("TLS: {why}"), hint);
            }
            FailureCause::ConnectTimeout => {
                let missing = if self.secure { "no TLS connection" } else { "no connection" };
                let why = format!("{missing} within {}", seconds(self.timeouts.connect));
                let hint = "check host and port, and firewalls on the way";
                return (ErrorKind::Timeout, why, Some(hint));
            }
            FailureCause::IdleTimeout => {
                let why = format!("no data received for {}", seconds(self.timeouts.idle));
                return (ErrorKind::Timeout, why, None);
            }
            FailureCause::NoSuchName | FailureCause::NoNameService => (
                ErrorKind::Connection,
                text,
                Some("check the host's name and this machine's name service"),
            ),
            FailureCause::Refused => (
                ErrorKind::Connection,
                "connection refused",
                Some("check the port, and whether the service runs"),
            ),
            FailureCause::Broken if is_early_end(text) => (
                ErrorKind::Connection,
                "the connection was closed before the response was complete",
                None,
            ),
            FailureCause::Broken | FailureCause::Other => (ErrorKind::Connection, text, None),
            FailureCause::NotSendable => (
                ErrorKind::Configuration,
                "the request is not valid HTTP",
                Some("check the characters and the length of the URL"),
            ),
            FailureCause::HeadTooLarge => {
                (ErrorKind::Protocol, "the response head is too large", None)
            }
            FailureCause::InvalidHead => (
                ErrorKind::Protocol,
                "the response head is not valid HTTP",
                Some("the service, or a proxy in front of it, must be fixed"),
            ),
            FailureCause::NotHttp => (
                ErrorKind::Protocol,
                "the response is not HTTP",
                Some("check the port; a service with TLS needs https in the URL"),
            ),
        };
        (kind, why.to_owned(), hint)
    }
}

/// Why an exchange failed, as far as the operator needs to distinguish it.
enum FailureCause {
    Certificate(Box<RejectedCertificate>),
    Tls(rustls::Error),
    NoSuchName,
    NoNameService,
    Refused,
    Broken,
    ConnectTimeout,
    IdleTimeout,
    /// The request cannot be encoded.
    NotSendable,
    HeadTooLarge,
    InvalidHead,
    NotHttp,
    Other,
}

impl FailureCause {
    /// Whether a retry cannot help, even if errors of this kind are usually retryable.
    fn is_permanent(&self) -> bool {
        matches!(self, Self::NoSuchName | Self::NotSendable)
    }

    fn of(causes: &[&(dyn StdError + 'static)], text: &str, connecting: bool) -> Self {
        if let Some(error) = find::<rustls::Error>(causes) {
            return Self::of_tls(error);
        }
        if causes.iter().any(|cause| cause.is::<http::Error>() || cause.is::<InvalidUri>()) {
            return Self::NotSendable;
        }
        if text.starts_with("failed to lookup address information") {
            let temporary = text.contains("Temporary failure");
            return if temporary { Self::NoNameService } else { Self::NoSuchName };
        }
        let io_errors = || causes.iter().filter_map(|cause| cause.downcast_ref::<io::Error>());
        if io_errors().any(|error| error.kind() == io::ErrorKind::TimedOut) {
            return if connecting { Self::ConnectTimeout } else { Self::IdleTimeout };
        }
        if let Some(error) = find::<hyper::Error>(causes) {
            if error.is_parse() {
                return match text {
                    "message head is too large" => Self::HeadTooLarge,
                    // The response does not even begin with `HTTP/1.1`.
                    text if text.starts_with("invalid HTTP version") => Self::NotHttp,
                    _ => Self::InvalidHead,
                };
            }
            // The server sent data before it got a request, as mail and SSH servers do.
            if text == "received unexpected message from connection" {
                return Self::NotHttp;
            }
            if error.is_incomplete_message() || error.is_closed() {
                return Self::Broken;
            }
        }
        match io_errors().next_back() {
            Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => Self::Refused,
            Some(error) if is_broken(error.kind()) => Self::Broken,
            _ => Self::Other,
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        if let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error
            && let Some(rejected) = other.0.downcast_ref::<RejectedCertificate>()
        {
            return Self::Certificate(Box::new(rejected.clone()));
        }
        Self::Tls(error.clone())
    }
}

/// Whether this is a library's text for a connection that the server closed too early.
fn is_early_end(text: &str) -> bool {
    ["connection closed", "end of file", "EOF", "close_notify"]
        .iter()
        .any(|part| text.contains(part))
}

fn is_broken(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;

    matches!(
        kind,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof
    )
}

/// The text of the root cause, which is the most specific one.
fn root_cause_text(causes: &[&(dyn StdError + 'static)]) -> String {
    causes.last().map_or_else(String::new, |cause| match cause.downcast_ref::<io::Error>() {
        // Without "(os error 111)".
        Some(error) if error.raw_os_error().is_some() => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
        _ => sanitize(&cause.to_string()),
    })
}

fn find<'a, T: StdError + 'static>(causes: &[&'a (dyn StdError + 'static)]) -> Option<&'a T> {
    causes.iter().find_map(|cause| cause.downcast_ref::<T>())
}

/// An error and the chain of its causes. Includes the error that an `io::Error` wraps, which `source`
/// does not return.
pub fn causes<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut causes: Vec<&'a (dyn StdError + 'static)> = vec![error];
    while let Some(&last) = causes.last() {
        let wrapped = last.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let next = match wrapped {
            Some(inner) => Some(inner as &'a (dyn StdError + 'static)),
            None => last.source(),
        };
        match next {
            Some(next) if causes.len() < 20 => causes.push(next),
            _ => break,
        }
    }
    causes
}
