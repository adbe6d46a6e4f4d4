//! Which lists are requested, what the failure of a list affects, and how lists are joined.

use std::sync::atomic::{AtomicBool, Ordering};

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::{Controller, PodReference};
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::assert_message;
use serde_json::{Value, json};

use super::test_cluster::{
    empty_cluster, ends, forbidden, gather, list, object, ok, paths, warned_objects, warnings,
};

#[test]
fn requests_only_nodes_by_default() {
    let (gathered, requests) = gather(&json!({}), empty_cluster);
    assert_eq!(paths(&requests), ["/api/v1/nodes"]);
    assert_eq!(ends(&gathered), []);
}

#[test]
fn requests_each_list_once_and_pods_after_the_lists_that_they_are_joined_with() {
    let everything = json!({"collect": ["all", "secrets", "config-maps"]});
    let (gathered, requests) = gather(&everything, empty_cluster);
    let paths = paths(&requests);
    let index = |path: &str| paths.iter().position(|other| *other == path).expect(path);
    for before in ["services", "secrets", "configmaps", "replicationcontrollers"] {
        assert!(index(&format!("/api/v1/{before}")) < index("/api/v1/pods"), "{paths:?}");
    }
    assert!(index("/apis/batch/v1beta1/cronjobs") < index("/api/v1/pods"));
    // A cluster without KubeVirt is not an error.
    assert_eq!(index("/apis"), 1);
    assert_eq!(paths.len(), 17, "{paths:?}");
    let ends = ends(&gathered);
    assert!(ends.iter().all(|(_, error)| error.is_none()), "{ends:?}");
    assert_eq!(ends.len(), 8);
}

#[test]
fn a_forbidden_list_fails_only_its_collection() {
    let (gathered, _) = gather(&json!({"collect": ["pods", "secrets", "namespaces"]}), |request| {
        if request.target.starts_with("/api/v1/secrets") {
            forbidden("secrets")
        } else {
            empty_cluster(request)
        }
    });
    assert_eq!(
        ends(&gathered),
        [("namespaces", None), ("pods", None), ("secrets", Some(ErrorKind::Permission))]
    );
    assert_eq!(gathered.hosts.len(), 1);
}

#[test]
fn pods_have_their_lowest_owner_if_the_controllers_are_forbidden() {
    let owner = json!({"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": true});
    let (gathered, _) = gather(&json!({"collect": ["pods"]}), move |request| {
        if request.target.starts_with("/apis/apps") {
            return forbidden("replicasets");
        }
        if request.target.starts_with("/api/v1/pods") {
            let pod = object("a", "p", json!({"metadata": {"ownerReferences": [owner]}}));
            return ok(&list("Pod", "v1", &[pod], ""));
        }
        empty_cluster(request)
    });
    assert_eq!(ends(&gathered), [("pods", None)]);
    let controller = gathered.workloads.pods[0].controller.as_ref();
    assert_eq!(controller.expect("a controller").uid, "rs");
    assert_eq!(warned_objects(&gathered), ["pods"]);
    assert!(warnings(&gathered).contains("/deployments: 403"), "{}", warnings(&gathered));
}

#[test]
fn a_service_has_the_pods_that_it_selects_in_its_namespace() {
    let services = [
        object("a", "both", json!({"spec": {"selector": {"app": "x", "tier": "web"}}})),
        object("a", "app", json!({"spec": {"selector": {"app": "x"}}})),
        object("b", "other", json!({"spec": {"selector": {"app": "x"}}})),
        object("a", "none", json!({"spec": {}})),
    ];
    let pods = [
        object("a", "p1", json!({"metadata": {"labels": {"app": "x", "tier": "web"}}})),
        object("a", "p2", json!({"metadata": {"labels": {"app": "x", "more": "y"}}})),
    ];
    let (gathered, _) =
        gather(&json!({"collect": ["pods", "services"]}), move |request| match request.path() {
            "/api/v1/services" => ok(&list("Service", "v1", &services, "")),
            "/api/v1/pods" => ok(&list("Pod", "v1", &pods, "")),
            _ => empty_cluster(request),
        });
    let selected: Vec<(&str, Option<Vec<PodReference>>)> = gathered
        .workloads
        .services
        .iter()
        .map(|service| (service.name.as_str(), service.pods.clone()))
        .collect();
    let pod = |name: &str| PodReference { name: name.into(), uid: format!("a-{name}") };
    assert_eq!(
        selected,
        [
            ("both", Some(vec![pod("p1")])),
            ("app", Some(vec![pod("p1"), pod("p2")])),
            ("other", Some(vec![])),
            ("none", None),
        ]
    );
}

