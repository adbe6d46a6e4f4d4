//! Asks each endpoint at its interval. Each has a task of its own, so that a slow endpoint delays no other.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Timestamp};
use jiff::SignedDuration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::problems::KnownProblems;
use super::rounds::{RoundError, Rounds};
use super::threads::Threads;
use crate::commands::gather::{Acceptance, cap_texts};
use crate::logging::spans;
use crate::output::inventory;
use crate::request::Endpoint;
use crate::run::supervisor::{Budget, Library, SupervisorSettings, gather_endpoint};
use crate::state::StatusRecord;

/// The part of its interval by which a round may be earlier or later, so that endpoints that were started together do not
/// stay together.
const JITTER: f64 = 0.05;

/// The first rounds are spread over this part of the interval, but with no longer time between two of them than
/// [`FIRST_STEP_MAX`].
const FIRST_SPREAD: f64 = 0.1;
const FIRST_STEP_MAX: Duration = Duration::from_millis(50);

/// An entry of the infile that is watched.
pub enum Watched {
    /// It can be asked.
    Ready(Box<Endpoint>, Rc<Library>),
    /// There is a mistake in the entry, so every round fails with this result.
    Failed(Box<EndpointResult>),
}

impl Watched {
    /// The endpoint's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Ready(endpoint, _) => &endpoint.id,
            Self::Failed(result) => &result.id,
        }
    }

    fn interval(&self) -> Option<Duration> {
        match self {
            Self::Ready(endpoint, _) => endpoint.interval,
            Self::Failed(_) => None,
        }
    }
}

/// What all tasks share.
pub struct Shared {
    /// How endpoints are queried.
    pub settings: SupervisorSettings,
    /// Limits the number of endpoints that are queried or whose events are written.
    pub jobs: Semaphore,
    /// What is accepted of their answers.
    pub acceptance: RefCell<Acceptance>,
    /// The memory of their answers.
    pub budget: Rc<Budget>,
    /// Processes the results.
    pub rounds: Arc<Rounds>,
    /// Runs what waits for the state and the outputs.
    pub threads: Threads,
    /// The interval of endpoints without their own.
    pub interval: Duration,
    /// How many rounds each endpoint has; `None` for no limit.
    pub round_limit: Option<u64>,
    /// The last status of each endpoint.
    pub statuses: RefCell<BTreeMap<String, StatusRecord>>,
    /// Changes when a status changed.
    pub status_changed: watch::Sender<()>,
}

/// An endpoint and its task.
struct Slot {
    id: String,
    watched: RefCell<Rc<Watched>>,
    /// Notified to ask the endpoint soon.
    wake: Notify,
    is_removed: Cell<bool>,
}

/// All endpoints that are watched.
pub struct Schedule {
    shared: Rc<Shared>,
    slots: Rc<RefCell<BTreeMap<String, Rc<Slot>>>>,
    tasks: JoinSet<()>,
}

impl Schedule {
    /// A schedule without endpoints.
    pub fn new(shared: Rc<Shared>) -> Self {
        Self { shared, slots: Rc::default(), tasks: JoinSet::new() }
    }

    /// The number of endpoints.
    pub fn len(&self) -> usize {
        self.slots.borrow().values().filter(|slot| !slot.is_removed.get()).count()
    }

    /// Whether there is an endpoint with this id.
    pub fn has(&self, id: &str) -> bool {
        self.slots.borrow().contains_key(id)
    }

    /// Watches these endpoints, and no others. Those that are watched already keep their time, unless they fail: an
    /// operator may have corrected them. `known` are the ids of other endpoints that may have been removed; they are
    /// announced. If `keeps_others`, those that are watched now stay.
    pub fn set(&mut self, endpoints: Vec<Watched>, removed: Vec<String>, keeps_others: bool) {
        let mut new: BTreeMap<String, Watched> = BTreeMap::new();
        for watched in endpoints {
            new.insert(watched.id().to_owned(), watched);
        }
        for slot in self.slots.borrow().values() {
            if let Some(watched) = new.remove(&slot.id) {
                slot.is_removed.set(false);
                let had_failed = matches!(&**slot.watched.borrow(), Watched::Failed(_));
                slot.watched.replace(Rc::new(watched));
                let statuses = self.shared.statuses.borrow();
                let fails =
                    statuses.get(&slot.id).is_some_and(|status| status.failing_since.is_some());
                if had_failed || fails {
                    slot.wake.notify_one();
                }
            } else if !keeps_others {
                slot.is_removed.set(true);
                slot.wake.notify_one();
            }
        }
        let count = u32::try_from(new.len()).unwrap_or(u32::MAX).max(1);
        for (index, watched) in new.into_values().enumerate() {
            let interval = watched.interval().unwrap_or(self.shared.interval);
            let step = (interval.mul_f64(FIRST_SPREAD) / count).min(FIRST_STEP_MAX);
            let delay = match self.shared.round_limit {
                None => step * u32::try_from(index).unwrap_or(0),
                Some(_) => Duration::ZERO,
            };
            self.start(watched, delay);
        }
        for id in removed {
            let (shared, span) = (Rc::clone(&self.shared), spans::endpoint(&id, None));
            self.tasks.spawn_local(async move { shared.remove(&id).await }.instrument(span));
        }
    }

