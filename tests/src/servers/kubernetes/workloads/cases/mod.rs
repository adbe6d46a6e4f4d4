//! One object per rule, in the namespaces [`NAMESPACE`] and [`OTHER_NAMESPACE`]: pods with every kind of chain of
//! owners in this file; uses of config maps and secrets, images and services in [`uses`], [`images`] and
//! [`services`].

pub mod images;
pub mod services;
pub mod uses;

use http::Method;
use serde_json::{Value, json};

use super::super::Cluster;
use super::super::cluster_nodes;
use super::objects::{controlled_by, controller, object, path};

/// The namespace of most objects.
pub const NAMESPACE: &str = "cases";
/// A second namespace, which repeats names of the first.
pub const OTHER_NAMESPACE: &str = "cases-other";
/// The service account of the pods.
pub const SERVICE_ACCOUNT: &str = "worker";
/// The UID of an owner that does not exist.
pub const MISSING_UID: &str = "00000000-0000-4000-8000-000000000000";

/// A pod with a chain of owners.
#[derive(Debug)]
pub struct OwnedPod {
    /// The pod's name.
    pub pod: &'static str,
    /// Kind and name of the expected owners, from the lowest to the top; empty for a bare pod.
    pub owners: &'static [(&'static str, &'static str)],
    /// The kind of end of the chain.
    pub end: ChainEnd,
}

/// The end of a chain of owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainEnd {
    /// A listed controller that no other one controls; or no owner at all.
    Listed,
    /// An owner that only the owner reference mentions.
    Unlisted,
    /// A node: the pod mirrors a pod that is defined in a file of the node.
    Node,
    /// A controller that the first one of the chain controls.
    Loop,
}

/// The pods of [`NAMESPACE`] with their owners.
pub const OWNED_PODS: [OwnedPod; 16] = {
    use ChainEnd::{Listed, Loop, Node, Unlisted};
    const SET: (&str, &str) = ("ReplicaSet", "web-5d8f7");
    const WEB: (&str, &str) = ("Deployment", "web");
    const NIGHTLY: (&str, &str) = ("Job", "backup-1700000000");
    [
        owned("web-5d8f7-aaaaa", &[SET, WEB], Listed),
        owned("web-5d8f7-bbbbb", &[SET, WEB], Listed),
        owned("backup-1700000000-aaaaa", &[NIGHTLY, ("CronJob", "backup")], Listed),
        owned("db-0", &[("StatefulSet", "db")], Listed),
        owned("agent-aaaaa", &[("DaemonSet", "agent")], Listed),
        owned("old-aaaaa", &[("ReplicationController", "old")], Listed),
        owned("once-aaaaa", &[("Job", "once")], Listed),
        owned("set-alone-aaaaa", &[("ReplicaSet", "set-alone")], Listed),
        // Its ReplicaSet names a Deployment as owner, but not as controller.
        owned("set-loose-aaaaa", &[("ReplicaSet", "set-loose")], Listed),
        owned("rollout-aaaaa", &[("Rollout", "rollout")], Unlisted),
        owned("gone-aaaaa", &[("ReplicaSet", "gone")], Unlisted),
        // A ReplicaSet of this name exists, but with another UID.
        owned("set-again-aaaaa", &[("ReplicaSet", "set-alone")], Unlisted),
        owned("loop-aaaaa", &[("ReplicaSet", "loop-a"), ("ReplicaSet", "loop-b")], Loop),
        owned("mirror-node-000000", &[("Node", "node-000000")], Node),
        owned("bare", &[], Listed),
        // It names an owner, but not as controller.
        owned("loose", &[], Listed),
    ]
};

const fn owned(
    pod: &'static str,
    owners: &'static [(&'static str, &'static str)],
    end: ChainEnd,
) -> OwnedPod {
    OwnedPod { pod, owners, end }
}

/// Controllers of [`NAMESPACE`]: kind, name, desired and ready replicas.
pub const CONTROLLERS: [(&str, &str, usize, usize); 12] = [
    ("Deployment", "web", 3, 2),
    ("ReplicaSet", "web-5d8f7", 3, 2),
    ("CronJob", "backup", 0, 0),
    ("Job", "backup-1700000000", 1, 1),
    ("StatefulSet", "db", 2, 1),
    ("DaemonSet", "agent", 4, 3),
    ("ReplicationController", "old", 1, 0),
    ("Job", "once", 5, 0),
    ("ReplicaSet", "set-alone", 1, 1),
    ("ReplicaSet", "set-loose", 1, 1),
    ("ReplicaSet", "loop-a", 1, 1),
    ("ReplicaSet", "loop-b", 0, 0),
];

/// Names of [`CONTROLLERS`], each with the name of the controller that controls it.
pub const CONTROLLED_BY: [(&str, &str); 4] = [
    ("web-5d8f7", "web"),
    ("backup-1700000000", "backup"),
    ("loop-a", "loop-b"),
    ("loop-b", "loop-a"),
];

/// Pods of [`NAMESPACE`] with phase and node. One has no node, one is on a node that does not exist.
pub const PHASES: [(&str, &str, Option<&str>); 5] = [
    ("phase-pending", "Pending", None),
    ("phase-running", "Running", Some("node-000001")),
    ("phase-succeeded", "Succeeded", Some("node-000001")),
    ("phase-failed", "Failed", Some("node-000002")),
    ("phase-unknown", "Unknown", Some("missing-node")),
];

/// The name of a pod in both namespaces.
pub const TWIN: &str = "twin";

