//! A client certificate with its private key, parsed from PEM.

use std::fmt;
use std::sync::Arc;

use gatherer_plugin_api::{ErrorKind, GatherError};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::sign::{CertifiedKey, SigningKey};

use super::address::sanitize;
use super::credential::{UsedCredential, timestamp};
use super::der::{BIT_STRING, INTEGER, OCTET_STRING, OID, SEQUENCE, context, encode, only};
use super::key_type::{KeyEncoding, P256, P384, recognize};
use super::pem_blocks::PemBlocks;
use super::x509::X509;

/// A client certificate and its private key, which belong together. Cheap to clone.
#[derive(Clone)]
pub struct ClientCertificate {
    pub(super) pair: Arc<CertifiedKey>,
    /// Whether the text of the certificate also has PEM blocks that are not valid, which are ignored.
    pub has_invalid_blocks: bool,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate")
    }
}

/// Why a client certificate or its key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificateError {
    /// True if the key is the cause, false if the certificate is.
    pub is_about_key: bool,
    /// Whether the key is sound, but of a type that this program does not support.
    pub is_unsupported: bool,
    /// The predicate of a sentence about the certificate or the key. It quotes nothing of them.
    pub why: String,
}

impl ClientCertificateError {
    fn about_key(why: impl Into<String>) -> Self {
        Self { is_about_key: true, is_unsupported: false, why: why.into() }
    }

    fn about_certificate(why: impl Into<String>) -> Self {
        Self { is_about_key: false, ..Self::about_key(why) }
    }

    /// Gives the `configuration` error about the certificate or the key this error's kind and hint.
    #[must_use]
    pub fn refine(&self, mut error: GatherError) -> GatherError {
        if !self.is_unsupported {
            return error;
        }
        error.kind = ErrorKind::Unsupported;
        error.with_hint("make a key of one of these types, and request a certificate for it")
    }
}

impl ClientCertificate {
    /// Parses a certificate, which the rest of its chain may follow, and its private key: PKCS#1, PKCS#8
    /// or SEC1, without a passphrase. Both are PEM. Of several keys, the first is used, as by kubectl.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, ClientCertificateError> {
        let (chain, has_invalid_blocks) =
            certificates(certificate).map_err(ClientCertificateError::about_certificate)?;
        let leaf = chain.first().and_then(|leaf| X509::parse(leaf)).ok_or_else(|| {
            ClientCertificateError::about_certificate("contains a certificate that cannot be read")
        })?;
        let key = private_key(key).map_err(ClientCertificateError::about_key)?;
        let key = signing_key(&key, &leaf)?;
        // rustls compares the keys too, but not with a certificate of X.509 version 1.
        let belongs = key.public_key().is_none_or(|public_key| {
            only(&public_key, SEQUENCE).is_some_and(|key_info| key_info == leaf.key_info)
        });
        if !belongs {
            return Err(ClientCertificateError::about_key(NOT_A_PAIR));
        }
        Ok(Self { pair: Arc::new(CertifiedKey::new(chain, key)), has_invalid_blocks })
    }

    /// The certificate as errors name it, and when it expires.
    pub fn credential(&self) -> UsedCredential {
        let leaf = self.pair.cert.first().and_then(|leaf| X509::parse(leaf));
        let subject = leaf.and_then(|leaf| leaf.subject_text());
        let name = match subject {
            Some(subject) => format!("the client certificate {}", sanitize(&subject)),
            None => "the client certificate".to_owned(),
        };
        let expiry = leaf.and_then(|leaf| leaf.validity()).and_then(|(_, end)| timestamp(end));
        UsedCredential { name, expiry }
    }
}

const NOT_A_PAIR: &str = "contains a private key that does not belong to the certificate";

