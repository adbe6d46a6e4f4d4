//! Keeps the answers of a run in the state folder, after the guard has judged them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};
use gatherer_plugin_api::{Collection, GatherError};
use tokio::sync::{Semaphore, oneshot, watch};

use super::accepted::{Acceptance, failed};
use crate::logging::spans;
use crate::output::changes::lost::MaxLost;
use crate::output::inventory::{self, count};
use crate::run::supervisor::Stop;
use crate::state::guard::{self, Verdict};
use crate::state::{LockedEndpoint, StateFolder};

/// How many answers are compared at the same time. Each needs the memory of two answers.
const COMPARISONS_MAX: usize = 4;

/// How long a run waits for the state folder, for one endpoint.
const WAIT_LIMIT: Duration = Duration::from_mins(1);

/// How long it waits while the folder does not answer: since one endpoint waited in vain, until a later one does not.
const HANGING_LIMIT: Duration = Duration::from_secs(1);

/// The state of a run.
pub struct KeptAnswers {
    folder: Option<Arc<StateFolder>>,
    slots: Semaphore,
    wait_limit: Duration,
    /// Whether the last endpoint waited in vain, so that a thousand do not wait for a minute each.
    is_hanging: AtomicBool,
}

impl KeptAnswers {
    /// The state in this folder. Without a folder, and with a warning if it cannot be used, no answer is kept or judged.
    pub fn new(path: Option<&Path>, acceptance: &Acceptance) -> Self {
        let folder = match path.map(StateFolder::open) {
            Some(Ok(folder)) => Some(Arc::new(folder)),
            Some(Err(problem)) => {
                let unguarded =
                    if acceptance.has_limits() { "; max_lost is not checked" } else { "" };
                tracing::warn!("{problem}; answers are not kept{unguarded}");
                None
            }
            None => {
                if acceptance.has_limits() {
                    tracing::warn!(
                        "max_lost is set, but there is no state folder, so it is not checked; name one with --state or \
                         the key state of the config file"
                    );
                }
                None
            }
        };
        let without_id = acceptance.count_new_ids();
        if folder.is_some() && without_id > 0 {
            tracing::warn!(
                "{} without an id: answers are not kept, and max_lost is not checked; give each endpoint an `id`",
                count(without_id, "endpoint")
            );
        }
        Self {
            folder,
            slots: Semaphore::new(COMPARISONS_MAX),
            wait_limit: WAIT_LIMIT,
            is_hanging: AtomicBool::new(false),
        }
    }

    /// Whether the folder has a status of the endpoint.
    pub fn knows(&self, id: &str) -> bool {
        self.folder.as_ref().is_some_and(|folder| folder.has_status(id))
    }

    /// Judges and keeps a result. Returns it, or a failed result if its answer is suspicious. Problems with the folder are
    /// warnings.
    pub async fn keep(
        &self,
        mut result: EndpointResult,
        limit: Option<MaxLost>,
        mut stop: watch::Receiver<Option<Stop>>,
    ) -> EndpointResult {
        let Some(folder) = &self.folder else { return result };
        let Ok(_slot) = self.slots.acquire().await else { return result };
        if *stop.borrow() == Some(Stop::Signal) {
            // The endpoint may have failed because of it.
            return result;
        }
        inventory::normalize(&mut result, true);
        let span = spans::endpoint(&result.id, result.module.as_deref());
        let result = Arc::new(result);
        let (sender, judged) = oneshot::channel();
        let job = {
            let (folder, result, span) = (Arc::clone(folder), Arc::clone(&result), span.clone());
            move || {
                let verdict = span.in_scope(|| judge_and_keep(&folder, &result, limit));
                drop(result);
                // The receiver was dropped if the wait was too long.
                let _ = sender.send(verdict);
            }
        };
        let thread = std::thread::Builder::new().name("state".to_owned());
        if let Err(error) = thread.spawn(job) {
            span.in_scope(|| {
                tracing::warn!("the answer is not kept: {error}");
            });
        }
        let is_hanging = self.is_hanging.load(Ordering::Relaxed);
        let wait_limit = if is_hanging { HANGING_LIMIT } else { self.wait_limit };
        let error = tokio::select! {
            biased;
            verdict = judged => {
                self.is_hanging.store(false, Ordering::Relaxed);
                verdict.unwrap_or_else(|_| {
                    // The thread was not started, or it panicked.
                    span.in_scope(|| {
                        tracing::warn!("the answer could not be judged, so max_lost is not checked");
                    });
                    None
                })
            }
            Ok(_) = stop.wait_for(|stop| *stop == Some(Stop::Signal)) => None,
            () = tokio::time::sleep(wait_limit) => {
                self.is_hanging.store(true, Ordering::Relaxed);
                span.in_scope(|| tracing::warn!(
                    "the state folder {} did not answer within {} s, so max_lost is not checked",
                    folder.path().display(),
                    wait_limit.as_secs()
                ));
                None
            }
        };
        let result = Arc::try_unwrap(result).unwrap_or_else(|result| (*result).clone());
        match error {
            Some(error) => failed(result, error),
            None => result,
        }
    }
}

