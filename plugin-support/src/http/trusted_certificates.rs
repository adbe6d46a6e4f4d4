//! Decides whether a server's certificate is trusted.
//!
//! webpki builds and verifies chains. Like Go, and so like kubectl, this module also accepts what webpki rejects:
//! the server's own certificate among the trusted ones, and a certificate of an authority, or one for any usage,
//! that a trusted authority has issued directly.

use std::sync::Arc;

use gatherer_plugin_api::GatherError;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

use super::der::{DerReader, SEQUENCE};
use super::key_type::{KeyType, signature_name};
use super::x509::{ANY_USAGE, SERVER_AUTH, X509};

/// The trusted certificates.
#[derive(Debug)]
pub(super) struct TrustedCertificates {
    /// `None` if there are no roots.
    chain_verifier: Option<Arc<WebPkiServerVerifier>>,
    roots: Arc<RootCertStore>,
    /// The certificates of `roots` in full, and the certificates that are trusted but must not sign others.
    certificates: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Why a certificate is rejected.
#[derive(Debug, Clone)]
pub(super) enum Rejection {
    /// A reason that rustls knows.
    Certificate(CertificateError),
    /// It is for other uses than servers.
    Usage,
    /// It is for other names, or for none.
    Name(ServerName<'static>),
    /// It is one of an authority or else for any usage, and it was not issued by a trusted authority itself, or by
    /// one with name constraints.
    Indirect { is_authority: bool },
    /// The certificate of the trusted authority that issued it has expired, or does not allow it.
    Authority(CertificateError),
    /// ring does not support the key or the signature. The text is the whole sentence.
    Unsupported(String, UnsupportedPart),
    /// The server's signature in the handshake was not made with the certificate's key.
    Handshake,
}

/// What ring does not support.
#[derive(Debug, Clone, Copy)]
pub(super) enum UnsupportedPart {
    ServerKey,
    /// A signature of the handshake.
    Handshake,
    /// The signature of a certificate.
    Signature,
}

impl TrustedCertificates {
    pub fn new(
        roots: RootCertStore,
        certificates: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, GatherError> {
        let roots = Arc::new(roots);
        let chain_verifier = if roots.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(
                Arc::clone(&roots),
                Arc::clone(provider),
            );
            let built = builder
                .build()
                .map_err(|error| GatherError::internal(format!("TLS cannot be set up: {error}")))?;
            Some(built)
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { chain_verifier, roots, certificates, algorithms })
    }

    /// Verifies a server's certificate for this name.
    pub fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        let server = X509::parse(certificate)
            .ok_or(Rejection::Certificate(CertificateError::BadEncoding))?;
        let chained = match &self.chain_verifier {
            Some(verifier) => {
                verifier.verify_server_cert(certificate, intermediates, name, &[], now).map(|_| ())
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        if let Err(error) = chained {
            let may_be_issued = server.is_authority() || is_for_any_usage(&server);
            let issued = if may_be_issued { self.issued_by_a_root(&server, now) } else { None };
            if self.certificates.contains(certificate) || matches!(issued, Some(Ok(()))) {
                verify_alone(certificate, &server, name, now)?;
            } else {
                let why_not = issued.and_then(Result::err);
                return Err(self.rejection(error, &server, intermediates, name, why_not));
            }
        }
        match server.key_type() {
            Some(key) if !key.can_verify => Err(Rejection::Unsupported(
                format!("the server's key is {}, which this program cannot check", key.description),
                UnsupportedPart::ServerKey,
            )),
            _ => Ok(()),
        }
    }

    /// Whether a trusted authority that has signed this certificate may do so; `None` if none has signed it.
    fn issued_by_a_root(&self, server: &X509<'_>, now: UnixTime) -> Option<Result<(), Rejection>> {
        let roots = self.certificates.iter().filter_map(|der| X509::parse(der));
        let issuers = roots.filter(|root| {
            root.subject == server.issuer
                && !root.denies_authority()
                && self.has_signed(root, server).is_some_and(|signed| signed)
        });
        let mut results = issuers.map(|root| check_authority(&root, server, now));
        let first = results.next()?;
        Some(if results.any(|other| other.is_ok()) { Ok(()) } else { first })
    }

    fn has_signed(&self, root: &X509<'_>, server: &X509<'_>) -> Option<bool> {
        let mut key_info = DerReader(root.key_info);
        let key_algorithm = key_info.expect(SEQUENCE)?;
        let key = key_info.bits()?;
        Some(self.algorithms.all.iter().any(|algorithm| {
            *algorithm.public_key_alg_id() == *key_algorithm
                && *algorithm.signature_alg_id() == *server.signature_algorithm
                && algorithm.verify_signature(key, server.signed, server.signature).is_ok()
        }))
    }

    /// Why webpki's error happened. `why_not` is the reason why the trusted authority that has signed the
    /// certificate was not accepted.
    fn rejection(
        &self,
        error: Error,
        server: &X509<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        why_not: Option<Rejection>,
    ) -> Rejection {
        let Error::InvalidCertificate(error) = error else {
            return Rejection::Certificate(CertificateError::ApplicationVerificationFailure);
        };
        let error = match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                return Rejection::Name(name.to_owned());
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. }
                if !is_for_servers(server) =>
            {
                return Rejection::Usage;
            }
            // webpki does not read it, and it cannot have a subjectAltName.
            CertificateError::Other(_) if server.version < 3 => {
                return Rejection::Name(name.to_owned());
            }
            // webpki rejects these before it looks for their issuer.
            CertificateError::Other(_)
            | CertificateError::InvalidPurpose
            | CertificateError::InvalidPurposeContext { .. }
                if server.is_authority() || is_for_any_usage(server) =>
            {
                let indirect = Rejection::Indirect { is_authority: server.is_authority() };
                let intermediate = intermediates.iter().filter_map(|der| X509::parse(der));
                if intermediate.clone().any(|issuer| {
                    issuer.subject == server.issuer && issuer.key_info != server.key_info
                }) {
                    return indirect;
                }
                if let Some(why_not) = why_not {
                    return why_not;
                }
                if self.roots.roots.iter().any(|root| root.subject.as_ref() == server.issuer) {
                    CertificateError::BadSignature
                } else {
                    CertificateError::UnknownIssuer
                }
            }
            error => error,
        };
        #[expect(deprecated, reason = "webpki may still return it")]
        let may_be_unsupported = matches!(
            error,
            CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithm
                | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        );
        let unsupported = if may_be_unsupported {
            self.unsupported_signature(server, intermediates)
        } else {
            None
        };
        match unsupported {
            Some(sentence) => Rejection::Unsupported(sentence, UnsupportedPart::Signature),
            None => Rejection::Certificate(error),
        }
    }

