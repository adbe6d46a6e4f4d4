//! What the parameters `namespaces` and `label_selector` leave out.

use std::time::Duration;

use gatherer_plugin_support::testing::Action;
use gatherer_tests::assert_message;
use serde_json::{Value, json};

use super::test_cluster::{
    empty_cluster, ends, forbidden, gather, gather_within, list, object, ok, paths, warned_objects,
    warnings,
};

#[test]
fn namespaces_and_labels_narrow_all_lists_but_nodes() {
    let parameters = json!({"collect": ["pods", "namespaces"], "namespaces": ["b", "a"],
        "label_selector": "app=x"});
    let (gathered, requests) = gather(&parameters, |request| {
        if request.path() == "/api/v1/namespaces" {
            let all = ["a", "c"].map(|name| object("", name, json!({})));
            return ok(&list("Namespace", "v1", &all, ""));
        }
        empty_cluster(request)
    });
    let targets = requests.iter().map(|request| request.target.as_str());
    let pods: Vec<_> = targets.filter(|target| target.contains("/pods")).collect();
    assert_eq!(
        pods,
        [
            "/api/v1/namespaces/a/pods?&labelSelector=app%3Dx&limit=2",
            "/api/v1/namespaces/b/pods?&labelSelector=app%3Dx&limit=2"
        ]
    );
    assert_eq!(requests[0].target, "/api/v1/nodes?&limit=2");
    assert_eq!(gathered.workloads.namespaces.len(), 1);
}

#[test]
fn finds_owners_that_lack_the_selected_labels() {
    let owned_by = |kind: &str, name: &str, uid: &str, labels: Value| {
        let owner = json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid,
            "controller": true});
        json!({"metadata": {"labels": labels, "ownerReferences": [owner]}})
    };
    for collect in [json!(["pods"]), json!(["pods", "controllers"])] {
        let parameters =
            json!({"collect": collect, "namespaces": ["a"], "label_selector": "app=x"});
        let (gathered, requests) = gather(&parameters, move |request| {
            let labelled = request.target.contains("labelSelector=app%3Dx");
            match request.path() {
                "/api/v1/namespaces/a/pods" => {
                    let pod = owned_by("ReplicaSet", "r", "a-r", json!({"app": "x"}));
                    ok(&list("Pod", "v1", &[object("a", "p", pod)], ""))
                }
                "/apis/apps/v1/namespaces/a/replicasets" => {
                    let set = owned_by("Deployment", "d", "a-d", json!({"app": "x"}));
                    ok(&list("ReplicaSet", "apps/v1", &[object("a", "r", set)], ""))
                }
                "/apis/apps/v1/namespaces/a/deployments" if !labelled => {
                    ok(&list("Deployment", "apps/v1", &[object("a", "d", json!({}))], ""))
                }
                _ => empty_cluster(request),
            }
        });
        let pod = &gathered.workloads.pods[0];
        assert_eq!(pod.controller.as_ref().expect("a controller").name, "d", "{pod:?}");
        let controllers = gathered.workloads.controllers.iter();
        let controllers: Vec<_> = controllers.map(|controller| &controller.name).collect();
        let with_controllers = parameters["collect"].as_array().map_or(0, Vec::len) > 1;
        assert_eq!(controllers, if with_controllers { vec!["r"] } else { Vec::new() });
        assert!(ends(&gathered).iter().all(|(_, error)| error.is_none()));
        // Each list of owners is requested once, and the labelled lists only if they are collected.
        let targets = requests.iter().map(|request| request.target.as_str());
        let labelled = targets.filter(|target| target.contains("labelSelector")).count();
        assert_eq!((requests.len(), labelled), if with_controllers { (19, 8) } else { (12, 1) });
    }
}

#[test]
fn failed_lists_of_owners_do_not_fail_the_controllers() {
    let parameters = json!({"collect": ["pods", "controllers"], "label_selector": "app=x"});
    let (gathered, _) = gather(&parameters, |request| {
        let labelled = request.target.contains("labelSelector");
        if request.target.starts_with("/apis/apps/v1/") && !labelled {
            return forbidden("it");
        }
        empty_cluster(request)
    });
    assert!(ends(&gathered).iter().all(|(_, error)| error.is_none()), "{gathered:?}");
    assert_eq!(warned_objects(&gathered), ["pods"]);
    let warning = warnings(&gathered);
    assert!(warning.contains("/deployments: 403"), "{warning}");
    assert!(warning.contains("statefulsets, daemonsets, replicasets"), "{warning}");
}

#[test]
fn lists_of_owners_get_at_most_half_of_the_time() {
    let parameters = json!({"collect": ["pods"], "label_selector": "app=x"});
    let (gathered, _) = gather_within(8_000, &parameters, |request| {
        if request.target.starts_with("/apis/apps/v1/deployments") {
            // More than half of the time, and less than all of it.
            std::thread::sleep(Duration::from_millis(4_500));
        }
        empty_cluster(request)
    });
    assert_eq!(ends(&gathered), [("pods", None)]);
    assert_eq!(warned_objects(&gathered), ["pods"]);
    assert_message!(warnings(&gathered));
}

#[test]
fn warns_of_a_missing_namespace() {
    let parameters = json!({"collect": ["namespaces"], "namespaces": ["a", "typo"]});
    let (gathered, _) = gather(&parameters, |request| {
        if request.path() == "/api/v1/namespaces" {
            return ok(&list("Namespace", "v1", &[object("", "a", json!({}))], ""));
        }
        empty_cluster(request)
    });
    assert_eq!(warned_objects(&gathered), ["typo"]);
    assert_message!(warnings(&gathered));
}

#[test]
fn warns_of_a_missing_namespace_if_namespaces_are_not_collected() {
    let gather_with = |respond: fn(&str) -> Option<Action>, collect: Value| {
        let parameters = json!({"collect": collect, "namespaces": ["here", "typo", "secret"]});
        gather(&parameters, move |request| {
            let name = request.target.strip_prefix("/api/v1/namespaces/");
            let name = name.filter(|name| !name.contains('/'));
            name.and_then(respond).unwrap_or_else(|| empty_cluster(request))
        })
    };
    let (gathered, requests) = gather_with(
        |name| {
            let body =
                json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"})
                    .to_string();
            Some(match name {
                "here" => ok(&object("", name, json!({"kind": "Namespace"}))),
                "typo" => Action::answer(404, body.as_str()),
                _ => forbidden("the namespace"),
            })
        },
        json!(["pods"]),
    );
    assert_eq!(warned_objects(&gathered), ["typo"]);
    assert_eq!(ends(&gathered), [("pods", None)]);
    assert!(paths(&requests).contains(&"/api/v1/namespaces/here"));
    // A 404 without a Status can come from a proxy, so it does not mean that the namespace is missing.
    let (gathered, _) = gather_with(|_| Some(Action::answer(404, "")), json!(["pods"]));
    assert_eq!(warned_objects(&gathered), Vec::<&str>::new());
    // Nodes are not in a namespace.
    let (_, requests) = gather_with(|_| None, json!(["nodes"]));
    assert_eq!(paths(&requests), ["/api/v1/nodes"]);
}
