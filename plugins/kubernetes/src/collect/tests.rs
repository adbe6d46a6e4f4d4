//! Which lists are asked for, what their failures cost, and how they are joined.

use std::sync::atomic::{AtomicBool, Ordering};

use gatherer_plugin_api::{Gatherer as _, Options};
use serde_json::{Value, json};

use crate::Kubernetes;
use crate::client::testing::{Asked, Recorder, Server, answer, kubeconfig, ok};
use crate::collect::Parameters;

pub(super) fn list(kind: &str, api_version: &str, items: &[Value], next: &str) -> Value {
    json!({"kind": format!("{kind}List"), "apiVersion": api_version, "items": items,
        "metadata": {"resourceVersion": "7", "continue": next}})
}

pub(super) fn object(namespace: &str, name: &str, more: Value) -> Value {
    let mut object = more;
    object["metadata"]["namespace"] = namespace.into();
    object["metadata"]["name"] = name.into();
    object["metadata"]["uid"] = format!("{namespace}-{name}").into();
    object
}

pub(super) fn forbidden(what: &str) -> Vec<u8> {
    let body = json!({"kind": "Status", "code": 403, "reason": "Forbidden",
        "message": format!("{what} is forbidden")});
    answer("403 Forbidden", "", body.to_string().as_bytes())
}

/// The empty answer to any list, but the one node.
pub(super) fn empty(asked: &Asked) -> Vec<u8> {
    let path = asked.target.split('?').next().unwrap_or_default();
    let kind = match path.rsplit('/').next().unwrap_or_default() {
        "nodes" => {
            return ok(&list("Node", "v1", &[object("", "n1", json!({}))], ""));
        }
        "namespaces" => "Namespace",
        "serviceaccounts" => "ServiceAccount",
        "pods" => "Pod",
        "services" => "Service",
        "configmaps" => "ConfigMap",
        "secrets" => "Secret",
        "deployments" => "Deployment",
        "statefulsets" => "StatefulSet",
        "daemonsets" => "DaemonSet",
        "replicasets" => "ReplicaSet",
        "jobs" => "Job",
        "cronjobs" => "CronJob",
        "replicationcontrollers" => "ReplicationController",
        "apis" => return ok(&json!({"kind": "APIGroupList", "groups": []})),
        "v1" => return ok(&json!({"resources": [{"name": "jobs"}]})),
        "v1beta1" => return ok(&json!({"resources": [{"name": "cronjobs"}]})),
        _ => return answer("404 Not Found", "", b""),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let api_version =
        if parts[1] == "api" { "v1".to_owned() } else { format!("{}/{}", parts[2], parts[3]) };
    ok(&list(kind, &api_version, &[], ""))
}

/// What a cluster that answers so leads to: the records, without their frames.
pub(super) fn gather(
    parameters: &Value,
    answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static,
) -> (Vec<Value>, Vec<Asked>) {
    gather_within(20_000, parameters, answer)
}

/// The same within so many milliseconds.
pub(super) fn gather_within(
    timeout_ms: u64,
    parameters: &Value,
    answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static,
) -> (Vec<Value>, Vec<Asked>) {
    let server = Server::new(answer);
    let recorder = Recorder::new(Options { timeout_ms: Some(timeout_ms), ..Options::default() });
    let mut all = json!({"kubeconfig": kubeconfig(&server.url(), ""), "page_size": 2});
    let members = parameters.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(members);
    let parameters: Parameters = serde_json::from_value(all).expect("parameters");
    Kubernetes::gather(parameters, &recorder.context()).expect("the nodes are whole");
    let said = recorder.said();
    let records = said.iter().filter_map(|said| serde_json::from_str::<Value>(said).ok()).collect();
    (records, server.asked())
}

/// The collections with why they are not whole.
pub(super) fn ends(records: &[Value]) -> Vec<(String, Option<String>)> {
    let ends = records.iter().filter(|record| record["record"] == "collectionEnd");
    let end = |record: &Value| {
        let error = record["error"]["kind"].as_str().map(str::to_owned);
        (record["name"].as_str().unwrap_or_default().to_owned(), error)
    };
    ends.map(end).collect()
}

pub(super) fn items<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().map(|record| &record["item"][kind]).filter(|item| !item.is_null()).collect()
}

pub(super) fn paths(asked: &[Asked]) -> Vec<&str> {
    asked.iter().map(|asked| asked.target.split('?').next().unwrap_or_default()).collect()
}

