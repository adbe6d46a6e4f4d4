//! `match-images`: which containers run which images, in an inventory or in a run; and `--format containers`,
//! the input of a Manager's own matching.
//!
//! The rules of the matching have unit tests in `host/src/commands/match_images/matching/`.

mod gathered;
mod input_files;
mod interruptions;
mod physical_hosts;
mod real_cluster;
mod text_output;

use std::path::{Path, PathBuf};

use gatherer_tests::{Outcome, Run};
use serde_json::{Value, json};

/// A digest for a word of hexadecimal digits.
fn sha(word: &str) -> String {
    format!("sha256:{word:0<64}")
}

fn container(name: &str, image: &str, image_id: &str) -> Value {
    json!({"name": name, "kind": "app", "image": image, "imageId": image_id,
        "containerId": format!("c0ffee-{name}"), "runtime": "containerd", "state": "running",
        "ready": true, "restartCount": 0})
}

fn pod(namespace: &str, name: &str, host: &str, containers: &[Value]) -> Value {
    json!({"namespace": namespace, "name": name, "uid": format!("uid-of-{name}"),
        "phase": "Running", "host": {"id": format!("id-of-{host}"), "name": host},
        "containers": containers})
}

fn cluster(id: &str, pods: &[Value]) -> Value {
    json!({"id": id, "module": "Kubernetes", "status": "complete", "hosts": [],
        "workloads": {"pods": pods}, "collections": {"pods": {"status": "complete"}}})
}

fn inventory(endpoints: &[Value]) -> Value {
    json!({"schemaVersion": "1.1", "generator": {"name": "a test"}, "endpoints": endpoints})
}

/// Two clusters with every kind of match.
fn shop() -> Value {
    let old = sha("aaa1");
    let new = sha("aaa2");
    inventory(&[
        cluster(
            "west",
            &[
                pod(
                    "shop",
                    "web-7",
                    "node-2",
                    &[
                        container(
                            "web",
                            "mirror.example.com:5000/cache/web:1",
                            &format!("docker-pullable://mirror.example.com:5000/cache/web@{new}"),
                        ),
                        container("proxy", "proxy", &sha("bbb1")),
                    ],
                ),
                pod("default", "debug", "node-1", &[container("shell", "busybox", "")]),
            ],
        ),
        cluster(
            "east",
            &[pod(
                "shop",
                "web-3",
                "node-1",
                &[container(
                    "web",
                    "registry.example.com/web:1",
                    &format!("registry.example.com/web@{old}"),
                )],
            )],
        ),
    ])
}

fn built() -> Value {
    json!([
        {"id": 12, "name": "registry.example.com/web:1", "revision": 2,
            "digests": [format!("registry.example.com/web@{}", sha("aaa2"))]},
        {"id": 7, "name": "registry.example.com/web:1", "revision": 1,
            "digests": [format!("registry.example.com/web@{}", sha("aaa1"))]},
        {"id": 13, "name": "registry.example.com/worker", "revision": 1, "digests": []},
    ])
}

fn write(run: &Run, name: &str, text: &str) -> PathBuf {
    let path = run.home().join(name);
    std::fs::write(&path, text).expect("writable");
    path
}

/// A run with these two documents as files.
fn matching(images: &Value, inventory: &Value) -> Run {
    let run = Run::new();
    let images = write(&run, "images.json", &images.to_string());
    let inventory = write(&run, "inventory.json", &inventory.to_string());
    run.arg("match-images").arg("--images").arg(images).arg("--inventory").arg(inventory)
}

fn document(outcome: &Outcome) -> Value {
    let document = serde_json::from_str(outcome.stdout_text()).expect("JSON");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/matches.json");
    let schema = std::fs::read_to_string(schema).expect("readable");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::options().build(&schema).expect("a schema");
    let problems: Vec<_> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:#?}\n{document:#}");
    document
}

fn matches(images: &Value, inventory: &Value) -> Value {
    document(&matching(images, inventory).run().expect_code(0))
}

/// `endpoint/namespace/pod/container` of each.
fn places(containers: &Value) -> Vec<String> {
    let text = |container: &Value, member: &str| container[member].as_str().map(str::to_owned);
    let place = |container: &Value| {
        let parts = ["endpoint", "namespace", "pod", "container"];
        parts.map(|member| text(container, member).expect(member)).join("/")
    };
    containers.as_array().expect("a list").iter().map(place).collect()
}

