//! The status of an endpoint: when it was last asked, and with which result.

use std::collections::BTreeMap;
use std::path::Path;

use gatherer_plugin_api::Expiry;
use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Timestamp};
use serde::{Deserialize, Serialize};

use super::folder::StateError;
use super::whole_file::{self, Durability};
use crate::output::inventory::{self, missing_collections, object_counts};

/// The status of an endpoint, as the state folder keeps it and `status --json` prints it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusRecord {
    /// The endpoint's id.
    pub id: String,
    /// Its module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Random; new if there was no state of the endpoint.
    #[serde(default)]
    pub epoch: String,
    /// The number of the last round.
    #[serde(default)]
    pub round: u64,
    /// True if the infile does not have the endpoint any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub removed: bool,
    /// When the first of the failures happened that were not followed by a success; absent if the last round succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<SuccessRecord>,
    /// The last failure, which may be older than the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailureRecord>,
    /// How often the endpoint succeeded.
    #[serde(default)]
    pub successes: u64,
    /// How often it failed, by kind.
    #[serde(default)]
    pub failures: BTreeMap<String, u64>,
    /// When it is asked next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run: Option<Timestamp>,
    /// A change of the endpoint's state whose event may not be written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announcement: Option<Announcement>,
}

/// A round that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuccessRecord {
    /// When the answer was complete.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How many objects there were.
    pub counts: Counts,
    /// The collections that could not be read completely.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The number of warnings.
    #[serde(default)]
    pub warnings: usize,
    /// When certificates, tokens and passwords of the endpoint expire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expiries: Vec<Expiry>,
}

/// The number of objects of each kind; kinds without objects are left out, except for hosts and guests.
pub type Counts = BTreeMap<String, usize>;

/// A round that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureRecord {
    /// When it failed.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// The kind of the error.
    pub kind: String,
    /// What failed.
    pub message: String,
    /// What the operator can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How an endpoint's state changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transition {
    /// It fails.
    Failed,
    /// It failed before and succeeds now.
    Recovered,
    /// The infile does not have it any more.
    Removed,
}

/// A change of an endpoint's state, which is stored before its event is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// What changed.
    pub transition: Transition,
    /// The round in which it changed.
    pub round: u64,
    /// When it changed.
    pub at: Timestamp,
    /// Since when the endpoint has failed, or had failed until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The failure, if it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureRecord>,
}

impl StatusRecord {
    /// The status of an endpoint that was never asked.
    pub fn new(id: &str) -> Self {
        let epoch = uuid::Uuid::new_v4().to_string();
        Self { id: id.to_owned(), epoch, ..Self::default() }
    }

    /// Records a result of a round.
    pub fn record(&mut self, result: &EndpointResult) {
        self.module.clone_from(&result.module);
        let duration_ms = result.run.as_ref().map(|run| run.duration_ms);
        let at = finished_at(result);
        if result.status == EndpointStatus::Complete {
            let missing = missing_collections(result).into_iter().map(str::to_owned).collect();
            let run = result.run.as_ref();
            self.last_success = Some(SuccessRecord {
                at,
                duration_ms,
                counts: object_counts(result)
                    .map(|(kind, number)| (kind.to_owned(), number))
                    .collect(),
                missing,
                warnings: result.warnings.len(),
                expiries: run.map(|run| run.expiries.clone()).unwrap_or_default(),
            });
            self.failing_since = None;
            self.successes += 1;
        } else {
            let failure = failure(result, at, duration_ms);
            *self.failures.entry(failure.kind.clone()).or_default() += 1;
            self.failing_since.get_or_insert(at);
            self.last_failure = Some(failure);
        }
    }
}

/// When a result was complete or failed; now, if it does not say it.
pub fn finished_at(result: &EndpointResult) -> Timestamp {
    inventory::finished_at(result).unwrap_or_else(Timestamp::now)
}

fn failure(result: &EndpointResult, at: Timestamp, duration_ms: Option<u64>) -> FailureRecord {
    match &result.error {
        Some(error) => FailureRecord {
            at,
            duration_ms,
            kind: error.kind.as_str().to_owned(),
            message: error.message.clone(),
            hint: error.hint.clone(),
        },
        None => FailureRecord {
            at,
            duration_ms,
            kind: "internal".to_owned(),
            message: "the reason is unknown".to_owned(),
            hint: None,
        },
    }
}

/// Reads a status. An unreadable one is a warning and `None`.
pub(super) fn read(path: &Path) -> Option<StatusRecord> {
    whole_file::read_json(path).unwrap_or_else(|problem| {
        tracing::warn!("the status in {} cannot be used: it {problem}", path.display());
        None
    })
}

/// Replaces a status.
pub(super) fn write(
    path: &Path,
    record: &StatusRecord,
    durability: Durability,
) -> Result<(), StateError> {
    whole_file::replace(path, durability, |writer| Ok(serde_json::to_writer(writer, record)?))
        .map_err(|error| StateError::unwritable(path, &error))
}

/// Makes serde omit a flag that is `false`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}
