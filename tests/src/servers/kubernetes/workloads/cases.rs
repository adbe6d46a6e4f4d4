//! One object for each rule of workloads, in the namespaces [`NAMESPACE`] and [`OTHER`]: pods of every
//! chain of owners here, and in [`uses`], [`images`] and [`services`] what their names say.

pub mod images;
pub mod services;
pub mod uses;

use reqwest::Method;
use serde_json::{Value, json};

use super::super::Cluster;
use super::super::nodes;
use super::objects::{controlled_by, controller, object, path};

/// Where nearly all of them are.
pub const NAMESPACE: &str = "cases";
/// Another namespace, in which names of the first come again.
pub const OTHER: &str = "cases-other";
/// The service account of the pods.
pub const SERVICE_ACCOUNT: &str = "worker";
/// The UID of an owner that is not there.
pub const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// A pod of a chain of owners, and what is to be said of it.
#[derive(Debug)]
pub struct Owned {
    /// The pod's name.
    pub pod: &'static str,
    /// Kind and name of what controls it, from the one that made it to the top; nothing if it is bare.
    pub owners: &'static [(&'static str, &'static str)],
    /// What the last of them is, if it is not a controller that is there.
    pub top: Top,
}

/// What a chain of owners ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Top {
    /// A controller that is there and has no other.
    There,
    /// What only the owner reference tells of.
    Unlisted,
    /// A node: the pod mirrors one that the node's own files define.
    Node,
    /// One that is owned by the first again.
    Loop,
}

/// The pods of [`NAMESPACE`] by what owns them.
pub const OWNED: [Owned; 16] = {
    use Top::{Loop, Node, There, Unlisted};
    const SET: (&str, &str) = ("ReplicaSet", "web-5d8f7");
    const WEB: (&str, &str) = ("Deployment", "web");
    const NIGHTLY: (&str, &str) = ("Job", "backup-1700000000");
    [
        owned("web-5d8f7-aaaaa", &[SET, WEB], There),
        owned("web-5d8f7-bbbbb", &[SET, WEB], There),
        owned("backup-1700000000-aaaaa", &[NIGHTLY, ("CronJob", "backup")], There),
        owned("db-0", &[("StatefulSet", "db")], There),
        owned("agent-aaaaa", &[("DaemonSet", "agent")], There),
        owned("old-aaaaa", &[("ReplicationController", "old")], There),
        owned("once-aaaaa", &[("Job", "once")], There),
        owned("set-alone-aaaaa", &[("ReplicaSet", "set-alone")], There),
        // Its set names a Deployment as owner, but not as its controller.
        owned("set-loose-aaaaa", &[("ReplicaSet", "set-loose")], There),
        owned("rollout-aaaaa", &[("Rollout", "rollout")], Unlisted),
        owned("gone-aaaaa", &[("ReplicaSet", "gone")], Unlisted),
        // One of this name is there: its predecessor had another UID.
        owned("set-again-aaaaa", &[("ReplicaSet", "set-alone")], Unlisted),
        owned("loop-aaaaa", &[("ReplicaSet", "loop-a"), ("ReplicaSet", "loop-b")], Loop),
        owned("mirror-node-000000", &[("Node", "node-000000")], Node),
        owned("bare", &[], There),
        // It names an owner that does not control it.
        owned("loose", &[], There),
    ]
};

const fn owned(
    pod: &'static str,
    owners: &'static [(&'static str, &'static str)],
    top: Top,
) -> Owned {
    Owned { pod, owners, top }
}

/// Controllers of [`NAMESPACE`]: kind, name, how many pods they want and have ready.
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

/// Which of [`CONTROLLERS`] is controlled by which.
pub const CONTROLLED: [(&str, &str); 4] = [
    ("web-5d8f7", "web"),
    ("backup-1700000000", "backup"),
    ("loop-a", "loop-b"),
    ("loop-b", "loop-a"),
];

