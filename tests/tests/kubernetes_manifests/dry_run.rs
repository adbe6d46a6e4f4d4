//! A server-side dry run of the manifests. kube-apiserver 1.20 validates values and has admission plugins, and ignores
//! unknown fields. The newer server of the tests decodes strictly with the types of its version, and validates no values.

use gatherer_tests::cluster_or_skip;
use gatherer_tests::servers::kubernetes::{ApiServer, Cluster, Method};
use serde_json::{Value, json};

use crate::{FOLDERS, object, rendered, rendered_or_skip, text};

/// The path for creating an object, without its group: plural and whether it is in a namespace.
fn plural(kind: &str) -> (&'static str, bool) {
    match kind {
        "Namespace" => ("namespaces", false),
        "ServiceAccount" => ("serviceaccounts", true),
        "ClusterRole" => ("clusterroles", false),
        "ClusterRoleBinding" => ("clusterrolebindings", false),
        "ConfigMap" => ("configmaps", true),
        "Secret" => ("secrets", true),
        "Service" => ("services", true),
        "PersistentVolumeClaim" => ("persistentvolumeclaims", true),
        "CronJob" => ("cronjobs", true),
        "Job" => ("jobs", true),
        "StatefulSet" => ("statefulsets", true),
        "NetworkPolicy" => ("networkpolicies", true),
        other => panic!("the manifests have an unexpected {other}"),
    }
}

/// Sends an object to a dry run. Returns the status and the answer.
fn dry_run(cluster: &Cluster, object: &Value) -> (u16, String) {
    let version = text(&object["apiVersion"]);
    let prefix = if version.contains('/') { "apis" } else { "api" };
    let (plural, is_namespaced) = plural(text(&object["kind"]));
    let namespace = if is_namespaced { "namespaces/virtual-host-gatherer/" } else { "" };
    let path = format!("/{prefix}/{version}/{namespace}{plural}?dryRun=All&fieldValidation=Strict");
    cluster.request(Method::POST, &path, Some(object)).expect("the server answers")
}

/// The object as this server knows it: 1.20 has CronJobs only in `v1beta1`, which has the same fields.
fn as_known(object: &Value) -> Value {
    let mut object = object.clone();
    if object["kind"] == "CronJob" && ApiServer::selected() == ApiServer::Old {
        object["apiVersion"] = json!("batch/v1beta1");
    }
    object
}

#[test]
fn the_api_server_accepts_every_object() {
    let cluster = cluster_or_skip!(Cluster::start());
    for folder in FOLDERS {
        let objects = rendered_or_skip!(rendered(folder));
        // The namespace of the first folder exists now, because the other objects need it even in a dry run.
        let is_new = |object: &&Value| folder == FOLDERS[0] || object["kind"] != "Namespace";
        for object in objects.iter().filter(is_new) {
            let (status, answer) = dry_run(&cluster, &as_known(object));
            assert_eq!(
                status, 201,
                "{folder}: {} {}: {answer}",
                object["kind"], object["metadata"]["name"]
            );
            let accepted: Value = serde_json::from_str(&answer).expect("JSON");
            assert_eq!(accepted["metadata"]["name"], object["metadata"]["name"]);
            if object["kind"] == "Namespace" {
                cluster.create("/api/v1/namespaces", object);
            }
            if object["kind"] == "CronJob" {
                let mut job = object["spec"]["jobTemplate"].clone();
                job["apiVersion"] = json!("batch/v1");
                job["kind"] = json!("Job");
                job["metadata"]["name"] = json!("once");
                let (status, answer) = dry_run(&cluster, &job);
                assert_eq!(
                    status, 201,
                    "{folder}: the Job of {}: {answer}",
                    object["metadata"]["name"]
                );
            }
        }
    }
}

#[test]
fn the_api_server_rejects_a_mistake() {
    let cluster = cluster_or_skip!(Cluster::start());
    let objects = rendered_or_skip!(rendered("base"));
    cluster.create("/api/v1/namespaces", object(&objects, "Namespace", "virtual-host-gatherer"));
    let good = as_known(object(&objects, "CronJob", "virtual-host-gatherer"));
    assert_eq!(dry_run(&cluster, &good).0, 201);
    let mut bad = good.clone();
    let job = &mut bad["spec"]["jobTemplate"]["spec"];
    let expected = match ApiServer::selected() {
        ApiServer::New => {
            job["completionsMode"] = job["completionMode"].take();
            "unknown field \\\"spec.jobTemplate.spec.completionsMode\\\""
        }
        ApiServer::Old => {
            job["template"]["spec"]["containers"][0]["volumeMounts"][0]["name"] = json!("misspelt");
            "volumeMounts[0].name: Not found: \\\"misspelt\\\""
        }
    };
    let (status, answer) = dry_run(&cluster, &bad);
    assert!((400..500).contains(&status) && answer.contains(expected), "{status}: {answer}");
}
