//! Tests of the rules in `docs/match-images.md`.

use gatherer_plugin_api::model::RequestedImage;

use super::{Freshness, HostImages, Index, KnownImage, MatchedBy, NoMatch};
use crate::commands::match_images::known;
use crate::commands::match_images::sources::{ImageFields, ImageIdentity};

/// A digest that contains a short word.
pub(super) fn sha(word: &str) -> String {
    format!("sha256:{:0<64}", word.replace('i', "a"))
}

/// Reads a list of images, in which `@d1` and `=i1` are replaced by digests.
pub(super) fn images(text: &str) -> Vec<KnownImage> {
    let mut filled = text.to_owned();
    for word in ["d1", "d2", "d3", "i1", "i2"] {
        filled = filled.replace(&format!("@{word}"), &format!("@{}", sha(word)));
        filled = filled.replace(&format!("={word}"), &sha(word));
    }
    known::read(filled.as_bytes()).unwrap_or_else(|error| panic!("{error}: {filled}"))
}

/// The identity of a container with this `image` and `imageID` in its status.
pub(super) fn container(image: &str, image_id: &str) -> ImageIdentity {
    let image_id = Some(image_id).filter(|text| !text.is_empty());
    ImageIdentity::of(&ImageFields { image: Some(image), image_id, ..ImageFields::default() })
}

/// The identity of a container whose pod asks for `requested`.
pub(super) fn requesting(requested: &str, image: &str, image_id: &str) -> ImageIdentity {
    let requested = RequestedImage { text: requested.to_owned(), ..RequestedImage::default() };
    ImageIdentity::of(&ImageFields {
        image: Some(image),
        image_id: Some(image_id).filter(|text| !text.is_empty()),
        requested: Some(&requested),
        ..ImageFields::default()
    })
}

/// The ids of the images that match, and the rule.
pub(super) fn find(
    images: &[KnownImage],
    container: &ImageIdentity,
) -> Result<(Vec<String>, MatchedBy), NoMatch> {
    let (numbers, by) = Index::new(images).find(container, HostImages::default()).result?;
    let id = |number: usize| images[number].id.clone().expect("an id");
    Ok((numbers.into_iter().map(id).collect(), by))
}

#[track_caller]
pub(super) fn assert_found(
    images: &[KnownImage],
    container: &ImageIdentity,
    id: &str,
    by: MatchedBy,
) {
    assert_eq!(find(images, container), Ok((vec![id.to_owned()], by)));
}

