//! The containers of a pod and their images.

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
use gatherer_tests::servers::kubernetes::workloads::cases::images::{
    CASES, CONFIG_DIGEST, DIGEST, POD, container_id, image_id, restarts,
};
use serde_json::{Value, json};

use crate::{gather, item};

#[test]
fn containers_of_every_kind_state_and_image_spelling_have_all_fields() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoint = gather(cluster.kubeconfig("token"), &json!({"collect": "pods"}));
    let containers = item(&endpoint, "pods", NAMESPACE, POD)["containers"].clone();
    let mut expected = Vec::new();
    for case in &CASES {
        let image = if case.image.is_empty() { case.requested } else { case.image };
        let mut container = json!({"name": case.name, "kind": case.kind, "image": image});
        let requested_tag = if case.name == "moved-tag" { Some("v1") } else { case.tag };
        container["requestedImage"] = json!({
            "text": case.requested, "repository": case.repository, "tag": requested_tag,
        });
        let mut set = |name: &str, value: Value| container[name] = value;
        if !case.image_id.is_empty() {
            set("imageId", json!(image_id(case)));
        }
        if case.digest {
            set("imageDigest", json!(DIGEST));
        }
        if case.config_digest {
            set("imageConfigDigest", json!(CONFIG_DIGEST));
        }
        set("imageRepository", json!(case.repository));
        if let Some(tag) = case.tag {
            set("imageTag", json!(tag));
        }
        if !case.runtime.is_empty() {
            set("containerId", json!(container_id(case)));
            set("runtime", json!(case.runtime));
        }
        if !case.state.is_empty() {
            set("state", json!(case.state));
        }
        if case.state == "running" {
            set("ready", json!(true));
        }
        if let Some(restarts) = restarts(case) {
            set("restartCount", json!(restarts));
        }
        expected.push(container);
    }
    let found = containers.as_array().expect("a list");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}
