//! The format `gatherer`, which a Manager reads. The Manager stores all endpoints in one transaction, so one missing
//! member, one value of a wrong type or one string that is too long would lose all of them. Therefore every member is
//! always present, with the right type and length.

mod host;
mod identity;
pub mod json;
mod representatives;
pub mod text;

#[cfg(test)]
mod gatherer_properties;
#[cfg(test)]
mod gatherer_tests;
#[cfg(test)]
mod guests_tests;
#[cfg(test)]
mod names_tests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Guest, Host, Inventory, Warning};

use self::host::ManagerHost;
use self::identity::{Candidates, Placeholders};
use self::representatives::Representatives;
use self::text::{GUEST_ID, KeyRequest, NAME, storable, unique_keys};
use super::{Note, Rendered};

type Hosts = BTreeMap<String, ManagerHost>;

/// Renders the hosts by endpoint. An endpoint that failed, or whose guests are not known, is `null`: the Manager then
/// keeps its data.
pub fn render(inventory: &Inventory) -> Rendered {
    let placeholders =
        Placeholders::of(inventory.endpoints.iter().flat_map(|endpoint| &endpoint.hosts));
    let mut notes = BTreeSet::new();
    let mut endpoints = BTreeMap::<&str, Option<Hosts>>::new();
    for endpoint in &inventory.endpoints {
        let mut warnings = BTreeSet::new();
        let hosts = match endpoint.status {
            EndpointStatus::Complete if are_guests_known(endpoint, &mut warnings) => {
                Some(hosts(endpoint, &placeholders, &mut warnings))
            }
            _ => None,
        };
        match endpoints.entry(&endpoint.id) {
            Entry::Vacant(vacant) => {
                vacant.insert(hosts);
            }
            Entry::Occupied(mut occupied) => {
                // With only one of the results, the Manager would delete the hosts of the other.
                let before = occupied.insert(None);
                warnings = BTreeSet::new();
                if before.is_some() || endpoint.status == EndpointStatus::Complete {
                    warnings.insert(warning(
                        &endpoint.id,
                        "several endpoints have this id; printed as failed",
                    ));
                }
            }
        }
        notes.extend(
            warnings.into_iter().map(|warning| Note { endpoint: endpoint.id.clone(), warning }),
        );
    }
    Rendered { text: json::to_text(&endpoints), notes: notes.into_iter().collect() }
}

/// Whether all guests of the endpoint are known. If not, the Manager would unlink the missing ones.
fn are_guests_known(endpoint: &EndpointResult, warnings: &mut BTreeSet<Warning>) -> bool {
    let name = Collection::VirtualMachines.as_str();
    let guests = endpoint.collections.get(name);
    let Some(failed) = guests.filter(|guests| !guests.is_complete()) else {
        return true;
    };
    let reason = failed.error.as_ref().map(|error| format!(" ({}: {})", error.kind, error.message));
    let reason = reason.unwrap_or_default();
    let message = format!("its {name} could not be read completely{reason}; printed as failed");
    warnings.insert(warning(&endpoint.id, message));
    false
}

/// A host before its identity and key are assigned, which depend on the endpoint's other hosts.
struct Draft {
    name: String,
    candidates: Candidates,
    host: ManagerHost,
}

impl Draft {
    fn name_and_candidates(&self) -> (&str, &Candidates) {
        (&self.name, &self.candidates)
    }

    /// The sort key of hosts that are equal in name and candidates. Data that seldom change come first, so that a new
    /// guest does not swap the identities of two such hosts.
    fn order(&self) -> (String, String) {
        (json::to_text(&self.host.without_changing_data()), json::to_text(&self.host))
    }
}

