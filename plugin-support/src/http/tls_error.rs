//! Explains a rejected certificate to the operator.

use std::net::IpAddr;

use gatherer_plugin_api::ErrorKind;
use rustls::CertificateError;
use rustls::pki_types::{ServerName, UnixTime};

use super::address::sanitize;
use super::credential::timestamp;
use super::trusted_certificates::{Rejection, UnsupportedPart};
use super::verifier::{CertificateFacts, RejectedCertificate};
use super::x509::AlternativeNames;

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

/// The kind, the sentence and the hint for a certificate that was rejected.
pub(super) fn explain_certificate(
    rejected: &RejectedCertificate,
    hints: CertificateHints,
) -> (ErrorKind, String, &'static str) {
    let facts = &rejected.facts;
    let (why, hint) = match &rejected.rejection {
        Rejection::Certificate(error) => {
            let (why, hint) = explain_certificate_error(error, hints);
            (format!("{why}{}", dates(error, facts)), hint)
        }
        Rejection::Usage if facts.is_for_clients_only => (
            "the certificate is for clients only (extendedKeyUsage clientAuth)".to_owned(),
            SERVER_USAGE,
        ),
        Rejection::Usage => {
            ("the certificate's extendedKeyUsage does not allow servers".to_owned(), SERVER_USAGE)
        }
        Rejection::Name(name) => explain_names(facts.names.as_ref(), name, hints),
        Rejection::Indirect { is_authority } => {
            let (what, hint) = if *is_authority {
                (
                    "is one of an authority (CA:TRUE)",
                    "give the server a certificate that is not one of an authority",
                )
            } else {
                ("is for any usage (extendedKeyUsage anyExtendedKeyUsage)", SERVER_USAGE)
            };
            let why = format!(
                "the certificate {what}; this program can check such a certificate of a server only if it \
                 is trusted itself or issued by a trusted authority without name constraints"
            );
            return (ErrorKind::Unsupported, why, hint);
        }
        Rejection::Unsupported(sentence, part) => {
            let hint = match part {
                UnsupportedPart::ServerKey => {
                    "give the server a key and certificate of another type: P-256, P-384, Ed25519, or RSA of \
                     2048 to 8192 bits"
                }
                UnsupportedPart::Handshake => {
                    "let the server prefer signatures with SHA-256 or SHA-384, or support TLS 1.3"
                }
                UnsupportedPart::Signature => {
                    "give the server a certificate that is signed with SHA-256 or SHA-384 by an authority \
                     whose key is P-256, P-384, or RSA of 2048 to 8192 bits"
                }
            };
            return (ErrorKind::Unsupported, sentence.clone(), hint);
        }
        Rejection::Authority(error) => {
            let (why, hint) = match error {
                CertificateError::Expired => (
                    "the certificate of the trusted authority has expired",
                    "renew the authority's certificate, or check this machine's clock",
                ),
                CertificateError::NotValidYet => (
                    "the certificate of the trusted authority is not valid yet",
                    "check this machine's clock",
                ),
                _ => (
                    "the certificate of the trusted authority does not allow it to issue certificates for \
                     servers (keyUsage or extendedKeyUsage)",
                    "trust an authority whose certificate allows that",
                ),
            };
            (why.to_owned(), hint)
        }
        Rejection::Handshake => (
            "the server's signature does not match its certificate".to_owned(),
            "the server's private key must be that of its certificate",
        ),
    };
    (ErrorKind::Tls, why, hint)
}

/// When a certificate expired or will be valid, for the end of a sentence.
fn dates(error: &CertificateError, facts: &CertificateFacts) -> String {
    let of_context = |time: &UnixTime| i64::try_from(time.as_secs()).ok();
    let (begin, end) = match error {
        // Of the certificate that has expired, which may be one of an authority.
        CertificateError::ExpiredContext { not_after, .. } => (None, of_context(not_after)),
        CertificateError::Expired => (None, facts.validity.map(|(_, end)| end)),
        CertificateError::NotValidYetContext { not_before, .. } => (of_context(not_before), None),
        CertificateError::NotValidYet => (facts.validity.map(|(begin, _)| begin), None),
        _ => (None, None),
    };
    match (begin.and_then(timestamp), end.and_then(timestamp)) {
        (Some(begin), _) => format!(": it is valid from {begin} on"),
        (None, Some(end)) => format!(": it was valid until {end}"),
        (None, None) => String::new(),
    }
}

