//! Logs failures and warnings of results, and the notes of a format.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Host};
use tracing::Span;

use crate::logging::spans;
use crate::output::escape::capped;
use crate::output::format::Note;
use crate::output::inventory::count;

/// The maximum size of one endpoint's warnings in the log, in bytes. A thousand warnings, which is how many
/// are kept, usually have about 200 KiB.
const WARNINGS_MAX_BYTES: usize = 1024 * 1024;

/// How many hosts of an endpoint the log shows.
const HOSTS_SHOWN: usize = 20;

/// Cuts long texts for people. Texts from workers were already cut when they arrived.
pub fn cap_texts(result: &mut EndpointResult) {
    let cap = |text: &mut String| *text = capped(std::mem::take(text));
    let cap_error = |error: &mut GatherError| {
        cap(&mut error.message);
        error.hint.iter_mut().for_each(cap);
    };
    result.error.iter_mut().for_each(cap_error);
    for warning in &mut result.warnings {
        cap(&mut warning.object);
        cap(&mut warning.message);
    }
    result.collections.values_mut().filter_map(|status| status.error.as_mut()).for_each(cap_error);
}

/// Logs an endpoint's failure and warnings, one line each. If the printed result shows them too
/// (`is_shown`), they are logged only to the file.
pub fn log_result(result: &EndpointResult, is_shown: bool) {
    let _endpoint = spans::endpoint(&result.id, result.module.as_deref()).entered();
    let mut allowance = Allowance::default();
    for warning in &result.warnings {
        let message = format!("{}: {}", warning.object, warning.message);
        if allowance.allows(&message) {
            tracing::warn!(file_only = is_shown, "{message}");
        }
    }
    if let Some(message) = allowance.left_out() {
        tracing::warn!(file_only = is_shown, "{message}");
    }
    for (name, collection) in &result.collections {
        if let Some(error) = &collection.error {
            let kind = error.kind.as_str();
            tracing::warn!(
                file_only = is_shown,
                "{name} could not be read completely: {kind}: {error}"
            );
        }
    }
    if result.status == EndpointStatus::Failed {
        let module = result.module.as_deref().unwrap_or("no module");
        let (kind, reason) = match &result.error {
            Some(error) => (error.kind.as_str(), error.to_string()),
            None => ("internal", "the reason is unknown".to_owned()),
        };
        tracing::error!(file_only = is_shown, "{module} failed: {kind}: {reason}");
    } else {
        tracing::debug!("result: {}", shown_hosts(&result.hosts));
    }
}

/// The first hosts of a result, with the numbers of their guests.
fn shown_hosts(hosts: &[Host]) -> String {
    let shown = hosts.iter().take(HOSTS_SHOWN);
    let mut shown: Vec<_> = shown
        .map(|host| {
            format!("{} ({})", capped(host.name.clone()), count(host.guests.len(), "guest"))
        })
        .collect();
    if hosts.len() > HOSTS_SHOWN {
        shown.push(format!("and {} more", count(hosts.len() - HOSTS_SHOWN, "host")));
    }
    if shown.is_empty() { "no hosts".to_owned() } else { shown.join(", ") }
}

/// Logs the notes of a format about these results.
pub fn log_notes(notes: &[Note], results: &[EndpointResult]) {
    let modules = results.iter().map(|result| (result.id.as_str(), result.module.as_deref()));
    let modules: BTreeMap<_, _> = modules.collect();
    let mut endpoints: BTreeMap<&str, (Span, Allowance)> = BTreeMap::new();
    for note in notes {
        let (span, allowance) = endpoints.entry(&note.endpoint).or_insert_with_key(|id| {
            (spans::endpoint(id, modules.get(id).copied().flatten()), Allowance::default())
        });
        let message = format!("{}: {}", note.warning.object, note.warning.message);
        if allowance.allows(&message) {
            span.in_scope(|| tracing::warn!("{message}"));
        }
    }
    for (span, allowance) in endpoints.values() {
        if let Some(message) = allowance.left_out() {
            span.in_scope(|| tracing::warn!("{message}"));
        }
    }
}

/// Limits the size of one endpoint's warnings in the log.
#[derive(Default)]
struct Allowance {
    bytes: usize,
    left_out: usize,
}

impl Allowance {
    /// Whether the message may be logged.
    fn allows(&mut self, message: &str) -> bool {
        self.bytes = self.bytes.saturating_add(message.len());
        let allows = self.bytes <= WARNINGS_MAX_BYTES;
        self.left_out += usize::from(!allows);
        allows
    }

    /// A message with the number of warnings that were not logged, if there are any.
    fn left_out(&self) -> Option<String> {
        (self.left_out > 0).then(|| format!("{} more warnings are not logged", self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowance, WARNINGS_MAX_BYTES};

    #[test]
    fn logs_a_thousand_warnings_and_counts_those_beyond_the_limit() {
        let mut allowance = Allowance::default();
        assert!((0..1000).all(|_| allowance.allows(&"w".repeat(300))));
        assert_eq!(allowance.left_out(), None);
        let mut allowance = Allowance::default();
        let long = "w".repeat(4096);
        let logged = (0..1000).filter(|_| allowance.allows(&long)).count();
        assert_eq!(logged, WARNINGS_MAX_BYTES / 4096);
        let left_out = format!("{} more warnings are not logged", 1000 - logged);
        assert_eq!(allowance.left_out(), Some(left_out));
    }
}
