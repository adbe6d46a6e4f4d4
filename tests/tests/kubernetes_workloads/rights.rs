//! Whoever may not read a collection loses that one, and nothing else.

use std::collections::BTreeSet;

use gatherer_tests::servers::kubernetes::Cluster;
use serde_json::{Value, json};

use crate::{EVERYTHING, cluster, everything, gather, list};

/// The collections that failed, each of which has to say that it was for want of rights.
fn refused(endpoint: &Value) -> BTreeSet<&str> {
    let collections = endpoint["collections"].as_object().expect("there are some");
    assert_eq!(collections.len(), 8, "{collections:?}");
    let failed = collections.iter().filter(|(_, of)| of["status"] != "complete");
    failed
        .map(|(name, of)| {
            let error = &of["error"];
            assert_eq!(error["kind"], "permission", "{name}: {of}");
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.contains("403 Forbidden"), "{name}: {message}");
            assert!(error["hint"].is_string(), "{name}: nothing says what to do: {of}");
            name.as_str()
        })
        .collect()
}

#[test]
fn a_user_who_may_not_read_secrets_loses_the_secrets_alone() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = gather(cluster.reader("no-secrets"), &json!({"collect": EVERYTHING}));
    assert_eq!(refused(&endpoint), BTreeSet::from(["secrets"]));
    let mut expected = everything(cluster);
    let workloads = expected["workloads"].as_object_mut().expect("an object");
    workloads.remove("secrets").expect("there are some");
    assert!(endpoint["workloads"] == expected["workloads"], "all else is as for everybody");
    assert!(endpoint["hosts"] == expected["hosts"]);
}

#[test]
fn a_user_who_may_read_nodes_and_pods_gets_those_and_as_much_of_the_owners_as_pods_tell() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = gather(cluster.reader("nodes-and-pods"), &json!({"collect": EVERYTHING}));
    let others = [
        "config-maps",
        "controllers",
        "namespaces",
        "secrets",
        "service-accounts",
        "services",
        "virtual-machines",
    ];
    assert_eq!(refused(&endpoint), BTreeSet::from(others));
    let lists: Vec<&String> =
        endpoint["workloads"].as_object().expect("an object").keys().collect();
    assert_eq!(lists, ["pods"], "nothing of what is not whole");
    let whole = everything(cluster);
    assert_eq!(list(&endpoint, "pods").len(), list(&whole, "pods").len());
    for (pod, known) in list(&endpoint, "pods").iter().zip(list(&whole, "pods")) {
        assert_eq!(pod["uid"], known["uid"]);
        assert_eq!(pod["containers"], known["containers"]);
        let owners = pod["owners"].as_array().map_or(&[][..], Vec::as_slice);
        assert_eq!(owners.first(), known["owners"].get(0), "{pod}");
        assert!(owners.len() <= 1, "{pod}");
    }
}

#[test]
fn a_user_of_one_namespace_gets_all_that_is_in_it_where_that_is_asked_for() {
    let cluster = cluster!(Cluster::shared());
    let kubeconfig = cluster.reader("one-namespace");
    let parameters = json!({"collect": EVERYTHING, "namespaces": "cases"});
    let endpoint = gather(&kubeconfig, &parameters);
    assert_eq!(
        refused(&endpoint),
        BTreeSet::from(["namespaces"]),
        "the list of namespaces is not in one"
    );
    let whole = everything(cluster);
    for name in ["serviceAccounts", "controllers", "pods", "services", "configMaps", "secrets"] {
        let expected = list(&whole, name).iter().filter(|item| item["namespace"] == "cases");
        assert!(list(&endpoint, name).iter().eq(expected), "{name}");
    }
    let endpoint = gather(&kubeconfig, &json!({"collect": EVERYTHING}));
    assert_eq!(refused(&endpoint).len(), 8, "nothing of all namespaces");
    assert!(endpoint["hosts"] == without_guests(&whole["hosts"]));
}

/// The hosts of somebody who may not read virtual machines.
fn without_guests(hosts: &Value) -> Value {
    let mut hosts = hosts.clone();
    for host in hosts.as_array_mut().expect("a list") {
        host.as_object_mut().expect("an object").remove("guests");
    }
    hosts
}
