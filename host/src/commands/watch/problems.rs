//! Logs the problems of an endpoint when they change, and not in every round.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};

use crate::commands::gather::log_result;
use crate::logging::spans;

/// What the log already says about an endpoint.
#[derive(Default)]
pub struct KnownProblems {
    /// A hash of the problems of the last round; `None` before the first.
    last: Option<u64>,
    fails: bool,
}

impl KnownProblems {
    /// Logs the failure, the warnings and the missing collections of a result, if they are not those of the last round.
    pub fn log_new(&mut self, result: &EndpointResult) {
        let problems = hash(result);
        if self.last != Some(problems) {
            log_result(result, false);
        }
        self.last = Some(problems);
        let fails = result.status == EndpointStatus::Failed;
        if self.fails && !fails {
            let _endpoint = spans::endpoint(&result.id, result.module.as_deref()).entered();
            tracing::info!("answers again");
        }
        self.fails = fails;
    }
}

fn hash(result: &EndpointResult) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Some(error) = &result.error {
        (error.kind, &error.message, &error.hint).hash(&mut hasher);
    }
    result.warnings.hash(&mut hasher);
    for (name, collection) in &result.collections {
        if let Some(error) = &collection.error {
            (name, error.kind, &error.message).hash(&mut hasher);
        }
    }
    hasher.finish()
}