#[test]
fn an_image_has_its_containers_with_place_and_revision() {
    let document = matches(&built(), &shop());
    assert_eq!(document["schemaVersion"], "1.3");
    let images = document["images"].as_array().expect("a list");
    assert_eq!(images.len(), 3);
    let expected = json!({
        "id": "7", "names": ["registry.example.com/web:1"], "digests": [sha("aaa1")],
        "revision": 1, "freshness": "outdated",
        "containers": [{
            "endpoint": "east", "namespace": "shop", "pod": "web-3", "podUid": "uid-of-web-3",
            "host": "node-1", "hostId": "id-of-node-1", "container": "web", "kind": "app",
            "state": "running", "matchedBy": "repo-digest", "freshness": "outdated",
        }],
    });
    assert_eq!(images[0], expected);
    assert_eq!((&images[1]["revision"], &images[1]["freshness"]), (&json!(2), &json!("newest")));
    assert_eq!(places(&images[1]["containers"]), ["west/shop/web-7/web"]);
    assert_eq!(images[1]["containers"][0]["freshness"], "newest", "an image from a mirror");
}

#[test]
fn lists_unmatched_images_and_unmatched_containers() {
    let document = matches(&built(), &shop());
    let unused = document["unmatched"]["images"].as_array().expect("a list");
    assert_eq!(unused.len(), 1);
    assert_eq!(unused[0]["names"], json!(["registry.example.com/worker"]));
    let containers = &document["unmatched"]["containers"];
    assert_eq!(places(containers), ["west/default/debug/shell", "west/shop/web-7/proxy"]);
    assert_eq!(containers[0]["reason"], "unknown-image");
    assert_eq!(containers[1]["imageId"], json!(sha("bbb1")));
    assert_eq!(document["incomplete"], json!([]));
}

#[test]
fn matches_the_output_of_docker_inspect_by_digest_id_and_tag() {
    let images = json!([
        {"Id": sha("c1"), "RepoTags": ["registry.example.com/web:1"],
            "RepoDigests": [format!("registry.example.com/web@{}", sha("aaa1"))],
            "Created": "2026-01-01T00:00:00Z", "Config": {"Env": ["PATH=/bin"]}},
        {"Id": sha("bbb1"), "RepoTags": ["proxy:latest"], "RepoDigests": []},
        {"Id": sha("c3"), "RepoTags": ["busybox:latest"], "RepoDigests": []},
    ]);
    let document = matches(&images, &shop());
    let by = |name: &str| {
        let images = document["images"].as_array().expect("a list").iter();
        let mut named = images.filter(|image| image["names"][0] == name);
        let image = named.next().expect(name);
        assert_eq!(image["containers"].as_array().map(Vec::len), Some(1), "{image:#}");
        assert!(image.get("freshness").is_none(), "Docker knows no revisions");
        image["containers"][0]["matchedBy"].clone()
    };
    assert_eq!(by("registry.example.com/web:1"), "repo-digest");
    assert_eq!(by("proxy:latest"), "image-id");
    assert_eq!(by("busybox:latest"), "repository-tag");
    assert_eq!(places(&document["unmatched"]["containers"]), ["west/shop/web-7/web"]);
}

#[test]
fn a_tag_with_another_digest_is_other_only_if_the_host_has_both() {
    let moved = container("web", "app:1", &format!("app@{}", sha("d2")));
    let images = json!([{"name": "app:1", "digests": [sha("d1")], "revision": 1}]);
    let (d1, d2) = (format!("app@{}", sha("d1")), format!("app@{}", sha("d2")));
    for (host_images, reason) in [
        (json!(null), "not-known"),
        (json!([]), "not-known"),
        (json!([{"names": [d2, "app:1"]}]), "not-known"),
        (json!([{"names": [d1]}]), "not-known"),
        (json!([{"names": [d2, "app:1"]}, {"names": [d1]}]), "other-digest"),
    ] {
        let mut endpoint = cluster("c", &[pod("n", "p", "h", std::slice::from_ref(&moved))]);
        endpoint["hosts"] = json!([{"id": "id-of-h", "name": "h"}, {"id": "other", "name": "g",
            "images": [{"names": [d1, d2]}]}]);
        if host_images.is_array() {
            endpoint["hosts"][0]["images"] = host_images.clone();
        }
        let document = matches(&images, &inventory(&[endpoint]));
        assert_eq!(document["unmatched"]["containers"][0]["reason"], reason, "{host_images}");
        assert_eq!(document["images"][0]["containers"], json!([]));
        let not_known = &document["unmatched"]["images"][0]["notKnown"];
        assert_eq!(not_known == true, reason == "not-known", "{host_images}");
    }
}

