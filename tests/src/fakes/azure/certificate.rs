//! A certificate that is registered for an application.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// What the login service knows of a certificate.
#[derive(Debug)]
pub(super) struct RegisteredCertificate {
    pub sha1: Vec<u8>,
    pub sha256: Vec<u8>,
    /// The RSA key in PKCS#1.
    pub public_key: Vec<u8>,
}

impl RegisteredCertificate {
    /// The certificate in PEM. Panics if it is not one with an RSA key.
    pub(super) fn new(pem: &str) -> Self {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate in PEM");
        Self {
            sha1: digest(&SHA1_FOR_LEGACY_USE_ONLY, &der).as_ref().to_vec(),
            sha256: digest(&SHA256, &der).as_ref().to_vec(),
            public_key: rsa_key(&der).expect("a certificate with an RSA key").to_vec(),
        }
    }
}

/// The subject's public key (RFC 5280, section 4.1).
fn rsa_key(der: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(der)?;
    let (_, mut members, _) = element(certificate)?;
    // Version, serial number, signature, issuer, validity, subject.
    for _ in 0..6 {
        (_, _, members) = element(members)?;
    }
    let (_, key, _) = element(members)?;
    let (_, _, key) = element(key)?;
    let (tag, bits, _) = element(key)?;
    let (unused_bits, key) = bits.split_first()?;
    (tag == 0x03 && *unused_bits == 0).then_some(key)
}

/// Splits DER after its first element: the element's tag and content, and the rest.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match usize::from(first) {
        short if short < 0x80 => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long & 0x7f)?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
