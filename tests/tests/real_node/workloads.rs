//! What runs on the node: pods of each origin, with images under each kind of name.

use gatherer_tests::servers::node::{NODE_NAME, Node};
use serde_json::{Value, json};

use crate::{items, text};

/// The namespace of the workloads.
pub(crate) const NAMESPACE: &str = "shop";

/// The pods and their phases. The names of pods of controllers have a random part.
const PODS: [(&str, &str); 6] = [
    ("web-", "Running"),
    ("web-", "Running"),
    ("once-", "Succeeded"),
    ("by-digest", "Running"),
    ("no-image", "Pending"),
    ("static-node-1", "Running"),
];

/// Creates the workloads and waits until each pod has the expected phase, and the node lists its images.
pub(crate) fn create(node: &Node) {
    let (single, multi) = (&node.images().single, &node.images().multi);
    node.create(&[json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE},
    })]);
    await_service_account(node, NAMESPACE, "default");
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    let ends = |name: &str| json!({"name": name, "image": single.name(), "command": ["/bin/busybox", "true"]});
    let by_digest = format!("{}@{}", multi.repository, multi.platform_digest);
    let missing = format!("{}-is-missing:1", single.repository);
    let labels = json!({"app": "web"});
    let mut web =
        spec(&json!([container("web", &single.name()), container("side", &multi.name()),]));
    web["initContainers"] = json!([ends("prepare")]);
    let mut once = spec(&json!([ends("once")]));
    once["restartPolicy"] = json!("Never");
    node.create(&[
        object(
            "apps/v1",
            "Deployment",
            "web",
            &json!({
                "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": web},
            }),
        ),
        object("batch/v1", "Job", "once", &json!({"template": {"spec": once}})),
        object("v1", "Pod", "by-digest", &spec(&json!([container("main", &by_digest)]))),
        object("v1", "Pod", "no-image", &spec(&json!([container("main", &missing)]))),
    ]);
    let mut fixed = spec(&json!([container("main", &single.name())]));
    fixed["hostNetwork"] = json!(true);
    node.write_static_pod(&object("v1", "Pod", "static", &fixed));

    node.wait_until("all pods have their phases", |node| {
        let pods = node.cluster().list(&format!("/api/v1/namespaces/{NAMESPACE}/pods"));
        let has = |(name, phase): &(&str, &str)| {
            pods.iter().any(|pod| {
                text(&pod["metadata"]["name"]).starts_with(name)
                    && pod["status"]["phase"] == **phase
                    && items(&pod["status"]["containerStatuses"]).iter().all(is_settled)
                    && !items(&pod["status"]["containerStatuses"]).is_empty()
            })
        };
        (pods.len() == PODS.len() && PODS.iter().all(has)).then_some(())
    });
    node.wait_until("the node lists its images", |node| {
        let nodes = node.cluster().list("/api/v1/nodes");
        let images = items(&nodes[0]["status"]["images"]);
        let names: Vec<&str> =
            images.iter().flat_map(|image| items(&image["names"])).map(text).collect();
        let expected = [single.name(), multi.name(), by_digest.clone()];
        expected.iter().all(|name| names.contains(&name.as_str())).then_some(())
    });
}

/// Whether the container runs, has ended, or waits for an image that does not exist.
fn is_settled(status: &Value) -> bool {
    let waiting = &status["state"]["waiting"];
    waiting.is_null()
        || waiting["reason"] == "ErrImagePull"
        || waiting["reason"] == "ImagePullBackOff"
}

/// Waits until the controllers have created a service account with its token. Pods are refused before.
pub(crate) fn await_service_account(node: &Node, namespace: &str, name: &str) {
    node.wait_until("the service account has a token", |node| {
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        let accounts = node.cluster().list(&accounts);
        let account = accounts.iter().find(|account| account["metadata"]["name"] == *name)?;
        (!items(&account["secrets"]).is_empty()).then_some(())
    });
}

/// The specification of a pod on the node: without a scheduler, pods name it themselves.
fn spec(containers: &Value) -> Value {
    json!({"nodeName": NODE_NAME, "terminationGracePeriodSeconds": 0, "containers": containers})
}

fn object(version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": version, "kind": kind, "spec": spec,
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
    })
}
