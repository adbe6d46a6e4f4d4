//! Checks certificates and keys before the client connects, and writes them again as plain PEM,
//! without the comments and parameters that OpenSSL adds. Errors are predicates of sentences about
//! the field.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Decodes a `-data` field. Line breaks are allowed, as in Go.
pub fn decode(data: &str) -> Result<Vec<u8>, &'static str> {
    let mut compact = data.as_bytes().to_vec();
    compact.retain(|byte| !byte.is_ascii_whitespace());
    if compact.starts_with(b"-----BEGIN") {
        return Err("is PEM, but must be base64-encoded PEM");
    }
    STANDARD.decode(compact).map_err(|_| "is not valid base64")
}

/// All certificates. None is an error.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates: Vec<_> = sections(pem)?
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    if certificates.is_empty() { Err("contains no PEM certificate") } else { Ok(certificates) }
}

/// Certificate authorities.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = certificates(pem)?;
    let mut store = rustls::RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|_| "contains a certificate that cannot be read")?;
    }
    Ok(certificates)
}

/// The private key. Several keys are an error.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    if contains(pem, b"ENCRYPTED") {
        return Err("is encrypted; the key must not have a passphrase");
    }
    if contains(pem, b"OPENSSH PRIVATE KEY") {
        return Err("is an SSH key, but must be a TLS key");
    }
    let mut keys =
        sections(pem)?.into_iter().filter_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    let key = keys.next().ok_or("contains no PEM private key")?;
    if keys.next().is_some() {
        return Err("contains several private keys");
    }
    Ok(key)
}

/// Checks that the key can be used and belongs to the first certificate.
pub fn check_pair(
    certificates: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<(), (PairPart, &'static str)> {
    let signing = any_supported_type(key).map_err(|_| {
        (PairPart::Key, "contains a private key that is damaged or of an unsupported type")
    })?;
    let pair = CertifiedKey::new(certificates.to_vec(), signing);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err((PairPart::Key, "contains a private key that does not belong to the certificate"))
        }
        Err(_) => Err((PairPart::Certificate, "contains a certificate that cannot be read")),
    }
}

/// The part of a pair that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairPart {
    /// The certificate.
    Certificate,
    /// The key.
    Key,
}

/// Certificates as PEM.
pub fn write_certificates(certificates: &[CertificateDer<'_>]) -> String {
    certificates.iter().map(|certificate| write("CERTIFICATE", certificate)).collect()
}

/// A key as PEM.
pub fn write_key(key: &PrivateKeyDer<'_>) -> String {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    write(label, key.secret_der())
}

fn write(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

fn sections(pem: &[u8]) -> Result<Vec<(SectionKind, Vec<u8>)>, &'static str> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| "is not valid PEM")
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
