//! Asks the endpoints, each through a worker process of its own, side by side.
//!
//! Everything here runs on the program's main thread: a worker dies with the *thread* that
//! started it, and the main thread lives as long as the process.

mod answer;
mod budget;
mod collector;
mod crash;
mod ending;
mod items;
mod launch;
mod memory;
mod metered;
mod session;
mod worker_output;

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use gatherer_plugin_api::model::{
    EndpointResult, EndpointRun, EndpointStatus, Software, Timestamp, Warning,
};
use gatherer_plugin_api::{ErrorKind, GatherError};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::logging::spans;
use crate::output::inventory;
use crate::request::Endpoint;
use crate::run::children::Children;
use crate::run::progress::Progress;
pub use answer::Answer;
pub use budget::Budget;
#[cfg(any(test, feature = "fuzzing"))]
pub use collector::fuzz_frames::frames as fuzz_frames;
pub use memory::Memory;
pub use session::{Observed, observe};

/// Why everything is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The whole run's time is over.
    RunTimeout(Duration),
    /// The program was asked to end.
    Signal,
    /// Nobody takes results any more.
    Unwanted,
}

impl Stop {
    /// What an endpoint fails with that has no answer when everything stops.
    fn error(stopped: Option<Self>) -> GatherError {
        match stopped {
            Some(Self::RunTimeout(limit)) => GatherError::new(
                ErrorKind::Timeout,
                format!("the run's time limit of {} s passed", limit.as_secs_f64()),
            )
            .with_hint("raise --run-timeout or --jobs"),
            Some(Self::Signal | Self::Unwanted) | None => {
                GatherError::new(ErrorKind::Timeout, "the run was interrupted")
            }
        }
    }
}

/// How the endpoints are asked.
pub struct Settings {
    /// How many workers run at once.
    pub jobs: usize,
    /// How many bytes of data each worker may have.
    pub worker_memory: Option<u64>,
    /// How many descriptors each worker may have open; `None` is no limit.
    pub open_files: Option<u64>,
    /// Whether workers keep their plugins away from other processes.
    pub confine: bool,
    /// Where to count how far the run has come.
    pub progress: Progress,
    /// Where workers are started; its reaper must be running.
    pub children: Children,
    /// Turns to something when everything is to stop.
    pub stop: watch::Receiver<Option<Stop>>,
}

/// A library that workers can be started for.
pub struct Library {
    /// Where it lies, for messages.
    pub path: String,
    /// What it says of itself.
    pub manifest: String,
    /// Its name and version.
    pub software: Software,
    /// The descriptor through which it was inspected; workers inherit it.
    pub descriptor: OwnedFd,
    /// The environment variables that its workers keep.
    pub environment: Vec<String>,
}

/// How many descriptors a worker costs us: three pipes and its process.
const WORKER_DESCRIPTORS: u64 = 4;

/// How many descriptors everything else may need: plugins, log, runtime.
const OTHER_DESCRIPTORS: u64 = 64;

/// As many of the jobs as there may be open descriptors for.
pub fn affordable_jobs(wanted: usize, open_files: Option<u64>) -> usize {
    let Some(open_files) = open_files else { return wanted };
    let affordable = open_files.saturating_sub(OTHER_DESCRIPTORS) / WORKER_DESCRIPTORS;
    let jobs = wanted.min(usize::try_from(affordable).unwrap_or(wanted)).max(1);
    if jobs < wanted {
        tracing::warn!(
            "{jobs} endpoints are asked at once, not {wanted}: {open_files} open files are allowed"
        );
    }
    jobs
}

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays in memory.
    Kept,
    /// It is gone.
    Gone,
}

/// Asks every endpoint and delivers one result each, at once and in any order. An endpoint keeps
/// its place until its result is delivered: who takes them slowly gets fewer, and no endpoint's
/// time runs meanwhile.
pub async fn run(
    endpoints: Vec<(Endpoint, Rc<Library>)>,
    settings: Settings,
    deliver: impl AsyncFn(EndpointResult) -> Fate + 'static,
) {
    let places = Rc::new(Semaphore::new(settings.jobs));
    let settings = Rc::new(settings);
    let budget = Rc::new(Budget::of(Memory::of_process()));
    let deliver = Rc::new(deliver);
    let mut tasks = tokio::task::JoinSet::new();
    for (endpoint, library) in endpoints {
        let (places, settings) = (Rc::clone(&places), Rc::clone(&settings));
        let (budget, deliver) = (Rc::clone(&budget), Rc::clone(&deliver));
        tasks.spawn_local(async move {
            let mut stop = settings.stop.clone();
            let place = tokio::select! {
                biased;
                Ok(stopped) = stop.wait_for(Option::is_some) => Err(*stopped),
                place = places.acquire() => Ok(place),
            };
            let (result, memory) = match &place {
                Ok(_place) => {
                    let span = spans::endpoint(&endpoint.id, Some(&endpoint.module));
                    let asked = ask(endpoint, &library, &settings, Rc::clone(&budget));
                    asked.instrument(span).await
                }
                Err(stopped) => (failed(&endpoint, Some(&library), Stop::error(*stopped), None), 0),
            };
            settings.progress.done(result.status == EndpointStatus::Failed);
            if deliver(result).await == Fate::Gone {
                budget.give_back(memory);
            }
            drop(place);
        });
    }
    while let Some(joined) = tasks.join_next().await {
        if let Err(error) = joined {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// The result, and how much memory it takes.
async fn ask(
    endpoint: Endpoint,
    library: &Library,
    settings: &Settings,
    budget: Rc<Budget>,
) -> (EndpointResult, u64) {
    tracing::debug!("asking through {}", library.path);
    let started_at = Timestamp::now();
    let started = Instant::now();
    let outcome = session::ask(&endpoint, library, settings, budget).await;
    let mut run = EndpointRun {
        started_at,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        retries: None,
    };
    match outcome {
        Ok(answer) => {
            run.retries = Some(answer.retries);
            let counted =
                inventory::counted(&answer.hosts, &answer.detached_guests, &answer.workloads);
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!("{}: {counted} in {seconds:.1} s", endpoint.module);
            let result = EndpointResult {
                status: EndpointStatus::Complete,
                hosts: answer.hosts,
                detached_guests: answer.detached_guests,
                workloads: answer.workloads,
                collections: answer.collections,
                warnings: [endpoint.warnings, answer.warnings].concat(),
                run: Some(run),
                ..EndpointResult::new(
                    endpoint.id,
                    Some(endpoint.module),
                    Some(library.software.clone()),
                )
            };
            (result, answer.memory_bytes)
        }
        Err(error) => (failed(&endpoint, Some(library), error, Some(run)), 0),
    }
}

/// A failed endpoint. Only warnings that do not depend on how far it came are kept.
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
