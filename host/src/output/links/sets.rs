//! Groups that have machines in common: all members of these groups are one machine.

use std::collections::{BTreeMap, HashMap};

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