const SERVER_USAGE: &str =
    "give the server a certificate whose extendedKeyUsage is serverAuth, or that has none";

fn explain_certificate_error(
    error: &CertificateError,
    hints: CertificateHints,
) -> (&'static str, &'static str) {
    const EXPIRED: &str = "renew the server's certificate, or check this machine's clock";
    const ANOTHER: &str = "give the server another certificate";
    match error {
        CertificateError::UnknownIssuer => {
            ("the certificate's issuer is not trusted", hints.untrusted)
        }
        // This happens if a cluster was reinstalled: its authority has the same name and another key, maybe
        // of another type.
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "the certificate was not signed by the trusted authority of that name",
            hints.untrusted,
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the certificate has expired", EXPIRED)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the certificate is not valid yet", "check this machine's clock")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            ("the certificate is for another name", hints.other_name)
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            "the extendedKeyUsage of an intermediate authority's certificate does not allow servers",
            "give the server a certificate of another authority",
        ),
        CertificateError::Revoked => ("the certificate was revoked", ANOTHER),
        CertificateError::BadEncoding => ("the certificate is malformed", ANOTHER),
        CertificateError::UnhandledCriticalExtension => {
            ("the certificate has a critical extension that this program does not support", ANOTHER)
        }
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. }
        | CertificateError::InvalidOcspResponse => {
            ("whether the certificate was revoked is not known", ANOTHER)
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => {
            ("the certificate's signature is of a type that this program cannot check", ANOTHER)
        }
        // `Other` has webpki's rarer errors: constraints of names and lengths, and malformed parts.
        _ => (
            "the certificate or its chain breaks a rule for certificates (RFC 5280)",
            "give the server another certificate; openssl verify can say more about this one",
        ),
    }
}

/// The sentence and the hint for a certificate that has these names, but not the expected one.
fn explain_names(
    names: Option<&AlternativeNames>,
    expected: &ServerName<'_>,
    hints: CertificateHints,
) -> (String, &'static str) {
    const NO_NAME: &str = "give the server a certificate with a subjectAltName; its common name is \
                           ignored";
    let expected = match expected {
        ServerName::DnsName(name) => format!("the DNS name {}", name.as_ref()),
        ServerName::IpAddress(address) => format!("the address {}", IpAddr::from(*address)),
        other => other.to_str().into_owned(),
    };
    let Some(names) = names else {
        return (
            format!("the certificate has no subjectAltName, so it is not for {expected}"),
            NO_NAME,
        );
    };
    let addresses: Vec<String> = names.addresses.iter().map(IpAddr::to_string).collect();
    let dns_names: Vec<String> = names.dns_names.iter().map(|name| sanitize(name)).collect();
    let lists: Vec<String> = [list("the DNS name", &dns_names), list("the address", &addresses)]
        .into_iter()
        .flatten()
        .collect();
    if lists.is_empty() {
        let why = format!(
            "the certificate's subjectAltName has neither a DNS name nor an address, so it is not for \
             {expected}"
        );
        return (why, NO_NAME);
    }
    let why = format!("the certificate is for {}, not for {expected}", lists.join(" and "));
    (why, hints.other_name)
}

/// The first names with their noun in singular or plural: `the DNS names a, b and 3 more`.
fn list(noun: &str, names: &[String]) -> Option<String> {
    const SHOWN: usize = 5;
    let plural = if noun.ends_with('s') { "es" } else { "s" };
    match names {
        [] => None,
        [name] => Some(format!("{noun} {name}")),
        names if names.len() <= SHOWN => {
            let (last, others) = names.split_last()?;
            Some(format!("{noun}{plural} {} and {last}", others.join(", ")))
        }
        names => {
            let more = names.len() - SHOWN;
            Some(format!("{noun}{plural} {} and {more} more", names[..SHOWN].join(", ")))
        }
    }
}
