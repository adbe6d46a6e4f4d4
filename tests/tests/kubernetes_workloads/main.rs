//! The collections of module Kubernetes, through the real program, on a real API server: every list, every field, the
//! relations between objects, and limited rights.

mod changes;
mod collections;
mod config_maps_and_secrets;
mod containers;
mod controllers;
mod pods;
mod rights;
mod services;
mod virtual_machines;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gatherer_plugin_api::Collection;
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::{Outcome, PluginFolder, Run, inventory_endpoint};
use serde_json::{Value, json};

/// All collections.
const EVERYTHING: &str = "all,secrets,config-maps";

/// Gathers from one endpoint with the path or the text of a kubeconfig, and with further parameters.
fn run(kubeconfig: impl AsRef<Path>, parameters: &Value) -> Outcome {
    let kubeconfig = kubeconfig.as_ref().to_str().expect("the path is text");
    let mut endpoint = json!({"id": "cluster", "module": "Kubernetes", "kubeconfig": kubeconfig});
    for (name, value) in parameters.as_object().expect("parameters are an object") {
        endpoint[name] = value.clone();
    }
    let plugins = PluginFolder::with(&["kubernetes"]);
    Run::gather(&json!([endpoint]))
        .plugins(plugins.path())
        .args(["--format", "inventory", "--no-run-info", "-vv"])
        // There are many objects, and the machine may be busy with other tests.
        .within(Duration::from_mins(3))
        .run()
        .expect_code(0)
}

/// Gathers from one endpoint, which must be complete, and returns it.
fn gather(kubeconfig: impl AsRef<Path>, parameters: &Value) -> Value {
    let endpoint = inventory_endpoint(&run(kubeconfig, parameters).inventory(), "cluster");
    assert_eq!(endpoint["status"], "complete", "{}", endpoint["error"]);
    endpoint
}

/// Gathers all collections of the cluster.
fn everything(cluster: &Cluster) -> Value {
    gather(cluster.kubeconfig("token"), &json!({"collect": EVERYTHING}))
}

/// The collections of an endpoint under their own names. The list of each has the same status under its name.
fn collections(endpoint: &Value) -> BTreeMap<&str, &Value> {
    let all = endpoint["collections"].as_object();
    let own = all.into_iter().flatten().filter_map(|(name, status)| {
        let collection = Collection::from_name_or_list(name).expect("a known collection");
        assert_eq!(*status, endpoint["collections"][collection.list()], "{name}");
        (name == collection.as_str()).then_some((name.as_str(), status))
    });
    own.collect()
}

/// A list of the endpoint's workloads; empty if it is absent.
fn list<'a>(endpoint: &'a Value, name: &str) -> &'a [Value] {
    match &endpoint["workloads"][name] {
        Value::Null => &[],
        Value::Array(items) => items,
        other => panic!("{name} is {other}"),
    }
}

/// The only object of this name.
#[track_caller]
fn item<'a>(endpoint: &'a Value, list: &str, namespace: &str, name: &str) -> &'a Value {
    let mut found = self::list(endpoint, list)
        .iter()
        .filter(|item| item["namespace"] == *namespace && item["name"] == *name);
    let collections = &endpoint["collections"];
    let item =
        found.next().unwrap_or_else(|| panic!("{list} has no {namespace}/{name}: {collections}"));
    assert!(found.next().is_none(), "{namespace}/{name} is a duplicate");
    item
}

/// The value, or an empty list if it is absent.
fn or_empty(value: &Value) -> Value {
    if value.is_null() { json!([]) } else { value.clone() }
}
