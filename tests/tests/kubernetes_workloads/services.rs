//! Services and the pods that they select.

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
use gatherer_tests::servers::kubernetes::workloads::cases::services::{
    EXTERNAL_ADDRESSES, NODE_PORT, SELECTED_PODS,
};
use gatherer_tests::servers::kubernetes::workloads::load;
use serde_json::{Value, json};

use crate::{gather, item, list, or_empty};

fn services(cluster: &Cluster) -> Value {
    gather(cluster.kubeconfig("token"), &json!({"collect": "services,pods"}))
}

#[test]
fn every_service_has_the_pods_that_it_selects_in_its_namespace() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = services(cluster);
    for (name, selected) in SELECTED_PODS {
        let service = item(&endpoint, "services", NAMESPACE, name);
        let expected = selected.map(|names| -> Value {
            let reference = |name: &&str| {
                let pod = item(&endpoint, "pods", NAMESPACE, name);
                json!({"name": name, "uid": pod["uid"]})
            };
            names.iter().map(reference).collect()
        });
        let found = &service["pods"];
        assert_eq!(*found, expected.unwrap_or(Value::Null), "{service}");
    }
    // Readiness does not matter, and pods without a node are included.
    for app in [0, 4] {
        let name = load::app_name(app);
        let service = item(&endpoint, "services", &load::namespace(app), &name);
        let pods = service["pods"].as_array().expect("pods");
        assert_eq!(pods.len(), load::REPLICAS, "{service}");
        assert!(pods.is_sorted_by_key(|pod| pod["name"].as_str()), "{service}");
    }
}

#[test]
fn every_service_has_the_fields_of_the_server() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = services(cluster);
    let objects = cluster.list("/api/v1/services");
    assert_eq!(objects.len(), list(&endpoint, "services").len());
    for object in objects {
        let (metadata, spec) = (&object["metadata"], &object["spec"]);
        let name = |name: &str| metadata[name].as_str().expect("text").to_owned();
        let service = item(&endpoint, "services", &name("namespace"), &name("name"));
        assert_eq!(service["uid"], metadata["uid"]);
        assert_eq!(service["type"], spec["type"], "{service}");
        assert_eq!(or_empty(&service["clusterIPs"]), or_empty(&spec["clusterIPs"]), "{service}");
        assert_eq!(service["selector"], spec["selector"], "{service}");
        let ports: Vec<Value> = spec["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|port| {
                let mut port = port.clone();
                if let Some(number) = port["targetPort"].as_u64() {
                    port["targetPort"] = json!(number.to_string());
                }
                port
            })
            .collect();
        assert_eq!(or_empty(&service["ports"]), json!(ports), "{service}");
    }
}

#[test]
fn services_of_every_type_have_their_ports_and_addresses() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = services(cluster);
    let service = |name: &str| item(&endpoint, "services", NAMESPACE, name);
    let ports = json!([
        {"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"},
        {"name": "https", "protocol": "TCP", "port": 443, "targetPort": "8443"},
        {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": "53"},
    ]);
    assert_eq!(service("web")["ports"], ports);
    assert_eq!(service("headless")["clusterIPs"], json!(["None"]));
    assert_eq!(service("node-port")["type"], "NodePort");
    assert_eq!(service("node-port")["ports"][0]["nodePort"], NODE_PORT);
    assert_eq!(service("balanced")["type"], "LoadBalancer");
    assert_eq!(service("balanced")["externalIPs"], json!(EXTERNAL_ADDRESSES));
    assert_eq!(service("external-name")["type"], "ExternalName");
    assert!(service("external-name").get("clusterIPs").is_none(), "{}", service("external-name"));
    for name in ["without-selector", "external-name"] {
        assert!(service(name).get("selector").is_none(), "{}", service(name));
    }
}

#[test]
fn services_have_no_pods_if_pods_are_not_collected() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "services"}));
    let services = list(&endpoint, "services");
    assert!(!services.is_empty() && services.iter().all(|one| one.get("pods").is_none()));
}