#[test]
fn a_digest_matches_in_any_repository() {
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
fn accepts_a_digest_without_a_repository() {
    let images = images(r#"[{"id": "a", "digests": ["=d1"]}]"#);
    let container = container("app", &format!("app@{}", sha("d1")));
    assert_found(&images, &container, "a", MatchedBy::RepoDigest);
}

#[test]
fn uses_the_digest_of_the_spec_if_the_container_has_not_started() {
    let images = images(r#"[{"id": "a", "digests": ["=d1"]}]"#);
    let container = container(&format!("app@{}", sha("d1")), "");
    assert_found(&images, &container, "a", MatchedBy::RepoDigest);
}

#[test]
fn an_image_without_registry_digests_matches_by_its_id() {
    let images = images(r#"[{"Id": "=i1", "RepoTags": ["app:1"], "RepoDigests": []}]"#);
    for image_id in [format!("docker://{}", sha("i1")), sha("i1")] {
        let container = container("elsewhere/app:9", &image_id);
        assert_found(&images, &container, &sha("i1"), MatchedBy::ImageId);
    }
    // Docker reports the id if the tag belongs to another image.
    let container = container(&sha("i1"), "");
    assert_found(&images, &container, &sha("i1"), MatchedBy::ImageId);
}

#[test]
fn a_digest_takes_precedence_over_an_id_and_an_id_over_a_tag() {
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
fn the_default_tag_is_latest_and_the_default_registry_is_docker_hub() {
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
fn a_tag_matches_only_in_its_registry_and_repository() {
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
fn a_reference_by_digest_does_not_match_by_tag() {
    let images = images(r#"[{"id": "a", "name": "app"}]"#);
    let container = container(&format!("app@{}", sha("d1")), "");
    assert_eq!(find(&images, &container), Err(NoMatch::UnknownImage));
}

#[test]
fn a_tag_does_not_match_if_digests_or_ids_differ() {
    let known = images(r#"[{"id": "a", "name": "app:1", "digests": ["app@d1"]}]"#);
    let moved = container("app:1", &format!("app@{}", sha("d2")));
    assert_eq!(find(&known, &moved), Err(NoMatch::NotKnown));
    let known = images(r#"[{"Id": "=i1", "RepoTags": ["app:1"]}]"#);
    assert_eq!(find(&known, &container("app:1", &sha("i2"))), Err(NoMatch::OtherDigest));
}

#[test]
fn a_tag_matches_if_there_is_nothing_else_to_compare() {
    // A registry's digest and an image's own id cannot be compared.
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
fn the_highest_number_is_the_newest_revision() {
    let images = images(REVISIONS);
    let index = Index::new(&images);
    let freshness = |id: &str| {
        let number = images.iter().position(|image| image.id.as_deref() == Some(id));
        index.freshness(number.expect("known"))
    };
    assert_eq!(freshness("r10"), Some(Freshness::Newest));
    assert_eq!(freshness("r9"), Some(Freshness::Outdated));
    assert_eq!(freshness("r1"), Some(Freshness::Outdated));
    assert_eq!(
        freshness("other"),
        Some(Freshness::Newest),
        "an image with another tag has another name"
    );
    assert_eq!(freshness("none"), None, "it has no revision");
    assert_eq!(freshness("unnamed"), None, "it has no name");
}

#[test]
fn an_older_digest_is_outdated_and_a_tag_gives_no_revision() {
    let images = images(REVISIONS);
    let index = Index::new(&images);
    let runs = |container: &ImageIdentity| {
        let (numbers, by) = index.find(container, HostImages::default()).result.expect("a match");
        let ids: Vec<_> =
            numbers.iter().map(|&number| images[number].id.clone().expect("an id")).collect();
        (ids, index.freshness_of_container(numbers[0], by))
    };
    let old = container("app", &format!("app@{}", sha("d1")));
    assert_eq!(runs(&old), (vec!["r1".into()], Some(Freshness::Outdated)));
    let new = container("app:old-name", &format!("app@{}", sha("d2")));
    assert_eq!(runs(&new), (vec!["r10".into()], Some(Freshness::Newest)));
    let waiting = container("app", "");
    let (mut ids, freshness) = runs(&waiting);
    ids.sort();
    assert_eq!(ids, ["none", "r1", "r10", "r9"], "it may run any of them");
    assert!(matches!(freshness, None | Some(Freshness::Unknown)));
    let other = container("app", &format!("app@{}", sha("d3")));
    let (mut ids, _) = runs(&other);
    ids.sort();
    assert_eq!(ids, ["none", "r9"], "only those without a known digest");
}

#[test]
fn revisions_with_the_same_digest_count_as_the_highest() {
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

#[test]
fn a_digest_in_a_name_counts_like_other_digests() {
    let images =
        images(r#"[{"id": "alone", "name": "web@d1"}, {"id": "tagged", "name": "app:1@d2"}]"#);
    let by_digest = container("mirror.example.com/web:7", &format!("web@{}", sha("d1")));
    assert_found(&images, &by_digest, "alone", MatchedBy::RepoDigest);
    let other = container("app:1", &format!("app@{}", sha("d3")));
    assert_eq!(find(&images, &other), Err(NoMatch::NotKnown));
    assert_found(&images, &container("app:1", ""), "tagged", MatchedBy::RepositoryTag);
}

#[test]
fn the_running_image_takes_precedence_over_the_spec() {
    let images = images(
        r#"[
        {"id": "r1", "name": "web", "digests": ["web@d1"], "revision": 1},
        {"id": "r2", "name": "web", "digests": ["web@d2"], "revision": 2}]"#,
    );
    let (requested, running) = (format!("web@{}", sha("d2")), format!("web@{}", sha("d1")));
    let old = container(&requested, &running);
    assert_found(&images, &old, "r1", MatchedBy::RepoDigest);
    let digest = sha("d1");
    let fields =
        ImageFields { image: Some(&requested), digest: Some(&digest), ..ImageFields::default() };
    assert_found(&images, &ImageIdentity::of(&fields), "r1", MatchedBy::RepoDigest);
    let waiting = container(&requested, "");
    assert_found(&images, &waiting, "r2", MatchedBy::RepoDigest);
}

#[test]
fn revisions_without_a_common_digest_are_different() {
    let images = images(
        r#"[
        {"id": "r1", "name": "web", "digests": ["web@d1"], "revision": 1},
        {"id": "r2", "name": "web", "digests": ["web@d2"], "revision": 2}]"#,
    );
    let mut both = container("web", &format!("web@{}", sha("d1")));
    both.digests.push(sha("d2"));
    let (mut ids, by) = find(&images, &both).expect("a match");
    ids.sort();
    assert_eq!((ids, by), (vec!["r1".into(), "r2".into()], MatchedBy::RepoDigest));
}

#[test]
fn revisions_with_the_same_id_count_as_the_highest() {
    let images = images(
        r#"[
        {"id": "=i1", "name": "web", "revision": 1},
        {"id": "=i1", "name": "web", "revision": 2}]"#,
    );
    let index = Index::new(&images);
    let (numbers, by) =
        index.find(&container("web", &sha("i1")), HostImages::default()).result.expect("a match");
    let revisions: Vec<_> = numbers.iter().map(|&number| images[number].revision).collect();
    assert_eq!((revisions, by), (vec![Some(2)], MatchedBy::ImageId));
}
