//! The subject of a server's certificate, for messages, and the verifier that records it.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

/// The subject of the certificate that the server presented last.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerSubject(Arc<Mutex<Option<String>>>);

impl ServerSubject {
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Delegates to another verifier, and records the subject of each certificate.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    pub verifier: Arc<dyn ServerCertVerifier>,
    pub subject: ServerSubject,
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.subject.0.lock().unwrap_or_else(PoisonError::into_inner) = subject_of(certificate);
        self.verifier.verify_server_cert(certificate, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;

/// The attributes to show, in this order: X.520 common name, organization, organizational unit.
const ATTRIBUTES: [(&[u8], &str); 3] =
    [(&[0x55, 4, 3], "CN"), (&[0x55, 4, 10], "O"), (&[0x55, 4, 11], "OU")];

/// The subject of a DER certificate as `CN=..., O=...` (RFC 5280 section 4.1). `None` if the subject
/// has none of [`ATTRIBUTES`] or the certificate is not valid.
fn subject_of(certificate: &[u8]) -> Option<String> {
    let (tag, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate).filter(|_| tag == SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    // Skip the serial number, signature algorithm, issuer and validity.
    for _ in 0..4 {
        fields = element(fields)?.2;
    }
    let (_, mut names, _) = element(fields)?;
    let mut parts = Vec::new();
    while let Some((tag, mut set, rest)) = element(names) {
        while let Some((_, attribute, next)) = element(set).filter(|_| tag == SET) {
            parts.extend(attribute_text(attribute));
            set = next;
        }
        names = rest;
    }
    // Sort by the order of `ATTRIBUTES`, not of the certificate.
    parts.sort();
    let parts: Vec<_> = parts.into_iter().map(|(_, text)| text).collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

fn attribute_text(attribute: &[u8]) -> Option<(usize, String)> {
    let (_, kind, rest) = element(attribute)?;
    let (tag, value, _) = element(rest)?;
    let number = ATTRIBUTES.iter().position(|(known, _)| *known == kind)?;
    let readable = matches!(tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING);
    let value = std::str::from_utf8(value).ok().filter(|text| readable && !text.is_empty())?;
    Some((number, format!("{}={value}", ATTRIBUTES[number].1)))
}

/// The first DER element: its tag, its content, and the bytes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let count = long - 0x80;
            if count == 0 || count > 4 {
                return None;
            }
            let (digits, rest) = rest.split_at_checked(count)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use super::subject_of;

    fn certificate(names: &[(DnType, DnValue)]) -> Vec<u8> {
        let mut parameters = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in names {
            parameters.distinguished_name.push(kind.clone(), value.clone());
        }
        let key = KeyPair::generate().expect("a key");
        parameters.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn shows_common_name_and_organization_of_the_subject() {
        let organization = (DnType::OrganizationName, DnValue::from("system:masters"));
        let name = (DnType::CommonName, DnValue::from("kube-apiserver"));
        let country = (DnType::CountryName, DnValue::from("DE"));
        let der = certificate(&[country, organization, name]);
        assert_eq!(subject_of(&der).as_deref(), Some("CN=kube-apiserver, O=system:masters"));
    }

    #[test]
    fn empty_truncated_and_invalid_certificates_have_no_subject() {
        assert_eq!(subject_of(&certificate(&[])), None);
        let whole = certificate(&[(DnType::CommonName, DnValue::from("x"))]);
        for length in 0..whole.len() {
            assert_eq!(subject_of(&whole[..length]), None, "{length}");
        }
        for bytes in [&b"\x30\x80"[..], b"\x30\x84\xff\xff\xff\xff", b"\x30\x85\0\0\0\0\x01a"] {
            assert_eq!(subject_of(bytes), None);
        }
    }
}
