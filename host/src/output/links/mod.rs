//! Finds the hosts and guests of different endpoints that are the same machine, and the hosts on which these run.
//!
//! Machines are compared by the identities that they claim. An identity links nothing if it is not certain which machine
//! has it: a wrong link is worse than none.

mod cycles;
mod group;
mod identity;
#[cfg(test)]
mod links_hostile_tests;
#[cfg(test)]
mod links_properties;
#[cfg(test)]
mod links_tests;
mod machine;
mod problems;
mod sets;

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use gatherer_plugin_api::model::{Evidence, EvidenceKind, Inventory, Link, LinkKind, Warning};

use group::{Group, Member};
use identity::Identity;
use machine::Machine;
use problems::Problems;

use crate::output::format::Note;
use crate::output::inventory::count;

/// Whether the inventory has all endpoints. An identity that one machine of a shard claims may be claimed by another
/// machine of another shard too, so the links of a shard would not be certain.
pub fn can_be_found(inventory: &Inventory) -> bool {
    inventory.shard.is_none()
}

/// Removes the links of an inventory and the warnings about them, because they depend on all endpoints of a document.
pub fn remove_links(inventory: &mut Inventory) {
    inventory.links.clear();
    for endpoint in &mut inventory.endpoints {
        endpoint.warnings.retain(|warning| !problems::is_about_links(warning));
    }
}

/// Finds the links of an inventory, and adds them and the warnings about machines that are not linked. Returns these
/// warnings, to be logged.
pub fn add_links(inventory: &mut Inventory) -> Vec<Note> {
    let started = Instant::now();
    let (links, problems) = find(inventory);
    let duration_ms = started.elapsed().as_millis();
    if !links.is_empty() {
        let found = count(links.len(), "link");
        tracing::info!("{found} between endpoints found in {duration_ms} ms");
    }
    inventory.links = links;
    let mut notes = Vec::new();
    for (number, warnings) in problems.into_warnings() {
        let endpoint = &mut inventory.endpoints[number];
        let note =
            |warning: &Warning| Note { endpoint: endpoint.id.clone(), warning: warning.clone() };
        notes.extend(warnings.iter().map(note));
        endpoint.warnings.extend(warnings);
        endpoint.warnings.sort();
        endpoint.warnings.dedup();
    }
    notes
}

/// A link between two machines, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct FoundLink<'a> {
    from: usize,
    kind: LinkKind,
    to: usize,
    by: EvidenceKind,
    value: &'a str,
}

fn find(inventory: &Inventory) -> (Vec<Link>, Problems) {
    let machines = machine::all_of(&inventory.endpoints);
    let mut problems = Problems::default();
    let mut groups = groups(&machines);
    groups.retain_mut(|group| group.resolve(&machines, &mut problems));
    remove_disagreements(&mut groups, &machines, &mut problems);
    sets::remove_inconsistent(&mut groups, &machines, &mut problems);
    cycles::remove(&mut groups, &machines, &mut problems);
    let duplicates = duplicates(&machines);
    let mut is_unique = |number: usize| {
        let is_duplicate = duplicates.contains(&number);
        if is_duplicate {
            problems.add_duplicate(&machines[number]);
        }
        !is_duplicate
    };
    for group in &mut groups {
        group.members.retain(|member| is_unique(member.machine));
    }
    let mut found: Vec<_> = groups.iter().flat_map(|group| group.links(&machines)).collect();
    found.extend(sets::further_places(&groups, &machines, &found));
    found.retain(|link| is_unique(link.to));
    found.sort();
    // The first of several links between the same machines has the strongest evidence.
    found.dedup_by(|one, kept| (one.from, one.kind, one.to) == (kept.from, kept.kind, kept.to));
    let link = |found: FoundLink<'_>| Link {
        from: machines[found.from].reference(),
        kind: found.kind,
        to: machines[found.to].reference(),
        evidence: Evidence { by: found.by, value: found.value.to_owned() },
    };
    let mut links: Vec<_> = found.into_iter().map(link).collect();
    links.sort();
    (links, problems)
}

/// The machines that links cannot name, because another one has the same id and name in an endpoint with the same id.
fn duplicates(machines: &[Machine<'_>]) -> HashSet<usize> {
    let mut first = HashMap::new();
    let mut duplicates = HashSet::new();
    for (number, machine) in machines.iter().enumerate() {
        if let Some(first) = first.insert(machine.key(), number) {
            duplicates.extend([first, number]);
        }
    }
    duplicates
}

/// The machines that claim the same identity, in the order of the inventory. Identities that only one machine claims are
/// left out.
fn groups<'a>(machines: &[Machine<'a>]) -> Vec<Group<'a>> {
    let mut numbers = HashMap::<Identity<'a>, usize>::new();
    let mut groups = Vec::<Group<'a>>::new();
    for (number, machine) in machines.iter().enumerate() {
        for claim in machine.claims() {
            let group = *numbers.entry(claim.identity).or_insert_with_key(|identity| {
                groups.push(Group::new(identity));
                groups.len() - 1
            });
            groups[group].add(Member { machine: number, by: claim.by, value: claim.value });
        }
    }
    groups.retain(|group| group.members.len() > 1);
    groups
}

/// Removes from their groups the machines whose identifiers lead to different machines.
fn remove_disagreements(
    groups: &mut [Group<'_>],
    machines: &[Machine<'_>],
    problems: &mut Problems,
) {
    let mut groups_of = HashMap::<usize, Vec<usize>>::new();
    for (number, group) in groups.iter().enumerate() {
        for member in &group.members {
            groups_of.entry(member.machine).or_default().push(number);
        }
    }
    let mut removed = Vec::new();
    for (machine, own) in groups_of {
        if own.len() > 1 && problems.disagree(machine, &own, groups, machines) {
            removed.extend(own.into_iter().map(|group| (group, machine)));
        }
    }
    for (group, machine) in removed {
        groups[group].members.retain(|member| member.machine != machine);
    }
}
