//! The guard: an answer that lacks too much of the last whole one is not believed.
//!
//! There is no automatic release, because an account that lost its rights gives the same short answer every night. An
//! answer is believed again if it is within the limit of the last whole answer, or if the operator accepted the loss. An
//! acceptance is for what the operator saw: an answer that lacks anything else is suspicious again.

use std::path::Path;

use gatherer_plugin_api::model::{EndpointResult, Timestamp};
use gatherer_plugin_api::{ErrorKind, GatherError};

use super::locked_endpoint::LockedEndpoint;
use super::suspicion::Suspicion;
use crate::output::changes::lost::{Losses, MaxLost};
use crate::output::escape::escape;

/// What the guard decides about an answer.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is within the limit.
    Believed,
    /// It lacks more, and the operator accepted that. The acceptance must be removed when the answer is kept.
    Accepted,
    /// It is not believed, for this reason.
    Suspicious(GatherError),
}

/// Decides whether a complete answer is believed, and records a suspicion.
pub fn judge(
    endpoint: &LockedEndpoint<'_>,
    last: &EndpointResult,
    answer: &EndpointResult,
    limit: MaxLost,
) -> Verdict {
    let losses = Losses::between(last, answer);
    let before = endpoint.suspicion();
    if losses.are_allowed(limit) {
        if before.is_some() {
            tracing::info!("the answer is within max_lost of the last whole one again");
            remove_suspicion(endpoint);
        }
        return Verdict::Believed;
    }
    let accepted = before.as_ref().is_some_and(|before| before.accepted.is_some());
    if let Some(before) = before.as_ref().filter(|_| accepted)
        && losses.are_part_of(&before.losses)
    {
        tracing::info!("the operator accepted that the answer lacks {}", losses.summary());
        return Verdict::Accepted;
    }
    let error = error(endpoint, &losses, limit, accepted);
    let now = Timestamp::now();
    let suspicion = Suspicion {
        id: answer.id.clone(),
        since: before.as_ref().map_or(now, |before| before.since),
        at: now,
        answers: before.map_or(0, |before| before.answers) + 1,
        max_lost: limit.to_string(),
        losses,
        accepted: None,
    };
    if let Err(problem) = endpoint.set_suspicion(&suspicion) {
        tracing::warn!("{problem}; `guard accept` does not know of this answer");
    }
    Verdict::Suspicious(error)
}

/// Removes a suspicion that does not apply any more.
pub fn remove_suspicion(endpoint: &LockedEndpoint<'_>) {
    if let Err(problem) = endpoint.remove_suspicion() {
        tracing::warn!("{problem}");
    }
}

fn error(
    endpoint: &LockedEndpoint<'_>,
    losses: &Losses,
    limit: MaxLost,
    was_accepted: bool,
) -> GatherError {
    let more = if was_accepted { ", which is not only what was accepted" } else { "" };
    let message = format!(
        "the answer lacks {} of the last whole answer{more}; max_lost is {limit}",
        losses.summary()
    );
    let hint = format!(
        "check the rights of the account; if they are really gone, run `{}`",
        accept_command(endpoint.id(), endpoint.folder_path())
    );
    GatherError::new(ErrorKind::Suspicious, message).with_hint(hint)
}

/// The command that accepts what the last answer of an endpoint lacked.
pub fn accept_command(id: &str, folder: &Path) -> String {
    let (word, folder) = (shell_word(id), shell_word(&folder.display().to_string()));
    let program = env!("CARGO_PKG_NAME");
    if id.starts_with('-') {
        return format!("{program} guard accept --state {folder} -- {word}");
    }
    format!("{program} guard accept {word} --state {folder}")
}

/// A text as one word of a shell.
fn shell_word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", escape(text).replace('\'', r"'\''"))
}
