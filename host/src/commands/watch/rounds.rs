//! What happens to the result of a round: it is compared with the last whole answer, its events are written, and then it
//! becomes the last answer.
//!
//! What will be announced is stored before its events are written, and the state moves on afterwards. So if the program is
//! killed in between, it writes the same events with the same ids after the next start, whatever the endpoint answers then.

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Timestamp};

use super::outputs::{Delivery, NotWritten, Outputs};
use super::store::Store;
use crate::commands::gather;
use crate::output::changes::lost::MaxLost;
use crate::output::changes::{Change, compare};
use crate::output::events::{self, EndpointEvent, RoundOfEvents};
use crate::output::inventory;
use crate::state::guard::Verdict;
use crate::state::{
    Announcement, AnswerState, KeptAnswer, StateError, StatusRecord, Transition, finished_at,
    keep_incomplete,
};

/// Why a round did not move the state on. Its events are written again in the next round, or after the next start.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The events were not written, because the program ends.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

/// Processes the results of rounds. All functions block, and may be called from several threads for different endpoints.
pub struct Rounds {
    store: Store,
    outputs: Outputs,
}

/// What is announced about an endpoint, stored before it is written.
struct Pending {
    announcement: Option<Announcement>,
    answer: Option<PendingAnswer>,
}

/// An answer and the one before.
struct PendingAnswer {
    before: Option<EndpointResult>,
    next: KeptAnswer,
}

impl Rounds {
    /// Keeps endpoints in `store` and writes events to `outputs`.
    pub const fn new(store: Store, outputs: Outputs) -> Self {
        Self { store, outputs }
    }

    /// What is kept of the endpoints.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Where the events go.
    pub const fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Processes the result of a round. `limit` is how much the endpoint may lose, and `next_run` is when the endpoint is asked next. Returns its new status.
    pub fn finish(
        &self,
        mut result: EndpointResult,
        limit: Option<MaxLost>,
        next_run: Option<Timestamp>,
    ) -> Result<StatusRecord, RoundError> {
        self.resume(&result.id)?;
        inventory::normalize(&mut result, true);
        let (status, pending, loss_accepted) = {
            let stored = self.store.endpoint(&result.id)?;
            let kept = stored.kept();
            let verdict = stored.judge(kept.as_ref(), &result, limit);
            let loss_accepted = verdict == Verdict::Accepted;
            let suspicion = match verdict {
                Verdict::Suspicious(error) => Some(error),
                _ => None,
            };
            if let Some(error) = suspicion.clone() {
                result = gather::failed(result, error);
            }
            let mut status = stored.status();
            if let Some(kept) = &kept {
                status.round = status.round.max(kept.state.round);
                status.epoch.clone_from(&kept.state.epoch);
            }
            status.round += 1;
            status.removed = false;
            status.next_run = next_run;
            let announcement = record(&mut status, &result);
            status.announcement.clone_from(&announcement);
            if let (Some(error), Some(_)) = (suspicion, &announcement) {
                tracing::error!(json.kind = error.kind.as_str(), "{}: {error}", error.kind);
            }
            let answer = match result.status {
                EndpointStatus::Complete => changed(kept, result, &mut status),
                _ => None,
            };
            if let Some(answer) = &answer {
                stored.prepare(&answer.next)?;
            }
            let is_first = answer.as_ref().is_some_and(|answer| answer.before.is_none());
            stored.set_status(&status, announcement.is_some() || is_first)?;
            (status, Pending { announcement, answer }, loss_accepted)
        };
        let has_changes = pending.answer.is_some();
        if has_changes || pending.announcement.is_some() {
            self.announce(&status, &pending)?;
        } else if let (None, Some(success)) = (status.failing_since, &status.last_success) {
            let mut delivery = self.outputs.begin();
            let round = round_of(&status, status.round, success.at);
            let event = EndpointEvent::Unchanged { counts: &success.counts };
            delivery.write(events::of_endpoint(&round, event))?;
            // It moves nothing on, so it need not survive a crash of the machine.
            delivery.finish(false)?;
        }
        if loss_accepted {
            self.store.endpoint(&status.id)?.remove_suspicion();
        }
        Ok(status)
    }

    /// Announces that the infile does not have an endpoint any more.
    pub fn remove(&self, id: &str) -> Result<StatusRecord, RoundError> {
        self.resume(id)?;
        let (status, announcement) = {
            let stored = self.store.endpoint(id)?;
            let mut status = stored.status();
            if status.removed {
                return Ok(status);
            }
            status.round += 1;
            let announcement = Announcement {
                transition: Transition::Removed,
                round: status.round,
                at: Timestamp::now(),
                failing_since: None,
                failure: None,
            };
            (status.removed, status.next_run, status.failing_since) = (true, None, None);
            status.announcement = Some(announcement.clone());
            stored.set_status(&status, true)?;
            (status, announcement)
        };
        self.announce(&status, &Pending { announcement: Some(announcement), answer: None })?;
        Ok(status)
    }