#[test]
fn nothing_but_nodes_is_asked_for_unless_somebody_wants_it() {
    let (records, asked) = gather(&json!({}), empty);
    assert_eq!(paths(&asked), ["/api/v1/nodes"]);
    assert_eq!(ends(&records), []);
}

#[test]
fn everything_is_asked_for_once_and_pods_after_what_they_are_joined_to() {
    let (records, asked) = gather(&json!({"collect": ["all", "secrets", "config-maps"]}), empty);
    let paths = paths(&asked);
    let place = |path: &str| paths.iter().position(|asked| *asked == path).expect(path);
    for before in ["services", "secrets", "configmaps", "replicationcontrollers"] {
        assert!(place(&format!("/api/v1/{before}")) < place("/api/v1/pods"), "{paths:?}");
    }
    assert!(place("/apis/batch/v1beta1/cronjobs") < place("/api/v1/pods"));
    // KubeVirt is not there, which is no error.
    assert_eq!(place("/apis"), paths.len() - 1);
    assert_eq!(paths.len(), 17, "{paths:?}");
    let ends = ends(&records);
    assert!(ends.iter().all(|(_, error)| error.is_none()), "{ends:?}");
    assert_eq!(ends.len(), 8);
}

#[test]
fn a_list_that_may_not_be_read_loses_neither_the_nodes_nor_another() {
    let (records, _) = gather(&json!({"collect": ["pods", "secrets", "namespaces"]}), |asked| {
        if asked.target.starts_with("/api/v1/secrets") {
            forbidden("secrets")
        } else {
            empty(asked)
        }
    });
    let permission = Some("permission".to_owned());
    assert_eq!(
        ends(&records),
        [("namespaces".into(), None), ("pods".into(), None), ("secrets".into(), permission)]
    );
    assert!(records.iter().any(|record| record["record"] == "host"));
}

#[test]
fn pods_know_their_lowest_owner_where_the_others_may_not_be_read() {
    let owner = json!({"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": true});
    let (records, _) = gather(&json!({"collect": ["pods"]}), move |asked| {
        if asked.target.starts_with("/apis/apps") {
            return forbidden("replicasets");
        }
        if asked.target.starts_with("/api/v1/pods") {
            let pod = object("a", "p", json!({"metadata": {"ownerReferences": [owner]}}));
            return ok(&list("Pod", "v1", &[pod], ""));
        }
        empty(asked)
    });
    assert_eq!(ends(&records), [("pods".to_owned(), None)]);
    assert_eq!(items(&records, "pod")[0]["controller"]["uid"], "rs");
    let warning = records.iter().find(|record| record["object"] == "pods").expect("a warning");
    let sentence = warning["message"].as_str().expect("a sentence");
    assert!(sentence.starts_with("not all that controls them could be read: "), "{sentence}");
}

#[test]
fn a_service_has_the_pods_that_it_selects_in_its_own_namespace() {
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
    let (records, _) =
        gather(&json!({"collect": ["pods", "services"]}), move |asked| {
            match asked.target.split('?').next() {
                Some("/api/v1/services") => ok(&list("Service", "v1", &services, "")),
                Some("/api/v1/pods") => ok(&list("Pod", "v1", &pods, "")),
                _ => empty(asked),
            }
        });
    let selected: Vec<(Value, Value)> = items(&records, "service")
        .into_iter()
        .map(|service| (service["name"].clone(), service["pods"].clone()))
        .collect();
    let pod = |name: &str| json!({"name": name, "uid": format!("a-{name}")});
    assert_eq!(
        selected,
        [
            (json!("both"), json!([pod("p1")])),
            (json!("app"), json!([pod("p1"), pod("p2")])),
            (json!("other"), json!([])),
            (json!("none"), Value::Null),
        ]
    );
}

#[test]
fn what_uses_a_secret_is_unknown_where_the_pods_are() {
    let secret = object("a", "s", json!({"type": "Opaque", "data": {"k": "dg=="}}));
    let (records, _) = gather(&json!({"collect": ["pods", "secrets"]}), move |asked| {
        match asked.target.split('?').next() {
            Some("/api/v1/secrets") => ok(&list("Secret", "v1", std::slice::from_ref(&secret), "")),
            Some("/api/v1/pods") => forbidden("pods"),
            _ => empty(asked),
        }
    });
    let secret = items(&records, "secret")[0];
    assert_eq!((&secret["keys"], &secret["usedBy"]), (&json!(["k"]), &Value::Null));
}

