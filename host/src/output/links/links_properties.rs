//! Properties of links, for machines whose identifiers are drawn from very few values.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{Inventory, LinkKind, LinkedObject, ObjectKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::add_links;
use crate::output::inventory::assemble;

const UUIDS: [&str; 4] = [
    "4c4c4544-0042-3510-8051-b4c04f4d3132",
    "44454c4c-4200-1035-8051-b4c04f4d3132",
    "7b2f5c1e-08d3-4f4e-9a52-1d3c6b7e8f90",
    "00000000-0000-0000-0000-000000000000",
];

fn some_uuid() -> impl Strategy<Value = Option<&'static str>> {
    prop::option::of(prop::sample::select(&UUIDS[..]))
}

/// A guest without its name.
fn some_guest() -> impl Strategy<Value = Value> {
    some_uuid().prop_map(|uuid| json!({"uuid": uuid, "id": uuid}))
}

/// A host without its name.
fn some_host() -> impl Strategy<Value = Value> {
    let guests = prop::collection::vec(some_guest(), 0..3);
    (some_uuid(), some_uuid(), some_uuid(), guests, any::<bool>()).prop_map(
        |(uuid, system, provider, guests, synthetic)| {
            let mut identifiers = json!({"uuid": uuid, "systemUuid": system});
            if let Some(provider) = provider {
                identifiers["providerId"] = format!("openstack:///{provider}").into();
            }
            json!({"identifiers": identifiers, "guests": guests, "synthetic": synthetic})
        },
    )
}

/// An inventory in which each host and guest has a name of its own.
fn some_inventory() -> impl Strategy<Value = Inventory> {
    let hosts = prop::collection::vec(some_host(), 0..3);
    prop::collection::vec(hosts, 1..4).prop_map(|endpoints| {
        let mut number = 0;
        let mut name = |object: &mut Value, kind| {
            number += 1;
            object["name"] = format!("{kind}{number}").into();
        };
        let mut endpoints: Vec<Value> = endpoints
            .into_iter()
            .enumerate()
            .map(
                |(id, hosts)| json!({"id": format!("e{id}"), "status": "complete", "hosts": hosts}),
            )
            .collect();
        for endpoint in &mut endpoints {
            for host in endpoint["hosts"].as_array_mut().expect("hosts") {
                name(host, "h");
                host["id"] = host["name"].clone();
                host["guests"]
                    .as_array_mut()
                    .expect("guests")
                    .iter_mut()
                    .for_each(|guest| name(guest, "g"));
            }
        }
        let endpoints = endpoints
            .into_iter()
            .map(|endpoint| serde_json::from_value(endpoint).expect("an endpoint"));
        assemble(endpoints.collect(), None)
    })
}

/// The names of the objects that each object is the same as, in both directions.
fn same(inventory: &Inventory) -> BTreeMap<LinkedObject, BTreeSet<LinkedObject>> {
    let mut all = BTreeMap::<_, BTreeSet<_>>::new();
    for link in inventory.links.iter().filter(|link| link.kind == LinkKind::Same) {
        all.entry(link.from.clone()).or_default().insert(link.to.clone());
        all.entry(link.to.clone()).or_default().insert(link.from.clone());
    }
    all
}

/// The objects that an object is the same as, also through others, and itself.
fn closure<'a>(
    same: &'a BTreeMap<LinkedObject, BTreeSet<LinkedObject>>,
    object: &'a LinkedObject,
) -> BTreeSet<&'a LinkedObject> {
    let (mut all, mut next) = (BTreeSet::new(), vec![object]);
    while let Some(other) = next.pop() {
        if all.insert(other) {
            next.extend(&same[other]);
        }
    }
    all
}

proptest! {
    #[test]
    fn an_object_is_the_same_as_at_most_one_guest_and_one_host_of_an_endpoint(mut inventory in some_inventory()) {
        add_links(&mut inventory);
        let same = same(&inventory);
        for object in same.keys() {
            let all = closure(&same, object);
            prop_assert!(!same[object].contains(object));
            let mut seen = BTreeSet::new();
            for other in &all {
                prop_assert!(seen.insert((&other.endpoint, other.kind)), "{object:?}: {all:?}");
            }
        }
    }

    #[test]
    fn an_object_runs_on_the_host_of_a_guest_that_it_is(mut inventory in some_inventory()) {
        add_links(&mut inventory);
        let same = same(&inventory);
        for link in inventory.links.iter().filter(|link| link.kind == LinkKind::RunsOn) {
            prop_assert!(link.to.kind == ObjectKind::Host && link.from != link.to);
            let endpoint = inventory.endpoints.iter().find(|endpoint| endpoint.id == link.to.endpoint);
            let host = endpoint.expect("an endpoint").hosts.iter().find(|host| host.name == link.to.name);
            let host = host.expect("a host");
            prop_assert!(!host.synthetic);
            let is_on_it = |object: &LinkedObject| host.guests.iter().any(|guest| guest.name == object.name);
            prop_assert!(closure(&same, &link.from).into_iter().any(is_on_it), "{link:?}");
        }
    }

    #[test]
    fn all_hosts_that_are_one_machine_run_on_the_same_hosts(mut inventory in some_inventory()) {
        add_links(&mut inventory);
        let same = same(&inventory);
        let places = |object: &LinkedObject| -> BTreeSet<&LinkedObject> {
            let own = inventory.links.iter().filter(|link| link.kind == LinkKind::RunsOn && link.from == *object);
            own.map(|link| &link.to).collect()
        };
        for object in same.keys().filter(|object| object.kind == ObjectKind::Host) {
            let all = closure(&same, object);
            for other in all.into_iter().filter(|other| other.kind == ObjectKind::Host) {
                prop_assert_eq!(places(object), places(other), "{:?}", inventory.links);
            }
        }
    }

    #[test]
    fn no_object_runs_on_itself(mut inventory in some_inventory()) {
        add_links(&mut inventory);
        let same = same(&inventory);
        let places = |object: &LinkedObject| -> Vec<LinkedObject> {
            let own = inventory.links.iter().filter(|link| link.kind == LinkKind::RunsOn && link.from == *object);
            own.map(|link| link.to.clone()).collect()
        };
        for start in inventory.links.iter().map(|link| &link.from) {
            let (mut seen, mut next) = (BTreeSet::new(), places(start));
            while let Some(object) = next.pop() {
                prop_assert!(object != *start, "{:?}", inventory.links);
                if seen.insert(object.clone()) {
                    next.extend(places(&object));
                    next.extend(same.get(&object).into_iter().flatten().cloned());
                }
            }
        }
    }

    #[test]
    fn links_are_the_same_in_any_order(inventory in some_inventory()) {
        let mut one = inventory.clone();
        let mut other = inventory;
        other.endpoints.reverse();
        for endpoint in &mut other.endpoints {
            endpoint.hosts.reverse();
        }
        add_links(&mut one);
        add_links(&mut other);
        let pairs = |inventory: &Inventory| -> BTreeSet<_> {
            let ends = |objects: [&LinkedObject; 2]| objects.map(Clone::clone);
            inventory.links.iter().map(|link| (link.kind, ends([&link.from, &link.to]))).collect()
        };
        let related = |inventory: &Inventory| same(inventory).into_keys().collect::<BTreeSet<_>>();
        prop_assert_eq!(related(&one), related(&other));
        let runs_on = |inventory: &Inventory| -> BTreeSet<_> {
            pairs(inventory).into_iter().filter(|(kind, _)| *kind == LinkKind::RunsOn).collect()
        };
        prop_assert_eq!(runs_on(&one), runs_on(&other));
    }
}
