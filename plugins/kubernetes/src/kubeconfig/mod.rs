//! From a kubeconfig to what a connection needs. Nothing in it is trusted: whoever uploads one
//! decides its text, and must neither run a program here nor send a file of ours away.
//!
//! [`read`] is all: `source` gets the document, `yaml` a tree of it within limits, `view` looks
//! into that with types; `cluster` and `user` (with `token`, `exec`, `provider`, `oidc`) read the two
//! entries that a context names; `files` opens what they name and `pem` checks what is in it.

mod cluster;
mod exec;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod oidc;
mod pem;
mod provider;
mod source;
#[cfg(test)]
mod tests;
mod token;
mod user;
mod view;
mod yaml;

use std::fmt;

use gatherer_plugin_api::{Context, GatherError, Policy, Secret};
use http::Uri;
use kube::config::AuthInfo;

use self::files::Files;
use self::view::{Node, error, looks_secret, shown};

pub use self::oidc::{IdToken, LOG_IN, Oidc, Renewal};
pub use self::token::TokenFile;
pub use self::yaml::parse as parse_yaml;

/// How many names a hint lists.
const NAMES_MAX: usize = 10;

/// Everything that a connection needs.
#[derive(Clone)]
pub struct Access {
    /// The context's name, for messages.
    pub context: String,
    /// The cluster's name, for messages.
    pub cluster: String,
    /// The user's name, for messages; empty if the context has none.
    pub user: String,
    /// The API server: http or https, a host, perhaps a path, no user-info and no query.
    pub server: Uri,
    /// Certificate authorities, PEM; at least one that can be read.
    pub ca: Option<Vec<u8>>,
    /// Whether the server's certificate is not verified.
    pub insecure: bool,
    /// The name that the server's certificate must have instead of the host's.
    pub tls_server_name: Option<String>,
    /// The proxy as the kubeconfig says it, unchecked.
    pub proxy_url: Option<Secret<String>>,
    /// Who we are. It names no file: what was in one stands in the `-data` fields. `exec` and
    /// an `auth_provider` that runs a program are in it only if the operator allows them.
    pub auth: AuthInfo,
    /// The file with the bearer token. `auth` has no token then.
    pub token_file: Option<TokenFile>,
    /// The id token, and what renews it. `auth` has no token and no `auth_provider` then.
    pub oidc: Option<Oidc>,
    /// What is odd: the object and a sentence.
    pub warnings: Vec<(String, String)>,
    /// Every secret text in it, and in the files that it names.
    pub secrets: Vec<Secret<String>>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not `auth`: kube shows what its `exec` and its `auth_provider` hold.
        f.debug_struct("Access")
            .field("context", &self.context)
            .field("cluster", &self.cluster)
            .field("user", &self.user)
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

/// Reads the parameter `kubeconfig`, a path or the document itself, for a context or the
/// current one.
///
/// Errors are `configuration`, `unsupported` for an auth-provider that cannot be used, or
/// `authentication` for an id token that has expired and that nothing renews. None quotes
/// a value of the document but names, and paths of files.
pub fn read(
    kubeconfig: &str,
    context: Option<&str>,
    endpoint: &Context,
) -> Result<Access, GatherError> {
    read_with(kubeconfig, context, &endpoint.options().policy)
}

fn read_with(
    kubeconfig: &str,
    context: Option<&str>,
    policy: &Policy,
) -> Result<Access, GatherError> {
    let source = source::read(kubeconfig, policy)?;
    let (origin, files) = (source.origin.as_str(), &source.files);
    let root = Node::root(origin, &source.value)?;
    check_kind(&root)?;

    let wanted = context.filter(|name| !name.is_empty());
    let name = match wanted {
        Some(name) => name,
        None => root.text("current-context")?.ok_or_else(|| no_context(&root, origin))?,
    };
    let context = entry(&root, origin, "context", name)?.ok_or_else(|| {
        let why = if wanted.is_some() { "" } else { ", which current-context names" };
        let missing = format!("there is no context {}{why}", shown(name));
        error(origin, missing).with_hint(names(&root, "contexts"))
    })?;

    let cluster_name = context.text("cluster")?.ok_or_else(|| {
        error(origin, format_args!("the context {} names no cluster", shown(name)))
    })?;
    let missing = |what: &str, missing: &str| {
        let hint = names(&root, &format!("{what}s"));
        let (missing, name) = (shown(missing), shown(name));
        let missing = format!("there is no {what} {missing}, which the context {name} names");
        error(origin, missing).with_hint(hint)
    };
    let cluster_node = entry(&root, origin, "cluster", cluster_name)?
        .ok_or_else(|| missing("cluster", cluster_name))?;
    let mut secrets = Vec::new();
    let cluster = cluster::read(&cluster_node, files, &mut secrets)?;

    let user_name = context.text("user")?;
    let user = match user_name {
        // Whoever has no user is anonymous, which a cluster may allow.
        None => user::User::default(),
        Some(user_name) => {
            let node = entry(&root, origin, "user", user_name)?
                .ok_or_else(|| missing("user", user_name))?;
            let around = user::Surroundings {
                origin,
                files,
                policy,
                cluster: &cluster,
                cluster_node: &cluster_node,
            };
            user::read(&node, &around, &mut secrets)?
        }
    };

    let of = |object: &str, sentences: Vec<String>| {
        let object = if looks_secret(object) { shown(object) } else { object.to_owned() };
        sentences.into_iter().map(move |sentence| (object.clone(), sentence))
    };
    let mut warnings: Vec<_> = of(cluster_name, cluster.warnings).collect();
    warnings.extend(of(user_name.unwrap_or_default(), user.warnings));
    Ok(Access {
        context: name.to_owned(),
        cluster: cluster_name.to_owned(),
        user: user_name.unwrap_or_default().to_owned(),
        server: cluster.server,
        ca: cluster.ca,
        insecure: cluster.insecure,
        tls_server_name: cluster.tls_server_name,
        proxy_url: cluster.proxy_url,
        auth: user.auth,
        token_file: user.token_file,
        oidc: user.oidc,
        warnings,
        secrets,
    })
}

/// Another document of Kubernetes is told from a kubeconfig that lacks something.
fn check_kind(root: &Node<'_>) -> Result<(), GatherError> {
    if let Some(kind) = root.text("kind")?.filter(|kind| *kind != "Config") {
        return Err(root.error("kind", format_args!("is {}, not \"Config\"", shown(kind))));
    }
    if let Some(version) = root.text("apiVersion")?.filter(|version| *version != "v1") {
        return Err(root.error("apiVersion", format_args!("is {}, not \"v1\"", shown(version))));
    }
    Ok(())
}

/// The entry of this name: `contexts[3].context`. Without a body it is an empty one.
fn entry<'a>(
    root: &Node<'a>,
    origin: &str,
    what: &str,
    name: &str,
) -> Result<Option<Node<'a>>, GatherError> {
    let mut found = None;
    for entry in root.children(&format!("{what}s"))? {
        if entry.text("name")? != Some(name) {
            continue;
        }
        if found.is_some() {
            // kubectl takes the first, others the last.
            let twice = format!("there are several {what}s {}", shown(name));
            return Err(error(origin, twice).with_hint("names must be unique"));
        }
        found = Some(entry.child_or_empty(what)?);
    }
    Ok(found)
}

