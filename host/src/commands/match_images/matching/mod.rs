//! The matching rules: which images a container runs, and whether they are the newest revision. This module
//! does no I/O.
//!
//! `docs/match-images.md` describes the rules for users.

use std::collections::{BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use super::host_images::HostImages;
use super::known::KnownImage;
use super::sources::{ImageIdentity, ImageName};

/// The rule by which a container matches an image, the most certain one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// A digest that registries use for the image. The repository is not compared.
    RepoDigest,
    /// The image's own id.
    ImageId,
    /// The pod asks for one of the image's digests, but the runtime reports another one. It may be
    /// another digest of the same image, unless the pod's spec was changed.
    RequestedDigest,
    /// Only repository and tag. The tag may have moved.
    RepositoryTag,
}

impl MatchedBy {
    /// The value in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RepoDigest => "repo-digest",
            Self::ImageId => "image-id",
            Self::RequestedDigest => "requested-digest",
            Self::RepositoryTag => "repository-tag",
        }
    }
}

/// The reason why a container matches no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoMatch {
    /// No image has its digest, id or name.
    UnknownImage,
    /// An image has its name, but other digests.
    OtherDigest,
    /// An image has its name and other digests, but these may belong to the same content: the list of the host's
    /// images does not have both.
    NotKnown,
}

impl NoMatch {
    /// The value in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownImage => "unknown-image",
            Self::OtherDigest => "other-digest",
            Self::NotKnown => "not-known",
        }
    }
}

/// Whether an image is the newest of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// No image with the same name has a higher revision.
    Newest,
    /// An image with the same name has a higher revision.
    Outdated,
    /// The revision is not known, because only the tag or the digest in the pod's spec matches.
    Unknown,
}

impl Freshness {
    /// The value in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Outdated => "outdated",
            Self::Unknown => "unknown",
        }
    }
}

/// What was found for a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The images that it runs, and the rule by which they match.
    pub result: Result<(Vec<usize>, MatchedBy), NoMatch>,
    /// The images of its name for which it is not known whether it runs them.
    pub may_run: Vec<usize>,
}

impl Found {
    fn runs(numbers: Vec<usize>, by: MatchedBy) -> Self {
        Self { result: Ok((numbers, by)), may_run: Vec::new() }
    }
}

/// An index of the known images by digest, id and name. Images are identified by their number in the list.
pub struct Index<'a> {
    images: &'a [KnownImage],
    by_digest: HashMap<&'a str, BTreeSet<usize>>,
    by_id: HashMap<&'a str, BTreeSet<usize>>,
    by_name: HashMap<&'a ImageName, BTreeSet<usize>>,
    /// The highest revision of each name.
    newest: HashMap<&'a ImageName, u64>,
}

