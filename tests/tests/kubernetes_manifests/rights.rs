//! The ClusterRole and the lists that module Kubernetes asks for.

use std::collections::BTreeSet;

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use crate::{items, object, rendered, rendered_or_skip, text};

/// The lists that `check` would ask for with `"collect": "all"`, as `resource.group`.
fn asked_for() -> BTreeSet<String> {
    let endpoint =
        json!({"id": "k", "module": "Kubernetes", "kubeconfig": "in-cluster", "collect": "all"});
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::new()
        .args(["check", "--infile", "-", "--format", "json"])
        .plugins(plugins.path())
        .stdin(json!([endpoint]).to_string());
    let outcome = run.run();
    let document: Value = serde_json::from_slice(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", outcome.describe()));
    let steps = items(&document["endpoints"][0]["steps"]).iter();
    steps
        .filter_map(|step| text(&step["name"]).strip_prefix("right: list "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_cluster_role_grants_exactly_what_the_module_asks_for() {
    let objects = rendered_or_skip!(rendered("base"));
    let role = object(&objects, "ClusterRole", "virtual-host-gatherer-jobs");
    let mut granted = BTreeSet::new();
    for rule in items(&role["rules"]) {
        assert_eq!(rule["verbs"], json!(["list"]), "{rule}");
        for (group, resource) in items(&rule["apiGroups"]).iter().flat_map(|group| {
            items(&rule["resources"]).iter().map(move |resource| (text(group), text(resource)))
        }) {
            let dot = if group.is_empty() { "" } else { "." };
            assert!(granted.insert(format!("{resource}{dot}{group}")), "{resource} twice");
        }
    }
    let asked_for = asked_for();
    assert!(asked_for.contains("nodes") && asked_for.contains("cronjobs.batch"), "{asked_for:?}");
    assert_eq!(granted, asked_for);
    assert!(!granted.contains("secrets") && !granted.contains("configmaps"));
}
