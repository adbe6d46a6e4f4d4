//! Where the credentials come from, the errors that name this source, and the header of a token.

use std::time::Duration;

use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::run;
use http::HeaderValue;
use kube::client::AuthError;
use secrecy::{ExposeSecret as _, SecretString};

use crate::kubeconfig::Access;

/// The timeout of one request, or of a program that prints credentials, if the endpoint has no deadline.
pub(super) const LONGEST_REQUEST: Duration = Duration::from_mins(5);

/// Where the credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CredentialSource {
    /// The kubeconfig, or a file that it names.
    Kubeconfig,
    /// The service account of the pod.
    ServiceAccount,
    /// The program with this command.
    Program(String),
}

impl CredentialSource {
    pub fn of(access: &Access) -> Self {
        if access.is_in_pod {
            return Self::ServiceAccount;
        }
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

    /// The error if the credentials did not arrive in time.
    pub fn too_slow(&self, context: &Context) -> GatherError {
        let limit = match context.deadline() {
            Some(_) => format!("the endpoint's {}", run::timeout_text(context)),
            None => run::seconds(LONGEST_REQUEST),
        };
        let message = match self {
            Self::Kubeconfig | Self::ServiceAccount => {
                format!("reading the credentials did not finish within {limit}")
            }
            Self::Program(program) => {
                format!(
                    "the kubeconfig's program {program:?} returned no credentials within {limit}"
                )
            }
        };
        GatherError::new(ErrorKind::Timeout, message).with_retryable(false)
    }

    /// The source as messages name it.
    pub fn name(&self) -> String {
        match self {
            Self::Program(program) => format!("the kubeconfig's program {program:?}"),
            Self::Kubeconfig => "the kubeconfig's user".to_owned(),
            Self::ServiceAccount => "the pod's service account".to_owned(),
        }
    }

    pub fn unsendable(&self) -> GatherError {
        GatherError::configuration(format!(
            "{}: a token or password contains a character that cannot be sent",
            self.name()
        ))
    }

    /// Converts kube's error about credentials. kube reads only those in the kubeconfig.
    pub fn failure(&self, error: &AuthError) -> GatherError {
        match error {
            AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => self.unsendable(),
            _ => GatherError::new(
                ErrorKind::Authentication,
                format!("{} has no usable credentials", self.name()),
            ),
        }
    }
}

/// The `Authorization` header of a bearer token.
pub(super) fn bearer(token: &SecretString) -> Result<HeaderValue, GatherError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
            GatherError::configuration(
                "the kubeconfig's user: its token contains a character that cannot be sent",
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}