#[test]
fn the_uses_of_a_secret_are_absent_if_the_pods_are_not_complete() {
    let secret = object("a", "s", json!({"type": "Opaque", "data": {"k": "dg=="}}));
    let (gathered, _) =
        gather(&json!({"collect": ["pods", "secrets"]}), move |request| match request.path() {
            "/api/v1/secrets" => ok(&list("Secret", "v1", std::slice::from_ref(&secret), "")),
            "/api/v1/pods" => forbidden("pods"),
            _ => empty_cluster(request),
        });
    let secret = &gathered.workloads.secrets[0];
    assert_eq!((&secret.keys, &secret.used_by), (&vec!["k".to_owned()], &None));
}

#[test]
fn reports_a_controller_of_an_unlisted_kind_if_it_owns_a_pod() {
    let owner = json!({"kind": "GameServer", "name": "g", "uid": "g1", "controller": true});
    let node = json!({"kind": "Node", "name": "n1", "uid": "n1", "controller": true});
    let mirror =
        json!({"annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": [node]});
    let pods = [
        object("a", "p1", json!({"metadata": {"ownerReferences": [owner]}})),
        object("a", "p2", json!({"metadata": {"ownerReferences": [owner]}})),
        object("a", "p3", json!({"metadata": mirror})),
    ];
    let (gathered, _) = gather(&json!({"collect": ["pods", "controllers"]}), move |request| {
        if request.target.starts_with("/api/v1/pods") {
            return ok(&list("Pod", "v1", &pods, ""));
        }
        empty_cluster(request)
    });
    let expected = Controller {
        namespace: "a".into(),
        name: "g".into(),
        uid: "g1".into(),
        kind: "GameServer".into(),
        ..Controller::default()
    };
    assert_eq!(gathered.workloads.controllers, [expected]);
}

#[test]
fn withdraws_the_pods_of_all_namespaces_when_a_list_starts_over() {
    let expired = AtomicBool::new(false);
    let parameters = json!({"collect": ["pods", "services"], "namespaces": ["a", "b"]});
    let (gathered, _) = gather(&parameters, move |request| {
        let target = request.target.as_str();
        if target.starts_with("/api/v1/namespaces/a/services") {
            let service = object("a", "s", json!({"spec": {"selector": {"app": "x"}}}));
            return ok(&list("Service", "v1", &[service], ""));
        }
        let pod = |namespace: &str, name: &str| {
            object(namespace, name, json!({"metadata": {"labels": {"app": "x"}}}))
        };
        if target.starts_with("/api/v1/namespaces/a/pods") {
            return ok(&list("Pod", "v1", &[pod("a", "p")], ""));
        }
        if target.starts_with("/api/v1/namespaces/b/pods") {
            if request.query("continue").is_none() {
                return ok(&list("Pod", "v1", &[pod("b", "p")], "more"));
            }
            if !expired.swap(true, Ordering::SeqCst) {
                return Action::answer(410, "");
            }
            return ok(&list("Pod", "v1", &[pod("b", "q")], ""));
        }
        empty_cluster(request)
    });
    let uids: Vec<_> = gathered.workloads.pods.iter().map(|pod| pod.uid.as_str()).collect();
    assert_eq!(uids, ["a-p", "b-p", "b-q"]);
    // The service has only the pod of the last pass, and only once.
    assert_eq!(gathered.workloads.services[0].pods.as_ref().map(Vec::len), Some(1));
}

