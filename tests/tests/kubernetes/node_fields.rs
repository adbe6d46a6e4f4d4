//! The fields of a node in the Manager's format and in the inventory.

use gatherer_tests::servers::kubernetes::{Cluster, Method, SHARED_NODES, cluster_nodes};
use gatherer_tests::{Document, ManagerHost, cluster_or_skip};
use serde_json::{Value, json};

use crate::{endpoint, gather};

fn document(cluster: &Cluster) -> Document {
    gather("gatherer", &[endpoint("cluster", cluster.kubeconfig("admin"))]).document()
}

#[test]
fn a_manager_gets_every_field_of_a_node() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let document = document(cluster);
    let hosts = document["cluster"].as_ref().expect("complete");
    // Nodes with each spelling of the machine ID, a cordoned node, one that is not ready, one of the control plane.
    for index in [0, 1, 8, 9, SHARED_NODES - 1] {
        let expected = ManagerHost {
            name: cluster_nodes::name(index),
            host_identifier: cluster_nodes::machine_id(index),
            kind: "kubernetes".to_owned(),
            os: "Debian GNU/Linux 11 (bullseye)".to_owned(),
            os_version: "1".to_owned(),
            total_cpu_sockets: 16,
            total_cpu_cores: 16,
            total_cpu_threads: 1,
            cpu_mhz: 0.0,
            cpu_arch: "x86_64".to_owned(),
            cpu_vendor: "(unknown)".to_owned(),
            cpu_description: "(unknown)".to_owned(),
            // 65806460Ki.
            ram_mb: 64_264,
            vms: gatherer_tests::document::Unique::default(),
            optional_vm_data: Some(gatherer_tests::document::Unique::default()),
            fallback_host_identifier: None,
        };
        assert_eq!(hosts[&cluster_nodes::name(index)], expected);
    }
}

/// Creates a node with this capacity and nodeInfo; the rest comes from [`cluster_nodes::node`].
fn create_node(cluster: &Cluster, index: usize, name: &str, cpu: &str, memory: &str, info: Value) {
    let mut node = cluster_nodes::node(index, 0);
    node["metadata"]["name"] = json!(name);
    node["status"]["capacity"]["cpu"] = json!(cpu);
    node["status"]["capacity"]["memory"] = json!(memory);
    let Value::Object(info) = info else { panic!("info is an object") };
    node["status"]["nodeInfo"].as_object_mut().expect("an object").extend(info);
    cluster.create("/api/v1/nodes", &node);
}

#[test]
fn quantities_architectures_and_cloned_ids_are_correct_for_a_manager() {
    let cluster = cluster_or_skip!(Cluster::start());
    let unchanged = || json!({});
    create_node(&cluster, 0, "bytes", "2500m", "16777216000", unchanged());
    create_node(&cluster, 1, "tera", "4", "2Ti", unchanged());
    create_node(&cluster, 2, "fraction", "100m", "1.5Gi", unchanged());
    create_node(&cluster, 3, "milli", "1", "128974848000m", unchanged());
    create_node(&cluster, 4, "arm", "8", "1Gi", json!({"architecture": "arm64"}));
    create_node(&cluster, 5, "new", "8", "1Gi", json!({"architecture": "quantum"}));
    create_node(&cluster, 6, "clone-a", "1", "1Gi", json!({"machineID": "cloned"}));
    create_node(&cluster, 7, "clone-b", "1", "1Gi", json!({"machineID": "cloned"}));
    let without = json!({"machineID": "", "osImage": ""});
    create_node(&cluster, 8, "anonymous", "1", "1Gi", without);
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "bare"}});
    let bare = cluster.create("/api/v1/nodes", &node);

    let document = document(&cluster);
    let hosts = document["cluster"].as_ref().expect("complete");
    assert!(hosts.keys().eq(cluster.node_names().iter()), "{:?}", hosts.keys());
    let numbers = |name: &str| (hosts[name].total_cpu_cores, hosts[name].ram_mb);
    assert_eq!(numbers("bytes"), (3, 16_000), "bytes, and CPUs are rounded up");
    assert_eq!(numbers("tera"), (4, 2_097_152));
    assert_eq!(numbers("fraction"), (1, 1536));
    assert_eq!(numbers("milli"), (1, 123), "128974848 bytes");
    for host in hosts.values() {
        assert_eq!(host.total_cpu_sockets, host.total_cpu_cores, "{}", host.name);
    }
    assert_eq!(hosts["arm"].cpu_arch, "aarch64");
    assert_eq!(hosts["new"].cpu_arch, "cloud", "an architecture that no Manager knows");
    for name in ["clone-a", "clone-b"] {
        let id = &hosts[name].host_identifier;
        assert!(id.starts_with("cloned-") && id.len() > 20, "{name}: {id}");
    }
    let system = cluster.node("anonymous")["status"]["nodeInfo"]["systemUUID"].clone();
    assert_eq!(json!(hosts["anonymous"].host_identifier), system, "the next identifier");
    assert_eq!(json!(hosts["bare"].host_identifier), bare["metadata"]["uid"]);
    assert_eq!(numbers("bare"), (1, 0), "a node without a status");
}

