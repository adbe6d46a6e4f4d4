//! `auth-provider`: what clients once had built in. Two of them can be used.

use std::collections::HashMap;

use gatherer_plugin_api::{ErrorKind, GatherError, Policy, Secret};
use jiff::Timestamp;
use kube::config::AuthProviderConfig;
use secrecy::SecretString;

use super::files::Files;
use super::oidc::{self, Oidc};
use super::view::{Node, shown};
use super::{exec, token};

/// How a provider lets us in.
pub enum Provided {
    /// A token that it got before.
    Token(SecretString),
    /// A program that gives one.
    Program(AuthProviderConfig),
    /// An id token, and what renews it.
    Oidc(Box<Oidc>),
}

/// Fields of a provider's configuration that are secret.
const SECRET_KEYS: [&str; 4] = ["access-token", "client-secret", "id-token", "refresh-token"];

/// What `gcp` is told if it may run a program.
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

/// Reads an `auth-provider` entry.
pub fn read(
    user: &Node<'_>,
    node: &Node<'_>,
    files: &Files,
    policy: &Policy,
    secrets: &mut Vec<Secret<String>>,
) -> Result<Provided, GatherError> {
    let name = node.text("name")?.ok_or_else(|| node.error("name", "is missing"))?;
    let Some(config) = node.child("config")? else {
        return match name {
            "oidc" | "gcp" => Err(node.error("config", "is missing")),
            _ => Err(unsupported(user, name)),
        };
    };
    for key in SECRET_KEYS {
        if let Ok(Some(secret)) = config.text(key) {
            // As it is written, and as it is sent.
            secrets.push(Secret::new(secret.to_owned()));
            secrets.push(Secret::new(secret.trim().to_owned()));
        }
    }
    match name {
        "oidc" => oidc::read(&config, files).map(|oidc| Provided::Oidc(Box::new(oidc))),
        "gcp" if config.text("cmd-path")?.is_some() => {
            if !policy.allow_exec {
                return Err(exec::refusal(&config, "cmd-path", policy));
            }
            let mut texts = HashMap::new();
            for key in GCP_KEYS {
                if let Some(text) = config.text(key)? {
                    texts.insert(key.to_owned(), text.to_owned());
                }
            }
            let (name, config) = (name.to_owned(), texts);
            let provider = AuthProviderConfig { name, config, ..AuthProviderConfig::default() };
            Ok(Provided::Program(provider))
        }
        "gcp" => gcp(&config).map(Provided::Token),
        _ => Err(unsupported(user, name)),
    }
}

fn unsupported(user: &Node<'_>, name: &str) -> GatherError {
    let what = format_args!("{} is not supported", shown(name)).to_string();
    let mut error = user.error("auth-provider", what);
    error.kind = ErrorKind::Unsupported;
    error.with_hint(match name {
        "azure" => "use a service account's token, or kubelogin as an exec entry",
        _ => "use a service account's token, or the provider's program as an exec entry",
    })
}

/// An access token that is still good. Without a program nobody can renew it.
fn gcp(config: &Node<'_>) -> Result<SecretString, GatherError> {
    let hint = "use a service account's token, or gke-gcloud-auth-plugin as an exec entry";
    let text = config
        .text("access-token")?
        .ok_or_else(|| config.error("access-token", "is missing").with_hint(hint))?;
    if let Some(expiry) = config.text("expiry")? {
        let expiry: Timestamp =
            expiry.parse().map_err(|_| config.error("expiry", "is not a time of RFC 3339"))?;
        if expiry <= Timestamp::now() {
            let what = format!("expired at {expiry}");
            return Err(config.error("access-token", what).with_hint(hint));
        }
    }
    token::check(text).map_err(|what| config.error("access-token", what))
}
