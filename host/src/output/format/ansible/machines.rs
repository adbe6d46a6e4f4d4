//! The machines of an inventory: all guests, and the hosts that are real machines.

use gatherer_plugin_api::model::{EndpointResult, Guest, Host, Inventory};

use super::is_complete;
use super::safe_names::{cut, machine_name, unique};

/// A guest or a real host.
pub struct Machine<'a> {
    /// The endpoint.
    pub endpoint: &'a EndpointResult,
    /// The guest or the host.
    pub object: Object<'a>,
}

/// What a machine is in the inventory.
#[derive(Clone, Copy)]
pub enum Object<'a> {
    Host(&'a Host),
    Guest {
        guest: &'a Guest,
        /// The host that it runs on, which may be synthetic. `None` for a guest without a host.
        host: Option<&'a Host>,
        /// The position of this host among the machines. `None` if the host is synthetic.
        host_machine: Option<usize>,
    },
}

impl<'a> Machine<'a> {
    /// The id, or the UUID of a guest without an id.
    pub fn id(&self) -> Option<&'a str> {
        match self.object {
            Object::Host(host) => Some(&host.id),
            Object::Guest { guest, .. } => guest.id.as_deref().or(guest.uuid.as_deref()),
        }
    }

    /// The name in the source.
    pub fn name(&self) -> &'a str {
        match self.object {
            Object::Host(host) => &host.name,
            Object::Guest { guest, .. } => &guest.name,
        }
    }
}

/// The machines of all complete endpoints, in the inventory's order. Each host comes before its guests.
pub fn all(inventory: &Inventory) -> Vec<Machine<'_>> {
    let mut machines = Vec::new();
    for endpoint in inventory.endpoints.iter().filter(|endpoint| is_complete(endpoint)) {
        for host in &endpoint.hosts {
            let host_machine = (!host.synthetic).then_some(machines.len());
            if !host.synthetic {
                machines.push(Machine { endpoint, object: Object::Host(host) });
            }
            machines.extend(host.guests.iter().map(|guest| {
                let object = Object::Guest { guest, host: Some(host), host_machine };
                Machine { endpoint, object }
            }));
        }
        machines.extend(endpoint.detached_guests.iter().map(|guest| {
            let object = Object::Guest { guest, host: None, host_machine: None };
            Machine { endpoint, object }
        }));
    }
    machines
}

/// The name of each machine in Ansible's inventory: its own name, with its id if several machines have this name, and
/// also with its endpoint's id if they have the same id.
pub fn inventory_names(machines: &[Machine<'_>]) -> Vec<String> {
    unique(machines.len(), 2, |position, level| {
        let machine = &machines[position];
        let id = machine.id().unwrap_or_default();
        let mut parts = vec![machine.name(), id];
        parts.retain(|part| !part.is_empty());
        if parts.is_empty() {
            parts.push("unnamed");
        }
        parts.push(&machine.endpoint.id);
        // Without a name, the id takes its place; without an id, the endpoint.
        parts.truncate(level + 1);
        cut(parts.into_iter().map(machine_name).collect::<Vec<_>>().join("_"))
    })
}