/// Judges an answer, and replaces the kept one if it is believed. Returns the reason if it is not. Blocks.
fn judge_and_keep(
    folder: &StateFolder,
    result: &EndpointResult,
    limit: Option<MaxLost>,
) -> Option<GatherError> {
    let (endpoint, is_writable) = match folder.lock(&result.id) {
        Ok(endpoint) => (endpoint, folder.may_replace()),
        Err(problem) => {
            tracing::warn!("{problem}; the answer is not kept");
            (folder.without_lock(&result.id), false)
        }
    };
    if result.status != EndpointStatus::Complete {
        record(&endpoint, result, is_writable);
        return None;
    }
    let mut last = endpoint.kept();
    let guests = Collection::VirtualMachines.as_str();
    if let Some(last) = &mut last
        && !result.collections.contains_key(guests)
    {
        // If the guests were not gathered again, a Manager still gets the hosts, and unlinks all guests.
        last.result.collections.remove(guests);
    }
    let mut is_accepted = limit.is_none() || last.is_none();
    if let (Some(limit), Some(last)) = (limit, &last) {
        match guard::judge(&endpoint, &last.result, result, limit) {
            Verdict::Believed => {}
            Verdict::Accepted => is_accepted = true,
            Verdict::Suspicious(error) => {
                let mut suspicious = EndpointResult::new(
                    result.id.clone(),
                    result.module.clone(),
                    result.plugin.clone(),
                );
                (suspicious.run, suspicious.error) = (result.run.clone(), Some(error.clone()));
                record(&endpoint, &suspicious, is_writable);
                return Some(error);
            }
        }
    } else if limit.is_some() {
        tracing::warn!(
            "there is no last whole answer to compare with; max_lost starts with this one"
        );
    }
    if is_writable {
        let round = last.as_ref().map_or(0, |last| last.state.round) + 1;
        match endpoint.replace_after(last.as_ref(), result, round) {
            Ok(()) if is_accepted && endpoint.suspicion().is_some() => {
                guard::remove_suspicion(&endpoint);
            }
            Ok(()) => {}
            Err(problem) => tracing::warn!("{problem}; the answer is not kept"),
        }
    }
    record(&endpoint, result, is_writable);
    None
}

/// Records a result for `status`.
fn record(endpoint: &LockedEndpoint<'_>, result: &EndpointResult, is_writable: bool) {
    if is_writable && let Err(problem) = endpoint.record(result, None) {
        tracing::warn!("{problem}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use tokio::sync::watch;

    use super::{Acceptance, KeptAnswers};

    #[test]
    fn endpoints_do_not_wait_one_after_the_other_for_a_folder_that_hangs() {
        let parent = tempfile::tempdir().expect("a folder");
        let state = parent.path().join("state");
        let mut kept = KeptAnswers::new(Some(&state), &Acceptance::of(&[]));
        kept.wait_limit = Duration::from_secs(4);
        for id in ["a", "b"] {
            // Opening it for writing waits for a reader for ever, as a lost file server does.
            let lock = state.join("locks").join(id);
            mknodat(CWD, lock, FileType::Fifo, Mode::RWXU, 0).expect("a FIFO");
        }
        let answer = |id: &str| EndpointResult {
            status: EndpointStatus::Complete,
            ..EndpointResult::new(id.to_owned(), None, None)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (_stop, stopped) = watch::channel(None);
        let started = Instant::now();
        let waited = runtime.expect("a runtime").block_on(async {
            let mut waited = Vec::new();
            for id in ["a", "b", "c"] {
                let result = kept.keep(answer(id), None, stopped.clone()).await;
                assert_eq!((result.id.as_str(), result.status), (id, EndpointStatus::Complete));
                waited.push(started.elapsed().as_secs());
            }
            waited
        });
        assert!(waited[0] >= 4 && waited[1] < 7, "{waited:?}");
        assert!(!kept.is_hanging.into_inner(), "the third one was kept");
        assert!(state.join("endpoints/c.json").exists());
    }
}
