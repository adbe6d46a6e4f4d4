//! `auth-provider`: what clients once had built in. Two of them can be used.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatherer_plugin_api::{ErrorKind, GatherError, Policy, Secret};
use jiff::Timestamp;
use kube::config::AuthProviderConfig;
use secrecy::SecretString;
use serde_json::Value;

use super::files::Files;
use super::view::{Node, shown};
use super::{exec, pem, token};

/// How a provider lets us in.
pub enum Provided {
    /// A token that it got before.
    Token(SecretString),
    /// Its configuration, for the client.
    Config(AuthProviderConfig),
    /// The same, and something that is odd about it.
    Doubtful(AuthProviderConfig, &'static str),
}

/// Fields of a provider's configuration that are secret.
const SECRET_KEYS: [&str; 4] = ["access-token", "client-secret", "id-token", "refresh-token"];

/// What `oidc` is told; other keys mean nothing.
const OIDC_KEYS: [&str; 5] =
    ["client-id", "client-secret", "id-token", "idp-issuer-url", "refresh-token"];

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

/// A token without a signature that expired in 1970. It is never sent: the client renews it.
const EXPIRED_ID_TOKEN: &str = "e30.eyJleHAiOjB9.";

const ONLY_SYSTEM: &str = "the id-token is renewed with the certificate authorities of this \
                           machine; idp-certificate-authority is not used";

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
        "oidc" => oidc(&config, files),
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
            Ok(Provided::Config(provider("gcp", texts)))
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

/// An identity token and what renews it.
fn oidc(config: &Node<'_>, files: &Files) -> Result<Provided, GatherError> {
    let mut texts = HashMap::new();
    for key in OIDC_KEYS {
        if let Some(text) = config.text(key)? {
            texts.insert(key.to_owned(), text.trim().to_owned());
        }
    }
    let lacks = ["refresh-token", "client-id", "idp-issuer-url"]
        .into_iter()
        .find(|key| !texts.contains_key(*key));
    let mut expired = true;
    match texts.get("id-token") {
        Some(id_token) => {
            let expiry = expiry_of(id_token).ok_or_else(|| {
                config.error("id-token", "is not a JSON Web Token with an expiry")
            })?;
            token::check(id_token).map_err(|what| config.error("id-token", what))?;
            expired = expiry <= Timestamp::now();
            if let (Some(lacks), true) = (lacks, expired) {
                return Err(config
                    .error("id-token", format!("expired at {expiry} and cannot be renewed"))
                    .with_hint(format!("log in again, or add {lacks}")));
            }
        }
        None if lacks.is_some() => {
            return Err(config.error("id-token", "is missing, and nothing can renew it"));
        }
        None => {
            texts.insert("id-token".to_owned(), EXPIRED_ID_TOKEN.to_owned());
        }
    }
    if let Some(url) = texts.get("idp-issuer-url") {
        issuer(url).map_err(|what| config.error("idp-issuer-url", what))?;
    }
    // A public client has none, and the client wants one.
    texts.entry("client-secret".to_owned()).or_default();
    if let Some((field, bytes)) = config.data_or_file("idp-certificate-authority", files)? {
        let certificates = pem::authorities(&bytes).map_err(|what| config.error(&field, what))?;
        texts.insert(
            "idp-certificate-authority-data".to_owned(),
            STANDARD.encode(pem::write_certificates(&certificates)),
        );
    }
    let own_authority = texts.contains_key("idp-certificate-authority-data");
    let config = provider("oidc", texts);
    // The client that renews it trusts what this machine trusts, and nothing else.
    Ok(if expired && own_authority {
        Provided::Doubtful(config, ONLY_SYSTEM)
    } else {
        Provided::Config(config)
    })
}

/// Messages name the issuer, so there may be no password in it.
fn issuer(url: &str) -> Result<(), &'static str> {
    let uri = http::Uri::try_from(url).map_err(|_| "is not a URL")?;
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => Err("holds a user or a password"),
        Some(_) if uri.scheme_str() == Some("https") => Ok(()),
        _ => Err("is not an https URL"),
    }
}

/// Until when a JSON Web Token is good.
fn expiry_of(token: &str) -> Option<Timestamp> {
    let mut parts = token.split('.');
    let claims = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(claims), Some(_), None) => claims.trim_end_matches('='),
        _ => return None,
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let expiry = claims.get("exp")?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and a Timestamp is checked")]
    let seconds = expiry.as_i64().or_else(|| Some(expiry.as_f64()? as i64))?;
    Timestamp::from_second(seconds).ok()
}

fn provider(name: &str, config: HashMap<String, String>) -> AuthProviderConfig {
    AuthProviderConfig { name: name.to_owned(), config, ..AuthProviderConfig::default() }
}
