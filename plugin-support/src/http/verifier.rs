//! Verifies the certificates of servers, and remembers whose certificate was rejected.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

/// Verifies certificates, or accepts every certificate. The signatures of the handshake are verified in
/// any case, which costs little and detects faulty servers.
#[derive(Debug)]
pub(super) struct CertificateVerifier {
    /// `None` accepts every certificate.
    pub trusted: Option<Arc<WebPkiServerVerifier>>,
    pub algorithms: WebPkiSupportedAlgorithms,
}

/// Why a certificate was rejected, and its subject. Wrapped in [`CertificateError::Other`].
#[derive(Debug, thiserror::Error)]
#[error("the certificate was rejected: {error:?}")]
pub(super) struct RejectedCertificate {
    pub error: CertificateError,
    pub subject: Option<String>,
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        let verified = trusted.verify_server_cert(certificate, intermediates, name, ocsp, now);
        verified.map_err(|error| match error {
            Error::InvalidCertificate(error) => {
                let rejected = RejectedCertificate { error, subject: subject_of(certificate) };
                CertificateError::Other(OtherError(Arc::new(rejected))).into()
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The subject of a certificate as `CN=..., O=..., OU=...`; `None` if it has none of these.
fn subject_of(certificate: &CertificateDer<'_>) -> Option<String> {
    let mut store = RootCertStore::empty();
    store.add(certificate.clone().into_owned()).ok()?;
    let subject = store.roots.first()?.subject.as_ref();
    let attributes = [(3, "CN"), (10, "O"), (11, "OU")];
    let parts = attributes.iter().filter_map(|(number, name)| {
        attribute(subject, *number).map(|value| format!("{name}={value}"))
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}

/// The first attribute of X.520 with this number in a DER name. The search for its bytes is not exact, but
/// the text comes from the server anyway and is only shown.
fn attribute(name: &[u8], number: u8) -> Option<&str> {
    const UTF8_PRINTABLE_OR_IA5: [u8; 3] = [0x0c, 0x13, 0x16];
    let identifier = [0x06, 3, 0x55, 4, number];
    let start = name.windows(identifier.len()).position(|bytes| bytes == identifier)?;
    let (&tag, value) = name.get(start + identifier.len()..)?.split_first()?;
    let (&length, value) = value.split_first()?;
    let value =
        value.get(..usize::from(length)).filter(|_| UTF8_PRINTABLE_OR_IA5.contains(&tag))?;
    // Longer values than 127 bytes, whose length has two bytes, are not allowed (RFC 5280 appendix A.1).
    std::str::from_utf8(value).ok().filter(|text| length < 0x80 && !text.is_empty())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use super::*;

    fn certificate(names: &[(DnType, DnValue)]) -> CertificateDer<'static> {
        let mut parameters = CertificateParams::new(vec!["a.example".to_owned()]).expect("a name");
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in names {
            parameters.distinguished_name.push(kind.clone(), value.clone());
        }
        let key = KeyPair::generate().expect("a key");
        parameters.self_signed(&key).expect("a certificate").der().clone()
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
    fn empty_truncated_and_invalid_subjects_are_not_shown() {
        assert_eq!(subject_of(&certificate(&[])), None);
        let name = b"\x06\x03\x55\x04\x03\x0c\x02ab";
        assert_eq!(attribute(name, 3), Some("ab"));
        for length in 0..name.len() {
            assert_eq!(attribute(&name[..length], 3), None, "{length}");
        }
        for value in [&b"\x0c\x00"[..], b"\x0c\x01\xff", b"\x1e\x02ab", b"\x0c\x80"] {
            assert_eq!(attribute(&[&name[..5], value].concat(), 3), None, "{value:?}");
        }
    }
}
