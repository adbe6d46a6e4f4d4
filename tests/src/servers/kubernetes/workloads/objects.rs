//! Minimal objects of each kind, and the paths of their lists.

use serde_json::{Value, json};

use super::super::ApiServer;

/// The path of a kind's list in a namespace.
pub(super) fn path(kind: &str, namespace: &str) -> String {
    let (group, resource) = match kind {
        "ServiceAccount" => ("api/v1", "serviceaccounts"),
        "ReplicationController" => ("api/v1", "replicationcontrollers"),
        "Pod" => ("api/v1", "pods"),
        "Service" => ("api/v1", "services"),
        "ConfigMap" => ("api/v1", "configmaps"),
        "Secret" => ("api/v1", "secrets"),
        "Deployment" => ("apis/apps/v1", "deployments"),
        "ReplicaSet" => ("apis/apps/v1", "replicasets"),
        "StatefulSet" => ("apis/apps/v1", "statefulsets"),
        "DaemonSet" => ("apis/apps/v1", "daemonsets"),
        "Job" => ("apis/batch/v1", "jobs"),
        "CronJob" => match ApiServer::selected() {
            ApiServer::Old => ("apis/batch/v1beta1", "cronjobs"),
            ApiServer::New => ("apis/batch/v1", "cronjobs"),
        },
        "VirtualMachineInstance" => ("apis/kubevirt.io/v1", "virtualmachineinstances"),
        "Role" => ("apis/rbac.authorization.k8s.io/v1", "roles"),
        "RoleBinding" => ("apis/rbac.authorization.k8s.io/v1", "rolebindings"),
        other => panic!("no path is known for a {other}"),
    };
    format!("/{group}/namespaces/{namespace}/{resource}")
}

/// The API version of a kind in owner references.
pub(super) fn api_version(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => "apps/v1",
        "CronJob" if ApiServer::selected() == ApiServer::Old => "batch/v1beta1",
        "Job" | "CronJob" => "batch/v1",
        "Rollout" => "argoproj.io/v1alpha1",
        _ => "v1",
    }
}

/// An owner reference to the controller of an object.
pub(super) fn controlled_by(kind: &str, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": api_version(kind), "kind": kind, "name": name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// An object with metadata only.
pub(super) fn object(kind: &str, name: &str, app: &str) -> Value {
    json!({
        "apiVersion": api_version(kind), "kind": kind,
        "metadata": {"name": name, "labels": {"app": app}},
    })
}

/// A controller of the pods with the label `app`, with its desired and ready replicas.
pub(super) fn controller(kind: &str, name: &str, app: &str, desired: usize, ready: usize) -> Value {
    let mut object = object(kind, name, app);
    let container = json!({"name": "app", "image": "registry.example.com/app"});
    let template = |restart: &str| {
        json!({
            "metadata": {"labels": {"app": app}},
            "spec": {"containers": [container], "restartPolicy": restart},
        })
    };
    let selector = json!({"matchLabels": {"app": app}});
    let (always, never) = (template("Always"), template("Never"));
    let counts = json!({"replicas": desired, "readyReplicas": ready, "observedGeneration": 1});
    (object["spec"], object["status"]) = match kind {
        "StatefulSet" => (
            json!({"replicas": desired, "selector": selector, "template": always, "serviceName": app}),
            counts,
        ),
        "DaemonSet" => (
            json!({"selector": selector, "template": always}),
            json!({
                "currentNumberScheduled": desired, "desiredNumberScheduled": desired,
                "numberMisscheduled": 0, "numberReady": ready,
            }),
        ),
        "Job" => (
            json!({"completions": desired, "parallelism": 1, "template": never}),
            json!({"succeeded": ready, "startTime": "2026-01-02T03:04:05Z"}),
        ),
        "CronJob" => (
            json!({"schedule": "17 3 * * *", "jobTemplate": {"spec": {"template": never}}}),
            json!({"lastScheduleTime": "2026-01-02T03:17:00Z"}),
        ),
        "ReplicationController" => {
            (json!({"replicas": desired, "selector": {"app": app}, "template": always}), counts)
        }
        _ => (json!({"replicas": desired, "selector": selector, "template": always}), counts),
    };
    object
}

/// A service with one port that selects the pods with these labels.
pub(super) fn service(name: &str, kind: &str, selector: &Value) -> Value {
    let mut service = object("Service", name, name);
    service["spec"] = json!({
        "type": kind, "selector": selector,
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    });
    service
}
