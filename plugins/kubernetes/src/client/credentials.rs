//! Where credentials come from, and what it means when they cannot be had. kube reads those that stand in
//! the kubeconfig; programs are run by `exec`, and id tokens renewed by `oidc`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;
use kube::client::middleware::AuthLayer;
use kube::client::{AuthError, ConfigExt as _, RustlsTlsError};
use rustls::ClientConfig;

use super::LONGEST_REQUEST;
use super::exec::Program;
use crate::kubeconfig::Access;

/// What is to be set up for a client.
pub(super) struct Credentials {
    /// Sets `Authorization`, and renews what it is made from.
    pub auth: Option<AuthLayer>,
    /// With the client's certificate. Who is trusted is said elsewhere.
    pub tls: ClientConfig,
    /// The program that gives them, if it is one: what `Authorization` is set from.
    pub program: Option<Program>,
}

/// Where credentials come from, as far as that takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The kubeconfig itself.
    Kubeconfig,
    /// This program.
    Program(String),
}

impl Source {
    pub fn of(access: &Access) -> Self {
        let auth = &access.auth;
        if let Some(provider) = &auth.auth_provider {
            let program = provider.config.get("cmd-path").cloned();
            return program.map_or(Self::Kubeconfig, Self::Program);
        }
        match auth.exec.as_ref().and_then(|exec| exec.command.clone()) {
            Some(program) => Self::Program(program),
            None => Self::Kubeconfig,
        }
    }

    /// The wait for credentials came to its end.
    pub fn too_slow(&self, context: &Context) -> GatherError {
        let limit = match context.deadline() {
            Some(_) => format!("the endpoint's {}", run::timeout_text(context)),
            None => run::seconds(LONGEST_REQUEST),
        };
        let who = match self {
            Self::Kubeconfig => "reading credentials".to_owned(),
            Self::Program(program) => format!("the kubeconfig's program {program:?}"),
        };
        GatherError::new(ErrorKind::Timeout, format!("{who} gave no credentials within {limit}"))
            .with_retryable(false)
    }

    pub fn who(&self) -> String {
        match self {
            Self::Program(program) => format!("the kubeconfig's program {program:?}"),
            Self::Kubeconfig => "the kubeconfig's user".to_owned(),
        }
    }

    pub fn unsendable(&self) -> GatherError {
        GatherError::configuration(format!(
            "{}: a token or password holds a character that cannot be sent",
            self.who()
        ))
    }

    /// What kube's error about credentials means. It reads them from the kubeconfig only.
    pub fn failure(&self, error: &AuthError) -> GatherError {
        match error {
            AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => self.unsendable(),
            _ => GatherError::new(
                ErrorKind::Authentication,
                format!("{} gave no credentials", self.who()),
            ),
        }
    }
}

/// Reads the credentials. A program that is run for them may take as long as the endpoint has.
pub(super) async fn load(
    mut config: kube::Config,
    source: &Source,
    context: &Context,
) -> Result<Credentials, GatherError> {
    let program = if matches!(source, Source::Program(_)) {
        let (program, certificate) = Program::new(&config.auth_info, source, context).await?;
        // kube would run it as well.
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
    Ok(Credentials { auth, tls, program })
}

fn explain(error: &kube::Error, source: &Source) -> GatherError {
    match error {
        kube::Error::Auth(error) => source.failure(error),
        kube::Error::RustlsTls(error) => client_certificate(error),
        _ => GatherError::configuration(
            "the kubeconfig's user: its client certificate or key cannot be read",
        ),
    }
}

fn client_certificate(error: &RustlsTlsError) -> GatherError {
    use RustlsTlsError as Error;

    let why = match error {
        Error::MissingPrivateKey => "the client's key holds no private key",
        Error::UnknownPrivateKeyFormat => "the client's key or certificate holds something else",
        Error::MissingCertificate => "the client's certificate holds none",
        Error::InvalidPrivateKey(rustls::Error::InconsistentKeys(_)) => {
            "the client's key does not belong to its certificate"
        }
        Error::InvalidPrivateKey(_) => "the client's key cannot be used",
        _ => "the client's certificate or key is not PEM",
    };
    GatherError::configuration(format!("the kubeconfig's user: {why}"))
        .with_hint("a key is PKCS#1, PKCS#8 or SEC1 in PEM, without a passphrase")
}