#[test]
fn the_inventory_has_the_fields_of_the_api_server() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather("inventory", &[endpoint("cluster", cluster.kubeconfig("admin"))])
        .endpoint("cluster");
    for index in [0, 8, 9] {
        let name = cluster_nodes::name(index);
        let node = cluster.node(&name);
        let hosts = endpoint["hosts"].as_array().expect("a list");
        let host = hosts.iter().find(|host| host["name"] == *name).expect("a host of this name");
        let info = &node["status"]["nodeInfo"];
        let identifiers = &host["identifiers"];
        assert_eq!(host["id"], info["machineID"]);
        assert_eq!(identifiers["kubernetesUid"], node["metadata"]["uid"]);
        assert_eq!(identifiers["machineId"], info["machineID"]);
        assert_eq!(identifiers["systemUuid"], info["systemUUID"]);
        assert_eq!(host["createdAt"], node["metadata"]["creationTimestamp"]);
        assert_eq!(host["labels"], node["metadata"]["labels"]);
        assert_eq!(host["capacity"], node["status"]["capacity"]);
        assert_eq!(host["allocatable"], node["status"]["allocatable"]);
        assert_eq!(host["memoryBytes"], 65_806_460_u64 * 1024);
        assert_eq!(host["cpu"]["millicores"], 16_000);
        assert_eq!(host["provider"]["region"], "eu-west-1");
        assert_eq!(host["provider"]["zone"], cluster_nodes::zone(index));
        let role = if index < 3 { "control-plane" } else { "worker" };
        assert_eq!(host["roles"], json!([role]));
        assert_eq!(host["versions"]["kubelet"], info["kubeletVersion"]);
        assert_eq!(
            host["addresses"].as_array().map(Vec::len),
            Some(3),
            "addresses of both families: {host}"
        );
        let taints = node["spec"]["taints"].as_array().map_or(0, Vec::len);
        assert_eq!(host["taints"].as_array().map_or(0, Vec::len), taints, "{host}");
        let state = match (cluster_nodes::ready(index), cluster_nodes::cordoned(index)) {
            (false, _) => "NotReady",
            (true, true) => "Ready,SchedulingDisabled",
            (true, false) => "Ready",
        };
        assert_eq!(host["sourceState"], state);
        assert!(
            !host.to_string().contains("HeartbeatTime"),
            "heartbeat times change all the time: {host}"
        );
        assert_eq!(host["guests"].as_array().map_or(0, Vec::len), 0, "{host}");
    }
}

#[test]
fn gathering_twice_prints_the_same_bytes_and_changes_nothing() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let version = || {
        let (_, text) =
            cluster.request(Method::GET, "/api/v1/nodes?limit=1", None).expect("a response");
        let list: Value = serde_json::from_str(&text).expect("JSON");
        list["items"][0]["metadata"]["resourceVersion"].clone()
    };
    let (before, endpoints) = (version(), [endpoint("cluster", cluster.kubeconfig("token"))]);
    let first = gather("gatherer", &endpoints).expect_code(0);
    let second = gather("gatherer", &endpoints).expect_code(0);
    assert!(first.stdout == second.stdout, "the output differs");
    assert_eq!(version(), before);
}
