//! The result: which containers run which image, and what matches nothing.

use std::collections::BTreeSet;
use std::rc::Rc;

use gatherer_plugin_api::model::PodHost;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::known::KnownImage;
use super::matching::{Freshness, Index, MatchedBy, NoMatch};
use super::sources::{Running, Source};
use crate::output::inventory::pods::Incomplete;

/// The version of the schema, `major.minor`. A minor version only adds members.
const SCHEMA_VERSION: &str = "1.0";

/// Which containers run which of the known images, and what matches nothing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matches {
    /// The version of this document's schema, `major.minor`; a reader accepts any minor version
    /// of the major version that it knows.
    pub schema_version: String,
    /// Every known image once, sorted by names, revision and id.
    pub images: Vec<ImageMatches>,
    /// What matches nothing.
    pub unmatched: Unmatched,
    /// The endpoints of which not all pods are known, sorted by endpoint. None of their containers
    /// is listed: as long as there is one, an image that nothing runs may run there.
    pub incomplete: Vec<IncompleteEndpoint>,
}

/// A known image and the containers that run it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageMatches {
    #[serde(flatten)]
    pub image: Image,
    /// The containers that run it, whatever their state, sorted by endpoint, namespace, pod and
    /// name.
    pub containers: Vec<ContainerMatch>,
}

/// A known image.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The id, as the file of images has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The names, as the file of images has them, sorted.
    pub names: Vec<String>,
    /// The digests under which registries have it, sorted.
    pub digests: BTreeSet<String>,
    /// Which build of its name it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Whether it is the newest of its name. Absent: it has no name or no revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
}

/// Where a container is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The endpoint's id.
    pub endpoint: String,
    /// The namespace of the pod.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's UID.
    pub pod_uid: String,
    /// The host's name. Absent: the pod is assigned to none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The `id` of the host among the endpoint's. Absent: there is no such host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_id: Option<String>,
    /// The container's name.
    pub container: String,
    /// What it is for: `app`, `init`, `ephemeral`.
    pub kind: String,
    /// What it is doing: `waiting`, `running`, `terminated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// A container that runs a known image.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerMatch {
    /// Kept once, however many images the container matches.
    #[serde(flatten, serialize_with = "shared")]
    #[schemars(with = "Place")]
    pub place: Rc<Place>,
    /// By what it is known that it runs the image.
    pub matched_by: MatchedBy,
    /// Whether the revision that it runs is the newest. Absent: the image has no name or
    /// no revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
}

/// What matches nothing.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unmatched {
    /// The images that nothing runs, in the order of `images`.
    pub images: Vec<Image>,
    /// The containers of no known image, sorted by endpoint, namespace, pod and name.
    pub containers: Vec<UnmatchedContainer>,
}

/// A container of no known image.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmatchedContainer {
    #[serde(flatten)]
    pub place: Place,
    /// The image, as the inventory has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The image that runs, verbatim as the runtime names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Why it matches none.
    pub reason: NoMatch,
}

/// An endpoint of which not all pods are known.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncompleteEndpoint {
    /// The endpoint's id.
    pub endpoint: String,
    /// Its module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// What is not whole.
    pub reason: Lack,
    /// Why, as one sentence.
    pub message: String,
}

/// What of an endpoint is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// The endpoint failed.
    EndpointFailed,
    /// Its pods could not be read to their end.
    PodsFailed,
    /// Nobody asked for its pods, or it cannot have any.
    PodsNotGathered,
}

impl Matches {
    /// Matches every container of every source with the images, which are sorted.
    pub fn new(images: &[KnownImage], sources: impl Iterator<Item = Source>) -> Self {
        let index = Index::new(images);
        let mut matched: Vec<Vec<ContainerMatch>> = images.iter().map(|_| Vec::new()).collect();
        let mut unmatched = Unmatched::default();
        let mut incomplete = Vec::new();
        for Source { endpoint, module, containers } in sources {
            let containers = match containers {
                Ok(containers) => containers,
                Err(why) => {
                    incomplete.push(lack(endpoint, module, &why));
                    continue;
                }
            };
            for running in containers {
                let found = index.find(&running.identity);
                let (place, image, image_id) = place(&endpoint, running);
                match found {
                    Ok((known, by)) => {
                        let place = Rc::new(place);
                        for known in known {
                            matched[known].push(ContainerMatch {
                                place: Rc::clone(&place),
                                matched_by: by,
                                freshness: index.runs(known, by),
                            });
                        }
                    }
                    Err(reason) => {
                        let container = UnmatchedContainer { place, image, image_id, reason };
                        unmatched.containers.push(container);
                    }
                }
            }
        }
        let image = |place: usize| Image {
            id: images[place].id.clone(),
            names: images[place].names.clone(),
            digests: images[place].digests.clone(),
            revision: images[place].revision,
            freshness: index.freshness(place),
        };
        let unused = (0..images.len()).filter(|&place| matched[place].is_empty());
        unmatched.images = unused.map(image).collect();
        unmatched.containers.sort();
        incomplete.sort();
        let images = matched.into_iter().enumerate().map(|(place, mut containers)| {
            containers.sort();
            ImageMatches { image: image(place), containers }
        });
        let images = images.collect();
        Self { schema_version: SCHEMA_VERSION.to_owned(), images, unmatched, incomplete }
    }
}

fn shared<S: Serializer>(place: &Rc<Place>, to: S) -> Result<S::Ok, S::Error> {
    place.serialize(to)
}

fn place(endpoint: &str, running: Running) -> (Place, Option<String>, Option<String>) {
    let Running { namespace, pod, pod_uid, host, container, kind, state, image, image_id, .. } =
        running;
    let (host, host_id) = match host {
        Some(PodHost { id, name }) => (Some(name), id),
        None => (None, None),
    };
    let endpoint = endpoint.to_owned();
    let place = Place { endpoint, namespace, pod, pod_uid, host, host_id, container, kind, state };
    (place, image, image_id)
}

fn lack(endpoint: String, module: Option<String>, why: &Incomplete) -> IncompleteEndpoint {
    let reason = match why {
        Incomplete::Endpoint(_) => Lack::EndpointFailed,
        Incomplete::Pods(_) => Lack::PodsFailed,
        Incomplete::NotGathered => Lack::PodsNotGathered,
    };
    IncompleteEndpoint { endpoint, module, reason, message: why.message() }
}
