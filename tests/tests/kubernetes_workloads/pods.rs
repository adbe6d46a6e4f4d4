//! The fields of pods.

use std::collections::BTreeMap;

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::workloads::cases::{
    NAMESPACE, OTHER_NAMESPACE, PHASES, TWIN,
};
use gatherer_tests::servers::kubernetes::workloads::load;
use gatherer_tests::servers::kubernetes::{Cluster, SHARED_PODS};
use serde_json::{Value, json};

use crate::{gather, item, list, or_empty};

fn pods(cluster: &Cluster) -> Value {
    gather(cluster.kubeconfig("token"), &json!({"collect": "pods"}))
}

#[test]
fn the_shared_cluster_has_pods_of_the_expected_number_and_size() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let pods = cluster.list("/api/v1/pods");
    let is_of_load = |pod: &&Value| {
        let namespace = pod["metadata"]["namespace"].as_str().expect("text");
        namespace.starts_with("team-")
    };
    let sizes: Vec<usize> =
        pods.iter().filter(is_of_load).map(|pod| pod.to_string().len()).collect();
    assert_eq!(sizes.len(), SHARED_PODS);
    let each = sizes.iter().sum::<usize>() / sizes.len();
    assert!((4_800..5_600).contains(&each), "{each} bytes");
}

#[test]
fn every_pod_has_the_fields_of_the_server() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = pods(cluster);
    let ids: BTreeMap<&str, &Value> = endpoint["hosts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|host| (host["name"].as_str().expect("a name"), &host["id"]))
        .collect();
    let objects = cluster.list("/api/v1/pods");
    assert_eq!(objects.len(), list(&endpoint, "pods").len());
    assert!(objects.len() > SHARED_PODS);
    for object in &objects {
        let (metadata, status) = (&object["metadata"], &object["status"]);
        let name = |name: &str| metadata[name].as_str().expect("text").to_owned();
        let pod = item(&endpoint, "pods", &name("namespace"), &name("name"));
        assert_eq!(pod["uid"], metadata["uid"]);
        assert_eq!(pod["phase"], status["phase"], "{pod}");
        assert_eq!(pod["labels"], metadata["labels"], "{pod}");
        assert_eq!(pod["createdAt"], metadata["creationTimestamp"], "{pod}");
        assert_eq!(pod["serviceAccount"], object["spec"]["serviceAccountName"], "{pod}");
        let addresses: Vec<&Value> =
            status["podIPs"].as_array().into_iter().flatten().map(|one| &one["ip"]).collect();
        assert_eq!(or_empty(&pod["podIPs"]), json!(addresses), "{pod}");
        // This version of the server has a single host address.
        let host_ip: Vec<&str> = status["hostIP"].as_str().into_iter().collect();
        assert_eq!(or_empty(&pod["hostIPs"]), json!(host_ip), "{pod}");
        let expected = match object["spec"]["nodeName"].as_str() {
            None => Value::Null,
            Some(node) => match ids.get(node) {
                Some(id) => json!({"id": id, "name": node}),
                None => json!({"name": node}),
            },
        };
        assert_eq!(pod["host"], expected, "{pod}");
    }
}

#[test]
fn pods_have_phase_and_host_in_every_phase() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = pods(cluster);
    for (name, phase, node) in PHASES {
        let pod = item(&endpoint, "pods", NAMESPACE, name);
        assert_eq!(pod["phase"], phase);
        assert_eq!(pod["host"]["name"].as_str(), node, "{pod}");
        let exists = node.is_some_and(|node| node != "missing-node");
        assert_eq!(pod["host"]["id"].is_string(), exists, "{pod}");
    }
    let waiting = (0..SHARED_PODS).filter(|pod| load::is_unscheduled(*pod));
    for number in waiting {
        let namespace = load::namespace(number / load::REPLICAS);
        let pod = item(&endpoint, "pods", &namespace, &load::pod_name(number));
        assert_eq!((&pod["phase"], pod.get("host")), (&json!("Pending"), None), "{pod}");
    }
}

#[test]
fn pods_of_one_name_in_two_namespaces_are_distinct() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = pods(cluster);
    let (one, other) =
        (item(&endpoint, "pods", NAMESPACE, TWIN), item(&endpoint, "pods", OTHER_NAMESPACE, TWIN));
    assert_ne!(one["uid"], other["uid"]);
    assert_eq!(one["uid"], cluster.object("/api/v1/pods", NAMESPACE, TWIN)["metadata"]["uid"]);
}
