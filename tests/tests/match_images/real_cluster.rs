//! Matching against a real API server, compared with the statuses that the server returns.

use std::time::Duration;

use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
use gatherer_tests::servers::kubernetes::workloads::cases::images::{CONFIG_DIGEST, DIGEST, POD};
use gatherer_tests::{PluginFolder, Run, cluster_or_skip};
use serde_json::{Value, json};

use super::{document, places, sha, write};

fn endpoints(cluster: &Cluster) -> Value {
    let (all, some) = (cluster.kubeconfig("token"), cluster.reader("one-namespace"));
    json!([
        {"id": "cluster", "module": "Kubernetes", "kubeconfig": all, "collect": "pods"},
        {"id": "nodes", "module": "Kubernetes", "kubeconfig": all},
        {"id": "forbidden", "module": "Kubernetes", "kubeconfig": some, "collect": "pods"},
    ])
}

/// The statuses of the containers in these lists, each with the metadata of its pod.
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
fn finds_every_container_of_an_image_and_names_incomplete_endpoints() {
    let cluster = cluster_or_skip!(Cluster::shared());
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

    // Matches by digest do not depend on the repository, the runtime or the kind of container.
    let lists = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
    let statuses = statuses(cluster, &lists);
    let place = |(pod, status): &(Value, Value)| {
        let parts = [&pod["namespace"], &pod["name"], &status["name"]].map(text);
        format!("cluster/{}", parts.join("/"))
    };
    let containers_with = |part: &str, member: &str| {
        let found = statuses.iter().filter(|(_, status)| text(&status[member]).contains(part));
        let mut places: Vec<_> = found.map(place).collect();
        places.sort();
        places
    };
    let found = |id: &str| {
        let mut places = places(&image(id)["containers"]);
        places.sort();
        places
    };
    assert_eq!(found("old"), containers_with(DIGEST, "imageID"));
    assert_eq!(found("old").len(), 5);
    assert!(image("old")["containers"].as_array().expect("a list").iter().all(|container| {
        container["matchedBy"] == "repo-digest" && container["freshness"] == "outdated"
    }));
    assert_eq!(found(CONFIG_DIGEST), containers_with(CONFIG_DIGEST, "imageID"));
    assert_eq!(image(CONFIG_DIGEST)["containers"][0]["matchedBy"], "image-id");
    assert_eq!(found("waits"), [format!("cluster/{NAMESPACE}/{POD}/waiting")]);
    assert_eq!(image("waits")["containers"][0]["matchedBy"], "repository-tag");
    assert_eq!(image("waits")["containers"][0]["state"], "waiting");
    assert_eq!(image("waits")["containers"][0]["host"], "node-000002");
    let started = containers_with(everywhere, "image");
    assert!(!started.is_empty() && started.iter().all(|place| found("load").contains(place)));
    assert_eq!(document["unmatched"]["images"][0]["id"], "new");

    let incomplete = document["incomplete"].as_array().expect("a list");
    let reasons: Vec<_> = incomplete
        .iter()
        .map(|endpoint| (text(&endpoint["endpoint"]), text(&endpoint["reason"])))
        .collect();
    assert_eq!(reasons, [("forbidden", "pods-failed"), ("nodes", "pods-not-gathered")]);
    assert!(text(&incomplete[0]["message"]).contains("permission: "), "{incomplete:#?}");
}

#[test]
fn format_containers_prints_the_containers_of_the_server() {
    let cluster = cluster_or_skip!(Cluster::shared());
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
    assert!(printed.is_sorted_by_key(names), "not in the order of the inventory");
    // The order of two pods of one name is not defined.
    printed.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(printed, expected);
    for endpoint in ["[nodes] pods: ", "[forbidden] pods: "] {
        assert!(outcome.stderr.contains(endpoint), "{}", outcome.describe());
    }
}
