//! The pods, their containers and the images of these.

use std::collections::BTreeMap;

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use crate::workloads::NAMESPACE;
use crate::{endpoint, items, text, world};

/// The pods of the inventory, by UID.
fn pods(endpoint: &Value) -> BTreeMap<&str, &Value> {
    items(&endpoint["workloads"]["pods"]).iter().map(|pod| (text(&pod["uid"]), pod)).collect()
}

/// The controlling owners of an object, from the next to the topmost.
fn owners(object: &Value, controllers: &[Value]) -> Vec<Value> {
    let mut found = Vec::new();
    let mut object = Some(object);
    while let Some(current) = object {
        let references = items(&current["metadata"]["ownerReferences"]).iter();
        let Some(owner) = references.clone().find(|one| one["controller"] == true) else { break };
        found.push(json!({"kind": owner["kind"], "name": owner["name"], "uid": owner["uid"]}));
        object = controllers.iter().find(|one| one["metadata"]["uid"] == owner["uid"]);
    }
    found
}

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn the_pods_and_their_owners_are_those_that_kubectl_shows() {
    let world = world();
    let found = pods(&world.endpoint);
    assert_eq!(found.len(), world.pods.len());
    for pod in &world.pods {
        let (metadata, status) = (&pod["metadata"], &pod["status"]);
        let name = text(&metadata["name"]);
        let found = found[text(&metadata["uid"])];
        assert_eq!(
            (&found["namespace"], &found["name"]),
            (&metadata["namespace"], &metadata["name"])
        );
        assert_eq!(found["phase"], status["phase"], "{name}");
        assert_eq!(found["host"]["name"], pod["spec"]["nodeName"], "{name}");
        let addresses: Vec<&Value> =
            items(&status["podIPs"]).iter().map(|one| &one["ip"]).collect();
        assert_eq!(items(&found["podIPs"]).iter().collect::<Vec<_>>(), addresses, "{name}");
        assert_eq!(found["serviceAccount"], pod["spec"]["serviceAccountName"], "{name}");
        let owners = owners(pod, &world.controllers);
        assert_eq!(items(&found["owners"]), owners, "{name}");
        assert_eq!(found["bare"] == true, owners.is_empty(), "{name}");
        let is_static = !metadata["annotations"]["kubernetes.io/config.mirror"].is_null();
        assert_eq!(found["static"] == true, is_static, "{name}");
    }
    let kinds = |prefix: &str| {
        let pod = found.values().find(|pod| text(&pod["name"]).starts_with(prefix)).expect("a pod");
        items(&pod["owners"]).iter().map(|owner| text(&owner["kind"])).collect::<Vec<_>>()
    };
    assert_eq!(kinds("web-"), ["ReplicaSet", "Deployment"]);
    assert_eq!(kinds("once-"), ["Job"]);
    // The kubelet names its node as the owner.
    assert_eq!(kinds("static-"), ["Node"]);
}

