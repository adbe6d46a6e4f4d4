//! Tests of the sentences about TLS: no words of the library, no numbers of algorithms.

use std::sync::Arc;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, Error, ExtendedKeyPurpose, InconsistentKeys,
    InvalidMessage, OtherError, PeerIncompatible, PeerMisbehaved,
};

use super::handshake_error::explain_handshake;
use super::tls_error::{CertificateHints, explain_certificate};
use super::trusted_certificates::Rejection;
use super::verifier::{CertificateFacts, RejectedCertificate};
use super::x509::AlternativeNames;

/// Asserts that a text has no Rust names, Debug output or object identifiers.
fn assert_plain(text: &str) {
    // Words of X.509 and of our options.
    const KNOWN: [&str; 8] = [
        "CA:TRUE",
        "ca_file",
        "subjectAltName",
        "keyUsage",
        "extendedKeyUsage",
        "clientAuth",
        "serverAuth",
        "anyExtendedKeyUsage",
    ];
    for word in text.split([' ', ',', '(', ')', ';']).filter(|word| !KNOWN.contains(word)) {
        let is_debug_text = word.contains("::") || word.contains(['{', '}', '[', ']', '_', '"']);
        let mut letters = word.chars().skip(1);
        let is_compound = word.contains(char::is_lowercase) && letters.any(char::is_uppercase);
        assert!(!is_debug_text && !is_compound, "{word:?} in {text:?}");
    }
}

fn explained(rejection: Rejection, facts: CertificateFacts) -> String {
    let rejected = RejectedCertificate { rejection, facts };
    let (kind, why, hint) = explain_certificate(&rejected, CertificateHints::default());
    format!("{kind}: {why} ({hint})\n")
}

#[test]
fn every_certificate_error_has_a_plain_sentence() {
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
    let name = ServerName::try_from("a.example").expect("a name");
    let oid = || vec![6, 8, 42, 134];
    #[expect(deprecated, reason = "a library may still return it")]
    let errors = [
        CertificateError::BadEncoding,
        CertificateError::Expired,
        CertificateError::ExpiredContext { time, not_after: time },
        CertificateError::NotValidYet,
        CertificateError::NotValidYetContext { time, not_before: time },
        CertificateError::Revoked,
        CertificateError::UnhandledCriticalExtension,
        CertificateError::UnknownIssuer,
        CertificateError::UnknownRevocationStatus,
        CertificateError::ExpiredRevocationList,
        CertificateError::ExpiredRevocationListContext { time, next_update: time },
        CertificateError::BadSignature,
        CertificateError::UnsupportedSignatureAlgorithm,
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: oid(),
            supported_algorithms: Vec::new(),
        },
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: oid(),
            public_key_algorithm_id: oid(),
        },
        CertificateError::NotValidForName,
        CertificateError::NotValidForNameContext {
            expected: name.clone(),
            presented: vec!["DnsName(\"b.example\")".to_owned()],
        },
        CertificateError::InvalidPurpose,
        CertificateError::InvalidPurposeContext {
            required: ExtendedKeyPurpose::ServerAuth,
            presented: vec![ExtendedKeyPurpose::Other(vec![1, 3, 6])],
        },
        CertificateError::InvalidOcspResponse,
        CertificateError::ApplicationVerificationFailure,
        CertificateError::Other(OtherError(Arc::new(std::io::Error::other("a_detail")))),
    ];
    let mut messages = String::new();
    for error in errors {
        messages += &explained(Rejection::Certificate(error), CertificateFacts::default());
    }
    let for_clients = CertificateFacts { is_for_clients_only: true, ..Default::default() };
    messages += &explained(Rejection::Usage, for_clients);
    for rejection in [
        Rejection::Usage,
        Rejection::Indirect { is_authority: true },
        Rejection::Indirect { is_authority: false },
        Rejection::Handshake,
        Rejection::Authority(CertificateError::Expired),
        Rejection::Authority(CertificateError::NotValidYet),
        Rejection::Authority(CertificateError::InvalidPurpose),
    ] {
        messages += &explained(rejection, CertificateFacts::default());
    }
    messages.lines().for_each(assert_plain);
    insta::assert_snapshot!(messages);
}

#[test]
fn says_what_the_names_of_a_certificate_are() {
    let names = |dns_names: &[&str], addresses: &[&str]| AlternativeNames {
        dns_names: dns_names.iter().map(|&name| name.to_owned()).collect(),
        addresses: addresses.iter().map(|text| text.parse().expect("an address")).collect(),
    };
    let mut messages = String::new();
    for (expected, names) in [
        ("10.0.0.2", Some(names(&["a", "b"], &["10.0.0.1"]))),
        ("10.0.0.2", Some(names(&["*.a.example"], &[]))),
        ("a.example", Some(names(&[], &["10.0.0.1", "fe80::1"]))),
        ("a.example", Some(names(&["1", "2", "3", "4", "5", "6", "7"], &[]))),
        ("a.example", Some(names(&["a\u{1b}[1m"], &[]))),
        ("fe80::2", Some(names(&[], &[]))),
        ("a.example", None),
    ] {
        let expected = ServerName::try_from(expected).expect("a name");
        let facts = CertificateFacts { names, ..CertificateFacts::default() };
        messages += &explained(Rejection::Name(expected), facts);
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn every_handshake_error_has_a_plain_sentence() {
    let mut errors = vec![
        Error::InappropriateMessage {
            expect_types: Vec::new(),
            got_type: rustls::ContentType::Handshake,
        },
        Error::InappropriateHandshakeMessage {
            expect_types: Vec::new(),
            got_type: rustls::HandshakeType::Finished,
        },
        Error::NoCertificatesPresented,
        Error::UnsupportedNameType,
        Error::DecryptError,
        Error::EncryptError,
        Error::PeerSentOversizedRecord,
        Error::General("a_detail".to_owned()),
        Error::FailedToGetCurrentTime,
        Error::FailedToGetRandomBytes,
        Error::HandshakeNotComplete,
        Error::NoApplicationProtocol,
        Error::BadMaxFragmentSize,
        Error::InconsistentKeys(InconsistentKeys::Unknown),
        Error::InvalidCertificate(CertificateError::BadSignature),
        PeerMisbehaved::SelectedUnofferedCipherSuite.into(),
        InvalidMessage::InvalidContentType.into(),
        InvalidMessage::MissingData("Random_").into(),
        PeerIncompatible::ServerDoesNotSupportTls12Or13.into(),
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon.into(),
        PeerIncompatible::NoCipherSuitesInCommon.into(),
    ];
    errors.extend((0..=u8::MAX).map(|alert| Error::AlertReceived(AlertDescription::from(alert))));
    let mut messages: Vec<String> = Vec::new();
    for error in errors {
        let (why, hint) = explain_handshake(&error);
        assert_plain(why);
        let message = format!("{why} ({})", hint.unwrap_or("no hint"));
        if !messages.contains(&message) {
            messages.push(message);
        }
    }
    insta::assert_snapshot!(messages.join("\n"));
}
