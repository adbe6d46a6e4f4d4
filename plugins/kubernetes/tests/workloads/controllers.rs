//! How the fields of controllers are mapped.

use gatherer_plugin_api::model::Owner;
use gatherer_plugin_kubernetes::map::IgnoredBecause;
use serde_json::{Value, json};

use super::{controller, ignored};

/// The desired and the ready replicas. Asserts that the mapping gives no warning.
fn replicas(kind: &str, object: &Value) -> (Option<u32>, Option<u32>) {
    let (controller, warnings) = controller(kind, object);
    assert_eq!(warnings, []);
    assert_eq!(controller.kind, kind);
    (controller.desired_replicas, controller.ready_replicas)
}

#[test]
fn controllers_with_replicas_have_desired_and_ready_counts() {
    for kind in ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"] {
        let object =
            json!({"spec": {"replicas": 3}, "status": {"replicas": 3, "readyReplicas": 2}});
        assert_eq!(replicas(kind, &object), (Some(3), Some(2)));
        // API servers omit a 0 in the status.
        let object = json!({"spec": {"replicas": 0}, "status": {"replicas": 0}});
        assert_eq!(replicas(kind, &object), (Some(0), Some(0)));
        assert_eq!(replicas(kind, &json!({"spec": {}, "status": null})), (None, None));
    }
}

#[test]
fn a_daemon_set_counts_its_nodes() {
    let status =
        json!({"currentNumberScheduled": 5, "desiredNumberScheduled": 4, "numberReady": 3});
    assert_eq!(replicas("DaemonSet", &json!({"status": status})), (Some(4), Some(3)));
    assert_eq!(replicas("DaemonSet", &json!({"status": {}})), (None, None));
}

#[test]
fn a_job_counts_completions_or_its_parallelism() {
    let job =
        |spec: Value, status: Value| replicas("Job", &json!({"spec": spec, "status": status}));
    let status = json!({"active": 1, "succeeded": 2});
    assert_eq!(job(json!({"parallelism": 4, "completions": 9}), status), (Some(9), Some(2)));
    assert_eq!(job(json!({"parallelism": 4}), json!({"active": 1})), (Some(4), Some(0)));
    assert_eq!(job(json!({}), Value::Null), (None, None));
}

#[test]
fn a_cron_job_and_an_unknown_kind_have_no_counts() {
    let object = json!({"spec": {"replicas": 1, "completions": 1}, "status": {"readyReplicas": 1}});
    assert_eq!(replicas("CronJob", &object), (None, None));
    assert_eq!(replicas("Rollout", &object), (None, None));
}

#[test]
fn ignores_an_invalid_count_with_a_warning() {
    let metadata = json!({"name": "web", "namespace": "shop"});
    let (found, warnings) =
        controller("Deployment", &json!({"metadata": metadata, "spec": {"replicas": -1}}));
    assert_eq!(found.desired_replicas, None);
    let because = IgnoredBecause::NumberOutOfRange;
    assert_eq!(warnings, ignored("Deployment shop/web", "replicas", because));
}

#[test]
fn a_controller_has_its_names_and_its_owner() {
    let references = json!([
        {"kind": "Node", "name": "n", "uid": "1"},
        {"kind": "Deployment", "name": "web", "uid": "2", "controller": true},
    ]);
    let metadata =
        json!({"name": "web-1", "namespace": "shop", "uid": "u", "ownerReferences": references});
    let (found, _) = controller("ReplicaSet", &json!({"metadata": metadata}));
    assert_eq!((&*found.namespace, &*found.name, &*found.uid), ("shop", "web-1", "u"));
    let owner = Owner { kind: "Deployment".into(), name: "web".into(), uid: "2".into() };
    assert_eq!(found.owner, Some(owner));
    assert_eq!(controller("ReplicaSet", &json!({})).0.owner, None);
}
