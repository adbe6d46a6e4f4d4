//! Verifies the certificates of servers for rustls, and remembers why one was rejected.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, SignatureScheme,
};

use super::trusted_certificates::{Rejection, TrustedCertificates};
use super::x509::{AlternativeNames, CLIENT_AUTH, X509};

/// Verifies certificates, or accepts every certificate. Then the signatures of the handshake are not verified
/// either: without a known certificate they prove nothing, and ring does not know the keys of some servers.
#[derive(Debug)]
pub(super) struct CertificateVerifier {
    /// `None` accepts every certificate.
    pub trusted: Option<TrustedCertificates>,
    pub algorithms: WebPkiSupportedAlgorithms,
}

/// Why a certificate was rejected, and what it says. Wrapped in [`CertificateError::Other`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("the certificate was rejected")]
pub(super) struct RejectedCertificate {
    pub rejection: Rejection,
    pub facts: CertificateFacts,
}

/// What a certificate says, as far as messages mention it.
#[derive(Debug, Clone, Default)]
pub(super) struct CertificateFacts {
    pub subject: Option<String>,
    /// `None` if the certificate has no subjectAltName.
    pub names: Option<AlternativeNames>,
    /// Whether it is for clients and nothing else.
    pub is_for_clients_only: bool,
}

impl CertificateFacts {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        X509::parse(certificate).map_or_else(Self::default, |certificate| Self {
            subject: certificate.subject_text(),
            names: certificate.alternative_names(),
            is_for_clients_only: certificate
                .extended_key_usages()
                .is_some_and(|usages| usages == [CLIENT_AUTH]),
        })
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trusted) = &self.trusted {
            trusted
                .verify(certificate, intermediates, name, now)
                .map_err(|rejection| rejected(certificate, rejection))?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trusted.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
            .map_err(|error| handshake_error(certificate, error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trusted.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
            .map_err(|error| handshake_error(certificate, error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        // A server whose key ring does not support sends its certificate only if these are offered, and only then
        // the error can name the type of the key. A server with another certificate prefers the first schemes.
        schemes.extend([SignatureScheme::ECDSA_NISTP521_SHA512, SignatureScheme::ED448]);
        if self.trusted.is_none() {
            schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
        }
        schemes
    }
}

fn rejected(certificate: &CertificateDer<'_>, rejection: Rejection) -> Error {
    let rejected = RejectedCertificate { rejection, facts: CertificateFacts::of(certificate) };
    CertificateError::Other(OtherError(Arc::new(rejected))).into()
}

/// The error for a signature of the handshake.
fn handshake_error(certificate: &CertificateDer<'_>, error: Error) -> Error {
    match error {
        Error::InvalidCertificate(_)
        | Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme) => {
            rejected(certificate, Rejection::Handshake)
        }
        other => other,
    }
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
        let subject = CertificateFacts::of(&der).subject;
        assert_eq!(subject.as_deref(), Some("CN=kube-apiserver, O=system:masters"));
    }

    #[test]
    fn empty_and_other_subjects_are_not_shown() {
        let other = (DnType::CommonName, DnValue::BmpString("ab".try_into().expect("letters")));
        let empty = (DnType::CommonName, DnValue::from(""));
        for names in [&[][..], &[other], &[empty]] {
            assert_eq!(CertificateFacts::of(&certificate(names)).subject, None);
        }
        let truncated = CertificateDer::from(&b"\x30\x03\x02"[..]);
        assert_eq!(CertificateFacts::of(&truncated).subject, None);
    }
}
