//! Reads an `auth-provider` entry, the predecessor of `exec`. Supported providers: `oidc` and `gcp`.

use std::collections::HashMap;

use gatherer_plugin_api::{ErrorKind, GatherError, Policy, Secret};
use jiff::Timestamp;
use kube::config::AuthProviderConfig;
use secrecy::SecretString;

use super::config_node::{ConfigNode, shown};
use super::files::Files;
use super::oidc::{self, Oidc};
use super::{exec, token};

/// The credentials of a provider.
pub enum ProviderCredentials {
    /// An access token.
    Token(SecretString),
    /// A program that prints a token.
    Program(AuthProviderConfig),
    /// An id token and its renewal.
    Oidc(Box<Oidc>),
}

/// The secret fields of a provider's configuration.
const SECRET_KEYS: [&str; 4] = ["access-token", "client-secret", "id-token", "refresh-token"];

/// The fields of `gcp` that are kept if it may run a program.
const GCP_KEYS: [&str; 8] = [
    "access-token",
    "cmd-args",
    "cmd-path",
    "expiry",
    "expiry-key",
    "id-token",
    "scopes",
    "token-key",
];

/// Reads an `auth-provider` entry. Adds its secrets to `secrets`.
pub fn read(
    user: &ConfigNode<'_>,
    node: &ConfigNode<'_>,
    files: &Files,
    policy: &Policy,
    secrets: &mut Vec<Secret<String>>,
) -> Result<ProviderCredentials, GatherError> {
    let name = node.text("name")?.ok_or_else(|| node.error("name", "is missing"))?;
    let Some(config) = node.child("config")? else {
        return match name {
            "oidc" | "gcp" => Err(node.error("config", "is missing")),
            _ => Err(unsupported(user, name)),
        };
    };
    for key in SECRET_KEYS {
        if let Ok(Some(secret)) = config.text(key) {
            // As written in the document, and as sent.
            secrets.push(Secret::new(secret.to_owned()));
            secrets.push(Secret::new(secret.trim().to_owned()));
        }
    }
    match name {
        "oidc" => oidc::read(&config, files).map(|oidc| ProviderCredentials::Oidc(Box::new(oidc))),
        "gcp" if config.text("cmd-path")?.is_some() => {
            if !policy.allow_exec {
                return Err(exec::not_allowed(&config, "cmd-path", policy));
            }
            let mut texts = HashMap::new();
            for key in GCP_KEYS {
                if let Some(text) = config.text(key)? {
                    texts.insert(key.to_owned(), text.to_owned());
                }
            }
            let (name, config) = (name.to_owned(), texts);
            let provider = AuthProviderConfig { name, config, ..AuthProviderConfig::default() };
            Ok(ProviderCredentials::Program(provider))
        }
        "gcp" => gcp(&config).map(ProviderCredentials::Token),
        _ => Err(unsupported(user, name)),
    }
}

fn unsupported(user: &ConfigNode<'_>, name: &str) -> GatherError {
    let problem = format_args!("{} is not supported", shown(name)).to_string();
    let mut error = user.error("auth-provider", problem);
    error.kind = ErrorKind::Unsupported;
    error.with_hint(match name {
        "azure" => "use a service account's token, or kubelogin as an exec entry",
        _ => "use a service account's token, or the provider's program as an exec entry",
    })
}

/// The access token of `gcp`, which must not have expired: without a program it cannot be renewed.
fn gcp(config: &ConfigNode<'_>) -> Result<SecretString, GatherError> {
    let hint = "use a service account's token, or gke-gcloud-auth-plugin as an exec entry";
    let text = config
        .text("access-token")?
        .ok_or_else(|| config.error("access-token", "is missing").with_hint(hint))?;
    if let Some(expiry) = config.text("expiry")? {
        let expiry: Timestamp =
            expiry.parse().map_err(|_| config.error("expiry", "is not a valid RFC 3339 time"))?;
        if expiry <= Timestamp::now() {
            let why = format!("expired at {expiry}");
            return Err(config.error("access-token", why).with_hint(hint));
        }
    }
    token::check(text).map_err(|why| config.error("access-token", why))
}
