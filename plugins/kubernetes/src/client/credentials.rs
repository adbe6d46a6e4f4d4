//! Loading the credentials. kube adds those that stand in the kubeconfig to each request;
//! `credential_program` runs programs, and `token_renewal` renews id tokens.

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::http::ClientCertificate;
use kube::client::ConfigExt as _;
use kube::client::middleware::AuthLayer;

use super::credential_program::CredentialProgram;
use super::credential_source::CredentialSource;
use crate::kubeconfig::Access;

/// The credentials in the form that the kube client and the transport need.
pub(super) struct ClientCredentials {
    /// Sets the `Authorization` header from the kubeconfig's credentials.
    pub auth: Option<AuthLayer>,
    pub certificate: Option<ClientCertificate>,
    /// The program that prints the credentials, if the kubeconfig names one.
    pub program: Option<CredentialProgram>,
}

/// Loads the credentials. If a program prints them, it may run until the endpoint's deadline. Removes the
/// program from `config`, because kube would run it too.
pub(super) async fn load(
    config: &mut kube::Config,
    access: &Access,
    source: &CredentialSource,
    context: &Context,
) -> Result<ClientCredentials, GatherError> {
    let mut certificate = access.client_certificate.clone();
    let mut program = None;
    if matches!(source, CredentialSource::Program(_)) {
        let (started, printed) = CredentialProgram::new(&config.auth_info, source, context).await?;
        (config.auth_info.exec, config.auth_info.auth_provider) = (None, None);
        if let Some((printed, key)) = printed {
            let parsed = ClientCertificate::from_pem(printed.as_bytes(), key.as_bytes());
            let parsed = parsed.map_err(|error| {
                let part = if error.is_about_key { "key" } else { "certificate" };
                let (name, why) = (source.name(), &error.why);
                let message = format!("{name}: the printed client {part} {why}");
                error.refine(GatherError::configuration(message).with_hint(
                    "the key must be PKCS#1, PKCS#8 or SEC1 in PEM, without a passphrase",
                ))
            })?;
            if parsed.has_invalid_blocks {
                let message =
                    "a PEM block beside the printed client certificate is not valid and is ignored";
                context.warning(source.name(), message)?;
            }
            certificate = Some(parsed);
        }
        program = Some(started);
    }
    let auth = config.auth_layer().map_err(|error| match error {
        kube::Error::Auth(error) => source.failure(&error),
        _ => GatherError::internal("the kubeconfig's credentials cannot be used"),
    })?;
    Ok(ClientCredentials { auth, certificate, program })
}
