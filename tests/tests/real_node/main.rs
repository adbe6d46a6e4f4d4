//! Module Kubernetes on a real node: a kubelet with containerd that runs pods. kubectl and containerd's own client
//! are the judges.
//!
//! These tests are ignored because they need the namespaces that `make test-node` makes.

mod containers;
mod in_cluster;
mod node_fields;
mod shards;
mod workloads;

use std::sync::OnceLock;

use gatherer_tests::servers::node::Node;
use gatherer_tests::{PluginFolder, Run, inventory_endpoint};
use serde_json::{Value, json};

/// The node with all workloads, and the same state as the program and kubectl show it.
struct World {
    node: Node,
    /// The endpoint in the inventory.
    endpoint: Value,
    nodes: Vec<Value>,
    pods: Vec<Value>,
    /// Deployments, ReplicaSets and Jobs.
    controllers: Vec<Value>,
}

/// The world that all tests share. The node starts with the first of them.
fn world() -> &'static World {
    static WORLD: OnceLock<Result<World, String>> = OnceLock::new();
    let world = WORLD.get_or_init(|| {
        // Otherwise each test would wait for a node that does not start.
        std::panic::catch_unwind(World::start)
            .map_err(|_| "the node did not start: see the first failed test".to_owned())
    });
    world.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

impl World {
    fn start() -> Self {
        let node = Node::start();
        workloads::create(&node);
        // Something may change while the program reads; the kubelet is slow to report some of it.
        for _ in 0..20 {
            let before = Self::read(&node);
            let endpoint = gather(&node, &json!({"collect": "all"}));
            let after = Self::read(&node);
            if before == after {
                let [nodes, pods, controllers] = after;
                return Self { node, endpoint, nodes, pods, controllers };
            }
        }
        panic!("the state of the cluster does not settle");
    }

    /// Nodes, pods and controllers as kubectl shows them, without what changes all the time.
    fn read(node: &Node) -> [Vec<Value>; 3] {
        let mut lists =
            ["nodes", "pods", "deployments,replicasets,jobs"].map(|kind| node.kubectl_get(kind));
        for object in lists.iter_mut().flatten() {
            let metadata = object["metadata"].as_object_mut().expect("an object has metadata");
            metadata.remove("managedFields");
            metadata.remove("resourceVersion");
            for condition in object["status"]["conditions"].as_array_mut().into_iter().flatten() {
                condition.as_object_mut().expect("an object").remove("lastHeartbeatTime");
            }
        }
        lists
    }
}

/// Gathers from the node's cluster as administrator. The endpoint must be complete.
fn gather(node: &Node, parameters: &Value) -> Value {
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::gather(&json!([endpoint(node, parameters)])).plugins(plugins.path());
    let outcome = run.args(["--format", "inventory", "--no-run-info"]).run().expect_code(0);
    let endpoint = inventory_endpoint(&outcome.inventory(), "cluster");
    assert_eq!(endpoint["status"], "complete", "{}", endpoint["error"]);
    endpoint
}

/// The endpoint `cluster` with these parameters.
fn endpoint(node: &Node, parameters: &Value) -> Value {
    let kubeconfig = node.cluster().kubeconfig("admin");
    let mut endpoint = json!({"id": "cluster", "module": "Kubernetes", "kubeconfig": kubeconfig});
    for (name, value) in parameters.as_object().expect("parameters are an object") {
        endpoint[name] = value.clone();
    }
    endpoint
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}
