//! The user: who we are to the cluster, and how we prove it.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::{GatherError, Policy, Secret};
use kube::config::AuthInfo;
use secrecy::SecretString;

use super::cluster::Cluster;
use super::files::Files;
use super::oidc::Oidc;
use super::pem::Pair;
use super::provider::Provided;
use super::token::TokenFile;
use super::view::Node;
use super::{exec, pem, provider, token};

/// What a user's entry says.
#[derive(Default)]
pub struct User {
    pub auth: AuthInfo,
    pub token_file: Option<TokenFile>,
    pub oidc: Option<Oidc>,
    pub warnings: Vec<String>,
}

/// Where an entry is read.
pub struct Surroundings<'a> {
    pub origin: &'a str,
    pub files: &'a Files,
    pub policy: &'a Policy,
    pub cluster: &'a Cluster,
    pub cluster_node: &'a Node<'a>,
}

/// Reads a user's entry.
pub fn read(
    node: &Node<'_>,
    around: &Surroundings<'_>,
    secrets: &mut Vec<Secret<String>>,
) -> Result<User, GatherError> {
    let mut user = User::default();
    let exec_node = node.child("exec")?;
    if exec_node.is_some() && !around.policy.allow_exec {
        return Err(exec::refusal(node, "exec", around.policy));
    }
    let provider_node = node.child("auth-provider")?;
    one_way(node)?;

    certificate(node, around.files, &mut user.auth, secrets)?;
    basic(node, &mut user.auth, secrets)?;
    bearer(node, around, &mut user, secrets)?;
    if let Some(exec_node) = exec_node {
        let config =
            exec::read(&exec_node, around.cluster, around.cluster_node, around.files, secrets)?;
        user.auth.exec = Some(config);
    }
    if let Some(provider_node) = provider_node {
        match provider::read(node, &provider_node, around.files, around.policy, secrets)? {
            Provided::Token(token) => {
                secrets.push(Secret::new(token::text(&token)));
                user.auth.token = Some(token);
            }
            Provided::Program(config) => user.auth.auth_provider = Some(config),
            Provided::Oidc(oidc) => user.oidc = Some(*oidc),
        }
    }
    impersonation(node, &mut user.auth)?;
    Ok(user)
}

/// Clients differ in which way they take if there are several; so there may be one, beside a
/// client certificate.
fn one_way(node: &Node<'_>) -> Result<(), GatherError> {
    let has_token = node.text("token")?.is_some() || node.text("tokenFile")?.is_some();
    let ways = [
        (has_token, "a token"),
        (node.text("username")?.is_some(), "a user name"),
        (node.value("exec").is_some(), "exec"),
        (node.value("auth-provider").is_some(), "an auth-provider"),
    ];
    let found: Vec<&str> = ways.iter().filter(|way| way.0).map(|way| way.1).collect();
    if let [first, second, ..] = found[..] {
        return Err(node
            .error("", format!("has {first} and {second}, and only one of them can be meant"))
            .with_hint("leave one of them out"));
    }
    Ok(())
}

fn certificate(
    node: &Node<'_>,
    files: &Files,
    auth: &mut AuthInfo,
    secrets: &mut Vec<Secret<String>>,
) -> Result<(), GatherError> {
    let certificate = node.data_or_file("client-certificate", files)?;
    let key = node.data_or_file("client-key", files)?;
    let ((certificate_field, certificate), (key_field, key)) = match (certificate, key) {
        (None, None) => return Ok(()),
        (Some(_), None) => {
            return Err(node.error("client-key", "is missing beside the client certificate"));
        }
        (None, Some(_)) => {
            return Err(node.error("client-certificate", "is missing beside the client key"));
        }
        (Some(certificate), Some(key)) => (certificate, key),
    };
    // Even what turns out to be no key may be somebody's secret.
    if let Ok(text) = std::str::from_utf8(&key) {
        secrets.push(Secret::new(text.to_owned()));
    }
    secrets.push(Secret::new(STANDARD.encode(&key)));
    let certificates =
        pem::certificates(&certificate).map_err(|what| node.error(&certificate_field, what))?;
    let key = pem::private_key(&key).map_err(|what| node.error(&key_field, what))?;
    pem::check_pair(&certificates, &key).map_err(|(pair, what)| match pair {
        Pair::Certificate => node.error(&certificate_field, what),
        Pair::Key => node.error(&key_field, what),
    })?;
    let key = pem::write_key(&key);
    let encoded = STANDARD.encode(&key);
    secrets.push(Secret::new(key));
    secrets.push(Secret::new(encoded.clone()));
    auth.client_certificate_data = Some(STANDARD.encode(pem::write_certificates(&certificates)));
    auth.client_key_data = Some(SecretString::from(encoded));
    Ok(())
}

