//! Tests of the rules in `docs/match-images.md`.

use gatherer_plugin_api::model::{HostImage, RequestedImage};

use super::{Freshness, HostImages, Index, KnownImage, MatchedBy, NoMatch};
use crate::commands::match_images::known;
use crate::commands::match_images::sources::{ImageFields, ImageIdentity};

/// A digest that contains a short word.
fn sha(word: &str) -> String {
    format!("sha256:{:0<64}", word.replace('i', "a"))
}

/// Reads a list of images, in which `@d1` and `=i1` are replaced by digests.
fn images(text: &str) -> Vec<KnownImage> {
    let mut filled = text.to_owned();
    for word in ["d1", "d2", "d3", "i1", "i2"] {
        filled = filled.replace(&format!("@{word}"), &format!("@{}", sha(word)));
        filled = filled.replace(&format!("={word}"), &sha(word));
    }
    known::read(filled.as_bytes()).unwrap_or_else(|error| panic!("{error}: {filled}"))
}

/// The identity of a container with this `image` and `imageID` in its status.
fn container(image: &str, image_id: &str) -> ImageIdentity {
    let image_id = Some(image_id).filter(|text| !text.is_empty());
    ImageIdentity::of(&ImageFields { image: Some(image), image_id, ..ImageFields::default() })
}

/// The identity of a container whose pod asks for `requested`.
fn requesting(requested: &str, image: &str, image_id: &str) -> ImageIdentity {
    let requested = RequestedImage { text: requested.to_owned(), ..RequestedImage::default() };
    ImageIdentity::of(&ImageFields {
        image: Some(image),
        image_id: Some(image_id).filter(|text| !text.is_empty()),
        requested: Some(&requested),
        ..ImageFields::default()
    })
}

/// The ids of the images that match, and the rule.
fn find(
    images: &[KnownImage],
    container: &ImageIdentity,
) -> Result<(Vec<String>, MatchedBy), NoMatch> {
    let (numbers, by) = Index::new(images).find(container, HostImages::default()).result?;
    let id = |number: usize| images[number].id.clone().expect("an id");
    Ok((numbers.into_iter().map(id).collect(), by))
}

