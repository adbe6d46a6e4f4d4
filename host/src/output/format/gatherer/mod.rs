//! The format `gatherer`: what a Manager reads. It stores every endpoint in one transaction,
//! so that one value of a wrong type, one missing or over-long text loses all of them: every
//! member is always there, in its type and length, whatever the inventory lacks.

mod host;
mod identity;
pub mod json;
mod text;

#[cfg(test)]
mod gatherer_properties;
#[cfg(test)]
mod gatherer_tests;
#[cfg(test)]
mod guests_tests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::VIRTUAL_MACHINES;
use gatherer_plugin_api::model::{
    Completeness, EndpointResult, EndpointStatus, Guest, Host, Inventory, Warning,
};

use self::host::ManagerHost;
use self::identity::Candidates;
use self::text::{GUEST_ID, NAME, Wish, storable, unique_keys};
use super::{Note, Rendered};

type Hosts = BTreeMap<String, ManagerHost>;

/// Renders hosts by endpoint; `null` is an endpoint that failed, or whose guests are not known, of
/// which the Manager keeps what it has.
pub fn render(inventory: &Inventory) -> Rendered {
    let mut notes = BTreeSet::new();
    let mut endpoints = BTreeMap::<&str, Option<Hosts>>::new();
    for endpoint in &inventory.endpoints {
        let mut warnings = BTreeSet::new();
        let hosts = match endpoint.status {
            EndpointStatus::Complete if are_guests_known(endpoint, &mut warnings) => {
                Some(hosts(endpoint, &mut warnings))
            }
            _ => None,
        };
        match endpoints.entry(&endpoint.id) {
            Entry::Vacant(vacant) => {
                vacant.insert(hosts);
            }
            Entry::Occupied(mut occupied) => {
                // Either answer alone would make the Manager forget the other's hosts.
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

/// Whether the endpoint's guests are all there: a Manager would unlink those that are not.
fn are_guests_known(endpoint: &EndpointResult, warnings: &mut BTreeSet<Warning>) -> bool {
    let guests = endpoint.collections.get(VIRTUAL_MACHINES);
    let Some(lost) = guests.filter(|guests| guests.status != Completeness::Complete) else {
        return true;
    };
    let why = lost.error.as_ref().map(|error| format!(" ({}: {})", error.kind, error.message));
    let why = why.unwrap_or_default();
    let message = format!("its {VIRTUAL_MACHINES} are not all there{why}; printed as failed");
    warnings.insert(warning(&endpoint.id, message));
    false
}

/// A host on its way: everything but what depends on the endpoint's other hosts.
struct Draft {
    name: String,
    candidates: Candidates,
    host: ManagerHost,
}

impl Draft {
    fn name_and_candidates(&self) -> (&str, &Candidates) {
        (&self.name, &self.candidates)
    }

    /// What orders hosts that are equal in name and candidates: first what seldom changes, so
    /// that a guest that comes or goes does not swap the identities of two such hosts.
    fn order(&self) -> (String, String) {
        (json::to_text(&self.host.lasting()), json::to_text(&self.host))
    }
}

fn hosts(endpoint: &EndpointResult, warnings: &mut BTreeSet<Warning>) -> Hosts {
    match endpoint.detached_guests.len() {
        0 => {}
        1 => drop(warnings.insert(warning(&endpoint.id, "1 guest is on no host; not printed"))),
        count => {
            let message = format!("{count} guests are on no host; not printed");
            warnings.insert(warning(&endpoint.id, message));
        }
    }
    let mut drafts: Vec<Draft> = endpoint.hosts.iter().map(|host| draft(host, warnings)).collect();
    drafts.sort_by(|one, other| one.name_and_candidates().cmp(&other.name_and_candidates()));
    let alike =
        |one: &Draft, other: &Draft| one.name_and_candidates() == other.name_and_candidates();
    for alike in drafts.chunk_by_mut(alike).filter(|alike| alike.len() > 1) {
        alike.sort_by_cached_key(Draft::order);
    }

    let candidates: Vec<Candidates> = drafts.iter().map(|draft| draft.candidates.clone()).collect();
    let identities = identity::assign(&candidates);
    for (draft, identity) in drafts.iter_mut().zip(&identities) {
        if identity.repeated {
            let message = format!(
                "its id is that of another host of this endpoint; hostIdentifier is {:?}",
                identity.text
            );
            warnings.insert(warning(&draft.name, message));
        } else if identity.replaced {
            let message = format!("it has no id of its own; hostIdentifier is {:?}", identity.text);
            warnings.insert(warning(&draft.name, message));
        }
        if draft.name.is_empty() {
            draft.name.clone_from(&identity.text);
            draft.host.set_name(&identity.text);
            warnings.insert(warning(&identity.text, "it has no name; listed under its id"));
        }
        draft.host.host_identifier.clone_from(&identity.text);
    }

    let wishes: Vec<Wish<'_>> = drafts
        .iter()
        .map(|draft| Wish { name: &draft.name, id: &draft.host.host_identifier })
        .collect();
    let keys = unique_keys(&wishes, NAME);
    let mut hosts = Hosts::new();
    for (key, draft) in keys.into_iter().zip(drafts) {
        say_if_changed(&key, &draft.name, "host of this endpoint", warnings);
        hosts.insert(key.text, draft.host);
    }
    hosts
}

fn draft(host: &Host, warnings: &mut BTreeSet<Warning>) -> Draft {
    let mut note = |message: String| {
        warnings.insert(warning(&host.name, message));
    };
    let mut printed = ManagerHost::new(host, &mut note);
    add_guests(&mut printed, host, warnings);
    let name = host.short_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&host.name);
    Draft { name: storable(name), candidates: Candidates::of(host), host: printed }
}

/// The name that a host is shown by: its own, else the short one.
fn wished_name(host: &Host) -> &str {
    if host.name.is_empty() { host.short_name.as_deref().unwrap_or("") } else { &host.name }
}

fn add_guests(printed: &mut ManagerHost, host: &Host, warnings: &mut BTreeSet<Warning>) {
    // Name, id and data are all that is printed of a guest: equal ones may change places.
    let mut guests = Vec::<(String, String, BTreeMap<String, String>)>::new();
    for guest in &host.guests {
        let Some(id) = guest_id(guest) else {
            let long = guest.id.is_some() || guest.uuid.is_some();
            let why = if long { "no id that a Manager can store" } else { "no id" };
            let name = text::cut(&guest.name, NAME);
            let message = format!("its guest {name:?} has {why}; not printed");
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
    let wishes: Vec<Wish<'_>> = guests.iter().map(|(name, id, _)| Wish { name, id }).collect();
    let keys = unique_keys(&wishes, NAME);
    for (key, (name, id, data)) in keys.into_iter().zip(guests) {
        say_if_changed(&key, &name, "guest of this host", warnings);
        if !data.is_empty() {
            printed.optional_vm_data.insert(key.text.clone(), data);
        }
        printed.vms.insert(key.text, id);
    }
}

/// The id that a Manager keys on. A long one cannot be cut: it would be another guest's.
fn guest_id(guest: &Guest) -> Option<String> {
    [guest.id.as_deref(), guest.uuid.as_deref()]
        .into_iter()
        .flatten()
        .find(|id| !id.is_empty() && text::cut(id, GUEST_ID) == *id)
        .map(storable)
}

fn say_if_changed(key: &text::Key, name: &str, of: &str, warnings: &mut BTreeSet<Warning>) {
    let message = if key.collided {
        format!("another {of} has this name; listed as {:?}", key.text)
    } else if key.shortened {
        format!("its name is longer than {NAME} characters; listed as {:?}", key.text)
    } else {
        return;
    };
    warnings.insert(warning(text::cut(name, NAME), message));
}

fn warning(object: &str, message: impl Into<String>) -> Warning {
    Warning { object: object.to_owned(), message: message.into() }
}