#[test]
fn a_host_image_joins_the_digests_of_an_image() {
    let reported = container("web", "mirror:7", &format!("mirror@{}", sha("d2")));
    let mut endpoint = cluster("c", &[pod("n", "p", "h", &[reported])]);
    let names = [format!("app@{}", sha("d1")), format!("mirror@{}", sha("d2"))];
    endpoint["hosts"] = json!([{"id": "id-of-h", "name": "h", "images": [{"names": names}]}]);
    let images = json!([{"name": "app:1", "digests": [sha("d1")], "revision": 1}]);
    let document = matches(&images, &inventory(&[endpoint]));
    let found = &document["images"][0]["containers"];
    assert_eq!(places(found), ["c/n/p/web"]);
    assert_eq!(
        (&found[0]["matchedBy"], &found[0]["freshness"]),
        (&json!("repo-digest"), &json!("newest"))
    );
}

#[test]
fn finds_the_image_that_a_pod_asks_for_although_the_runtime_reports_another_name() {
    let mut by_name = container("by-name", "mirror:7", &format!("mirror@{}", sha("d2")));
    by_name["requestedImage"] = json!({"text": "app", "repository": "docker.io/library/app",
        "tag": "latest"});
    let mut by_digest = container("by-digest", "mirror:7", &format!("mirror@{}", sha("d2")));
    by_digest["requestedImage"] = json!({"text": format!("web@{}", sha("d1"))});
    let inventory = inventory(&[cluster("c", &[pod("n", "p", "h", &[by_name, by_digest])])]);
    let images = json!([{"name": "app"}, {"name": "web:3", "digests": [sha("d1")]}]);
    let document = matches(&images, &inventory);
    for (index, container, by) in
        [(0, "by-name", "repository-tag"), (1, "by-digest", "requested-digest")]
    {
        let found = &document["images"][index]["containers"];
        assert_eq!(places(found), [format!("c/n/p/{container}")]);
        assert_eq!(found[0]["matchedBy"], by);
    }
    assert_eq!(document["unmatched"], json!({"images": [], "containers": []}));
}

#[test]
fn image_volumes_and_sidecars_are_uses_of_an_image() {
    let mut sidecar = container("log", "app:1", "");
    sidecar["kind"] = json!("sidecar");
    let mut pod = pod("n", "p", "h", &[sidecar]);
    pod["imageVolumes"] = json!([{"name": "model", "requestedImage": {"text": "model:2"}}]);
    let images = json!([{"name": "app:1"}, {"name": "model:2"}]);
    let document = matches(&images, &inventory(&[cluster("c", &[pod])]));
    for (index, name, kind) in [(0, "log", "sidecar"), (1, "model", "volume")] {
        let found = &document["images"][index]["containers"];
        assert_eq!((&found[0]["container"], &found[0]["kind"]), (&json!(name), &json!(kind)));
        assert_eq!(found[0]["matchedBy"], "repository-tag");
    }
}

#[test]
fn a_match_by_tag_alone_has_no_revision() {
    let waiting = json!({"name": "web", "kind": "app", "image": "app:1", "state": "waiting"});
    let inventory = inventory(&[cluster("c", &[pod("n", "p", "h", &[waiting])])]);
    let images = json!([
        {"name": "app:1", "digests": [sha("d1")], "revision": 1},
        {"name": "app:1", "digests": [sha("d2")], "revision": 2},
    ]);
    let document = matches(&images, &inventory);
    for image in document["images"].as_array().expect("a list") {
        assert_eq!(image["containers"][0]["matchedBy"], "repository-tag");
        assert_eq!(image["containers"][0]["freshness"], "unknown");
    }
    assert_eq!(document["unmatched"], json!({"images": [], "containers": []}));
}

#[test]
fn the_order_of_the_input_does_not_matter() {
    let first = matching(&built(), &shop()).run().expect_code(0).stdout;
    let (mut images, mut shop) = (built(), shop());
    images.as_array_mut().expect("a list").reverse();
    let endpoints = shop["endpoints"].as_array_mut().expect("a list");
    endpoints.reverse();
    for endpoint in endpoints {
        let pods = endpoint["workloads"]["pods"].as_array_mut().expect("a list");
        pods.reverse();
        for pod in pods {
            pod["containers"].as_array_mut().expect("a list").reverse();
        }
    }
    let second = matching(&images, &shop).run().expect_code(0);
    assert_eq!(second.stdout_text().as_bytes(), first);
}
