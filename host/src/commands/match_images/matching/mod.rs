//! The matching rules: which images a container runs, and whether they are the newest revision. This module
//! does no I/O.
//!
//! `docs/match-images.md` describes the rules for users.

use std::collections::{BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

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
}

impl NoMatch {
    /// The value in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownImage => "unknown-image",
            Self::OtherDigest => "other-digest",
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
    /// id over a tag.
    pub fn find(&self, identity: &ImageIdentity) -> Result<(Vec<usize>, MatchedBy), NoMatch> {
        for (by, numbers) in
            [(MatchedBy::RepoDigest, &self.by_digest), (MatchedBy::ImageId, &self.by_id)]
        {
            let found: BTreeSet<usize> = identity
                .all()
                .filter_map(|digest| numbers.get(digest))
                .flatten()
                .copied()
                .collect();
            if !found.is_empty() {
                return Ok((self.highest_revisions(&found), by));
            }
        }
        let requested = identity.requested_digest.as_deref();
        let requested: BTreeSet<usize> = requested
            .and_then(|digest| self.by_digest.get(digest))
            .into_iter()
            .flatten()
            .copied()
            .filter(|&number| !has_other_id(identity, &self.images[number]))
            .collect();
        if !requested.is_empty() {
            return Ok((self.highest_revisions(&requested), MatchedBy::RequestedDigest));
        }
        let named: BTreeSet<usize> = identity
            .names
            .iter()
            .filter_map(|name| self.by_name.get(name))
            .flatten()
            .copied()
            .collect();
        if named.is_empty() {
            return Err(NoMatch::UnknownImage);
        }
        let possible: Vec<usize> = named
            .into_iter()
            .filter(|&number| !contradicts(identity, &self.images[number]))
            .collect();
        if possible.is_empty() {
            return Err(NoMatch::OtherDigest);
        }
        Ok((possible, MatchedBy::RepositoryTag))
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

/// Whether a container with an image's tag runs another image: both have digests (or both have ids), which are
/// not equal. The caller has already compared them.
fn contradicts(identity: &ImageIdentity, image: &KnownImage) -> bool {
    let other_digest = !identity.digests.is_empty() && !image.digests.is_empty();
    other_digest || has_other_id(identity, image)
}

/// Whether the container and the image both have ids. The caller has already compared them.
fn has_other_id(identity: &ImageIdentity, image: &KnownImage) -> bool {
    identity.id.is_some() && image.config.is_some()
}

#[cfg(test)]
mod matching_tests;
