//! Reads a user's entry: the credentials.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::{GatherError, Policy, Secret};
use gatherer_plugin_support::http::ClientCertificate;
use kube::config::AuthInfo;
use secrecy::SecretString;

use super::auth_provider::ProviderCredentials;
use super::cluster::Cluster;
use super::config_node::ConfigNode;
use super::files::Files;
use super::oidc::Oidc;
use super::token::TokenFile;
use super::{auth_provider, exec, token};

/// The contents of a user's entry.
#[derive(Default)]
pub struct User {
    pub auth: AuthInfo,
    pub client_certificate: Option<ClientCertificate>,
    pub token_file: Option<TokenFile>,
    pub oidc: Option<Oidc>,
    pub warnings: Vec<String>,
}

/// What reading a user's entry needs besides the entry.
pub struct UserInputs<'a> {
    pub origin: &'a str,
    pub files: &'a Files,
    pub policy: &'a Policy,
    pub cluster: &'a Cluster,
    pub cluster_node: &'a ConfigNode<'a>,
}

/// Reads a user's entry. Adds its secrets to `secrets`.
pub fn read(
    node: &ConfigNode<'_>,
    inputs: &UserInputs<'_>,
    secrets: &mut Vec<Secret<String>>,
) -> Result<User, GatherError> {
    let mut user = User::default();
    let exec_node = node.child("exec")?;
    if exec_node.is_some() && !inputs.policy.allow_exec {
        return Err(exec::not_allowed(node, "exec", inputs.policy));
    }
    let provider_node = node.child("auth-provider")?;
    check_single_method(node)?;

    user.client_certificate = certificate(node, inputs.files, secrets, &mut user.warnings)?;
    basic(node, &mut user.auth, secrets)?;
    bearer(node, inputs, &mut user, secrets)?;
    if let Some(exec_node) = exec_node {
        let config =
            exec::read(&exec_node, inputs.cluster, inputs.cluster_node, inputs.files, secrets)?;
        user.auth.exec = Some(config);
    }
    if let Some(provider_node) = provider_node {
        match auth_provider::read(node, &provider_node, inputs.files, inputs.policy, secrets)? {
            ProviderCredentials::Token(token) => {
                secrets.push(Secret::new(token::text(&token)));
                user.auth.token = Some(token);
            }
            ProviderCredentials::Program(config) => user.auth.auth_provider = Some(config),
            ProviderCredentials::Oidc(oidc) => user.oidc = Some(*oidc),
        }
    }
    impersonation(node, &mut user.auth)?;
    Ok(user)
}

/// Rejects a user with several login methods, because clients differ in which one they use. A client
/// certificate is allowed in addition to another method.
fn check_single_method(node: &ConfigNode<'_>) -> Result<(), GatherError> {
    let has_token = node.text("token")?.is_some() || node.text("tokenFile")?.is_some();
    let methods = [
        (has_token, "a token"),
        (node.text("username")?.is_some(), "a user name"),
        (node.value("exec").is_some(), "exec"),
        (node.value("auth-provider").is_some(), "an auth-provider"),
    ];
    let found: Vec<&str> =
        methods.iter().filter(|method| method.0).map(|method| method.1).collect();
    if let [first, second, ..] = found[..] {
        return Err(node
            .error("", format!("has both {first} and {second}, but only one is allowed"))
            .with_hint("remove one of them"));
    }
    Ok(())
}

