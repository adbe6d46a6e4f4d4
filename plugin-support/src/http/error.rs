//! Explains a failed HTTP exchange to the operator, by the root cause in the chain of errors and
//! independent of the library that reported it.

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use gatherer_plugin_api::{ErrorKind, GatherError};
use http::{HeaderMap, StatusCode};
use hyper_util::client::legacy;

use super::Timeouts;
use super::address::sanitize;
use super::client_certificate::ClientCertificate;
use super::connector::{ProxyError, milliseconds};
use super::credential::UsedCredential;
use super::failure_cause::{FailureCause, find};
use super::handshake_error::explain_handshake;
use super::tls_error::{CertificateHints, explain_certificate};
use crate::run::seconds;

/// How to do without a proxy that the environment or the endpoint sets.
pub(super) const WITHOUT_PROXY: &str =
    "put the host into no_proxy, or \"proxy\": \"none\" into the endpoint";

/// An exchange of a request and its response, as errors describe it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The method and URL of the request, without secrets.
    pub request: String,
    /// The URL of the proxy, if one is used, without credentials.
    pub proxy: Option<String>,
    /// How the operator can do without the proxy, for hints.
    pub without_proxy: &'static str,
    /// Whether the connection uses TLS.
    pub secure: bool,
    /// How long the client waits.
    pub timeouts: Timeouts,
    /// Hints for a certificate that cannot be verified.
    pub certificate_hints: CertificateHints,
    /// The client certificate of the connections, from the first one on.
    pub used_certificate: Arc<OnceLock<ClientCertificate>>,
}

impl Exchange {
    /// An exchange without a proxy and with the default hints. `request` is the method and URL.
    pub fn new(request: impl Into<String>, secure: bool, timeouts: Timeouts) -> Self {
        Self {
            request: request.into(),
            proxy: None,
            without_proxy: WITHOUT_PROXY,
            secure,
            timeouts,
            certificate_hints: CertificateHints::default(),
            used_certificate: Arc::default(),
        }
    }

    /// The client certificate that the server got.
    pub fn client_certificate(&self) -> Option<UsedCredential> {
        self.used_certificate.get().map(ClientCertificate::credential)
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
        GatherError::new(ErrorKind::Authentication, message).with_hint(match self.proxy {
            Some(_) => self.proxy_hint("check user and password in the proxy's URL"),
            None => "check user and password in the proxy's URL".to_owned(),
        })
    }

    /// A hint about the proxy, and how to do without it.
    fn proxy_hint(&self, hint: &str) -> String {
        format!("{hint}; if the host is reachable without the proxy, {}", self.without_proxy)
    }

    /// Adds to the error of a response without a tunnel, whose status may be the proxy's own, how to do without the
    /// proxy. What only a proxy sends is not retried: it would send the same again.
    pub fn explain_status(&self, error: GatherError, headers: &HeaderMap) -> GatherError {
        // RFC 9209, and the header of Squid.
        const OF_PROXIES: [&str; 2] = ["proxy-status", "x-squid-error"];
        let may_be_own = matches!(
            error.kind,
            ErrorKind::Permission | ErrorKind::Unavailable | ErrorKind::Timeout
        );
        if self.proxy.is_none() || self.secure || !may_be_own {
            return error;
        }
        let is_own = OF_PROXIES.iter().any(|name| headers.contains_key(*name));
        let hint =
            if is_own { "the proxy refused the request" } else { "the proxy may have refused it" };
        let hint = match &error.hint {
            Some(first) if !is_own => format!("{first}; {}", self.proxy_hint(hint)),
            _ => self.proxy_hint(hint),
        };
        if is_own { error.with_retryable(false).with_hint(hint) } else { error.with_hint(hint) }
    }

