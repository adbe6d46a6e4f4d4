//! What makes pods, and what makes that.

use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::{
    CONTROLLED, CONTROLLERS, NAMESPACE, NOBODY, OWNED, Top,
};
use serde_json::{Value, json};

use crate::{cluster, everything, gather, item, list, or_empty};

#[test]
fn each_kind_of_controller_has_its_counts_and_what_controls_it() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "controllers"}));
    let of = |name: &str| item(&endpoint, "controllers", NAMESPACE, name);
    for (kind, name, wanted, ready) in CONTROLLERS {
        let found = of(name);
        assert_eq!(found["kind"], kind, "{found}");
        if kind == "CronJob" {
            // It makes jobs, and keeps no pods itself.
            assert!(found.get("desiredReplicas").is_none(), "{found}");
            assert!(found.get("readyReplicas").is_none(), "{found}");
        } else {
            assert_eq!(found["desiredReplicas"], wanted, "{found}");
            assert_eq!(found["readyReplicas"], ready, "{found}");
        }
        let owner = CONTROLLED.iter().find(|(controlled, _)| *controlled == name);
        let expected = owner.map_or(Value::Null, |(_, owner)| reference(of(owner)));
        assert_eq!(found["owner"], expected, "an owner that controls it: {found}");
    }
}

#[test]
fn every_chain_of_owners_is_followed_to_its_top() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = everything(cluster);
    for owned in OWNED {
        let pod = item(&endpoint, "pods", NAMESPACE, owned.pod);
        let uid = |kind: &str, name: &str| match owned.top {
            Top::Unlisted => json!(NOBODY),
            Top::Node => cluster.node(name)["metadata"]["uid"].clone(),
            Top::There | Top::Loop => {
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
        let of_node = owned.top == Top::Node;
        assert_eq!(pod["static"], if of_node { json!(true) } else { Value::Null }, "{}", owned.pod);
    }
}

#[test]
fn a_controller_of_a_kind_that_no_list_has_is_told_as_its_pod_names_it() {
    let cluster = cluster!(Cluster::shared());
    let endpoint = everything(cluster);
    let expected =
        json!({"namespace": NAMESPACE, "name": "rollout", "uid": NOBODY, "kind": "Rollout"});
    assert_eq!(*item(&endpoint, "controllers", NAMESPACE, "rollout"), expected);
    let kinds = list(&endpoint, "controllers").iter().map(|one| &one["kind"]);
    assert!(kinds.clone().all(|kind| kind != "Node"), "a node is a host");
    let gone = list(&endpoint, "controllers").iter().filter(|one| one["name"] == "gone");
    assert_eq!(gone.count(), 0, "the list of its kind says that it is not there");
}

#[test]
fn without_the_list_of_controllers_pods_still_have_their_top() {
    let cluster = cluster!(Cluster::shared());
    let pods = gather(cluster.kubeconfig("token"), &json!({"collect": "pods"}));
    let whole = everything(cluster);
    assert!(list(&pods, "pods") == list(&whole, "pods"));
    assert!(list(&pods, "controllers").is_empty());
}

/// A controller as others refer to it.
fn reference(controller: &Value) -> Value {
    json!({"kind": controller["kind"], "name": controller["name"], "uid": controller["uid"]})
}
