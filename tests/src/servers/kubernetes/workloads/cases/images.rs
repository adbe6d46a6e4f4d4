//! A pod with a container of each kind, each state and each way in which a runtime names an image.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::Cluster;
use super::super::objects::path;
use super::{NAMESPACE, pod};

/// The pod.
pub const POD: &str = "images";
/// The digest of each image in its registry, and the image's own id.
pub const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// See [`DIGEST`].
pub const CONFIG_DIGEST: &str =
    "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// A container of the pod.
#[derive(Debug)]
pub struct Case {
    /// `app`, `init` or `ephemeral`.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The image as the pod asks for it.
    pub asked: &'static str,
    /// The image and the image's id as the runtime says; both empty: it says nothing yet.
    pub image: &'static str,
    /// See [`Self::image`]; `{D}` stands for [`DIGEST`], `{C}` for [`CONFIG_DIGEST`].
    pub image_id: &'static str,
    /// What runs it, as in `containerd://...`; empty: it never started.
    pub runtime: &'static str,
    /// `waiting`, `running`, `terminated`; empty: not told.
    pub state: &'static str,
    /// What is to be found: registry and repository, tag.
    pub repository: &'static str,
    /// See [`Self::repository`].
    pub tag: Option<&'static str>,
    /// Which of [`DIGEST`] and [`CONFIG_DIGEST`] the runtime's words hold.
    pub digest: bool,
    /// See [`Self::digest`].
    pub config_digest: bool,
}

const fn case(kind: &'static str, name: &'static str, asked: &'static str) -> Case {
    Case {
        kind,
        name,
        asked,
        image: "",
        image_id: "",
        runtime: "",
        state: "",
        repository: "",
        tag: None,
        digest: false,
        config_digest: false,
    }
}

/// The containers, in the pod's order: init ones, then those of the app, then the one for who looks.
pub const CASES: [Case; 10] = [
    Case {
        image: "docker.io/library/busybox:1.36",
        image_id: "docker.io/library/busybox@{D}",
        runtime: "containerd",
        state: "terminated",
        repository: "docker.io/library/busybox",
        tag: Some("1.36"),
        digest: true,
        ..case("init", "prepare", "busybox:1.36")
    },
    Case {
        image: "registry.example.com:5000/team/app:v1",
        image_id: "docker-pullable://registry.example.com:5000/team/app@{D}",
        runtime: "docker",
        state: "running",
        repository: "registry.example.com:5000/team/app",
        tag: Some("v1"),
        digest: true,
        ..case("app", "pullable", "registry.example.com:5000/team/app:v1")
    },
    Case {
        image: "quay.io/team/app:v2",
        image_id: "quay.io/team/app@{D}",
        runtime: "cri-o",
        state: "running",
        repository: "quay.io/team/app",
        tag: Some("v2"),
        digest: true,
        ..case("app", "repository-digest", "quay.io/team/app:v2")
    },
    Case {
        image: "local/app:dev",
        image_id: "docker://{C}",
        runtime: "docker",
        state: "running",
        repository: "docker.io/local/app",
        tag: Some("dev"),
        config_digest: true,
        ..case("app", "docker-id", "local/app:dev")
    },
    Case {
        image: "docker.io/library/loaded:latest",
        image_id: "{C}",
        runtime: "containerd",
        state: "running",
        repository: "docker.io/library/loaded",
        tag: Some("latest"),
        config_digest: true,
        ..case("app", "bare-id", "loaded")
    },
    Case {
        // The tag is another image's by now.
        image: CONFIG_DIGEST,
        image_id: "docker://{C}",
        runtime: "docker",
        state: "running",
        repository: "docker.io/local/moved",
        config_digest: true,
        ..case("app", "moved-tag", "local/moved:v1")
    },
    Case {
        state: "waiting",
        repository: "docker.io/team/not-yet",
        tag: Some("latest"),
        ..case("app", "waiting", "team/not-yet")
    },
    Case {
        image: "docker.io/library/nginx:1.25",
        image_id: "docker.io/library/nginx@{D}",
        runtime: "containerd",
        state: "terminated",
        repository: "docker.io/library/nginx",
        tag: Some("1.25"),
        digest: true,
        ..case("app", "terminated", "nginx:1.25")
    },
    Case {
        repository: "docker.io/library/nginx",
        tag: Some("latest"),
        ..case("app", "untold", "nginx")
    },
    Case {
        image: "docker.io/library/busybox:latest",
        image_id: "docker.io/library/busybox@{D}",
        runtime: "containerd",
        state: "running",
        repository: "docker.io/library/busybox",
        tag: Some("latest"),
        digest: true,
        ..case("ephemeral", "look", "busybox")
    },
];

/// The restart count that is told of each container that has a status: its place among [`CASES`].
pub fn restarts(case: &Case) -> Option<usize> {
    let told = !case.state.is_empty();
    CASES.iter().position(|other| other.name == case.name).filter(|_| told)
}

/// The runtime's id of a container.
pub fn container_id(case: &Case) -> String {
    format!("{}{}", "0123456789abcdef".repeat(3), case.name)
}

/// The runtime's id of a container's image.
pub fn image_id(case: &Case) -> String {
    case.image_id.replace("{D}", DIGEST).replace("{C}", CONFIG_DIGEST)
}

pub(super) fn create(cluster: &Cluster) {
    let of = |kind: &'static str| CASES.iter().filter(move |case| case.kind == kind);
    let list = |kind: &'static str| -> Value {
        of(kind).map(|case| json!({"name": case.name, "image": case.asked})).collect()
    };
    let told = |kind: &'static str| -> Value {
        of(kind).filter(|case| !case.state.is_empty()).map(status).collect()
    };
    let mut pod = pod(POD, POD, Some("node-000002"));
    pod["spec"]["initContainers"] = list("init");
    pod["spec"]["containers"] = list("app");
    let status = pod["status"].take();
    let pods = path("Pod", NAMESPACE);
    cluster.create(&pods, &pod);

    // The one that was added has a door of its own, in this version.
    let door = format!("{pods}/{POD}/ephemeralcontainers");
    let mut added = cluster.api.expect(Method::GET, &door, None);
    added["ephemeralContainers"] = list("ephemeral");
    cluster.api.expect(Method::PUT, &door, Some(&added));

    let own = format!("{pods}/{POD}");
    let mut pod = cluster.api.expect(Method::GET, &own, None);
    pod["status"] = status;
    pod["status"]["initContainerStatuses"] = told("init");
    pod["status"]["containerStatuses"] = told("app");
    pod["status"]["ephemeralContainerStatuses"] = told("ephemeral");
    cluster.api.expect(Method::PUT, &format!("{own}/status"), Some(&pod));
}

fn status(case: &Case) -> Value {
    let state = match case.state {
        "waiting" => json!({"waiting": {"reason": "ImagePullBackOff"}}),
        "running" => json!({"running": {"startedAt": "2026-01-02T03:04:05Z"}}),
        _ => json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
    };
    let mut status = json!({
        "name": case.name, "ready": case.state == "running", "restartCount": restarts(case),
        "image": if case.image.is_empty() { case.asked } else { case.image },
        "imageID": image_id(case), "state": state,
    });
    if !case.runtime.is_empty() {
        status["containerID"] = json!(format!("{}://{}", case.runtime, container_id(case)));
    }
    status
}
