//! The state of a worker that the runner is ending, and the errors that follow from it.

use gatherer_plugin_api::{CANCELLED, ErrorKind, GatherError};
use tokio::time::Instant;

use super::answer::Answer;

/// How far the runner has gone in ending a worker.
pub enum WorkerState {
    /// The worker may continue.
    Running,
    /// The worker has sent its last frame. If it has not exited at this time, it is killed.
    Finished(Instant),
    /// The worker was asked to end because of this error. If it has not exited at this time, it is killed.
    AskedToEnd(Instant, GatherError),
    /// The worker was killed; the error is absent if it had finished. If the process still exists at this
    /// time, the runner gives it up.
    Killed(Instant, Option<GatherError>),
}

impl WorkerState {
    /// When the runner takes the next step.
    pub fn next_step_at(&self) -> Option<Instant> {
        match self {
            Self::Running => None,
            Self::Finished(at) | Self::AskedToEnd(at, _) | Self::Killed(at, _) => Some(*at),
        }
    }

    /// Whether the runner has killed the worker.
    pub fn is_killed(&self) -> bool {
        matches!(self, Self::Killed(..))
    }
}

/// A process that survived SIGKILL.
pub struct SurvivedKill {
    /// The reason, if `/proc` shows one.
    pub reason: Option<String>,
}

impl SurvivedKill {
    /// Adds to an endpoint's error that its worker could not be ended, and why.
    pub fn add_to(self, result: Result<Answer, GatherError>) -> Result<Answer, GatherError> {
        result.map_err(|mut error| {
            error.message.push_str("; the worker could not be ended");
            error.hint = self.reason.or(error.hint);
            error
        })
    }
}

/// The error for which a worker was asked to end, extended by the error that its plugin reported then, which
/// says what the plugin was doing.
pub fn with_plugin_error(mut reason: GatherError, plugin: GatherError) -> GatherError {
    if plugin.message != CANCELLED {
        reason.message = format!("{}: {}", reason.message, plugin.message);
        reason.hint = plugin.hint.or(reason.hint);
    }
    reason
}

/// Adds to the error of an endpoint that did not answer in time how much had arrived. The error of a plugin that knows
/// how much there is says that already.
pub fn with_progress(mut error: GatherError, records: u64) -> GatherError {
    if error.kind == ErrorKind::Timeout && records > 0 && !error.message.contains(" were read in ")
    {
        let noun = if records == 1 { "record" } else { "records" };
        error.message = format!(
            "{}; {records} {noun} (hosts, guests and others) had arrived until then",
            error.message
        );
    }
    error
}
