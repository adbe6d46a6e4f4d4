//! Groups that have machines in common: all members of these groups are one machine.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use gatherer_plugin_api::model::LinkKind;

use super::FoundLink;
use super::group::{Group, Member};
use super::machine::Machine;
use super::problems::Problems;

/// Removes the groups whose machines, together with those of other groups, cannot be one machine.
pub fn remove_inconsistent(
    groups: &mut Vec<Group<'_>>,
    machines: &[Machine<'_>],
    problems: &mut Problems,
) {
    let sets = of_groups(groups);
    let mut members = HashMap::<usize, (usize, BTreeMap<usize, Member<'_>>)>::new();
    for (group, set) in groups.iter().zip(&sets) {
        let (number, members) = members.entry(*set).or_default();
        *number += 1;
        members.extend(group.members.iter().map(|member| (member.machine, *member)));
    }
    // A single group is consistent already.
    let is_consistent: HashMap<_, _> = members
        .into_iter()
        .map(|(set, (number, members))| {
            let all = || Group::of(members.into_values().collect());
            (set, number == 1 || all().is_one_machine(machines))
        })
        .collect();
    let mut sets = sets.iter();
    groups.retain(|group| {
        let is_consistent = sets.next().is_none_or(|set| is_consistent[set]);
        if !is_consistent {
            problems.add_inconsistent(group, machines);
        }
        is_consistent
    });
}

/// The links from each host to the hosts on which it runs as a guest that only another group has: all objects of a machine run
/// on the same hosts.
pub fn further_places<'a>(
    groups: &[Group<'a>],
    machines: &[Machine<'_>],
    found: &[FoundLink<'a>],
) -> Vec<FoundLink<'a>> {
    let known: HashSet<_> = found
        .iter()
        .filter(|link| link.kind == LinkKind::RunsOn)
        .map(|link| (link.from, link.to))
        .collect();
    let mut sets = BTreeMap::<usize, (BTreeMap<usize, Member<'a>>, BTreeSet<usize>)>::new();
    for (group, set) in groups.iter().zip(of_groups(groups)) {
        let (hosts, places) = sets.entry(set).or_default();
        for member in &group.members {
            let machine = &machines[member.machine];
            places.extend(machine.place);
            if machine.is_host() {
                let strongest = hosts.entry(member.machine).or_insert(*member);
                if member.by < strongest.by {
                    *strongest = *member;
                }
            }
        }
    }
    let mut further = Vec::new();
    for (hosts, places) in sets.values() {
        for host in hosts.values() {
            let new = places.iter().filter(|place| !known.contains(&(host.machine, **place)));
            further.extend(new.map(|place| FoundLink {
                from: host.machine,
                kind: LinkKind::RunsOn,
                to: *place,
                by: host.by,
                value: host.value,
            }));
        }
    }
    further
}

/// The number of each group's set. Groups that have a machine in common are in one set.
pub fn of_groups(groups: &[Group<'_>]) -> Vec<usize> {
    fn root(parents: &mut [usize], mut group: usize) -> usize {
        while parents[group] != group {
            parents[group] = parents[parents[group]];
            group = parents[group];
        }
        group
    }
    let mut parents: Vec<_> = (0..groups.len()).collect();
    let mut group_of = HashMap::new();
    for (number, group) in groups.iter().enumerate() {
        for member in &group.members {
            if let Some(other) = group_of.insert(member.machine, number) {
                let (one, other) = (root(&mut parents, number), root(&mut parents, other));
                parents[one] = other;
            }
        }
    }
    (0..groups.len()).map(|group| root(&mut parents, group)).collect()
}
