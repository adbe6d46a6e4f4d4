//! What `namespaces` and `label_selector` leave out, and what they do not.

use std::time::Duration;

use serde_json::{Value, json};

use super::NO_NAMESPACE;
use super::tests::{empty, ends, forbidden, gather, gather_within, items, list, object, paths};
use crate::client::testing::{answer, ok};

#[test]
fn lists_are_narrowed_to_namespaces_and_labels_and_nodes_are_not() {
    let parameters = json!({"collect": ["pods", "namespaces"], "namespaces": ["b", "a"],
        "label_selector": "app=x"});
    let (records, asked) = gather(&parameters, |asked| {
        if asked.target.starts_with("/api/v1/namespaces?") {
            let all = ["a", "c"].map(|name| object("", name, json!({})));
            return ok(&list("Namespace", "v1", &all, ""));
        }
        empty(asked)
    });
    let pods: Vec<_> =
        asked.iter().map(|asked| asked.target.as_str()).filter(|to| to.contains("/pods")).collect();
    assert_eq!(
        pods,
        [
            "/api/v1/namespaces/a/pods?limit=2&labelSelector=app%3Dx",
            "/api/v1/namespaces/b/pods?limit=2&labelSelector=app%3Dx"
        ]
    );
    assert_eq!(asked[0].target, "/api/v1/nodes?limit=2");
    assert_eq!(items(&records, "namespace").len(), 1);
}

#[test]
fn an_owner_is_found_though_it_has_not_the_labels_that_are_asked_for() {
    let owned_by = |kind: &str, name: &str, uid: &str, labels: Value| {
        let owner = json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid,
            "controller": true});
        json!({"metadata": {"labels": labels, "ownerReferences": [owner]}})
    };
    for collect in [json!(["pods"]), json!(["pods", "controllers"])] {
        let parameters =
            json!({"collect": collect, "namespaces": ["a"], "label_selector": "app=x"});
        let (records, asked) = gather(&parameters, move |asked| {
            let labelled = asked.target.contains("labelSelector=app%3Dx");
            match asked.target.split('?').next().unwrap_or_default() {
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
                _ => empty(asked),
            }
        });
        let pod = items(&records, "pod")[0];
        assert_eq!(pod["controller"]["name"], "d", "{pod}");
        let controllers: Vec<_> =
            items(&records, "controller").iter().map(|item| item["name"].clone()).collect();
        let wanted = parameters["collect"].as_array().map_or(0, Vec::len) > 1;
        assert_eq!(controllers, if wanted { vec![json!("r")] } else { Vec::new() });
        assert!(ends(&records).iter().all(|(_, error)| error.is_none()));
        // Each list of owners once; those of what has the labels only where they are wanted.
        let labelled = asked.iter().filter(|asked| asked.target.contains("labelSelector")).count();
        assert_eq!((asked.len(), labelled), if wanted { (19, 8) } else { (12, 1) });
    }
}

#[test]
fn that_owners_could_not_be_read_does_not_make_the_controllers_with_the_labels_fewer() {
    let parameters = json!({"collect": ["pods", "controllers"], "label_selector": "app=x"});
    let (records, _) = gather(&parameters, |asked| {
        let labelled = asked.target.contains("labelSelector");
        if asked.target.starts_with("/apis/apps/v1/") && !labelled {
            return forbidden("it");
        }
        empty(asked)
    });
    assert!(ends(&records).iter().all(|(_, error)| error.is_none()), "{records:?}");
    let warned = records.iter().find(|record| record["object"] == "pods").expect("a warning");
    let message = warned["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("not all that controls them could be read"), "{message}");
    let many = "(and these could not be read: statefulsets, daemonsets, replicasets)";
    assert!(message.contains("/deployments: 403") && message.contains(many), "{message}");
}

#[test]
fn owners_that_take_half_of_the_time_are_not_waited_for_and_the_pods_come() {
    let parameters = json!({"collect": ["pods"], "label_selector": "app=x"});
    let (records, _) = gather_within(8_000, &parameters, |asked| {
        if asked.target.starts_with("/apis/apps/v1/deployments") {
            // Longer than half of it, and less than all of it.
            std::thread::sleep(Duration::from_millis(4_500));
        }
        empty(asked)
    });
    assert_eq!(ends(&records), [("pods".into(), None)]);
    let warned = records.iter().find(|record| record["object"] == "pods").expect("a warning");
    let message = warned["message"].as_str().unwrap_or_default();
    assert!(message.contains("deployments of any label were not read within half"), "{message}");
    let others = "(and these could not be read: statefulsets, daemonsets, replicasets, jobs, \
                  replicationcontrollers, cronjobs)";
    assert!(message.contains(others), "{message}");
}

#[test]
fn a_namespace_that_is_not_there_is_warned_about() {
    let parameters = json!({"collect": ["namespaces"], "namespaces": ["a", "typo"]});
    let (records, _) = gather(&parameters, |asked| {
        if asked.target.starts_with("/api/v1/namespaces?") {
            return ok(&list("Namespace", "v1", &[object("", "a", json!({}))], ""));
        }
        empty(asked)
    });
    let warned = records.iter().find(|record| record["object"] == "typo").expect("a warning");
    assert_eq!(warned["message"], "there is no namespace of this name");
}

#[test]
fn a_namespace_that_is_not_there_is_warned_about_where_namespaces_are_not_collected() {
    let gather_of = |answer_of: fn(&str) -> Option<Vec<u8>>, collect: Value| {
        let parameters = json!({"collect": collect, "namespaces": ["here", "typo", "secret"]});
        gather(&parameters, move |asked| {
            let name = asked.target.strip_prefix("/api/v1/namespaces/");
            let name = name.filter(|name| !name.contains('/'));
            name.map_or_else(
                || empty(asked),
                |name| answer_of(name).unwrap_or_else(|| empty(asked)),
            )
        })
    };
    let warned = |records: &[Value]| -> Vec<String> {
        let warnings = records.iter().filter(|record| record["message"] == NO_NAMESPACE);
        warnings.map(|record| record["object"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let (records, asked) = gather_of(
        |name| {
            let body = json!({"kind": "Status", "code": 404, "reason": "NotFound"}).to_string();
            Some(match name {
                "here" => ok(&object("", name, json!({"kind": "Namespace"}))),
                "typo" => answer("404 Not Found", "", body.as_bytes()),
                _ => forbidden("the namespace"),
            })
        },
        json!(["pods"]),
    );
    assert_eq!(warned(&records), ["typo"]);
    assert_eq!(ends(&records), [("pods".into(), None)]);
    assert!(paths(&asked).contains(&"/api/v1/namespaces/here"));
    // What a proxy says of a path says nothing of a namespace.
    let (records, _) = gather_of(|_| Some(answer("404 Not Found", "", b"")), json!(["pods"]));
    assert_eq!(warned(&records), Vec::<String>::new());
    // Of nodes alone, no namespace is of interest.
    let (_, asked) = gather_of(|_| None, json!(["nodes"]));
    assert_eq!(paths(&asked), ["/api/v1/nodes"]);
}
