//! Verifies the certificates of servers for rustls, and remembers why one was rejected.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, SignatureScheme,
};

use super::trusted_certificates::{Rejection, TrustedCertificates, UnsupportedPart};
use super::x509::{AlternativeNames, CLIENT_AUTH, X509};

/// Verifies certificates, or accepts every certificate. Then the signatures of the handshake are not verified
/// either: without a known certificate they prove nothing, and ring does not know the keys of some servers.
#[derive(Debug)]
pub(super) struct CertificateVerifier {
    /// `None` accepts every certificate.
    pub trusted: Option<TrustedCertificates>,
    pub algorithms: WebPkiSupportedAlgorithms,
}

/// Schemes that ring does not support. A server with such a key sends its certificate only if they are offered, and only
/// then the error can name the type of the key. They are offered last: nearly all servers with other keys choose another
/// scheme.
const OFFERED_FOR_ITS_ERROR: [SignatureScheme; 2] =
    [SignatureScheme::ECDSA_NISTP521_SHA512, SignatureScheme::ED448];

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
    /// When its validity begins and ends, in seconds since 1970.
    pub validity: Option<(i64, i64)>,
}

impl CertificateFacts {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        X509::parse(certificate).map_or_else(Self::default, |certificate| Self {
            subject: certificate.subject_text(),
            names: certificate.alternative_names(),
            is_for_clients_only: certificate
                .extended_key_usages()
                .is_some_and(|usages| usages == [CLIENT_AUTH]),
            validity: certificate.validity(),
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
        // In TLS 1.2 this scheme means SHA-512 with any curve. A P-521 key was already rejected with its certificate.
        if signature.scheme == SignatureScheme::ECDSA_NISTP521_SHA512 {
            let why = "the server signs the handshake with ECDSA and SHA-512, which this program cannot check";
            let rejection = Rejection::Unsupported(why.to_owned(), UnsupportedPart::Handshake);
            return Err(rejected(certificate, rejection));
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
        schemes.extend(OFFERED_FOR_ITS_ERROR);
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
    use gatherer_plugin_api::ErrorKind;
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};
    use rustls::RootCertStore;
    use rustls::internal::msgs::codec::Codec as _;

    use super::super::tls_error::{CertificateHints, explain_certificate};
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
    fn a_signature_of_tls_1_2_with_sha_512_is_named() {
        let trusted = certificate(&[(DnType::CommonName, DnValue::from("server"))]);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a certificate");
        let algorithms = provider.signature_verification_algorithms;
        let trusted_certificates =
            TrustedCertificates::new(roots, vec![trusted.clone()], &provider).expect("roots");
        let verifier = CertificateVerifier { trusted: Some(trusted_certificates), algorithms };
        // The scheme, and a signature of two bytes.
        let mut bytes = Vec::new();
        SignatureScheme::ECDSA_NISTP521_SHA512.encode(&mut bytes);
        bytes.extend([0, 2, 1, 2]);
        let signature = DigitallySignedStruct::read_bytes(&bytes).expect("a signature");
        let error =
            verifier.verify_tls12_signature(b"", &trusted, &signature).expect_err("SHA-512");
        let Error::InvalidCertificate(CertificateError::Other(other)) = error else {
            panic!("{error:?}")
        };
        let rejected: &RejectedCertificate = other.0.downcast_ref().expect("our error");
        let (kind, why, hint) = explain_certificate(rejected, CertificateHints::default());
        assert_eq!(kind, ErrorKind::Unsupported);
        insta::assert_snapshot!(format!("{why} ({hint})"));
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
