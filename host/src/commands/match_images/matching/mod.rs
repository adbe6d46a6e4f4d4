//! The rules: which images a container runs, by what that is known, and whether that is the
//! newest revision. Nothing here reads or prints.
//!
//! `docs/match-images.md` states the same rules for people.

use std::collections::{BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use super::known::KnownImage;
use super::sources::{Identity, Name};

/// By what a container matches an image, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// A digest under which a registry has the image, whichever repository it was pulled through.
    RepoDigest,
    /// The image's own id.
    ImageId,
    /// Repository and tag alone: the tag may have moved since.
    RepositoryTag,
}

impl MatchedBy {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RepoDigest => "repo-digest",
            Self::ImageId => "image-id",
            Self::RepositoryTag => "repository-tag",
        }
    }
}

/// Why a container matches no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoMatch {
    /// No image has its digest, id or name.
    UnknownImage,
    /// An image has its name, but what runs is none of that image's known digests.
    OtherDigest,
}

impl NoMatch {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownImage => "unknown-image",
            Self::OtherDigest => "other-digest",
        }
    }
}

/// How new an image is among those of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// No image of the name has a higher revision.
    Newest,
    /// There is a higher revision of the name.
    Outdated,
    /// A tag alone does not tell which revision runs.
    Unknown,
}

impl Freshness {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Outdated => "outdated",
            Self::Unknown => "unknown",
        }
    }
}

/// The known images, by everything that a container can be matched by.
pub struct Index<'a> {
    images: &'a [KnownImage],
    by_digest: HashMap<&'a str, BTreeSet<usize>>,
    by_id: HashMap<&'a str, BTreeSet<usize>>,
    by_name: HashMap<&'a Name, BTreeSet<usize>>,
    newest: HashMap<&'a Name, u64>,
}

impl<'a> Index<'a> {
    /// Images are known by their places in the list.
    pub fn new(images: &'a [KnownImage]) -> Self {
        let mut index = Self {
            images,
            by_digest: HashMap::new(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            newest: HashMap::new(),
        };
        for (place, image) in images.iter().enumerate() {
            for digest in &image.digests {
                index.by_digest.entry(digest).or_default().insert(place);
            }
            if let Some(id) = &image.config {
                index.by_id.entry(id).or_default().insert(place);
            }
            for name in &image.references {
                index.by_name.entry(name).or_default().insert(place);
                if let Some(revision) = image.revision {
                    let newest = index.newest.entry(name).or_default();
                    *newest = revision.max(*newest);
                }
            }
        }
        index
    }

    /// The images that a container runs, and by what that is known: a digest goes before an id,
    /// an id before a tag.
    pub fn find(&self, identity: &Identity) -> Result<(Vec<usize>, MatchedBy), NoMatch> {
        for (by, places) in
            [(MatchedBy::RepoDigest, &self.by_digest), (MatchedBy::ImageId, &self.by_id)]
        {
            let found: BTreeSet<usize> =
                identity.all().filter_map(|digest| places.get(digest)).flatten().copied().collect();
            if !found.is_empty() {
                return Ok((self.highest(&found), by));
            }
        }
        let named = identity.name.as_ref().and_then(|name| self.by_name.get(name));
        let named = named.ok_or(NoMatch::UnknownImage)?;
        let possible: Vec<usize> = named
            .iter()
            .copied()
            .filter(|&place| !contradicts(identity, &self.images[place]))
            .collect();
        if possible.is_empty() {
            return Err(NoMatch::OtherDigest);
        }
        Ok((possible, MatchedBy::RepositoryTag))
    }

    /// Revisions of one name that have a digest in common are the same bytes: who runs one of them
    /// runs the highest.
    fn highest(&self, found: &BTreeSet<usize>) -> Vec<usize> {
        let is_below = |place: usize| {
            let image = &self.images[place];
            found.iter().map(|&other| &self.images[other]).any(|other| {
                image.revision.is_some()
                    && image.revision < other.revision
                    && image.references == other.references
                    && same_bytes(image, other)
            })
        };
        found.iter().copied().filter(|&place| !is_below(place)).collect()
    }

    /// How new an image is. Absent: it has no revision, or no name of which it could be one.
    pub fn freshness(&self, place: usize) -> Option<Freshness> {
        let image = &self.images[place];
        let revision = image.revision.filter(|_| !image.references.is_empty())?;
        let newest = |name| self.newest.get(name).is_none_or(|newest| revision >= *newest);
        let is_newest = image.references.iter().all(newest);
        Some(if is_newest { Freshness::Newest } else { Freshness::Outdated })
    }

    /// How new the revision is that a container runs which matches an image.
    pub fn runs(&self, place: usize, by: MatchedBy) -> Option<Freshness> {
        let freshness = self.freshness(place)?;
        Some(if by == MatchedBy::RepositoryTag { Freshness::Unknown } else { freshness })
    }
}

/// Whether two images have a digest or their own id in common.
fn same_bytes(one: &KnownImage, other: &KnownImage) -> bool {
    let same_id = one.config.is_some() && one.config == other.config;
    same_id || !one.digests.is_disjoint(&other.digests)
}

/// Whether it is known that what runs is not this image, though it has its tag: both sides know a
/// digest of the same kind, and it is not the same.
fn contradicts(identity: &Identity, image: &KnownImage) -> bool {
    let other_digest = !identity.digests.is_empty() && !image.digests.is_empty();
    let other_id = identity.id.is_some() && image.config.is_some();
    other_digest || other_id
}

#[cfg(test)]
mod matching_tests;
