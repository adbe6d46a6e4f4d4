//! The file of an answer: an inventory document of one endpoint, with the member `state`.

use std::path::Path;

use gatherer_plugin_api::model::{
    EndpointResult, EndpointStatus, SCHEMA_VERSION, Software, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::folder::StateError;
use super::whole_file::{self, Durability};

/// What is known of a kept answer besides the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerState {
    /// A random text that is new whenever an endpoint starts anew, so that rounds with the same number can be told apart.
    pub epoch: String,
    /// The number of the round that gave this answer.
    pub round: u64,
    /// When the answer was complete.
    pub at: Timestamp,
    /// Whether it is the first answer, with which nothing was compared.
    #[serde(default)]
    pub first: bool,
}

/// A kept answer.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptAnswer {
    /// The answer. Collections that it could not read are those of an earlier answer.
    pub result: EndpointResult,
    /// What is known of it.
    pub state: AnswerState,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenDocument<'a> {
    schema_version: &'static str,
    generator: Software,
    state: &'a AnswerState,
    endpoints: [&'a EndpointResult; 1],
}

#[derive(Deserialize)]
struct ReadDocument {
    state: AnswerState,
    endpoints: Vec<EndpointResult>,
}

/// Replaces the file of an answer.
pub(super) fn write(
    path: &Path,
    result: &EndpointResult,
    state: &AnswerState,
) -> Result<(), StateError> {
    let document = WrittenDocument {
        schema_version: SCHEMA_VERSION,
        generator: Software {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        },
        state,
        endpoints: [result],
    };
    whole_file::replace(path, Durability::Synced, |writer| {
        Ok(serde_json::to_writer(writer, &document)?)
    })
    .map_err(|error| StateError::unwritable(path, &error))
}

/// Reads the file of an answer of this endpoint. An unreadable one is a warning and `None`, as a missing one is `None`.
pub(super) fn read(path: &Path, id: &str) -> Option<KeptAnswer> {
    match try_read(path, id) {
        Ok(kept) => kept,
        Err(problem) => {
            tracing::warn!(
                "the last answer in {} cannot be used, and the endpoint starts anew: it {problem}",
                path.display()
            );
            None
        }
    }
}

fn try_read(path: &Path, id: &str) -> Result<Option<KeptAnswer>, String> {
    let Some(document) = whole_file::read_json::<ReadDocument>(path)? else { return Ok(None) };
    let [result] = <[EndpointResult; 1]>::try_from(document.endpoints)
        .map_err(|endpoints| format!("has {} endpoints instead of one", endpoints.len()))?;
    if result.id != id {
        return Err("is of another endpoint".to_owned());
    }
    if result.status != EndpointStatus::Complete {
        return Err("is not complete".to_owned());
    }
    Ok(Some(KeptAnswer { result, state: document.state }))
}
