//! A pod with containers of each kind and state, and with each spelling of an image by a runtime.

use http::Method;
use serde_json::{Value, json};

use super::super::super::{ApiServer, Cluster};
use super::super::objects::path;
use super::{NAMESPACE, pod};

/// The name of the pod.
pub const POD: &str = "images";
/// The digest of each image in its registry.
pub const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The digest of each image's configuration, which is the image's id.
pub const CONFIG_DIGEST: &str =
    "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

/// A container of the pod.
#[derive(Debug)]
pub struct ContainerCase {
    /// `app`, `init` or `ephemeral`.
    pub kind: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The image in the specification.
    pub requested: &'static str,
    /// The image that the runtime reports; empty if it reports none.
    pub image: &'static str,
    /// The image's id that the runtime reports, with `{D}` for [`DIGEST`] and `{C}` for [`CONFIG_DIGEST`]; empty if
    /// it reports none.
    pub image_id: &'static str,
    /// The runtime, as in `containerd://...`; empty if the container never started.
    pub runtime: &'static str,
    /// `waiting`, `running` or `terminated`; empty if the container has no status.
    pub state: &'static str,
    /// The expected registry and repository.
    pub repository: &'static str,
    /// The expected tag.
    pub tag: Option<&'static str>,
    /// Whether the expected digest is [`DIGEST`].
    pub digest: bool,
    /// Whether the expected config digest is [`CONFIG_DIGEST`].
    pub config_digest: bool,
}

const fn case(kind: &'static str, name: &'static str, requested: &'static str) -> ContainerCase {
    ContainerCase {
        kind,
        name,
        requested,
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

/// The containers in the order of the pod: init containers, app containers, ephemeral containers.
pub const CASES: [ContainerCase; 10] = [
    ContainerCase {
        image: "docker.io/library/busybox:1.36",
        image_id: "docker.io/library/busybox@{D}",
        runtime: "containerd",
        state: "terminated",
        repository: "docker.io/library/busybox",
        tag: Some("1.36"),
        digest: true,
        ..case("init", "prepare", "busybox:1.36")
    },
    ContainerCase {
        image: "registry.example.com:5000/team/app:v1",
        image_id: "docker-pullable://registry.example.com:5000/team/app@{D}",
        runtime: "docker",
        state: "running",
        repository: "registry.example.com:5000/team/app",
        tag: Some("v1"),
        digest: true,
        ..case("app", "pullable", "registry.example.com:5000/team/app:v1")
    },
    ContainerCase {
        image: "quay.io/team/app:v2",
        image_id: "quay.io/team/app@{D}",
        runtime: "cri-o",
        state: "running",
        repository: "quay.io/team/app",
        tag: Some("v2"),
        digest: true,
        ..case("app", "repository-digest", "quay.io/team/app:v2")
    },
    ContainerCase {
        image: "local/app:dev",
        image_id: "docker://{C}",
        runtime: "docker",
        state: "running",
        repository: "docker.io/local/app",
        tag: Some("dev"),
        config_digest: true,
        ..case("app", "docker-id", "local/app:dev")
    },
    ContainerCase {
        image: "docker.io/library/loaded:latest",
        image_id: "{C}",
        runtime: "containerd",
        state: "running",
        repository: "docker.io/library/loaded",
        tag: Some("latest"),
        config_digest: true,
        ..case("app", "bare-id", "loaded")
    },
    ContainerCase {
        // The tag has moved to another image.
        image: CONFIG_DIGEST,
        image_id: "docker://{C}",
        runtime: "docker",
        state: "running",
        repository: "docker.io/local/moved",
        config_digest: true,
        ..case("app", "moved-tag", "local/moved:v1")
    },
    ContainerCase {
        state: "waiting",
        repository: "docker.io/team/not-yet",
        tag: Some("latest"),
        ..case("app", "waiting", "team/not-yet")
    },
    ContainerCase {
        image: "docker.io/library/nginx:1.25",
        image_id: "docker.io/library/nginx@{D}",
        runtime: "containerd",
        state: "terminated",
        repository: "docker.io/library/nginx",
        tag: Some("1.25"),
        digest: true,
        ..case("app", "terminated", "nginx:1.25")
    },
    ContainerCase {
        repository: "docker.io/library/nginx",
        tag: Some("latest"),
        ..case("app", "without-status", "nginx")
    },
    ContainerCase {
        image: "docker.io/library/busybox:latest",
        image_id: "docker.io/library/busybox@{D}",
        runtime: "containerd",
        state: "running",
        repository: "docker.io/library/busybox",
        tag: Some("latest"),
        digest: true,
        ..case("ephemeral", "debugger", "busybox")
    },
];

/// The restart count of a container: its index in [`CASES`]; `None` without a status.
pub fn restarts(case: &ContainerCase) -> Option<usize> {
    let has_status = !case.state.is_empty();
    CASES.iter().position(|other| other.name == case.name).filter(|_| has_status)
}

/// The runtime's id of a container.
pub fn container_id(case: &ContainerCase) -> String {
    format!("{}{}", "0123456789abcdef".repeat(3), case.name)
}

/// The runtime's id of a container's image.
pub fn image_id(case: &ContainerCase) -> String {
    case.image_id.replace("{D}", DIGEST).replace("{C}", CONFIG_DIGEST)
}

pub(super) fn create(cluster: &Cluster) {
    let of = |kind: &'static str| CASES.iter().filter(move |case| case.kind == kind);
    let list = |kind: &'static str| -> Value {
        of(kind).map(|case| json!({"name": case.name, "image": case.requested})).collect()
    };
    let statuses = |kind: &'static str| -> Value {
        of(kind).filter(|case| !case.state.is_empty()).map(status).collect()
    };
    let mut pod = pod(POD, POD, Some("node-000002"));
    pod["spec"]["initContainers"] = list("init");
    pod["spec"]["containers"] = list("app");
    let status = pod["status"].take();
    let pods = path("Pod", NAMESPACE);
    cluster.create(&pods, &pod);

    // Ephemeral containers have their own subresource: in the old version an object of another kind.
    let ephemeral = format!("{pods}/{POD}/ephemeralcontainers");
    let mut added = cluster.api.expect(Method::GET, &ephemeral, None);
    match ApiServer::selected() {
        ApiServer::Old => added["ephemeralContainers"] = list("ephemeral"),
        ApiServer::New => added["spec"]["ephemeralContainers"] = list("ephemeral"),
    }
    cluster.api.expect(Method::PUT, &ephemeral, Some(&added));

    let own_path = format!("{pods}/{POD}");
    let mut pod = cluster.api.expect(Method::GET, &own_path, None);
    pod["status"] = status;
    pod["status"]["initContainerStatuses"] = statuses("init");
    pod["status"]["containerStatuses"] = statuses("app");
    pod["status"]["ephemeralContainerStatuses"] = statuses("ephemeral");
    cluster.api.expect(Method::PUT, &format!("{own_path}/status"), Some(&pod));
}

fn status(case: &ContainerCase) -> Value {
    let state = match case.state {
        "waiting" => json!({"waiting": {"reason": "ImagePullBackOff"}}),
        "running" => json!({"running": {"startedAt": "2026-01-02T03:04:05Z"}}),
        _ => json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
    };
    let mut status = json!({
        "name": case.name, "ready": case.state == "running", "restartCount": restarts(case),
        "image": if case.image.is_empty() { case.requested } else { case.image },
        "imageID": image_id(case), "state": state,
    });
    if !case.runtime.is_empty() {
        status["containerID"] = json!(format!("{}://{}", case.runtime, container_id(case)));
    }
    status
}
