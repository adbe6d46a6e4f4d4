//! Keeps the last whole items of collections that an answer does not have completely.

use std::collections::BTreeMap;

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{CollectionStatus, EndpointResult, Guest};

use crate::output::changes::are_guests_comparable;

/// Replaces each collection of a complete answer that is not complete by that of the last answer, with its status. So the
/// answer has what a consumer of the changes knows.
pub fn keep_incomplete(result: &mut EndpointResult, last: &EndpointResult) {
    macro_rules! keep {
        ($($collection:ident: $list:ident;)+) => {
            $(if !is_complete(result, Collection::$collection) {
                result.workloads.$list.clone_from(&last.workloads.$list);
                keep_status(result, last, Collection::$collection);
            })+
        };
    }
    keep! {
        Namespaces: namespaces;
        ServiceAccounts: service_accounts;
        Controllers: controllers;
        Pods: pods;
        Services: services;
        ConfigMaps: config_maps;
        Secrets: secrets;
    }
    if !are_guests_comparable(last, result) {
        keep_status(result, last, Collection::VirtualMachines);
        keep_guests(result, last);
    }
}

/// Keeps the guests of the last answer. Those whose host is gone are on no host.
fn keep_guests(result: &mut EndpointResult, last: &EndpointResult) {
    result.detached_guests.clone_from(&last.detached_guests);
    let mut guests: BTreeMap<(&str, &str), Vec<&Guest>> = BTreeMap::new();
    for host in &last.hosts {
        guests.entry((&host.id, &host.name)).or_default().extend(&host.guests);
    }
    for host in &mut result.hosts {
        let kept = guests.remove(&(host.id.as_str(), host.name.as_str())).unwrap_or_default();
        host.guests = kept.into_iter().cloned().collect();
    }
    result.detached_guests.extend(guests.into_values().flatten().cloned());
}

/// Takes over the last status of a collection.
fn keep_status(result: &mut EndpointResult, last: &EndpointResult, collection: Collection) {
    if let Some(status) = last.collections.get(collection.as_str()) {
        result.collections.insert(collection.as_str().to_owned(), status.clone());
    }
}

/// Whether each item of a collection is listed.
fn is_complete(result: &EndpointResult, collection: Collection) -> bool {
    result.collections.get(collection.as_str()).is_some_and(CollectionStatus::is_complete)
}