fn basic(
    node: &Node<'_>,
    auth: &mut AuthInfo,
    secrets: &mut Vec<Secret<String>>,
) -> Result<(), GatherError> {
    let password = node.text("password")?;
    let Some(username) = node.text("username")? else {
        return match password {
            Some(_) => Err(node.error("password", "stands there without a username")),
            None => Ok(()),
        };
    };
    if username.contains(':') || username.contains(char::is_control) {
        return Err(node.error("username", "holds a colon or a control character"));
    }
    let password = password.unwrap_or_default();
    if password.contains(char::is_control) {
        return Err(node.error("password", "holds a line break or another control character"));
    }
    if !password.is_empty() {
        secrets.push(Secret::new(password.to_owned()));
        secrets.push(Secret::new(STANDARD.encode(format!("{username}:{password}"))));
    }
    auth.username = Some(username.to_owned());
    auth.password = Some(SecretString::from(password));
    Ok(())
}

fn bearer(
    node: &Node<'_>,
    around: &Surroundings<'_>,
    user: &mut User,
    secrets: &mut Vec<Secret<String>>,
) -> Result<(), GatherError> {
    // An empty token does not hide the file.
    let file = node.text("tokenFile")?;
    if let Some(text) = node.text("token")? {
        secrets.push(Secret::new(text.to_owned()));
        let token = token::check(text).map_err(|what| node.error("token", what))?;
        secrets.push(Secret::new(token::text(&token)));
        user.auth.token = Some(token);
        if file.is_some() {
            user.warnings.push("tokenFile is not used, since there is a token beside it".into());
        }
    } else if let Some(name) = file {
        let file = TokenFile::new(around.origin, node.path_of("tokenFile"), name, around.files);
        secrets.push(Secret::new(token::text(&file.read()?)));
        user.token_file = Some(file);
    }
    Ok(())
}

fn impersonation(node: &Node<'_>, auth: &mut AuthInfo) -> Result<(), GatherError> {
    let header = |node: &Node<'_>, key: &str, text: &str| {
        if text.is_empty() || text.contains(char::is_control) {
            Err(node.error(key, "is empty or holds a control character"))
        } else {
            Ok(())
        }
    };
    auth.impersonate = node.text("as")?.map(str::to_owned);
    auth.impersonate_uid = node.text("as-uid")?.map(str::to_owned);
    auth.impersonate_groups = node.texts("as-groups")?.filter(|groups| !groups.is_empty());
    let mut extra = HashMap::new();
    if let Some(values) = node.child("as-user-extra")? {
        for key in values.keys() {
            // The key is anybody's text, and not quoted.
            let texts = values
                .texts(key)
                .map_err(|_| node.error("as-user-extra", "must hold lists of text alone"))?
                .unwrap_or_default();
            header(node, "as-user-extra", key)?;
            texts.iter().try_for_each(|text| header(node, "as-user-extra", text))?;
            extra.insert(key.to_owned(), texts);
        }
    }
    let singles = [("as", &auth.impersonate), ("as-uid", &auth.impersonate_uid)];
    for (key, text) in singles {
        text.as_deref().map_or(Ok(()), |text| header(node, key, text))?;
    }
    for group in auth.impersonate_groups.iter().flatten() {
        header(node, "as-groups", group)?;
    }
    let others =
        auth.impersonate_uid.is_some() || auth.impersonate_groups.is_some() || !extra.is_empty();
    if others && auth.impersonate.is_none() {
        return Err(node.error("as", "is missing beside other fields of whom to act as"));
    }
    auth.impersonate_user_extra = (!extra.is_empty()).then_some(extra);
    Ok(())
}
