//! Reads a kubeconfig: the settings and credentials of one connection. A kubeconfig is untrusted
//! input: it must not be able to run a program on this machine or to send one of its files away.
//!
//! The entry point is [`read`]. `in_cluster` replaces the kubeconfig by the identity of a pod. `source` loads the document, and
//! `config_node` gives typed access to the result. `cluster` and `user` (with `token`, `exec`,
//! `auth_provider` and `oidc`) read the two entries that a context names. `files` opens the files
//! that they name, and `pem` checks certificate authorities.

mod auth_provider;
mod cluster;
mod config_node;
mod exec;
mod files;
mod in_cluster;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod kubeconfig_fuzzing;
mod oidc;
mod pem;
mod source;
#[cfg(test)]
mod tests;
mod token;
mod url_secrets;
mod user;

use std::fmt;

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{Context, GatherError, Policy, Secret};
use gatherer_plugin_support::http::ClientCertificate;
use http::Uri;
use kube::config::AuthInfo;
use rustls::pki_types::ServerName;
use secrecy::SecretString;

use self::config_node::{ConfigNode, error, looks_secret, shown};
use self::files::Files;

pub use self::oidc::{IdToken, LOG_IN, Oidc, Renewal};
pub use self::token::TokenFile;
pub use gatherer_plugin_support::yaml::parse as parse_yaml;

/// How many names a hint lists.
const NAMES_MAX: usize = 10;

/// The settings and credentials of a connection.
#[derive(Clone)]
pub struct Access {
    /// The context's name, for messages.
    pub context: String,
    /// The cluster's name, for messages.
    pub cluster: String,
    /// The user's name, for messages; empty if the context has none.
    pub user: String,
    /// Whether this is the service account of the pod that the program runs in, and not a kubeconfig.
    pub is_in_pod: bool,
    /// The API server: an http or https URL with a host and maybe a path, without user-info and query.
    pub server: Uri,
    /// Certificate authorities, PEM. At least one is valid.
    pub ca: Option<Vec<u8>>,
    /// Whether to skip verification of the server's certificate.
    pub insecure: bool,
    /// The name that the server's certificate must have, instead of the host name.
    pub tls_server_name: Option<ServerName<'static>>,
    /// The proxy's URL from the kubeconfig, not validated.
    pub proxy_url: Option<Secret<String>>,
    /// The credentials. They name no files: the contents of files are in the `-data` fields. `exec`,
    /// and an `auth_provider` that runs a program, are set only if the operator allows them.
    pub auth: AuthInfo,
    /// The client certificate and its key. `auth` has neither.
    pub client_certificate: Option<ClientCertificate>,
    /// The file with the bearer token. If set, `auth` has no token.
    pub token_file: Option<TokenFile>,
    /// The id token and its renewal. If set, `auth` has no token and no `auth_provider`.
    pub oidc: Option<Oidc>,
    /// Warnings about the cluster or the user.
    pub warnings: Vec<Warning>,
    /// Every secret text in the kubeconfig, and in the files that it names.
    pub secrets: Vec<Secret<String>>,
}

impl Access {
    /// The bearer token as messages name it.
    pub fn token_text(&self) -> String {
        match (&self.token_file, &self.oidc) {
            (Some(file), _) if self.is_in_pod => {
                format!("the token of the pod's service account ({})", file.name())
            }
            (Some(file), _) => file.token_text(),
            (None, Some(_)) => {
                format!("the id-token of the kubeconfig's user {}", shown(&self.user))
            }
            (None, None) => format!("the token of the kubeconfig's user {}", shown(&self.user)),
        }
    }

