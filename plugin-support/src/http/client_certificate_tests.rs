//! Tests of client certificates: which pairs of certificate and key are used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError, Options, Secret};
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};

use super::client_certificate::{ClientCertificate, ClientCertificateError};
use super::der::{INTEGER, OCTET_STRING, OID, SEQUENCE, context, encode};
use super::key_type::{KeyEncoding, P256, P384, recognize};
use super::pem_blocks::PemBlocks;
use super::x509::X509;
use crate::testing::{Authority, KeyForm};

const VERSION1_CERTIFICATE: &str = include_str!("test_keys/version1.crt");
/// Its key: SEC1 after a block with the curve.
const VERSION1_KEY: &str = include_str!("test_keys/version1.key");

/// Sound keys that ring does not support.
const UNSUPPORTED_KEYS: [(&str, &str); 14] = [
    ("P-521", include_str!("test_keys/p521.key")),
    ("secp256k1", include_str!("test_keys/secp256k1.key")),
    ("brainpoolP256r1", include_str!("test_keys/brainpool.key")),
    ("SM2", include_str!("test_keys/sm2.key")),
    ("RSA key of 1024 bits", include_str!("test_keys/rsa1024.key")),
    ("RSA key of 3000 bits", include_str!("test_keys/rsa3000.key")),
    ("RSA key of 8192 bits", include_str!("test_keys/rsa8192.key")),
    ("exponent", include_str!("test_keys/rsa-exponent3.key")),
    ("primes", include_str!("test_keys/rsa-three-primes.key")),
    ("RSA-PSS", include_str!("test_keys/rsa-pss.key")),
    ("Ed448", include_str!("test_keys/ed448.key")),
    ("X25519", include_str!("test_keys/x25519.key")),
    ("DSA", include_str!("test_keys/dsa.key")),
    ("DSA", include_str!("test_keys/dsa-traditional.key")),
];

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// A certificate in PEM and its key in PKCS#8.
fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, Vec<u8>) {
    let key = KeyPair::generate_for(algorithm).expect("a key");
    let certificate = CertificateParams::default().self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_der())
}

fn load(certificate: &str, key: &str) -> Result<(), ClientCertificateError> {
    ClientCertificate::from_pem(certificate.as_bytes(), key.as_bytes()).map(|_| ())
}

/// The curve and the secret number of a P-256 or P-384 key.
fn sec1_parts(key: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match recognize(key).expect("a key").encoding {
        KeyEncoding::Sec1 { curve, secret } => (curve.expect("a curve").to_vec(), secret.to_vec()),
        _ => panic!("another encoding"),
    }
}

#[test]
fn uses_a_certificate_of_version_1_with_its_key() {
    assert_eq!(load(VERSION1_CERTIFICATE, VERSION1_KEY), Ok(()));
    let (_, other) = pair(&PKCS_ECDSA_P256_SHA256);
    let error = load(VERSION1_CERTIFICATE, &pem("PRIVATE KEY", &other)).expect_err("no pair");
    assert!(error.is_about_key && !error.is_unsupported, "{error:?}");
}

#[test]
fn recognizes_keys_under_any_label() {
    let authority = Authority::new("ours");
    for form in [KeyForm::Pkcs1, KeyForm::Pkcs8, KeyForm::Sec1] {
        let Some(client) = authority.client(form) else { continue };
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ANY PRIVATE KEY"] {
            let der = &PemBlocks::parse(client.key.as_bytes()).blocks[0].der;
            assert_eq!(load(&client.certificate, &pem(label, der)), Ok(()), "{form:?} {label}");
        }
    }
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let (certificate, key) = pair(algorithm);
        assert_eq!(load(&certificate, &pem("RSA PRIVATE KEY", &key)), Ok(()));
    }
}