#[track_caller]
fn assert_found(images: &[KnownImage], container: &ImageIdentity, id: &str, by: MatchedBy) {
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

#[test]
fn an_image_that_lost_its_tag_does_not_match_by_tag() {
    let images = images(r#"[{"id": "new", "name": "web:1", "digests": ["web@d2"]}]"#);
    for image in [sha("i1"), sha("i1").replace("sha256:", "")] {
        for image_id in ["", &sha("i1"), &format!("docker://{}", sha("i1"))] {
            let old = container(&image, image_id);
            assert_eq!(old.names, []);
            assert_eq!(find(&images, &old), Err(NoMatch::UnknownImage), "{image} {image_id}");
        }
        for image_id in ["", &format!("docker://{}", sha("i1"))] {
            let old = requesting("web:1", &image, image_id);
            assert_eq!(find(&images, &old), Err(NoMatch::UnknownImage), "{image} {image_id}");
        }
        // The same applies to an inventory document that still has the tag of the pod's spec.
        let fields = ImageFields {
            image: Some(&image),
            repository: Some("docker.io/library/web"),
            tag: Some("1"),
            ..ImageFields::default()
        };
        let old = ImageIdentity::of(&fields);
        assert_eq!((&old.names[..], &old.id), (&[][..], &Some(sha("i1"))));
        assert_eq!(find(&images, &old), Err(NoMatch::UnknownImage), "{image}");
    }
    let by_id = self::images(r#"[{"Id": "=i1", "RepoTags": ["else:1"]}]"#);
    assert_found(&by_id, &container(&sha("i1"), ""), &sha("i1"), MatchedBy::ImageId);
}

#[test]
fn the_requested_name_counts_beside_the_one_that_the_runtime_reports() {
    let images = images(r#"[{"id": "a", "name": "registry.example.com/app:1"}]"#);
    let running = format!("mirror.example.com/other@{}", sha("d1"));
    for image in ["mirror.example.com/other:7", &running, &sha("i1")] {
        let container = requesting("registry.example.com/app:1", image, &running);
        assert_found(&images, &container, "a", MatchedBy::RepositoryTag);
    }
    let by_members = RequestedImage {
        text: "?".to_owned(),
        repository: Some("registry.example.com/app".to_owned()),
        tag: Some("1".to_owned()),
        digest: None,
    };
    let fields = ImageFields {
        image: Some("other"),
        requested: Some(&by_members),
        ..ImageFields::default()
    };
    assert_found(&images, &ImageIdentity::of(&fields), "a", MatchedBy::RepositoryTag);
}

#[test]
fn the_requested_digest_matches_unless_an_image_has_the_reported_one() {
    let images = images(
        r#"[
        {"id": "r1", "name": "web", "digests": ["web@d1"], "revision": 1},
        {"id": "r2", "name": "web", "digests": ["web@d2"], "revision": 2}]"#,
    );
    let index = Index::new(&images);
    let requested = format!("web@{}", sha("d2"));
    let other = requesting(&requested, "web:latest", &format!("web@{}", sha("d3")));
    assert_found(&images, &other, "r2", MatchedBy::RequestedDigest);
    let (numbers, by) = index.find(&other, HostImages::default()).result.expect("a match");
    assert_eq!(index.freshness_of_container(numbers[0], by), Some(Freshness::Unknown));
    let reported = requesting(&requested, "web:latest", &format!("web@{}", sha("d1")));
    assert_found(&images, &reported, "r1", MatchedBy::RepoDigest);
    let waiting = requesting(&requested, "web:latest", "");
    assert_found(&images, &waiting, "r2", MatchedBy::RepoDigest);
}

/// A host's images. Of each, the names are `x@d1` with a digest in place of the word, or have a tag.
fn host_images(images: &[&[&str]]) -> Vec<HostImage> {
    let name = |name: &&str| match name.split_once('@') {
        Some((repository, word)) => format!("{repository}@{}", sha(word)),
        None => (*name).to_owned(),
    };
    images.iter().map(|names| HostImage { names: names.iter().map(name).collect() }).collect()
}

#[test]
fn a_host_image_joins_the_digest_of_an_index_with_that_of_a_manifest() {
    let known =
        images(r#"[{"id": "index", "name": "app:1", "digests": ["app@d1"], "revision": 1}]"#);
    let reported = container("other:7", &format!("app@{}", sha("d2")));
    let host = host_images(&[&["x@d3", "x:1"], &["app@d1", "app@d2", "other:7"]]);
    let found = Index::new(&known).find(&reported, HostImages(&host));
    assert_eq!(found.result, Ok((vec![0], MatchedBy::RepoDigest)));
    let requested =
        requesting(&format!("app@{}", sha("d1")), "app:1", &format!("app@{}", sha("d2")));
    let found = Index::new(&known).find(&requested, HostImages(&host));
    assert_eq!(found.result, Ok((vec![0], MatchedBy::RepoDigest)), "not only requested");
}

#[test]
fn a_host_image_joins_the_names_of_an_image() {
    let known = images(r#"[{"id": "a", "name": "app:1"}]"#);
    let reported = container("other:7", &format!("app@{}", sha("d2")));
    let host = host_images(&[&["app@d2", "other:7", "app:1"]]);
    let found = Index::new(&known).find(&reported, HostImages(&host));
    assert_eq!(found.result, Ok((vec![0], MatchedBy::RepositoryTag)));
}

#[test]
fn digests_differ_only_if_the_host_has_both_as_different_images() {
    let known = images(r#"[{"id": "a", "name": "app:1", "digests": ["app@d1"]}]"#);
    let reported = container("app:1", &format!("app@{}", sha("d2")));
    for (host, reason) in [
        (host_images(&[]), NoMatch::NotKnown),
        (host_images(&[&["app@d1"]]), NoMatch::NotKnown),
        (host_images(&[&["app@d2", "app:1"]]), NoMatch::NotKnown),
        (host_images(&[&["app@d3"]]), NoMatch::NotKnown),
        (host_images(&[&["app@d1"], &["app@d2", "app:1"]]), NoMatch::OtherDigest),
    ] {
        let found = Index::new(&known).find(&reported, HostImages(&host));
        assert_eq!(found.result, Err(reason), "{host:?}");
        let may_run = if reason == NoMatch::NotKnown { vec![0] } else { Vec::new() };
        assert_eq!(found.may_run, may_run, "{host:?}");
    }
}

#[test]
fn a_requested_digest_of_another_host_image_means_that_the_spec_was_changed() {
    let known = images(r#"[{"id": "a", "name": "app:1", "digests": ["app@d1"]}]"#);
    let changed =
        requesting(&format!("app:1@{}", sha("d1")), "app:1", &format!("app@{}", sha("d2")));
    let host = host_images(&[&["app@d1"], &["app@d2"]]);
    let found = Index::new(&known).find(&changed, HostImages(&host));
    assert_eq!(found.result, Err(NoMatch::OtherDigest));
}
