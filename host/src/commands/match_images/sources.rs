//! What may run an image: the containers of an endpoint, or why not all of them are known.

use gatherer_plugin_api::model::image::{self, ImageReference};
use gatherer_plugin_api::model::{
    Container, ContainerKind, ContainerState, EndpointResult, Pod, PodHost,
};

use crate::output::inventory::pods::{Incomplete, whole_pods};

/// An endpoint and its containers.
#[derive(Debug)]
pub struct Source {
    /// The endpoint's id.
    pub endpoint: String,
    /// Its module.
    pub module: Option<String>,
    /// All of its containers.
    pub containers: Result<Vec<Running>, Incomplete>,
}

/// A container, and what is known of its image.
#[derive(Debug, Clone, Default)]
pub struct Running {
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
    /// The inventory's word for what it is for.
    pub kind: String,
    /// The inventory's word for what it is doing.
    pub state: Option<String>,
    /// The image, as the inventory has it.
    pub image: Option<String>,
    /// The image that runs, as the runtime names it.
    pub image_id: Option<String>,
    /// What of that can be compared.
    pub identity: Identity,
}

/// What the image of a container can be known by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The digests under which registries have it.
    pub digests: Vec<String>,
    /// Its own id: the digest of its configuration.
    pub id: Option<String>,
    /// The name under which it was asked for.
    pub name: Option<Name>,
}

/// A repository and a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// With its registry: `docker.io/library/nginx`.
    pub repository: String,
    /// `latest` where nothing else is said.
    pub tag: String,
}

impl Name {
    /// What a reference names, unless it names a digest alone.
    pub fn of(reference: &ImageReference) -> Option<Self> {
        let tag = reference.tag_or_latest()?.to_owned();
        Some(Self { repository: reference.repository(), tag })
    }
}

/// What an inventory says of a container's image.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
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
}

impl Identity {
    /// Puts together what is said. Where a document lacks the parts, the verbatim texts are read.
    /// What runs goes before what was asked for: a pod may ask for another image by now.
    pub fn of(said: &Said<'_>) -> Self {
        let reference: Option<ImageReference> = said.image.and_then(|image| image.parse().ok());
        let runs = said.image_id.map(image::image_id).unwrap_or_default();
        // A runtime names an image whose tag has moved on by its id: whatever the pod asks for, that
        // image has no tag.
        let named = said.image.and_then(own_digest);
        let mut digests: Vec<String> =
            [said.digest.map(str::to_lowercase), runs.repo_digest].into_iter().flatten().collect();
        if digests.is_empty() {
            digests.extend(reference.as_ref().and_then(|reference| reference.digest.clone()));
        }
        digests.sort();
        digests.dedup();
        let name = match (said.repository, said.tag) {
            _ if named.is_some() => None,
            (Some(repository), Some(tag)) => {
                Some(Name { repository: repository.to_owned(), tag: tag.to_owned() })
            }
            _ => reference.as_ref().and_then(Name::of),
        };
        let id = said.config_digest.map(str::to_lowercase);
        Self { digests, id: id.or(runs.config_digest).or(named), name }
    }

    /// Every digest that it is known by. Two different contents never have the same.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.digests.iter().chain(&self.id).map(String::as_str)
    }
}

/// The digest that an image's own id is. Some runtimes leave out the algorithm.
pub fn own_digest(id: &str) -> Option<String> {
    let is_bare = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let text = if is_bare { format!("sha256:{id}") } else { id.to_owned() };
    image::image_id(&text).config_digest
}

impl From<&EndpointResult> for Source {
    fn from(endpoint: &EndpointResult) -> Self {
        let containers = |pods: &[Pod]| {
            let all = pods
                .iter()
                .flat_map(|pod| pod.containers.iter().map(|container| Running::of(pod, container)));
            all.collect()
        };
        Self {
            endpoint: endpoint.id.clone(),
            module: endpoint.module.clone(),
            containers: whole_pods(endpoint).map(containers),
        }
    }
}

impl Running {
    fn of(pod: &Pod, container: &Container) -> Self {
        let kind = match container.kind {
            ContainerKind::App => "app",
            ContainerKind::Init => "init",
            ContainerKind::Ephemeral => "ephemeral",
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
            identity: Identity::of(&Said {
                image: container.image.as_deref(),
                image_id: container.image_id.as_deref(),
                digest: container.image_digest.as_deref(),
                config_digest: container.image_config_digest.as_deref(),
                repository: container.image_repository.as_deref(),
                tag: container.image_tag.as_deref(),
            }),
        }
    }
}
