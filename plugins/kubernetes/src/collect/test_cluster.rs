//! Test support: gathers from a scripted API server, and takes the results apart.

use gatherer_plugin_api::{Gatherer as _, Options};
use serde_json::{Value, json};

use crate::Kubernetes;
pub(super) use crate::client::testing::ReceivedRequest as Request;
use crate::client::testing::{Recorder, Server, answer, kubeconfig, ok};
use crate::collect::Parameters;

/// A page of a list. `next` is its continue token, empty on the last page.
pub(super) fn list(kind: &str, api_version: &str, items: &[Value], next: &str) -> Value {
    json!({"kind": format!("{kind}List"), "apiVersion": api_version, "items": items,
        "metadata": {"resourceVersion": "7", "continue": next}})
}

/// An object with these names and a UID made of them. `members` are its other members.
pub(super) fn object(namespace: &str, name: &str, members: Value) -> Value {
    let mut object = members;
    object["metadata"]["namespace"] = namespace.into();
    object["metadata"]["name"] = name.into();
    object["metadata"]["uid"] = format!("{namespace}-{name}").into();
    object
}

pub(super) fn forbidden(object: &str) -> Vec<u8> {
    let body = json!({"kind": "Status", "code": 403, "reason": "Forbidden",
        "message": format!("{object} is forbidden")});
    answer("403 Forbidden", "", body.to_string().as_bytes())
}

pub(super) fn path(request: &Request) -> &str {
    request.target.split('?').next().unwrap_or_default()
}

/// The response of a cluster with one node and nothing else.
pub(super) fn empty_cluster(request: &Request) -> Vec<u8> {
    let path = path(request);
    let kind = match path.rsplit('/').next().unwrap_or_default() {
        "nodes" => {
            let status = json!({"status": {"nodeInfo": {"machineID": "m1"}}});
            return ok(&list("Node", "v1", &[object("", "n1", status)], ""));
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

/// Gathers from a server with these responses. Returns the records and the requests.
pub(super) fn gather(
    parameters: &Value,
    respond: impl Fn(&Request) -> Vec<u8> + Send + 'static,
) -> (Vec<Value>, Vec<Request>) {
    gather_within(20_000, parameters, respond)
}

/// Gathers with this timeout.
pub(super) fn gather_within(
    timeout_ms: u64,
    parameters: &Value,
    respond: impl Fn(&Request) -> Vec<u8> + Send + 'static,
) -> (Vec<Value>, Vec<Request>) {
    let server = Server::new(respond);
    let recorder = Recorder::new(Options { timeout_ms: Some(timeout_ms), ..Options::default() });
    let mut all = json!({"kubeconfig": kubeconfig(&server.url(), ""), "page_size": 2});
    let members = parameters.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(members);
    let parameters: Parameters = serde_json::from_value(all).expect("parameters");
    Kubernetes::gather(parameters, &recorder.context()).expect("the list of nodes is complete");
    let sent = recorder.output();
    let records = sent.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok()).collect();
    (records, server.requests())
}

/// The collections in the order of their ends, each with the kind of its error.
pub(super) fn ends(records: &[Value]) -> Vec<(String, Option<String>)> {
    let ends = records.iter().filter(|record| record["record"] == "collectionEnd");
    let end = |record: &Value| {
        let error = record["error"]["kind"].as_str().map(str::to_owned);
        (record["name"].as_str().unwrap_or_default().to_owned(), error)
    };
    ends.map(end).collect()
}

/// The reported items of one kind.
pub(super) fn items<'a>(records: &'a [Value], kind: &str) -> Vec<&'a Value> {
    records.iter().map(|record| &record["item"][kind]).filter(|item| !item.is_null()).collect()
}

/// The warnings except those of the kubeconfig, whose cluster `c` has no TLS.
fn warning_records(records: &[Value]) -> impl Iterator<Item = &Value> {
    records.iter().filter(|record| record["record"] == "warning" && record["object"] != "c")
}

/// The warnings, a line each: `object: message`.
pub(super) fn warnings(records: &[Value]) -> String {
    let line = |record: &Value| {
        ["object", "message"].map(|member| record[member].as_str().unwrap_or_default()).join(": ")
    };
    warning_records(records).map(line).collect::<Vec<_>>().join("\n")
}

/// The objects that the warnings are about.
pub(super) fn warned_objects(records: &[Value]) -> Vec<&str> {
    warning_records(records).map(|record| record["object"].as_str().unwrap_or_default()).collect()
}

pub(super) fn paths(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(path).collect()
}
