//! Where the identity service is, how the module logs in, and which compute service it uses.

use gatherer_plugin_api::{Context, GatherError, Secret};
use gatherer_plugin_support::http::{Url, display_url, is_loopback, parse_url, service_url};
use serde_json::{Value, json};

use crate::clouds_yaml::{self, CloudEntry};
use crate::{OpenStackParameters, SuseCloudParameters};

/// The name of the domain that every Keystone has.
const DEFAULT_DOMAIN: &str = "Default";

/// Everything that is known before the first request.
pub struct Access {
    /// The URL of version 3 of the identity service, without a slash at its end.
    pub auth_url: Url,
    /// The credentials.
    pub identity: Identity,
    /// The project. An application credential has its own.
    pub project: Option<Named>,
    /// The region, if one is given.
    pub region: Option<String>,
    /// The interface of the compute service.
    pub interface: Interface,
    /// Whether only the project's servers are read.
    pub tenant_only: bool,
    /// Whether certificates are not verified.
    pub insecure: bool,
    /// What the operator should know about these settings.
    pub warnings: Vec<String>,
}

/// How the module logs in.
pub enum Identity {
    /// A user with a password.
    Password {
        /// The user.
        user: Named,
        /// The password.
        password: Secret<String>,
    },
    /// An application credential.
    ApplicationCredential {
        /// The credential. Its name is unique for a user only.
        credential: Named,
        /// The user, if the credential is given by its name.
        user: Option<Named>,
        /// The secret.
        secret: Secret<String>,
    },
}

/// A user, a project or a credential, by its id or by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// The id.
    Id(String),
    /// The name, with the domain in which it is unique.
    Name(String, Domain),
}

/// A domain, by its id or by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// The id.
    Id(String),
    /// The name.
    Name(String),
}

/// The interface of an endpoint in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    /// For all users.
    Public,
    /// For the cloud's own network.
    Internal,
    /// For administrators.
    Admin,
}

impl Domain {
    /// The domain with this name; `Default` without one.
    pub fn named(name: &str) -> Self {
        Self::Name(if name.is_empty() { DEFAULT_DOMAIN } else { name }.to_owned())
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({"id": id}),
            Self::Name(name) => json!({"name": name}),
        }
    }
}

impl Named {
    /// The id or the name, for messages.
    pub fn shown(&self) -> &str {
        match self {
            Self::Id(text) | Self::Name(text, _) => text,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({"id": id}),
            Self::Name(name, domain) => json!({"name": name, "domain": domain.to_json()}),
        }
    }
}

impl Identity {
    /// The credentials for messages, as a noun with its article.
    pub fn name(&self) -> String {
        match self {
            Self::Password { user, .. } => format!("the password of the user {}", user.shown()),
            Self::ApplicationCredential { credential, .. } => {
                format!("the application credential {}", credential.shown())
            }
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Password { user, password } => {
                let mut user = user.to_json();
                user["password"] = json!(password.expose());
                json!({"methods": ["password"], "password": {"user": user}})
            }
            Self::ApplicationCredential { credential, user, secret } => {
                let mut body = match credential {
                    Named::Id(id) => json!({"id": id}),
                    Named::Name(name, _) => json!({"name": name}),
                };
                if let Some(user) = user {
                    body["user"] = user.to_json();
                }
                body["secret"] = json!(secret.expose());
                json!({"methods": ["application_credential"], "application_credential": body})
            }
        }
    }
}

impl Interface {
    /// The interface with this word. Some documents have the words of version 2.0 of the identity service.
    fn parse(word: &str) -> Result<Self, GatherError> {
        match word {
            "" | "public" | "publicURL" => Ok(Self::Public),
            "internal" | "internalURL" => Ok(Self::Internal),
            "admin" | "adminURL" => Ok(Self::Admin),
            _ => Err(GatherError::configuration("the parameter interface is not known")
                .with_hint("set it to public, internal or admin")),
        }
    }

    /// The word in the catalog.
    pub fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Admin => "admin",
        }
    }
}

impl Access {
    /// The access for the parameters of module SUSECloud.
    pub fn of_suse_cloud(parameters: SuseCloudParameters) -> Result<Self, GatherError> {
        let SuseCloudParameters { hostname, port, username, password, protocol, .. } = parameters;
        let scheme = match protocol.trim() {
            "" => "https",
            scheme @ ("https" | "http") => scheme,
            _ => {
                return Err(GatherError::configuration("the parameter protocol is not known")
                    .with_hint("set it to https or http"));
            }
        };
        let url = service_url(scheme, &hostname, port)
            .map_err(|why| GatherError::configuration(format!("the parameter hostname {why}")))?;
        let tenant = match parameters.tenant.trim() {
            "" => return Err(GatherError::configuration("the parameter tenant is empty")),
            tenant => tenant.to_owned(),
        };
        let user = Named::Name(username.trim().to_owned(), Domain::named(""));
        Self {
            auth_url: version_3(&url),
            identity: Identity::Password { user, password },
            project: Some(Named::Name(tenant, Domain::named(""))),
            region: given(&parameters.region),
            interface: Interface::parse(parameters.interface.trim())?,
            tenant_only: parameters.tenant_only.unwrap_or(false),
            insecure: false,
            warnings: Vec::new(),
        }
        .checked()
    }

