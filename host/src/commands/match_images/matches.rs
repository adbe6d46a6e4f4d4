//! The result document of `match-images`.

use std::collections::BTreeSet;
use std::rc::Rc;

use gatherer_plugin_api::model::PodHost;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::known::KnownImage;
use super::matching::{Freshness, Index, MatchedBy, NoMatch};
use super::physical_hosts::{PhysicalHost, PhysicalHosts};
use super::sources::{ContainerSource, RunningContainer};
use crate::output::inventory::pods::Incomplete;

/// The version of the schema, `major.minor`. A minor version only adds members and words.
const SCHEMA_VERSION: &str = "1.3";

/// The containers that run the known images, and the images and containers that match nothing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matches {
    /// The version of this document's schema, `major.minor`. A reader should accept every minor version of a
    /// major version that it knows.
    pub schema_version: String,
    /// Which part of the result this document has. Absent: the whole result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<Selection>,
    /// All known images, sorted by names, revision and id.
    pub images: Vec<ImageMatches>,
    /// The images and containers that match nothing.
    pub unmatched: Unmatched,
    /// The endpoints whose pods are not all known, sorted by endpoint. Their containers are not listed, so they
    /// may run an image that is listed as not running.
    pub incomplete: Vec<IncompleteEndpoint>,
}

/// Which part of the result a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// The containers that are listed.
    pub only: SelectedContainers,
    /// How many other containers may be outdated, because their revision is not known.
    pub undecided: usize,
}

/// The containers of a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SelectedContainers {
    /// Those that run an older revision than the newest (`outdated`), and those that run another build than the known
    /// images (`other-digest`).
    Outdated,
}

/// A known image and the containers that run it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageMatches {
    #[serde(flatten)]
    pub image: Image,
    /// The containers that run the image, in any state, sorted by endpoint, namespace, pod and name.
    pub containers: Vec<ContainerMatch>,
}

/// A known image.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The id, as in the file of images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The names, as in the file of images, sorted.
    pub names: Vec<String>,
    /// The digests that registries use, sorted.
    pub digests: BTreeSet<String>,
    /// The number of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Whether it is the newest image of its name. Absent: it has no name or no revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
}

/// The location of a container.
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
    /// The host's name. Absent: the pod is not assigned to a host yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The `id` of the host. Absent: the endpoint has no host of that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_id: Option<String>,
    /// The physical hosts on which the host runs, if it is a virtual machine that another endpoint of the run knows, sorted.
    /// Several endpoints can know one physical host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub physical_hosts: Vec<PhysicalHost>,
    /// The container's name.
    pub container: String,
    /// The kind of container: `app`, `init`, `ephemeral`, `sidecar`; `volume` for a volume whose content is an
    /// image.
    pub kind: String,
    /// The state of the container: `waiting`, `running`, `terminated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// A container that runs a known image.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerMatch {
    /// The location. It is shared, because a container can match many images.
    #[serde(flatten, serialize_with = "serialize_shared")]
    #[schemars(with = "Place")]
    pub place: Rc<Place>,
    /// The rule by which the container matches the image.
    pub matched_by: MatchedBy,
    /// Whether the container runs the newest revision. Absent: the image has no name or no revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
}

/// The images and containers that match nothing.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unmatched {
    /// The images that no container runs, in the order of `images`.
    pub images: Vec<UnmatchedImage>,
    /// The containers that match no image, sorted by endpoint, namespace, pod and name.
    pub containers: Vec<UnmatchedContainer>,
}

/// An image that no container runs, as far as is known.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmatchedImage {
    #[serde(flatten)]
    pub image: Image,
    /// True: a container has its name, and it is not known whether it runs this image.
    #[serde(skip_serializing_if = "is_false")]
    pub not_known: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A container that matches no image.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnmatchedContainer {
    #[serde(flatten)]
    pub place: Place,
    /// The image, as in the inventory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The image that runs, exactly as the runtime reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// The reason why it matches no image.
    pub reason: NoMatch,
}

/// An endpoint whose pods are not all known.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IncompleteEndpoint {
    /// The endpoint's id.
    pub endpoint: String,
    /// Its module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The reason.
    pub reason: IncompleteReason,
    /// A message with details.
    pub message: String,
}

/// Why the pods of an endpoint are not all known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IncompleteReason {
    /// The endpoint failed.
    EndpointFailed,
    /// The pods could not all be read.
    PodsFailed,
    /// The pods were not requested, or the module does not have pods.
    PodsNotGathered,
}