impl<'a> Index<'a> {
    /// Creates the index.
    pub fn new(images: &'a [KnownImage]) -> Self {
        let mut index = Self {
            images,
            by_digest: HashMap::new(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            newest: HashMap::new(),
        };
        for (number, image) in images.iter().enumerate() {
            for digest in &image.digests {
                index.by_digest.entry(digest).or_default().insert(number);
            }
            if let Some(id) = &image.config {
                index.by_id.entry(id).or_default().insert(number);
            }
            for name in &image.references {
                index.by_name.entry(name).or_default().insert(number);
                if let Some(revision) = image.revision {
                    let newest = index.newest.entry(name).or_default();
                    *newest = revision.max(*newest);
                }
            }
        }
        index
    }

    /// The images that a container runs, and the rule that applies: a digest takes precedence over an id, and an
    /// id over the pod's spec and a tag. `images` are those of the container's host.
    pub fn find(&self, identity: &ImageIdentity, images: HostImages<'_>) -> Found {
        let mut identity = identity.clone();
        images.add_aliases(&mut identity);
        for (by, numbers) in
            [(MatchedBy::RepoDigest, &self.by_digest), (MatchedBy::ImageId, &self.by_id)]
        {
            let found = numbers_of(numbers, identity.all());
            if !found.is_empty() {
                return Found::runs(self.highest_revisions(&found), by);
            }
        }
        let comparison = |number: &usize| compare(&identity, &self.images[*number], images);
        let reports_another = images.has(&identity.digests);
        let requested = identity.requested_digest.iter().map(String::as_str);
        let requested = requested.filter(|digest| !(reports_another && images.has(&[digest])));
        let mut requested = numbers_of(&self.by_digest, requested);
        requested.retain(|number| !has_other_id(&identity, &self.images[*number]));
        if !requested.is_empty() {
            let numbers = self.highest_revisions(&requested);
            return Found::runs(numbers, MatchedBy::RequestedDigest);
        }
        let named = identity.names.iter().filter_map(|name| self.by_name.get(name));
        let named: BTreeSet<usize> = named.flatten().copied().collect();
        let with = |wanted: Comparison| -> Vec<usize> {
            named.iter().copied().filter(|number| comparison(number) == wanted).collect()
        };
        let (runs, may_run) = (with(Comparison::NothingToCompare), with(Comparison::NotKnown));
        let result = match (runs.is_empty(), may_run.is_empty()) {
            (false, _) => Ok((runs, MatchedBy::RepositoryTag)),
            (true, false) => Err(NoMatch::NotKnown),
            (true, true) if named.is_empty() => Err(NoMatch::UnknownImage),
            (true, true) => Err(NoMatch::OtherDigest),
        };
        Found { result, may_run }
    }

    /// Removes images that have the same name and content as another one with a higher revision.
    fn highest_revisions(&self, found: &BTreeSet<usize>) -> Vec<usize> {
        let is_lower = |number: usize| {
            let image = &self.images[number];
            found.iter().map(|&other| &self.images[other]).any(|other| {
                image.revision.is_some()
                    && image.revision < other.revision
                    && image.references == other.references
                    && same_content(image, other)
            })
        };
        found.iter().copied().filter(|&number| !is_lower(number)).collect()
    }

    /// Whether an image is the newest of its name. `None`: it has no revision or no name.
    pub fn freshness(&self, number: usize) -> Option<Freshness> {
        let image = &self.images[number];
        let revision = image.revision.filter(|_| !image.references.is_empty())?;
        let newest = |name| self.newest.get(name).is_none_or(|newest| revision >= *newest);
        let is_newest = image.references.iter().all(newest);
        Some(if is_newest { Freshness::Newest } else { Freshness::Outdated })
    }

    /// Whether a container that matches an image by a rule runs the newest revision.
    pub fn freshness_of_container(&self, number: usize, by: MatchedBy) -> Option<Freshness> {
        let freshness = self.freshness(number)?;
        Some(match by {
            MatchedBy::RepoDigest | MatchedBy::ImageId => freshness,
            MatchedBy::RequestedDigest | MatchedBy::RepositoryTag => Freshness::Unknown,
        })
    }
}

/// Whether two images have a digest or their own id in common.
fn same_content(one: &KnownImage, other: &KnownImage) -> bool {
    let same_id = one.config.is_some() && one.config == other.config;
    same_id || !one.digests.is_disjoint(&other.digests)
}

/// The images with one of these digests.
fn numbers_of<'d>(
    numbers: &HashMap<&str, BTreeSet<usize>>,
    digests: impl Iterator<Item = &'d str>,
) -> BTreeSet<usize> {
    digests.filter_map(|digest| numbers.get(digest)).flatten().copied().collect()
}

/// How a container compares with an image of its name, none of whose digests and ids it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// The container runs another image.
    Other,
    /// The digests are not equal, but they may belong to the same image.
    NotKnown,
    /// One of them has no digest and no id that could be compared.
    NothingToCompare,
}

/// Compares the digests and the ids. An image has several digests, so two of them only differ if the host has
/// both as different images.
fn compare(identity: &ImageIdentity, image: &KnownImage, images: HostImages<'_>) -> Comparison {
    if has_other_id(identity, image) {
        return Comparison::Other;
    }
    if identity.digests.is_empty() || image.digests.is_empty() {
        return Comparison::NothingToCompare;
    }
    let known: Vec<&String> = image.digests.iter().collect();
    if images.has(&identity.digests) && images.has(&known) {
        Comparison::Other
    } else {
        Comparison::NotKnown
    }
}

/// Whether the container and the image both have ids. The caller has already compared them.
fn has_other_id(identity: &ImageIdentity, image: &KnownImage) -> bool {
    identity.id.is_some() && image.config.is_some()
}

#[cfg(test)]
mod matching_tests;
#[cfg(test)]
mod requested_image_tests;
