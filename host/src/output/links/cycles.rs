//! Machines that would run on themselves, because identifiers are wrong. A reader that follows links down to the physical host
//! must come to an end.

use std::collections::HashMap;

use super::group::Group;
use super::machine::Machine;
use super::problems::Problems;
use super::sets;

/// Removes the groups of machines that would run on themselves, directly or through others.
pub fn remove(groups: &mut Vec<Group<'_>>, machines: &[Machine<'_>], problems: &mut Problems) {
    let sets = sets::of_groups(groups);
    let mut edges = Edges::new(groups.len());
    let mut set_of = HashMap::new();
    for (group, set) in groups.iter().zip(&sets) {
        set_of.extend(group.members.iter().map(|member| (member.machine, *set)));
    }
    for (group, set) in groups.iter().zip(&sets) {
        let places = group.members.iter().filter_map(|member| machines[member.machine].place);
        for host in places.filter_map(|place| set_of.get(&place)) {
            edges.add(*set, *host);
        }
    }
    let in_cycle = edges.in_cycles();
    let mut sets = sets.into_iter();
    groups.retain(|group| {
        let is_in_cycle = sets.next().is_some_and(|set| in_cycle[set]);
        if is_in_cycle {
            problems.add_cycle(group, machines);
        }
        !is_in_cycle
    });
}

/// Which set of machines runs on which other.
struct Edges {
    /// The sets that each set runs on, and those that run on it.
    ways: [Vec<Vec<usize>>; 2],
}

impl Edges {
    fn new(sets: usize) -> Self {
        Self { ways: [vec![Vec::new(); sets], vec![Vec::new(); sets]] }
    }

    fn add(&mut self, guest: usize, host: usize) {
        self.ways[0][guest].push(host);
        self.ways[1][host].push(guest);
    }

    /// Which sets are in a cycle, or between two cycles.
    fn in_cycles(&self) -> Vec<bool> {
        let mut is_left = vec![true; self.ways[0].len()];
        for (there, back) in [(0, 1), (1, 0)] {
            // Removes the sets that run on none of the others, one after the other; then those on which none runs.
            let number =
                |set: usize| self.ways[there][set].iter().filter(|set| is_left[**set]).count();
            let mut open: Vec<_> = (0..is_left.len()).map(number).collect();
            let ends = (0..is_left.len()).filter(|set| is_left[*set] && open[*set] == 0);
            let mut ends: Vec<_> = ends.collect();
            while let Some(end) = ends.pop() {
                is_left[end] = false;
                for next in self.ways[back][end].iter().filter(|next| is_left[**next]) {
                    open[*next] -= 1;
                    if open[*next] == 0 {
                        ends.push(*next);
                    }
                }
            }
        }
        is_left
    }
}
