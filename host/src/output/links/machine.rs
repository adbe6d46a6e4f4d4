//! The hosts and guests of all complete endpoints.

use std::net::IpAddr;

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

    /// Whether two hosts may be one host that two endpoints report: they have the same hardware, or the same name unless it is
    /// known that they have different hardware.
    pub fn may_be_host(&self, other: &Self) -> bool {
        let (Object::Host(one), Object::Host(other)) = (self.object, other.object) else {
            return false;
        };
        let is_known = |host| hardware_uuids(host).next().is_some();
        if is_known(one) && is_known(other) {
            let mut uuids = hardware_uuids(one);
            return uuids.any(|uuid| hardware_uuids(other).any(|other| other == uuid));
        }
        may_be_one_name(&one.name, &other.name)
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

    /// What [`Self::reference`] consists of: the endpoint, whether it is a host, the id and the name.
    pub fn key(&self) -> (&'a str, bool, Option<&'a str>, &'a str) {
        let id = match self.object {
            Object::Host(host) => Some(host.id.as_str()),
            Object::Guest(guest, _) => guest.id.as_deref(),
        };
        (self.endpoint_id, self.is_host(), id, self.name())
    }

    /// How links name the machine.
    pub fn reference(&self) -> LinkedObject {
        let (endpoint, is_host, id, name) = self.key();
        LinkedObject {
            endpoint: endpoint.to_owned(),
            kind: if is_host { ObjectKind::Host } else { ObjectKind::Guest },
            id: id.map(str::to_owned),
            name: name.to_owned(),
        }
    }
}

/// Whether two names may be those of one host: one of them may be without its domain.
fn may_be_one_name(one: &str, other: &str) -> bool {
    fn short(name: &str) -> &str {
        name.split('.').next().unwrap_or_default()
    }
    let [one, other] = [one, other].map(|name| name.trim_end_matches('.'));
    if short(one).is_empty() || short(one).eq_ignore_ascii_case("localhost") {
        return false;
    }
    let is_whole = |name: &str| name.parse::<IpAddr>().is_ok();
    let are_whole = is_whole(one) || is_whole(other) || (one.contains('.') && other.contains('.'));
    if are_whole {
        one.eq_ignore_ascii_case(other)
    } else {
        short(one).eq_ignore_ascii_case(short(other))
    }
}

fn hardware_uuids(host: &Host) -> impl Iterator<Item = HardwareUuid> {
    let identifiers = &host.identifiers;
    let all = [identifiers.uuid.as_deref(), identifiers.system_uuid.as_deref()];
    all.into_iter().flatten().filter_map(HardwareUuid::parse)
}
