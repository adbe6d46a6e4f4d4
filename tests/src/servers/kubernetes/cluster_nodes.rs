//! Nodes as kubelets write them, of a given size.

use serde_json::{Map, Value, json};

/// About the number of bytes that the API server adds to a new node: UID, version, creation time and second list
/// of pod addresses.
const ADDED_BY_SERVER: usize = 160;

/// The name of a node. Names sort in the order of their numbers.
pub fn name(index: usize) -> String {
    format!("node-{index:06}")
}

/// A node of about this many bytes in the list of the API server, or more if its required members are larger.
///
/// The machine IDs of even nodes are spelt as systemd does, those of odd nodes as upper-case UUIDs. Every
/// tenth node is not ready, every tenth node is cordoned, and the first three nodes are the control
/// plane.
pub fn node(index: usize, bytes: usize) -> Value {
    let mut node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata(index),
        "spec": spec(index),
        "status": status(index),
    });
    let mut size = node.to_string().len() + ADDED_BY_SERVER;
    let mut images = Vec::new();
    while size < bytes {
        let image = image(index * 7 + images.len());
        size += image.to_string().len() + 1;
        images.push(image);
    }
    node["status"]["images"] = Value::Array(images);
    node
}

/// The machine ID of [`node`].
pub fn machine_id(index: usize) -> String {
    let digits = hex(index, "machine");
    if index.is_multiple_of(2) { digits } else { dashed(&digits).to_uppercase() }
}

/// Whether [`node`] is ready.
pub fn ready(index: usize) -> bool {
    index % 10 != 9
}

/// Whether [`node`] is cordoned.
pub fn cordoned(index: usize) -> bool {
    index % 10 == 8
}

/// The zone of [`node`], in region `eu-west-1`.
pub fn zone(index: usize) -> String {
    format!("eu-west-1{}", ["a", "b", "c"][index % 3])
}

fn metadata(index: usize) -> Value {
    let name = name(index);
    let mut labels = json!({
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m5.4xlarge",
        "topology.kubernetes.io/region": "eu-west-1",
        "topology.kubernetes.io/zone": zone(index),
    });
    let role = if index < 3 { "control-plane" } else { "worker" };
    labels[format!("node-role.kubernetes.io/{role}")] = json!("");
    json!({
        "name": name,
        "labels": labels,
        "annotations": {
            "node.alpha.kubernetes.io/ttl": "0",
            "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        },
    })
}

fn spec(index: usize) -> Value {
    let instance = &hex(index, "instance")[..17];
    let mut spec = Map::new();
    spec.insert("providerID".into(), json!(format!("aws:///{}/i-{instance}", zone(index))));
    spec.insert("podCIDR".into(), json!(format!("100.{}/32", low_bytes(index))));
    let mut taints = Vec::new();
    if index < 3 {
        taints.push(json!({"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}));
    }
    if index % 7 == 3 {
        taints.push(json!({"key": "dedicated", "value": "batch", "effect": "NoExecute"}));
    }
    if cordoned(index) {
        spec.insert("unschedulable".into(), json!(true));
        taints.push(json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}));
    }
    if !taints.is_empty() {
        spec.insert("taints".into(), Value::Array(taints));
    }
    Value::Object(spec)
}

fn status(index: usize) -> Value {
    let resources = |cpu: &str, memory: &str| {
        json!({
            "cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "101430960Ki",
            "hugepages-1Gi": "0", "hugepages-2Mi": "0",
        })
    };
    let (is_ready, reason) =
        if ready(index) { ("True", "KubeletReady") } else { ("False", "KubeletNotReady") };
    json!({
        "capacity": resources("16", "65806460Ki"),
        "allocatable": resources("15890m", "64680060Ki"),
        "addresses": [
            {"type": "InternalIP", "address": format!("10.{}", low_bytes(index))},
            {"type": "InternalIP", "address": format!("fd00::{:x}:{:x}", index >> 16, index & 0xffff)},
            {"type": "Hostname", "address": name(index)},
        ],
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            condition("Ready", is_ready, reason),
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": machine_id(index),
            "systemUUID": dashed(&hex(index, "system")),
            "bootID": dashed(&hex(index, "boot")),
            "kernelVersion": "5.10.0-21-amd64",
            "osImage": "Debian GNU/Linux 11 (bullseye)",
            "containerRuntimeVersion": "containerd://1.6.20",
            "kubeletVersion": "v1.20.2",
            "kubeProxyVersion": "v1.20.2",
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
    })
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": format!("kubelet says {reason}"),
        "lastHeartbeatTime": "2026-01-02T03:04:05Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

fn image(number: usize) -> Value {
    let number = number % 200;
    let repository = format!("registry.example.com:5000/team-{}/service-{number}", number % 5);
    let digest = hex(number, "image-a") + &hex(number, "image-b");
    json!({
        "names": [format!("{repository}@sha256:{digest}"), format!("{repository}:v1.{number}.0")],
        "sizeBytes": 10_000_000 + number * 977,
    })
}

/// The number's three low bytes in the notation of an address.
fn low_bytes(index: usize) -> String {
    format!("{}.{}.{}", index >> 16 & 255, index >> 8 & 255, index & 255)
}

/// 32 hexadecimal digits that look random and depend on the number and the kind.
pub(super) fn hex(index: usize, kind: &str) -> String {
    let word = |salt: u64| {
        // 64-bit FNV-1a, and a final mix.
        let bytes = kind.bytes().chain(index.to_le_bytes()).chain(salt.to_le_bytes());
        let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash ^= hash >> 31;
        hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    format!("{:016x}{:016x}", word(1), word(2))
}

/// 32 digits in the groups of a UUID.
pub(super) fn dashed(digits: &str) -> String {
    let group = |from: usize, to: usize| &digits[from..to];
    [group(0, 8), group(8, 12), group(12, 16), group(16, 20), group(20, 32)].join("-")
}
