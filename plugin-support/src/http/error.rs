//! What a failed exchange means to an operator: the cause from the bottom of the source chain,
//! whichever library carried the bytes.

use std::error::Error as StdError;
use std::io;

use gatherer_plugin_api::{ErrorKind, GatherError};
use rustls::{AlertDescription, CertificateError};

use super::Limits;
use crate::run::seconds;

/// Where an exchange happened, for errors about it.
#[derive(Debug, Clone)]
pub struct Place {
    /// Method and URL, without what may be secret.
    pub what: String,
    /// The proxy in between, without its credentials.
    pub proxy: Option<String>,
    /// Whether TLS is part of the connection.
    pub secure: bool,
    /// How long is waited.
    pub limits: Limits,
    /// Whom the server's certificate was issued to, where somebody looked.
    pub subject: Option<String>,
    /// What to do about a certificate that cannot be verified.
    pub advice: Advice,
}

/// What to do about a server's certificate that cannot be verified; where a module has parameters
/// of its own for that, they are named.
#[derive(Debug, Clone, Copy)]
pub struct Advice {
    /// Nobody whom we trust issued it.
    pub untrusted: &'static str,
    /// It is for another name.
    pub other_name: &'static str,
}

impl Default for Advice {
    fn default() -> Self {
        Self {
            untrusted: "name the authority's certificate in ca_file, or add it to this machine's \
                        trusted ones",
            other_name: "use a name of the certificate in the URL",
        }
    }
}

/// How far an exchange had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No connection yet, or no TLS in it.
    Connecting,
    /// No head of an answer.
    Waiting,
    /// The body broke off after this many bytes.
    Body(usize),
}

impl Place {
    /// A place that is asked directly.
    pub fn new(what: impl Into<String>, secure: bool, limits: Limits) -> Self {
        let (what, advice) = (what.into(), Advice::default());
        Self { what, proxy: None, secure, limits, subject: None, advice }
    }

    /// The place for messages about the connection.
    pub fn where_text(&self) -> String {
        match &self.proxy {
            Some(proxy) => format!("{}: through the proxy {proxy}", self.what),
            None => self.what.clone(),
        }
    }

    /// 407, plain or as the answer to CONNECT.
    pub fn proxy_wants_authentication(&self) -> GatherError {
        let message = format!("{}: 407 Proxy Authentication Required", self.where_text());
        GatherError::new(ErrorKind::Authentication, message)
            .with_hint("check user and password in the proxy's URL")
    }

    /// No head of an answer came.
    pub(super) fn transport_error(&self, error: &reqwest::Error) -> GatherError {
        self.failure(error, if error.is_connect() { Stage::Connecting } else { Stage::Waiting })
    }

    /// The body broke off after this many bytes.
    pub(super) fn body_error(&self, error: &reqwest::Error, bytes: usize) -> GatherError {
        self.failure(error, Stage::Body(bytes))
    }

