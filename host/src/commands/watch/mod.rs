//! `watch`: asks each endpoint at its interval, and writes what changed as events.

mod event_file;
mod http_sink;
mod infile;
mod metrics;
mod outputs;
mod problems;
mod rounds;
mod schedule;
mod store;
mod threads;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatherer_plugin_api::model::Timestamp;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, Semaphore, watch};

use super::gather::{Acceptance, Selection};
use super::modules;
use super::supervised::supervisor_settings;
use super::{fail, tally::Tally};
use crate::cli::{Settings, Watch};
use crate::exit::Exit;
use crate::output::inventory::count;
use crate::output::outfile::Outfile;
use crate::process::{ServiceManager, watchdog_interval};
use crate::run::progress::Progress;
use crate::run::reserve;
use crate::run::signals::{EndSignal, HangupMeans, Signals};
use crate::run::supervisor::{Budget, Memory, Stop};
use crate::run::worker_runtime::WorkerRuntime;
use crate::state::StateFolder;
use event_file::EventFile;
use http_sink::{HttpSink, SinkSettings};
use infile::Endpoints;
use outputs::{Outputs, StopFlag};
use rounds::Rounds;
use schedule::{Schedule, Shared};
use store::Store;
use threads::Threads;

/// The interval of endpoints if no option and no file sets one.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(10);

/// The number of threads for what blocks.
const THREADS: usize = 8;

/// The interval at which the infile is looked at.
const INFILE_POLL: Duration = Duration::from_secs(2);

/// The minimum time between two writes of the metrics.
const METRICS_PAUSE: Duration = Duration::from_secs(1);

/// How long events may be written after a signal, and how long the tasks then may take to end.
const DELIVERY_LIMIT: Duration = Duration::from_secs(5);
const END_LIMIT: Duration = Duration::from_secs(2);

/// The content of the file that marks a state folder of `watch`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AboutWatch<'a> {
    started_at: Timestamp,
    infile: &'a Path,
}

/// Watches the endpoints of the infile until a signal ends the program.
pub fn run(options: &Watch, settings: &Settings, tally: &Rc<Tally>) -> Exit {
    let catalog = match modules::read_catalog(settings) {
        Ok(catalog) => catalog,
        Err(exit) => return exit,
    };
    modules::log_skipped(&catalog);
    let seen = infile::fingerprint(&options.infile);
    let selection = match Selection::of(&options.gather) {
        Ok(selection) => selection,
        Err(problem) => return fail(Exit::Usage, &problem),
    };
    let endpoints = match infile::read(&options.infile, &selection, settings, &catalog) {
        Ok(endpoints) => endpoints,
        Err(problem) => return fail(Exit::Unreadable, &problem),
    };
    drop(catalog);
    tally.expect(endpoints.watched.len());
    let store = match open_store(options) {
        Ok(store) => store,
        Err(problem) => return fail(Exit::Unreadable, &problem),
    };
    let stop_flag = Arc::new(StopFlag::default());
    let outputs = match open_outputs(options, Arc::clone(&stop_flag)) {
        Ok(outputs) => outputs,
        Err((exit, problem)) => return fail(exit, &problem),
    };
    let rounds = Arc::new(Rounds::new(store, outputs));
    let (seen, infile_changed) = (RefCell::new(seen), Notify::new());
    let watching =
        Watching { options, selection, settings, rounds, stop_flag, seen, infile_changed };
    match watching.start(endpoints) {
        Ok(exit) => exit,
        Err(error) => {
            let hint = reserve::hint(&error);
            fail(Exit::Internal, &format!("the program cannot start: {error}{hint}"))
        }
    }
}

fn open_store(options: &Watch) -> Result<Store, String> {
    let Some(path) = &options.state else {
        return Ok(Store::Memory(Mutex::new(HashMap::new())));
    };
    let infile = std::path::absolute(&options.infile).unwrap_or_else(|_| options.infile.clone());
    let about = AboutWatch { started_at: Timestamp::now(), infile: &infile };
    StateFolder::open_for_watch(path, &about).map(Store::Folder).map_err(|error| error.to_string())
}

fn open_outputs(options: &Watch, stop: Arc<StopFlag>) -> Result<Outputs, (Exit, String)> {
    let standard_output = PathBuf::from("-");
    let path = match (&options.events, &options.sink) {
        (Some(path), _) => Some(path),
        (None, Some(_)) => None,
        (None, None) => Some(&standard_output),
    };
    let file = path.map(|path| {
        EventFile::open(path).map_err(|error| {
            let name = path.display();
            (Exit::Unwritable, format!("the file of events {name} cannot be opened: {error}"))
        })
    });
    let file = file.transpose()?;
    let sink = options.sink.as_deref().map(|url| {
        let settings = SinkSettings::new(url, options).map_err(|why| (Exit::Usage, why))?;
        HttpSink::start(settings)
            .map_err(|error| (Exit::Internal, format!("the sink cannot be started: {error}")))
    });
    Ok(Outputs::new(file, sink.transpose()?, stop))
}