    /// The access for the parameters of module OpenStack.
    pub fn of_open_stack(
        parameters: OpenStackParameters,
        context: &Context,
    ) -> Result<Self, GatherError> {
        let entry = match given(&parameters.clouds_yaml) {
            Some(_) => clouds_yaml::read(&parameters.clouds_yaml, parameters.cloud.trim())?,
            None if given(&parameters.cloud).is_some() => {
                return Err(GatherError::configuration(
                    "the parameter cloud is given, and clouds_yaml is not",
                )
                .with_hint("set clouds_yaml to the path of a clouds.yaml, or to its text"));
            }
            None => CloudEntry::default(),
        };
        for secret in entry.secrets() {
            context.secret(secret);
        }
        let auth_url = given(&parameters.auth_url).or(entry.auth_url).ok_or_else(|| {
            GatherError::configuration("the parameter auth_url is not given")
                .with_hint("set it to the URL of the identity service (Keystone)")
        })?;
        let url = parse_url(&auth_url)
            .map_err(|why| GatherError::configuration(format!("the parameter auth_url {why}")))?;
        let user_domain =
            given(&parameters.user_domain).map(Domain::Name).or(entry.user_domain.clone());
        let user_domain = user_domain.unwrap_or_else(|| Domain::named(""));
        let user = given(&parameters.username)
            .or(entry.username)
            .map(|name| Named::Name(name, user_domain))
            .or(entry.user_id.map(Named::Id));
        let password = given_secret(parameters.password).or(entry.password);
        let credential = given(&parameters.application_credential_id)
            .or(entry.application_credential_id)
            .map(Named::Id)
            .or(entry.application_credential_name.map(|name| Named::Name(name, Domain::named(""))));
        let secret = given_secret(parameters.application_credential_secret)
            .or(entry.application_credential_secret);
        let mut warnings = entry.warnings;
        let identity = match (credential, secret, user, password) {
            (Some(credential), Some(secret), user, password) => {
                if password.is_some() {
                    warnings.push(
                        "both a password and an application credential are given; the credential is used"
                            .to_owned(),
                    );
                }
                let by_name = matches!(credential, Named::Name(..));
                if by_name && user.is_none() {
                    return Err(GatherError::configuration(
                        "the application credential is given by its name, without its user",
                    )
                    .with_hint("give its id, or the user"));
                }
                let user = user.filter(|_| by_name);
                Identity::ApplicationCredential { credential, user, secret }
            }
            (None, None, Some(user), Some(password)) => Identity::Password { user, password },
            (Some(_), None, ..) | (None, Some(_), ..) => {
                return Err(GatherError::configuration(
                    "only one of application_credential_id and application_credential_secret is given",
                ));
            }
            _ => {
                return Err(GatherError::configuration(
                    "either username and password or application_credential_id and \
                     application_credential_secret must be given",
                ));
            }
        };
        let project_domain = given(&parameters.project_domain)
            .map(Domain::Name)
            .or(entry.project_domain)
            .unwrap_or_else(|| Domain::named(""));
        let project = given(&parameters.project)
            .map(|name| Named::Name(name, project_domain.clone()))
            .or(entry.project_id.map(Named::Id))
            .or(entry.project_name.map(|name| Named::Name(name, project_domain)));
        if project.is_none() && matches!(identity, Identity::Password { .. }) {
            return Err(GatherError::configuration("the parameter project is not given").with_hint(
                "set it to a project in which the user has a role: without one there is no catalog",
            ));
        }
        let interface = given(&parameters.interface).or(entry.interface).unwrap_or_default();
        Self {
            auth_url: version_3(&url),
            identity,
            project,
            region: given(&parameters.region).or(entry.region),
            interface: Interface::parse(&interface)?,
            tenant_only: parameters.tenant_only.unwrap_or(false),
            insecure: entry.insecure,
            warnings,
        }
        .checked()
    }

    /// Rejects a URL that cannot be used, and adds the warnings about its protection.
    fn checked(mut self) -> Result<Self, GatherError> {
        let url = &self.auth_url;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(GatherError::configuration(
                "the URL of the identity service is neither https nor http",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(GatherError::configuration(
                "the parameter auth_url contains a user or a password",
            )
            .with_hint("set username and password instead"));
        }
        if url.scheme() == "http" && !is_loopback(url) {
            self.warnings.push(format!(
                "the password is sent to {} without encryption: use https",
                display_url(url)
            ));
        }
        if self.insecure {
            self.warnings.push(
                "certificates are not verified (verify is false): an attacker in the network can read \
                 and change the traffic"
                    .to_owned(),
            );
        }
        Ok(self)
    }

    /// The body of the request for a token.
    pub fn token_request(&self) -> Value {
        let mut auth = json!({"identity": self.identity.to_json()});
        // An application credential must not have a scope.
        if let (Identity::Password { .. }, Some(project)) = (&self.identity, &self.project) {
            auth["scope"] = json!({"project": project.to_json()});
        }
        json!({"auth": auth})
    }
}

/// The URL of version 3 of the identity service. The given URL may end with a version.
fn version_3(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let (base, last) = path.rsplit_once('/').unwrap_or(("", &path));
    let base = if matches!(last, "v3" | "v2.0") { base } else { &path };
    url.set_path(&format!("{base}/v3"));
    url
}

/// The text without blanks around it, unless it is empty.
fn given(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn given_secret(secret: Option<Secret<String>>) -> Option<Secret<String>> {
    secret.filter(|secret| !secret.expose().is_empty())
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
