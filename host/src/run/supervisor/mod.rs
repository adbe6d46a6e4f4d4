//! Gathers the endpoints in parallel, each with its own worker process.
//!
//! Everything here runs on the main thread, because the kernel kills a worker when the *thread* that started
//! it ends.

mod answer;
mod budget;
mod checking;
mod collector;
mod crash;
mod in_parallel;
mod launch;
mod memory;
mod metered;
mod session;
mod worker_output;
mod worker_state;

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use gatherer_plugin_api::model::{
    EndpointResult, EndpointRun, EndpointStatus, Software, Timestamp, Warning,
};
use gatherer_plugin_api::{ErrorKind, GatherError};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::logging::spans;
use crate::output::inventory;
use crate::request::Endpoint;
use crate::run::children::Children;
use crate::run::progress::Progress;
pub use answer::Answer;
pub use budget::Budget;
pub use checking::{check_all, check_of_failed_entry};
#[cfg(any(test, feature = "fuzzing"))]
pub use collector::fuzz_frames::frames as fuzz_frames;
use in_parallel::in_parallel;
pub use memory::Memory;
pub use session::{WorkerOutcome, run_worker};

/// Why all workers are to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The time limit of the run has passed.
    RunTimeout(Duration),
    /// The program received a signal.
    Signal,
    /// The reader of the results is gone.
    ReaderGone,
}

impl Stop {
    /// The error of an endpoint that has no answer when the workers stop.
    fn error(stopped: Option<Self>) -> GatherError {
        match stopped {
            Some(Self::RunTimeout(limit)) => GatherError::new(
                ErrorKind::Timeout,
                format!("the run's time limit of {} s passed", limit.as_secs_f64()),
            )
            .with_hint("raise --run-timeout or --jobs"),
            Some(Self::Signal | Self::ReaderGone) | None => {
                GatherError::new(ErrorKind::Timeout, "the run was interrupted")
            }
        }
    }
}

/// The settings of the supervisor.
pub struct SupervisorSettings {
    /// The maximum number of workers at a time.
    pub jobs: usize,
    /// The limit on the data of each worker, in bytes.
    pub worker_memory: Option<u64>,
    /// The limit on open descriptors of each worker; `None` is unlimited.
    pub open_files: Option<u64>,
    /// Whether workers confine themselves before they load a plugin.
    pub confine: bool,
    /// The counters for the progress display.
    pub progress: Progress,
    /// Starts the workers; its reaper must be running.
    pub children: Children,
    /// Changes to `Some` when all workers are to stop.
    pub stop: watch::Receiver<Option<Stop>>,
}

/// A plugin's library, for starting workers.
pub struct Library {
    /// Its path, for messages.
    pub path: String,
    /// The text of its manifest.
    pub manifest: String,
    /// Its name and version.
    pub software: Software,
    /// The descriptor through which it was inspected. Workers inherit it.
    pub descriptor: OwnedFd,
    /// The environment variables that its workers get.
    pub environment: Vec<String>,
}

/// The number of descriptors that the runner needs for a worker: three pipes and the process.
const WORKER_DESCRIPTORS: u64 = 4;

/// The number of descriptors for everything else: plugins, log, runtime.
const OTHER_DESCRIPTORS: u64 = 64;

/// The number of jobs, reduced to what the limit on open descriptors allows.
pub fn affordable_jobs(configured: usize, open_files: Option<u64>) -> usize {
    let Some(open_files) = open_files else { return configured };
    let affordable = open_files.saturating_sub(OTHER_DESCRIPTORS) / WORKER_DESCRIPTORS;
    let jobs = configured.min(usize::try_from(affordable).unwrap_or(configured)).max(1);
    if jobs < configured {
        tracing::warn!(
            "only {jobs} endpoints are queried at a time instead of {configured}: the limit is {open_files} \
             open files"
        );
    }
    jobs
}

/// Whether a delivered result stays in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// It stays in memory until the end of the run.
    Kept,
    /// It was written or dropped, and its memory is free again.
    Released,
}