/// The state of the command while it runs.
struct Watching<'a> {
    options: &'a Watch,
    selection: Selection<'a>,
    settings: &'a Settings,
    rounds: Arc<Rounds>,
    stop_flag: Arc<StopFlag>,
    /// The infile that was read last.
    seen: RefCell<infile::Fingerprint>,
    infile_changed: Notify,
}

/// What ends the command or makes it read its infile again.
struct Until<'a> {
    signals: &'a mut Signals,
    hangup: Signal,
    /// Makes all tasks and workers end.
    stop: &'a watch::Sender<Option<Stop>>,
}

/// Why the program ends.
enum End {
    /// By a signal.
    Signal(EndSignal),
    /// Every endpoint had its last round.
    Rounds,
    /// The reader of the events is gone.
    ReaderGone,
}

impl Watching<'_> {
    fn start(&self, endpoints: Endpoints) -> std::io::Result<Exit> {
        let threads = Threads::start(THREADS)?;
        // The others may all wait for a slow output.
        let housekeeping = Threads::start(1)?;
        let (runtime, mut signals, _output) = WorkerRuntime::new(HangupMeans::Reload)?;
        let hangup = {
            let _inside = runtime.enter();
            signal(SignalKind::hangup())?
        };
        let (stop, stopped) = watch::channel(None);
        let progress = Progress::default();
        let settings = supervisor_settings(self.settings, progress, runtime.children(), stopped);
        let jobs = settings.jobs;
        let shared = Rc::new(Shared {
            settings,
            jobs: Semaphore::new(jobs),
            acceptance: RefCell::new(Acceptance::of(&[])),
            budget: Rc::new(Budget::of(Memory::of_process())),
            rounds: Arc::clone(&self.rounds),
            threads,
            interval: self.options.interval.or(self.settings.interval).unwrap_or(DEFAULT_INTERVAL),
            round_limit: self.options.rounds,
            statuses: RefCell::default(),
            status_changed: watch::channel(()).0,
        });
        let mut schedule = Schedule::new(Rc::clone(&shared));
        let mut until = Until { signals: &mut signals, hangup, stop: &stop };
        let watch = self.watch(&shared, &mut schedule, endpoints, &housekeeping, &mut until);
        let metrics = self.write_metrics(&shared, &housekeeping);
        let poll = self.poll_infile(&housekeeping);
        let (exit, runtime) = runtime.block_on(async {
            tokio::select! {
                exit = watch => exit,
                never = metrics => never,
                never = poll => never,
            }
        });
        runtime.shutdown_background();
        Ok(exit)
    }

    async fn watch(
        &self,
        shared: &Rc<Shared>,
        schedule: &mut Schedule,
        endpoints: Endpoints,
        housekeeping: &Threads,
        until: &mut Until<'_>,
    ) -> Exit {
        let mut status_changed = shared.status_changed.subscribe();
        let manager = ServiceManager::from_environment();
        self.apply(shared, schedule, endpoints).await;
        let about = format!("watching {}", count(schedule.len(), "endpoint"));
        tracing::info!("{about}");
        manager.notify(&format!("READY=1\nSTATUS={about}"));
        let mut watchdog = tokio::time::interval(
            watchdog_interval().map_or(Duration::from_hours(1), |time| time / 2),
        );
        let end = loop {
            let reload = tokio::select! {
                signal = until.signals.next() => break End::Signal(signal),
                _ = until.hangup.recv() => true,
                _ = watchdog.tick() => {
                    manager.notify("WATCHDOG=1");
                    false
                }
                () = self.infile_changed.notified() => true,
                _ = status_changed.changed() => {
                    manager.notify(&format!("STATUS={}", summary(shared)));
                    false
                }
                () = schedule.ended(), if self.options.rounds.is_some() => break End::Rounds,
            };
            if self.rounds.outputs().file().is_some_and(EventFile::is_closed) {
                break End::ReaderGone;
            }
            if reload {
                manager.notify_reloading();
                self.reload(shared, schedule).await;
                manager.notify(&format!("READY=1\nSTATUS={}", summary(shared)));
            }
        };
        manager.notify("STOPPING=1");
        until.stop.send_replace(Some(Stop::Signal));
        let in_time = tokio::time::timeout(DELIVERY_LIMIT, schedule.ended()).await.is_ok();
        self.stop_flag.set();
        http_sink::give_up();
        if !in_time {
            let _ = tokio::time::timeout(END_LIMIT, schedule.ended()).await;
        }
        if let Some(path) = self.options.metrics.clone() {
            let text = metrics::text(&shared.statuses.borrow(), self.rounds.outputs().written());
            let written = housekeeping.run(move || write_metrics(&path, &text));
            let _ = tokio::time::timeout(END_LIMIT, written).await;
        }
        self.exit(&end, in_time, shared)
    }

    fn exit(&self, end: &End, in_time: bool, shared: &Shared) -> Exit {
        match end {
            End::Signal(signal) if !in_time => fail(
                signal.exit(),
                "the last events could not be written in time; they are written after the next start with the same state",
            ),
            End::Signal(_) => Exit::Done,
            End::ReaderGone => {
                tracing::info!("the reader of the events is gone");
                Exit::Done
            }
            End::Rounds => {
                let statuses = shared.statuses.borrow();
                let failed = statuses.values().filter(|status| status.failing_since.is_some());
                let (failed, total) = (failed.count(), statuses.len());
                let incomplete = statuses.values().filter(|status| {
                    let success = status.last_success.as_ref();
                    status.failing_since.is_none()
                        && success.is_some_and(|success| !success.missing.is_empty())
                });
                let applies = self.settings.fail_on.applies(failed, incomplete.count(), total);
                if applies { Exit::EndpointsFailed } else { Exit::Done }
            }
        }
    }

    /// Watches these endpoints from now on.
    async fn apply(&self, shared: &Rc<Shared>, schedule: &mut Schedule, endpoints: Endpoints) {
        let Endpoints { watched, ids, mut acceptance, is_incomplete } = endpoints;
        if acceptance.has_limits() && self.options.state.is_none() {
            tracing::warn!("max_lost is not checked without --state");
        }
        if is_incomplete {
            // The endpoints of a file that cannot be used are watched as before.
            acceptance.add_missing(&shared.acceptance.borrow());
        }
        shared.acceptance.replace(acceptance);
        let rounds = Arc::clone(&self.rounds);
        let known = shared.threads.run(move || rounds.store().statuses()).await;
        let known = match known {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => {
                tracing::error!("{error}");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        // Those that have a task announce it themselves.
        let removed = known.iter().filter(|status| {
            !is_incomplete
                && !status.removed
                && !ids.contains(&status.id)
                && !schedule.has(&status.id)
        });
        let removed = removed.map(|status| status.id.clone()).collect();
        shared.statuses.borrow_mut().extend(
            known
                .into_iter()
                .filter(|status| ids.contains(&status.id))
                .map(|status| (status.id.clone(), status)),
        );
        schedule.set(watched, removed, is_incomplete);
    }

    /// Looks at the infile again and again, and notifies when it changed.
    async fn poll_infile(&self, housekeeping: &Threads) -> ! {
        loop {
            tokio::time::sleep(INFILE_POLL).await;
            let infile = self.options.infile.clone();
            let now = housekeeping.run(move || infile::fingerprint(&infile)).await;
            if now.is_ok_and(|now| !now.is_empty() && now != *self.seen.borrow()) {
                self.infile_changed.notify_one();
            }
        }
    }

    /// Writes the metrics whenever a status changed, but not more often than [`METRICS_PAUSE`] allows.
    async fn write_metrics(&self, shared: &Shared, housekeeping: &Threads) -> ! {
        let Some(shown) = &self.options.metrics else {
            loop {
                std::future::pending::<()>().await;
            }
        };
        let mut status_changed = shared.status_changed.subscribe();
        let mut last_problem = None;
        loop {
            let (path, events) = (shown.clone(), self.rounds.outputs().written());
            let text = metrics::text(&shared.statuses.borrow(), events);
            let written = housekeeping.run(move || write_metrics(&path, &text)).await;
            let problem = written.ok().and_then(Result::err);
            if let Some(problem) = problem.as_ref().filter(|_| problem != last_problem) {
                tracing::error!("the metrics {} cannot be written: {problem}", shown.display());
            }
            last_problem = problem;
            tokio::time::sleep(METRICS_PAUSE).await;
            let _ = status_changed.changed().await;
        }
    }

    /// Reads the plugin folders and the infile again. If one of them cannot be used, the endpoints stay as they are.
    async fn reload(&self, shared: &Rc<Shared>, schedule: &mut Schedule) {
        if let Some(file) = self.rounds.outputs().file() {
            file.reopen();
        }
        self.seen.replace(infile::fingerprint(&self.options.infile));
        if !infile::can_be_read_again(&self.options.infile) {
            tracing::warn!(
                "the infile is standard input or a pipe, which cannot be read again; the endpoints stay"
            );
            return;
        }
        let read = infile::read_catalog(self.settings).and_then(|catalog| {
            infile::read(&self.options.infile, &self.selection, self.settings, &catalog)
        });
        match read {
            Ok(endpoints) => {
                self.apply(shared, schedule, endpoints).await;
                tracing::info!("read the infile again: {}", count(schedule.len(), "endpoint"));
            }
            Err(problem) => tracing::error!(
                "the infile cannot be used; the endpoints stay as they were: {problem}"
            ),
        }
    }
}

/// Replaces the file of metrics. The error is a message.
fn write_metrics(path: &Path, text: &str) -> Result<(), String> {
    let outfile = Outfile::prepare(Some(path), None).map_err(|error| error.to_string())?;
    outfile.write(|writer| writer.write_all(text.as_bytes())).map_err(|error| error.to_string())
}

/// A summary for the service manager.
fn summary(shared: &Shared) -> String {
    let statuses = shared.statuses.borrow();
    let watched = statuses.values().filter(|status| !status.removed);
    let (mut total, mut failed) = (0, 0);
    for status in watched {
        total += 1;
        failed += usize::from(status.failing_since.is_some());
    }
    format!("{}, {failed} failing", count(total, "endpoint"))
}
