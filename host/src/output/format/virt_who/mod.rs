//! The format `virt-who`: which guests run on which hypervisors, in the layout of virt-who, which reports that to
//! subscription managers (candlepin, Satellite). The document is ASCII, in the layout of Python's `json.dumps(indent=4)`.
//!
//! Facts about its readers, from their public sources: candlepin handles each listed hypervisor by itself. It removes
//! guests that are not listed from the hypervisor, so a hypervisor is listed with all its guests or not at all. It does
//! not change hypervisors that are not listed. It compares ids without regard to case; of several hypervisors with one id
//! it reads only the last. It also recognizes a hypervisor by the fact `dmi.system.uuid`.

mod hypervisor;
pub mod report;

#[cfg(test)]
mod virt_who_properties;
#[cfg(test)]
mod virt_who_tests;

use std::collections::HashMap;
use std::hash::Hash;

use gatherer_plugin_api::model::{
    CollectionStatus, EndpointResult, EndpointStatus, Host, Inventory, LinkKind, LinkedObject,
    ObjectKind, Warning,
};
use gatherer_plugin_api::{Collection, GatherError};

use self::hypervisor::{KUBERNETES, hypervisor};
use self::report::{VirtWhoHypervisor, VirtWhoReport};
use super::gatherer::json;
use super::{HypervisorId, Note, Rendered};
use crate::output::inventory::count;

/// A host that is printed as a hypervisor.
struct Listed<'a> {
    endpoint: &'a EndpointResult,
    host: &'a Host,
    printed: VirtWhoHypervisor<'a>,
    /// How many guests are left out because they have no usable UUID.
    without_uuid: usize,
}

/// The notes about a report.
#[derive(Default)]
struct Notes(Vec<Note>);

impl Notes {
    fn add(&mut self, endpoint: &EndpointResult, object: &str, message: String) {
        let warning = Warning { object: object.to_owned(), message };
        self.0.push(Note { endpoint: endpoint.id.clone(), warning });
    }

    fn left_out(&mut self, endpoint: &EndpointResult, host: &Host, reason: &str) {
        let guests = count(host.guests.len(), "guest");
        self.add(endpoint, &host.name, format!("left out with {guests}: {reason}"));
    }
}

/// Renders the hypervisors, in the inventory's order.
pub fn render(inventory: &Inventory, chosen: HypervisorId) -> Rendered {
    let mut notes = Notes::default();
    let mut listed = Vec::new();
    for endpoint in &inventory.endpoints {
        add_hosts(endpoint, chosen, &mut listed, &mut notes);
    }
    remove_shared_ids(&mut listed, &mut notes);
    remove_shared_system_uuids(&mut listed, &mut notes);
    note_changes(&listed, &mut notes);
    note_shared_guests(&listed, &mut notes);
    note_nested(&listed, inventory, &mut notes);
    let hypervisors = listed.into_iter().map(|listed| listed.printed).collect();
    let Notes(mut notes) = notes;
    notes.sort();
    Rendered { text: json::to_text(&VirtWhoReport { hypervisors }), notes }
}

/// Adds the hosts of an endpoint that are hypervisors with an id, and whose guests are all known.
fn add_hosts<'a>(
    endpoint: &'a EndpointResult,
    chosen: HypervisorId,
    listed: &mut Vec<Listed<'a>>,
    notes: &mut Notes,
) {
    if endpoint.status != EndpointStatus::Complete || endpoint.error.is_some() {
        let reason = reason(endpoint.error.as_ref());
        let message = format!(
            "all left out, because the endpoint failed ({reason}); a reader keeps what it knows of them"
        );
        notes.add(endpoint, "hosts", message);
        return;
    }
    let machines = endpoint.collections.get(Collection::VirtualMachines.as_str());
    let (mut unread_hosts, mut unread_guests) = (0, 0);
    for host in &endpoint.hosts {
        if host.synthetic {
            let reason = "it is not a hypervisor, but groups guests whose host is unknown";
            notes.left_out(endpoint, host, reason);
        } else if host.represented_by.is_some() {
            notes.left_out(endpoint, host, "it is a host of a cloud, which readers do not know");
        } else if !are_guests_known(host, machines) {
            unread_hosts += 1;
            unread_guests += host.guests.len();
        } else {
            match hypervisor(host, chosen) {
                Ok((printed, 1..)) if printed.guest_ids.is_empty() => {
                    notes.left_out(endpoint, host, "none of its guests has a UUID");
                }
                Ok((printed, without_uuid)) => {
                    listed.push(Listed { endpoint, host, printed, without_uuid });
                }
                Err(reason) => {
                    let reason = format!("{reason}; choose another --hypervisor-id");
                    notes.left_out(endpoint, host, &reason);
                }
            }
        }
    }
    if unread_hosts > 0 {
        let hosts =
            format!("{} with {}", count(unread_hosts, "host"), count(unread_guests, "guest"));
        let message = match machines {
            None => format!(
                "{hosts} left out, because the virtual machines were not gathered; add \"collect\": \"virtual-machines\""
            ),
            Some(machines) => format!(
                "{hosts} left out, because the virtual machines could not all be read ({}); a reader keeps what it \
                 knows of them",
                reason(machines.error.as_ref())
            ),
        };
        notes.add(endpoint, "hosts", message);
    }
    if !endpoint.detached_guests.is_empty() {
        let guests = count(endpoint.detached_guests.len(), "guest");
        notes.add(endpoint, "guests", format!("{guests} on no host left out"));
    }
}

