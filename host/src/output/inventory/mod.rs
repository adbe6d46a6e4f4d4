//! Combines results into an inventory, in an order that does not depend on timing, and formats counts of hosts,
//! guests and items.

#[cfg(test)]
mod inventory_tests;
pub mod pods;
mod shared_ids;

use std::cmp::Ordering;

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{
    CollectionStatus, EndpointResult, EndpointStatus, Guest, Host, Inventory, RunInfo,
    SCHEMA_VERSION, Software, Timestamp, Workloads,
};
use jiff::SignedDuration;
use serde::Serialize;

pub use shared_ids::warn_of_shared_ids;

/// Combines the results. Without `run`, data that differ from run to run are left out.
pub fn assemble(mut endpoints: Vec<EndpointResult>, run: Option<RunInfo>) -> Inventory {
    sort_endpoints(&mut endpoints, run.is_some());
    Inventory {
        schema_version: SCHEMA_VERSION.to_owned(),
        generator: Software {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        },
        run,
        endpoints,
        shard: None,
        links: Vec::new(),
    }
}

/// Sorts the endpoints and everything in them; see [`normalize`].
pub fn sort_endpoints(endpoints: &mut [EndpointResult], run_info: bool) {
    for endpoint in &mut *endpoints {
        normalize(endpoint, run_info);
    }
    endpoints.sort_by(|a, b| (&a.id, &a.module).cmp(&(&b.id, &b.module)));
}

/// Sorts one endpoint's result, and removes what must not be in it: the data of a failed endpoint and, unless
/// `run_info` is set, data that differ from run to run.
pub fn normalize(endpoint: &mut EndpointResult, run_info: bool) {
    if !run_info {
        endpoint.run = None;
    }
    if endpoint.status == EndpointStatus::Failed {
        endpoint.hosts.clear();
        endpoint.collections.clear();
        endpoint.detached_guests.clear();
        endpoint.workloads = Workloads::default();
    }
    let by_id = |one: &Guest, other: &Guest| (&one.id, &one.name).cmp(&(&other.id, &other.name));
    for host in &mut endpoint.hosts {
        sort(&mut host.guests, by_id);
    }
    sort(&mut endpoint.detached_guests, by_id);
    sort_workloads(&mut endpoint.workloads);
    sort(&mut endpoint.hosts, |one, other| (&one.id, &one.name).cmp(&(&other.id, &other.name)));
    endpoint.warnings.sort();
    endpoint.warnings.dedup();
}

/// Sorts all lists of the workloads.
fn sort_workloads(workloads: &mut Workloads) {
    macro_rules! sort_by_name {
        ($list:expr) => {
            sort($list, |one, other| {
                (&one.namespace, &one.name, &one.uid).cmp(&(
                    &other.namespace,
                    &other.name,
                    &other.uid,
                ))
            })
        };
    }
    let Workloads {
        namespaces,
        service_accounts,
        controllers,
        pods,
        services,
        config_maps,
        secrets,
    } = workloads;
    sort(namespaces, |one, other| (&one.name, &one.uid).cmp(&(&other.name, &other.uid)));
    sort_by_name!(service_accounts);
    sort_by_name!(controllers);
    sort_by_name!(pods);
    sort_by_name!(services);
    sort_by_name!(config_maps);
    sort_by_name!(secrets);
    services.iter_mut().filter_map(|item| item.pods.as_mut()).for_each(|pods| pods.sort());
    let config_maps = config_maps.iter_mut().map(|item| &mut item.used_by);
    let secrets = secrets.iter_mut().map(|item| &mut item.used_by);
    config_maps.chain(secrets).flatten().for_each(|uses| uses.sort());
}

/// Sorts by a comparison, and items that are equal by it by their JSON, so that the same answers give the same
/// bytes.
fn sort<T: Serialize>(items: &mut [T], by: impl Fn(&T, &T) -> Ordering) {
    items.sort_by(&by);
    for equal in items.chunk_by_mut(|one, other| by(one, other).is_eq()) {
        if equal.len() > 1 {
            equal.sort_by_cached_key(|item| serde_json::to_string(item).unwrap_or_default());
        }
    }
}

/// Formats the counts of hosts and guests, and of those kinds of items that exist: `1 host, 0 guests, 14 pods`.
pub fn counted(hosts: &[Host], detached_guests: &[Guest], workloads: &Workloads) -> String {
    let on_hosts: usize = hosts.iter().map(|host| host.guests.len()).sum();
    let guests = on_hosts + detached_guests.len();
    let mut counts = vec![count(hosts.len(), "host"), count(guests, "guest")];
    counts.extend(counted_items(workloads));
    counts.join(", ")
}

/// The number of objects of each kind in a result, by the name of the kind's list in the inventory. Kinds without objects
/// are left out, except for hosts and guests.
pub fn object_counts(result: &EndpointResult) -> impl Iterator<Item = (&'static str, usize)> {
    let on_hosts: usize = result.hosts.iter().map(|host| host.guests.len()).sum();
    let guests = on_hosts + result.detached_guests.len();
    let items = item_counts(&result.workloads).into_iter().filter(|(_, number)| *number > 0);
    let items = items.map(|(collection, number)| (collection.list(), number));
    [("hosts", result.hosts.len()), ("guests", guests)].into_iter().chain(items)
}

/// When a result was complete or failed, if it says when it was gathered.
pub fn finished_at(result: &EndpointResult) -> Option<Timestamp> {
    let run = result.run.as_ref()?;
    let duration = i64::try_from(run.duration_ms).ok()?;
    run.started_at.checked_add(SignedDuration::from_millis(duration)).ok()
}

/// Formats the count of each kind of items that exist.
pub fn counted_items(workloads: &Workloads) -> Vec<String> {
    let existing = item_counts(workloads).into_iter().filter(|(_, number)| *number > 0);
    existing.map(|(collection, number)| count(number, collection.noun())).collect()
}

/// The number of items of each collection.
fn item_counts(workloads: &Workloads) -> [(Collection, usize); 7] {
    let Workloads {
        namespaces,
        service_accounts,
        controllers,
        pods,
        services,
        config_maps,
        secrets,
    } = workloads;
    [
        (Collection::Namespaces, namespaces.len()),
        (Collection::ServiceAccounts, service_accounts.len()),
        (Collection::Controllers, controllers.len()),
        (Collection::Pods, pods.len()),
        (Collection::Services, services.len()),
        (Collection::ConfigMaps, config_maps.len()),
        (Collection::Secrets, secrets.len()),
    ]
}

/// The collections of a complete endpoint that could not be read completely.
pub fn missing_collections(endpoint: &EndpointResult) -> Vec<&str> {
    if endpoint.status != EndpointStatus::Complete {
        return Vec::new();
    }
    let missing = endpoint.collections.iter().filter(|(_, collection)| !collection.is_complete());
    missing.map(|(name, _)| name.as_str()).collect()
}

/// Whether all guests of an endpoint are known.
pub fn are_guests_known(endpoint: &EndpointResult) -> bool {
    let guests = endpoint.collections.get(Collection::VirtualMachines.as_str());
    endpoint.status == EndpointStatus::Complete && guests.is_none_or(CollectionStatus::is_complete)
}

/// Formats how many endpoints are complete, and how many of them have missing collections:
/// `3 complete (1 with a collection missing)`.
pub fn counted_complete(complete: usize, incomplete: usize) -> String {
    match incomplete {
        0 => format!("{complete} complete"),
        _ => format!("{complete} complete ({incomplete} with a collection missing)"),
    }
}

/// Formats a count with its noun: `1 host`, `2 hosts`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
