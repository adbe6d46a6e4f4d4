//! How the fields of a container are mapped.

use gatherer_plugin_api::model::{Container, ContainerKind, ContainerState, RequestedImage};
use gatherer_plugin_kubernetes::map::IgnoredBecause;
use serde_json::{Value, json};

use super::{ignored, pod};

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// Maps a container with this image, and with this status if it is an object.
fn container(image: &str, status: &Value) -> Container {
    let status = match status {
        Value::Object(members) => {
            let mut members = members.clone();
            members.insert("name".into(), "c".into());
            json!([members])
        }
        _ => Value::Null,
    };
    let (mut pod, warnings) = pod(&json!({
        "spec": {"containers": [{"name": "c", "image": image}]},
        "status": {"containerStatuses": status},
    }));
    assert_eq!(warnings, []);
    assert_eq!(pod.containers.len(), 1);
    pod.containers.remove(0)
}

#[test]
fn joins_each_container_with_the_status_of_its_name_and_kind() {
    use ContainerKind::{App, Ephemeral, Init};

    let spec = |names: [&str; 2]| names.map(|name| json!({"name": name, "image": "i"}));
    let status = |names: [&str; 2], count: u32| {
        names.map(
            |name| json!({"name": name, "restartCount": count + u32::from(name.as_bytes()[0])}),
        )
    };
    let (pod, _) = pod(&json!({
        "spec": {
            "initContainers": spec(["b", "a"]),
            "containers": spec(["b", "c"]),
            "ephemeralContainers": spec(["e", "d"]),
        },
        "status": {
            "initContainerStatuses": status(["a", "b"], 1000),
            "containerStatuses": status(["c", "b"], 2000),
            "ephemeralContainerStatuses": status(["d", "e"], 3000),
        },
    }));
    let found: Vec<_> = pod
        .containers
        .iter()
        .map(|one| (one.kind, &*one.name, one.restart_count.expect("a count")))
        .collect();
    let expected = [
        (Init, "b", 1098),
        (Init, "a", 1097),
        (App, "b", 2098),
        (App, "c", 2099),
        (Ephemeral, "e", 3101),
        (Ephemeral, "d", 3100),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_container_without_a_status_has_the_fields_of_its_specification() {
    let found = container("registry.example/app:2", &Value::Null);
    let expected = Container {
        name: "c".into(),
        image: Some("registry.example/app:2".into()),
        requested_image: Some(RequestedImage {
            text: "registry.example/app:2".into(),
            repository: Some("registry.example/app".into()),
            tag: Some("2".into()),
            digest: None,
        }),
        image_repository: Some("registry.example/app".into()),
        image_tag: Some("2".into()),
        ..Container::default()
    };
    assert_eq!(found, expected);
}

#[test]
fn prefers_the_image_that_the_runtime_reports_and_an_id_has_no_tag() {
    let id = digest('a');
    let digits = "a".repeat(64);
    for (reported, image, repository, tag) in [
        ("docker.io/a/nginx:1", "docker.io/a/nginx:1", "docker.io/a/nginx", Some("1")),
        ("", "own/app:3", "docker.io/own/app", Some("3")),
        (" ", "own/app:3", "docker.io/own/app", Some("3")),
        // The tag has moved to another image, or the runtime never had it.
        (id.as_str(), id.as_str(), "docker.io/own/app", None),
        (digits.as_str(), digits.as_str(), "docker.io/own/app", None),
    ] {
        let found = container("own/app:3", &json!({"image": reported}));
        assert_eq!(found.image.as_deref(), Some(image), "{reported}");
        assert_eq!(found.image_repository.as_deref(), Some(repository), "{reported}");
        assert_eq!(found.image_tag.as_deref(), tag, "{reported}");
    }
}

#[test]
fn keeps_the_requested_image_beside_the_one_that_the_runtime_reports() {
    let d = digest('a');
    let with_digest = format!("own/app@{d}");
    let with_both = format!("own/app:3@{d}");
    let digest_of_b = digest('b');
    for (requested, repository, tag, digest) in [
        ("own/app:3", Some("docker.io/own/app"), Some("3"), None),
        ("own/app", Some("docker.io/own/app"), Some("latest"), None),
        (&with_digest, Some("docker.io/own/app"), None, Some(&d)),
        (&with_both, Some("docker.io/own/app"), Some("3"), Some(&d)),
        ("Not Valid", None, None, None),
        (&d, None, None, None),
    ] {
        for status in [json!({"image": "mirror.example/other:7"}), json!({"image": digest_of_b})] {
            let found = container(requested, &status).requested_image.expect("it is requested");
            assert_eq!(found.text, requested);
            assert_eq!(found.repository.as_deref(), repository, "{requested}");
            assert_eq!(found.tag.as_deref(), tag, "{requested}");
            assert_eq!(found.digest.as_ref(), digest, "{requested}");
        }
    }
    assert_eq!(container("", &json!({"image": "app"})).requested_image, None);
}

#[test]
fn an_image_id_is_a_repository_digest_or_a_config_digest() {
    let d = digest('b');
    for (image_id, repo_digest, config_digest) in [
        (format!("docker-pullable://nginx@{d}"), Some(&d), None),
        (format!("docker.io/library/nginx@{d}"), Some(&d), None),
        (format!("docker://{d}"), None, Some(&d)),
        (d.clone(), None, Some(&d)),
        ("something else".to_owned(), None, None),
    ] {
        let found = container("nginx", &json!({"imageID": image_id}));
        assert_eq!(found.image_id.as_ref(), Some(&image_id));
        assert_eq!(found.image_digest.as_ref(), repo_digest, "{image_id}");
        assert_eq!(found.image_config_digest.as_ref(), config_digest, "{image_id}");
    }
    let found = container("nginx", &json!({"imageID": ""}));
    assert_eq!((found.image_id, found.image_digest, found.image_config_digest), (None, None, None));
}

#[test]
fn repository_and_tag_come_from_the_image() {
    let d = digest('c');
    for (image, repository, tag) in [
        ("nginx", "docker.io/library/nginx", Some("latest")),
        ("registry.example:5000/app:1.2", "registry.example:5000/app", Some("1.2")),
        (&format!("app@{d}"), "docker.io/library/app", None),
        (&format!("app:3@{d}"), "docker.io/library/app", Some("3")),
    ] {
        let found = container(
            "other",
            &json!({"image": image, "imageID": format!("mirror.example/app@{d}")}),
        );
        assert_eq!(found.image_repository.as_deref(), Some(repository), "{image}");
        assert_eq!(found.image_tag.as_deref(), tag, "{image}");
    }
}

#[test]
fn the_repository_comes_from_the_image_id_if_the_image_has_none() {
    let d = digest('d');
    let image_id = format!("mirror.example/app@{d}");
    let found = container(&digest('e'), &json!({"image": digest('e'), "imageID": image_id}));
    assert_eq!(found.image, Some(digest('e')));
    assert_eq!(found.image_repository.as_deref(), Some("mirror.example/app"));
    assert_eq!(found.image_tag, None);
}

#[test]
fn the_digest_in_an_image_name_counts_unless_the_runtime_reports_another() {
    let (d, other) = (digest('f'), digest('1'));
    let image = format!("registry.example/app:2@{d}");
    assert_eq!(container(&image, &Value::Null).image_digest.as_ref(), Some(&d));
    let by_id = json!({"image": image, "imageID": digest('a')});
    assert_eq!(container(&image, &by_id).image_digest.as_ref(), Some(&d));
    let without_image_id = json!({"image": digest('a'), "imageID": ""});
    assert_eq!(container(&image, &without_image_id).image_digest.as_ref(), Some(&d));
    // The runtime reports the manifest of one platform, and the image is named by the index of all platforms.
    let by_manifest = json!({"image": image, "imageID": format!("registry.example/app@{other}")});
    assert_eq!(container(&image, &by_manifest).image_digest.as_ref(), Some(&other));
}

#[test]
fn splits_a_container_id_into_runtime_and_id() {
    for (text, runtime, id) in [
        ("containerd://abc", Some("containerd"), Some("abc")),
        ("cri-o://abc", Some("cri-o"), Some("abc")),
        ("docker://abc", Some("docker"), Some("abc")),
        ("", None, None),
    ] {
        let found = container("i", &json!({"containerID": text}));
        assert_eq!((found.runtime.as_deref(), found.container_id.as_deref()), (runtime, id));
    }
}

#[test]
fn an_empty_state_is_waiting() {
    for (state, expected) in [
        (json!({"waiting": {"reason": "ContainerCreating"}}), ContainerState::Waiting),
        (json!({"waiting": {}}), ContainerState::Waiting),
        (json!({"running": {"startedAt": "2026-03-02T09:10:11Z"}}), ContainerState::Running),
        (json!({"running": {}, "waiting": null}), ContainerState::Running),
        (json!({"terminated": {"exitCode": 1}}), ContainerState::Terminated),
        (json!({}), ContainerState::Waiting),
        (Value::Null, ContainerState::Waiting),
    ] {
        let found = container("i", &json!({"image": "i", "state": state}));
        assert_eq!(found.state, Some(expected), "{state}");
    }
    assert_eq!(container("i", &Value::Null).state, None);
}

#[test]
fn a_container_is_ready_if_the_kubelet_reports_it() {
    assert!(container("i", &json!({"ready": true})).ready);
    assert!(!container("i", &json!({"ready": false})).ready);
    assert!(!container("i", &json!({"image": "i"})).ready);
}

#[test]
fn ignores_an_invalid_restart_count_with_a_warning() {
    assert_eq!(container("i", &json!({"restartCount": 0})).restart_count, Some(0));
    assert_eq!(container("i", &json!({"restartCount": 17})).restart_count, Some(17));
    assert_eq!(container("i", &json!({"image": "i"})).restart_count, None);
    for count in [-1, 1_i64 << 40] {
        let (pod, warnings) = pod(&json!({
            "metadata": {"name": "p", "namespace": "shop"},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
            "status": {"containerStatuses": [{"name": "c", "restartCount": count}]},
        }));
        assert_eq!(pod.containers[0].restart_count, None);
        let field = "container \"c\": restartCount";
        assert_eq!(warnings, ignored("Pod shop/p", field, IgnoredBecause::NumberOutOfRange));
    }
}
