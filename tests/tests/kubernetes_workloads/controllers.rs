//! Controllers, and the chains of owners of pods.

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::{
    CONTROLLED_BY, CONTROLLERS, ChainEnd, MISSING_UID, NAMESPACE, OWNED_PODS,
};
use serde_json::{Value, json};

use crate::{everything, gather, item, list, or_empty};

#[test]
fn every_kind_of_controller_has_its_counts_and_its_owner() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "controllers"}));
    let controller = |name: &str| item(&endpoint, "controllers", NAMESPACE, name);
    for (kind, name, desired, ready) in CONTROLLERS {
        let found = controller(name);
        assert_eq!(found["kind"], kind, "{found}");
        if kind == "CronJob" {
            // A CronJob creates jobs and has no pods of its own.
            assert!(found.get("desiredReplicas").is_none(), "{found}");
            assert!(found.get("readyReplicas").is_none(), "{found}");
        } else {
            assert_eq!(found["desiredReplicas"], desired, "{found}");
            assert_eq!(found["readyReplicas"], ready, "{found}");
        }
        let owner = CONTROLLED_BY.iter().find(|(controlled, _)| *controlled == name);
        let expected = owner.map_or(Value::Null, |(_, owner)| reference(controller(owner)));
        assert_eq!(found["owner"], expected, "the owner: {found}");
    }
}

#[test]
fn every_chain_of_owners_is_complete() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = everything(cluster);
    for owned in OWNED_PODS {
        let pod = item(&endpoint, "pods", NAMESPACE, owned.pod);
        let uid = |kind: &str, name: &str| match owned.end {
            ChainEnd::Unlisted => json!(MISSING_UID),
            ChainEnd::Node => cluster.node(name)["metadata"]["uid"].clone(),
            ChainEnd::Listed | ChainEnd::Loop => {
                let found = item(&endpoint, "controllers", NAMESPACE, name);
                assert_eq!(found["kind"], kind, "{found}");
                found["uid"].clone()
            }
        };
        let chain: Vec<Value> = owned
            .owners
            .iter()
            .map(|&(kind, name)| json!({"kind": kind, "name": name, "uid": uid(kind, name)}))
            .collect();
        assert_eq!(or_empty(&pod["owners"]), json!(chain), "{}: the chain", owned.pod);
        let top = chain.last().unwrap_or(&Value::Null);
        assert_eq!(pod["controller"], *top, "{}: the top", owned.pod);
        let bare = owned.owners.is_empty();
        assert_eq!(pod["bare"], if bare { json!(true) } else { Value::Null }, "{}", owned.pod);
        let of_node = owned.end == ChainEnd::Node;
        assert_eq!(pod["static"], if of_node { json!(true) } else { Value::Null }, "{}", owned.pod);
    }
}

#[test]
fn a_controller_of_an_unlisted_kind_has_the_fields_of_its_reference() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = everything(cluster);
    let expected =
        json!({"namespace": NAMESPACE, "name": "rollout", "uid": MISSING_UID, "kind": "Rollout"});
    assert_eq!(*item(&endpoint, "controllers", NAMESPACE, "rollout"), expected);
    let kinds = list(&endpoint, "controllers").iter().map(|one| &one["kind"]);
    assert!(kinds.clone().all(|kind| kind != "Node"), "a node is a host");
    let gone = list(&endpoint, "controllers").iter().filter(|one| one["name"] == "gone");
    assert_eq!(gone.count(), 0, "its kind is listed, and it is not in the list");
}

#[test]
fn pods_have_their_owners_if_controllers_are_not_collected() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let pods = gather(cluster.kubeconfig("token"), &json!({"collect": "pods"}));
    let whole = everything(cluster);
    assert!(list(&pods, "pods") == list(&whole, "pods"));
    assert!(list(&pods, "controllers").is_empty());
}

/// The reference to a controller.
fn reference(controller: &Value) -> Value {
    json!({"kind": controller["kind"], "name": controller["name"], "uid": controller["uid"]})
}
