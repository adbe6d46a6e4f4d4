//! The machines that were not linked because it is not certain what they are, and the warnings about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use gatherer_plugin_api::model::Warning;

use super::group::{Group, Member};
use super::machine::Machine;
use crate::output::escape::capped;

/// The maximum number of warnings of one endpoint.
const WARNINGS_MAX: usize = 1000;

/// The maximum number of candidates that a warning names.
const CANDIDATES_MAX: usize = 5;

/// The beginnings of the messages. Another document may have other candidates, so [`is_about_links`] recognizes messages
/// by these.
const NOT_LINKED_BY: &str = "not linked by its ";
const NOT_LINKED: &str = "not linked, because ";
/// The object and the end of the warning with the number of further ones.
const LINKS: &str = "links";
const FURTHER: &str = " more hosts and guests are not linked";

/// Whether a warning is one about links, in the document of this or another inventory.
pub fn is_about_links(warning: &Warning) -> bool {
    let message = warning.message.as_str();
    message.starts_with(NOT_LINKED_BY)
        || message.starts_with(NOT_LINKED)
        || (warning.object == LINKS && message.ends_with(FURTHER))
}

/// Warnings, by the number of their endpoint.
#[derive(Debug, Default)]
pub struct Problems(BTreeMap<usize, OfEndpoint>);

/// The first warnings of an endpoint, and how many were left out.
#[derive(Debug, Default)]
struct OfEndpoint {
    warnings: BTreeSet<Warning>,
    left_out: usize,
}

impl Problems {
    /// Adds a warning for each host of a group whose members cannot be one machine, or for its first guest.
    pub fn add_ambiguous(&mut self, group: &Group<'_>, machines: &[Machine<'_>]) {
        self.add_group(group, machines, "several machines have it");
    }

    /// Adds a warning for each host of a group whose machine would run on itself, or for its first guest.
    pub fn add_cycle(&mut self, group: &Group<'_>, machines: &[Machine<'_>]) {
        self.add_group(group, machines, "the machine would then run on itself");
    }

    /// Adds a warning for each host of a group that is one machine only without other groups, or for its first guest.
    pub fn add_inconsistent(&mut self, group: &Group<'_>, machines: &[Machine<'_>]) {
        self.add_group(group, machines, "other identifiers of these lead to different machines");
    }

    /// Adds a warning about a machine that links cannot name.
    pub fn add_duplicate(&mut self, machine: &Machine<'_>) {
        let kind = if machine.is_host() { "host" } else { "guest" };
        let message = format!("{NOT_LINKED}another {kind} has the same id and name");
        self.add(machine, message);
    }

    fn add_group(&mut self, group: &Group<'_>, machines: &[Machine<'_>], reason: &str) {
        let machine = |member: &Member<'_>| machines[member.machine];
        let first = &group.members[0];
        let endpoints: BTreeSet<_> =
            group.members.iter().map(|member| machine(member).endpoint).collect();
        let hosts = || group.members.iter().filter(|member| machine(member).is_host());
        if hosts().next().is_none() && endpoints.len() == 1 {
            // The endpoint has a warning about guests with one id.
            return;
        }
        let about: Vec<_> = match hosts().next() {
            Some(_) => hosts().collect(),
            None => vec![first],
        };
        for member in about {
            let others = group.members.iter().filter(|other| other.machine != member.machine);
            let others = others.map(|other| other.machine);
            let message = format!(
                "{NOT_LINKED_BY}{}, because {reason}: {}",
                claim(member),
                candidates(others, group.members.len() - 1, machines)
            );
            self.add(&machine(member), message);
        }
    }

    /// Whether two groups of a machine lead to different machines; adds a warning about it.
    pub fn disagree(
        &mut self,
        machine: usize,
        own: &[usize],
        groups: &[Group<'_>],
        machines: &[Machine<'_>],
    ) -> bool {
        let is_disagreement = [true, false].into_iter().any(|of_hosts| {
            let others = |group: &usize| -> BTreeSet<usize> {
                let members = groups[*group].members.iter().map(|member| member.machine);
                members
                    .filter(|other| *other != machine && machines[*other].is_host() == of_hosts)
                    .collect()
            };
            let sets: Vec<_> = own.iter().map(others).filter(|set| !set.is_empty()).collect();
            sets.iter().any(|set| sets[0].is_disjoint(set))
        });
        if is_disagreement {
            let mut message = format!("{NOT_LINKED}its identifiers lead to different machines:");
            for (index, group) in own.iter().enumerate() {
                let members = &groups[*group].members;
                let Some(member) = members.iter().find(|member| member.machine == machine) else {
                    continue;
                };
                let others = members.iter().map(|other| other.machine);
                let others = others.filter(|other| *other != machine);
                let others = candidates(others, members.len() - 1, machines);
                let separator = if index == 0 { "" } else { ";" };
                // Writing to a string does not fail.
                let _ = write!(message, "{separator} {} to {others}", claim(member));
            }
            self.add(&machines[machine], message);
        }
        is_disagreement
    }

    fn add(&mut self, machine: &Machine<'_>, message: String) {
        let object = match machine.name() {
            "" => machine.endpoint_id.to_owned(),
            name => name.to_owned(),
        };
        let warning = Warning { object: capped(object), message: capped(message) };
        let own = self.0.entry(machine.endpoint).or_default();
        if own.warnings.insert(warning) && own.warnings.len() > WARNINGS_MAX {
            own.warnings.pop_last();
            own.left_out += 1;
        }
    }

    /// The warnings of each endpoint, by its number.
    pub fn into_warnings(self) -> impl Iterator<Item = (usize, Vec<Warning>)> {
        self.0.into_iter().map(|(number, OfEndpoint { warnings, left_out })| {
            let mut warnings = Vec::from_iter(warnings);
            if left_out > 0 {
                let message = format!("{left_out}{FURTHER}");
                warnings.push(Warning { object: LINKS.to_owned(), message });
            }
            (number, warnings)
        })
    }
}

/// The identifier that a machine is compared by: `systemUuid "4c4c..."`.
fn claim(member: &Member<'_>) -> String {
    let name = serde_json::to_value(member.by).unwrap_or_default();
    format!("{} {:?}", name.as_str().unwrap_or_default(), member.value)
}

/// Names the first of these machines, of which there are `count`, and the number of the others. Only the first ones are read,
/// because there may be a warning for each of very many machines.
fn candidates(
    numbers: impl Iterator<Item = usize>,
    count: usize,
    machines: &[Machine<'_>],
) -> String {
    let named: Vec<_> = numbers
        .take(CANDIDATES_MAX)
        .map(|number| &machines[number])
        .map(|machine| {
            let kind = if machine.is_host() { "host" } else { "guest" };
            format!("{kind} {:?} of endpoint {:?}", machine.name(), machine.endpoint_id)
        })
        .collect();
    let more = count - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
