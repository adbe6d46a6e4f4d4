//! The same of a real API server, beside what the server itself says.

use std::time::Duration;

use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
use gatherer_tests::servers::kubernetes::workloads::cases::images::{CONFIG_DIGEST, DIGEST, POD};
use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use super::{document, places, sha, write};

macro_rules! cluster {
    () => {
        match Cluster::shared() {
            Ok(cluster) => cluster,
            Err(reason) => gatherer_tests::skip!("{reason}"),
        }
    };
}

fn endpoints(cluster: &Cluster) -> Value {
    let (all, some) = (cluster.kubeconfig("token"), cluster.reader("one-namespace"));
    json!([
        {"id": "cluster", "module": "Kubernetes", "kubeconfig": all, "collect": "pods"},
        {"id": "nodes", "module": "Kubernetes", "kubeconfig": all},
        {"id": "refused", "module": "Kubernetes", "kubeconfig": some, "collect": "pods"},
    ])
}

/// What the server says: each container's status, with its pod.
fn statuses(cluster: &Cluster, lists: &[&str]) -> Vec<(Value, Value)> {
    let mut found = Vec::new();
    for pod in cluster.list("/api/v1/pods") {
        for list in lists {
            let statuses = pod["status"][list].as_array().into_iter().flatten();
            found.extend(statuses.map(|status| (pod["metadata"].clone(), status.clone())));
        }
    }
    found
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[test]
fn of_a_real_cluster_every_container_of_an_image_is_found_and_what_may_not_be_read_is_named() {
    let cluster = cluster!();
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::new().args(["match-images", "--fail-on", "any"]).plugins(plugins.path());
    let infile = write(&run, "endpoints.json", &endpoints(cluster).to_string());
    let everywhere = "registry.example.com:5000/team-3/service-3:v1.3.0";
    let images = write(
        &run,
        "images.json",
        &json!([
            {"id": "old", "name": "registry.example.com:5000/team/app:v1", "revision": 1,
                "digests": [DIGEST]},
            {"id": "new", "name": "registry.example.com:5000/team/app:v1", "revision": 2,
                "digests": [sha("ab")]},
            {"Id": CONFIG_DIGEST, "RepoTags": ["somewhere/else:1"], "RepoDigests": []},
            {"id": "waits", "name": "team/not-yet", "revision": 1, "digests": [sha("cd")]},
            {"id": "load", "name": everywhere},
        ])
        .to_string(),
    );
    let run = run.arg("-i").arg(infile).arg("--images").arg(images);
    let outcome = run.within(Duration::from_mins(3)).run().expect_code(1);
    let document = document(&outcome);
    let image = |id: &str| {
        let images = document["images"].as_array().expect("a list").iter();
        images.clone().find(|image| image["id"] == *id).expect(id)
    };

    // By digest, whichever repository and runtime, of every kind.
    let lists = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
    let said = statuses(cluster, &lists);
    let place = |(pod, status): &(Value, Value)| {
        let parts = [&pod["namespace"], &pod["name"], &status["name"]].map(text);
        format!("cluster/{}", parts.join("/"))
    };
    let having = |words: &str, member: &str| {
        let having = said.iter().filter(|(_, status)| text(&status[member]).contains(words));
        let mut places: Vec<_> = having.map(place).collect();
        places.sort();
        places
    };
    let found = |id: &str| {
        let mut places = places(&image(id)["containers"]);
        places.sort();
        places
    };
    assert_eq!(found("old"), having(DIGEST, "imageID"));
    assert_eq!(found("old").len(), 5);
    assert!(image("old")["containers"].as_array().expect("a list").iter().all(|container| {
        container["matchedBy"] == "repo-digest" && container["freshness"] == "outdated"
    }));
    assert_eq!(found(CONFIG_DIGEST), having(CONFIG_DIGEST, "imageID"));
    assert_eq!(image(CONFIG_DIGEST)["containers"][0]["matchedBy"], "image-id");
    assert_eq!(found("waits"), [format!("cluster/{NAMESPACE}/{POD}/waiting")]);
    assert_eq!(image("waits")["containers"][0]["matchedBy"], "repository-tag");
    assert_eq!(image("waits")["containers"][0]["state"], "waiting");
    assert_eq!(image("waits")["containers"][0]["host"], "node-000002");
    let started = having(everywhere, "image");
    assert!(!started.is_empty() && started.iter().all(|place| found("load").contains(place)));
    assert_eq!(document["unmatched"]["images"][0]["id"], "new");

    let incomplete = document["incomplete"].as_array().expect("a list");
    let reasons: Vec<_> = incomplete
        .iter()
        .map(|endpoint| (text(&endpoint["endpoint"]), text(&endpoint["reason"])))
        .collect();
    assert_eq!(reasons, [("nodes", "pods-not-gathered"), ("refused", "pods-failed")]);
    assert!(text(&incomplete[1]["message"]).contains("permission: "), "{incomplete:#?}");
}

#[test]
fn of_a_real_cluster_format_containers_prints_what_the_server_says() {
    let cluster = cluster!();
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::gather(&endpoints(cluster)).plugins(plugins.path());
    let run = run.args(["--format", "containers"]).within(Duration::from_mins(3));
    let outcome = run.run().expect_code(0);
    let mut expected: Vec<Value> = statuses(cluster, &["containerStatuses"])
        .into_iter()
        .map(|(pod, status)| {
            json!({"container_id": status["containerID"], "image": status["image"],
                "image_id": status["imageID"], "pod_name": pod["name"],
                "pod_namespace": pod["namespace"]})
        })
        .collect();
    assert!(expected.len() > 500, "{}", expected.len());
    let document: Value = serde_json::from_str(outcome.stdout_text()).expect("JSON");
    let mut printed = document["containers"].as_array().expect("a list").clone();
    let names = |container: &Value| {
        ["pod_namespace", "pod_name"].map(|member| text(&container[member]).to_owned())
    };
    assert!(printed.is_sorted_by_key(names), "in the inventory's order");
    // Two pods of one name may stand in either order.
    printed.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(printed, expected);
    for left_out in ["[nodes] pods: its containers are left out", "[refused] pods: its containers"]
    {
        assert!(outcome.stderr.contains(left_out), "{}", outcome.describe());
    }
}
