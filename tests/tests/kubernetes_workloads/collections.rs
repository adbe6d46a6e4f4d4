//! The collections: which are reported, and that each has exactly the objects of the server, in order.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::{ApiServer, Cluster};
use serde_json::{Value, json};

use crate::{EVERYTHING, collections, everything, gather, item, list, run};

/// Each list of the inventory, with its collection and the lists of the server.
const LISTS: [(&str, &str, &[&str]); 7] = [
    ("namespaces", "namespaces", &["/api/v1/namespaces"]),
    ("serviceAccounts", "service-accounts", &["/api/v1/serviceaccounts"]),
    (
        "controllers",
        "controllers",
        &[
            "/api/v1/replicationcontrollers",
            "/apis/apps/v1/deployments",
            "/apis/apps/v1/replicasets",
            "/apis/apps/v1/statefulsets",
            "/apis/apps/v1/daemonsets",
            "/apis/batch/v1/jobs",
            "/apis/batch/v1beta1/cronjobs",
        ],
    ),
    ("pods", "pods", &["/api/v1/pods"]),
    ("services", "services", &["/api/v1/services"]),
    ("configMaps", "config-maps", &["/api/v1/configmaps"]),
    ("secrets", "secrets", &["/api/v1/secrets"]),
];

/// The path of a list in the API server's version.
fn served(path: &str) -> String {
    match ApiServer::selected() {
        ApiServer::Old => path.to_owned(),
        ApiServer::New => path.replace("/v1beta1/", "/v1/"),
    }
}

type Key = (String, String, String);

fn key(metadata: &Value) -> Key {
    let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"), text("uid"))
}

#[test]
fn every_list_has_the_objects_of_the_server_sorted_by_namespace_name_and_uid() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = everything(cluster);
    for (name, _, paths) in LISTS {
        let found: Vec<Key> = list(&endpoint, name).iter().map(key).collect();
        assert!(found.is_sorted(), "{name} is not sorted");
        // A controller that only pods mention is in no list of the server.
        let listed: Vec<Key> = list(&endpoint, name)
            .iter()
            .filter(|item| name != "controllers" || item["kind"] != "Rollout")
            .map(key)
            .collect();
        let objects = paths.iter().flat_map(|path| cluster.list(&served(path)));
        let mut expected: Vec<Key> = objects.map(|object| key(&object["metadata"])).collect();
        expected.sort();
        assert!(listed == expected, "{name}: {} of {}", listed.len(), expected.len());
        assert!(!expected.is_empty(), "the server has no {name}, so this test proves nothing");
    }
    let complete = json!({"status": "complete"});
    let mut whole: BTreeMap<_, _> = LISTS.iter().map(|(_, name, _)| (*name, &complete)).collect();
    whole.insert("virtual-machines", &complete);
    assert_eq!(collections(&endpoint), whole);
}

#[test]
fn collects_only_nodes_by_default() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let by_default = gather(cluster.kubeconfig("token"), &json!({}));
    assert_eq!(collections(&by_default), BTreeMap::new());
    assert!(by_default.get("workloads").is_none() && by_default.get("detachedGuests").is_none());
    let nodes = gather(cluster.kubeconfig("token"), &json!({"collect": "nodes"}));
    assert!(nodes == by_default);
}

#[test]
fn each_collection_can_be_collected_alone() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let whole = everything(cluster);
    for (name, word, _) in LISTS {
        let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": word}));
        assert_eq!(collections(&endpoint).into_keys().collect::<Vec<_>>(), [word]);
        let lists = endpoint["workloads"].as_object().expect("workloads");
        assert_eq!(lists.keys().collect::<Vec<_>>(), [name]);
        assert_eq!(
            endpoint["hosts"].as_array().map(Vec::len),
            whole["hosts"].as_array().map(Vec::len)
        );
        let keys = |endpoint: &Value| list(endpoint, name).iter().map(key).collect::<Vec<_>>();
        let mut expected = keys(&whole);
        if name == "controllers" {
            // This controller is found only through pods.
            expected.retain(|(_, name, _)| name != "rollout");
        }
        assert_eq!(keys(&endpoint), expected, "{word}");
    }
}

#[test]
fn all_does_not_include_secrets_and_config_maps() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "all"}));
    let found: Vec<&str> = collections(&endpoint).into_keys().collect();
    let expected =
        ["controllers", "namespaces", "pods", "service-accounts", "services", "virtual-machines"];
    assert_eq!(found, expected);
    for name in ["configMaps", "secrets"] {
        assert!(list(&endpoint, name).is_empty(), "{name}");
    }
}