fn certificate(
    node: &ConfigNode<'_>,
    files: &Files,
    secrets: &mut Vec<Secret<String>>,
    warnings: &mut Vec<String>,
) -> Result<Option<ClientCertificate>, GatherError> {
    let certificate = node.data_or_file("client-certificate", files)?;
    let key = node.data_or_file("client-key", files)?;
    let ((certificate_field, certificate), (key_field, key)) = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(_), None) => {
            return Err(node.error("client-key", "is missing, but a client certificate is set"));
        }
        (None, Some(_)) => {
            return Err(node.error("client-certificate", "is missing, but a client key is set"));
        }
        (Some(certificate), Some(key)) => (certificate, key),
    };
    // Before parsing: text that is not a valid key may be a secret too.
    if let Ok(text) = std::str::from_utf8(&key) {
        secrets.push(Secret::new(text.to_owned()));
    }
    secrets.push(Secret::new(STANDARD.encode(&key)));
    let certificate = ClientCertificate::from_pem(&certificate, &key).map_err(|error| {
        let field = if error.is_about_key { &key_field } else { &certificate_field };
        error.refine(node.error(field, &error.why))
    })?;
    if certificate.has_invalid_blocks {
        warnings.push(format!("a PEM block in {certificate_field} is not valid and is ignored"));
    }
    Ok(Some(certificate))
}

fn basic(
    node: &ConfigNode<'_>,
    auth: &mut AuthInfo,
    secrets: &mut Vec<Secret<String>>,
) -> Result<(), GatherError> {
    let password = node.text("password")?;
    let Some(username) = node.text("username")? else {
        return match password {
            Some(_) => Err(node.error("password", "is set, but username is missing")),
            None => Ok(()),
        };
    };
    if username.contains(':') || username.contains(char::is_control) {
        return Err(node.error("username", "must not contain a colon or a control character"));
    }
    let password = password.unwrap_or_default();
    if password.contains(char::is_control) {
        let why = "must not contain a line break or another control character";
        return Err(node.error("password", why));
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
    node: &ConfigNode<'_>,
    inputs: &UserInputs<'_>,
    user: &mut User,
    secrets: &mut Vec<Secret<String>>,
) -> Result<(), GatherError> {
    // An empty token counts as absent.
    if let Some(text) = node.text("token")? {
        secrets.push(Secret::new(text.to_owned()));
        let token = token::check(text).map_err(|why| node.error("token", why))?;
        secrets.push(Secret::new(token::text(&token)));
        user.auth.token = Some(token);
    }
    if let Some(name) = node.text("tokenFile")? {
        let file = TokenFile::new(inputs.origin, node.path_of("tokenFile"), name, inputs.files);
        match file.read() {
            // As with kubectl, the file takes precedence, and the token is used if it cannot be read.
            Ok(token) => {
                secrets.push(Secret::new(token::text(&token)));
                user.token_file = Some(file);
                user.auth.token = None;
            }
            Err(_) if user.auth.token.is_some() => {
                let warning = "token is used, because tokenFile cannot be read";
                user.warnings.push(warning.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn impersonation(node: &ConfigNode<'_>, auth: &mut AuthInfo) -> Result<(), GatherError> {
    let check_header = |key: &str, text: &str| {
        if text.is_empty() || text.contains(char::is_control) {
            Err(node.error(key, "must not be empty or contain a control character"))
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
            // The key is free text, so the error does not quote it.
            let texts = values
                .texts(key)
                .map_err(|_| node.error("as-user-extra", "must contain only lists of text"))?
                .unwrap_or_default();
            check_header("as-user-extra", key)?;
            texts.iter().try_for_each(|text| check_header("as-user-extra", text))?;
            extra.insert(key.to_owned(), texts);
        }
    }
    let single_values = [("as", &auth.impersonate), ("as-uid", &auth.impersonate_uid)];
    for (key, text) in single_values {
        text.as_deref().map_or(Ok(()), |text| check_header(key, text))?;
    }
    for group in auth.impersonate_groups.iter().flatten() {
        check_header("as-groups", group)?;
    }
    let needs_user =
        auth.impersonate_uid.is_some() || auth.impersonate_groups.is_some() || !extra.is_empty();
    if needs_user && auth.impersonate.is_none() {
        return Err(node.error("as", "is missing, but other impersonation fields are set"));
    }
    auth.impersonate_user_extra = (!extra.is_empty()).then_some(extra);
    Ok(())
}