fn no_context(root: &Node<'_>, origin: &str) -> GatherError {
    if root.is_empty() {
        return error(origin, "is empty");
    }
    let hint = format!("set the endpoint's context; {}", names(root, "contexts"));
    error(origin, "has no current-context, and the endpoint names no context").with_hint(hint)
}

/// Which names there are, for a hint.
fn names(root: &Node<'_>, list: &str) -> String {
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

impl Node<'_> {
    /// What the `-data` field says in base64, else the file that the field names, and which of
    /// the two fields it was.
    fn data_or_file(
        &self,
        key: &str,
        files: &Files,
    ) -> Result<Option<(String, Vec<u8>)>, GatherError> {
        let data = format!("{key}-data");
        if let Some(text) = self.text(&data)? {
            let bytes = pem::decode(text).map_err(|what| self.error(&data, what))?;
            return Ok(Some((data, bytes)));
        }
        match self.text(key)? {
            None => Ok(None),
            Some(name) => Ok(Some((key.to_owned(), files.read(&self.path_of(key), name)?))),
        }
    }
}

/// The password of a URL, as it is written and as it is meant.
fn add_url_secrets(url: &str, secrets: &mut Vec<Secret<String>>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password may hold a slash that nobody encoded: the whole is taken then.
    let Some((user_info, _)) = authority.rsplit_once('@').or_else(|| rest.rsplit_once('@')) else {
        return;
    };
    let password = user_info.split_once(':').map_or(user_info, |(_, password)| password);
    for text in [password.to_owned(), decoded(password), url.to_owned()] {
        if !text.is_empty() {
            secrets.push(Secret::new(text));
        }
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
