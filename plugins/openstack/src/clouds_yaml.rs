//! Reads an entry of a clouds.yaml, the configuration file of OpenStack's own clients.

use std::path::Path;

use gatherer_plugin_api::{ErrorKind, GatherError, Secret};
use gatherer_plugin_support::{file, yaml};
use serde_json::Value;

use crate::access::Domain;

/// The largest file that is read, in bytes.
const MAX_BYTES: usize = yaml::MAX_BYTES;

/// How many names of clouds a hint lists.
const NAMES_MAX: usize = 10;

/// The values of one cloud. All are optional: parameters may complete them.
#[derive(Debug, Default)]
pub struct CloudEntry {
    /// The URL of the identity service.
    pub auth_url: Option<String>,
    /// The name of the user.
    pub username: Option<String>,
    /// The id of the user.
    pub user_id: Option<String>,
    /// The user's domain.
    pub user_domain: Option<Domain>,
    /// The password.
    pub password: Option<Secret<String>>,
    /// The name of the project.
    pub project_name: Option<String>,
    /// The id of the project.
    pub project_id: Option<String>,
    /// The project's domain.
    pub project_domain: Option<Domain>,
    /// The id of an application credential.
    pub application_credential_id: Option<String>,
    /// The name of an application credential.
    pub application_credential_name: Option<String>,
    /// The secret of an application credential.
    pub application_credential_secret: Option<Secret<String>>,
    /// The region.
    pub region: Option<String>,
    /// The interface.
    pub interface: Option<String>,
    /// Whether certificates are not verified.
    pub insecure: bool,
    /// What is not used.
    pub warnings: Vec<String>,
}

impl CloudEntry {
    /// The secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let secrets = [&self.password, &self.application_credential_secret];
        secrets.into_iter().flatten().map(|secret| secret.expose().as_str())
    }
}

/// Reads the parameter `clouds_yaml`, which is a path or the document itself, for the cloud with this name, or the only one
/// if the name is empty. Error messages quote no values except names of clouds.
pub fn read(clouds_yaml: &str, cloud: &str) -> Result<CloudEntry, GatherError> {
    let text = if is_document(clouds_yaml) { clouds_yaml.to_owned() } else { file(clouds_yaml)? };
    parse(&text, cloud)
}

/// Whether the parameter is the document itself.
fn is_document(text: &str) -> bool {
    const LINE_BREAKS: [char; 2] = ['\n', '\r'];
    let trimmed = text.trim();
    trimmed.contains(LINE_BREAKS)
        || trimmed.starts_with('{')
        // A path that was pasted can end in a line break.
        || (text.contains(LINE_BREAKS) && trimmed.contains(':'))
}

fn file(path: &str) -> Result<String, GatherError> {
    let path = path.trim();
    // This may be a document that lost its line breaks, so it is not quoted.
    if path.contains("://") || path.contains(": ") || path.contains(char::is_control) {
        return Err(invalid("is not a path or a document")
            .with_hint("set clouds_yaml to the path of a clouds.yaml, or to its text"));
    }
    let bytes = file::read(Path::new(path), MAX_BYTES).map_err(|why| invalid(&why.to_string()))?;
    String::from_utf8(bytes).map_err(|_| invalid("is not UTF-8 text"))
}

fn invalid(why: &str) -> GatherError {
    GatherError::configuration(format!("clouds_yaml {why}"))
}

/// Parses a document, and takes one cloud of it.
pub fn parse(text: &str, cloud: &str) -> Result<CloudEntry, GatherError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = yaml::parse(text).map_err(|why| invalid(&why))?;
    let clouds = document
        .get("clouds")
        .and_then(Value::as_object)
        .filter(|clouds| !clouds.is_empty())
        .ok_or_else(|| invalid("has no clouds"))?;
    let names = || {
        let names: Vec<&str> = clouds.keys().take(NAMES_MAX).map(String::as_str).collect();
        format!("set cloud to one of its names: {}", names.join(", "))
    };
    let entry = match (cloud, clouds.len()) {
        ("", 1) => clouds.values().next(),
        ("", _) => {
            return Err(
                invalid("has several clouds, and the parameter cloud is empty").with_hint(names())
            );
        }
        (cloud, _) => clouds.get(cloud),
    };
    let entry = entry.ok_or_else(|| {
        invalid("does not have the cloud of the parameter cloud").with_hint(names())
    })?;
    if !entry.is_object() {
        return Err(invalid("has a cloud that is not an object"));
    }
    entry_of(entry)
}

