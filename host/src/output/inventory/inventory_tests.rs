//! Tests of the order of an inventory, and of failed endpoints in it.

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, ConfigMap, Controller, EndpointResult, EndpointStatus, Guest,
    Host, Inventory, Namespace, Pod, PodReference, SecretKeys, Service, ServiceAccount, Use,
    Workloads,
};
use proptest::prelude::*;

use super::{assemble, counted};

fn endpoint(id: &str, status: EndpointStatus, hosts: Vec<Host>) -> EndpointResult {
    EndpointResult { status, hosts, ..EndpointResult::new(id.into(), None, None) }
}

#[test]
fn the_inventory_does_not_depend_on_the_order_of_answers() {
    let mut host = Host::new("1", "a");
    host.guests = vec![Guest::new("2", "x"), Guest::new("1", "y"), Guest::new("1", "x")];
    host.guests.push(Guest { cpus: Some(1), ..Guest::new("1", "x") });
    let mut reversed = host.clone();
    reversed.guests.reverse();
    let other = Host::new("1", "b");
    let complete = EndpointStatus::Complete;
    let one = assemble(
        vec![endpoint("p", complete, vec![host, other.clone()]), endpoint("q", complete, vec![])],
        None,
    );
    let two = assemble(
        vec![endpoint("q", complete, vec![]), endpoint("p", complete, vec![other, reversed])],
        None,
    );
    assert_eq!(one, two);
}

/// Namespace, name and uid of an object. There are only few different values, so that some are equal.
type ObjectKey = (String, String, String);

fn ids() -> impl Strategy<Value = Vec<ObjectKey>> {
    prop::collection::vec(("[ab]", "[ab]", "[ab]"), 0..12)
}

/// Workloads in which each list has these objects.
fn workloads(ids: &[ObjectKey]) -> Workloads {
    macro_rules! items {
        ($type:ident { $($more:tt)* }) => {
            ids.iter()
                .map(|(namespace, name, uid)| $type {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    uid: uid.clone(),
                    $($more)*
                })
                .collect()
        };
    }
    let pod = |(_, name, uid): &ObjectKey| PodReference { name: name.clone(), uid: uid.clone() };
    let pods: Vec<_> = ids.iter().map(pod).collect();
    let uses: Vec<_> = pods.iter().map(|pod| Use { pod: pod.clone(), ..Use::default() }).collect();
    Workloads {
        namespaces: ids
            .iter()
            .map(|(_, name, uid)| Namespace {
                name: name.clone(),
                uid: uid.clone(),
                ..Namespace::default()
            })
            .collect(),
        service_accounts: items!(ServiceAccount {}),
        controllers: items!(Controller { ..Controller::default() }),
        pods: items!(Pod { ..Pod::default() }),
        services: items!(Service { pods: Some(pods.clone()), ..Service::default() }),
        config_maps: items!(ConfigMap { used_by: Some(uses.clone()), ..ConfigMap::default() }),
        secrets: items!(SecretKeys { used_by: Some(uses.clone()), ..SecretKeys::default() }),
    }
}

/// An inventory with one endpoint that has these objects.
fn assembled(ids: &[ObjectKey]) -> Inventory {
    let mut workloads = workloads(ids);
    // Pods with the same key differ in a label.
    let mut equal = std::collections::BTreeMap::<&ObjectKey, u32>::new();
    for (pod, id) in workloads.pods.iter_mut().zip(ids) {
        let number = equal.entry(id).or_default();
        *number += 1;
        pod.labels.insert("number".into(), number.to_string());
    }
    let guests = ids.iter().map(|(_, name, uid)| Guest::new(uid, name)).collect();
    let mut endpoint = endpoint("e", EndpointStatus::Complete, Vec::new());
    endpoint.workloads = workloads;
    endpoint.detached_guests = guests;
    assemble(vec![endpoint], None)
}

proptest! {
    #[test]
    fn the_inventory_does_not_depend_on_the_order_of_items(
        (ids, shuffled) in ids().prop_flat_map(|ids| (Just(ids.clone()), Just(ids).prop_shuffle()))
    ) {
        let (one, other) = (assembled(&ids), assembled(&shuffled));
        prop_assert_eq!(
            serde_json::to_string(&one).expect("JSON"),
            serde_json::to_string(&other).expect("JSON")
        );
        let pods = &one.endpoints[0].workloads.pods;
        prop_assert!(pods.is_sorted_by_key(|pod| (&pod.namespace, &pod.name, &pod.uid)));
        prop_assert_eq!(pods.len(), ids.len(), "none is lost");
    }
}

#[test]
fn items_are_sorted_by_namespace_then_name_then_uid() {
    let id = |namespace: &str, name: &str, uid: &str| (namespace.into(), name.into(), uid.into());
    let reversed = [id("b", "a", "1"), id("a", "b", "1"), id("a", "a", "2"), id("a", "a", "1")];
    let inventory = assembled(&reversed);
    let Workloads { namespaces, service_accounts, controllers, pods, .. } =
        &inventory.endpoints[0].workloads;
    let Workloads { services, config_maps, secrets, .. } = &inventory.endpoints[0].workloads;
    macro_rules! order {
        ($list:expr) => {
            $list.iter().map(|item| (&*item.namespace, &*item.name, &*item.uid)).collect::<Vec<_>>()
        };
    }
    let sorted = [("a", "a", "1"), ("a", "a", "2"), ("a", "b", "1"), ("b", "a", "1")];
    assert_eq!(order!(service_accounts), sorted);
    assert_eq!(order!(controllers), sorted);
    assert_eq!(order!(pods), sorted);
    assert_eq!(order!(services), sorted);
    assert_eq!(order!(config_maps), sorted);
    assert_eq!(order!(secrets), sorted);
    let names: Vec<_> = namespaces.iter().map(|item| (&*item.name, &*item.uid)).collect();
    assert_eq!(names, [("a", "1"), ("a", "1"), ("a", "2"), ("b", "1")]);
}

#[test]
fn a_failed_endpoint_has_no_hosts_or_items() {
    let mut failed = endpoint("p", EndpointStatus::Failed, vec![Host::new("1", "a")]);
    failed.detached_guests = vec![Guest::new("1", "a")];
    failed.workloads = workloads(&[("n".into(), "a".into(), "u".into())]);
    let complete = CollectionStatus { status: Completeness::Complete, error: None };
    failed.collections.insert("pods".into(), complete);
    let shown = &assemble(vec![failed], None).endpoints[0];
    assert!(shown.hosts.is_empty() && shown.detached_guests.is_empty());
    assert!(shown.workloads.is_empty() && shown.collections.is_empty());
}

#[test]
fn counts_hosts_and_guests_and_only_existing_kinds_of_items() {
    assert_eq!(counted(&[], &[], &Workloads::default()), "0 hosts, 0 guests");
    let mut host = Host::new("1", "a");
    host.guests = vec![Guest::new("1", "a")];
    let all = workloads(&[("n".into(), "a".into(), "u".into())]);
    assert_eq!(
        counted(
            &[host],
            &[Guest::new("2", "b")],
            &Workloads { pods: [&*all.pods; 2].concat(), ..all }
        ),
        "1 host, 2 guests, 1 namespace, 1 service account, 1 controller, 2 pods, 1 service, \
         1 config map, 1 secret"
    );
}
