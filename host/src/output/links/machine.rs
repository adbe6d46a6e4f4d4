//! The hosts and guests of all complete endpoints.

use gatherer_plugin_api::model::{
    EndpointResult, EndpointStatus, Guest, Host, LinkedObject, ObjectKind,
};

use super::identity::{self, Claim, HardwareUuid};

/// A host or a guest.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// The number of its endpoint.
    pub endpoint: usize,
    /// The id of its endpoint.
    pub endpoint_id: &'a str,
    /// The number of the machine that a guest is on, if that is a real host.
    pub place: Option<usize>,
    object: Object<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Object<'a> {
    Host(&'a Host),
    /// A guest, and the kind of the hypervisor that it runs on.
    Guest(&'a Guest, Option<&'a str>),
}

/// The machines of the complete endpoints, in the order of the inventory: of each endpoint the hosts, then the guests. A host
/// that is not a real machine is left out.
pub fn all_of(endpoints: &[EndpointResult]) -> Vec<Machine<'_>> {
    let mut machines = Vec::new();
    for (number, endpoint) in endpoints.iter().enumerate() {
        if endpoint.status != EndpointStatus::Complete {
            continue;
        }
        let machine =
            |place, object| Machine { endpoint: number, endpoint_id: &endpoint.id, place, object };
        let mut place = machines.len();
        let real = endpoint.hosts.iter().filter(|host| !host.synthetic);
        machines.extend(real.map(|host| machine(None, Object::Host(host))));
        for host in &endpoint.hosts {
            let kind = host.hypervisor.as_ref().map(|hypervisor| hypervisor.kind.as_str());
            let own = (!host.synthetic).then_some(place);
            machines
                .extend(host.guests.iter().map(|guest| machine(own, Object::Guest(guest, kind))));
            place += usize::from(!host.synthetic);
        }
        let detached = endpoint.detached_guests.iter();
        machines.extend(detached.map(|guest| machine(None, Object::Guest(guest, None))));
    }
    machines
}

impl<'a> Machine<'a> {
    /// Whether it is a host of its endpoint.
    pub fn is_host(&self) -> bool {
        matches!(self.object, Object::Host(_))
    }

    /// The guest, unless it is a host.
    pub fn guest(&self) -> Option<&'a Guest> {
        match self.object {
            Object::Guest(guest, _) => Some(guest),
            Object::Host(_) => None,
        }
    }

    /// What the machine claims to be, the strongest claim first.
    pub fn claims(&self) -> Vec<Claim<'a>> {
        match self.object {
            Object::Host(host) => identity::of_host(host),
            Object::Guest(guest, kind) => identity::of_guest(guest, kind.unwrap_or_default()),
        }
    }

    /// Whether two hosts may be one host that two endpoints report: they have the same hardware or the same name.
    pub fn may_be_host(&self, other: &Self) -> bool {
        let (Object::Host(one), Object::Host(other)) = (self.object, other.object) else {
            return false;
        };
        let name = |host: &'a Host| host.name.split('.').next().unwrap_or_default();
        let mut uuids = hardware_uuids(one);
        uuids.any(|uuid| hardware_uuids(other).any(|other| other == uuid))
            || name(one).eq_ignore_ascii_case(name(other))
    }

    /// Whether two hosts are different nodes of Kubernetes, so that they cannot be one machine.
    pub fn is_other_node(&self, other: &Self) -> bool {
        let (Object::Host(one), Object::Host(other)) = (self.object, other.object) else {
            return false;
        };
        let uids = (&one.identifiers.kubernetes_uid, &other.identifiers.kubernetes_uid);
        matches!(uids, (Some(one), Some(other)) if !one.eq_ignore_ascii_case(other))
    }

    /// The name.
    pub fn name(&self) -> &'a str {
        match self.object {
            Object::Host(host) => &host.name,
            Object::Guest(guest, _) => &guest.name,
        }
    }

    /// How links name the machine.
    pub fn reference(&self) -> LinkedObject {
        let (kind, id) = match self.object {
            Object::Host(host) => (ObjectKind::Host, Some(host.id.clone())),
            Object::Guest(guest, _) => (ObjectKind::Guest, guest.id.clone()),
        };
        LinkedObject {
            endpoint: self.endpoint_id.to_owned(),
            kind,
            id,
            name: self.name().to_owned(),
        }
    }
}

fn hardware_uuids(host: &Host) -> impl Iterator<Item = HardwareUuid> {
    let identifiers = &host.identifiers;
    let all = [identifiers.uuid.as_deref(), identifiers.system_uuid.as_deref()];
    all.into_iter().flatten().filter_map(HardwareUuid::parse)
}