#[test]
fn a_controller_of_another_kind_is_known_by_the_pods_that_it_owns() {
    let owner = json!({"kind": "GameServer", "name": "g", "uid": "g1", "controller": true});
    let node = json!({"kind": "Node", "name": "n1", "uid": "n1", "controller": true});
    let mirror =
        json!({"annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": [node]});
    let pods = [
        object("a", "p1", json!({"metadata": {"ownerReferences": [owner]}})),
        object("a", "p2", json!({"metadata": {"ownerReferences": [owner]}})),
        object("a", "p3", json!({"metadata": mirror})),
    ];
    let (records, _) = gather(&json!({"collect": ["pods", "controllers"]}), move |asked| {
        if asked.target.starts_with("/api/v1/pods") {
            return ok(&list("Pod", "v1", &pods, ""));
        }
        empty(asked)
    });
    assert_eq!(
        items(&records, "controller"),
        [&json!({"namespace": "a", "name": "g", "uid": "g1", "kind": "GameServer"})]
    );
}

#[test]
fn pods_that_were_read_before_a_list_began_anew_are_taken_back() {
    let expired = AtomicBool::new(false);
    let parameters = json!({"collect": ["pods", "services"], "namespaces": ["a", "b"]});
    let (records, _) = gather(&parameters, move |asked| {
        let target = asked.target.as_str();
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
            if asked.token().is_none() {
                return ok(&list("Pod", "v1", &[pod("b", "p")], "more"));
            }
            if !expired.swap(true, Ordering::SeqCst) {
                return answer("410 Gone", "", b"");
            }
            return ok(&list("Pod", "v1", &[pod("b", "q")], ""));
        }
        empty(asked)
    });
    let over = records.iter().rposition(|record| record["record"] == "startOver").expect("anew");
    assert_eq!(records[over]["collection"], "pods");
    let after: Vec<_> = items(&records[over..], "pod").iter().map(|pod| &pod["uid"]).collect();
    assert_eq!(after, ["a-p", "b-p", "b-q"]);
    // The service has the pod of the last reading alone, once.
    assert_eq!(items(&records, "service")[0]["pods"].as_array().map(Vec::len), Some(1));
    let end = records.iter().rfind(|record| record["name"] == "pods").expect("its end");
    assert_eq!(end["items"], 3);
}

#[test]
fn controllers_of_other_kinds_are_not_known_where_the_pods_are_not() {
    let (records, _) = gather(&json!({"collect": ["pods", "controllers"]}), |asked| {
        if asked.target.starts_with("/api/v1/pods") { forbidden("pods") } else { empty(asked) }
    });
    let (permission, unavailable) = ("permission".to_owned(), "unavailable".to_owned());
    assert_eq!(
        ends(&records),
        [("pods".into(), Some(permission)), ("controllers".into(), Some(unavailable))]
    );
}

#[test]
fn one_pod_that_uses_too_much_costs_nothing_but_who_uses_what() {
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
    let (records, _) = gather(&json!({"collect": ["pods", "secrets"]}), move |asked| {
        match asked.target.split('?').next() {
            Some("/api/v1/secrets") => ok(&list("Secret", "v1", &secrets, "")),
            Some("/api/v1/pods") => ok(&list("Pod", "v1", &pods, "")),
            _ => empty(asked),
        }
    });
    assert_eq!(items(&records, "pod").len(), 2);
    let secrets = items(&records, "secret");
    assert_eq!((secrets.len(), &secrets[0]["usedBy"]), (2, &Value::Null));
    assert_eq!(ends(&records), [("pods".into(), None), ("secrets".into(), None)]);
    let told = records.iter().any(|record| {
        record["message"].as_str().is_some_and(|message| message.contains("than can be kept"))
    });
    assert!(told, "{records:?}");
}

#[test]
fn an_external_name_has_no_pods_whatever_its_selector_says() {
    let service = json!({"spec": {"type": "ExternalName", "selector": {"app": "x"}}});
    let service = object("a", "s", service);
    let pod = object("a", "p", json!({"metadata": {"labels": {"app": "x"}}}));
    let (records, _) = gather(&json!({"collect": ["pods", "services"]}), move |asked| match asked
        .target
        .split('?')
        .next()
    {
        Some("/api/v1/services") => ok(&list("Service", "v1", std::slice::from_ref(&service), "")),
        Some("/api/v1/pods") => ok(&list("Pod", "v1", std::slice::from_ref(&pod), "")),
        _ => empty(asked),
    });
    assert_eq!(items(&records, "service")[0]["pods"], Value::Null);
}
