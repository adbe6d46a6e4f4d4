//! TLS configuration: which authorities are trusted, and the client certificate. ring is the provider.

use std::path::Path;
use std::sync::Arc;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};

use super::client_certificate::ClientCertificate;
use super::pem_blocks::PemBlocks;
use super::trusted_certificates::TrustedCertificates;
use super::verifier::CertificateVerifier;
use super::x509::X509;
use crate::file;

/// The maximum size of a `ca_file`. A system's whole bundle with its comments has about 1 MiB.
const CA_FILE_MAX_BYTES: usize = 8 * 1024 * 1024;

/// How the connection to a service is secured, in addition to the endpoint's options.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Certificates of authorities in PEM that replace the system's. The endpoint's `ca_file` is still
    /// trusted too.
    pub authorities: Option<Vec<u8>>,
    /// True if certificates are not verified. The caller has warned of this; only the endpoint's option
    /// `insecure` causes a warning here.
    pub insecure: bool,
    /// The certificate that the service gets if it requests one. It replaces that of the endpoint's
    /// options.
    pub client_certificate: Option<ClientCertificate>,
    /// The name that the server's certificate must have, if it is not the URL's host.
    pub server_name: Option<ServerName<'static>>,
}

/// The configuration of rustls for these settings and the endpoint's options.
pub(super) fn config(
    context: &Context,
    settings: &TlsSettings,
) -> Result<Arc<ClientConfig>, GatherError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trusted = if context.options().insecure || settings.insecure {
        None
    } else {
        let (roots, certificates) = trusted_certificates(context, settings)?;
        Some(TrustedCertificates::new(roots, certificates, &provider)?)
    };
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| GatherError::internal(format!("TLS cannot be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(CertificateVerifier { trusted, algorithms }));
    Ok(Arc::new(match &settings.client_certificate {
        Some(ClientCertificate { pair, .. }) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(pair))))
        }
        None => builder.with_no_client_auth(),
    }))
}

/// The trusted authorities, and all trusted certificates in full.
fn trusted_certificates(
    context: &Context,
    settings: &TlsSettings,
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), GatherError> {
    let mut roots = RootCertStore::empty();
    let mut certificates = Vec::new();
    match &settings.authorities {
        Some(pem) => add_pem(&mut roots, &mut certificates, pem, &|why| {
            GatherError::configuration(format!("certificate authorities: {why}"))
        })?,
        None => add_system(&mut roots, &mut certificates),
    }
    if let Some(path) = &context.options().ca_file {
        add_file(&mut roots, &mut certificates, path)?;
    }
    if certificates.is_empty() {
        let message = "no trusted certificate is installed on this machine";
        return Err(GatherError::new(ErrorKind::Tls, message)
            .with_hint("install ca-certificates, or name a file with certificates in ca_file"));
    }
    Ok((roots, certificates))
}

fn add_system(roots: &mut RootCertStore, certificates: &mut Vec<CertificateDer<'static>>) {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!("a trusted certificate cannot be read: {error}");
    }
    let results = found.certs.into_iter().map(|found| trust(roots, certificates, found));
    let ignored = results.filter(Result::is_err).count();
    if ignored > 0 {
        tracing::debug!("{ignored} of the system's trusted certificates are not understood");
    }
}

/// Adds a trusted certificate. It is an authority too, unless it says that it is none: the key of a server whose
/// certificate is trusted must not sign certificates of other servers.
pub(super) fn trust(
    roots: &mut RootCertStore,
    certificates: &mut Vec<CertificateDer<'static>>,
    certificate: CertificateDer<'static>,
) -> Result<(), rustls::Error> {
    if X509::parse(&certificate).is_some_and(|parsed| parsed.denies_authority()) {
        ParsedCertificate::try_from(&certificate)?;
    } else {
        roots.add(certificate.clone())?;
    }
    certificates.push(certificate);
    Ok(())
}

fn add_file(
    roots: &mut RootCertStore,
    certificates: &mut Vec<CertificateDer<'static>>,
    path: &str,
) -> Result<(), GatherError> {
    let invalid = |why: String| {
        GatherError::configuration(format!("ca_file {path}: {why}"))
            .with_hint("the file must contain certificates in PEM: -----BEGIN CERTIFICATE-----")
    };
    let pem = file::read(Path::new(path), CA_FILE_MAX_BYTES)
        .map_err(|error| invalid(format!("the file {error}")))?;
    add_pem(roots, certificates, &pem, &invalid)
}

fn add_pem(
    roots: &mut RootCertStore,
    certificates: &mut Vec<CertificateDer<'static>>,
    pem: &[u8],
    invalid: &dyn Fn(String) -> GatherError,
) -> Result<(), GatherError> {
    let found = PemBlocks::parse(pem);
    if found.has_malformed {
        return Err(invalid("a certificate is not valid PEM".to_owned()));
    }
    let mut number = 0;
    for certificate in found.labelled("CERTIFICATE") {
        number += 1;
        trust(roots, certificates, CertificateDer::from(certificate))
            .map_err(|_| invalid(format!("certificate {number} is not a valid certificate")))?;
    }
    if number == 0 {
        return Err(invalid("the file contains no certificate".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use gatherer_plugin_api::Options;
    use gatherer_plugin_api::testing::Recorder;

    use super::*;

    fn failure(ca_file: &str) -> GatherError {
        let options = Options { ca_file: Some(ca_file.to_owned()), ..Options::default() };
        config(&Recorder::new().options(options).context(), &TlsSettings::default())
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
