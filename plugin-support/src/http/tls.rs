//! TLS configuration: ring as the provider; the system's roots and the endpoint's `ca_file`, or no
//! verification at all.

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

/// The maximum size of a `ca_file`. A system's whole bundle with its comments has about 1 MiB.
const CA_FILE_MAX_BYTES: usize = 8 * 1024 * 1024;

/// The configuration for connections that do not use TLS. Loading the roots would take milliseconds.
pub(crate) fn unused_config() -> Result<ClientConfig, GatherError> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// The configuration for the endpoint. If `authorities` are given, they replace the system's. Sends a
/// warning if certificates are not verified.
pub(crate) fn config(
    context: &Context,
    authorities: Option<&[u8]>,
) -> Result<ClientConfig, GatherError> {
    config_with(context, verifier(context, &Trust { authorities, insecure: false })?)
}

/// The configuration for a service with its own authorities behind an https proxy. The proxy is verified
/// against the system's authorities.
pub(crate) fn config_behind_proxy(
    context: &Context,
    authorities: &[u8],
    proxy: &Url,
) -> Result<ClientConfig, GatherError> {
    let host = proxy.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let proxy_verifier = verifier(context, &Trust::default())?;
    let service_trust = Trust { authorities: Some(authorities), insecure: false };
    let service_verifier = verifier(context, &service_trust)?;
    let proxy_name = ServerName::try_from(host)
        .map_err(|_| GatherError::configuration("the proxy's URL has no valid host"))?;
    let verifier = ProxyAwareVerifier { proxy_name, proxy_verifier, service_verifier };
    config_with(context, Arc::new(verifier))
}

fn config_with(
    context: &Context,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientConfig, GatherError> {
    if context.options().insecure {
        warn_insecure(context)?;
    }
    let builder = builder()?.dangerous().with_custom_certificate_verifier(verifier);
    Ok(builder.with_no_client_auth())
}

/// Sends the warning that certificates are not verified. Call it once for an endpoint.
pub fn warn_insecure(context: &Context) -> Result<(), GatherError> {
    context.warning(
        context.endpoint(),
        "certificates are not verified (insecure): an attacker in the network can read and change \
         the traffic",
    )
}

/// Which certificates to trust, in addition to the endpoint's options.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust<'a> {
    /// Certificates of authorities in PEM that replace the system's.
    pub authorities: Option<&'a [u8]>,
    /// True if certificates must not be verified.
    pub insecure: bool,
}

/// Creates a verifier of server certificates. It uses the endpoint's `ca_file` and either the given
/// authorities or the system's roots. If verification is disabled, it accepts every certificate.
pub fn verifier(
    context: &Context,
    trust: &Trust<'_>,
) -> Result<Arc<dyn ServerCertVerifier>, GatherError> {
    if context.options().insecure || trust.insecure {
        return Ok(Arc::new(NoVerification(provider())));
    }
    let mut roots = RootCertStore::empty();
    match trust.authorities {
        Some(pem) => add_pem(&mut roots, pem, &|why| {
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
            .with_hint("install ca-certificates, or name a file with certificates in ca_file"));
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
    let invalid = |why: String| {
        GatherError::configuration(format!("ca_file {path}: {why}"))
            .with_hint("the file must contain certificates in PEM: -----BEGIN CERTIFICATE-----")
    };
    let pem = file::read(Path::new(path), CA_FILE_MAX_BYTES)
        .map_err(|error| invalid(format!("the file {error}")))?;
    add_pem(roots, &pem, &invalid)
}

fn add_pem(
    roots: &mut RootCertStore,
    pem: &[u8],
    invalid: &dyn Fn(String) -> GatherError,
) -> Result<(), GatherError> {
    let mut number = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        number += 1;
        let certificate =
            certificate.map_err(|_| invalid(format!("certificate {number} is not valid PEM")))?;
        roots
            .add(certificate)
            .map_err(|error| invalid(format!("certificate {number} is not valid: {error}")))?;
    }
    if number == 0 {
        return Err(invalid("the file contains no certificate".to_owned()));
    }
    Ok(())
}

/// Selects a verifier by the server's name. reqwest uses one TLS configuration for the connections to
/// the proxy and to the service behind it.
#[derive(Debug)]
struct ProxyAwareVerifier {
    proxy_name: ServerName<'static>,
    proxy_verifier: Arc<dyn ServerCertVerifier>,
    service_verifier: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for ProxyAwareVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verifier =
            if *name == self.proxy_name { &self.proxy_verifier } else { &self.service_verifier };
        verifier.verify_server_cert(certificate, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.service_verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.service_verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.service_verifier.supported_verify_schemes()
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

/// Accepts every certificate. The signatures of the handshake are still verified, which costs little and
/// detects faulty servers.
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
    use gatherer_plugin_api::testing::Recorder;

    use super::*;

    fn failure(ca_file: &str) -> GatherError {
        let options = Options { ca_file: Some(ca_file.to_owned()), ..Options::default() };
        config(&Recorder::new().options(options).context(), None)
            .map(|_| ())
            .expect_err("the file is invalid")
    }

    #[test]
    fn an_invalid_ca_file_is_a_configuration_error_that_names_it() {
        let error = failure("/nonexistent/ca.pem");
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.message.starts_with("ca_file /nonexistent/ca.pem: "), "{error}");

        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"hunter2").expect("written");
        let error = failure(file.path().to_str().expect("UTF-8"));
        assert!(!error.to_string().contains("hunter2"), "{error}");

        let path = file.path().to_str().expect("UTF-8").to_owned();
        let mut messages = error.to_string().replace(&path, "FILE");
        for path in ["/dev/zero", "/proc/self/environ", "/"] {
            let error = failure(path);
            assert_eq!(error.kind, ErrorKind::Configuration);
            messages = format!("{messages}\n{}", error.message);
        }
        file.as_file().set_len(10 << 30).expect("sparse");
        let message = failure(&path).message.replace(&path, "FILE");
        insta::assert_snapshot!(format!("{messages}\n{message}"));
    }
}
