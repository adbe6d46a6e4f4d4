//! Virtual machines whose nodes were not in the first list of nodes.

use std::sync::atomic::{AtomicUsize, Ordering};

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::Guest;
use gatherer_plugin_api::testing::Gathered;
use gatherer_plugin_support::testing::{Action, ReceivedRequest as Request};
use serde_json::{Value, json};

use super::test_cluster::{
    empty_cluster, ends, forbidden, gather, list, object, ok, paths, warned_objects,
};

fn machine(name: &str, node: Option<&str>, phase: &str) -> Value {
    object("shop", name, json!({"status": {"nodeName": node, "phase": phase}}))
}

fn node(name: &str) -> Value {
    object("", name, json!({"status": {"nodeInfo": {"machineID": format!("id-of-{name}")}}}))
}

/// A cluster with KubeVirt and these virtual machines. The n-th list of nodes is `nodes(n)`, from 0.
fn kubevirt(
    machines: Vec<Value>,
    nodes: impl Fn(usize) -> Action + Send + Sync + 'static,
) -> impl Fn(&Request) -> Action + Send + Sync + 'static {
    let count = AtomicUsize::new(0);
    move |request| match request.path() {
        "/api/v1/nodes" => nodes(count.fetch_add(1, Ordering::SeqCst)),
        "/apis" => ok(&json!({"kind": "APIGroupList", "groups": [
            {"name": "kubevirt.io", "versions": [{"groupVersion": "kubevirt.io/v1"}]}]})),
        "/apis/kubevirt.io/v1" => ok(&json!({"kind": "APIResourceList",
            "groupVersion": "kubevirt.io/v1", "resources": [{"name": "virtualmachineinstances"}]})),
        "/apis/kubevirt.io/v1/virtualmachineinstances" => {
            ok(&list("VirtualMachineInstance", "kubevirt.io/v1", &machines, ""))
        }
        _ => empty_cluster(request),
    }
}

fn nodes(names: &[&str]) -> Action {
    let nodes: Vec<Value> = names.iter().map(|name| node(name)).collect();
    ok(&list("Node", "v1", &nodes, ""))
}

fn names(guests: &[Guest]) -> Vec<&str> {
    guests.iter().map(|guest| guest.name.as_str()).collect()
}

/// The names of the hosts, each with those of its guests.
fn hosts(gathered: &Gathered) -> Vec<(&str, Vec<&str>)> {
    gathered.hosts.iter().map(|host| (host.name.as_str(), names(&host.guests))).collect()
}

#[test]
fn a_guest_of_a_removed_node_is_detached_with_a_warning() {
    let machines = vec![
        machine("old", Some("gone"), "Running"),
        machine("older", Some("gone"), "Failed"),
        machine("web", Some("n1"), "Running"),
        machine("new", None, "Pending"),
    ];
    let parameters = json!({"collect": ["virtual-machines"]});
    let (gathered, requests) = gather(&parameters, kubevirt(machines, |_| nodes(&["n1"])));
    assert_eq!(ends(&gathered), [("virtual-machines", None)]);
    assert_eq!(hosts(&gathered), [("n1", vec!["web"])]);
    assert_eq!(names(&gathered.detached_guests), ["old", "older", "new"]);
    // A guest that was never on a node has no warning.
    let warned = ["VirtualMachineInstance shop/old", "VirtualMachineInstance shop/older"];
    assert_eq!(warned_objects(&gathered), warned);
    assert!(gathered.warnings.iter().any(|warning| warning.message.contains("\"gone\"")));
    let lists = paths(&requests).iter().filter(|path| **path == "/api/v1/nodes").count();
    assert_eq!(lists, 2, "the nodes are listed once more for all guests");
}

#[test]
fn a_node_that_came_after_the_first_list_becomes_a_host() {
    let machines =
        vec![machine("db", Some("n2"), "Running"), machine("web", Some("n1"), "Running")];
    let later = |count| if count == 0 { nodes(&["n1"]) } else { nodes(&["n0", "n1", "n2"]) };
    let respond = kubevirt(machines, later);
    let parameters = json!({"collect": ["virtual-machines", "pods"]});
    let (gathered, _) = gather(&parameters, move |request| {
        if request.path() == "/api/v1/pods" {
            let pod = object("shop", "launcher", json!({"spec": {"nodeName": "n2"}}));
            return ok(&list("Pod", "v1", &[pod], ""));
        }
        respond(request)
    });
    assert_eq!(ends(&gathered), [("pods", None), ("virtual-machines", None)]);
    // No guest needs n0, so it is left to the next run.
    assert_eq!(hosts(&gathered), [("n1", vec!["web"]), ("n2", vec!["db"])]);
    assert_eq!(warned_objects(&gathered), [] as [&str; 0]);
    let host = gathered.workloads.pods[0].host.as_ref().expect("a host");
    assert_eq!(host.id.as_deref(), Some("id-of-n2"));
}

#[test]
fn the_nodes_are_listed_once_if_every_guest_has_its_node() {
    let machines = vec![machine("web", Some("n1"), "Running"), machine("new", None, "Pending")];
    let parameters = json!({"collect": ["virtual-machines"]});
    let (gathered, requests) = gather(&parameters, kubevirt(machines, |_| nodes(&["n1"])));
    assert_eq!(hosts(&gathered), [("n1", vec!["web"])]);
    assert_eq!(paths(&requests).iter().filter(|path| **path == "/api/v1/nodes").count(), 1);
}

#[test]
fn the_guests_are_unknown_if_the_second_list_of_nodes_fails() {
    let machines =
        vec![machine("db", Some("n2"), "Running"), machine("web", Some("n1"), "Running")];
    let later = |count| if count == 0 { nodes(&["n1"]) } else { forbidden("nodes") };
    let (gathered, _) =
        gather(&json!({"collect": ["virtual-machines"]}), kubevirt(machines, later));
    assert_eq!(ends(&gathered), [("virtual-machines", Some(ErrorKind::Permission))]);
    assert_eq!(hosts(&gathered), [("n1", vec![])]);
    assert_eq!(names(&gathered.detached_guests), [] as [&str; 0]);
}
