//! Users that may read some lists and not others.

use serde_json::{Value, json};

use super::super::Cluster;
use super::cases::NAMESPACE;
use super::objects::path;

/// The names of the users and of their kubeconfigs, [`Cluster::reader`]. They may list
///
/// - `nodes-and-pods`: nodes and pods;
/// - `no-secrets`: everything but secrets;
/// - `one-namespace`: nodes, and every resource in the namespace of the cases.
pub const READERS: [&str; 3] = ["nodes-and-pods", "no-secrets", "one-namespace"];

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn create(cluster: &Cluster) {
    let core = ["pods", "services", "serviceaccounts", "configmaps", "replicationcontrollers"];
    let core_and =
        |more: &[&str]| -> Value { core.iter().chain(more).map(|&name| json!(name)).collect() };
    let other_groups = [
        rule("apps", &json!(["*"])),
        rule("batch", &json!(["*"])),
        rule("kubevirt.io", &json!(["*"])),
    ];
    let all_but_secrets =
        [&[rule("", &core_and(&["nodes", "namespaces"]))][..], &other_groups].concat();
    let in_a_namespace = [&[rule("", &core_and(&["secrets"]))][..], &other_groups].concat();
    let nodes = vec![rule("", &json!(["nodes"]))];
    for (name, rules) in [
        ("nodes-and-pods", vec![rule("", &json!(["nodes", "pods"]))]),
        ("no-secrets", all_but_secrets),
        ("one-namespace", nodes),
    ] {
        let list = |kind: &str| format!("/apis/{GROUP}/v1/{kind}");
        cluster.create(&list("clusterroles"), &role("ClusterRole", name, &json!(rules)));
        cluster.create(&list("clusterrolebindings"), &binding("ClusterRole", name));
    }
    let name = "one-namespace";
    cluster.create(&path("Role", NAMESPACE), &role("Role", name, &json!(in_a_namespace)));
    cluster.create(&path("RoleBinding", NAMESPACE), &binding("Role", name));
}

fn rule(group: &str, resources: &Value) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": ["list"]})
}

fn role(kind: &str, name: &str, rules: &Value) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {"name": name}, "rules": rules,
    })
}

fn binding(kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": format!("{kind}Binding"),
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": name}],
    })
}
