//! Loading the credentials. kube reads credentials from the kubeconfig;
//! `credential_program` runs programs, and `token_renewal` renews id tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::{Context, GatherError};
use kube::client::middleware::AuthLayer;
use kube::client::{ConfigExt as _, RustlsTlsError};
use rustls::ClientConfig;

use super::credential_program::CredentialProgram;
use super::credential_source::CredentialSource;

/// The credentials in the form that the kube client needs.
pub(super) struct ClientCredentials {
    /// Sets the `Authorization` header from the kubeconfig's credentials.
    pub auth: Option<AuthLayer>,
    /// Contains the client certificate. The caller sets the verifier.
    pub tls: ClientConfig,
    /// The program that prints the credentials, if the kubeconfig names one.
    pub program: Option<CredentialProgram>,
}

/// Loads the credentials. If a program prints them, it may run until the endpoint's deadline.
pub(super) async fn load(
    mut config: kube::Config,
    source: &CredentialSource,
    context: &Context,
) -> Result<ClientCredentials, GatherError> {
    let program = if matches!(source, CredentialSource::Program(_)) {
        let (program, certificate) =
            CredentialProgram::new(&config.auth_info, source, context).await?;
        // Otherwise kube would run the program too.
        (config.auth_info.exec, config.auth_info.auth_provider) = (None, None);
        if let Some((certificate, key)) = certificate {
            config.auth_info.client_certificate_data = Some(STANDARD.encode(certificate));
            config.auth_info.client_key_data = Some(STANDARD.encode(key).into());
        }
        Some(program)
    } else {
        None
    };
    let auth = config.auth_layer().map_err(|error| explain(&error, source))?;
    let tls = config.rustls_client_config().map_err(|error| explain(&error, source))?;
    Ok(ClientCredentials { auth, tls, program })
}

fn explain(error: &kube::Error, source: &CredentialSource) -> GatherError {
    match error {
        kube::Error::Auth(error) => source.failure(error),
        kube::Error::RustlsTls(error) => client_certificate_error(error),
        _ => GatherError::configuration(
            "the kubeconfig's user: its client certificate or key cannot be read",
        ),
    }
}

fn client_certificate_error(error: &RustlsTlsError) -> GatherError {
    use RustlsTlsError as Error;

    let why = match error {
        Error::MissingPrivateKey => "the client key does not contain a private key",
        Error::UnknownPrivateKeyFormat => "the client key or certificate has an unknown format",
        Error::MissingCertificate => "the client certificate does not contain a certificate",
        Error::InvalidPrivateKey(rustls::Error::InconsistentKeys(_)) => {
            "the client key does not belong to the client certificate"
        }
        Error::InvalidPrivateKey(_) => "the client key cannot be used",
        _ => "the client certificate or key is not PEM",
    };
    GatherError::configuration(format!("the kubeconfig's user: {why}"))
        .with_hint("the key must be PKCS#1, PKCS#8 or SEC1 in PEM, without a passphrase")
}
