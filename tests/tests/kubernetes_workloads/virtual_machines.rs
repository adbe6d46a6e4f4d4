//! KubeVirt's virtual machines, which are the guests of their nodes.

use std::collections::BTreeMap;

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
use gatherer_tests::servers::kubernetes::workloads::virtual_machines::{
    REMOVED_NODE, VIRTUAL_MACHINES, VirtualMachine,
};
use serde_json::{Value, json};

use crate::{collections, gather};

/// The guests of this name, each with the name of its host.
fn guests_named<'a>(endpoint: &'a Value, name: &str) -> Vec<(Option<&'a str>, &'a Value)> {
    let hosts = endpoint["hosts"].as_array().expect("a list");
    let guests = |value: &'a Value| value.as_array().into_iter().flatten();
    let on_hosts = hosts
        .iter()
        .flat_map(|host| guests(&host["guests"]).map(move |guest| (host["name"].as_str(), guest)));
    let detached = guests(&endpoint["detachedGuests"]).map(|guest| (None, guest));
    on_hosts.chain(detached).filter(|(_, guest)| guest["name"] == *name).collect()
}

fn state(machine: &VirtualMachine) -> &'static str {
    match machine.phase {
        "Running" => "running",
        "Succeeded" => "stopped",
        "Failed" => "crashed",
        "Unknown" => "unknown",
        _ => "poweringOn",
    }
}

#[test]
fn every_virtual_machine_has_its_host_uuid_and_state() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "virtual-machines"}));
    assert_eq!(endpoint["collections"]["virtual-machines"]["status"], "complete");
    let path = "/apis/kubevirt.io/v1/virtualmachineinstances";
    for machine in &VIRTUAL_MACHINES {
        let object = cluster.object(path, NAMESPACE, machine.name);
        let found = guests_named(&endpoint, machine.name);
        let [(host, guest)] = found[..] else { panic!("{}: {found:?}", machine.name) };
        assert_eq!(host, machine.node.filter(|node| *node != REMOVED_NODE), "{guest}");
        assert_eq!(guest["uuid"].as_str(), machine.uuid().as_deref(), "{guest}");
        let uid = &object["metadata"]["uid"];
        let id = machine.uuid().map_or_else(|| uid.clone(), |uuid| json!(uuid));
        assert_eq!(guest["id"], id, "the UID if the firmware has no UUID: {guest}");
        assert_eq!(guest["identifiers"]["kubernetesUid"], *uid, "{guest}");
        assert_eq!(guest["state"], state(machine), "{guest}");
        assert_eq!(guest["sourceState"], machine.phase, "{guest}");
        assert_eq!(guest["cpus"], 2, "{guest}");
        assert_eq!(guest["memoryBytes"], 2_u64 << 30, "{guest}");
        assert_eq!(guest["desiredCpus"], 4, "{guest}");
        assert_eq!(guest["desiredMemoryBytes"], 4_u64 << 30, "{guest}");
    }
}

#[test]
fn a_guest_of_a_removed_node_has_a_warning_and_does_not_fail_the_endpoint() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let kubeconfig = cluster.kubeconfig("token");
    let endpoint = gather(kubeconfig, &json!({"collect": "virtual-machines"}));
    let warnings = endpoint["warnings"].as_array().expect("a list");
    let name = "VirtualMachineInstance cases/vm-of-removed-node";
    let of_guest: Vec<_> = warnings.iter().filter(|warning| warning["object"] == name).collect();
    assert_eq!(of_guest.len(), 1, "{warnings:?}");
    assert!(of_guest[0]["message"].as_str().is_some_and(|text| text.contains(REMOVED_NODE)));
}

#[test]
fn a_cluster_without_kubevirt_has_no_virtual_machines() {
    let cluster = cluster_or_skip!(Cluster::start());
    cluster.create_nodes(2, 0);
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "virtual-machines"}));
    let complete = json!({"status": "complete"});
    assert_eq!(collections(&endpoint), BTreeMap::from([("virtual-machines", &complete)]));
    assert!(endpoint.get("detachedGuests").is_none() && endpoint.get("warnings").is_none());
    assert_eq!(endpoint["hosts"].as_array().map(Vec::len), Some(2));
}
