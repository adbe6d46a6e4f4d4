//! How the fields of a pod are mapped.

use std::collections::{BTreeMap, HashMap};

use gatherer_plugin_api::model::{ContainerKind, PodHost};
use gatherer_plugin_kubernetes::map::{self, IgnoredBecause, Owners};
use gatherer_plugin_kubernetes::objects::Pod;
use serde_json::{Value, json};

use super::{ignored, pod};

#[test]
fn pods_of_one_name_differ_by_uid() {
    let one = |namespace: &str, uid: &str| {
        pod(&json!({"metadata": {"name": "web-0", "namespace": namespace, "uid": uid}})).0
    };
    let (here, there, again) = (one("a", "u1"), one("b", "u2"), one("a", "u3"));
    for (pod, namespace, uid) in [(&here, "a", "u1"), (&there, "b", "u2"), (&again, "a", "u3")] {
        assert_eq!((&*pod.name, &*pod.namespace, &*pod.uid), ("web-0", namespace, uid));
    }
    assert_ne!(here, there);
    assert_ne!(here, again);
}

#[test]
fn the_phase_is_unchanged() {
    for phase in ["Pending", "Running", "Succeeded", "Failed", "Unknown"] {
        assert_eq!(pod(&json!({"status": {"phase": phase}})).0.phase.as_deref(), Some(phase));
    }
    assert_eq!(pod(&json!({"status": {}})).0.phase, None);
}

#[test]
fn the_host_has_an_id_if_its_node_is_known() {
    let ids: HashMap<String, String> = [("n1".to_owned(), "m1".to_owned())].into();
    let host = |spec: &Value| {
        let text = json!({"spec": spec}).to_string();
        let pod = serde_json::from_str::<Pod<'_>>(&text).expect("a pod");
        map::pod(pod, &Owners::new(), &ids).0.host
    };
    let expected = |id: Option<&str>, name: &str| {
        Some(PodHost { id: id.map(str::to_owned), name: name.to_owned() })
    };
    assert_eq!(host(&json!({"nodeName": "n1"})), expected(Some("m1"), "n1"));
    assert_eq!(host(&json!({"nodeName": "n2"})), expected(None, "n2"));
    assert_eq!(host(&json!({})), None);
    assert_eq!(host(&json!({"nodeName": ""})), None);
}

#[test]
fn pod_addresses_come_from_the_list_or_the_single_member() {
    let ips = |status: &Value| pod(&json!({"status": status})).0.pod_ips;
    let both = json!({"podIP": "10.1.0.2", "podIPs": [{"ip": "10.1.0.2"}, {"ip": "fd00::2"}]});
    assert_eq!(ips(&both), ["10.1.0.2", "fd00::2"]);
    assert_eq!(ips(&json!({"podIP": "10.1.0.2"})), ["10.1.0.2"]);
    assert_eq!(ips(&json!({"podIP": "10.1.0.2", "podIPs": []})), ["10.1.0.2"]);
    assert!(ips(&json!({})).is_empty());
}

#[test]
fn host_addresses_come_from_the_list_or_the_single_member_of_older_servers() {
    let ips = |status: &Value| pod(&json!({"status": status})).0.host_ips;
    let both = json!({"hostIP": "10.0.0.2", "hostIPs": [{"ip": "10.0.0.2"}, {"ip": "fd00::2"}]});
    assert_eq!(ips(&both), ["10.0.0.2", "fd00::2"]);
    assert_eq!(ips(&json!({"hostIP": "10.0.0.2"})), ["10.0.0.2"]);
    assert_eq!(ips(&json!({"hostIP": "10.0.0.2", "hostIPs": null})), ["10.0.0.2"]);
    assert!(ips(&json!({})).is_empty());
}

#[test]
fn the_service_account_comes_from_the_specification() {
    let account = |spec: &Value| pod(&json!({"spec": spec})).0.service_account;
    assert_eq!(account(&json!({"serviceAccountName": "web"})).as_deref(), Some("web"));
    assert_eq!(account(&json!({})), None);
}

