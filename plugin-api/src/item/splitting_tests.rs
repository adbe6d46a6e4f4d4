//! Tests of splitting items into records.

use super::{Item, PIECE_BYTES, PIECE_ENTRIES};
use crate::Record;
use crate::encode::json_length;
use crate::model::{ConfigMap, Pod, PodReference, SecretKeys, Service, Use};
use crate::record::RECORD_MAX_BYTES;

fn reference(name: impl Into<String>) -> PodReference {
    let name = name.into();
    PodReference { uid: name.clone(), name }
}

/// Splits an item into the items of its records.
fn split(item: impl Into<Item>) -> Vec<Item> {
    let mut item = item.into();
    let pieces = item.split_off();
    std::iter::once(item).chain(pieces).collect()
}

fn pods_of(pieces: Vec<Item>) -> Vec<Vec<PodReference>> {
    let pods = |piece| match piece {
        Item::Service(piece) if piece.uid == "s" => piece.pods.expect("a piece has pods"),
        other => panic!("not a piece of the service: {other:?}"),
    };
    pieces.into_iter().map(pods).collect()
}

#[test]
fn a_long_list_is_split_without_loss() {
    for count in [0, 1, PIECE_ENTRIES, PIECE_ENTRIES + 1, 10 * PIECE_ENTRIES + 3] {
        let pods: Vec<_> = (0..count).map(|n| reference(n.to_string())).collect();
        let service = Service { uid: "s".into(), pods: Some(pods.clone()), ..Service::default() };
        let pieces = pods_of(split(service));
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE_ENTRIES), "{count}");
        assert_eq!(pieces.concat(), pods);
    }
}

#[test]
fn a_list_of_long_entries_is_split_by_their_length() {
    // JSON escapes each of these characters as six.
    let pods: Vec<_> = (0..40).map(|n| reference("\u{1}".repeat(n * 150))).collect();
    let service = Service { uid: "s".into(), pods: Some(pods.clone()), ..Service::default() };
    let pieces = pods_of(split(service));
    assert!(pieces.len() > 2, "{}", pieces.len());
    assert!(pieces.iter().all(|piece| !piece.is_empty() && json_length(piece) <= PIECE_BYTES + 2));
    assert_eq!(pieces.concat(), pods);
}

#[test]
fn an_entry_longer_than_a_piece_gets_a_piece_without_other_entries() {
    let long = "x".repeat(PIECE_BYTES);
    let pods = vec![reference("a"), reference(long.as_str()), reference("b"), reference("c")];
    let service = Service { uid: "s".into(), pods: Some(pods.clone()), ..Service::default() };
    let pieces = pods_of(split(service));
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(pieces.concat(), pods);
}

#[test]
fn keys_and_uses_of_config_maps_and_secrets_are_split_into_records_within_the_limit() {
    let keys: Vec<_> = (0..3000).map(|n| format!("{n:0>253}")).collect();
    let path = "/".repeat(4096);
    let one = |n: u32| Use {
        pod: reference(n.to_string()),
        mount_path: Some(path.clone()),
        sub_path: Some(path.clone()),
        ..Use::default()
    };
    let uses: Vec<_> = (0..200).map(one).collect();
    let (uid, used_by) = ("u".to_owned(), Some(uses.clone()));
    let map = ConfigMap { uid, keys: keys.clone(), used_by, ..ConfigMap::default() };
    let (uid, used_by) = ("u".to_owned(), Some(uses.clone()));
    let secret = SecretKeys { uid, keys: keys.clone(), used_by, ..SecretKeys::default() };
    for pieces in [split(map), split(secret)] {
        let (mut all_keys, mut all_uses) = (Vec::new(), Vec::new());
        for item in pieces {
            let record = Record::Item { item: item.clone(), more: true };
            assert!(json_length(&record) <= RECORD_MAX_BYTES);
            let (uid, keys, uses) = match item {
                Item::ConfigMap(piece) => (piece.uid, piece.keys, piece.used_by),
                Item::Secret(piece) => (piece.uid, piece.keys, piece.used_by),
                other => panic!("neither a config map nor a secret: {other:?}"),
            };
            assert_eq!(uid, "u");
            all_keys.extend(keys);
            all_uses.extend(uses.unwrap_or_default());
        }
        assert!(all_keys == keys && all_uses == uses);
    }
}

#[test]
fn a_short_item_is_one_record() {
    let map =
        ConfigMap { keys: vec!["a".into()], used_by: Some(Vec::new()), ..ConfigMap::default() };
    assert_eq!(split(map.clone()), [Item::from(map)]);
    assert_eq!(split(Pod::default()).len(), 1);
}
