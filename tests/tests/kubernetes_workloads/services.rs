//! Services, and the pods that they stand for.

use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
use gatherer_tests::servers::kubernetes::workloads::cases::services::{
    EXTERNAL, NODE_PORT, SELECTED,
};
use gatherer_tests::servers::kubernetes::workloads::load;
use serde_json::{Value, json};

use crate::{cluster, gather, item, list, or_empty};

fn services(cluster: &Cluster) -> Value {
    gather(cluster.kubeconfig("token"), &json!({"collect": "services,pods"}))
}

#[test]
fn each_service_has_the_pods_of_its_namespace_that_its_selector_fits() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = services(cluster);
    for (name, selected) in SELECTED {
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
    // Whether they are ready or not, those that wait for a node among them.
    for app in [0, 4] {
        let name = load::app_name(app);
        let service = item(&endpoint, "services", &load::namespace(app), &name);
        let pods = service["pods"].as_array().expect("it has pods");
        assert_eq!(pods.len(), load::REPLICAS, "{service}");
        assert!(pods.is_sorted_by_key(|pod| pod["name"].as_str()), "{service}");
    }
}

#[test]
fn each_service_has_the_type_addresses_ports_and_selector_that_the_server_tells() {
    let cluster = cluster!(Cluster::shared());
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
fn services_of_every_type_are_told_in_full() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = services(cluster);
    let of = |name: &str| item(&endpoint, "services", NAMESPACE, name);
    let ports = json!([
        {"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"},
        {"name": "https", "protocol": "TCP", "port": 443, "targetPort": "8443"},
        {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": "53"},
    ]);
    assert_eq!(of("web")["ports"], ports);
    assert_eq!(of("headless")["clusterIPs"], json!(["None"]));
    assert_eq!(of("node-port")["type"], "NodePort");
    assert_eq!(of("node-port")["ports"][0]["nodePort"], NODE_PORT);
    assert_eq!(of("balanced")["type"], "LoadBalancer");
    assert_eq!(of("balanced")["externalIPs"], json!(EXTERNAL));
    assert_eq!(of("external-name")["type"], "ExternalName");
    assert!(of("external-name").get("clusterIPs").is_none(), "{}", of("external-name"));
    for name in ["without-selector", "external-name"] {
        assert!(of(name).get("selector").is_none(), "{}", of(name));
    }
}

#[test]
fn without_the_pods_nobody_knows_which_a_service_selects() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "services"}));
    let services = list(&endpoint, "services");
    assert!(!services.is_empty() && services.iter().all(|one| one.get("pods").is_none()));
}