/// The hosts of an endpoint by key.
fn hosts(
    endpoint: &EndpointResult,
    placeholders: &Placeholders,
    warnings: &mut BTreeSet<Warning>,
) -> Hosts {
    match endpoint.detached_guests.len() {
        0 => {}
        1 => drop(warnings.insert(warning(&endpoint.id, "1 guest has no host; not printed"))),
        count => {
            let message = format!("{count} guests have no host; not printed");
            warnings.insert(warning(&endpoint.id, message));
        }
    }
    let representatives = Representatives::of(&endpoint.hosts);
    let mut drafts = Vec::new();
    for (index, host) in endpoint.hosts.iter().enumerate() {
        if representatives.of_host(host).is_none() {
            let guests = representatives.guests(index, host);
            drafts.push(draft(host, &guests, placeholders, warnings));
        }
    }
    drafts.sort_by(|one, other| one.name_and_candidates().cmp(&other.name_and_candidates()));
    let are_equal =
        |one: &Draft, other: &Draft| one.name_and_candidates() == other.name_and_candidates();
    for equal in drafts.chunk_by_mut(are_equal).filter(|equal| equal.len() > 1) {
        equal.sort_by_cached_key(Draft::order);
    }

    let candidates: Vec<Candidates> = drafts.iter().map(|draft| draft.candidates.clone()).collect();
    let identities = identity::assign(&candidates);
    for (draft, identity) in drafts.iter_mut().zip(&identities) {
        if identity.is_duplicate {
            let message = format!(
                "another host of this endpoint has this id; hostIdentifier is {:?}",
                identity.text
            );
            warnings.insert(warning(&draft.name, message));
        } else if identity.is_replaced {
            let message = format!("it has no usable id; hostIdentifier is {:?}", identity.text);
            warnings.insert(warning(&draft.name, message));
        }
        if draft.name.is_empty() {
            draft.name.clone_from(&identity.text);
            draft.host.set_name(&identity.text);
            warnings.insert(warning(&identity.text, "it has no name; listed under its id"));
        }
        draft.host.host_identifier.clone_from(&identity.text);
        // The identity is the same if the host has no other identifier and its name is the placeholder too.
        if draft.host.fallback_host_identifier.as_ref() == Some(&identity.text) {
            draft.host.fallback_host_identifier = None;
        }
    }

    let requests: Vec<KeyRequest<'_>> = drafts
        .iter()
        .map(|draft| KeyRequest { name: &draft.name, id: &draft.host.host_identifier })
        .collect();
    let keys = unique_keys(&requests, NAME);
    let mut hosts = Hosts::new();
    for (key, draft) in keys.into_iter().zip(drafts) {
        warn_if_changed(&key, &draft.name, "host of this endpoint", warnings);
        hosts.insert(key.text, draft.host);
    }
    hosts
}

/// Converts a host with these guests, without its identity and key.
fn draft(
    host: &Host,
    guests: &[&Guest],
    placeholders: &Placeholders,
    warnings: &mut BTreeSet<Warning>,
) -> Draft {
    let mut note = |message: String| {
        warnings.insert(warning(&host.name, message));
    };
    let mut printed = ManagerHost::new(host, placeholders, &mut note);
    add_guests(&mut printed, host, guests, warnings);
    let name = host.short_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&host.name);
    Draft { name: storable(name), candidates: Candidates::of(host), host: printed }
}

/// The name of a host, or else its short name.
fn display_name(host: &Host) -> &str {
    if host.name.is_empty() { host.short_name.as_deref().unwrap_or("") } else { &host.name }
}

/// Adds guests to a host.
fn add_guests(
    printed: &mut ManagerHost,
    host: &Host,
    all: &[&Guest],
    warnings: &mut BTreeSet<Warning>,
) {
    // The name, id and data of each guest. No other data are printed, so the order of equal ones does not matter.
    let mut guests = Vec::<(String, String, BTreeMap<String, String>)>::new();
    for guest in all {
        let Some(id) = guest_id(guest) else {
            let has_long_id = guest.id.is_some() || guest.uuid.is_some();
            let lack = if has_long_id { "no id that a Manager can store" } else { "no id" };
            let name = text::cut(&guest.name, NAME);
            let message = format!("its guest {name:?} has {lack}; not printed");
            warnings.insert(warning(&host.name, message));
            continue;
        };
        let mut name = storable(&guest.name);
        if name.is_empty() {
            name.clone_from(&id);
            let message = format!("its guest {id:?} has no name; listed under its id");
            warnings.insert(warning(&host.name, message));
        }
        guests.push((name, id, host::optional_data(guest)));
    }
    guests.sort();
    let requests: Vec<KeyRequest<'_>> =
        guests.iter().map(|(name, id, _)| KeyRequest { name, id }).collect();
    let keys = unique_keys(&requests, NAME);
    for (key, (name, id, data)) in keys.into_iter().zip(guests) {
        warn_if_changed(&key, &name, "guest of this host", warnings);
        if !data.is_empty() {
            printed.optional_vm_data.insert(key.text.clone(), data);
        }
        printed.vms.insert(key.text, id);
    }
}

/// The id for the Manager. A long id is not cut, because it could become the id of another guest.
fn guest_id(guest: &Guest) -> Option<String> {
    [guest.id.as_deref(), guest.uuid.as_deref()]
        .into_iter()
        .flatten()
        .find(|id| !id.is_empty() && text::cut(id, GUEST_ID) == *id)
        .map(storable)
}

/// Adds a warning if a key is not the name.
fn warn_if_changed(key: &text::Key, name: &str, of: &str, warnings: &mut BTreeSet<Warning>) {
    let message = if key.is_duplicate {
        format!("another {of} has this name; listed as {:?}", key.text)
    } else if key.is_cut {
        format!("its name is longer than {NAME} characters; listed as {:?}", key.text)
    } else {
        return;
    };
    warnings.insert(warning(text::cut(name, NAME), message));
}

/// Creates a warning.
fn warning(object: &str, message: impl Into<String>) -> Warning {
    Warning { object: object.to_owned(), message: message.into() }
}