    /// Writes the events that may not have been written when the program ended, and moves the state on.
    fn resume(&self, id: &str) -> Result<(), RoundError> {
        let (status, pending) = {
            let stored = self.store.endpoint(id)?;
            let status = stored.status();
            let answer = stored.next().map(|next| PendingAnswer {
                before: stored.kept().map(|kept| kept.result).filter(|_| !next.state.first),
                next,
            });
            let announcement = status.announcement.clone();
            (status, Pending { announcement, answer })
        };
        if pending.announcement.is_none() && pending.answer.is_none() {
            return Ok(());
        }
        self.announce(&status, &pending)
    }

    /// Writes events, and moves the state on when they are written.
    fn announce(&self, status: &StatusRecord, pending: &Pending) -> Result<(), RoundError> {
        let mut delivery = self.outputs.begin();
        if let Some(announcement) = &pending.announcement {
            let round = round_of(status, announcement.round, announcement.at);
            delivery.write(events::of_endpoint(&round, event_of(announcement)))?;
        }
        if let Some(answer) = &pending.answer {
            write_answer(answer, &mut delivery)?;
        }
        delivery.finish(true)?;
        let stored = self.store.endpoint(&status.id)?;
        if pending.answer.is_some() {
            stored.commit()?;
        }
        if pending.announcement.is_some() {
            // If this is lost, the event is written again.
            stored.set_status(&StatusRecord { announcement: None, ..status.clone() }, false)?;
        }
        Ok(())
    }
}

/// Records a result in the status. Returns what is to be announced about the endpoint as a whole.
fn record(status: &mut StatusRecord, result: &EndpointResult) -> Option<Announcement> {
    let since = status.failing_since;
    let known_kind = status.last_failure.as_ref().map(|failure| failure.kind.clone());
    status.record(result);
    let (round, at) = (status.round, finished_at(result));
    let announcement = |transition, failing_since, failure| {
        Some(Announcement { transition, round, at, failing_since, failure })
    };
    match (result.status, since) {
        (EndpointStatus::Complete, None) => None,
        (EndpointStatus::Complete, since) => announcement(Transition::Recovered, since, None),
        (_, since) => {
            let failure = status.last_failure.clone();
            let is_known =
                since.is_some() && known_kind == failure.as_ref().map(|known| known.kind.clone());
            if is_known {
                return None;
            }
            announcement(Transition::Failed, status.failing_since, failure)
        }
    }
}

/// The answer that becomes the last one; `None` if nothing changed.
fn changed(
    kept: Option<KeptAnswer>,
    mut result: EndpointResult,
    status: &mut StatusRecord,
) -> Option<PendingAnswer> {
    let first = kept.is_none();
    let before = if let Some(kept) = kept {
        kept.result
    } else {
        // Rounds of a forgotten state may have had the same numbers.
        status.epoch = StatusRecord::new(&status.id).epoch;
        empty(&result)
    };
    keep_incomplete(&mut result, &before);
    if !first && compare(&before, &result).is_empty() {
        return None;
    }
    let state = AnswerState {
        epoch: status.epoch.clone(),
        round: status.round,
        at: finished_at(&result),
        first,
    };
    Some(PendingAnswer { before: (!first).then_some(before), next: KeptAnswer { result, state } })
}

/// A complete answer without objects.
fn empty(result: &EndpointResult) -> EndpointResult {
    let mut empty = EndpointResult::new(result.id.clone(), result.module.clone(), None);
    empty.status = EndpointStatus::Complete;
    empty
}

fn write_answer(answer: &PendingAnswer, delivery: &mut Delivery<'_>) -> Result<(), NotWritten> {
    let PendingAnswer { before, next: KeptAnswer { result, state } } = answer;
    let round = RoundOfEvents {
        endpoint: &result.id,
        module: result.module.as_deref(),
        epoch: &state.epoch,
        number: state.round,
        at: state.at,
    };
    let mut sink = |event| delivery.write(event);
    match before {
        None => events::of_snapshot(&round, result, &mut sink)?,
        Some(before) => {
            let changes: Vec<Change> = compare(before, result);
            events::of_changes(&round, &changes, &mut sink)?
        }
    };
    Ok(())
}

fn round_of(status: &StatusRecord, number: u64, at: Timestamp) -> RoundOfEvents<'_> {
    RoundOfEvents {
        endpoint: &status.id,
        module: status.module.as_deref(),
        epoch: &status.epoch,
        number,
        at,
    }
}

fn event_of(announcement: &Announcement) -> EndpointEvent<'_> {
    let Announcement { transition, failing_since, failure, .. } = announcement;
    let failing_since = *failing_since;
    match (transition, failure) {
        (Transition::Failed, Some(failure)) => EndpointEvent::Failed {
            kind: &failure.kind,
            message: &failure.message,
            hint: failure.hint.as_deref(),
            failing_since,
        },
        (Transition::Failed, None) => EndpointEvent::Failed {
            kind: "internal",
            message: "the reason is unknown",
            hint: None,
            failing_since,
        },
        (Transition::Recovered, _) => EndpointEvent::Recovered { failing_since },
        (Transition::Removed, _) => EndpointEvent::Removed {},
    }
}
