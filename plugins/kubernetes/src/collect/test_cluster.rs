//! Test support: gathers from a scripted API server.

use gatherer_plugin_api::model::{CollectionStatus, Warning};
use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use gatherer_plugin_support::run;
use gatherer_plugin_support::testing::{Action, ReceivedRequest as Request, ScriptedServer};
use serde_json::{Value, json};

use crate::Kubernetes;
use crate::client::Client;
use crate::client::testing::kubeconfig as kubeconfig_text;
use crate::kubeconfig;

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

/// A response with status 200.
pub(super) fn ok(document: &Value) -> Action {
    Action::json(200, document)
}

pub(super) fn forbidden(object: &str) -> Action {
    let status = json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden",
        "message": format!("{object} is forbidden")});
    Action::json(403, &status)
}

/// The response of a cluster with one node and nothing else.
pub(super) fn empty_cluster(request: &Request) -> Action {
    let path = request.path();
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
        _ => return Action::answer(404, ""),
    };
    let parts: Vec<&str> = path.split('/').collect();
    let api_version =
        if parts[1] == "api" { "v1".to_owned() } else { format!("{}/{}", parts[2], parts[3]) };
    ok(&list(kind, &api_version, &[], ""))
}

/// Gathers from a server with these responses. Returns the result and the requests.
pub(super) fn gather(
    parameters: &Value,
    respond: impl Fn(&Request) -> Action + Send + Sync + 'static,
) -> (Gathered, Vec<Request>) {
    gather_within(20_000, parameters, respond)
}

/// Gathers with this timeout.
pub(super) fn gather_within(
    timeout_ms: u64,
    parameters: &Value,
    respond: impl Fn(&Request) -> Action + Send + Sync + 'static,
) -> (Gathered, Vec<Request>) {
    let server = ScriptedServer::http(respond);
    let options = Options { timeout_ms: Some(timeout_ms), ..Options::default() };
    let mut all = json!({"kubeconfig": kubeconfig_text(&server.url(""), ""), "page_size": 2});
    let members = parameters.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(members);
    let gathered = Recorder::new().options(options).gather::<Kubernetes>(all);
    (gathered.expect("the list of nodes is complete"), server.received())
}

/// Runs `work` with a client of a server with these responses.
pub(super) fn with_client<T>(
    respond: impl Fn(&Request) -> Action + Send + Sync + 'static,
    work: impl AsyncFnOnce(&Client) -> Result<T, GatherError>,
) -> Result<T, GatherError> {
    let server = ScriptedServer::http(respond);
    let options = Options { retries: Some(0), timeout_ms: Some(10_000), ..Options::default() };
    let context = Recorder::new().options(options).context();
    let access = kubeconfig::read(&kubeconfig_text(&server.url(""), ""), None, &context)?;
    run::block_on(&context, async { work(&Client::new(&access, 2, &context).await?).await })
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
    requests.iter().map(Request::path).collect()
}
