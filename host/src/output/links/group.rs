//! The machines that claim one identity, and the links between them.

use std::collections::HashSet;

use gatherer_plugin_api::model::{EvidenceKind, LinkKind};

use super::FoundLink;
use super::identity::{Identity, hardware_of_guest, machine_ids, parse_machine_id};
use super::machine::Machine;
use super::problems::Problems;

/// A machine in a group, with its claim.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its number.
    pub machine: usize,
    pub by: EvidenceKind,
    pub value: &'a str,
}

/// The machines that claim one identity.
#[derive(Debug)]
pub struct Group<'a> {
    /// Whether machines of different systems can have the identity.
    is_local: bool,
    /// Each machine once, with its strongest claim.
    pub members: Vec<Member<'a>>,
}

impl<'a> Group<'a> {
    /// A group without machines.
    pub fn new(identity: &Identity<'_>) -> Self {
        Self { is_local: identity.is_local(), members: Vec::new() }
    }

    /// The machines of several groups.
    pub fn of(members: Vec<Member<'a>>) -> Self {
        Self { is_local: false, members }
    }

    /// Adds a machine. The claims of one machine must arrive together, the strongest first.
    pub fn add(&mut self, member: Member<'a>) {
        if self.members.last().is_none_or(|last| last.machine != member.machine) {
            self.members.push(member);
        }
    }

    /// Removes claims that do not hold, and returns whether all members can be one machine. Reports it if not.
    pub fn resolve(&mut self, machines: &[Machine<'_>], problems: &mut Problems) -> bool {
        let guests = self.members.iter().filter_map(|member| machines[member.machine].guest());
        let possible: HashSet<_> = guests.flat_map(machine_ids).collect();
        // A machine id is random unless it was made from the UUID of the virtual machine.
        self.members.retain(|member| {
            member.by != EvidenceKind::MachineId
                || parse_machine_id(member.value).is_some_and(|id| possible.contains(&id))
        });
        if self.members.len() < 2 {
            return false;
        }
        let is_one = self.is_one_machine(machines);
        let has_host = self.members.iter().any(|member| machines[member.machine].is_host());
        // Without a host it is usual that guests of several systems have a local identity.
        if !is_one && (has_host || !self.is_local) {
            problems.add_ambiguous(self, machines);
        }
        is_one
    }

    /// Whether nothing shows that the members are several machines.
    pub fn is_one_machine(&self, machines: &[Machine<'_>]) -> bool {
        let members =
            || self.members.iter().map(|member| (member.machine, &machines[member.machine]));
        let mut seen = HashSet::new();
        if !members().all(|(_, machine)| seen.insert((machine.endpoint, machine.is_host()))) {
            return false;
        }
        if !self.may_be_one_guest(machines) {
            return false;
        }
        // One machine is on one host.
        let mut places = members().filter_map(|(_, machine)| machine.place);
        if let Some(first) = places.next()
            && !places.all(|place| machines[place].may_be_host(&machines[first]))
        {
            return false;
        }
        let numbers: HashSet<_> = members().map(|(number, _)| number).collect();
        let is_inside_itself = members()
            .any(|(_, machine)| machine.place.is_some_and(|place| numbers.contains(&place)));
        let mut hosts = members().filter(|(_, machine)| machine.is_host());
        let first = hosts.next();
        !is_inside_itself
            && first.is_none_or(|(_, first)| !hosts.any(|(_, host)| host.is_other_node(first)))
    }

    /// Whether the guests may be one machine: their UUIDs are not different, and known if nothing else shows it.
    fn may_be_one_guest(&self, machines: &[Machine<'_>]) -> bool {
        let guests = self.members.iter().filter_map(|member| machines[member.machine].guest());
        let uuids: Vec<_> = guests.map(hardware_of_guest).collect();
        if uuids.len() > 1 && self.is_local && uuids.iter().any(Vec::is_empty) {
            return false;
        }
        let mut known = uuids.iter().filter(|uuids| !uuids.is_empty());
        let Some(first) = known.next() else { return true };
        known.all(|uuids| uuids.iter().any(|uuid| first.contains(uuid)))
    }

    /// The links from one member to each other, and from each host to the hosts on which it runs as a guest.
    pub fn links(&self, machines: &[Machine<'_>]) -> Vec<FoundLink<'a>> {
        let is_host = |member: &Member<'_>| machines[member.machine].is_host();
        let order = |member: &&Member<'a>| (!is_host(member), layer(member.by), member.machine);
        let Some(first) = self.members.iter().min_by_key(order) else { return Vec::new() };
        let link = |from: &Member<'a>, kind, to| FoundLink {
            from: from.machine,
            kind,
            to,
            by: from.by,
            value: from.value,
        };
        let others = self.members.iter().map(|member| member.machine);
        let others = others.filter(|other| *other != first.machine);
        let mut links: Vec<_> = others.map(|other| link(first, LinkKind::Same, other)).collect();
        // There are at most as many places as endpoints that know the machine.
        let places: Vec<_> =
            self.members.iter().filter_map(|member| machines[member.machine].place).collect();
        for host in self.members.iter().filter(|member| is_host(member)) {
            links.extend(places.iter().map(|place| link(host, LinkKind::RunsOn, *place)));
        }
        links
    }
}

/// The order of hosts that claim one identity: the nodes of clusters first, because a node is what uses a machine.
fn layer(by: EvidenceKind) -> u8 {
    match by {
        EvidenceKind::ProviderId => 0,
        EvidenceKind::InstanceId => 1,
        EvidenceKind::SystemUuid => 2,
        EvidenceKind::MachineId => 3,
        _ => 4,
    }
}
