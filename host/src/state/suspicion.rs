//! A suspicious answer: what it lacked, and whether the operator accepted it.

use std::path::Path;

use gatherer_plugin_api::model::Timestamp;
use serde::{Deserialize, Serialize};

use super::folder::StateError;
use super::whole_file::{self, Durability};
use crate::output::changes::lost::Losses;

/// What is known of an endpoint whose answers are suspicious, as `guard list --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspicion {
    /// The endpoint's id.
    pub id: String,
    /// When the first of the suspicious answers came.
    pub since: Timestamp,
    /// When the last one came.
    pub at: Timestamp,
    /// How many there were.
    pub answers: u64,
    /// The limit that was exceeded.
    pub max_lost: String,
    /// What the last one lacked.
    #[serde(flatten)]
    pub losses: Losses,
    /// When the operator accepted the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Timestamp>,
}

/// Reads a suspicion; an unreadable one is a warning and `None`.
pub(super) fn read(path: &Path) -> Option<Suspicion> {
    whole_file::read_json(path).unwrap_or_else(|problem| {
        tracing::warn!("the suspicion in {} cannot be used: it {problem}", path.display());
        None
    })
}

/// Replaces a suspicion.
pub(super) fn write(path: &Path, suspicion: &Suspicion) -> Result<(), StateError> {
    let folder = path.parent().unwrap_or(path);
    super::folder::create(folder)?;
    whole_file::replace(path, Durability::Synced, |writer| {
        Ok(serde_json::to_writer(writer, suspicion)?)
    })
    .map_err(|error| StateError::unwritable(path, &error))
}