fn entry_of(entry: &Value) -> Result<CloudEntry, GatherError> {
    check_method(entry)?;
    let auth = &entry["auth"];
    let one = |names: &[&str]| names.iter().find_map(|name| text(&auth[*name]));
    let secret = |name| text(&auth[name]).map(Secret::new);
    let default = || {
        let id = text(&auth["default_domain_id"]).or_else(|| text(&entry["default_domain_id"]));
        id.map(Domain::Id).or_else(|| {
            let name = text(&auth["default_domain_name"]);
            name.or_else(|| text(&entry["default_domain"])).map(Domain::Name)
        })
    };
    let domain = |name: &str, id: &str| {
        let named = text(&auth[name]).or_else(|| text(&entry[name])).map(Domain::Name);
        let by_id = || text(&auth[id]).or_else(|| text(&entry[id])).map(Domain::Id);
        named.or_else(by_id).or_else(default)
    };
    let auth_url = one(&["auth_url"]);
    if let (None, Some(_)) = (&auth_url, text(&entry["profile"])) {
        return Err(invalid("names a profile of a vendor, which is not supported")
            .with_hint("add auth_url to the cloud, or set the parameter auth_url"));
    }
    let mut warnings = Vec::new();
    for (name, option) in [("cacert", "ca_file"), ("cert", "client_cert"), ("key", "client_key")] {
        if text(&entry[name]).is_some() {
            warnings.push(format!("{name} of clouds_yaml is not used: set the option {option}"));
        }
    }
    Ok(CloudEntry {
        auth_url,
        username: one(&["username", "user_name"]),
        user_id: one(&["user_id"]),
        user_domain: domain("user_domain_name", "user_domain_id"),
        password: secret("password"),
        project_name: one(&["project_name", "tenant_name"]),
        project_id: one(&["project_id", "tenant_id"]),
        project_domain: domain("project_domain_name", "project_domain_id"),
        application_credential_id: one(&["application_credential_id"]),
        application_credential_name: one(&["application_credential_name"]),
        application_credential_secret: secret("application_credential_secret"),
        region: text(&entry["region_name"]),
        interface: ["compute_interface", "interface", "compute_endpoint_type", "endpoint_type"]
            .iter()
            .find_map(|name| text(&entry[*name])),
        insecure: is_false(&entry["verify"]) || is_true(&entry["insecure"]),
        warnings,
    })
}

/// Rejects methods of authentication that the module does not have.
fn check_method(entry: &Value) -> Result<(), GatherError> {
    match text(&entry["auth_type"]).as_deref() {
        None | Some("password" | "v3password" | "v3applicationcredential") => {}
        Some(_) => {
            let message = "clouds_yaml: the cloud has an auth_type that is not supported";
            return Err(GatherError::new(ErrorKind::Unsupported, message)
                .with_hint("use password, v3password or v3applicationcredential"));
        }
    }
    if text(&entry["identity_api_version"]).is_some_and(|version| version.starts_with('2')) {
        let message = "clouds_yaml: version 2 of the identity service is not supported";
        return Err(GatherError::new(ErrorKind::Unsupported, message)
            .with_hint("use version 3, which every release since Queens has"));
    }
    Ok(())
}

/// A text that is not empty. YAML reads a password of digits as a number.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_false(value: &Value) -> bool {
    matches!(value, Value::Bool(false))
        || text(value).is_some_and(|word| {
            ["false", "no", "off", "0"].contains(&word.to_ascii_lowercase().as_str())
        })
}

fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true))
        || text(value).is_some_and(|word| {
            ["true", "yes", "on", "1"].contains(&word.to_ascii_lowercase().as_str())
        })
}

#[cfg(test)]
#[path = "clouds_yaml_tests.rs"]
mod tests;
