//! Reads an `exec` entry: a program that prints credentials. The operator must allow it.

use std::collections::HashMap;
use std::path::Path;

use gatherer_plugin_api::{GatherError, Policy, Secret};
use kube::config::{ExecAuthCluster, ExecConfig, ExecInteractiveMode};

use super::cluster::Cluster;
use super::config_node::ConfigNode;
use super::files::Files;

/// The words in the names of options that take secrets.
const SECRET_WORDS: [&str; 4] = ["password", "secret", "token", "key"];

/// The shortest argument that is redacted, in bytes. Redacting shorter ones would hide common words.
const SHORTEST_SECRET: usize = 6;

/// The error about a field that would run a program without the operator's permission.
pub fn not_allowed(node: &ConfigNode<'_>, key: &str, policy: &Policy) -> GatherError {
    node.error(key, "would run a program on this machine, which is not allowed").with_hint(format!(
        "use a token or a client certificate, or add the endpoint to allow_exec in {}",
        policy.config_file
    ))
}

/// Reads an `exec` entry. Adds its secrets to `secrets`.
pub fn read(
    node: &ConfigNode<'_>,
    cluster: &Cluster,
    cluster_node: &ConfigNode<'_>,
    files: &Files,
    secrets: &mut Vec<Secret<String>>,
) -> Result<ExecConfig, GatherError> {
    let command = node.text("command")?.ok_or_else(|| node.error("command", "is missing"))?;
    let api_version =
        node.text("apiVersion")?.ok_or_else(|| node.error("apiVersion", "is missing"))?;
    if node.text("interactiveMode")? == Some("Always") {
        let why = "must not be Always: the gatherer runs without a terminal";
        return Err(node.error("interactiveMode", why));
    }
    let args = node.texts("args")?;
    add_arguments(args.as_deref().unwrap_or_default(), secrets);
    let mut env = Vec::new();
    for entry in node.children("env")? {
        let name = entry.text("name")?.ok_or_else(|| entry.error("name", "is missing"))?;
        let value = entry.text("value")?.unwrap_or_default();
        if name.contains(['=', '\0']) || value.contains('\0') {
            return Err(entry.error("", "is not a valid environment variable"));
        }
        if value.len() >= SHORTEST_SECRET {
            secrets.push(Secret::new(value.to_owned()));
        }
        env.push(HashMap::from([
            ("name".to_owned(), name.to_owned()),
            ("value".to_owned(), value.to_owned()),
        ]));
    }
    let provide_cluster_info = node.flag("provideClusterInfo")?;
    let cluster = if provide_cluster_info {
        Some(ExecAuthCluster {
            server: Some(cluster.server.to_string()),
            insecure_skip_tls_verify: Some(cluster.insecure),
            certificate_authority_data: cluster.ca.clone(),
            proxy_url: cluster.proxy_url.as_ref().map(|url| url.expose().clone()),
            tls_server_name: cluster.tls_server_name.as_ref().map(|name| name.to_str().into()),
            config: extension(cluster_node)?,
        })
    } else {
        None
    };
    Ok(ExecConfig {
        command: Some(command_of(node, command, files)?),
        api_version: Some(api_version.to_owned()),
        args,
        env: (!env.is_empty()).then_some(env),
        // A worker has no terminal, and the program's stdin is empty.
        interactive_mode: Some(ExecInteractiveMode::Never),
        provide_cluster_info,
        cluster,
        ..ExecConfig::default()
    })
}

/// The command to run: a bare name is searched in PATH, and a relative path with a slash is relative
/// to the kubeconfig's folder.
fn command_of(node: &ConfigNode<'_>, command: &str, files: &Files) -> Result<String, GatherError> {
    if command.contains('\0') {
        return Err(node.error("command", "must not contain a NUL"));
    }
    if !command.contains('/') || Path::new(command).is_absolute() {
        return Ok(command.to_owned());
    }
    let folder = files.base().ok_or_else(|| {
        node.error("command", "must not be a relative path in an inline kubeconfig")
    })?;
    let path = folder.join(command);
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| node.error("command", "is in a folder whose name is not UTF-8"))
}

/// The configuration for the program in the cluster's entry.
fn extension(cluster: &ConfigNode<'_>) -> Result<Option<serde_json::Value>, GatherError> {
    for entry in cluster.children("extensions")? {
        if entry.text("name")? == Some("client.authentication.k8s.io/exec") {
            return Ok(entry.value("extension").cloned());
        }
    }
    Ok(None)
}

/// Adds the arguments that look like secrets. Every user of the machine can see a program's
/// arguments while it runs, but messages and logs must not show them as well.
fn add_arguments(args: &[String], secrets: &mut Vec<Secret<String>>) {
    let is_secret = |option: &str| {
        let option = option.to_ascii_lowercase();
        option.starts_with('-') && SECRET_WORDS.iter().any(|word| option.contains(word))
    };
    let mut add = |value: &str| {
        if value.len() >= SHORTEST_SECRET {
            secrets.push(Secret::new(value.to_owned()));
        }
    };
    for (index, argument) in args.iter().enumerate() {
        match argument.split_once('=') {
            Some((option, value)) if is_secret(option) => add(value),
            None if is_secret(argument) => {
                if let Some(value) = args.get(index + 1).filter(|next| !next.starts_with('-')) {
                    add(value);
                }
            }
            _ => {}
        }
    }
}