/// Pods of [`NAMESPACE`] by phase and node: one without a node, one on a node that is not there.
pub const PLACED: [(&str, &str, Option<&str>); 5] = [
    ("phase-pending", "Pending", None),
    ("phase-running", "Running", Some("node-000001")),
    ("phase-succeeded", "Succeeded", Some("node-000001")),
    ("phase-failed", "Failed", Some("node-000002")),
    ("phase-unknown", "Unknown", Some("node-that-is-gone")),
];

/// The pod that is in both namespaces.
pub const TWIN: &str = "twin";

pub(super) fn create(cluster: &Cluster) {
    for (name, labels) in
        [(NAMESPACE, json!({"purpose": "cases", "empty": ""})), (OTHER, json!({}))]
    {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
        });
        cluster.create("/api/v1/namespaces", &namespace);
    }
    let account = object("ServiceAccount", SERVICE_ACCOUNT, SERVICE_ACCOUNT);
    cluster.make_all([
        (path("ServiceAccount", NAMESPACE), account.clone()),
        (path("ServiceAccount", OTHER), account),
    ]);
    let made = controllers(cluster);
    let uid_of = |kind: &str, name: &str| -> String {
        let found = made.iter().find(|made| (made.0, made.1) == (kind, name));
        found.map_or_else(|| NOBODY.to_owned(), |made| made.2.clone())
    };
    let mut pods: Vec<(String, Value)> =
        OWNED.iter().map(|owned| owned_pod(cluster, owned, uid_of)).collect();
    pods.extend(PLACED.iter().map(|&(name, phase, node)| {
        let mut pod = pod(name, name, node);
        pod["status"]["phase"] = json!(phase);
        (path("Pod", NAMESPACE), pod)
    }));
    for namespace in [NAMESPACE, OTHER] {
        pods.push((path("Pod", namespace), pod(TWIN, "web", Some("node-000000"))));
    }
    cluster.make_all(pods);
    uses::create(cluster);
    images::create(cluster);
    services::create(cluster);
}

/// Makes [`CONTROLLERS`]: kind, name and UID of each.
fn controllers(cluster: &Cluster) -> Vec<(&'static str, &'static str, String)> {
    let plan = CONTROLLERS.map(|(kind, name, wanted, ready)| {
        (path(kind, NAMESPACE), controller(kind, name, name, wanted, ready))
    });
    let uids = cluster.make_all(plan);
    let made: Vec<_> =
        CONTROLLERS.iter().zip(uids).map(|(&(kind, name, ..), uid)| (kind, name, uid)).collect();
    let of =
        |name: &str| made.iter().find(|made| made.1 == name).expect("each of the table was made");
    for (name, owner) in CONTROLLED {
        let (kind, ..) = of(name);
        let (owner_kind, owner, uid) = of(owner);
        owned_by(cluster, kind, name, &controlled_by(owner_kind, owner, uid));
    }
    let (kind, owner, uid) = of("web");
    let mut loose = controlled_by(kind, owner, uid);
    loose["controller"] = json!(false);
    owned_by(cluster, "ReplicaSet", "set-loose", &loose);
    made
}

/// Gives an object its one owner reference.
fn owned_by(cluster: &Cluster, kind: &str, name: &str, reference: &Value) {
    let path = format!("{}/{name}", path(kind, NAMESPACE));
    let mut object = cluster.api.expect(Method::GET, &path, None);
    object["metadata"]["ownerReferences"] = json!([reference]);
    cluster.api.expect(Method::PUT, &path, Some(&object));
}

fn owned_pod(
    cluster: &Cluster,
    owned: &Owned,
    uid_of: impl Fn(&str, &str) -> String,
) -> (String, Value) {
    let mut pod = pod(owned.pod, owned.pod, Some("node-000000"));
    let metadata = &mut pod["metadata"];
    if let Some(&(kind, name)) = owned.owners.first() {
        let uid = match owned.top {
            Top::Unlisted => NOBODY.to_owned(),
            Top::Node => cluster.node(name)["metadata"]["uid"].as_str().unwrap_or_default().into(),
            Top::There | Top::Loop => uid_of(kind, name),
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

/// A pod that runs one container on this node, or waits for one.
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

/// The nodes that pods of the cases are on.
pub fn node_names() -> [String; 3] {
    [0, 1, 2].map(nodes::name)
}