    /// Explains an error that occurred before the head of the response arrived.
    pub fn failure(&self, error: &(dyn StdError + 'static)) -> GatherError {
        let is_connecting = |error: &legacy::Error| error.is_connect();
        let connecting = find::<legacy::Error>(&causes(error)).is_some_and(is_connecting);
        self.failure_while(connecting, error)
    }

    /// Explains an error of opening a connection, without a request.
    pub(super) fn connect_failure(&self, error: &(dyn StdError + 'static)) -> GatherError {
        self.failure_while(true, error)
    }

    fn failure_while(&self, connecting: bool, error: &(dyn StdError + 'static)) -> GatherError {
        let causes = causes(error);
        if let Some(error) = find::<GatherError>(&causes) {
            return error.clone();
        }
        let text = root_cause_text(&causes);
        let of_proxy = find::<ProxyError>(&causes);
        if self.proxy.is_some()
            && let Some(refusal) = self.refusal(&text, of_proxy.and_then(|error| error.status))
        {
            // The proxy would refuse the next request too.
            return refusal.with_retryable(false);
        }
        let cause = FailureCause::of(&causes, &text, connecting);
        if of_proxy.is_some() {
            return self.proxy_failure(&cause, &text);
        }
        let error = self.explain(&cause, &text);
        match (&cause, &self.proxy) {
            (FailureCause::ConnectTimeout, Some(_)) => error
                .with_retryable(false)
                .with_hint(self.proxy_hint("check the proxy, and whether it reaches the host")),
            _ => error,
        }
    }

    /// The error if the proxy refused the connection to the host.
    fn refusal(&self, text: &str, status: Option<StatusCode>) -> Option<GatherError> {
        if text.contains("proxy authorization required") {
            return Some(self.proxy_requires_authentication());
        }
        if text.starts_with("SOCKS error") && text.contains("credentials") {
            return Some(self.socks_authentication_error("the proxy rejected the credentials"));
        }
        if text.starts_with("SOCKS error") && text.contains("authentication") {
            return Some(
                self.socks_authentication_error(
                    "the proxy requires another kind of authentication",
                ),
            );
        }
        let (why, hint) = match status {
            _ if text.starts_with("SOCKS error") => {
                (format!("the proxy opened no connection: {text}"), "check the proxy")
            }
            _ if !text.starts_with("tunnel error") => return None,
            Some(status) if status.is_server_error() => (
                format!("the proxy refused to open a tunnel: {status}"),
                "check the host's name and port, and the proxy's log",
            ),
            Some(status) => (
                format!("the proxy refused to open a tunnel: {status}"),
                "allow this host and port in the proxy's configuration",
            ),
            None => (
                "the proxy refused to open a tunnel: its answer is not HTTP".to_owned(),
                "check the proxy's URL",
            ),
        };
        let message = format!("{}: {why}", self.description());
        Some(GatherError::new(ErrorKind::Connection, message).with_hint(self.proxy_hint(hint)))
    }

    /// The error if the proxy itself cannot be reached.
    fn proxy_failure(&self, cause: &FailureCause, text: &str) -> GatherError {
        // The hints of the service are not about the proxy's certificate.
        let hints = CertificateHints::default();
        let error = Self { certificate_hints: hints, ..self.clone() }.explain(cause, text);
        let hint = match cause {
            FailureCause::NoSuchName | FailureCause::NoNameService => "check the proxy's name",
            FailureCause::Refused => "check the proxy's port, and whether the proxy runs",
            FailureCause::ConnectTimeout => {
                "check the proxy's host and port, and firewalls on the way"
            }
            _ => return error.with_retryable(false),
        };
        error.with_retryable(false).with_hint(self.proxy_hint(hint))
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
            .with_hint(self.proxy_hint("check user and password in the proxy's URL"))
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
                let expired = self.client_certificate().filter(UsedCredential::has_expired);
                let why = match expired.filter(|_| matches!(error, rustls::Error::AlertReceived(_)))
                {
                    Some(expired) => format!("TLS: {why}; it got {}", expired.text()),
                    None => format!("TLS: {why}"),
                };
                return (ErrorKind::Tls, why, hint);
            }
            FailureCause::ConnectTimeout => {
                let missing = if self.secure { "no TLS connection" } else { "no connection" };
                let why = format!("{missing} within {}", seconds(self.timeouts.connect));
                let hint = "check host and port, and firewalls on the way: a firewall that drops packets looks \
                            like a host that does not answer";
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

/// Whether this is a library's text for a connection that the server closed too early.
fn is_early_end(text: &str) -> bool {
    ["connection closed", "end of file", "EOF", "close_notify"]
        .iter()
        .any(|part| text.contains(part))
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