pub(super) fn create(cluster: &Cluster) {
    for (name, labels) in
        [(NAMESPACE, json!({"purpose": "cases", "empty": ""})), (OTHER_NAMESPACE, json!({}))]
    {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
        });
        cluster.create("/api/v1/namespaces", &namespace);
    }
    let account = object("ServiceAccount", SERVICE_ACCOUNT, SERVICE_ACCOUNT);
    cluster.create_all_with_status([
        (path("ServiceAccount", NAMESPACE), account.clone()),
        (path("ServiceAccount", OTHER_NAMESPACE), account),
    ]);
    let created = create_controllers(cluster);
    let uid_of = |kind: &str, name: &str| -> String {
        let found = created.iter().find(|created| (created.0, created.1) == (kind, name));
        found.map_or_else(|| MISSING_UID.to_owned(), |created| created.2.clone())
    };
    let mut pods: Vec<(String, Value)> =
        OWNED_PODS.iter().map(|owned| owned_pod(cluster, owned, uid_of)).collect();
    pods.extend(PHASES.iter().map(|&(name, phase, node)| {
        let mut pod = pod(name, name, node);
        pod["status"]["phase"] = json!(phase);
        (path("Pod", NAMESPACE), pod)
    }));
    for namespace in [NAMESPACE, OTHER_NAMESPACE] {
        pods.push((path("Pod", namespace), pod(TWIN, "web", Some("node-000000"))));
    }
    cluster.create_all_with_status(pods);
    uses::create(cluster);
    images::create(cluster);
    services::create(cluster);
}

/// Creates [`CONTROLLERS`]. Returns kind, name and UID of each.
fn create_controllers(cluster: &Cluster) -> Vec<(&'static str, &'static str, String)> {
    let plan = CONTROLLERS.map(|(kind, name, desired, ready)| {
        (path(kind, NAMESPACE), controller(kind, name, name, desired, ready))
    });
    let uids = cluster.create_all_with_status(plan);
    let created: Vec<_> =
        CONTROLLERS.iter().zip(uids).map(|(&(kind, name, ..), uid)| (kind, name, uid)).collect();
    let find = |name: &str| {
        created.iter().find(|created| created.1 == name).expect("a created controller")
    };
    for (name, owner) in CONTROLLED_BY {
        let (kind, ..) = find(name);
        let (owner_kind, owner, uid) = find(owner);
        set_owner(cluster, kind, name, &controlled_by(owner_kind, owner, uid));
    }
    let (kind, owner, uid) = find("web");
    let mut loose = controlled_by(kind, owner, uid);
    loose["controller"] = json!(false);
    set_owner(cluster, "ReplicaSet", "set-loose", &loose);
    created
}

/// Sets the only owner reference of an object.
fn set_owner(cluster: &Cluster, kind: &str, name: &str, reference: &Value) {
    let path = format!("{}/{name}", path(kind, NAMESPACE));
    let mut object = cluster.api.expect(Method::GET, &path, None);
    object["metadata"]["ownerReferences"] = json!([reference]);
    cluster.api.expect(Method::PUT, &path, Some(&object));
}

fn owned_pod(
    cluster: &Cluster,
    owned: &OwnedPod,
    uid_of: impl Fn(&str, &str) -> String,
) -> (String, Value) {
    let mut pod = pod(owned.pod, owned.pod, Some("node-000000"));
    let metadata = &mut pod["metadata"];
    if let Some(&(kind, name)) = owned.owners.first() {
        let uid = match owned.end {
            ChainEnd::Unlisted => MISSING_UID.to_owned(),
            ChainEnd::Node => {
                cluster.node(name)["metadata"]["uid"].as_str().unwrap_or_default().into()
            }
            ChainEnd::Listed | ChainEnd::Loop => uid_of(kind, name),
        };
        metadata["ownerReferences"] = json!([controlled_by(kind, name, &uid)]);
        metadata["labels"]["app"] = json!(owned.owners.last().unwrap_or(&("", name)).1);
    }
    match owned.pod {
        "mirror-node-000000" => {
            metadata["annotations"] = json!({
                "kubernetes.io/config.mirror": "0123456789abcdef",
                "kubernetes.io/config.hash": "0123456789abcdef",
                "kubernetes.io/config.source": "file",
            });
        }
        "web-5d8f7-aaaaa" => metadata["labels"]["tier"] = json!("front"),
        "loose" => {
            let mut reference =
                controlled_by("ReplicaSet", "set-alone", &uid_of("ReplicaSet", "set-alone"));
            reference["controller"] = json!(false);
            metadata["ownerReferences"] = json!([reference]);
        }
        _ => {}
    }
    (path("Pod", NAMESPACE), pod)
}

/// A pod with one container, running on this node or pending without one.
pub(super) fn pod(name: &str, app: &str, node: Option<&str>) -> Value {
    let mut pod = object("Pod", name, app);
    pod["spec"] = json!({
        "serviceAccountName": SERVICE_ACCOUNT,
        "containers": [{"name": "main", "image": "nginx"}],
    });
    pod["status"] = json!({"phase": "Pending"});
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
        pod["status"] = json!({
            "phase": "Running", "hostIP": "10.0.0.1",
            "podIP": "100.64.0.7", "podIPs": [{"ip": "100.64.0.7"}, {"ip": "fd01::7"}],
        });
    }
    pod
}

/// The names of the nodes that the pods of the cases are on.
pub fn node_names() -> [String; 3] {
    [0, 1, 2].map(cluster_nodes::name)
}
