//! Property tests of the matching rules.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::host_images::HostImages;
use super::known::KnownImage;
use super::matching::{Index, MatchedBy, NoMatch};
use super::sources::{ImageIdentity, ImageName};

/// There are only few different values, so that they often match.
fn digest() -> impl Strategy<Value = String> {
    "[a-e]".prop_map(|letter| format!("sha256:{}", letter.repeat(64)))
}

fn name() -> impl Strategy<Value = ImageName> {
    ("[a-c]", "[12]").prop_map(|(repository, tag)| ImageName { repository, tag })
}

fn image() -> impl Strategy<Value = KnownImage> {
    let digests = prop::collection::btree_set(digest(), 0..3);
    let references = prop::collection::btree_set(name(), 0..3);
    let config = prop::option::of(digest());
    let revision = prop::option::of(0_u64..3);
    (digests, references, config, revision).prop_map(|(digests, references, config, revision)| {
        KnownImage { revision, digests, config, references, ..KnownImage::default() }
    })
}

fn container() -> impl Strategy<Value = ImageIdentity> {
    let digests = prop::collection::vec(digest(), 0..2);
    let names = prop::collection::vec(name(), 0..3);
    (digests, prop::option::of(digest()), names, prop::option::of(digest())).prop_map(
        |(digests, id, names, requested_digest)| ImageIdentity {
            digests,
            id,
            names,
            requested_digest,
        },
    )
}

proptest! {
    #[test]
    fn finds_only_matches_and_by_the_most_certain_rule(
        images in prop::collection::vec(image(), 0..6),
        container in container(),
    ) {
        let all: BTreeSet<&str> = container.all().collect();
        let has_digest =
            |image: &KnownImage| image.digests.iter().any(|digest| all.contains(&**digest));
        let has_id =
            |image: &KnownImage| image.config.as_deref().is_some_and(|id| all.contains(id));
        let has_name = |image: &KnownImage| {
            container.names.iter().any(|name| image.references.contains(name))
        };
        let is_requested = |image: &KnownImage| {
            let other_id = container.id.is_some() && image.config.is_some();
            let requested = container.requested_digest.as_ref();
            !other_id && requested.is_some_and(|digest| image.digests.contains(digest))
        };
        let found = Index::new(&images).find(&container, HostImages::default()).result;
        let most_certain = if images.iter().any(has_digest) {
            Some(MatchedBy::RepoDigest)
        } else if images.iter().any(has_id) {
            Some(MatchedBy::ImageId)
        } else if images.iter().any(is_requested) {
            Some(MatchedBy::RequestedDigest)
        } else {
            None
        };
        match found {
            Ok((numbers, by)) => {
                prop_assert!(!numbers.is_empty());
                prop_assert_eq!(by, most_certain.unwrap_or(MatchedBy::RepositoryTag));
                for image in numbers.iter().map(|&number| &images[number]) {
                    let matches = match by {
                        MatchedBy::RepoDigest => has_digest(image),
                        MatchedBy::ImageId => has_id(image),
                        MatchedBy::RequestedDigest => is_requested(image),
                        MatchedBy::RepositoryTag => has_name(image),
                    };
                    prop_assert!(matches);
                }
            }
            Err(reason) => {
                prop_assert_eq!(most_certain, None);
                let is_named = images.iter().any(has_name);
                prop_assert_eq!(reason == NoMatch::UnknownImage, !is_named);
                let has_other_id = |image: &KnownImage| {
                    container.id.is_some() && image.config.is_some()
                };
                let named = images.iter().filter(|image| has_name(image));
                let is_other = is_named && named.into_iter().all(has_other_id);
                prop_assert_eq!(reason == NoMatch::OtherDigest, is_other);
            }
        }
    }

    #[test]
    fn the_result_does_not_depend_on_the_order_of_images(
        images in prop::collection::vec(image(), 0..6),
        container in container(),
    ) {
        let found = |images: &[KnownImage]| {
            let index = Index::new(images);
            index.find(&container, HostImages::default()).result.map(|(numbers, by)| {
                let mut matched: Vec<_> = numbers
                    .into_iter()
                    .map(|number| {
                        let freshness = index.freshness(number);
                        let of_container = index.freshness_of_container(number, by);
                        (images[number].clone(), freshness, of_container)
                    })
                    .collect();
                matched.sort();
                (matched, by)
            })
        };
        let reversed: Vec<_> = images.iter().rev().cloned().collect();
        prop_assert_eq!(found(&images), found(&reversed));
    }
}
