//! Finds out why an HTTP exchange failed, from the chain of errors.

use std::error::Error as StdError;
use std::io;

use http::uri::InvalidUri;
use rustls::CertificateError;

use super::verifier::RejectedCertificate;

/// Why an exchange failed, as far as the operator needs to distinguish it.
pub(super) enum FailureCause {
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
    pub(super) fn is_permanent(&self) -> bool {
        matches!(self, Self::NoSuchName | Self::NotSendable)
    }

    pub(super) fn of(causes: &[&(dyn StdError + 'static)], text: &str, connecting: bool) -> Self {
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

fn is_broken(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;

    matches!(
        kind,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof
    )
}

pub(super) fn find<'a, T: StdError + 'static>(
    causes: &[&'a (dyn StdError + 'static)],
) -> Option<&'a T> {
    causes.iter().find_map(|cause| cause.downcast_ref::<T>())
}
