//! A missing right fails only the collections that need it.

use std::collections::BTreeSet;

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::Cluster;
use serde_json::{Value, json};

use crate::{EVERYTHING, collections, everything, gather, list};

/// The collections that failed. Asserts that each of them failed because a right is missing, with a hint.
fn forbidden(endpoint: &Value) -> BTreeSet<&str> {
    let collections = collections(endpoint);
    assert_eq!(collections.len(), 8, "{collections:?}");
    let failed = collections.into_iter().filter(|(_, of)| of["status"] != "complete");
    failed
        .map(|(name, of)| {
            let error = &of["error"];
            assert_eq!(error["kind"], "permission", "{name}: {of}");
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.contains("403 Forbidden"), "{name}: {message}");
            assert!(error["hint"].is_string(), "{name}: no hint: {of}");
            name
        })
        .collect()
}

#[test]
fn a_user_without_rights_on_secrets_lacks_only_the_secrets() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather(cluster.reader("no-secrets"), &json!({"collect": EVERYTHING}));
    assert_eq!(forbidden(&endpoint), BTreeSet::from(["secrets"]));
    let mut expected = everything(cluster);
    let workloads = expected["workloads"].as_object_mut().expect("an object");
    workloads.remove("secrets").expect("an object");
    assert!(endpoint["workloads"] == expected["workloads"], "another list differs");
    assert!(endpoint["hosts"] == expected["hosts"]);
}

#[test]
fn a_user_with_rights_on_nodes_and_pods_gets_pods_with_their_lowest_owners() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather(cluster.reader("nodes-and-pods"), &json!({"collect": EVERYTHING}));
    let expected = [
        "config-maps",
        "controllers",
        "namespaces",
        "secrets",
        "service-accounts",
        "services",
        "virtual-machines",
    ];
    assert_eq!(forbidden(&endpoint), BTreeSet::from(expected));
    let lists: Vec<&String> =
        endpoint["workloads"].as_object().expect("an object").keys().collect();
    assert_eq!(lists, ["pods"], "a list of an incomplete collection");
    let whole = everything(cluster);
    assert_eq!(list(&endpoint, "pods").len(), list(&whole, "pods").len());
    for (pod, whole_pod) in list(&endpoint, "pods").iter().zip(list(&whole, "pods")) {
        assert_eq!(pod["uid"], whole_pod["uid"]);
        assert_eq!(pod["containers"], whole_pod["containers"]);
        let owners = pod["owners"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(owners.first(), whole_pod["owners"].get(0), "{pod}");
        assert!(owners.len() <= 1, "{pod}");
    }
}

#[test]
fn a_user_with_rights_in_one_namespace_can_collect_it() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let kubeconfig = cluster.reader("one-namespace");
    let parameters = json!({"collect": EVERYTHING, "namespaces": "cases"});
    let endpoint = gather(&kubeconfig, &parameters);
    assert_eq!(
        forbidden(&endpoint),
        BTreeSet::from(["namespaces"]),
        "namespaces are not in a namespace"
    );
    let whole = everything(cluster);
    for name in ["serviceAccounts", "controllers", "pods", "services", "configMaps", "secrets"] {
        let expected = list(&whole, name).iter().filter(|item| item["namespace"] == "cases");
        assert!(list(&endpoint, name).iter().eq(expected), "{name}");
    }
    let endpoint = gather(&kubeconfig, &json!({"collect": EVERYTHING}));
    assert_eq!(forbidden(&endpoint).len(), 8, "collections of all namespaces");
    assert!(endpoint["hosts"] == without_guests(&whole["hosts"]));
}

/// The hosts without the virtual machines that run on them.
fn without_guests(hosts: &Value) -> Value {
    let mut hosts = hosts.clone();
    for host in hosts.as_array_mut().expect("a list") {
        host.as_object_mut().expect("an object").remove("guests");
    }
    hosts
}