impl Matches {
    /// Matches all containers of all sources with the images, which must be sorted.
    pub fn new<'a>(
        images: &[KnownImage],
        sources: impl Iterator<Item = ContainerSource<'a>>,
        hosts: &PhysicalHosts<'_>,
    ) -> Self {
        let index = Index::new(images);
        let mut matched: Vec<Vec<ContainerMatch>> = images.iter().map(|_| Vec::new()).collect();
        let mut unmatched = Unmatched::default();
        let mut incomplete = Vec::new();
        let mut may_run = BTreeSet::new();
        for ContainerSource { endpoint, module, containers, images } in sources {
            let containers = match containers {
                Ok(containers) => containers,
                Err(error) => {
                    incomplete.push(incomplete_endpoint(endpoint, module, &error));
                    continue;
                }
            };
            for running in containers {
                let images = images.of(running.host.as_ref());
                let found = index.find(&running.image_identity, images);
                may_run.extend(found.may_run);
                let (place, image, image_id) = place(&endpoint, running, hosts);
                match found.result {
                    Ok((known, by)) => {
                        let place = Rc::new(place);
                        for known in known {
                            matched[known].push(ContainerMatch {
                                place: Rc::clone(&place),
                                matched_by: by,
                                freshness: index.freshness_of_container(known, by),
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
        let image = |number: usize| Image {
            id: images[number].id.clone(),
            names: images[number].names.clone(),
            digests: images[number].digests.clone(),
            revision: images[number].revision,
            freshness: index.freshness(number),
        };
        let unused = (0..images.len()).filter(|&number| matched[number].is_empty());
        let unused = unused.map(|number| UnmatchedImage {
            image: image(number),
            not_known: may_run.contains(&number),
        });
        unmatched.images = unused.collect();
        unmatched.containers.sort();
        incomplete.sort();
        let images = matched.into_iter().enumerate().map(|(number, mut containers)| {
            containers.sort();
            ImageMatches { image: image(number), containers }
        });
        let images = images.collect();
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            selection: None,
            images,
            unmatched,
            incomplete,
        }
    }

    /// Removes everything but outdated containers, and the endpoints whose pods are not all known.
    pub fn select_outdated(&mut self) {
        let matches = self.images.iter().flat_map(|image| &image.containers);
        let unknown = matches.filter(|matched| matched.freshness == Some(Freshness::Unknown));
        // A container can match several images.
        let unknown: BTreeSet<&Place> = unknown.map(|matched| &*matched.place).collect();
        let unmatched = &mut self.unmatched;
        let not_known =
            unmatched.containers.iter().filter(|container| container.reason == NoMatch::NotKnown);
        let undecided = unknown.len() + not_known.count();
        self.selection = Some(Selection { only: SelectedContainers::Outdated, undecided });
        for image in &mut self.images {
            image.containers.retain(|matched| matched.freshness == Some(Freshness::Outdated));
        }
        self.images.retain(|image| !image.containers.is_empty());
        unmatched.images.clear();
        unmatched.containers.retain(|container| container.reason == NoMatch::OtherDigest);
    }
}

fn serialize_shared<S: Serializer>(place: &Rc<Place>, to: S) -> Result<S::Ok, S::Error> {
    place.serialize(to)
}

/// Splits a container into its location, its image and its image id.
fn place(
    endpoint: &str,
    running: RunningContainer,
    hosts: &PhysicalHosts<'_>,
) -> (Place, Option<String>, Option<String>) {
    let RunningContainer {
        namespace,
        pod,
        pod_uid,
        host,
        container,
        kind,
        state,
        image,
        image_id,
        ..
    } = running;
    let physical_hosts = hosts.of(endpoint, host.as_ref());
    let (host, host_id) = match host {
        Some(PodHost { id, name }) => (Some(name), id),
        None => (None, None),
    };
    let endpoint = endpoint.to_owned();
    let place = Place {
        endpoint,
        namespace,
        pod,
        pod_uid,
        host,
        host_id,
        physical_hosts,
        container,
        kind,
        state,
    };
    (place, image, image_id)
}

fn incomplete_endpoint(
    endpoint: String,
    module: Option<String>,
    error: &Incomplete,
) -> IncompleteEndpoint {
    let reason = match error {
        Incomplete::Endpoint(_) => IncompleteReason::EndpointFailed,
        Incomplete::Pods(_) => IncompleteReason::PodsFailed,
        Incomplete::NotGathered => IncompleteReason::PodsNotGathered,
    };
    IncompleteEndpoint { endpoint, module, reason, message: error.message() }
}
