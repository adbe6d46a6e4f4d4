//! Why a worker is ended, and what its endpoint's error says of that.

use gatherer_plugin_api::{CANCELLED, GatherError};
use tokio::time::Instant;

use super::answer::Answer;

/// Why a worker is being ended.
pub enum Ending {
    /// It may go on.
    Not,
    /// It was asked to end for this reason, and is killed at this moment.
    Asked(Instant, GatherError),
    /// Its last frame came; if it has not ended by this moment, it is killed.
    Finished(Instant),
    /// It was killed, for this reason if its answer had not come. If it has not ended by this
    /// moment, it is given up.
    Killed(Instant, Option<GatherError>),
}

/// A worker that outlives SIGKILL.
pub struct Stays {
    /// The reason, where `/proc` shows one.
    pub why: Option<String>,
}

impl Stays {
    /// Adds to the error of the endpoint that its worker could not be ended, and why.
    pub fn amend(self, result: Result<Answer, GatherError>) -> Result<Answer, GatherError> {
        result.map_err(|mut error| {
            error.message.push_str("; the worker could not be ended");
            error.hint = self.why.or(error.hint);
            error
        })
    }
}

/// Why a worker was asked to end, with what its plugin was doing where it could say that.
pub fn with_last_words(mut asked: GatherError, plugin: GatherError) -> GatherError {
    if plugin.message != CANCELLED {
        asked.message = format!("{}: {}", asked.message, plugin.message);
        asked.hint = plugin.hint.or(asked.hint);
    }
    asked
}
