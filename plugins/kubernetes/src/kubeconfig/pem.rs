//! Checks certificate authorities before the client connects, and decodes `-data` fields. Errors are
//! predicates of sentences about the field.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{PemObject as _, SectionKind};

/// Decodes a `-data` field. Line breaks are allowed, as in Go.
pub fn decode(data: &str) -> Result<Vec<u8>, &'static str> {
    let mut compact = data.as_bytes().to_vec();
    compact.retain(|byte| !byte.is_ascii_whitespace());
    if compact.starts_with(b"-----BEGIN") {
        return Err("is PEM, but must be base64-encoded PEM");
    }
    STANDARD.decode(compact).map_err(|_| "is not valid base64")
}

/// Certificate authorities, written again as plain PEM: without other texts and keys, since a program may
/// get them too. None is an error.
pub fn authorities(pem: &[u8]) -> Result<Vec<u8>, &'static str> {
    let sections: Vec<(SectionKind, Vec<u8>)> = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| "is not valid PEM")?;
    let mut store = RootCertStore::empty();
    let mut plain = String::new();
    for (_, der) in sections.into_iter().filter(|(kind, _)| *kind == SectionKind::Certificate) {
        write(&mut plain, &der);
        store
            .add(CertificateDer::from(der))
            .map_err(|_| "contains a certificate that cannot be read")?;
    }
    if plain.is_empty() { Err("contains no PEM certificate") } else { Ok(plain.into_bytes()) }
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
