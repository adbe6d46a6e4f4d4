//! Keeps the last whole items of collections that an answer does not have completely.

use std::collections::{BTreeMap, HashMap};

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{CollectionStatus, EndpointResult, Guest};

/// Replaces each collection of a complete answer that is not complete by that of the last answer, with its status. So the
/// answer has what a consumer of the changes knows.
pub fn keep_incomplete(result: &mut EndpointResult, mut last: EndpointResult) {
    macro_rules! keep {
        ($($collection:ident: $list:ident;)+) => {
            $(if !is_complete(result, Collection::$collection) {
                result.workloads.$list = std::mem::take(&mut last.workloads.$list);
                keep_status(result, &mut last.collections, Collection::$collection);
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
    if !are_guests_known(&last, result) {
        keep_status(result, &mut last.collections, Collection::VirtualMachines);
        keep_guests(result, last);
    }
}

/// Keeps the guests of the last answer. Those whose host is gone are on no host.
fn keep_guests(result: &mut EndpointResult, last: EndpointResult) {
    result.detached_guests = last.detached_guests;
    let mut guests: HashMap<(String, String), Vec<Guest>> = HashMap::new();
    for host in last.hosts {
        guests.entry((host.id, host.name)).or_default().extend(host.guests);
    }
    for host in &mut result.hosts {
        host.guests = guests.remove(&(host.id.clone(), host.name.clone())).unwrap_or_default();
    }
    let mut homeless: Vec<_> = guests.into_iter().collect();
    homeless.sort_by(|(one, _), (other, _)| one.cmp(other));
    result.detached_guests.extend(homeless.into_iter().flat_map(|(_, guests)| guests));
}

/// Takes over the last status of a collection.
fn keep_status(
    result: &mut EndpointResult,
    last: &mut BTreeMap<String, CollectionStatus>,
    collection: Collection,
) {
    if let Some(status) = last.remove(collection.as_str()) {
        result.collections.insert(collection.as_str().to_owned(), status);
    }
}

/// Whether each item of a collection is listed.
fn is_complete(result: &EndpointResult, collection: Collection) -> bool {
    result.collections.get(collection.as_str()).is_some_and(CollectionStatus::is_complete)
}

/// Whether all guests are listed. Most modules list them with their hosts and have no collection of guests. If only the
/// last answer has one, it was not gathered again.
fn are_guests_known(last: &EndpointResult, result: &EndpointResult) -> bool {
    let name = Collection::VirtualMachines.as_str();
    match result.collections.get(name) {
        Some(status) => status.is_complete(),
        None => !last.collections.contains_key(name),
    }
}

/// Whether an answer lacks something that the last one has, so that [`keep_incomplete`] would change it.
pub(super) fn lacks_something_of(result: &EndpointResult, last: &EndpointResult) -> bool {
    let mut collections = Collection::ALL.iter();
    collections
        .any(|collection| is_complete(last, *collection) && !is_complete(result, *collection))
}
