//! The containers of an endpoint, or the reason why they are not all known.

use std::borrow::Cow;

use gatherer_image_reference::{self as image, ImageReference};
use gatherer_plugin_api::model::{
    Container, ContainerKind, ContainerState, EndpointResult, ImageVolume, Pod, PodHost,
    RequestedImage,
};

use super::host_images::ImagesByHost;
use crate::output::inventory::pods::{Incomplete, complete_pods};

/// An endpoint and its containers.
#[derive(Debug)]
pub struct ContainerSource<'a> {
    /// The endpoint's id.
    pub endpoint: String,
    /// Its module.
    pub module: Option<String>,
    /// All its containers.
    pub containers: Result<Vec<RunningContainer>, Incomplete>,
    /// The images that its hosts have.
    pub images: ImagesByHost<'a>,
}

/// A container and its image.
#[derive(Debug, Clone, Default)]
pub struct RunningContainer {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's UID.
    pub pod_uid: String,
    /// The host that the pod is assigned to.
    pub host: Option<PodHost>,
    /// The container's name.
    pub container: String,
    /// The kind of container, as in the inventory.
    pub kind: String,
    /// The state of the container, as in the inventory.
    pub state: Option<String>,
    /// The image, as in the inventory.
    pub image: Option<String>,
    /// The image that runs, as the runtime reports it.
    pub image_id: Option<String>,
    /// The values by which the image can be compared.
    pub image_identity: ImageIdentity,
}

/// The values that identify the image of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageIdentity {
    /// The digests that registries use.
    pub digests: Vec<String>,
    /// The image's own id: the digest of its configuration.
    pub id: Option<String>,
    /// The repository and tag that the runtime reports, and those in the pod's spec.
    pub names: Vec<ImageName>,
    /// The digest in the pod's spec, if the runtime reports another one.
    pub requested_digest: Option<String>,
}

/// A repository and a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    /// The repository with its registry: `docker.io/library/nginx`.
    pub repository: String,
    /// The tag; the default is `latest`.
    pub tag: String,
}

impl ImageName {
    /// The name in a reference, unless that has only a digest.
    pub fn of(reference: &ImageReference) -> Option<Self> {
        let tag = reference.tag_or_latest()?.to_owned();
        Some(Self { repository: reference.repository(), tag })
    }
}

/// The members of a container in an inventory that describe its image.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImageFields<'a> {
    /// `image`.
    pub image: Option<&'a str>,
    /// `imageId`.
    pub image_id: Option<&'a str>,
    /// `imageDigest`.
    pub digest: Option<&'a str>,
    /// `imageConfigDigest`.
    pub config_digest: Option<&'a str>,
    /// `imageRepository`.
    pub repository: Option<&'a str>,
    /// `imageTag`.
    pub tag: Option<&'a str>,
    /// `requestedImage`.
    pub requested: Option<&'a RequestedImage>,
}

impl ImageIdentity {
    /// Combines the members. If a document does not have the parsed ones, the original texts are parsed. The
    /// image that runs takes precedence over the one in the pod's spec, which may have changed.
    pub fn of(fields: &ImageFields<'_>) -> Self {
        let reference: Option<ImageReference> = fields.image.and_then(|image| image.parse().ok());
        let runs = fields.image_id.map(image::image_id).unwrap_or_default();
        // If the tag now belongs to another image, the runtime reports the image's id instead of a name. Then the
        // image has no tag of its own.
        let id_as_name = fields.image.and_then(id_digest);
        let id = fields.config_digest.map(str::to_lowercase).or(runs.config_digest);
        let id = id.or_else(|| id_as_name.clone());
        let requested = fields.requested.map(parse_requested).unwrap_or_default();
        // If the runtime reports ids only, the digest of the document is that of the pod's spec.
        let digest = fields.digest.filter(|_| id_as_name.is_none() || runs.repo_digest.is_some());
        let mut digests: Vec<String> =
            [digest.map(str::to_lowercase), runs.repo_digest].into_iter().flatten().collect();
        if digests.is_empty() {
            let named = reference.as_ref().and_then(|reference| reference.digest.clone());
            // The container has not started if the runtime reports no image.
            let of_spec = requested.digest.clone().filter(|_| id.is_none());
            digests.extend(named.or(of_spec));
        }
        digests.sort();
        digests.dedup();
        let name = match (fields.repository, fields.tag) {
            _ if id_as_name.is_some() => None,
            (Some(repository), Some(tag)) => {
                Some(ImageName { repository: repository.to_owned(), tag: tag.to_owned() })
            }
            _ => reference.as_ref().and_then(ImageName::of),
        };
        // Without a digest, nothing tells whether such an image is still the one that the pod asked for.
        let has_lost_tag = id_as_name.is_some() && digests.is_empty();
        let requested_name = if has_lost_tag { None } else { requested.name };
        let mut names: Vec<ImageName> = name.into_iter().chain(requested_name).collect();
        names.dedup();
        let requested_digest = requested.digest.filter(|digest| !digests.contains(digest));
        Self { digests, id, names, requested_digest }
    }