/// The containers of all pods: the container of the inventory, its specification and its status.
fn containers() -> Vec<(String, &'static Value, &'static Value, &'static Value)> {
    let world = world();
    let found = pods(&world.endpoint);
    let mut all = Vec::new();
    for pod in &world.pods {
        let found = items(&found[text(&pod["metadata"]["uid"])]["containers"]);
        let mut count = 0;
        for (kind, specs, statuses) in [
            ("init", "initContainers", "initContainerStatuses"),
            ("app", "containers", "containerStatuses"),
        ] {
            for spec in items(&pod["spec"][specs]) {
                count += 1;
                let place = format!("{}/{}", text(&pod["metadata"]["name"]), text(&spec["name"]));
                let statuses = items(&pod["status"][statuses]);
                let status = statuses.iter().find(|one| one["name"] == spec["name"]).expect(&place);
                let is_it = |one: &&Value| one["name"] == spec["name"] && one["kind"] == kind;
                all.push((place.clone(), found.iter().find(is_it).expect(&place), spec, status));
            }
        }
        assert_eq!(found.len(), count, "{}", pod["metadata"]["name"]);
    }
    all
}

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn the_containers_and_their_images_are_those_that_kubectl_shows() {
    for (place, found, spec, status) in containers() {
        assert_eq!(found["image"], status["image"], "{place}");
        assert_eq!(found["requestedImage"]["text"], spec["image"], "{place}");
        let image_id = text(&status["imageID"]);
        assert_eq!(found["imageId"].as_str().unwrap_or_default(), image_id, "{place}");
        let digest = image_id.rsplit_once('@').map(|(_, digest)| digest);
        assert_eq!(found["imageDigest"].as_str(), digest, "{place}");
        let id =
            found["containerId"].as_str().map(|id| format!("{}://{id}", text(&found["runtime"])));
        assert_eq!(id.as_deref(), status["containerID"].as_str(), "{place}");
        let state = status["state"].as_object().and_then(|state| state.keys().next());
        assert_eq!(found["state"].as_str(), state.map(String::as_str), "{place}");
        assert_eq!(found["restartCount"], status["restartCount"], "{place}");
        assert_eq!(found["ready"] == true, status["ready"] == true, "{place}");
    }
}

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn the_containers_and_their_images_are_those_that_containerd_has() {
    let node = &world().node;
    let ids = node.ctr(&["containers", "ls", "--quiet"]).expect("containerd answers");
    let images = node.ctr(&["images", "ls"]).expect("containerd answers");
    // The name, the media type and the digest of each image.
    let images: BTreeMap<&str, &str> = images
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|words| (words[0], words[2]))
        .collect();
    let mut started = 0;
    for (place, found, _, _) in containers() {
        let Some(id) = found["containerId"].as_str() else {
            assert_eq!(found["state"], "waiting", "{place}");
            continue;
        };
        started += 1;
        assert!(ids.lines().any(|known| known == id), "{place}: containerd has no container {id}");
        let image = text(&found["imageId"]);
        assert_eq!(images.get(image).copied(), found["imageDigest"].as_str(), "{place}: {image}");
    }
    // Two pods of three containers, and one container of three other pods.
    assert_eq!(started, 9);
}

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn match_images_finds_the_containers_of_an_image_by_each_of_its_digests() {
    let world = world();
    let (single, multi) = (&world.node.images().single, &world.node.images().multi);
    let images = json!([
        {"id": "single", "digests": [single.digest]},
        {"id": "index", "name": multi.name(), "digests": [multi.digest]},
        {"id": "platform", "digests": [multi.platform_digest]},
        {"id": "newer", "name": multi.name(), "revision": 2, "digests": [format!("sha256:{:064}", 0)]},
    ]);
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::new().args(["match-images", "--fail-on", "any"]).plugins(plugins.path());
    let parameters = json!({"collect": "pods", "namespaces": NAMESPACE});
    for (name, content) in
        [("images.json", images), ("endpoints.json", json!([endpoint(&world.node, &parameters)]))]
    {
        std::fs::write(run.home().join(name), content.to_string()).expect("a new file");
    }
    let outcome =
        run.args(["-i", "endpoints.json", "--images", "images.json"]).run().expect_code(0);
    let document: Value = serde_json::from_str(outcome.stdout_text()).expect("JSON");
    let found = |id: &str| {
        let image = items(&document["images"]).iter().find(|image| image["id"] == *id).expect(id);
        let mut places: Vec<String> = items(&image["containers"])
            .iter()
            .inspect(|container| assert_eq!(container["matchedBy"], "repo-digest", "{container}"))
            .map(|container| {
                format!("{}/{}", text(&container["pod"]), text(&container["container"]))
            })
            .collect();
        places.sort();
        places
    };
    // What each pod asks for. The kubelet reports the same digest for all containers of one image.
    let asked = |repository: &str| {
        let mut places: Vec<String> = containers()
            .into_iter()
            .filter(|(_, found, _, _)| found["requestedImage"]["repository"] == *repository)
            .map(|(place, ..)| place)
            .collect();
        places.sort();
        places
    };
    assert_eq!(found("single"), asked(&single.repository));
    assert_eq!(found("single").len(), 6);
    assert_eq!(found("index"), asked(&multi.repository));
    assert_eq!(found("platform"), asked(&multi.repository));
    assert_eq!(found("index").len(), 3);
    assert!(found("newer").is_empty());
    let unmatched: Vec<&str> = items(&document["unmatched"]["containers"])
        .iter()
        .map(|container| text(&container["pod"]))
        .collect();
    assert_eq!(unmatched, ["no-image"]);
}
