//! How an item is cut into records, and which collections there are.

use super::{COLLECTIONS, Item, PIECE, PIECE_BYTES};
use crate::Record;
use crate::encode::json_length;
use crate::model::{
    ConfigMap, Controller, Guest, Namespace, Pod, PodReference, SecretKeys, Service,
    ServiceAccount, Use,
};
use crate::record::RECORD_MAX_BYTES;

fn reference(name: impl Into<String>) -> PodReference {
    let name = name.into();
    PodReference { uid: name.clone(), name }
}

/// The records of an item.
fn cut(item: impl Into<Item>) -> Vec<Item> {
    let mut item = item.into();
    let more = item.split_off();
    std::iter::once(item).chain(more).collect()
}

fn pods_of(parts: Vec<Item>) -> Vec<Vec<PodReference>> {
    let pods = |part| match part {
        Item::Service(part) if part.uid == "s" => part.pods.expect("its pods"),
        other => panic!("not of the service: {other:?}"),
    };
    parts.into_iter().map(pods).collect()
}

#[test]
fn the_list_of_collections_has_each_that_an_item_can_be_of() {
    let items = [
        Item::from(Namespace::default()),
        ServiceAccount::default().into(),
        Controller::default().into(),
        Pod::default().into(),
        Service::default().into(),
        ConfigMap::default().into(),
        SecretKeys::default().into(),
        Item::DetachedGuest(Box::new(Guest::new("i", "n"))),
    ];
    let of_items: Vec<_> = items.iter().map(Item::collection).collect();
    assert_eq!(of_items, COLLECTIONS);
}

#[test]
fn a_long_list_goes_into_several_records_and_nothing_of_it_is_lost() {
    for count in [0, 1, PIECE, PIECE + 1, 10 * PIECE + 3] {
        let pods: Vec<_> = (0..count).map(|n| reference(n.to_string())).collect();
        let service = Service { uid: "s".into(), pods: Some(pods.clone()), ..Service::default() };
        let parts = pods_of(cut(service));
        assert!(parts.iter().all(|part| part.len() <= PIECE), "{count}");
        assert_eq!(parts.concat(), pods);
    }
}

#[test]
fn a_list_of_long_entries_is_cut_by_their_length() {
    // Escaping makes each letter of them six.
    let pods: Vec<_> = (0..40).map(|n| reference("\u{1}".repeat(n * 150))).collect();
    let service = Service { uid: "s".into(), pods: Some(pods.clone()), ..Service::default() };
    let parts = pods_of(cut(service));
    assert!(parts.len() > 2, "{}", parts.len());
    assert!(parts.iter().all(|part| !part.is_empty() && json_length(part) <= PIECE_BYTES + 2));
    assert_eq!(parts.concat(), pods);
}

#[test]
fn an_entry_that_is_too_long_by_itself_is_a_piece_of_its_own() {
    let long = "x".repeat(PIECE_BYTES);
    let pods = vec![reference("a"), reference(long.as_str()), reference("b"), reference("c")];
    let service = Service { uid: "s".into(), pods: Some(pods.clone()), ..Service::default() };
    let parts = pods_of(cut(service));
    assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(parts.concat(), pods);
}

#[test]
fn the_keys_and_uses_of_config_maps_and_secrets_are_cut_and_each_record_is_short_enough() {
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
    for parts in [cut(map), cut(secret)] {
        let (mut all_keys, mut all_uses) = (Vec::new(), Vec::new());
        for item in parts {
            let record = Record::Item { item: item.clone(), more: true };
            assert!(json_length(&record) <= RECORD_MAX_BYTES);
            let (uid, keys, uses) = match item {
                Item::ConfigMap(part) => (part.uid, part.keys, part.used_by),
                Item::Secret(part) => (part.uid, part.keys, part.used_by),
                other => panic!("neither: {other:?}"),
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
    assert_eq!(cut(map.clone()), [Item::from(map)]);
    assert_eq!(cut(Pod::default()).len(), 1);
}
