//! The fields of the node.

use std::collections::BTreeSet;

use gatherer_tests::servers::node::NODE_NAME;
use serde_json::{Value, json};

use crate::{items, text, world};

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn the_fields_of_the_node_are_those_that_kubectl_shows() {
    let world = world();
    let [node] = &world.nodes[..] else { panic!("{} nodes", world.nodes.len()) };
    let [host] = items(&world.endpoint["hosts"]) else { panic!("{}", world.endpoint["hosts"]) };
    let (metadata, status) = (&node["metadata"], &node["status"]);
    let info = &status["nodeInfo"];
    assert_eq!(host["name"], NODE_NAME);
    assert_eq!(host["name"], metadata["name"]);
    assert_eq!(host["id"], info["machineID"]);
    assert_eq!(host["identifiers"]["kubernetesUid"], metadata["uid"]);
    assert_eq!(host["identifiers"]["bootId"], info["bootID"]);
    assert_eq!(host["labels"], metadata["labels"]);
    assert_eq!(host["createdAt"], metadata["creationTimestamp"]);
    for member in ["capacity", "allocatable", "addresses"] {
        assert_eq!(host[member], status[member], "{member}");
    }
    let cpus: u64 = text(&status["capacity"]["cpu"]).parse().expect("a whole number of CPUs");
    assert_eq!(host["cpu"]["millicores"], cpus * 1000);
    assert_eq!(host["cpu"]["architecture"], std::env::consts::ARCH);
    let memory = text(&status["capacity"]["memory"]).strip_suffix("Ki").expect("KiB");
    assert_eq!(host["memoryBytes"], memory.parse::<u64>().expect("a number") * 1024);
    assert_eq!(host["os"]["name"], info["osImage"]);
    assert_eq!(host["state"], "up");
    assert_eq!(
        host["hypervisor"],
        json!({"type": "kubernetes", "version": info["kubeletVersion"]})
    );
    let versions = json!({
        "containerRuntime": info["containerRuntimeVersion"], "kernel": info["kernelVersion"],
        "kubelet": info["kubeletVersion"], "kubeProxy": info["kubeProxyVersion"],
        "osImage": info["osImage"],
    });
    assert_eq!(host["versions"], versions);
    let statuses = |list: &Value| -> BTreeSet<(String, String)> {
        let pair = |one: &Value| (text(&one["type"]).to_owned(), text(&one["status"]).to_owned());
        items(list).iter().map(pair).collect()
    };
    assert_eq!(statuses(&host["conditions"]), statuses(&status["conditions"]));
    assert_eq!(statuses(&host["conditions"]).len(), 4);
}

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn the_versions_are_those_of_the_running_programs() {
    let world = world();
    let versions = &world.endpoint["hosts"][0]["versions"];
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a readable file");
    assert_eq!(versions["kernel"], kernel.trim());
    let containerd = text(&versions["containerRuntime"]);
    let containerd = containerd.strip_prefix("containerd://").expect("containerd");
    let ctr = world.node.ctr(&["version"]).expect("containerd answers");
    let (_, server) = ctr.split_once("Server:").expect("the version of the server");
    assert!(server.contains(&format!("Version:  {containerd}")), "{containerd}: {ctr}");
    assert_eq!(versions["kubelet"], "v1.20.2");
}

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn the_images_of_the_node_have_the_names_that_containerd_has() {
    let world = world();
    let images = &world.endpoint["hosts"][0]["images"];
    let names = |list: &Value| -> Vec<Vec<String>> {
        let of =
            |one: &Value| items(&one["names"]).iter().map(|name| text(name).to_owned()).collect();
        items(list).iter().map(of).collect()
    };
    assert_eq!(names(images), names(&world.nodes[0]["status"]["images"]));
    let known = world.node.ctr(&["images", "ls", "--quiet"]).expect("containerd answers");
    let known: BTreeSet<&str> = known.lines().collect();
    for name in names(images).iter().flatten() {
        assert!(known.contains(name.as_str()), "containerd does not know {name}: {known:?}");
    }
    // One image under both of its digests.
    let multi = &world.node.images().multi;
    let of_multi = names(images).into_iter().find(|names| names.contains(&multi.name()));
    let of_multi = of_multi.expect("the node lists the image");
    for digest in [&multi.digest, &multi.platform_digest] {
        let name = format!("{}@{digest}", multi.repository);
        assert!(of_multi.contains(&name), "{name}: {of_multi:?}");
    }
}
