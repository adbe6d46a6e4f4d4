//! What happens to an answer before it is printed, kept or compared: the filters of its endpoint.

use std::collections::{HashMap, HashSet};

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};

use crate::logging::spans;
use crate::output::changes::lost::MaxLost;
use crate::output::filters::Filters;
use crate::output::inventory::count;
use crate::request::{Endpoint, Entry};

/// Decides what is accepted of the answers of a run, by the endpoint's id.
pub struct Acceptance {
    filters: HashMap<String, Filters>,
    limits: HashMap<String, MaxLost>,
    /// The ids that the infile does not have; they are new in each run.
    new_ids: HashSet<String>,
}

impl Acceptance {
    /// For these entries.
    pub fn of(entries: &[Entry]) -> Self {
        let filters = entries.iter().filter_map(|entry| match entry {
            Entry::Ready(endpoint) if !endpoint.filters.is_empty() => {
                Some((endpoint.id.clone(), endpoint.filters.clone()))
            }
            _ => None,
        });
        let limits = entries.iter().filter_map(|entry| match entry {
            Entry::Ready(endpoint) => Some((endpoint.id.clone(), endpoint.max_lost?)),
            Entry::Failed(_) | Entry::FailedWithoutId(_) | Entry::UnusableFile(_) => None,
        });
        let new_ids = entries.iter().filter_map(|entry| match entry {
            Entry::Ready(endpoint) if endpoint.has_new_id => Some(endpoint.id.clone()),
            _ => None,
        });
        Self { filters: filters.collect(), limits: limits.collect(), new_ids: new_ids.collect() }
    }

    /// Whether the infile has this id, so that the endpoint can be recognized in the next run.
    pub fn has_stable_id(&self, id: &str) -> bool {
        !self.new_ids.contains(id)
    }

    /// How many endpoints have no id in the infile.
    pub fn count_new_ids(&self) -> usize {
        self.new_ids.len()
    }

    /// Adds what another one decides about further endpoints.
    pub fn add_missing(&mut self, other: &Self) {
        for (id, filters) in &other.filters {
            self.filters.entry(id.clone()).or_insert_with(|| filters.clone());
        }
        for (id, limit) in &other.limits {
            self.limits.entry(id.clone()).or_insert(*limit);
        }
    }

    /// How much an endpoint may lose; `None` for no limit.
    pub fn max_lost(&self, id: &str) -> Option<MaxLost> {
        self.limits.get(id).copied()
    }

    /// Whether any endpoint has a limit.
    pub fn has_limits(&self) -> bool {
        !self.limits.is_empty()
    }

    /// The part of an answer that is accepted, or a failed result if the answer must not be used.
    pub fn accept(&self, mut result: EndpointResult) -> EndpointResult {
        if let Some(filters) = self.filters.get(&result.id)
            && let Err(error) = filters.apply(&mut result)
        {
            return failed(result, error);
        }
        if let Some(filtered) = result.filtered {
            let _endpoint = spans::endpoint(&result.id, result.module.as_deref()).entered();
            let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
            tracing::info!(
                json.filteredHosts = filtered.hosts,
                json.filteredGuests = filtered.guests,
                "filters left out {}, {}",
                count(number(filtered.hosts), "host"),
                count(number(filtered.guests), "guest")
            );
        }
        result
    }
}

/// The result of an endpoint whose answer must not be used.
pub fn failed(result: EndpointResult, error: GatherError) -> EndpointResult {
    EndpointResult {
        status: EndpointStatus::Failed,
        error: Some(error),
        run: result.run,
        ..EndpointResult::new(result.id, result.module, result.plugin)
    }
}

/// Fails the entries whose filters a Manager must not get: it deletes what is filtered, so a guest that is switched off
/// would vanish.
pub fn for_manager(entries: Vec<Entry>) -> Vec<Entry> {
    let problem = "the Manager's format, because the Manager deletes what is left out";
    entries.into_iter().map(|entry| with_stable_filters(entry, problem)).collect()
}

/// Fails the entries whose filters the readers of virt-who's format must not get: they remove a guest that is filtered
/// from its host.
pub fn for_virt_who(entries: Vec<Entry>) -> Vec<Entry> {
    let problem =
        "the format virt-who, because its readers remove a guest that is left out from its host";
    entries.into_iter().map(|entry| with_stable_filters(entry, problem)).collect()
}

/// The entry, or a failed one if its filters have rules about what changes. `problem` is the format, and why they cannot be
/// used in it.
fn with_stable_filters(entry: Entry, problem: &str) -> Entry {
    let Entry::Ready(endpoint) = entry else { return entry };
    let mut unstable = Vec::new();
    for (name, option) in endpoint.filters.options() {
        let rules = option.rules().filter(|(_, rule)| !rule.key.is_stable());
        let origin = if option.is_default { " of the operator's file" } else { "" };
        unstable.extend(
            rules.map(|(kind, rule)| format!("{name}.{kind}.{}{origin}", rule.key.as_str())),
        );
    }
    if unstable.is_empty() {
        return Entry::Ready(endpoint);
    }
    let Endpoint { id, module, warnings, .. } = *endpoint;
    let error = GatherError::configuration(format!(
        "{} cannot be used in {problem}, and a state or label changes",
        unstable.join(", ")
    ))
    .with_hint("filter by name, id or cluster, or choose another --format");
    Entry::Failed(Box::new(EndpointResult {
        error: Some(error),
        warnings,
        ..EndpointResult::new(id, Some(module), None)
    }))
}