    /// Finds the first signature in the chain that ring cannot verify, and says why not.
    fn unsupported_signature(
        &self,
        server: &X509<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Option<String> {
        let mut certificate = *server;
        let mut subject = "the certificate";
        for _ in 0..=intermediates.len() {
            let issuer = certificate.issuer;
            let intermediate = intermediates
                .iter()
                .filter_map(|der| X509::parse(der))
                .find(|other| other.subject == issuer && other.key_info != certificate.key_info);
            let mut key_types: Vec<KeyType> = self
                .roots
                .roots
                .iter()
                .filter(|root| root.subject.as_ref() == issuer)
                .filter_map(|root| KeyType::of_public_key(&root.subject_public_key_info))
                .collect();
            key_types.extend(intermediate.and_then(|issuer| issuer.key_type()));
            let key_type = key_types.first()?;
            if key_types.iter().all(|key_type| !key_type.can_verify) {
                let signer = &key_type.description;
                return Some(format!(
                    "{subject} is signed by {signer}, which this program cannot check"
                ));
            }
            let algorithm = certificate.signature_algorithm;
            if self.algorithms.all.iter().all(|known| *known.signature_alg_id() != *algorithm) {
                let name = signature_name(algorithm);
                return Some(format!(
                    "{subject} is signed with {name}, which this program cannot check"
                ));
            }
            certificate = intermediate?;
            subject = "the certificate of an intermediate authority";
        }
        None
    }
}

/// Whether a trusted authority that has signed a server's certificate may do so. As in Go and OpenSSL, its certificate
/// must be valid too, and allow it. Only webpki can check name constraints.
fn check_authority(
    authority: &X509<'_>,
    server: &X509<'_>,
    now: UnixTime,
) -> Result<(), Rejection> {
    if authority.has_name_constraints() {
        return Err(Rejection::Indirect { is_authority: server.is_authority() });
    }
    check_validity(authority, now).map_err(Rejection::Authority)?;
    if !authority.may_sign_certificates() || !is_for_servers(authority) {
        return Err(Rejection::Authority(CertificateError::InvalidPurpose));
    }
    Ok(())
}

fn check_validity(certificate: &X509<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (begin, end) = certificate.validity().ok_or(CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < begin {
        return Err(CertificateError::NotValidYet);
    }
    if now > end {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

/// Verifies a certificate whose issuer is trusted, except for its signature: dates, usage and name.
fn verify_alone(
    certificate: &CertificateDer<'_>,
    server: &X509<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Rejection> {
    if server.version < 3 {
        return Err(Rejection::Name(name.to_owned()));
    }
    let invalid = |error| match error {
        Error::InvalidCertificate(error) => Rejection::Certificate(error),
        _ => Rejection::Certificate(CertificateError::BadEncoding),
    };
    // This also rejects critical extensions that webpki does not know.
    let parsed = ParsedCertificate::try_from(certificate).map_err(invalid)?;
    check_validity(server, now).map_err(Rejection::Certificate)?;
    if !is_for_servers(server) {
        return Err(Rejection::Usage);
    }
    verify_server_name(&parsed, name).map_err(|error| match error {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Rejection::Name(name.to_owned()),
        error => invalid(error),
    })
}

fn is_for_any_usage(server: &X509<'_>) -> bool {
    server.extended_key_usages().is_some_and(|usages| usages.contains(&ANY_USAGE))
}

fn is_for_servers(server: &X509<'_>) -> bool {
    server
        .extended_key_usages()
        .is_none_or(|usages| usages.contains(&SERVER_AUTH) || usages.contains(&ANY_USAGE))
}