    /// The identity of a volume, of which only the requested image is known.
    pub fn of_volume(image: &RequestedImage) -> Self {
        Self::of(&ImageFields { requested: Some(image), ..ImageFields::default() })
    }

    /// All digests and the id. Images with different contents never have the same.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.digests.iter().chain(&self.id).map(String::as_str)
    }
}

/// The name and the digest of the image that a pod asks for.
#[derive(Default)]
struct RequestedIdentity {
    name: Option<ImageName>,
    digest: Option<String>,
}

/// Parses the text if a document does not have the parsed members.
fn parse_requested(image: &RequestedImage) -> RequestedIdentity {
    let parsed: Option<ImageReference> = image.text.parse().ok();
    let name = match (&image.repository, &image.tag) {
        (Some(repository), Some(tag)) => {
            Some(ImageName { repository: repository.clone(), tag: tag.clone() })
        }
        _ => parsed.as_ref().and_then(ImageName::of),
    };
    let digest = image.digest.as_deref().map(str::to_lowercase);
    RequestedIdentity { name, digest: digest.or_else(|| parsed.and_then(|image| image.digest)) }
}

/// Parses an image's own id as a digest. Some runtimes leave out the algorithm.
pub fn id_digest(id: &str) -> Option<String> {
    let is_bare = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let text = if is_bare { format!("sha256:{id}") } else { id.to_owned() };
    image::image_id(&text).config_digest
}

impl<'a> From<&'a EndpointResult> for ContainerSource<'a> {
    fn from(endpoint: &'a EndpointResult) -> Self {
        let containers = |pods: &[Pod]| {
            let all = pods.iter().flat_map(|pod| {
                let containers = pod.containers.iter();
                let containers = containers.map(|container| RunningContainer::of(pod, container));
                let volumes = pod.image_volumes.iter();
                containers.chain(volumes.map(|volume| RunningContainer::of_volume(pod, volume)))
            });
            all.collect()
        };
        Self {
            endpoint: endpoint.id.clone(),
            module: endpoint.module.clone(),
            containers: complete_pods(endpoint).map(containers),
            images: ImagesByHost::new(
                endpoint.hosts.iter().map(|host| {
                    (host.id.clone(), host.name.clone(), Cow::Borrowed(&host.images[..]))
                }),
            ),
        }
    }
}

/// The kind of a volume whose content is an image, which counts like a container.
pub const VOLUME: &str = "volume";

impl RunningContainer {
    fn of_volume(pod: &Pod, volume: &ImageVolume) -> Self {
        Self {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            pod_uid: pod.uid.clone(),
            host: pod.host.clone(),
            container: volume.name.clone(),
            kind: VOLUME.to_owned(),
            image: Some(volume.requested_image.text.clone()),
            image_identity: ImageIdentity::of_volume(&volume.requested_image),
            ..Self::default()
        }
    }

    fn of(pod: &Pod, container: &Container) -> Self {
        let kind = match container.kind {
            ContainerKind::App => "app",
            ContainerKind::Init => "init",
            ContainerKind::Ephemeral => "ephemeral",
            ContainerKind::Sidecar => "sidecar",
            _ => "unknown",
        };
        let state = container.state.map(|state| match state {
            ContainerState::Waiting => "waiting",
            ContainerState::Running => "running",
            ContainerState::Terminated => "terminated",
            _ => "unknown",
        });
        Self {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            pod_uid: pod.uid.clone(),
            host: pod.host.clone(),
            container: container.name.clone(),
            kind: kind.to_owned(),
            state: state.map(str::to_owned),
            image: container.image.clone(),
            image_id: container.image_id.clone(),
            image_identity: ImageIdentity::of(&ImageFields {
                image: container.image.as_deref(),
                image_id: container.image_id.as_deref(),
                digest: container.image_digest.as_deref(),
                config_digest: container.image_config_digest.as_deref(),
                repository: container.image_repository.as_deref(),
                tag: container.image_tag.as_deref(),
                requested: container.requested_image.as_ref(),
            }),
        }
    }
}
