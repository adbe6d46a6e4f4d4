//! The groups of the machines.

use std::collections::HashMap;

use gatherer_plugin_api::model::{GuestState, HostState, Inventory, Location};

use super::group_names::{Shared, group_names};
use super::machines::{Machine, Object};

/// The groups that exist even if they are empty, so that a play can name them.
const KINDS: [&str; 4] = ["guests", "hosts", "templates", "agents"];

/// The groups of the machines.
pub struct Groups<'a> {
    members: Vec<Members>,
    names: Vec<String>,
    machine_names: &'a [String],
}

/// The members of a group: positions of machines and groups.
#[derive(Default)]
struct Members {
    machines: Vec<usize>,
    children: Vec<usize>,
}

/// A group with the names of its members, sorted.
pub struct NamedGroup<'a> {
    pub name: &'a str,
    machines: Vec<&'a str>,
    children: Vec<&'a str>,
}

impl<'a> NamedGroup<'a> {
    /// The lists of the group, by key. At least one, because Ansible takes an empty object for the variables of a machine.
    pub fn lists(self) -> Vec<(&'static str, Vec<&'a str>)> {
        let mut lists = Vec::new();
        if !self.children.is_empty() {
            lists.push(("children", self.children));
        }
        if lists.is_empty() || !self.machines.is_empty() {
            lists.push(("hosts", self.machines));
        }
        lists
    }
}

/// Collects the groups while machines are added.
#[derive(Default)]
struct Builder<'a> {
    positions: HashMap<Shared<'a>, usize>,
    shared: Vec<Shared<'a>>,
    members: Vec<Members>,
}

impl<'a> Builder<'a> {
    /// The position of a group, which is created if necessary, as a child of its parent.
    fn group(&mut self, shared: Shared<'a>) -> usize {
        if let Some(position) = self.positions.get(&shared) {
            return *position;
        }
        let parent = match shared {
            Shared::LabelValue(key, _) => Some(self.group(Shared::Label(key))),
            Shared::Endpoint(_, Some(module)) => Some(self.group(Shared::Module(module))),
            _ => None,
        };
        let position = self.members.len();
        self.positions.insert(shared, position);
        self.shared.push(shared);
        self.members.push(Members::default());
        if let Some(parent) = parent {
            self.members[parent].children.push(position);
        }
        position
    }

    fn add(&mut self, machine: usize, shared: Shared<'a>) {
        let group = self.group(shared);
        let machines = &mut self.members[group].machines;
        // A machine may have the same role twice.
        if machines.last() != Some(&machine) {
            machines.push(machine);
        }
    }

    fn add_all(&mut self, position: usize, machine: &Machine<'a>, names: &'a [String]) {
        let endpoint = machine.endpoint;
        self.add(position, Shared::Endpoint(&endpoint.id, endpoint.module.as_deref()));
        let (labels, os) = match machine.object {
            Object::Host(host) => {
                self.add(position, Shared::Kind("hosts"));
                self.add_place(position, &endpoint.id, [&host.location, &host.location]);
                if let Some(hypervisor) = &host.hypervisor {
                    self.add(position, Shared::Hypervisor(&hypervisor.kind));
                }
                for role in &host.roles {
                    self.add(position, Shared::Role(role));
                }
                if let Some(state) = host.state {
                    self.add(position, Shared::State(host_state(state)));
                }
                (&host.labels, &host.os)
            }
            Object::Guest { guest, host, host_machine } => {
                if guest.template {
                    self.add(position, Shared::Kind("templates"));
                }
                if guest.agent {
                    self.add(position, Shared::Kind("agents"));
                }
                if !guest.template && !guest.agent {
                    self.add(position, Shared::Kind("guests"));
                }
                let of_host = host.map_or(&guest.location, |host| &host.location);
                self.add_place(position, &endpoint.id, [&guest.location, of_host]);
                if let Some(host) = host_machine {
                    self.add(position, Shared::On(&names[host]));
                }
                if let Some(state) = guest.state {
                    self.add(position, Shared::State(guest_state(state)));
                }
                (&guest.labels, &guest.os)
            }
        };
        if let Some(name) = os.as_ref().and_then(|os| os.name.as_deref()) {
            self.add(position, Shared::Os(name));
        }
        for (key, value) in labels {
            if value.is_empty() {
                self.add(position, Shared::Label(key));
            } else {
                self.add(position, Shared::LabelValue(key, value));
            }
        }
    }

    /// Adds a machine to its data centre and cluster: its own, or those of its host.
    fn add_place(&mut self, position: usize, endpoint: &'a str, places: [&'a Location; 2]) {
        let first = |get: fn(&Location) -> Option<&str>| places.into_iter().find_map(get);
        let datacenter = first(|place| place.datacenter.as_deref());
        if let Some(name) = datacenter {
            self.add(position, Shared::Datacenter { endpoint, name });
        }
        if let Some(name) = first(|place| place.cluster.as_deref()) {
            self.add(position, Shared::Cluster { endpoint, datacenter, name });
        }
    }
}

impl<'a> Groups<'a> {
    /// The groups of these machines, and of the endpoints that have none.
    pub fn of(inventory: &'a Inventory, machines: &[Machine<'a>], names: &'a [String]) -> Self {
        let mut builder = Builder::default();
        for kind in KINDS {
            builder.group(Shared::Kind(kind));
        }
        for endpoint in &inventory.endpoints {
            builder.group(Shared::Endpoint(&endpoint.id, endpoint.module.as_deref()));
        }
        for (position, machine) in machines.iter().enumerate() {
            builder.add_all(position, machine, names);
        }
        Self { names: group_names(&builder.shared), members: builder.members, machine_names: names }
    }

    /// The groups, sorted by name.
    pub fn sorted(&self) -> impl Iterator<Item = NamedGroup<'_>> {
        super::sorted_by(&self.names).into_iter().map(|position| {
            let named = |positions: &[usize], names: &'a [String]| sorted(positions, names);
            let members = &self.members[position];
            NamedGroup {
                name: &self.names[position],
                machines: named(&members.machines, self.machine_names),
                children: sorted(&members.children, &self.names),
            }
        })
    }
}

fn sorted<'n>(positions: &[usize], names: &'n [String]) -> Vec<&'n str> {
    let mut sorted: Vec<_> = positions.iter().map(|position| names[*position].as_str()).collect();
    sorted.sort_unstable();
    sorted
}

const fn guest_state(state: GuestState) -> &'static str {
    match state {
        GuestState::Blocked => "blocked",
        other => other.manager_label(),
    }
}

const fn host_state(state: HostState) -> &'static str {
    match state {
        HostState::Up => "up",
        HostState::Maintenance => "maintenance",
        HostState::Down => "down",
        HostState::Disconnected => "disconnected",
        // A later version of the API may have more.
        _ => "unknown",
    }
}
