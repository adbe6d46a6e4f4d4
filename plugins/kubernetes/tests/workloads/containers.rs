//! Each field of a container.

use gatherer_plugin_api::model::{Container, ContainerKind, ContainerState};
use serde_json::{Value, json};

use super::{pod, warned};

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// A container of this image, with this status if it is an object.
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
fn statuses_belong_to_the_containers_of_their_names_and_kinds() {
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
fn a_container_without_a_status_is_reported_with_what_its_specification_says() {
    let found = container("registry.example/app:2", &Value::Null);
    let expected = Container {
        name: "c".into(),
        image: Some("registry.example/app:2".into()),
        image_repository: Some("registry.example/app".into()),
        image_tag: Some("2".into()),
        ..Container::default()
    };
    assert_eq!(found, expected);
}

#[test]
fn the_image_is_in_the_runtimes_words_unless_those_are_empty_and_an_id_has_no_tag() {
    let id = digest('a');
    let digits = "a".repeat(64);
    for (said, image, repository, tag) in [
        ("docker.io/a/nginx:1", "docker.io/a/nginx:1", "docker.io/a/nginx", Some("1")),
        ("", "own/app:3", "docker.io/own/app", Some("3")),
        (" ", "own/app:3", "docker.io/own/app", Some("3")),
        // The tag is another image's by now, or the runtime never knew it.
        (id.as_str(), id.as_str(), "docker.io/own/app", None),
        (digits.as_str(), digits.as_str(), "docker.io/own/app", None),
    ] {
        let found = container("own/app:3", &json!({"image": said}));
        assert_eq!(found.image.as_deref(), Some(image), "{said}");
        assert_eq!(found.image_repository.as_deref(), Some(repository), "{said}");
        assert_eq!(found.image_tag.as_deref(), tag, "{said}");
    }
}

#[test]
fn an_image_id_is_kept_verbatim_and_is_a_repositorys_digest_or_the_images_own() {
    let d = digest('b');
    for (image_id, repo_digest, own) in [
        (format!("docker-pullable://nginx@{d}"), Some(&d), None),
        (format!("docker.io/library/nginx@{d}"), Some(&d), None),
        (format!("docker://{d}"), None, Some(&d)),
        (d.clone(), None, Some(&d)),
        ("something else".to_owned(), None, None),
    ] {
        let found = container("nginx", &json!({"imageID": image_id}));
        assert_eq!(found.image_id.as_ref(), Some(&image_id));
        assert_eq!(found.image_digest.as_ref(), repo_digest, "{image_id}");
        assert_eq!(found.image_config_digest.as_ref(), own, "{image_id}");
    }
    let found = container("nginx", &json!({"imageID": ""}));
    assert_eq!((found.image_id, found.image_digest, found.image_config_digest), (None, None, None));
}

#[test]
fn repository_and_tag_are_those_of_the_image() {
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
fn the_repository_is_that_of_the_digest_only_where_the_image_tells_none() {
    let d = digest('d');
    let image_id = format!("mirror.example/app@{d}");
    let found = container(&digest('e'), &json!({"image": digest('e'), "imageID": image_id}));
    assert_eq!(found.image, Some(digest('e')));
    assert_eq!(found.image_repository.as_deref(), Some("mirror.example/app"));
    assert_eq!(found.image_tag, None);
}

#[test]
fn an_image_that_is_named_by_its_digest_is_known_by_it_unless_another_is_said_to_run() {
    let (d, other) = (digest('f'), digest('1'));
    let image = format!("registry.example/app:2@{d}");
    assert_eq!(container(&image, &Value::Null).image_digest.as_ref(), Some(&d));
    let by_id = json!({"image": image, "imageID": digest('a')});
    assert_eq!(container(&image, &by_id).image_digest.as_ref(), Some(&d));
    let forgotten = json!({"image": digest('a'), "imageID": ""});
    assert_eq!(container(&image, &forgotten).image_digest.as_ref(), Some(&d));
    // A manifest of one platform, where the image is named by the index of all.
    let by_platform = json!({"image": image, "imageID": format!("registry.example/app@{other}")});
    assert_eq!(container(&image, &by_platform).image_digest.as_ref(), Some(&other));
}

#[test]
fn the_runtime_stands_before_the_containers_id() {
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
fn the_state_is_the_one_that_is_there_and_waiting_where_none_is() {
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
fn whether_it_is_ready_is_what_its_kubelet_says() {
    assert!(container("i", &json!({"ready": true})).ready);
    assert!(!container("i", &json!({"ready": false})).ready);
    assert!(!container("i", &json!({"image": "i"})).ready);
}

#[test]
fn a_count_of_restarts_is_left_out_with_a_warning_if_it_cannot_be_one() {
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
        let sentence =
            "the restartCount of its container \"c\" is left out, because it is out of range";
        assert_eq!(warnings, warned("Pod shop/p", sentence));
    }
}
