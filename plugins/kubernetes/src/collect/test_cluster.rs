//! Test support: gathers from a scripted API server.

use gatherer_plugin_api::model::{CollectionStatus, Warning};
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{ErrorKind, Options};
use serde_json::{Value, json};

use crate::Kubernetes;
pub(super) use crate::client::testing::ReceivedRequest as Request;
use crate::client::testing::{Server, answer, kubeconfig, ok};

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
    let body = json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden",
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
        "apis" => {
            return ok(
                &json!({"kind": "APIGroupList", "groups": [{"name": "apps", "versions": []}]}),
            );
        }
        "v1" => {
            return ok(&json!({"groupVersion": "batch/v1", "resources": [{"name": "jobs"}]}));
        }
        "v1beta1" => {
            return ok(
                &json!({"groupVersion": "batch/v1beta1", "resources": [{"name": "cronjobs"}]}),
            );
        }
        _ => return answer("404 Not Found", "", b""),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let api_version =
        if parts[1] == "api" { "v1".to_owned() } else { format!("{}/{}", parts[2], parts[3]) };
    ok(&list(kind, &api_version, &[], ""))
}

/// Gathers from a server with these responses. Returns the result and the requests.
pub(super) fn gather(
    parameters: &Value,
    respond: impl Fn(&Request) -> Vec<u8> + Send + 'static,
) -> (Gathered, Vec<Request>) {
    gather_within(20_000, parameters, respond)
}

/// Gathers with this timeout.
pub(super) fn gather_within(
    timeout_ms: u64,
    parameters: &Value,
    respond: impl Fn(&Request) -> Vec<u8> + Send + 'static,
) -> (Gathered, Vec<Request>) {
    let server = Server::new(respond);
    let options = Options { timeout_ms: Some(timeout_ms), ..Options::default() };
    let mut all = json!({"kubeconfig": kubeconfig(&server.url(), ""), "page_size": 2});
    let members = parameters.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(members);
    let gathered = Recorder::new().options(options).gather::<Kubernetes>(all);
    (gathered.expect("the list of nodes is complete"), server.requests())
}

/// The collections that ended, sorted by name, each with the kind of its error.
pub(super) fn ends(gathered: &Gathered) -> Vec<(&str, Option<ErrorKind>)> {
    let collections = gathered.collections.iter();
    let kind = |status: &CollectionStatus| status.error.as_ref().map(|error| error.kind);
    collections.map(|(name, status)| (name.as_str(), kind(status))).collect()
}

/// The warnings except those of the kubeconfig, whose cluster `c` has no TLS.
fn cluster_warnings(gathered: &Gathered) -> impl Iterator<Item = &Warning> {
    gathered.warnings.iter().filter(|warning| warning.object != "c")
}

/// The warnings, a line each: `object: message`.
pub(super) fn warnings(gathered: &Gathered) -> String {
    let line = |warning: &Warning| format!("{}: {}", warning.object, warning.message);
    cluster_warnings(gathered).map(line).collect::<Vec<_>>().join("\n")
}

/// The objects that the warnings are about.
pub(super) fn warned_objects(gathered: &Gathered) -> Vec<&str> {
    cluster_warnings(gathered).map(|warning| warning.object.as_str()).collect()
}

pub(super) fn paths(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(path).collect()
}