/// Whether all guests of a host are known. `machines` is the status of a cluster's virtual machines, which are not always
/// gathered; without them a node of a cluster would look like a hypervisor that has lost its guests.
fn are_guests_known(host: &Host, machines: Option<&CollectionStatus>) -> bool {
    let is_node = || host.hypervisor.as_ref().is_some_and(|one| one.kind == KUBERNETES);
    machines.map_or_else(|| !is_node(), CollectionStatus::is_complete)
}

/// The text of an error without its hint, which the log has in the endpoint's own line.
fn reason(error: Option<&GatherError>) -> String {
    match error {
        Some(error) => format!("{}: {}", error.kind, error.message),
        None => "the reason is unknown".to_owned(),
    }
}

/// The keys that several items have, with the number of these items.
fn shared<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts
}

/// Of hypervisors with one id, keeps the first if all are equal, because two endpoints showed one machine, and otherwise
/// none: a reader would read one of them and remove the guests of the others.
fn remove_shared_ids(listed: &mut Vec<Listed<'_>>, notes: &mut Notes) {
    let mut holders: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, one) in listed.iter().enumerate() {
        let id = one.printed.hypervisor_id.hypervisor_id.to_lowercase();
        holders.entry(id).or_default().push(index);
    }
    let mut is_left_out = vec![false; listed.len()];
    for group in holders.values().filter(|group| group.len() > 1) {
        let first = &listed[group[0]];
        let are_equal = group.iter().all(|&index| listed[index].printed == first.printed);
        for &index in &group[usize::from(are_equal)..] {
            let Listed { endpoint, host, printed, .. } = &listed[index];
            let reason = if are_equal {
                format!("endpoint {:?} has the same hypervisor", first.endpoint.id)
            } else {
                let id = &printed.hypervisor_id.hypervisor_id;
                format!(
                    "another host has the hypervisor id {id:?} too; choose another --hypervisor-id"
                )
            };
            notes.left_out(endpoint, host, &reason);
            is_left_out[index] = true;
        }
    }
    let mut is_left_out = is_left_out.into_iter();
    listed.retain(|_| !is_left_out.next().unwrap_or(false));
}

/// Removes the fact `dmi.system.uuid` from hypervisors that have the same one, which a reader would take for one machine.
fn remove_shared_system_uuids(listed: &mut [Listed<'_>], notes: &mut Notes) {
    let shared = shared(listed.iter().filter_map(|one| one.printed.facts.system_uuid.clone()));
    for Listed { endpoint, host, printed, .. } in listed {
        if printed.facts.system_uuid.as_ref().is_some_and(|uuid| shared.contains_key(uuid)) {
            printed.facts.system_uuid = None;
            let message =
                "the fact dmi.system.uuid is left out, because another host has the same UUID";
            notes.add(endpoint, &host.name, message.to_owned());
        }
    }
}

/// Notes guests that are left out because they have no UUID, and names that are changed.
fn note_changes(listed: &[Listed<'_>], notes: &mut Notes) {
    for Listed { endpoint, host, printed, without_uuid } in listed {
        if *without_uuid > 0 {
            let guests = count(*without_uuid, "guest");
            notes.add(endpoint, &host.name, format!("{guests} without a UUID left out"));
        }
        if printed.name.as_deref().is_some_and(|name| name != host.name) {
            let message =
                "its name has a length or a character that readers cannot store, and is changed";
            notes.add(endpoint, &host.name, message.to_owned());
        }
    }
}

/// Notes guests whose UUID several guests have, because a reader knows a guest only by its UUID.
fn note_shared_guests(listed: &[Listed<'_>], notes: &mut Notes) {
    let all = listed.iter().flat_map(|one| &one.printed.guest_ids);
    let shared = shared(all.map(|guest| guest.guest_id.as_ref()));
    for one in listed.iter().filter(|_| !shared.is_empty()) {
        let guests = one.printed.guest_ids.iter();
        let number = guests.filter(|guest| shared.contains_key(guest.guest_id.as_ref())).count();
        if number > 0 {
            let message = format!(
                "{} with a UUID that other guests have too: a reader assigns it to one host only",
                count(number, "guest")
            );
            notes.add(one.endpoint, &one.host.name, message);
        }
    }
}

/// Notes hypervisors that are guests themselves, as far as links say so.
fn note_nested(listed: &[Listed<'_>], inventory: &Inventory, notes: &mut Notes) {
    let is_nested = |from: &LinkedObject, to: &LinkedObject| {
        from.kind == ObjectKind::Host && to.kind == ObjectKind::Host
    };
    let links = inventory.links.iter().filter(|link| link.kind == LinkKind::RunsOn);
    let below: HashMap<_, _> = links
        .filter(|link| is_nested(&link.from, &link.to))
        .map(|link| {
            let from = &link.from;
            ((from.endpoint.as_str(), from.id.as_deref(), from.name.as_str()), &link.to)
        })
        .collect();
    for Listed { endpoint, host, printed, .. } in listed.iter().filter(|_| !below.is_empty()) {
        let object = (endpoint.id.as_str(), Some(host.id.as_str()), host.name.as_str());
        if let Some(physical) = below.get(&object) {
            let message = format!(
                "it is itself a guest, on host {:?} of endpoint {:?}; {} listed on it, not there",
                physical.name,
                physical.endpoint,
                count(printed.guest_ids.len(), "nested guest")
            );
            notes.add(endpoint, &host.name, message);
        }
    }
}
