//! A client certificate with its private key, parsed from PEM.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

/// A client certificate and its private key, which belong together. Cheap to clone.
#[derive(Clone)]
pub struct ClientCertificate(pub(super) Arc<CertifiedKey>);

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate")
    }
}

/// Why a client certificate or its key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientCertificateError {
    /// True if the key is the cause, false if the certificate is.
    pub is_about_key: bool,
    /// The predicate of a sentence about the certificate or the key. It quotes nothing of them.
    pub why: &'static str,
}

impl ClientCertificate {
    /// Parses a certificate, which the rest of its chain may follow, and its private key: PKCS#1, PKCS#8
    /// or SEC1, without a passphrase. Both are PEM.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, ClientCertificateError> {
        let about = |is_about_key| move |why| ClientCertificateError { is_about_key, why };
        let chain = certificates(certificate).map_err(about(false))?;
        let key = private_key(key).map_err(about(true))?;
        let key = any_supported_type(&key)
            .map_err(|_| "contains a private key that is damaged or of an unsupported type")
            .map_err(about(true))?;
        let pair = CertifiedKey::new(chain, key);
        match pair.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Self(Arc::new(pair)))
            }
            Err(Error::InconsistentKeys(_)) => {
                Err(about(true)("contains a private key that does not belong to the certificate"))
            }
            Err(_) => Err(about(false)("contains a certificate that cannot be read")),
        }
    }
}

/// All certificates. None is an error.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates: Vec<_> = sections(pem)?
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    if certificates.is_empty() { Err("contains no PEM certificate") } else { Ok(certificates) }
}

/// The private key. Several keys are an error.
fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
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

fn sections(pem: &[u8]) -> Result<Vec<(SectionKind, Vec<u8>)>, &'static str> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| "is not valid PEM")
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
