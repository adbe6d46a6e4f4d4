//! Logs failures and warnings of results, and the notes of a format.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Host, Warning};

use crate::logging::spans;
use crate::output::escape::capped;
use crate::output::format::Note;
use crate::output::inventory::count;
use crate::output::warning_kinds::{self, WarningKind, by_kind};

/// The maximum size of one endpoint's warnings in the log, in bytes. They are summed up by kind, so there are hardly ever more
/// than ten lines. With a higher limit a few runs could push everything else out of the log file, which is rotated.
const SUMMARIES_MAX_BYTES: usize = 64 * 1024;

/// The maximum size of the list of all warnings at `-v`, in bytes. Ten thousand warnings usually have about 700 KiB.
const LIST_MAX_BYTES: usize = 1024 * 1024;

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

/// Logs an endpoint's failure in one line, and its warnings in one line for each kind. If the printed result shows them too
/// (`is_shown`), they are logged only to the file.
pub fn log_result(result: &EndpointResult, is_shown: bool) {
    let _endpoint = spans::endpoint(&result.id, result.module.as_deref()).entered();
    log_warnings(&by_kind(&result.warnings, result), is_shown);
    for (name, collection) in &result.collections {
        if let Some(error) = &collection.error {
            let kind = error.kind.as_str();
            tracing::warn!(
                file_only = is_shown,
                json.collection = name,
                json.kind = kind,
                json.hint = error.hint.as_deref(),
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
        tracing::error!(
            file_only = is_shown,
            json.kind = kind,
            json.hint = result.error.as_ref().and_then(|error| error.hint.as_deref()),
            json.durationMs = result.run.as_ref().map(|run| run.duration_ms),
            "{module} failed: {kind}: {reason}"
        );
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
    let by_id: BTreeMap<_, _> = results.iter().map(|result| (result.id.as_str(), result)).collect();
    let mut endpoints: BTreeMap<&str, Vec<&Warning>> = BTreeMap::new();
    for note in notes {
        endpoints.entry(&note.endpoint).or_default().push(&note.warning);
    }
    for (id, warnings) in endpoints {
        let Some(result) = by_id.get(id) else { continue };
        let _endpoint = spans::endpoint(id, result.module.as_deref()).entered();
        log_warnings(&by_kind(warnings, result), false);
    }
}

/// Logs warnings in the span of their endpoint: the lines of each kind, and with `-v` all warnings that have no line of
/// their own.
fn log_warnings(kinds: &[WarningKind<'_>], is_shown: bool) {
    let (mut summaries, mut list) =
        (Allowance::new(SUMMARIES_MAX_BYTES), Allowance::new(LIST_MAX_BYTES));
    for kind in kinds {
        let lines = kind.lines();
        let is_logged = summaries.allows(lines.iter().map(String::len).sum(), kind.warnings.len());
        if is_logged {
            for line in lines {
                tracing::warn!(file_only = is_shown, "{line}");
            }
        }
        if kind.summary.is_some() || !is_logged {
            for line in kind.warnings.iter().copied().map(warning_kinds::line) {
                if list.allows(line.len(), 1) {
                    log_with_v(&line);
                }
            }
        }
    }
    if let Some(message) = summaries.left_out() {
        tracing::warn!(file_only = is_shown, "{message}");
    }
    if let Some(message) = list.left_out() {
        log_with_v(&message);
    }
}

/// Logs a line that both destinations get with `-v`, although the log file has one level more than stderr.
fn log_with_v(line: &str) {
    tracing::debug!(file_only = true, "{line}");
    tracing::info!(stderr_only = true, "{line}");
}

/// Limits the size of one endpoint's warnings in the log.
struct Allowance {
    bytes_left: usize,
    left_out: usize,
}

impl Allowance {
    fn new(bytes: usize) -> Self {
        Self { bytes_left: bytes, left_out: 0 }
    }

    /// Whether lines of this length, which stand for this many warnings, may be logged.
    fn allows(&mut self, bytes: usize, warnings: usize) -> bool {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.unwrap_or(0);
        self.left_out += if left.is_some() { 0 } else { warnings };
        left.is_some()
    }

    /// A message with the number of warnings that were not logged, if there are any.
    fn left_out(&self) -> Option<String> {
        (self.left_out > 0).then(|| format!("{} more warnings are not logged", self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::Allowance;

    #[test]
    fn counts_the_warnings_of_lines_beyond_the_limit() {
        let mut allowance = Allowance::new(1000);
        assert!((0..10).all(|_| allowance.allows(100, 7)));
        assert_eq!(allowance.left_out(), None);
        assert!(!allowance.allows(1, 5) && !allowance.allows(100, 2));
        assert_eq!(allowance.left_out(), Some("7 more warnings are not logged".to_owned()));
    }
}