#[test]
fn the_page_size_and_a_second_run_do_not_change_the_output() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let output = |page_size: &str| {
        let parameters = json!({"collect": EVERYTHING, "page_size": page_size});
        run(cluster.kubeconfig("token"), &parameters).stdout
    };
    let first = output("500");
    for page_size in ["500", "37", "5000"] {
        assert!(output(page_size) == first, "pages of {page_size}");
    }
}

#[test]
fn namespaces_and_a_label_selector_narrow_the_objects_in_namespaces() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let token = cluster.kubeconfig("token");
    let two = json!({"collect": EVERYTHING, "namespaces": "cases-other,cases"});
    let endpoint = gather(&token, &two);
    let whole = everything(cluster);
    assert_eq!(endpoint["hosts"].as_array().map(Vec::len), whole["hosts"].as_array().map(Vec::len));
    for (name, _, _) in LISTS.iter().skip(1) {
        let expected: Vec<&Value> = list(&whole, name)
            .iter()
            .filter(|item| item["namespace"] == "cases" || item["namespace"] == "cases-other")
            .collect();
        assert!(list(&endpoint, name).iter().eq(expected), "{name}");
    }
    let names: Vec<&Value> =
        list(&endpoint, "namespaces").iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["cases", "cases-other"]);

    let labelled = json!({"collect": "pods,services", "label_selector": "app in (web, db)"});
    let endpoint = gather(&token, &labelled);
    let is_one_of = |names: [&str; 2], label: &Value| names.iter().any(|name| *label == **name);
    let expected =
        list(&whole, "pods").iter().filter(|pod| is_one_of(["web", "db"], &pod["labels"]["app"]));
    let uids: Vec<&Value> = list(&endpoint, "pods").iter().map(|pod| &pod["uid"]).collect();
    assert!(uids.iter().copied().eq(expected.map(|pod| &pod["uid"])), "{uids:?}");
    assert!(list(&endpoint, "pods").len() >= 4, "{}", endpoint["workloads"]["pods"]);
    // Its ReplicaSet is its owner, although it has other labels.
    let owners = item(&endpoint, "pods", "cases", "web-5d8f7-aaaaa")["owners"].clone();
    assert_eq!(owners[0]["kind"], "ReplicaSet");
    assert_eq!(owners[1]["kind"], "Deployment");
    for pod in list(&endpoint, "pods") {
        let (namespace, name) = (pod["namespace"].as_str(), pod["name"].as_str());
        let same = item(&whole, "pods", namespace.unwrap_or_default(), name.unwrap_or_default());
        assert_eq!((&pod["owners"], &pod["controller"]), (&same["owners"], &same["controller"]));
    }
    let services: Vec<&Value> =
        list(&endpoint, "services").iter().map(|item| &item["name"]).collect();
    assert_eq!(services, ["web"], "services are selected by their own labels");
}

#[test]
fn warns_of_a_missing_namespace_that_the_user_may_get() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let some = json!({"collect": "pods", "namespaces": "cases,casse"});
    let warned = |kubeconfig: PathBuf| {
        let endpoint = gather(kubeconfig, &some);
        let warnings = endpoint["warnings"].as_array().cloned().unwrap_or_default();
        let objects = warnings.iter().map(|warning| warning["object"].clone());
        objects.filter(|object| object == "cases" || object == "casse").collect::<Vec<_>>()
    };
    assert_eq!(warned(cluster.kubeconfig("token")), ["casse"]);
    // A user without the right to get namespaces gets no warning.
    assert_eq!(warned(cluster.reader("nodes-and-pods")), Vec::<Value>::new());
}

#[test]
fn namespaces_and_service_accounts_have_all_fields() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint =
        gather(cluster.kubeconfig("token"), &json!({"collect": "namespaces,service-accounts"}));
    let objects = cluster.list("/api/v1/namespaces");
    assert_eq!(objects.len(), list(&endpoint, "namespaces").len());
    for (object, found) in objects.iter().zip(list(&endpoint, "namespaces")) {
        let metadata = &object["metadata"];
        let mut expected = json!({
            "name": metadata["name"], "uid": metadata["uid"], "phase": object["status"]["phase"],
            "createdAt": metadata["creationTimestamp"],
        });
        if metadata["labels"].is_object() {
            expected["labels"] = metadata["labels"].clone();
        }
        assert_eq!(*found, expected);
    }
    let with_labels = list(&endpoint, "namespaces").iter().filter(|one| one["labels"].is_object());
    assert!(with_labels.count() > 1);
    for found in list(&endpoint, "serviceAccounts") {
        let members: Vec<&String> = found.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["name", "namespace", "uid"], "{found}");
    }
}