    fn start(&mut self, watched: Watched, delay: Duration) {
        let slot = Rc::new(Slot {
            id: watched.id().to_owned(),
            watched: RefCell::new(Rc::new(watched)),
            wake: Notify::new(),
            is_removed: Cell::new(false),
        });
        self.slots.borrow_mut().insert(slot.id.clone(), Rc::clone(&slot));
        let (shared, slots) = (Rc::clone(&self.shared), Rc::clone(&self.slots));
        self.tasks.spawn_local(async move {
            shared.watch(&slot, delay).await;
            slots.borrow_mut().remove(&slot.id);
        });
    }

    /// Waits until the tasks of all endpoints have ended: after a stop, or after the last round. Cancel safe.
    pub async fn ended(&mut self) {
        while let Some(joined) = self.tasks.join_next().await {
            if let Err(error) = joined
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

impl Shared {
    /// Asks one endpoint again and again, until it is removed or the program ends.
    async fn watch(&self, slot: &Slot, delay: Duration) {
        let mut stop = self.settings.stop.clone();
        let mut planned = Instant::now() + delay;
        let mut known_problems = KnownProblems::default();
        let mut rounds = 0;
        loop {
            tokio::select! {
                biased;
                Ok(_) = stop.wait_for(Option::is_some) => return,
                () = slot.wake.notified() => planned = Instant::now(),
                () = tokio::time::sleep_until(planned) => {}
            }
            if slot.is_removed.get() {
                self.remove(&slot.id).instrument(spans::endpoint(&slot.id, None)).await;
                // It may have come back meanwhile.
                if slot.is_removed.get() {
                    return;
                }
            }
            let job = tokio::select! {
                biased;
                Ok(_) = stop.wait_for(Option::is_some) => return,
                job = self.jobs.acquire() => job,
            };
            let watched = Rc::clone(&slot.watched.borrow());
            let interval = watched.interval().unwrap_or(self.interval);
            planned = next_round(planned, interval, jitter());
            self.ask(&watched, planned, &mut known_problems).await;
            drop(job);
            rounds += 1;
            if self.round_limit.is_some_and(|limit| rounds >= limit) {
                return;
            }
        }
    }

    /// One round of an endpoint.
    async fn ask(&self, watched: &Watched, next: Instant, known_problems: &mut KnownProblems) {
        let (mut result, memory) = match watched {
            Watched::Ready(endpoint, library) => {
                let span = spans::endpoint(&endpoint.id, Some(&endpoint.module));
                let budget = Rc::clone(&self.budget);
                gather_endpoint(endpoint.for_round(), library, &self.settings, budget)
                    .instrument(span)
                    .await
            }
            Watched::Failed(result) => ((**result).clone(), 0),
        };
        let was_stopped = self.settings.stop.borrow().is_some();
        if was_stopped && result.status == EndpointStatus::Failed {
            // It failed because the program ends.
            return;
        }
        result = self.acceptance.borrow().accept(result);
        cap_texts(&mut result);
        inventory::warn_of_shared_ids(&mut result);
        known_problems.log_new(&result);
        let next_run = self.round_limit.is_none().then(|| wall_clock(next)).flatten();
        let span = spans::endpoint(&result.id, result.module.as_deref());
        let rounds = Arc::clone(&self.rounds);
        let limit = self.acceptance.borrow().max_lost(&result.id);
        let finished =
            span.in_scope(|| self.threads.run(move || rounds.finish(result, limit, next_run)));
        let finished = finished.instrument(span.clone()).await;
        span.in_scope(|| self.finished(finished.ok()));
        self.budget.give_back(memory);
    }

    async fn remove(&self, id: &str) {
        let (rounds, id) = (Arc::clone(&self.rounds), id.to_owned());
        let removed = self.threads.run(move || rounds.remove(&id)).await;
        self.finished(removed.ok());
    }

    /// `None`: the job panicked.
    fn finished(&self, status: Option<Result<StatusRecord, RoundError>>) {
        match status {
            Some(Ok(status)) => {
                self.statuses.borrow_mut().insert(status.id.clone(), status);
                self.status_changed.send_replace(());
            }
            Some(Err(RoundError::NotWritten(error))) => {
                tracing::debug!("{error}");
                // The reader of the events may be gone.
                self.status_changed.send_replace(());
            }
            Some(Err(RoundError::State(error))) => {
                tracing::error!("{error}; this round is repeated with the next one");
            }
            None => tracing::error!("this round failed because of a fault in the program"),
        }
    }
}

/// When the round after the one that was planned then is due. Rounds that were missed are left out.
fn next_round(planned: Instant, interval: Duration, jitter: f64) -> Instant {
    let now = Instant::now();
    let next = planned + interval.mul_f64(jitter);
    if next > now { next } else { now + interval.mul_f64(jitter) }
}

/// A random factor.
fn jitter() -> f64 {
    let random = u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or(0);
    1.0 + JITTER * (f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0)
}

fn wall_clock(at: Instant) -> Option<Timestamp> {
    let left = SignedDuration::try_from(at.saturating_duration_since(Instant::now())).ok()?;
    Timestamp::now().checked_add(left).ok()
}
