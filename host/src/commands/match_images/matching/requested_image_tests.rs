//! Tests of the rules in `docs/match-images.md` for what a pod asks for, and for the images of a host.

use gatherer_plugin_api::model::{HostImage, RequestedImage};

use super::matching_tests::{assert_found, container, find, images, requesting, sha};
use super::{Freshness, HostImages, Index, MatchedBy, NoMatch};
use crate::commands::match_images::sources::{ImageFields, ImageIdentity};

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
    let by_id = super::matching_tests::images(r#"[{"Id": "=i1", "RepoTags": ["else:1"]}]"#);
    assert_found(&by_id, &container(&sha("i1"), ""), &sha("i1"), MatchedBy::ImageId);
}

#[test]
fn a_requested_digest_is_not_that_of_a_container_whose_runtime_reports_only_an_id() {
    let by_digest = images(r#"[{"id": "a", "name": "web:1", "digests": ["web@d1"]}]"#);
    let other_id = images(r#"[{"Id": "=i2", "RepoTags": ["web:1"], "RepoDigests": ["web@d1"]}]"#);
    let same_id = images(r#"[{"Id": "=i1", "RepoTags": [], "RepoDigests": ["web@d1"]}]"#);
    let asked = format!("web:1@{}", sha("d1"));
    let requested = RequestedImage { text: asked.clone(), ..RequestedImage::default() };
    let (id, digest) = (sha("i1"), sha("d1"));
    for image in ["web:1", &id] {
        // Module Kubernetes takes the digest from the spec if the runtime reports an id instead of a name.
        let digest = Some(&*digest).filter(|_| image == id);
        let fields = ImageFields {
            image: Some(image),
            image_id: Some(&id),
            digest,
            requested: Some(&requested),
            ..ImageFields::default()
        };
        let started = ImageIdentity::of(&fields);
        assert_found(&by_digest, &started, "a", MatchedBy::RequestedDigest);
        assert!(find(&other_id, &started).is_err(), "{image}");
        assert_found(&same_id, &started, &id, MatchedBy::ImageId);
    }
    // Before it starts, and if the runtime itself names the image by its digest.
    for (image, image_id) in [("web:1", ""), (&*asked, &*id)] {
        let container = requesting(&asked, image, image_id);
        assert_found(&by_digest, &container, "a", MatchedBy::RepoDigest);
    }
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
