//! A program that gets credentials (`exec`), for those whom the operator allows it.

use std::collections::HashMap;
use std::path::Path;

use gatherer_plugin_api::{GatherError, Policy, Secret};
use kube::config::{ExecAuthCluster, ExecConfig, ExecInteractiveMode};

use super::cluster::Cluster;
use super::files::Files;
use super::view::Node;

/// What programs call the options that take secrets.
const SECRET_WORDS: [&str; 4] = ["password", "secret", "token", "key"];

/// The shortest argument that is hidden: shorter ones are words that stand in any line.
const SHORTEST_SECRET: usize = 6;

/// The refusal of anything that runs a program.
pub fn refusal(node: &Node<'_>, key: &str, policy: &Policy) -> GatherError {
    node.error(key, "would run a program on this machine, which is not allowed").with_hint(format!(
        "use a token or a client certificate, or name the endpoint in allow_exec in {}",
        policy.config_file
    ))
}

/// Reads an `exec` entry.
pub fn read(
    node: &Node<'_>,
    cluster: &Cluster,
    cluster_node: &Node<'_>,
    files: &Files,
    secrets: &mut Vec<Secret<String>>,
) -> Result<ExecConfig, GatherError> {
    let command = node.text("command")?.ok_or_else(|| node.error("command", "is missing"))?;
    let api_version =
        node.text("apiVersion")?.ok_or_else(|| node.error("apiVersion", "is missing"))?;
    if node.text("interactiveMode")? == Some("Always") {
        return Err(node.error("interactiveMode", "is Always, and nobody can answer here"));
    }
    let args = node.texts("args")?;
    add_arguments(args.as_deref().unwrap_or_default(), secrets);
    let mut env = Vec::new();
    for entry in node.children("env")? {
        let name = entry.text("name")?.ok_or_else(|| entry.error("name", "is missing"))?;
        let value = entry.text("value")?.unwrap_or_default();
        if name.contains(['=', '\0']) || value.contains('\0') {
            return Err(entry.error("name", "or its value cannot stand in an environment"));
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
            tls_server_name: cluster.tls_server_name.clone(),
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
        // A worker has no terminal, and its standard input is not the program's.
        interactive_mode: Some(ExecInteractiveMode::Never),
        provide_cluster_info,
        cluster,
        ..ExecConfig::default()
    })
}

/// A bare name is looked for in PATH; one with a slash starts at the kubeconfig's folder.
fn command_of(node: &Node<'_>, command: &str, files: &Files) -> Result<String, GatherError> {
    if command.contains('\0') {
        return Err(node.error("command", "holds a NUL"));
    }
    if !command.contains('/') || Path::new(command).is_absolute() {
        return Ok(command.to_owned());
    }
    let folder = files.base().ok_or_else(|| {
        node.error("command", "is relative, and a kubeconfig that is not a file has no folder")
    })?;
    let path = folder.join(command);
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| node.error("command", "lies in a folder whose name is not UTF-8"))
}

/// What the cluster's entry holds for the program.
fn extension(cluster: &Node<'_>) -> Result<Option<serde_json::Value>, GatherError> {
    for entry in cluster.children("extensions")? {
        if entry.text("name")? == Some("client.authentication.k8s.io/exec") {
            return Ok(entry.value("extension").cloned());
        }
    }
    Ok(None)
}

/// Arguments are seen by everybody on the machine; ours is not to make it worse.
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
