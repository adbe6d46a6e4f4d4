//! Each rule of `docs/match-images.md` once.

use super::{Freshness, Index, KnownImage, MatchedBy, NoMatch};
use crate::commands::match_images::known;
use crate::commands::match_images::sources::{Identity, Said};

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
fn find(images: &[KnownImage], container: &Identity) -> Result<(Vec<String>, MatchedBy), NoMatch> {
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

#[test]
fn the_digest_in_a_name_counts_as_its_digests_do() {
    let images =
        images(r#"[{"id": "alone", "name": "web@d1"}, {"id": "tagged", "name": "app:1@d2"}]"#);
    let by_digest = container("mirror.example.com/web:7", &format!("web@{}", sha("d1")));
    assert_found(&images, &by_digest, "alone", MatchedBy::RepoDigest);
    let other = container("app:1", &format!("app@{}", sha("d3")));
    assert_eq!(find(&images, &other), Err(NoMatch::OtherDigest));
    assert_found(&images, &container("app:1", ""), "tagged", MatchedBy::RepositoryTag);
}

#[test]
fn what_runs_decides_and_not_what_the_pod_asks_for_by_now() {
    let images = images(
        r#"[
        {"id": "r1", "name": "web", "digests": ["web@d1"], "revision": 1},
        {"id": "r2", "name": "web", "digests": ["web@d2"], "revision": 2}]"#,
    );
    let (asked, runs) = (format!("web@{}", sha("d2")), format!("web@{}", sha("d1")));
    let old = container(&asked, &runs);
    assert_found(&images, &old, "r1", MatchedBy::RepoDigest);
    let digest = sha("d1");
    let told = Said { image: Some(&asked), digest: Some(&digest), ..Said::default() };
    assert_found(&images, &Identity::of(&told), "r1", MatchedBy::RepoDigest);
    let waiting = container(&asked, "");
    assert_found(&images, &waiting, "r2", MatchedBy::RepoDigest);
}

#[test]
fn revisions_without_a_digest_in_common_are_not_the_same_bytes() {
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
fn revisions_of_one_id_are_the_same_bytes() {
    let images = images(
        r#"[
        {"id": "=i1", "name": "web", "revision": 1},
        {"id": "=i1", "name": "web", "revision": 2}]"#,
    );
    let index = Index::new(&images);
    let (places, by) = index.find(&container("web", &sha("i1"))).expect("a match");
    let revisions: Vec<_> = places.iter().map(|&place| images[place].revision).collect();
    assert_eq!((revisions, by), (vec![Some(2)], MatchedBy::ImageId));
}

#[test]
fn a_container_whose_image_has_lost_its_tag_does_not_match_by_tag() {
    let images = images(r#"[{"id": "new", "name": "web:1", "digests": ["web@d2"]}]"#);
    for image in [sha("i1"), sha("i1").replace("sha256:", "")] {
        for image_id in ["", &sha("i1"), &format!("docker://{}", sha("i1"))] {
            let old = container(&image, image_id);
            assert_eq!(old.name, None);
            assert_eq!(find(&images, &old), Err(NoMatch::UnknownImage), "{image} {image_id}");
        }
        // Nor if somebody's document still has the tag of what the pod asks for.
        let told = Said {
            image: Some(&image),
            repository: Some("docker.io/library/web"),
            tag: Some("1"),
            ..Said::default()
        };
        let old = Identity::of(&told);
        assert_eq!((&old.name, &old.id), (&None, &Some(sha("i1"))));
        assert_eq!(find(&images, &old), Err(NoMatch::UnknownImage), "{image}");
    }
    let by_id = self::images(r#"[{"Id": "=i1", "RepoTags": ["else:1"]}]"#);
    assert_found(&by_id, &container(&sha("i1"), ""), &sha("i1"), MatchedBy::ImageId);
}
