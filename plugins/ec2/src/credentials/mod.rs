//! Where the credentials come from: the endpoint, or this machine, if the operator's file allows that.

mod metadata;
mod shared_file;
mod web_identity;

use std::path::PathBuf;

use aws_credential_types::Credentials;
use gatherer_plugin_api::{Context, GatherError, Policy};
use gatherer_plugin_support::http::Url;

use crate::Parameters;
use crate::partition::{Region, service_url};

pub use shared_file::keys_of_profile;
pub use web_identity::{is_token, keys_of_role};

/// How the library names this module in its messages.
const PROVIDER: &str = "gatherer";

/// The identity of the machine on which the program runs.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The instance metadata service, if it has one.
    pub metadata: Option<Url>,
    /// The shared credentials file of the user that runs the program.
    pub credentials_file: Option<PathBuf>,
}

impl Machine {
    /// This machine. The variables are those of Amazon's clients; the worker gets them from the runner.
    pub fn of_process() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let metadata = match set("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            Some(url) => url.to_str().and_then(|url| Url::parse(url).ok()),
            None => Url::parse("http://169.254.169.254/").ok(),
        };
        let of_home = || set("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
        let credentials_file = set("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
        Self { metadata, credentials_file: credentials_file.or_else(of_home) }
    }
}

/// The access key of an answer or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The id.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The session token of temporary credentials.
    pub token: Option<String>,
}

impl Keys {
    /// The credentials, whose secrets the runner redacts from now on.
    fn credentials(self, context: &Context) -> Credentials {
        for secret in [Some(&self.secret), self.token.as_ref()].into_iter().flatten() {
            context.secret(secret);
        }
        Credentials::new(self.id, self.secret, self.token, None, PROVIDER)
    }
}

/// Where the credentials come from.
#[derive(Debug)]
pub enum Source {
    /// The access key of the endpoint.
    Endpoint(Credentials),
    /// A profile of the shared credentials file.
    Profile {
        /// Its name.
        name: String,
        /// The file.
        file: PathBuf,
    },
    /// A role that is assumed with a web identity.
    WebIdentity {
        /// The ARN of the role.
        role: String,
        /// The file with the token.
        file: PathBuf,
        /// The URL of STS.
        sts: Url,
    },
    /// The role of this machine, from its metadata service.
    Metadata(Url),
}

impl Source {
    /// Chooses the source. `endpoint` is the URL to which the credentials will be sent.
    pub fn choose(
        parameters: &Parameters,
        region: &Region,
        endpoint: &Url,
        machine: &Machine,
        policy: &Policy,
    ) -> Result<Self, GatherError> {
        let text = |value: Option<&str>| {
            value.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let id = text(parameters.access_key_id.as_deref());
        let secret = text(parameters.secret_access_key.as_ref().map(|it| it.expose().as_str()));
        let token = text(parameters.session_token.as_ref().map(|it| it.expose().as_str()));
        let profile = text(parameters.profile.as_deref());
        let role = text(parameters.role_arn.as_deref());
        let file = text(parameters.web_identity_token_file.as_deref());
        let has_keys = id.is_some() || secret.is_some() || token.is_some();
        let kinds = [has_keys, profile.is_some(), role.is_some() || file.is_some()];
        if kinds.into_iter().filter(|is_set| *is_set).count() > 1 {
            return Err(GatherError::configuration(
                "the endpoint has several kinds of credentials",
            )
            .with_hint("set an access key, or profile, or role_arn with web_identity_token_file"));
        }
        match (id, secret) {
            (Some(id), Some(secret)) => {
                return Ok(Self::Endpoint(Credentials::new(id, secret, token, None, PROVIDER)));
            }
            (None, None) if !has_keys => {}
            _ => {
                return Err(GatherError::configuration(
                    "access_key_id and secret_access_key belong together, and one of them is missing",
                ));
            }
        }
        let is_named = profile.is_some() || role.is_some() || file.is_some();
        check_allowed(is_named, policy)?;
        let sts = match text(parameters.sts_endpoint_url.as_deref()) {
            Some(url) => service_url("sts_endpoint_url", &url)?,
            None => region.service("sts")?,
        };
        for (parameter, service, url) in
            [("endpoint_url", "ec2", endpoint), ("sts_endpoint_url", "sts", &sts)]
        {
            // The author of a request must not get tokens of this machine.
            if !region.is_own_service(service, url) {
                let message = format!(
                    "the identity of this machine is not sent to the host of {parameter}: it is not \
                     {} of Amazon in the region",
                    service.to_uppercase()
                );
                return Err(GatherError::configuration(message)
                    .with_hint("use an access key for a service of another provider"));
            }
        }
        match (profile, role, file) {
            (Some(name), _, _) => {
                let file = machine.credentials_file.clone().ok_or_else(|| {
                    GatherError::configuration("the user has no shared credentials file")
                        .with_hint("set HOME or AWS_SHARED_CREDENTIALS_FILE for the program")
                })?;
                Ok(Self::Profile { name, file })
            }
            (None, Some(role), Some(file)) => {
                Ok(Self::WebIdentity { role, file: PathBuf::from(file), sts })
            }
            (None, None, None) => machine.metadata.clone().map(Self::Metadata).ok_or_else(|| {
                GatherError::configuration(
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT of the program is not a URL",
                )
            }),
            _ => Err(GatherError::configuration(
                "role_arn and web_identity_token_file belong together, and one of them is missing",
            )),
        }
    }

    /// The credentials, for messages.
    pub fn name(&self) -> String {
        match self {
            Self::Endpoint(credentials) => {
                format!("the access key {}", credentials.access_key_id())
            }
            Self::Profile { name, .. } => format!("the access key of the profile {name}"),
            Self::WebIdentity { role, .. } => format!("the role {role}"),
            Self::Metadata(_) => "the role of this machine".to_owned(),
        }
    }

    /// Obtains the credentials, by one attempt.
    pub async fn load(&self, context: &Context) -> Result<Credentials, GatherError> {
        let keys = match self {
            Self::Endpoint(credentials) => return Ok(credentials.clone()),
            Self::Profile { name, file } => shared_file::read(file, name)?,
            Self::WebIdentity { role, file, sts } => {
                web_identity::assume_role(role, file, sts, context).await?
            }
            Self::Metadata(url) => metadata::keys(url, context).await?,
        };
        Ok(keys.credentials(context))
    }
}

/// Refuses the identity of this machine, unless the operator allows it.
fn check_allowed(is_named: bool, policy: &Policy) -> Result<(), GatherError> {
    if policy.allow_machine_identity {
        return Ok(());
    }
    let error = GatherError::configuration(if is_named {
        "the endpoint names credentials of this machine, which is not allowed"
    } else {
        "the endpoint has no access_key_id and secret_access_key"
    });
    Err(error.with_hint(format!(
        "set access_key_id and secret_access_key, or let the operator set allow_machine_identity in {}",
        policy.config_file
    )))
}
