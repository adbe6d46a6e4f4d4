//! Where credentials come from, and what it means when they cannot be had. kube reads them; where
//! it runs a program for that, it does so blocking, and therefore on a thread that we need not
//! wait for. Tokens that have to be had from elsewhere before a request are not its matter: `oidc`.

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;
use kube::client::middleware::AuthLayer;
use kube::client::{AuthError, ConfigExt as _, RustlsTlsError};
use rustls::ClientConfig;
use tokio::sync::oneshot;

use super::LONGEST_REQUEST;
use crate::kubeconfig::Access;

/// What is to be set up for a client.
pub(super) struct Credentials {
    /// Sets `Authorization`, and renews what it is made from.
    pub auth: Option<AuthLayer>,
    /// With the client's certificate. Who is trusted is said elsewhere.
    pub tls: ClientConfig,
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

    fn who(&self) -> String {
        match self {
            Self::Program(program) => format!("the kubeconfig's program {program:?}"),
            Self::Kubeconfig => "the kubeconfig's user".to_owned(),
        }
    }

    fn unsendable(&self) -> GatherError {
        GatherError::configuration(format!(
            "{}: a token or password holds a character that cannot be sent",
            self.who()
        ))
    }

    /// What kube's error about credentials means. None of its texts is passed on where it may hold
    /// what a program printed or a file contains.
    pub fn failure(&self, error: &AuthError) -> GatherError {
        let program = self.who();
        let authentication = |message: String| {
            GatherError::new(ErrorKind::Authentication, message)
                .with_hint("run the program by hand, as the user whom the gatherer runs as")
        };
        match error {
            AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => self.unsendable(),
            AuthError::AuthExecStart(error) => {
                GatherError::configuration(format!("{program} cannot be started: {error}"))
                    .with_hint("install it, or name it by its whole path")
            }
            AuthError::AuthExecRun { out, .. } => {
                authentication(format!("{program} failed: {}", out.status))
            }
            AuthError::AuthExecParse(_) | AuthError::ParseTokenKey(_) => {
                authentication(format!("{program} printed something else than credentials"))
            }
            AuthError::MalformedTokenExpirationDate(_) => authentication(format!(
                "{program} gave credentials whose time of expiry is no time"
            )),
            AuthError::MissingCommand => {
                GatherError::configuration(format!("{program}: exec names no command"))
            }
            AuthError::ExecMissingClusterInfo => GatherError::configuration(format!(
                "{program} wants to be told about the cluster, of which nothing is known"
            )),
            _ => authentication(format!("{program} gave no credentials")),
        }
    }
}

/// Reads the credentials. A program that is run for them may take as long as the endpoint has.
pub(super) async fn load(
    config: kube::Config,
    source: &Source,
    context: &Context,
) -> Result<Credentials, GatherError> {
    if !matches!(source, Source::Program(_)) {
        return read(&config).map_err(|error| explain(&error, source));
    }
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name("credentials".to_owned())
        .spawn(move || {
            // Nobody waits any more after the deadline.
            let _ = sender.send(read(&config).map_err(Box::new));
        })
        .map_err(|error| GatherError::internal(format!("no thread for a program: {error}")))?;
    let wait = run::operation_remaining(context).unwrap_or(LONGEST_REQUEST);
    match tokio::time::timeout(wait, receiver).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| explain(&error, source)),
        // The one panic there: tower-http's on a token that cannot stand in a header.
        Ok(Err(_)) => Err(source.unsendable()),
        Err(_) => Err(source.too_slow(context)),
    }
}

fn read(config: &kube::Config) -> Result<Credentials, kube::Error> {
    let auth = config.auth_layer()?;
    let mut rest = config.clone();
    // Asked for a certificate, kube would run the program again; it gives that or a token.
    rest.auth_info.auth_provider = None;
    if auth.is_some() {
        rest.auth_info.exec = None;
    }
    Ok(Credentials { auth, tls: rest.rustls_client_config()? })
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
