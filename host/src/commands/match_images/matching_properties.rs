//! What holds of every match, whatever the images and the container.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::known::KnownImage;
use super::matching::{Index, MatchedBy, NoMatch};
use super::sources::{Identity, Name};

/// Few of each, so that they meet.
fn digest() -> impl Strategy<Value = String> {
    "[a-e]".prop_map(|letter| format!("sha256:{}", letter.repeat(64)))
}

fn name() -> impl Strategy<Value = Name> {
    ("[a-c]", "[12]").prop_map(|(repository, tag)| Name { repository, tag })
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

fn container() -> impl Strategy<Value = Identity> {
    let digests = prop::collection::vec(digest(), 0..2);
    (digests, prop::option::of(digest()), prop::option::of(name()))
        .prop_map(|(digests, id, name)| Identity { digests, id, name })
}

proptest! {
    #[test]
    fn every_match_holds_and_no_surer_one_was_passed_over(
        images in prop::collection::vec(image(), 0..6),
        container in container(),
    ) {
        let all: BTreeSet<&str> = container.all().collect();
        let has_digest =
            |image: &KnownImage| image.digests.iter().any(|digest| all.contains(&**digest));
        let has_id =
            |image: &KnownImage| image.config.as_deref().is_some_and(|id| all.contains(id));
        let has_name = |image: &KnownImage| {
            container.name.as_ref().is_some_and(|name| image.references.contains(name))
        };
        let found = Index::new(&images).find(&container);
        let surest = if images.iter().any(has_digest) {
            Some(MatchedBy::RepoDigest)
        } else if images.iter().any(has_id) {
            Some(MatchedBy::ImageId)
        } else {
            None
        };
        match found {
            Ok((places, by)) => {
                prop_assert!(!places.is_empty());
                prop_assert_eq!(by, surest.unwrap_or(MatchedBy::RepositoryTag));
                for image in places.iter().map(|&place| &images[place]) {
                    let holds = match by {
                        MatchedBy::RepoDigest => has_digest(image),
                        MatchedBy::ImageId => has_id(image),
                        MatchedBy::RepositoryTag => has_name(image),
                    };
                    prop_assert!(holds);
                }
            }
            Err(reason) => {
                prop_assert_eq!(surest, None);
                let is_named = images.iter().any(has_name);
                prop_assert_eq!(reason == NoMatch::OtherDigest, is_named);
            }
        }
    }

    #[test]
    fn the_order_of_the_images_changes_nothing(
        images in prop::collection::vec(image(), 0..6),
        container in container(),
    ) {
        let found = |images: &[KnownImage]| {
            let index = Index::new(images);
            index.find(&container).map(|(places, by)| {
                let mut matched: Vec<_> = places
                    .into_iter()
                    .map(|place| (images[place].clone(), index.freshness(place), index.runs(place, by)))
                    .collect();
                matched.sort();
                (matched, by)
            })
        };
        let reversed: Vec<_> = images.iter().rev().cloned().collect();
        prop_assert_eq!(found(&images), found(&reversed));
    }
}
