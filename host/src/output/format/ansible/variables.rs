//! The variables of the machines: all members of a host or guest in the inventory, with the prefix `vhg_` and in snake
//! case, and what their place in the inventory says.

use std::collections::HashMap;
use std::net::IpAddr;

use gatherer_plugin_api::model::{Guest, Host, Inventory, LinkKind, LinkedObject, ObjectKind};
use serde::Serialize;
use serde_json::Value;

use super::machines::{Machine, Object};
use super::{VariableMap, unevaluated};

/// Makes the variables of machines.
pub struct Variables<'a> {
    machines: &'a [Machine<'a>],
    names: &'a [String],
    /// For each machine with a link, its other names, and the names of the machines that it runs on.
    links: HashMap<usize, Links>,
}

/// The positions of linked machines.
#[derive(Default)]
struct Links {
    same_as: Vec<usize>,
    runs_on: Vec<usize>,
}

impl<'a> Variables<'a> {
    /// For these machines of the inventory, with their names.
    pub fn of(inventory: &Inventory, machines: &'a [Machine<'a>], names: &'a [String]) -> Self {
        Self { machines, names, links: links(inventory, machines) }
    }

    /// The variables of a machine.
    pub fn of_machine(&self, position: usize) -> VariableMap {
        let machine = &self.machines[position];
        let mut map = VariableMap::new();
        put(&mut map, "vhg_endpoint", &machine.endpoint.id);
        put(&mut map, "vhg_module", &machine.endpoint.module);
        match machine.object {
            Object::Host(host) => {
                put(&mut map, "vhg_kind", &"host");
                put_host(&mut map, host);
                put_address(
                    &mut map,
                    host.addresses.iter().map(|address| address.address.as_str()),
                );
            }
            Object::Guest { guest, host, host_machine } => {
                put(&mut map, "vhg_kind", &"guest");
                put_guest(&mut map, guest);
                put(&mut map, "vhg_host", &host_machine.map(|host| &self.names[host]));
                put(&mut map, "vhg_host_id", &host.map(|host| &host.id));
                let of_interfaces =
                    guest.interfaces.iter().flat_map(|interface| &interface.addresses);
                let addresses = guest.addresses.iter().map(|address| &address.address);
                put_address(&mut map, addresses.chain(of_interfaces).map(String::as_str));
            }
        }
        if let Some(links) = self.links.get(&position) {
            put(&mut map, "vhg_same_as", &self.sorted_names(&links.same_as));
            put(&mut map, "vhg_runs_on", &self.sorted_names(&links.runs_on));
        }
        map
    }

    fn sorted_names(&self, positions: &[usize]) -> Vec<&str> {
        let mut names: Vec<_> =
            positions.iter().map(|position| self.names[*position].as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Puts members of a type into the map, named after the member. All members must be listed, so that a new one is not
/// forgotten: those that are left out if they are empty, those that are always present, and those that are not printed.
macro_rules! put_members {
    ($map:expr, $object:expr, $type:ident, $($member:ident),*; always $($always:ident),*; without $($without:ident),*) => {
        let $type { $($member,)* $($always,)* $($without: _,)* } = $object;
        $(put($map, concat!("vhg_", stringify!($member)), $member);)*
        $(put_always($map, concat!("vhg_", stringify!($always)), $always);)*
    };
}

fn put_guest(map: &mut VariableMap, guest: &Guest) {
    put_members!(map, guest, Guest,
        id, uuid, identifiers, state, source_state, cpus, desired_cpus, memory_bytes, desired_memory_bytes, interfaces,
        disks, architecture, os, host_name, location, created_at, attributes;
        always name, addresses, labels, template, agent;
        without);
}

fn put_host(map: &mut VariableMap, host: &Host) {
    // Images are the largest part of a node, and each play keeps all variables in memory.
    put_members!(map, host, Host,
        short_name, hypervisor, software, os, identifiers, state, source_state, cpu, memory_bytes, location, provider,
        taints, conditions, capacity, allocatable, versions, created_at;
        always id, name, addresses, labels, roles;
        without images, synthetic, represented_by, guests);
}

/// Puts a variable into the map, unless its value is unknown or empty.
fn put(map: &mut VariableMap, name: &str, member: &impl Serialize) {
    let value = to_value(member);
    let is_empty = match &value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if !is_empty {
        map.insert(name.to_owned(), unevaluated::value(value));
    }
}

fn put_always(map: &mut VariableMap, name: &str, member: &impl Serialize) {
    map.insert(name.to_owned(), unevaluated::value(to_value(member)));
}

fn to_value(member: &impl Serialize) -> Value {
    serde_json::to_value(member).expect("the model has only keys that are strings")
}

/// Sets the address that Ansible connects to: the first usable IPv4 address, or else the first usable IPv6 address.
fn put_address<'a>(map: &mut VariableMap, addresses: impl Iterator<Item = &'a str>) {
    let mut best: Option<IpAddr> = None;
    for address in addresses.filter_map(usable) {
        if best.is_none_or(|best| best.is_ipv6() && address.is_ipv4()) {
            best = Some(address);
        }
    }
    put(map, "ansible_host", &best);
}

/// The address, unless it is not an IP address or does not lead to the machine from elsewhere.
fn usable(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().ok()?.to_canonical();
    let is_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let is_usable =
        !(is_local || address.is_loopback() || address.is_unspecified() || address.is_multicast());
    is_usable.then_some(address)
}

/// The links between the machines. An object that several machines could be is left out.
fn links(inventory: &Inventory, machines: &[Machine<'_>]) -> HashMap<usize, Links> {
    let mut links: HashMap<usize, Links> = HashMap::new();
    if inventory.links.is_empty() {
        return links;
    }
    let mut positions: HashMap<_, Option<usize>> = HashMap::new();
    for (position, machine) in machines.iter().enumerate() {
        let (kind, id) = match machine.object {
            Object::Host(host) => (ObjectKind::Host, Some(host.id.as_str())),
            Object::Guest { guest, .. } => (ObjectKind::Guest, guest.id.as_deref()),
        };
        let key = (machine.endpoint.id.as_str(), kind, id, machine.name());
        positions.entry(key).and_modify(|known| *known = None).or_insert(Some(position));
    }
    let find = |object: &LinkedObject| {
        let key =
            (object.endpoint.as_str(), object.kind, object.id.as_deref(), object.name.as_str());
        positions.get(&key).copied().flatten()
    };
    for link in &inventory.links {
        let (Some(from), Some(to)) = (find(&link.from), find(&link.to)) else { continue };
        match link.kind {
            LinkKind::Same => {
                links.entry(from).or_default().same_as.push(to);
                links.entry(to).or_default().same_as.push(from);
            }
            LinkKind::RunsOn => links.entry(from).or_default().runs_on.push(to),
            _ => {}
        }
    }
    links
}
