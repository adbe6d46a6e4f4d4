//! Certificates and keys: whether they can be used, told before a connection is tried. What
//! goes on is written anew, without the remarks and parameters that files of OpenSSL hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Decodes a `-data` field; line breaks in it are allowed, as in Go. The error is the end of
/// a sentence.
pub fn decode(data: &str) -> Result<Vec<u8>, &'static str> {
    let mut compact = data.as_bytes().to_vec();
    compact.retain(|byte| !byte.is_ascii_whitespace());
    if compact.starts_with(b"-----BEGIN") {
        return Err("is PEM itself; it must be the base64 of it");
    }
    STANDARD.decode(compact).map_err(|_| "is not base64")
}

/// All certificates, at least one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates: Vec<_> = sections(pem)?
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    if certificates.is_empty() { Err("holds no certificate in PEM") } else { Ok(certificates) }
}

/// Certificates that are to be trusted.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = certificates(pem)?;
    let mut store = rustls::RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|_| "holds a certificate that cannot be read")?;
    }
    Ok(certificates)
}

/// The one private key.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    if holds(pem, b"ENCRYPTED") {
        return Err("is encrypted; only a key without a passphrase can be used");
    }
    if holds(pem, b"OPENSSH PRIVATE KEY") {
        return Err("is a key for SSH, not one for TLS");
    }
    let mut keys =
        sections(pem)?.into_iter().filter_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    let key = keys.next().ok_or("holds no private key in PEM")?;
    if keys.next().is_some() {
        return Err("holds several private keys");
    }
    Ok(key)
}

/// Whether the key can be used and is that of the first certificate. The error is a field,
/// relative to the user, and the end of a sentence.
pub fn check_pair(
    certificates: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<(), (Pair, &'static str)> {
    let signing = any_supported_type(key)
        .map_err(|_| (Pair::Key, "holds a private key that is damaged or of an unknown kind"))?;
    let pair = CertifiedKey::new(certificates.to_vec(), signing);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err((Pair::Key, "holds a private key that is not the certificate's"))
        }
        Err(_) => Err((Pair::Certificate, "holds a certificate that cannot be read")),
    }
}

/// Which of the two is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
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

fn holds(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
