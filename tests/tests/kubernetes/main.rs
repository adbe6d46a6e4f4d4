//! Module Kubernetes through the real program, on a real API server: credentials, the list of nodes, and the
//! fields of a node.

mod checks;
mod in_cluster;
mod kubeconfigs;
mod node_fields;
mod node_lists;
mod rights;
mod test_cluster;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// An endpoint with the path or the text of a kubeconfig.
fn endpoint(id: &str, kubeconfig: impl AsRef<Path>) -> Value {
    let kubeconfig = kubeconfig.as_ref().to_str().expect("the path is text");
    json!({"id": id, "module": "Kubernetes", "kubeconfig": kubeconfig, "context": ""})
}

/// Gathers with this content of the operator's file.
fn gather_with(config: &str, format: &str, endpoints: &[Value]) -> Outcome {
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::gather(&json!(endpoints))
        .plugins(plugins.path())
        .args(["--format", format])
        .args(["--config", "config.toml"])
        // There are many endpoints with many nodes, and the machine may be busy with other tests.
        .within(Duration::from_mins(3));
    std::fs::write(run.home().join("config.toml"), config).expect("a file can be written");
    run.run()
}

fn gather(format: &str, endpoints: &[Value]) -> Outcome {
    gather_with("", format, endpoints)
}

/// The names of an endpoint's hosts in the inventory. Panics on a duplicate.
fn names(endpoint: &Value) -> BTreeSet<String> {
    let hosts = endpoint["hosts"].as_array().expect("hosts is a list");
    let names: BTreeSet<String> = hosts
        .iter()
        .map(|host| host["name"].as_str().expect("a host has a name").to_owned())
        .collect();
    assert_eq!(names.len(), hosts.len(), "a duplicate host");
    names
}

/// Replaces the server and the folders in a text, which differ from run to run.
fn without_addresses(text: &str, cluster: &Cluster) -> String {
    text.replace(cluster.url(), "<server>")
        .replace(&cluster.address().to_string(), "<address>")
        .replace(&cluster.folder().display().to_string(), "<folder>")
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}
