//! What module Kubernetes collects besides nodes, through the real program, on a real API server: each
//! list, each field, each rule of what belongs to what, and who may read what.

mod changes;
mod containers;
mod controllers;
mod keyed;
mod lists;
mod machines;
mod pods;
mod rights;
mod services;

use std::path::Path;
use std::time::Duration;

use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::{Outcome, PluginFolder, Run, inventory_endpoint};
use serde_json::{Value, json};

/// The cluster, or a skipped test.
#[macro_export]
macro_rules! cluster {
    ($cluster:expr) => {
        match $cluster {
            Ok(cluster) => cluster,
            Err(reason) => gatherer_tests::skip!("{reason}"),
        }
    };
}

/// All that can be collected.
const EVERYTHING: &str = "all,secrets,config-maps";

/// Gathers from one endpoint with these parameters besides its kubeconfig: a path, or the text.
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
        // Many objects, on a machine that is busy with other tests.
        .within(Duration::from_mins(3))
        .run()
        .expect_code(0)
}

/// The same: the endpoint, which has to be complete.
fn gather(kubeconfig: impl AsRef<Path>, parameters: &Value) -> Value {
    let endpoint = inventory_endpoint(&run(kubeconfig, parameters).inventory(), "cluster");
    assert_eq!(endpoint["status"], "complete", "{}", endpoint["error"]);
    endpoint
}

/// All of the cluster.
fn everything(cluster: &Cluster) -> Value {
    gather(cluster.kubeconfig("token"), &json!({"collect": EVERYTHING}))
}

/// A list of the workloads; empty where it is absent.
fn list<'a>(endpoint: &'a Value, name: &str) -> &'a [Value] {
    match &endpoint["workloads"][name] {
        Value::Null => &[],
        Value::Array(items) => items,
        other => panic!("{name} is {other}"),
    }
}

/// The one object of this name.
#[track_caller]
fn item<'a>(endpoint: &'a Value, list: &str, namespace: &str, name: &str) -> &'a Value {
    let mut found = self::list(endpoint, list)
        .iter()
        .filter(|item| item["namespace"] == *namespace && item["name"] == *name);
    let of = &endpoint["collections"];
    let item = found.next().unwrap_or_else(|| panic!("{list} has no {namespace}/{name}: {of}"));
    assert!(found.next().is_none(), "{namespace}/{name} is there twice");
    item
}

/// The value, or an empty list where it is absent.
fn or_empty(value: &Value) -> Value {
    if value.is_null() { json!([]) } else { value.clone() }
}