#[test]
fn uses_keys_that_lack_what_the_certificate_has() {
    const EC_PUBLIC_KEY: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

    for (algorithm, curve) in [(&PKCS_ECDSA_P256_SHA256, P256), (&PKCS_ECDSA_P384_SHA384, P384)] {
        let (certificate, key) = pair(algorithm);
        let (found, secret) = sec1_parts(&key);
        assert_eq!(found, curve);
        let secret = encode(OCTET_STRING, &[&[0, 0], &secret[..]].concat());
        let number = encode(INTEGER, &[1]);
        let with_curve = [&number[..], &secret, &encode(context(0), &encode(OID, curve))].concat();
        let with_curve = pem("PRIVATE KEY", &encode(SEQUENCE, &with_curve));
        assert_eq!(load(&certificate, &with_curve), Ok(()), "no public key");

        let inner = encode(SEQUENCE, &[&number[..], &secret].concat());
        let algorithm = [encode(OID, &EC_PUBLIC_KEY), encode(OID, curve)].concat();
        let members = [number, encode(SEQUENCE, &algorithm), encode(OCTET_STRING, &inner)];
        let version2 = pem("PRIVATE KEY", &encode(SEQUENCE, &members.concat()));
        assert_eq!(load(&certificate, &version2), Ok(()), "PKCS#8 of version 2");
    }
}

#[test]
fn a_sound_key_of_an_unsupported_type_is_unsupported_and_named() {
    let mut messages = String::new();
    for (name, key) in UNSUPPORTED_KEYS {
        let error = load(VERSION1_CERTIFICATE, key).expect_err(name);
        assert!(error.is_about_key && error.is_unsupported, "{name}: {error:?}");
        assert!(error.why.contains(name), "{name}: {error:?}");
        let refined = error.refine(GatherError::configuration(&error.why));
        assert_eq!(refined.kind, ErrorKind::Unsupported);
        messages += &refined.to_string();
        messages.push('\n');
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn the_first_of_several_keys_is_used() {
    let key = format!("{VERSION1_KEY}{}", UNSUPPORTED_KEYS[0].1);
    assert_eq!(load(VERSION1_CERTIFICATE, &key), Ok(()));
    let key = format!("{}{VERSION1_KEY}", UNSUPPORTED_KEYS[0].1);
    assert!(load(VERSION1_CERTIFICATE, &key).expect_err("P-521").is_unsupported);
}

#[test]
fn a_certificate_that_shares_a_line_with_another_is_not_dropped() {
    let joined = format!("{}{VERSION1_CERTIFICATE}", VERSION1_CERTIFICATE.trim_end());
    let error = load(&joined, VERSION1_KEY).expect_err("not PEM");
    assert_eq!((error.is_about_key, error.why.as_str()), (false, "is not valid PEM"));
}

#[test]
fn a_block_beside_the_certificate_that_is_not_valid_is_a_warning_about_the_option() {
    let damaged = "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n";
    for (certificate, expected) in
        [(VERSION1_CERTIFICATE.to_owned(), 0), (format!("{VERSION1_CERTIFICATE}{damaged}"), 1)]
    {
        let recorder = Recorder::new().options(Options {
            client_cert: Some(Secret::new(certificate)),
            client_key: Some(Secret::new(VERSION1_KEY.to_owned())),
            ..Options::default()
        });
        let found = ClientCertificate::of_endpoint(&recorder.context()).expect("a pair");
        assert!(found.is_some());
        let warnings = recorder.warnings();
        assert_eq!(warnings.len(), expected);
        assert!(warnings.iter().all(|warning| warning.object == "client_cert"), "{warnings:?}");
    }
}

#[test]
fn rejects_what_is_not_a_certificate_or_a_key_in_full() {
    let certificate = &PemBlocks::parse(VERSION1_CERTIFICATE.as_bytes()).blocks[0].der;
    assert!(X509::parse(certificate).is_some());
    for end in 0..certificate.len() {
        let error = load(&pem("CERTIFICATE", &certificate[..end]), VERSION1_KEY);
        assert!(!error.expect_err("truncated").is_about_key, "{end}");
    }
    let version1 = ("version 1", VERSION1_KEY);
    for (name, key) in [version1].into_iter().chain(UNSUPPORTED_KEYS) {
        let blocks = PemBlocks::parse(key.as_bytes()).blocks;
        let der = &blocks.last().expect("a key").der;
        assert!(recognize(der).is_some(), "{name}");
        for end in 0..der.len() {
            assert!(recognize(&der[..end]).is_none(), "{name}: {end}");
        }
        // Flipped bytes may be anything, but never crash the program.
        for position in 0..der.len().min(200) {
            let mut damaged = der.clone();
            damaged[position] ^= 0x81;
            let _ = load(VERSION1_CERTIFICATE, &pem("PRIVATE KEY", &damaged));
        }
    }
}
