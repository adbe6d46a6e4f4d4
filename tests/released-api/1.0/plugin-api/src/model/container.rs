//! A container of a pod, and the image that it runs.

use serde::{Deserialize, Serialize};

use super::is_false;

/// A container of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The name, unique in its pod.
    pub name: String,
    /// What it is for.
    pub kind: ContainerKind,
    /// The image, in the runtime's words where it tells it, else as the pod asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The image that runs, verbatim as the runtime names it:
    /// `docker-pullable://repo@sha256:...`, `sha256:...`. Absent: nothing runs yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// The digest under which a registry has the image (`sha256:...`). Absent: not known; the
    /// image's own id is another thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// The image's own id (`sha256:...`): the digest of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_config_digest: Option<String>,
    /// The repository with its registry: `docker.io/library/nginx`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_repository: Option<String>,
    /// The tag; `latest` where the image is named without tag and digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// The runtime's id of the container, without the runtime's name. Absent: never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    /// The runtime: `containerd`, `cri-o`, `docker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// What it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// True if it is ready to serve.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ready: bool,
    /// How often it was started again. Absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_count: Option<u32>,
}

/// What a container is for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ContainerKind {
    /// It does the pod's work.
    #[default]
    App,
    /// It runs before the others.
    Init,
    /// It was added for who looks for a fault.
    Ephemeral,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ContainerState {
    /// It is to be started.
    Waiting,
    /// It runs.
    Running,
    /// It has ended.
    Terminated,
}