#[test]
fn labels_are_kept() {
    let labels = pod(&json!({"metadata": {"labels": {"app": "web", "tier": ""}}})).0.labels;
    let expected: BTreeMap<String, String> =
        [("app".into(), "web".into()), ("tier".into(), String::new())].into();
    assert_eq!(labels, expected);
}

#[test]
fn ignores_an_invalid_creation_time_with_a_warning() {
    let created_at = |time: &str| {
        let metadata = json!({"name": "p", "namespace": "shop", "creationTimestamp": time});
        let (pod, warnings) = pod(&json!({"metadata": metadata}));
        (pod.created_at.map(|time| time.to_string()), warnings)
    };
    let time = "2026-03-02T09:10:11Z";
    assert_eq!(created_at(time), (Some(time.to_owned()), vec![]));
    let warning = ignored("Pod shop/p", "creationTimestamp", IgnoredBecause::NotATimestamp);
    assert_eq!(created_at("yesterday"), (None, warning));
}

#[test]
fn a_pod_is_bare_if_it_has_no_controller_and_is_not_static() {
    let owned = json!([{"kind": "Job", "name": "j", "uid": "u", "controller": true}]);
    let mirror = json!({"kubernetes.io/config.mirror": "hash"});
    let other =
        json!({"kubernetes.io/config.source": "api", "note": "kubernetes.io/config.mirror"});
    for (annotations, references, bare, is_static) in [
        (Value::Null, Value::Null, true, false),
        (other.clone(), json!([]), true, false),
        (other, owned.clone(), false, false),
        (mirror.clone(), json!([]), false, true),
        (mirror, owned, false, true),
        (json!({"kubernetes.io/config.mirror": null}), Value::Null, true, false),
    ] {
        let metadata = json!({"annotations": annotations, "ownerReferences": references});
        let (pod, _) = pod(&json!({"metadata": metadata}));
        assert_eq!((pod.bare, pod.is_static), (bare, is_static), "{metadata}");
    }
}

#[test]
fn an_init_container_that_always_restarts_is_a_sidecar() {
    let container = |name: &str, policy: Value| json!({"name": name, "restartPolicy": policy});
    let (pod, _) = pod(&json!({"spec": {
        "initContainers": [container("a", json!(null)), container("b", json!("Always"))],
        "containers": [container("c", json!("Always"))],
    }}));
    let kinds: Vec<_> = pod.containers.iter().map(|one| (&*one.name, one.kind)).collect();
    let expected =
        [("a", ContainerKind::Init), ("b", ContainerKind::Sidecar), ("c", ContainerKind::App)];
    assert_eq!(kinds, expected);
}

#[test]
fn volumes_with_the_content_of_an_image_are_listed() {
    let (pod, _) = pod(&json!({"spec": {"volumes": [
        {"name": "model", "image": {"reference": "registry.example/model:2", "pullPolicy": "Always"}},
        {"name": "none", "image": {}}, {"name": "scratch", "emptyDir": {}},
    ]}}));
    let [volume] = pod.image_volumes.as_slice() else { panic!("{:?}", pod.image_volumes) };
    assert_eq!(volume.name, "model");
    assert_eq!(volume.requested_image.text, "registry.example/model:2");
    assert_eq!(volume.requested_image.repository.as_deref(), Some("registry.example/model"));
    assert_eq!(volume.requested_image.tag.as_deref(), Some("2"));
}

#[test]
fn a_pod_that_is_being_deleted_has_a_deletion_timestamp() {
    let time = "2026-01-02T03:04:05Z";
    let (deleted, _) = pod(&json!({"metadata": {"deletionTimestamp": time}}));
    assert_eq!(deleted.deletion_timestamp, Some(time.parse().expect("a time")));
    assert_eq!(pod(&json!({})).0.deletion_timestamp, None);
    let wrong = json!({"metadata": {"namespace": "n", "name": "p", "deletionTimestamp": "soon"}});
    let (unreadable, warnings) = pod(&wrong);
    assert_eq!(unreadable.deletion_timestamp, None);
    assert_eq!(warnings, ignored("Pod n/p", "deletionTimestamp", IgnoredBecause::NotATimestamp));
}
