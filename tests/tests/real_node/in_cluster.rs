//! A pod gathers its own cluster, with the objects of the module's documentation.

use std::collections::BTreeSet;

use gatherer_tests::servers::node::NODE_NAME;
use gatherer_tests::{document, inventory_endpoint};
use serde_json::{Value, json};

use crate::workloads::await_service_account;
use crate::{items, text, world};

const NAME: &str = "virtual-host-gatherer";

/// The objects of the documentation: those of the service account, and those of the Job.
fn documented() -> Vec<Value> {
    let page = include_str!("../../../docs/modules/Kubernetes.md");
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let is_needed =
        |block: &&str| block.contains("kind: ServiceAccount\n") || block.contains("kind: Job\n");
    blocks
        .filter(is_needed)
        .flat_map(|block| serde_saphyr::from_multiple::<Value>(block).expect("YAML"))
        .collect()
}

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn a_pod_gathers_its_own_cluster_with_a_projected_token() {
    let node = &world().node;
    let mut objects = documented();
    let kinds: BTreeSet<&str> = objects.iter().map(|object| text(&object["kind"])).collect();
    assert!(
        kinds.is_superset(&["ServiceAccount", "ClusterRole", "ConfigMap", "Job"].into()),
        "{kinds:?}"
    );
    for object in &mut objects {
        match text(&object["kind"]) {
            "ConfigMap" => {
                // The cluster has no DNS and no kube-proxy.
                let kubeconfig = text(&object["data"]["kubeconfig"]);
                let server = "https://kubernetes.default.svc";
                assert!(kubeconfig.contains(server), "{kubeconfig}");
                object["data"]["kubeconfig"] =
                    json!(kubeconfig.replace(server, node.cluster().url()));
            }
            "Job" => {
                let spec = &mut object["spec"]["template"]["spec"];
                spec["containers"][0]["image"] = json!(node.images().gatherer.name());
                spec["hostNetwork"] = json!(true);
                spec["nodeName"] = json!(NODE_NAME);
            }
            _ => {}
        }
    }
    let (job, others): (Vec<Value>, Vec<Value>) =
        objects.into_iter().partition(|object| object["kind"] == "Job");
    node.create(&others);
    await_service_account(node, "kube-system", NAME);
    node.create(&job);
    let pod = node.wait_until("the pod of the Job has ended", |node| {
        let pods = node.cluster().list("/api/v1/namespaces/kube-system/pods");
        let mut pods = pods.into_iter();
        let pod = pods.find(|pod| pod["metadata"]["labels"]["job-name"] == NAME)?;
        ["Succeeded", "Failed"].iter().any(|phase| pod["status"]["phase"] == **phase).then_some(pod)
    });
    let name = text(&pod["metadata"]["name"]);
    let log = node.kubectl(&["--namespace=kube-system", "logs", name], "");
    let log = log.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(pod["status"]["phase"], "Succeeded", "{log}");
    // kubectl shows stderr too, where the program logs.
    let start = log.find("{\n").unwrap_or_else(|| panic!("no document: {log}"));
    let endpoint = inventory_endpoint(&document::inventory(&log.as_bytes()[start..]), "cluster");
    assert_eq!(endpoint["status"], "complete", "{}", endpoint["error"]);
    let [host] = items(&endpoint["hosts"]) else { panic!("{}", endpoint["hosts"]) };
    let expected = &world().endpoint["hosts"][0];
    for member in ["id", "name", "identifiers", "cpu", "memoryBytes", "versions"] {
        assert_eq!(host[member], expected[member], "{member}");
    }
}
