//! The readable part of KubeVirt: its resource definition on the real API server, and virtual machines as
//! KubeVirt's handlers on the nodes describe them.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::super::Cluster;
use super::cases::NAMESPACE;
use super::load::uuid;
use super::objects::path;

/// A virtual machine in the namespace of the cases.
#[derive(Debug)]
pub struct VirtualMachine {
    /// Its name.
    pub name: &'static str,
    /// Its phase.
    pub phase: &'static str,
    /// The node that runs it, which may have been removed: [`REMOVED_NODE`].
    pub node: Option<&'static str>,
    /// Whether its firmware has a UUID: [`VirtualMachine::uuid`].
    pub firmware: bool,
}

/// A node that the cluster does not have.
pub const REMOVED_NODE: &str = "node-999999";

/// One virtual machine per phase, some without a UUID, and one on a node that was removed.
pub const VIRTUAL_MACHINES: [VirtualMachine; 9] = [
    machine("vm-pending", "Pending", None, true),
    machine("vm-scheduling", "Scheduling", None, false),
    machine("vm-scheduled", "Scheduled", Some("node-000001"), true),
    machine("vm-running", "Running", Some("node-000001"), true),
    machine("vm-without-uuid", "Running", Some("node-000002"), false),
    machine("vm-succeeded", "Succeeded", Some("node-000002"), true),
    machine("vm-failed", "Failed", Some("node-000002"), true),
    machine("vm-of-removed-node", "Running", Some(REMOVED_NODE), true),
    machine("vm-unknown", "Unknown", Some("node-000001"), true),
];

const fn machine(
    name: &'static str,
    phase: &'static str,
    node: Option<&'static str>,
    firmware: bool,
) -> VirtualMachine {
    VirtualMachine { name, phase, node, firmware }
}

impl VirtualMachine {
    /// The UUID of its firmware.
    pub fn uuid(&self) -> Option<String> {
        self.firmware.then(|| uuid(self.name.len(), self.name))
    }
}

/// The longest time until the API server serves a new resource.
const SERVING_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) fn create(cluster: &Cluster) {
    cluster.create(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        &json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "virtualmachineinstances.kubevirt.io"},
            "spec": {
                "group": "kubevirt.io", "scope": "Namespaced",
                "names": {"kind": "VirtualMachineInstance", "plural": "virtualmachineinstances",
                    "singular": "virtualmachineinstance", "shortNames": ["vmi", "vmis"]},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema":
                        {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                }],
            },
        }),
    );
    // The server first serves the list, and later shows the group in discovery.
    let until = Instant::now() + SERVING_TIMEOUT;
    let list = "/apis/kubevirt.io/v1/virtualmachineinstances";
    let responds = |path: &str, word: &str| {
        let response = cluster.request(Method::GET, path, None);
        response.is_ok_and(|(status, text)| status == 200 && text.contains(word))
    };
    while !(responds(list, "items") && responds("/apis", "kubevirt.io")) {
        assert!(Instant::now() < until, "{list} is not served");
        std::thread::sleep(Duration::from_millis(20));
    }
    let all = VIRTUAL_MACHINES
        .iter()
        .map(|machine| (path("VirtualMachineInstance", NAMESPACE), object(machine)));
    cluster.create_all_with_status(all);
}

fn object(machine: &VirtualMachine) -> Value {
    let mut domain = json!({
        // What it should have; the status says what it has.
        "cpu": {"cores": 2, "sockets": 2, "threads": 1},
        "memory": {"guest": "4Gi"},
        "devices": {"disks": [{"name": "root", "disk": {"bus": "virtio"}}]},
        "resources": {"requests": {"memory": "2Gi"}},
    });
    if let Some(uuid) = machine.uuid() {
        domain["firmware"] = json!({"uuid": uuid});
    }
    let mut status = json!({
        "phase": machine.phase, "conditions": [],
        "currentCPUTopology": {"cores": 2, "sockets": 1, "threads": 1},
        "memory": {"guestAtBoot": "1Gi", "guestCurrent": "2Gi", "guestRequested": "4Gi"},
    });
    if let Some(node) = machine.node {
        status["nodeName"] = json!(node);
    }
    json!({
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance",
        "metadata": {"name": machine.name, "labels": {"kubevirt.io/domain": machine.name}},
        "spec": {"domain": domain},
        "status": status,
    })
}