/// All certificates, and whether there are also blocks that are not valid. It is an error if there are no certificates.
fn certificates(pem: &[u8]) -> Result<(Vec<CertificateDer<'static>>, bool), &'static str> {
    let found = PemBlocks::parse(pem);
    let has_malformed = found.has_malformed;
    let certificates: Vec<_> = found
        .blocks
        .into_iter()
        .filter(|block| block.label == "CERTIFICATE")
        .map(|block| CertificateDer::from(block.der))
        .collect();
    match (certificates.is_empty(), has_malformed) {
        (true, true) => Err("is not valid PEM"),
        (true, false) => Err("contains no PEM certificate"),
        (false, _) => Ok((certificates, has_malformed)),
    }
}

/// The DER bytes of the first private key.
fn private_key(pem: &[u8]) -> Result<Vec<u8>, &'static str> {
    let found = PemBlocks::parse(pem);
    let is_key = |label: &str| label == "PRIVATE KEY" || label.ends_with(" PRIVATE KEY");
    let key = found.blocks.into_iter().find(|block| is_key(&block.label));
    match key {
        Some(key) if key.label == "OPENSSH PRIVATE KEY" => Err(SSH_KEY),
        Some(key) if key.has_headers || key.label.starts_with("ENCRYPTED ") => {
            Err("is encrypted; the key must not have a passphrase")
        }
        Some(key) => Ok(key.der),
        None if contains(pem, b"OPENSSH PRIVATE KEY") => Err(SSH_KEY),
        None if found.has_malformed => Err("is not valid PEM"),
        None => Err("contains no PEM private key"),
    }
}

const SSH_KEY: &str = "is an SSH key, but must be a TLS key";

/// Loads a private key, which should be that of this certificate.
fn signing_key(
    der: &[u8],
    certificate: &X509<'_>,
) -> Result<Arc<dyn SigningKey>, ClientCertificateError> {
    let damaged = || {
        let why = "contains a private key that is damaged or of an unsupported type";
        ClientCertificateError::about_key(why)
    };
    let not_a_pair = || ClientCertificateError::about_key(NOT_A_PAIR);
    let mut key = recognize(der).ok_or_else(damaged)?;
    if let KeyEncoding::Sec1 { curve: curve @ None, .. } = &mut key.encoding {
        *curve = Some(certificate.curve().ok_or_else(not_a_pair)?);
        key.key_type = certificate.key_type().ok_or_else(not_a_pair)?;
    }
    if !key.key_type.can_sign {
        return Err(ClientCertificateError {
            is_unsupported: true,
            ..ClientCertificateError::about_key(format!(
                "is {}, which this program cannot use; P-256, P-384, Ed25519 and RSA of 2048, 3072, 4096 \
                 bits can be used",
                key.key_type.description
            ))
        });
    }
    let der: PrivateKeyDer<'_> = match key.encoding {
        KeyEncoding::Pkcs1(der) => PrivatePkcs1KeyDer::from(der).into(),
        KeyEncoding::Pkcs8(der) => PrivatePkcs8KeyDer::from(der).into(),
        KeyEncoding::Sec1 { curve, secret } => {
            if certificate.key_type() != Some(key.key_type) {
                return Err(not_a_pair());
            }
            let sec1 = complete_sec1(curve, secret, certificate).ok_or_else(damaged)?;
            // ring compares the secret number with the certificate's public key.
            return any_supported_type(&PrivateSec1KeyDer::from(sec1).into())
                .map_err(|_| not_a_pair());
        }
    };
    any_supported_type(&der).map_err(|_| damaged())
}

/// An `ECPrivateKey` (RFC 5915) with all its optional members, which ring needs: the public key is that of the
/// certificate, and the secret number has all its leading zeros.
fn complete_sec1(curve: Option<&[u8]>, secret: &[u8], certificate: &X509<'_>) -> Option<Vec<u8>> {
    let curve = curve?;
    let length: usize = match curve {
        P256 => 32,
        P384 => 48,
        _ => return None,
    };
    let start = secret.iter().position(|&byte| byte != 0)?;
    let secret = &secret[start..];
    let padding = vec![0; length.checked_sub(secret.len())?];
    let members = [
        encode(INTEGER, &[1]),
        encode(OCTET_STRING, &[&padding, secret].concat()),
        encode(context(0), &encode(OID, curve)),
        encode(context(1), &encode(BIT_STRING, &[&[0], certificate.public_key()?].concat())),
    ];
    Some(encode(SEQUENCE, &members.concat()))
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
