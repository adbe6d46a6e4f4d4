//! Checks certificate authorities before the client connects, and decodes `-data` fields. Errors are
//! predicates of sentences about the field.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_support::http::PemBlocks;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// Decodes a `-data` field. Line breaks are allowed, as in Go.
pub fn decode(data: &str) -> Result<Vec<u8>, &'static str> {
    let mut compact = data.as_bytes().to_vec();
    compact.retain(|byte| !byte.is_ascii_whitespace());
    if compact.starts_with(b"-----BEGIN") {
        return Err("is PEM, but must be base64-encoded PEM");
    }
    STANDARD.decode(compact).map_err(|_| "is not valid base64")
}

/// The certificates of authorities that can be read.
pub struct Authorities {
    /// The certificates as plain PEM: without other texts and keys, since a program may get them too.
    pub pem: Vec<u8>,
    /// Whether another certificate cannot be read.
    pub are_incomplete: bool,
}

/// Reads certificate authorities. What cannot be read is ignored, as by kubectl, but if nothing is left, that is
/// an error.
pub fn authorities(pem: &[u8]) -> Result<Authorities, &'static str> {
    let found = PemBlocks::parse(pem);
    let has_malformed = found.has_malformed;
    let mut has_unreadable = false;
    let mut store = RootCertStore::empty();
    let mut plain = String::new();
    for der in found.labelled("CERTIFICATE") {
        let certificate = CertificateDer::from(der);
        if store.add(certificate.clone()).is_ok() {
            write(&mut plain, &certificate);
        } else {
            has_unreadable = true;
        }
    }
    if !plain.is_empty() {
        let are_incomplete = has_malformed || has_unreadable;
        return Ok(Authorities { pem: plain.into_bytes(), are_incomplete });
    }
    Err(if has_unreadable {
        "contains a certificate that cannot be read"
    } else if has_malformed {
        "is not valid PEM"
    } else {
        "contains no PEM certificate"
    })
}

fn write(text: &mut String, der: &[u8]) {
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
}
