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
    /// The purpose of the container.
    pub kind: ContainerKind,
    /// The name of the image as the runtime reports it, or else as the pod specifies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The image that the pod's specification asks for. The runtime may report the same image under
    /// another name or digest. Absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_image: Option<RequestedImage>,
    /// The image that runs, exactly as the runtime reports it:
    /// `docker-pullable://repo@sha256:...`, `sha256:...`. Absent if no image runs yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// The digest of the image in a registry (`sha256:...`). Absent if unknown. This is not the
    /// image's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// The image's own id (`sha256:...`): the digest of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_config_digest: Option<String>,
    /// The repository with its registry: `docker.io/library/nginx`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_repository: Option<String>,
    /// The tag; `latest` if the image is named without a tag and a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// The runtime's id of the container, without the runtime's name. Absent if it never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    /// The runtime: `containerd`, `cri-o`, `docker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The state of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ContainerState>,
    /// True if the container is ready to serve.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ready: bool,
    /// The number of restarts. Absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_count: Option<u32>,
}

/// An image as the specification of a pod names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RequestedImage {
    /// The name, exactly as it is specified.
    pub text: String,
    /// The repository with its registry: `docker.io/library/nginx`. Absent if the name is not valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The tag; `latest` if the name has neither a tag nor a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The digest in the name (`sha256:...`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The purpose of a container.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ContainerKind {
    /// A regular container.
    #[default]
    App,
    /// Runs before the regular containers start.
    Init,
    /// Added to a running pod for troubleshooting.
    Ephemeral,
    /// Started before the regular containers, and runs as long as they do. Since API 1.1.
    Sidecar,
}

/// The state of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ContainerState {
    /// Not started yet.
    Waiting,
    /// Running.
    Running,
    /// Ended.
    Terminated,
}
