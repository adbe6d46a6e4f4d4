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

    /// Revisions of one name that have the digest in common are the same bytes: who runs one of
    /// them runs the highest.
    fn highest(&self, found: &BTreeSet<usize>) -> Vec<usize> {
        let is_below = |place: usize| {
            let image = &self.images[place];
            found.iter().map(|&other| &self.images[other]).any(|other| {
                image.revision.is_some()
                    && image.revision < other.revision
                    && image.references == other.references
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

/// Whether it is known that what runs is not this image, though it has its tag: both sides know a
/// digest of the same kind, and it is not the same.
fn contradicts(identity: &Identity, image: &KnownImage) -> bool {
    let other_digest = !identity.digests.is_empty() && !image.digests.is_empty();
    let other_id = identity.id.is_some() && image.config.is_some();
    other_digest || other_id
}

#[cfg(test)]
mod tests {
    use super::{Freshness, Index, KnownImage, MatchedBy, NoMatch};
    use crate::images::known;
    use crate::images::sources::{Identity, Said};

    /// A digest for a short word.
    fn sha(word: &str) -> String {
        format!("sha256:{:0<64}", word.replace('i', "a"))
    }

    fn images(text: &str) -> Vec<KnownImage> {
        let mut filled = text.to_owned();
        for word in ["d1", "d2", "d3", "i1", "i2"] {
            filled = filled.replace(&format!("@{word}"), &format!("@{}", sha(word)));
            filled = filled.replace(&format!("={word}"), &sha(word));
        }
        known::read(filled.as_bytes()).unwrap_or_else(|error| panic!("{error}: {filled}"))
    }

    /// What a container's status says, read as it is from an inventory.
    fn container(image: &str, image_id: &str) -> Identity {
        let image_id = Some(image_id).filter(|text| !text.is_empty());
        Identity::of(&Said { image: Some(image), image_id, ..Said::default() })
    }

    /// The ids of the images, and by what.
    fn find(
        images: &[KnownImage],
        container: &Identity,
    ) -> Result<(Vec<String>, MatchedBy), NoMatch> {
        let (places, by) = Index::new(images).find(container)?;
        let id = |place: usize| images[place].id.clone().expect("an id");
        Ok((places.into_iter().map(id).collect(), by))
    }

    #[track_caller]
    fn assert_found(images: &[KnownImage], container: &Identity, id: &str, by: MatchedBy) {
        assert_eq!(find(images, container), Ok((vec![id.to_owned()], by)));
    }

    #[test]
    fn a_digest_matches_whatever_repository_it_was_pulled_through() {
        let images = images(
            r#"[{"id": "a", "name": "registry.example.com/app:1", "digests":
            ["registry.example.com/app@d1"]}]"#,
        );
        for image_id in [
            format!("docker-pullable://mirror.example.com:5000/cache/app@{}", sha("d1")),
            format!("other.example.com/app@{}", sha("d1")),
            format!("registry.example.com/app@{}", sha("d1")),
        ] {
            let container = container("mirror.example.com:5000/cache/app:7", &image_id);
            assert_found(&images, &container, "a", MatchedBy::RepoDigest);
        }
    }

    #[test]
    fn a_digest_may_stand_alone_in_the_file() {
        let images = images(r#"[{"id": "a", "digests": ["=d1"]}]"#);
        let container = container("app", &format!("app@{}", sha("d1")));
        assert_found(&images, &container, "a", MatchedBy::RepoDigest);
    }

    #[test]
    fn the_digest_that_a_pod_asks_for_counts_before_anything_runs() {
        let images = images(r#"[{"id": "a", "digests": ["=d1"]}]"#);
        let container = container(&format!("app@{}", sha("d1")), "");
        assert_found(&images, &container, "a", MatchedBy::RepoDigest);
    }

    #[test]
    fn an_image_that_no_registry_has_matches_by_its_own_id() {
        let images = images(r#"[{"Id": "=i1", "RepoTags": ["app:1"], "RepoDigests": []}]"#);
        for image_id in [format!("docker://{}", sha("i1")), sha("i1")] {
            let container = container("elsewhere/app:9", &image_id);
            assert_found(&images, &container, &sha("i1"), MatchedBy::ImageId);
        }
        // Docker's word where the tag has moved on.
        let container = container(&sha("i1"), "");
        assert_found(&images, &container, &sha("i1"), MatchedBy::ImageId);
    }

    #[test]
    fn a_digest_beats_an_id_and_an_id_beats_a_tag() {
        let images = images(
            r#"[
            {"id": "by-digest", "name": "x:1", "digests": ["x@d1"]},
            {"Id": "=i1", "RepoTags": ["y:1"]},
            {"id": "by-tag", "name": "app:1"}]"#,
        );
        let mut both = container("app:1", &format!("app@{}", sha("d1")));
        both.id = Some(sha("i1"));
        assert_found(&images, &both, "by-digest", MatchedBy::RepoDigest);
        let by_id = container("app:1", &sha("i1"));
        assert_found(&images, &by_id, &sha("i1"), MatchedBy::ImageId);
        let by_tag = container("app:1", "");
        assert_found(&images, &by_tag, "by-tag", MatchedBy::RepositoryTag);
    }

    #[test]
    fn no_tag_is_latest_and_docker_hub_is_meant_where_no_registry_is_named() {
        for (name, image) in [
            ("app", "app:latest"),
            ("docker.io/library/app:latest", "app"),
            ("index.docker.io/team/app", "team/app"),
            ("registry.example.com:5000/app", "registry.example.com:5000/app:latest"),
        ] {
            let images = images(&format!(r#"[{{"id": "a", "name": "{name}"}}]"#));
            let container = container(image, "");
            assert_found(&images, &container, "a", MatchedBy::RepositoryTag);
        }
    }

    #[test]
    fn a_tag_matches_in_its_own_registry_and_repository_alone() {
        let images = images(r#"[{"id": "a", "name": "registry.example.com/app:1"}]"#);
        for image in [
            "app:1",
            "registry.example.com/app",
            "registry.example.com/team/app:1",
            "registry.example.com:5000/app:1",
        ] {
            assert_eq!(find(&images, &container(image, "")), Err(NoMatch::UnknownImage), "{image}");
        }
    }

    #[test]
    fn a_reference_by_digest_has_no_tag_to_match_by() {
        let images = images(r#"[{"id": "a", "name": "app"}]"#);
        let container = container(&format!("app@{}", sha("d1")), "");
        assert_eq!(find(&images, &container), Err(NoMatch::UnknownImage));
    }

    #[test]
    fn a_tag_does_not_match_where_the_digest_says_otherwise() {
        let known = images(r#"[{"id": "a", "name": "app:1", "digests": ["app@d1"]}]"#);
        let moved = container("app:1", &format!("app@{}", sha("d2")));
        assert_eq!(find(&known, &moved), Err(NoMatch::OtherDigest));
        let known = images(r#"[{"Id": "=i1", "RepoTags": ["app:1"]}]"#);
        assert_eq!(find(&known, &container("app:1", &sha("i2"))), Err(NoMatch::OtherDigest));
    }

    #[test]
    fn a_tag_matches_where_the_two_sides_know_nothing_that_can_be_compared() {
        // A registry's digest and an image's own id are different things.
        let by_id = images(r#"[{"Id": "=i1", "RepoTags": ["app:1"], "RepoDigests": []}]"#);
        let pulled = container("app:1", &format!("app@{}", sha("d1")));
        assert_found(&by_id, &pulled, &sha("i1"), MatchedBy::RepositoryTag);
        let by_digest = images(r#"[{"id": "a", "name": "app:1", "digests": ["app@d1"]}]"#);
        let loaded = container("app:1", &sha("i1"));
        assert_found(&by_digest, &loaded, "a", MatchedBy::RepositoryTag);
        let waiting = container("app:1", "");
        assert_found(&by_digest, &waiting, "a", MatchedBy::RepositoryTag);
    }

    const REVISIONS: &str = r#"[
        {"id": "r1", "name": "app", "digests": ["app@d1"], "revision": 1},
        {"id": "r10", "name": "docker.io/library/app:latest", "digests": ["app@d2"], "revision": 10},
        {"id": "r9", "name": "app:latest", "revision": 9},
        {"id": "other", "name": "app:2", "revision": 2},
        {"id": "none", "name": "app"},
        {"id": "unnamed", "revision": 3}]"#;

    #[test]
    fn the_highest_revision_of_a_name_is_the_newest_as_a_number() {
        let images = images(REVISIONS);
        let index = Index::new(&images);
        let freshness = |id: &str| {
            let place = images.iter().position(|image| image.id.as_deref() == Some(id));
            index.freshness(place.expect("known"))
        };
        assert_eq!(freshness("r10"), Some(Freshness::Newest));
        assert_eq!(freshness("r9"), Some(Freshness::Outdated));
        assert_eq!(freshness("r1"), Some(Freshness::Outdated));
        assert_eq!(freshness("other"), Some(Freshness::Newest), "another tag is another name");
        assert_eq!(freshness("none"), None, "without a revision nothing is known");
        assert_eq!(freshness("unnamed"), None, "nor without a name");
    }

    #[test]
    fn a_container_of_an_older_digest_is_outdated_and_a_tag_does_not_tell() {
        let images = images(REVISIONS);
        let index = Index::new(&images);
        let runs = |container: &Identity| {
            let (places, by) = index.find(container).expect("a match");
            let ids: Vec<_> =
                places.iter().map(|&place| images[place].id.clone().expect("an id")).collect();
            (ids, index.runs(places[0], by))
        };
        let old = container("app", &format!("app@{}", sha("d1")));
        assert_eq!(runs(&old), (vec!["r1".into()], Some(Freshness::Outdated)));
        let new = container("app:old-name", &format!("app@{}", sha("d2")));
        assert_eq!(runs(&new), (vec!["r10".into()], Some(Freshness::Newest)));
        let waiting = container("app", "");
        let (mut ids, freshness) = runs(&waiting);
        ids.sort();
        assert_eq!(ids, ["none", "r1", "r10", "r9"], "it may be any of them");
        assert!(matches!(freshness, None | Some(Freshness::Unknown)));
        let other = container("app", &format!("app@{}", sha("d3")));
        let (mut ids, _) = runs(&other);
        ids.sort();
        assert_eq!(ids, ["none", "r9"], "those of which no digest is known");
    }

    #[test]
    fn of_revisions_with_the_same_digest_the_highest_runs() {
        let images = images(
            r#"[
            {"id": "r1", "name": "app", "digests": ["app@d1"], "revision": 1},
            {"id": "r2", "name": "app", "digests": ["app@d1"], "revision": 2},
            {"id": "copy", "name": "copy", "digests": ["copy@d1"], "revision": 1}]"#,
        );
        let container = container("app", &format!("app@{}", sha("d1")));
        let (mut ids, by) = find(&images, &container).expect("a match");
        ids.sort();
        assert_eq!((ids, by), (vec!["copy".into(), "r2".into()], MatchedBy::RepoDigest));
    }
}
