//! Adds the endpoints of a request that no inventory has, as failed results.

use std::collections::{HashMap, HashSet};

use gatherer_plugin_api::model::EndpointResult;
use gatherer_plugin_api::{ErrorKind, GatherError};

use super::shards::Shards;
use crate::commands::gather::accepted;
use crate::output::escape::escape;
use crate::output::format::Format;
use crate::output::inventory::count;
use crate::request::{Entry, shard_of_entry};

/// The maximum number of endpoints that a warning names.
const SHOWN_MAX: usize = 5;

/// The request of the runs whose inventories are merged.
pub struct Request {
    entries: Vec<Entry>,
    /// The results of the endpoints that a run refuses to ask for the format of the result. The inventories have their
    /// answers, because they are of another format.
    refused: HashMap<String, EndpointResult>,
}

impl Request {
    /// The request with these entries, for a result in a format.
    pub fn new(entries: Vec<Entry>, format: Format) -> Self {
        let ready: HashSet<String> = entries
            .iter()
            .filter(|entry| matches!(entry, Entry::Ready(_)))
            .map(|entry| entry.id().to_owned())
            .collect();
        let entries = match format {
            Format::Gatherer => accepted::for_manager(entries),
            Format::VirtWho => accepted::for_virt_who(entries),
            _ => entries,
        };
        let refused = entries.iter().filter_map(|entry| match entry {
            Entry::Failed(result) if ready.contains(&result.id) => {
                Some((result.id.clone(), (**result).clone()))
            }
            _ => None,
        });
        let refused = refused.collect();
        Self { entries, refused }
    }

    /// Adds the missing endpoints of the request to those of the inventories, and returns their number.
    pub fn complete(self, endpoints: &mut Vec<EndpointResult>, shards: &Shards) -> usize {
        warn_of_unknown_endpoints(endpoints, &self.entries);
        for endpoint in &mut *endpoints {
            if let Some(result) = self.refused.get(&endpoint.id) {
                *endpoint = result.clone();
            }
        }
        let known: HashSet<String> = endpoints.iter().map(|endpoint| endpoint.id.clone()).collect();
        let added = self.entries.into_iter().filter_map(|entry| {
            let index = shards.count().map(|count| shard_of_entry(&entry, count));
            let is_known = if entry.has_stable_id() {
                known.contains(entry.id())
            } else {
                // The id is different in each run, so only the inventory that must have it is known.
                index.is_some_and(|index| shards.has(index)) || shards.has_whole()
            };
            (!is_known).then(|| missing(entry, index, shards))
        });
        let before = endpoints.len();
        endpoints.extend(added);
        endpoints.len() - before
    }
}

/// The result of an entry that no inventory has.
fn missing(entry: Entry, index: Option<u32>, shards: &Shards) -> EndpointResult {
    let (id, module) = match entry {
        Entry::Ready(endpoint) => (endpoint.id, Some(endpoint.module)),
        Entry::Failed(result) | Entry::FailedWithoutId(result) => (result.id, result.module),
        // Which endpoints the file has is not known in any run.
        Entry::UnusableFile(result) => return *result,
    };
    let error = GatherError::new(ErrorKind::Unavailable, shards.reason(index))
        .with_hint("look at the log of the run that should have asked it, and merge again");
    EndpointResult { error: Some(error), ..EndpointResult::new(id, module, None) }
}

/// Warns of endpoints that the request does not have. They stay, because a Manager unlinks the hosts of an endpoint only if
/// it is asked to.
fn warn_of_unknown_endpoints(endpoints: &[EndpointResult], entries: &[Entry]) {
    let requested: HashSet<&str> = entries.iter().map(Entry::id).collect();
    let unknown: Vec<&str> = endpoints
        .iter()
        .map(|endpoint| endpoint.id.as_str())
        .filter(|id| !requested.contains(id))
        .collect();
    let without_id = entries.iter().filter(|entry| !entry.has_stable_id());
    if unknown.len() > without_id.count() {
        let shown: Vec<_> = unknown.iter().take(SHOWN_MAX).map(|id| escape(id)).collect();
        let more = if unknown.len() > shown.len() { ", ..." } else { "" };
        tracing::warn!(
            "the infile does not have {} of the inventories, which stay: {}{more}",
            count(unknown.len(), "endpoint"),
            shown.join(", ")
        );
    }
}
