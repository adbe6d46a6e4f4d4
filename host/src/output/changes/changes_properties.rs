//! Property tests: the changes, applied to what was known before, give what is known after.

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointStatus, Guest, Host, Namespace, Pod,
    PodHost, Service,
};
use proptest::prelude::*;

use super::applied::KnownObjects;
use super::{Change, ObjectKind, compare};

/// All kinds of objects.
const KINDS: [ObjectKind; 9] = [
    ObjectKind::Host,
    ObjectKind::Guest,
    ObjectKind::Namespace,
    ObjectKind::ServiceAccount,
    ObjectKind::Controller,
    ObjectKind::Pod,
    ObjectKind::Service,
    ObjectKind::ConfigMap,
    ObjectKind::Secret,
];

/// A guest. There are only few ids and names, so that many are duplicated.
fn guest() -> impl Strategy<Value = Guest> {
    let id = prop_oneof![1 => Just(None), 6 => "[abc]".prop_map(Some)];
    (id, "[xy]", 0..3_u32, proptest::option::of("[0-9]")).prop_map(|(id, name, cpus, uptime)| {
        Guest {
            id,
            cpus: Some(cpus),
            attributes: uptime.map(|uptime| ("uptime".to_owned(), uptime)).into_iter().collect(),
            ..Guest::new("", name)
        }
    })
}

fn guests() -> impl Strategy<Value = Vec<Guest>> {
    prop::collection::vec(guest(), 0..4)
}

fn host() -> impl Strategy<Value = Host> {
    ("[ab]?", "[xy]", proptest::option::of(0..2_u64), guests()).prop_map(
        |(id, name, memory_bytes, guests)| Host { memory_bytes, guests, ..Host::new(id, name) },
    )
}

fn pod() -> impl Strategy<Value = Pod> {
    ("[ab]?", "[xy]", "[ab]", proptest::option::of("[hi]")).prop_map(
        |(uid, name, namespace, host)| Pod {
            uid,
            name,
            namespace,
            host: host.map(|name| PodHost { id: None, name }),
            ..Pod::default()
        },
    )
}

fn service() -> impl Strategy<Value = Service> {
    ("[ab]?", "[xy]", "[ab]{0,2}").prop_map(|(uid, name, kind)| Service {
        uid,
        name,
        kind: Some(kind),
        ..Service::default()
    })
}

/// A complete result with complete collections.
fn result() -> impl Strategy<Value = EndpointResult> {
    let items = (prop::collection::vec(pod(), 0..5), prop::collection::vec(service(), 0..4));
    (prop::collection::vec(host(), 0..4), guests(), items).prop_map(
        |(hosts, detached_guests, (pods, services))| {
            let mut result = EndpointResult::new("e".into(), None, None);
            result.status = EndpointStatus::Complete;
            result.hosts = hosts;
            result.detached_guests = detached_guests;
            let namespace = |pod: &Pod| Namespace {
                name: pod.namespace.clone(),
                uid: pod.uid.clone(),
                ..Namespace::default()
            };
            result.workloads.namespaces = pods.iter().map(namespace).collect();
            result.workloads.pods = pods;
            result.workloads.services = services;
            for collection in Collection::ALL {
                let complete = CollectionStatus { status: Completeness::Complete, error: None };
                result.collections.insert(collection.as_str().to_owned(), complete);
            }
            result
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_changes_applied_to_the_result_before_give_the_result_after(
        before in result(),
        after in result(),
    ) {
        let mut known = KnownObjects::of(&before);
        known.apply(&compare(&before, &after));
        let expected = KnownObjects::of(&after);
        for kind in KINDS {
            prop_assert_eq!(known.sorted(kind), expected.sorted(kind), "{:?}", kind);
        }
    }

    #[test]
    fn a_result_has_no_changes_against_itself_in_another_order(result in result()) {
        let mut reversed = result.clone();
        reversed.hosts.reverse();
        reversed.hosts.iter_mut().for_each(|host| host.guests.reverse());
        reversed.detached_guests.reverse();
        reversed.workloads.pods.reverse();
        reversed.workloads.services.reverse();
        prop_assert_eq!(compare(&result, &reversed), vec![]);
    }

    #[test]
    fn changes_are_sorted_and_survive_a_round_trip_through_json(
        before in result(),
        after in result(),
    ) {
        let changes = compare(&before, &after);
        let key = |change: &Change| (change.object, change.id.clone(), change.name.clone());
        prop_assert!(changes.is_sorted_by_key(key));
        let text = serde_json::to_string(&changes).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Vec<Change>>(&text).expect("changes"), changes);
    }
}