/// Gathers all endpoints and delivers one result for each, in the order in which they finish. An endpoint
/// counts as a job until its result is delivered. So if the receiver is slow, fewer endpoints are started,
/// and the deadline of a waiting endpoint does not run yet.
pub async fn run(
    endpoints: Vec<(Endpoint, Rc<Library>)>,
    settings: SupervisorSettings,
    deliver: impl AsyncFn(EndpointResult) -> Retention + 'static,
) {
    let budget = Rc::new(Budget::of(Memory::of_process()));
    let (jobs, stop) = (settings.jobs, settings.stop.clone());
    in_parallel(endpoints, jobs, &stop, async move |(endpoint, library), started| {
        let (result, memory) = match started {
            Ok(()) => {
                let span = spans::endpoint(&endpoint.id, Some(&endpoint.module));
                let gathering = gather_endpoint(endpoint, &library, &settings, Rc::clone(&budget));
                gathering.instrument(span).await
            }
            Err(stopped) => (failed(&endpoint, Some(&library), Stop::error(stopped), None), 0),
        };
        settings.progress.done(result.status == EndpointStatus::Failed);
        if deliver(result).await == Retention::Released {
            budget.give_back(memory);
        }
    })
    .await;
}

/// The result of one endpoint, and how much of the memory budget it uses. The caller is in the endpoint's span, and gives
/// the memory back to the budget when the result is gone.
pub async fn gather_endpoint(
    endpoint: Endpoint,
    library: &Library,
    settings: &SupervisorSettings,
    budget: Rc<Budget>,
) -> (EndpointResult, u64) {
    let log_parameters =
        || tracing::debug!("parameters: {}", endpoint.members.redacted(&endpoint.redactor));
    // The worker reads the files that parameters refer to. Until then, the redactor does not know their contents.
    if endpoint.references.is_empty() {
        log_parameters();
    }
    tracing::debug!("starting a worker for {}", library.path);
    let started_at = Timestamp::now();
    let started = Instant::now();
    let outcome = session::gather(&endpoint, library, settings, budget).await;
    if !endpoint.references.is_empty() {
        log_parameters();
    }
    let run = EndpointRun {
        started_at,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        retries: outcome.retries,
        expiries: outcome.expiries,
    };
    match outcome.result {
        Ok(Answer { gathered, memory_bytes }) => {
            let counted =
                inventory::counted(&gathered.hosts, &gathered.detached_guests, &gathered.workloads);
            let seconds = started.elapsed().as_secs_f64();
            let slow = slow_warning(&endpoint, seconds);
            let result = EndpointResult {
                status: EndpointStatus::Complete,
                hosts: gathered.hosts,
                detached_guests: gathered.detached_guests,
                workloads: gathered.workloads,
                collections: gathered.collections,
                warnings: endpoint
                    .warnings
                    .into_iter()
                    .chain(gathered.warnings)
                    .chain(slow)
                    .collect(),
                run: Some(run),
                ..EndpointResult::new(
                    endpoint.id,
                    Some(endpoint.module),
                    Some(library.software.clone()),
                )
            };
            let missing = inventory::missing_collections(&result);
            let status = match &*missing {
                [] => String::new(),
                names => format!("complete, {} missing: ", names.join(", ")),
            };
            tracing::info!(
                json.missing = (!missing.is_empty()).then(|| missing.join(",")),
                json.durationMs = result.run.as_ref().map(|run| run.duration_ms),
                "{}: {status}{counted} in {seconds:.1} s",
                result.module.as_deref().unwrap_or_default()
            );
            (result, memory_bytes)
        }
        Err(error) => (failed(&endpoint, Some(library), error, Some(run)), 0),
    }
}

/// The part of its timeout that an endpoint may use without a warning.
const TIMEOUT_PART: f64 = 0.8;

/// The warning about a complete endpoint that may time out on a slower day. Beyond the timeout the time was not spent
/// on the answer, but on ending the worker.
fn slow_warning(endpoint: &Endpoint, seconds: f64) -> Option<Warning> {
    let timeout = endpoint.timeout.as_secs_f64();
    (seconds > timeout * TIMEOUT_PART && seconds <= timeout).then(|| Warning {
        object: endpoint.module.clone(),
        message: format!(
            "the endpoint took {seconds:.1} s, more than 80 % of its timeout of {timeout} s: raise its `timeout`"
        ),
    })
}

/// The result of a failed endpoint. Of the warnings it has only those about the endpoint's entry, which do
/// not depend on timing.
fn failed(
    endpoint: &Endpoint,
    library: Option<&Library>,
    error: GatherError,
    run: Option<EndpointRun>,
) -> EndpointResult {
    let warnings: Vec<Warning> = endpoint.warnings.clone();
    EndpointResult {
        error: Some(error),
        warnings,
        run,
        ..EndpointResult::new(
            endpoint.id.clone(),
            Some(endpoint.module.clone()),
            library.map(|library| library.software.clone()),
        )
    }
}
