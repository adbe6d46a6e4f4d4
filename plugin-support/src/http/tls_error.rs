//! Explains a rejected certificate or a failed TLS handshake to the operator.

use rustls::{AlertDescription, CertificateError};

use super::address::sanitize;

/// Hints for a server certificate that cannot be verified. A module that has its own parameters for
/// this names them here.
#[derive(Debug, Clone, Copy)]
pub struct CertificateHints {
    /// The hint for a certificate that was not issued by a trusted authority.
    pub untrusted: &'static str,
    /// The hint for a certificate that was issued for another name.
    pub other_name: &'static str,
}

impl Default for CertificateHints {
    fn default() -> Self {
        Self {
            untrusted: "name the authority's certificate in ca_file, or add it to the trusted \
                        certificates of this machine",
            other_name: "use a name from the certificate in the URL",
        }
    }
}

/// The sentence and the hint for a certificate that was rejected.
pub(super) fn explain_certificate(
    error: &CertificateError,
    hints: CertificateHints,
) -> (String, &'static str) {
    const EXPIRED: &str = "renew the server's certificate, or check this machine's clock";
    const NO_NAME: &str = "give the server a certificate with a subjectAltName; its common name is \
                           ignored";
    match error {
        CertificateError::UnknownIssuer => {
            ("the certificate's issuer is not trusted (UnknownIssuer)".to_owned(), hints.untrusted)
        }
        // This happens if a cluster was reinstalled: its authority has the same name and another key.
        CertificateError::BadSignature => (
            "the certificate was not signed by the trusted authority of that name (BadSignature)"
                .to_owned(),
            hints.untrusted,
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
            (format!("the certificate has no subjectAltName, so it is not for {name}"), NO_NAME)
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().take(5).map(|name| bare_name(name)).collect();
            let name = expected.to_str();
            (
                format!("the certificate is for {}, not for {name}", names.join(", ")),
                hints.other_name,
            )
        }
        CertificateError::NotValidForName => {
            ("the certificate is for another name".to_owned(), hints.other_name)
        }
        CertificateError::Revoked => {
            ("the certificate was revoked".to_owned(), "give the server another certificate")
        }
        other => (
            format!("the certificate cannot be used: {}", sanitize(&format!("{other:?}"))),
            "give the server another certificate, which must not be that of an authority",
        ),
    }
}

/// The sentence and the hint for a TLS handshake that failed for another reason.
pub(super) fn explain_handshake(error: &rustls::Error) -> (String, Option<&'static str>) {
    let hint = match error {
        rustls::Error::InvalidMessage(_) => {
            Some("check the port: the server's response is not TLS")
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Some("the server requires a client certificate")
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate,
        ) => Some("the server does not accept the client certificate"),
        rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
        )
        | rustls::Error::PeerIncompatible(_) => Some("the server must support TLS 1.2 or 1.3"),
        _ => None,
    };
    (format!("TLS: {}", sanitize(&error.to_string())), hint)
}

/// The name in rustls's `DnsName("a.example")` or `IpAddress(10.0.0.1)`.
fn bare_name(presented: &str) -> String {
    let name = presented.split_once('(').map_or(presented, |(_, name)| name);
    sanitize(name.trim_end_matches(')').trim_matches('"'))
}