    /// What an error of the library below means.
    pub fn failure(&self, error: &(dyn StdError + 'static), stage: Stage) -> GatherError {
        let causes = causes(error);
        let text = bottom(error);
        let fault = Fault::of(&causes, &text, stage);
        if let Stage::Body(bytes) = stage {
            let fault = if matches!(fault, Fault::Other) { Fault::Broken } else { fault };
            let mut result = self.explain(&fault, &text);
            result.message = format!("{} (after {bytes} bytes of the answer)", result.message);
            return result;
        }
        if self.proxy.is_some() && text.contains("proxy authorization required") {
            return self.proxy_wants_authentication();
        }
        if self.proxy.is_some() && text.starts_with("tunnel error") {
            let message = format!("{}: it does not open a tunnel", self.where_text());
            return GatherError::new(ErrorKind::Connection, message)
                .with_hint("the proxy may refuse this host or port, or want no proxy for it");
        }
        self.explain(&fault, &text)
    }

    fn explain(&self, fault: &Fault, text: &str) -> GatherError {
        let (kind, why, hint) = self.explanation(fault, text);
        let error = GatherError::new(kind, format!("{}: {why}", self.where_text()));
        let error = if fault.is_lasting() { error.with_retryable(false) } else { error };
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// Kind, sentence, hint.
    fn explanation(&self, fault: &Fault, text: &str) -> (ErrorKind, String, Option<&'static str>) {
        let (kind, why, hint) = match fault {
            Fault::Certificate(error) => {
                let (why, hint) = certificate(error, self.advice);
                let subject = self
                    .subject
                    .iter()
                    .fold(why, |why, subject| format!("{why}: {}", shown(subject)));
                return (ErrorKind::Tls, subject, Some(hint));
            }
            Fault::Tls(error) => {
                let (why, hint) = handshake(error);
                return (ErrorKind::Tls, why, hint);
            }
            Fault::ConnectTimeout => {
                let what = if self.secure { "no TLS connection" } else { "no connection" };
                let why = format!("{what} within {}", seconds(self.limits.connect));
                let hint = "check host and port, and firewalls on the way";
                return (ErrorKind::Timeout, why, Some(hint));
            }
            Fault::IdleTimeout => {
                let why = format!("nothing came for {}", seconds(self.limits.idle));
                return (ErrorKind::Timeout, why, None);
            }
            Fault::NoSuchName | Fault::NoNameService => (
                ErrorKind::Connection,
                text,
                Some("check the host's name and this machine's name service"),
            ),
            Fault::Refused => (
                ErrorKind::Connection,
                "connection refused",
                Some("check the port, and whether the service runs"),
            ),
            Fault::Broken if is_early_end(text) => (
                ErrorKind::Connection,
                "the connection was closed before the answer was whole",
                None,
            ),
            Fault::Broken | Fault::Other => (ErrorKind::Connection, text, None),
            Fault::NotSendable => (
                ErrorKind::Configuration,
                "HTTP has no such request",
                Some("check the URL: its characters, and its length"),
            ),
            Fault::HeadTooLarge => {
                (ErrorKind::Protocol, "the head of the answer is too large", None)
            }
            Fault::BrokenHead => (
                ErrorKind::Protocol,
                "the head of the answer breaks HTTP's rules",
                Some("the service, or a proxy before it, has to be mended"),
            ),
            Fault::NotHttp => (
                ErrorKind::Protocol,
                "the answer is not HTTP",
                Some("check the port; a service with TLS wants https in the URL"),
            ),
        };
        (kind, why.to_owned(), hint)
    }
}

/// What an operator would call it.
enum Fault {
    Certificate(CertificateError),
    Tls(rustls::Error),
    NoSuchName,
    NoNameService,
    Refused,
    Broken,
    ConnectTimeout,
    IdleTimeout,
    /// It cannot even be written down.
    NotSendable,
    HeadTooLarge,
    BrokenHead,
    NotHttp,
    Other,
}

impl Fault {
    /// Whether waiting mends nothing, whatever the kind of the error.
    fn is_lasting(&self) -> bool {
        matches!(self, Self::NoSuchName | Self::NotSendable)
    }

    fn of(causes: &[&(dyn StdError + 'static)], text: &str, stage: Stage) -> Self {
        if let Some(error) = find::<rustls::Error>(causes) {
            return match error {
                rustls::Error::InvalidCertificate(why) => Self::Certificate(why.clone()),
                other => Self::Tls(other.clone()),
            };
        }
        let builder = causes.iter().any(|cause| {
            cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_builder)
                || cause.is::<http::Error>()
                || cause.is::<http::uri::InvalidUri>()
        });
        if builder {
            return Self::NotSendable;
        }
        if text.starts_with("failed to lookup address information") {
            let temporary = text.contains("Temporary failure");
            return if temporary { Self::NoNameService } else { Self::NoSuchName };
        }
        if is_timeout(causes) {
            let connecting = stage == Stage::Connecting;
            return if connecting { Self::ConnectTimeout } else { Self::IdleTimeout };
        }
        if let Some(error) = find::<hyper::Error>(causes) {
            if error.is_parse() {
                return match text {
                    "message head is too large" => Self::HeadTooLarge,
                    // Not even `HTTP/1.1` at its beginning.
                    text if text.starts_with("invalid HTTP version") => Self::NotHttp,
                    _ => Self::BrokenHead,
                };
            }
            // It spoke before it was asked, as mail and SSH servers do.
            if text == "received unexpected message from connection" {
                return Self::NotHttp;
            }
            if error.is_incomplete_message() || error.is_closed() {
                return Self::Broken;
            }
        }
        match causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>()) {
            Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => Self::Refused,
            Some(error) if is_broken(error.kind()) => Self::Broken,
            _ => Self::Other,
        }
    }
}

fn is_timeout(causes: &[&(dyn StdError + 'static)]) -> bool {
    causes.iter().any(|cause| {
        cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
            || cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    })
}

/// What libraries say when the other side closed the connection too early.
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

fn certificate(error: &CertificateError, advice: Advice) -> (String, &'static str) {
    const EXPIRED: &str = "renew the server's certificate, or check this machine's clock";
    const NO_NAME: &str = "give the server a certificate with a subjectAltName: a common name alone \
                           is not looked at";
    match error {
        CertificateError::UnknownIssuer => {
            ("the certificate's issuer is not trusted (UnknownIssuer)".to_owned(), advice.untrusted)
        }
        // As after a cluster was set up anew: its authority is called as before and has another key.
        CertificateError::BadSignature => (
            "the certificate was signed by another authority than the trusted one of that name \
             (BadSignature)"
                .to_owned(),
            advice.untrusted,
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the certificate has expired".to_owned(), EXPIRED)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the certificate is not valid yet".to_owned(), "check this machine's clock")
        }
        CertificateError::NotValidForNameContext { expected, presented }
            if presented.is_empty() =>
        {
            let name = expected.to_str();
            (
                format!("the certificate names no host (no subjectAltName), so not {name} either"),
                NO_NAME,
            )
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().take(5).map(|name| bare_name(name)).collect();
            let name = expected.to_str();
            (
                format!("the certificate is for {}, not for {name}", names.join(", ")),
                advice.other_name,
            )
        }
        CertificateError::NotValidForName => {
            ("the certificate is for another name".to_owned(), advice.other_name)
        }
        CertificateError::Revoked => {
            ("the certificate was revoked".to_owned(), "give the server another certificate")
        }
        other => (
            format!("the certificate cannot be used: {}", shown(&format!("{other:?}"))),
            "give the server another certificate; an authority's own cannot serve as one",
        ),
    }
}

fn handshake(error: &rustls::Error) -> (String, Option<&'static str>) {
    let hint = match error {
        rustls::Error::InvalidMessage(_) => Some("check the port: what answers does not speak TLS"),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Some("the server wants a client's certificate")
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate,
        ) => Some("the server does not accept the client's certificate"),
        rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
        )
        | rustls::Error::PeerIncompatible(_) => Some("the server has to speak TLS 1.2 or 1.3"),
        _ => None,
    };
    (format!("TLS: {}", shown(&error.to_string())), hint)
}

/// `DnsName("a.example")` or `IpAddress(10.0.0.1)`, as rustls has it, without the wrapping.
fn bare_name(presented: &str) -> String {
    let name = presented.split_once('(').map_or(presented, |(_, name)| name);
    shown(name.trim_end_matches(')').trim_matches('"'))
}

/// Text that another machine had a hand in.
fn shown(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The text of the last cause, which says most.
pub(super) fn bottom(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map_or_else(String::new, |cause| {
        match cause.downcast_ref::<io::Error>() {
            // Without "(os error 111)".
            Some(error) if error.raw_os_error().is_some() => {
                let text = error.to_string();
                text.split(" (os error").next().unwrap_or_default().to_lowercase()
            }
            // reqwest's own text would quote the URL.
            _ if cause.is::<reqwest::Error>() => "the request failed".to_owned(),
            _ => shown(&cause.to_string()),
        }
    })
}

fn find<'a, T: StdError + 'static>(causes: &[&'a (dyn StdError + 'static)]) -> Option<&'a T> {
    causes.iter().find_map(|cause| cause.downcast_ref::<T>())
}

/// An error and all that stands below it. An io::Error hides what it wraps from `source`.
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