    /// The token in the kubeconfig, if it is not renewed.
    pub fn fixed_token(&self) -> Option<&SecretString> {
        match &self.oidc {
            Some(Oidc { id_token: Some(token), renewal: Err(_) }) => Some(&token.text),
            _ => self.auth.token.as_ref(),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `auth` is left out, because kube prints the contents of its `exec` and `auth_provider`.
        f.debug_struct("Access")
            .field("context", &self.context)
            .field("cluster", &self.cluster)
            .field("user", &self.user)
            .field("is_in_pod", &self.is_in_pod)
            .field("server", &self.server)
            .field("insecure", &self.insecure)
            .field("tls_server_name", &self.tls_server_name)
            .field("proxy_url", &self.proxy_url)
            .field("token_file", &self.token_file)
            .field("warnings", &self.warnings)
            .field("secrets", &self.secrets.len())
            .finish_non_exhaustive()
    }
}

/// Reads the parameter `kubeconfig`, which is a path or the document itself, for the context of this
/// name or, without one, for the current context. The word `in-cluster` is the service account of the pod.
///
/// The error's kind is `configuration`, except `unsupported` for an auth-provider that is not
/// supported, and `authentication` for an expired id token that cannot be renewed. Error messages
/// quote no values of the document except names and the paths of files.
pub fn read(
    kubeconfig: &str,
    context: Option<&str>,
    endpoint: &Context,
) -> Result<Access, GatherError> {
    if in_cluster::is_in_cluster(kubeconfig) {
        return in_cluster::read(context, endpoint.options(), &in_cluster::Pod::of_process());
    }
    read_with(kubeconfig, context, &endpoint.options().policy)
}

fn read_with(
    kubeconfig: &str,
    context: Option<&str>,
    policy: &Policy,
) -> Result<Access, GatherError> {
    let source = source::read(kubeconfig, policy)?;
    let (origin, files) = (source.origin.as_str(), &source.files);
    let root = ConfigNode::root(origin, &source.value)?;
    check_kind(&root)?;

    let requested = context.filter(|name| !name.is_empty());
    let name = match requested {
        Some(name) => name,
        None => root.text("current-context")?.ok_or_else(|| no_context(&root, origin))?,
    };
    let context = entry(&root, origin, "context", name)?.ok_or_else(|| {
        let why = if requested.is_some() { "" } else { ", which current-context names" };
        let missing = format!("there is no context {}{why}", shown(name));
        error(origin, missing).with_hint(names(&root, "contexts"))
    })?;

    let cluster_name = context.text("cluster")?.ok_or_else(|| {
        error(origin, format_args!("the context {} does not name a cluster", shown(name)))
    })?;
    let cluster_node = entry(&root, origin, "cluster", cluster_name)?.ok_or_else(|| {
        let (cluster, name) = (shown(cluster_name), shown(name));
        error(origin, format_args!("there is no cluster {cluster}, which the context {name} names"))
            .with_hint(names(&root, "clusters"))
    })?;
    let user_name = context.text("user")?;
    let user_node = match user_name {
        Some(user_name) => entry(&root, origin, "user", user_name)?,
        None => None,
    };
    let mut secrets = Vec::new();
    let cluster = cluster::read(&cluster_node, files, &mut secrets)?;
    let missing_user_warning = || {
        let (name, users) = (shown(name), names(&root, "users"));
        let warning = format!(
            "there is no such user, which the context {name} names: requests have no credentials; {users}"
        );
        user_name.map(|_| warning).into_iter().collect()
    };
    let user = match user_node {
        // Without a user, or if it is missing, the requests are anonymous, as with kubectl. A cluster may allow that.
        None => user::User { warnings: missing_user_warning(), ..user::User::default() },
        Some(node) => {
            let inputs = user::UserInputs {
                origin,
                files,
                policy,
                cluster: &cluster,
                cluster_node: &cluster_node,
            };
            let user = user::read(&node, &inputs, &mut secrets)?;
            if cluster.gets_credentials { user } else { user::User::default() }
        }
    };
    let with_object = |object: &str, messages: Vec<String>| {
        let object = if looks_secret(object) { shown(object) } else { object.to_owned() };
        messages.into_iter().map(move |message| Warning { object: object.clone(), message })
    };
    let mut warnings: Vec<_> = with_object(cluster_name, cluster.warnings).collect();
    warnings.extend(with_object(user_name.unwrap_or_default(), user.warnings));
    Ok(Access {
        context: name.to_owned(),
        cluster: cluster_name.to_owned(),
        user: user_name.unwrap_or_default().to_owned(),
        is_in_pod: false,
        server: cluster.server,
        ca: cluster.ca,
        insecure: cluster.insecure,
        tls_server_name: cluster.tls_server_name,
        proxy_url: cluster.proxy_url,
        auth: user.auth,
        client_certificate: user.client_certificate,
        token_file: user.token_file,
        oidc: user.oidc,
        warnings,
        secrets,
    })
}

/// Rejects another kind of Kubernetes document with a clear error.
fn check_kind(root: &ConfigNode<'_>) -> Result<(), GatherError> {
    if let Some(kind) = root.text("kind")?.filter(|kind| *kind != "Config") {
        return Err(root.error("kind", format_args!("must be \"Config\", not {}", shown(kind))));
    }
    if let Some(version) = root.text("apiVersion")?.filter(|version| *version != "v1") {
        let problem = format!("must be \"v1\", not {}", shown(version));
        return Err(root.error("apiVersion", problem));
    }
    Ok(())
}

/// The body of the entry with this noun and name: `contexts[3].context`. An entry without a body is an
/// empty mapping.
fn entry<'a>(
    root: &ConfigNode<'a>,
    origin: &str,
    noun: &str,
    name: &str,
) -> Result<Option<ConfigNode<'a>>, GatherError> {
    let mut found = None;
    for entry in root.children(&format!("{noun}s"))? {
        if entry.text("name")? != Some(name) {
            continue;
        }
        if found.is_some() {
            // kubectl uses the first of them, other clients the last.
            let duplicate = format!("duplicate {noun} {}", shown(name));
            return Err(error(origin, duplicate).with_hint("names must be unique"));
        }
        found = Some(entry.child_or_empty(noun)?);
    }
    Ok(found)
}

fn no_context(root: &ConfigNode<'_>, origin: &str) -> GatherError {
    if root.is_empty() {
        return error(origin, "is empty");
    }
    let hint = format!("set the endpoint's context; {}", names(root, "contexts"));
    error(origin, "has no current-context, and the endpoint names no context").with_hint(hint)
}

/// The names of all entries of a list, for a hint.
fn names(root: &ConfigNode<'_>, list: &str) -> String {
    let entries = root.children(list).unwrap_or_default();
    let names: Vec<_> =
        entries.iter().filter_map(|entry| entry.text("name").ok().flatten()).map(shown).collect();
    match names.len() {
        0 => format!("there are no {list}"),
        number if number <= NAMES_MAX => format!("the {list} are {}", names.join(", ")),
        number => {
            let more = number - NAMES_MAX;
            format!("the {list} are {} and {more} more", names[..NAMES_MAX].join(", "))
        }
    }
}

impl ConfigNode<'_> {
    /// The decoded `-data` field, or else the contents of the file that the field names; with the
    /// name of the field that was used.
    fn data_or_file(
        &self,
        key: &str,
        files: &Files,
    ) -> Result<Option<(String, Vec<u8>)>, GatherError> {
        let data = format!("{key}-data");
        if let Some(text) = self.text(&data)? {
            let bytes = pem::decode(text).map_err(|why| self.error(&data, why))?;
            return Ok(Some((data, bytes)));
        }
        match self.text(key)? {
            None => Ok(None),
            Some(name) => Ok(Some((key.to_owned(), files.read(&self.path_of(key), name)?))),
        }
    }
}
