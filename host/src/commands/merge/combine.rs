//! Combines inventories. What depends on all endpoints of a document is removed here, and computed again for the result.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use gatherer_plugin_api::model::{EndpointResult, EndpointRun, RunInfo, SCHEMA_VERSION};

use super::files::Source;
use crate::commands::inventory_document::is_later_version;
use crate::output::escape::escape;
use crate::output::inventory;
use crate::output::links;

/// The maximum number of endpoints that a message names.
const SHOWN_MAX: usize = 5;

/// The endpoints of several inventories.
pub struct Combined {
    /// Each endpoint once. (An id that a request has twice is twice in the inventory of its run.)
    pub endpoints: Vec<EndpointResult>,
    /// From the start of the first run to the end of the last one, if all inventories say it.
    pub run: Option<RunInfo>,
    /// What is unusual.
    pub warnings: Vec<String>,
}

/// The results of one id, and the inventory that they are from.
struct Answer {
    source: usize,
    results: Vec<EndpointResult>,
}

/// Combines inventories. The result does not depend on their order. Fails if they contradict each other.
pub fn combine(sources: Vec<Source>) -> Result<Combined, String> {
    let mut warnings = version_warnings(&sources);
    let run = combined_run(&sources);
    let mut names = Vec::new();
    let mut answers = BTreeMap::<String, Answer>::new();
    let mut repeated = BTreeMap::<(usize, usize), Vec<String>>::new();
    let mut contradictions = BTreeMap::<String, (usize, usize)>::new();
    for (number, Source { name, mut inventory }) in sources.into_iter().enumerate() {
        names.push(name);
        // The inventory of a shard has none, so a plugin's warning in it is never mistaken for one.
        if links::can_be_found(&inventory) {
            links::remove_links(&mut inventory);
        }
        inventory::sort_endpoints(&mut inventory.endpoints, true);
        let mut own = BTreeMap::<String, Vec<EndpointResult>>::new();
        for endpoint in inventory.endpoints {
            own.entry(endpoint.id.clone()).or_default().push(endpoint);
        }
        for (id, results) in own {
            let new = Answer { source: number, results };
            match answers.entry(id) {
                Slot::Vacant(free) => {
                    free.insert(new);
                }
                Slot::Occupied(mut known) => {
                    let (id, pair) = (known.key().clone(), (known.get().source, number));
                    if !known.get().is_same_as(&new) {
                        contradictions.entry(id).or_insert(pair);
                        continue;
                    }
                    repeated.entry(pair).or_default().push(id);
                    if new.age() > known.get().age() {
                        known.insert(new);
                    }
                }
            }
        }
    }
    if let Some((id, (one, other))) = contradictions.first_key_value() {
        let others = match contradictions.len() - 1 {
            0 => String::new(),
            others => format!(", and there are {others} more such endpoints"),
        };
        return Err(format!(
            "the endpoint {} has different answers in {} and {}{others}; remove the older inventory, or leave it out with \
             --max-age",
            escape(id),
            names[*one],
            names[*other]
        ));
    }
    for ((one, other), ids) in repeated {
        let shown: Vec<_> = ids.iter().take(SHOWN_MAX).map(|id| escape(id)).collect();
        let more = ids.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        warnings.push(format!(
            "{} in {} and in {} with the same answer, of which one is kept: {}{more}",
            if ids.len() == 1 {
                "1 endpoint is".to_owned()
            } else {
                format!("{} endpoints are", ids.len())
            },
            names[one],
            names[other],
            shown.join(", ")
        ));
    }
    let endpoints = answers.into_values().flat_map(|answer| answer.results).collect();
    Ok(Combined { endpoints, run, warnings })
}

impl Answer {
    /// Whether both are the same answer, whenever it was given.
    fn is_same_as(&self, other: &Self) -> bool {
        let without_run = |result: &EndpointResult| EndpointResult { run: None, ..result.clone() };
        self.results.len() == other.results.len()
            && self
                .results
                .iter()
                .zip(&other.results)
                .all(|(one, other)| without_run(one) == without_run(other))
    }

    /// By which the youngest of several answers is found: the time, and then the JSON of what else may differ.
    fn age(&self) -> Vec<(Option<gatherer_plugin_api::model::Timestamp>, String)> {
        let of = |run: &Option<EndpointRun>| {
            (run.as_ref().map(|run| run.started_at), serde_json::to_string(run).unwrap_or_default())
        };
        self.results.iter().map(|result| of(&result.run)).collect()
    }
}

/// From the start of the first run to the end of the last one, if all inventories say it.
fn combined_run(sources: &[Source]) -> Option<RunInfo> {
    let runs: Option<Vec<&RunInfo>> =
        sources.iter().map(|source| source.inventory.run.as_ref()).collect();
    let runs = runs?;
    Some(RunInfo {
        started_at: runs.iter().map(|run| run.started_at).min()?,
        finished_at: runs.iter().map(|run| run.finished_at).max()?,
    })
}

/// Warnings about inventories of several versions of the program, and of later versions of the schema.
fn version_warnings(sources: &[Source]) -> Vec<String> {
    let mut programs = BTreeMap::<String, &str>::new();
    let mut warnings = Vec::new();
    for Source { name, inventory } in sources {
        let generator = &inventory.generator;
        let version = generator.version.as_deref().unwrap_or("without a version");
        programs.entry(escape(&format!("{} {version}", generator.name))).or_insert(name);
        if is_later_version(&inventory.schema_version) {
            warnings.push(format!(
                "{name} has schema {}, but this program knows {SCHEMA_VERSION}: what the later one added is left out",
                escape(&inventory.schema_version)
            ));
        }
    }
    if programs.len() > 1 {
        let shown: Vec<_> =
            programs.iter().map(|(program, name)| format!("{name} of {program}")).collect();
        warnings.push(format!(
            "the inventories are of different versions of the program: {}",
            shown.join(", ")
        ));
    }
    warnings
}
