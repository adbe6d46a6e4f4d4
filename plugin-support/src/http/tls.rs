//! TLS: ring's provider, the system's roots and the endpoint's own, or no verification at all.

use std::path::Path;
use std::sync::Arc;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use url::Url;

use crate::file;

/// The largest `ca_file`: a system's whole bundle with its comments has about 1 MiB.
const CA_FILE_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Settings for connections that never see TLS: loading the roots would cost milliseconds.
pub(crate) fn unused() -> Result<ClientConfig, GatherError> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Settings as the endpoint wants them, for a service that these authorities vouch for, if there
/// are any. Says in a warning if nothing is verified.
pub(crate) fn settings(
    context: &Context,
    only: Option<&[u8]>,
) -> Result<ClientConfig, GatherError> {
    settings_with(context, verifier(context, &Trust { only, insecure: false })?)
}

/// The same, where a proxy is asked over https: it has nothing to do with the service's authorities.
pub(crate) fn settings_behind(
    context: &Context,
    only: &[u8],
    proxy: &Url,
) -> Result<ClientConfig, GatherError> {
    let host = proxy.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let of_proxy = verifier(context, &Trust::default())?;
    let of_others = verifier(context, &Trust { only: Some(only), insecure: false })?;
    let proxy = ServerName::try_from(host)
        .map_err(|_| GatherError::configuration("the proxy's URL names no host"))?;
    settings_with(context, Arc::new(ByName { proxy, of_proxy, of_others }))
}

fn settings_with(
    context: &Context,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, GatherError> {
    if context.options().insecure {
        warn_insecure(context)?;
    }
    let builder = builder()?.dangerous().with_custom_certificate_verifier(verifier);
    Ok(builder.with_no_client_auth())
}

/// Says that nothing is verified; once for an endpoint.
pub fn warn_insecure(context: &Context) -> Result<(), GatherError> {
    context.warning(
        context.endpoint(),
        "certificates are not verified (insecure): anybody on the way can read and change what is \
         sent",
    )
}

/// Whom to trust beside what the endpoint's options say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust<'a> {
    /// Certificates of authorities, PEM, in the place of the system's.
    pub only: Option<&'a [u8]>,
    /// Nobody is asked for anything.
    pub insecure: bool,
}

/// What verifies servers' certificates: against the system's roots, or others in their place, and
/// the endpoint's `ca_file`; or nothing at all.
pub fn verifier(
    context: &Context,
    trust: &Trust<'_>,
) -> Result<Arc<dyn ServerCertVerifier>, GatherError> {
    if context.options().insecure || trust.insecure {
        return Ok(Arc::new(NoVerification(provider())));
    }
    let mut roots = RootCertStore::empty();
    match trust.only {
        Some(pem) => add(&mut roots, pem, &|why| {
            GatherError::configuration(format!("certificate authorities: {why}"))
        })?,
        None => add_system(&mut roots),
    }
    if let Some(path) = &context.options().ca_file {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        let message = "no trusted certificate is installed on this machine";
        return Err(GatherError::new(ErrorKind::Tls, message)
            .with_hint("install ca-certificates, or name a file of them in ca_file"));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = verifier
        .build()
        .map_err(|error| GatherError::internal(format!("TLS cannot be set up: {error}")))?;
    Ok(verifier)
}

fn add_system(roots: &mut RootCertStore) {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!("a trusted certificate cannot be read: {error}");
    }
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if ignored > 0 {
        tracing::debug!("{ignored} of the system's trusted certificates are not understood");
    }
}

fn add_file(roots: &mut RootCertStore, path: &str) -> Result<(), GatherError> {
    let wrong = |why: String| {
        GatherError::configuration(format!("ca_file {path}: {why}"))
            .with_hint("it holds certificates in PEM: -----BEGIN CERTIFICATE-----")
    };
    let pem = file::read(Path::new(path), CA_FILE_MAX_BYTES)
        .map_err(|error| wrong(format!("the file {error}")))?;
    add(roots, &pem, &wrong)
}

fn add(
    roots: &mut RootCertStore,
    pem: &[u8],
    wrong: &dyn Fn(String) -> GatherError,
) -> Result<(), GatherError> {
    let mut number = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        number += 1;
        let certificate =
            certificate.map_err(|_| wrong(format!("certificate {number} is not PEM")))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(format!("certificate {number} is not one: {error}")))?;
    }
    if number == 0 {
        return Err(wrong("no certificate is in it".to_owned()));
    }
    Ok(())
}

/// A connection's settings are those of its proxy's connection too; the name tells which is which.
#[derive(Debug)]
struct ByName {
    proxy: ServerName<'static>,
    of_proxy: Arc<dyn ServerCertVerifier>,
    of_others: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for ByName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verifier = if *name == self.proxy { &self.of_proxy } else { &self.of_others };
        verifier.verify_server_cert(certificate, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.of_others.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.of_others.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.of_others.supported_verify_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, GatherError> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| GatherError::internal(format!("TLS cannot be set up: {error}")))
}

/// Takes every certificate. The handshake's signatures are still checked: they cost nothing and
/// keep a broken peer from passing as a working one.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use gatherer_plugin_api::Options;

    use super::*;
    use crate::testing;

    fn failure(ca_file: &str) -> GatherError {
        let options = Options { ca_file: Some(ca_file.to_owned()), ..Options::default() };
        settings(&testing::context(options), None).map(|_| ()).expect_err("wrong")
    }

    #[test]
    fn a_ca_file_that_cannot_be_used_is_named() {
        let error = failure("/nonexistent/ca.pem");
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.message.starts_with("ca_file /nonexistent/ca.pem: "), "{error}");

        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"hunter2").expect("written");
        let error = failure(file.path().to_str().expect("UTF-8"));
        assert!(error.message.ends_with(": no certificate is in it"), "{error}");

        for (path, sentence) in [
            ("/dev/zero", "the file is not a regular file"),
            ("/proc/self/environ", "it belongs to the kernel's proc file system"),
            ("/", "the file is a folder"),
        ] {
            let error = failure(path);
            assert_eq!(error.kind, ErrorKind::Configuration);
            assert!(error.message.ends_with(sentence), "{error}");
        }
        file.as_file().set_len(10 << 30).expect("sparse");
        let error = failure(file.path().to_str().expect("UTF-8"));
        assert!(error.message.ends_with("the file is larger than 8 MiB"), "{error}");
    }
}
