//! The images of an endpoint's hosts: which digests and tags name the same image.

use std::borrow::Cow;
use std::collections::HashMap;

use gatherer_image_reference::ImageReference;
use gatherer_plugin_api::model::{HostImage, PodHost};

use super::sources::{ImageIdentity, ImageName};

/// The images of each host, by the host's name.
#[derive(Debug, Default)]
pub struct ImagesByHost<'a>(HashMap<String, Vec<IdAndImages<'a>>>);

/// The id of a host, and its images.
type IdAndImages<'a> = (String, Cow<'a, [HostImage]>);

impl<'a> ImagesByHost<'a> {
    /// From the id, the name and the images of each host. Hosts without images are left out.
    pub fn new(hosts: impl Iterator<Item = (String, String, Cow<'a, [HostImage]>)>) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for (id, name, images) in hosts.filter(|(_, _, images)| !images.is_empty()) {
            by_name.entry(name).or_default().push((id, images));
        }
        Self(by_name)
    }

    /// The images of the host of a pod; none if they are unknown, or if several hosts have its name and id.
    pub fn of(&self, host: Option<&PodHost>) -> HostImages<'_> {
        let Some(PodHost { id: Some(id), name }) = host else { return HostImages::default() };
        let mut hosts = self.0.get(name).into_iter().flatten().filter(|(other, _)| other == id);
        match (hosts.next(), hosts.next()) {
            (Some((_, images)), None) => HostImages(images),
            _ => HostImages::default(),
        }
    }
}

/// The images of one host. An image or a name that is not in the list is unknown: the list lags behind, and it is
/// cut.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostImages<'a>(pub &'a [HostImage]);

impl HostImages<'_> {
    /// Adds the other digests and tags of the image that has one of the container's digests.
    pub fn add_aliases(&self, identity: &mut ImageIdentity) {
        let images = self.0.iter().filter(|image| has_any(image, &identity.digests));
        let names: Vec<&String> = images.flat_map(|image| &image.names).collect();
        for reference in names.into_iter().filter_map(|name| name.parse::<ImageReference>().ok()) {
            // `name:tag` is the name of the image today, and `name@digest` is one of its digests.
            identity.names.extend(ImageName::of(&reference));
            identity.digests.extend(reference.digest);
        }
        identity.digests.sort();
        identity.digests.dedup();
        identity.requested_digest.take_if(|digest| identity.digests.contains(digest));
    }

    /// Whether the list has an image with one of these digests.
    pub fn has(&self, digests: &[impl AsRef<str>]) -> bool {
        self.0.iter().any(|image| has_any(image, digests))
    }
}

/// Whether one of the image's names has one of these digests.
fn has_any<D: AsRef<str>>(image: &HostImage, digests: &[D]) -> bool {
    let named = image.names.iter().filter_map(|name| Some(name.rsplit_once('@')?.1));
    named
        .into_iter()
        .any(|named| digests.iter().any(|digest| named.eq_ignore_ascii_case(digest.as_ref())))
}