#[test]
fn controllers_fail_with_the_pods_that_they_depend_on() {
    let (gathered, _) = gather(&json!({"collect": ["pods", "controllers"]}), |request| {
        if request.path() == "/api/v1/pods" { forbidden("pods") } else { empty_cluster(request) }
    });
    let (unavailable, permission) = (ErrorKind::Unavailable, ErrorKind::Permission);
    assert_eq!(ends(&gathered), [("controllers", Some(unavailable)), ("pods", Some(permission))]);
}

#[test]
fn a_pod_with_too_many_uses_drops_only_the_uses() {
    let secrets = ["s0", "s1"].map(|name| object("a", name, json!({"data": {"k": "dg=="}})));
    let mounts: Vec<Value> =
        (0..6000).map(|n| json!({"name": "v", "mountPath": format!("/{n}")})).collect();
    let sources = ["s0", "s1"].map(|name| json!({"secret": {"name": name}}));
    let pods = [
        object("a", "good", json!({"spec": {"imagePullSecrets": [{"name": "s0"}]}})),
        object(
            "a",
            "bad",
            json!({"spec": {
            "volumes": [{"name": "v", "projected": {"sources": sources}}],
            "containers": [{"name": "c", "volumeMounts": mounts}]}}),
        ),
    ];
    let (gathered, _) =
        gather(&json!({"collect": ["pods", "secrets"]}), move |request| match request.path() {
            "/api/v1/secrets" => ok(&list("Secret", "v1", &secrets, "")),
            "/api/v1/pods" => ok(&list("Pod", "v1", &pods, "")),
            _ => empty_cluster(request),
        });
    assert_eq!(gathered.workloads.pods.len(), 2);
    let secrets = &gathered.workloads.secrets;
    assert_eq!((secrets.len(), &secrets[0].used_by), (2, &None));
    assert_eq!(ends(&gathered), [("pods", None), ("secrets", None)]);
    assert_eq!(warned_objects(&gathered), ["pods"]);
    assert_message!(warnings(&gathered));
}

#[test]
fn an_external_name_has_no_pods_despite_its_selector() {
    let service = json!({"spec": {"type": "ExternalName", "selector": {"app": "x"}}});
    let service = object("a", "s", service);
    let pod = object("a", "p", json!({"metadata": {"labels": {"app": "x"}}}));
    let (gathered, _) =
        gather(&json!({"collect": ["pods", "services"]}), move |request| match request.path() {
            "/api/v1/services" => ok(&list("Service", "v1", std::slice::from_ref(&service), "")),
            "/api/v1/pods" => ok(&list("Pod", "v1", std::slice::from_ref(&pod), "")),
            _ => empty_cluster(request),
        });
    assert_eq!(gathered.workloads.services[0].pods, None);
}

#[test]
fn hosts_have_their_images_only_with_pods() {
    let respond = |request: &ReceivedRequest| {
        if request.path() != "/api/v1/nodes" {
            return empty_cluster(request);
        }
        let images = json!([{"names": ["app@sha256:aa", "app:1"], "sizeBytes": 7}, {"names": []}]);
        let node = object("", "n1", json!({"status": {"images": images}}));
        ok(&list("Node", "v1", &[node], ""))
    };
    for (collect, expected) in
        [("pods", vec![vec!["app@sha256:aa", "app:1"]]), ("namespaces", Vec::new())]
    {
        let (gathered, _) = gather(&json!({"collect": [collect]}), respond);
        let images: Vec<_> = gathered.hosts[0].images.iter().map(|image| &image.names).collect();
        assert_eq!(images, expected.iter().collect::<Vec<_>>(), "{collect}");
    }
}

#[test]
fn images_that_are_not_a_list_of_images_are_unknown() {
    let (gathered, _) = gather(&json!({"collect": ["pods"]}), |request| {
        if request.path() != "/api/v1/nodes" {
            return empty_cluster(request);
        }
        let node = object("", "n1", json!({"status": {"images": [{"names": "app:1"}]}}));
        ok(&list("Node", "v1", &[node], ""))
    });
    assert_eq!(gathered.hosts[0].images, []);
    let warnings: Vec<_> = gathered.warnings.iter().map(|warning| &*warning.message).collect();
    assert!(warnings.iter().any(|message| message.contains("images are ignored")), "{warnings:?}");
}
