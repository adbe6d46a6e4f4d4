//! One worker: starting it, writing its input, reading its output and ending it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{CANCELLED, CheckLog, ErrorKind, Expiry, GatherError, LogLevel};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::answer::Answer;
use super::budget::Budget;
use super::collector::{Collector, Event};
use super::crash::{abnormal_end, crash_error};
use super::launch::{assign, not_started, start};
use super::worker_output::WorkerOutput;
use super::worker_state::{SurvivedKill, WorkerState, with_plugin_error, with_progress};
use super::{Library, Memory, Stop, SupervisorSettings};
use crate::logging::spans;
use crate::request::Endpoint;
use crate::request::redact::Redactor;
use crate::run::children::{Child, why_it_survives};
use crate::run::progress::EndpointProgress;
use crate::run::protocol::{CANCEL_LINE, GATHER, LOG_MAX_BYTES};

/// The time from asking a worker to end until it is killed, and from killing it until the runner gives it up.
const GRACE: Duration = Duration::from_secs(2);

/// How long the pipes of an exited worker are read if another process holds them open.
const DRAIN_TIME: Duration = Duration::from_millis(100);

/// How much is read after a worker has exited. A pipe holds less, so the rest comes from another process.
const LATE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The maximum capacity of a pipe, unless root raised it.
const PIPE_MAX_BYTES: usize = 1024 * 1024;

/// The detailed outcome of a worker.
pub struct WorkerOutcome {
    /// The answer.
    pub result: Result<Answer, GatherError>,
    /// The time from asking the worker to end until it exited, if it was asked.
    pub time_to_end: Option<Duration>,
    /// Whether it had to be killed.
    pub killed: bool,
    /// How the process ended if not with status 0, as a part of a sentence: "exited with status 3".
    pub abnormal_end: Option<String>,
    /// Whether the process could be started.
    pub was_started: bool,
    /// How many requests were retried; `None` if the plugin did not report it before it failed.
    pub retries: Option<u32>,
    /// What the plugin reported of its check, also if the check failed.
    pub check: CheckLog,
    /// When certificates, tokens and passwords of the endpoint expire.
    pub expiries: Vec<Expiry>,
}

impl WorkerOutcome {
    fn not_started(error: GatherError) -> Self {
        Self {
            result: Err(error),
            time_to_end: None,
            killed: false,
            abnormal_end: None,
            was_started: false,
            retries: Some(0),
            check: CheckLog::default(),
            expiries: Vec::new(),
        }
    }
}

/// Gathers one endpoint. Always returns, even if the worker hangs or cannot be killed.
pub async fn gather(
    endpoint: &Endpoint,
    library: &Library,
    settings: &SupervisorSettings,
    budget: Rc<Budget>,
) -> WorkerOutcome {
    run_worker(endpoint, Some(GATHER), library, settings, budget).await
}

/// Runs a worker for one operation at one endpoint; without an operation it only loads the library.
pub async fn run_worker(
    endpoint: &Endpoint,
    operation: Option<&str>,
    library: &Library,
    settings: &SupervisorSettings,
    budget: Rc<Budget>,
) -> WorkerOutcome {
    let memory = budget.memory();
    let kills_before = memory.kills();
    let assignment = match assign(endpoint, operation, library, settings, memory) {
        Ok(assignment) => assignment,
        Err(error) => return WorkerOutcome::not_started(error),
    };
    match start(library, &settings.children) {
        Ok(child) => {
            let span = spans::worker(child.pid().as_raw_nonzero().get());
            let session = Session::new(child, endpoint, budget, kills_before, settings);
            session.run(assignment, endpoint.timeout, settings).instrument(span).await
        }
        Err(error) => WorkerOutcome::not_started(not_started(&error)),
    }
}

struct Session<'a> {
    endpoint: &'a Endpoint,
    child: Child,
    collector: Collector,
    redactor: &'a Redactor,
    output: WorkerOutput,
    progress: EndpointProgress,
    state: WorkerState,
    asked_to_end_at: Option<Instant>,
    budget: Rc<Budget>,
    /// How many processes the kernel had killed for lack of memory before this one was started.
    kills_before: u64,
    /// The hint on which limit to raise if the worker reached its own memory limit.
    memory_remedy: &'static str,
}

impl<'a> Session<'a> {
    fn new(
        child: Child,
        endpoint: &'a Endpoint,
        budget: Rc<Budget>,
        kills_before: u64,
        settings: &SupervisorSettings,
    ) -> Self {
        let mut collector = Collector::new(endpoint.redactor.clone(), Rc::clone(&budget));
        if !endpoint.references.is_empty() {
            collector.expect_references();
        }
        Self {
            endpoint,
            child,
            collector,
            redactor: &endpoint.redactor,
            output: WorkerOutput::default(),
            progress: settings.progress.start_endpoint(&endpoint.id),
            state: WorkerState::Running,
            asked_to_end_at: None,
            memory_remedy: memory_remedy(settings, budget.memory()),
            budget,
            kills_before,
        }
    }

    async fn run(
        mut self,
        assignment: Vec<u8>,
        timeout: Duration,
        settings: &SupervisorSettings,
    ) -> WorkerOutcome {
        let (Some(stdin), Some(mut frames), Some(mut stderr)) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take())
        else {
            let error = GatherError::internal("the worker was started without its pipes");
            return WorkerOutcome::not_started(error);
        };
        let mut stop = settings.stop.clone();
        let deadline = Instant::now() + timeout;
        // The assignment is written while frames are read, so that neither side waits for the other.
        let mut write_assignment = Box::pin(write_assignment(stdin, assignment));
        let mut control = None;
        let mut status = None;
        let (mut frames_open, mut stderr_open) = (true, true);
        let (mut frame_buffer, mut line_buffer) = (vec![0; 64 * 1024], vec![0; 16 * 1024]);
        // The number of bytes that were read after the worker exited.
        let mut late_bytes = 0;
        let mut drained_at = deadline + Duration::from_hours(1);
        let mut time_to_end = None;
        let mut survived = None;

        while status.is_none() || frames_open || stderr_open {
            let running = matches!(self.state, WorkerState::Running) && status.is_none();
            let next_step_at = self.state.next_step_at();
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(deadline), if running => {
                    let error = self.timeout_error(timeout);
                    self.ask_to_end(control.as_mut(), error).await;
                }
                Ok(stopped) = stop.wait_for(Option::is_some), if running => {
                    let error = Stop::error(*stopped);
                    drop(stopped);
                    self.ask_to_end(control.as_mut(), error).await;
                }
                // Before the timer: the runner may have been suspended when the worker exited.
                ended = self.child.wait(), if status.is_none() => {
                    status = Some(ended);
                    time_to_end = self.asked_to_end_at.map(|at| at.elapsed());
                    drained_at = Instant::now() + DRAIN_TIME;
                }
                () = sleep_until(next_step_at), if next_step_at.is_some() && status.is_none() => {
                    if self.state.is_killed() {
                        survived = Some(SurvivedKill { reason: why_it_survives(self.child.pid()) });
                        break;
                    }
                    self.kill(None);
                }
                stdin = &mut write_assignment, if control.is_none() => control = Some(stdin),
                read = frames.read(&mut frame_buffer),
                    if frames_open && late_bytes < LATE_MAX_BYTES => match read {
                    Ok(0) | Err(_) => frames_open = false,
                    Ok(length) => {
                        late_bytes += if status.is_some() { length } else { 0 };
                        self.receive_frames(&frame_buffer[..length]);
                    }
                },
                read = stderr.read(&mut line_buffer),
                    if stderr_open && late_bytes < LATE_MAX_BYTES => match read {
                    Ok(0) | Err(_) => stderr_open = false,
                    Ok(length) => {
                        let earlier = self.receive_pending_frames(&frames, &mut frame_buffer);
                        late_bytes += if status.is_some() { earlier + length } else { 0 };
                        self.receive_stderr(&line_buffer[..length]);
                    }
                },
                // Last, so that everything that is already in the pipes is read.
                () = tokio::time::sleep_until(drained_at), if status.is_some() => break,
            }
        }
        // Kills the processes that the worker left in its group.
        self.child.signal(Signal::KILL);
        let killed = self.state.is_killed();
        if !killed {
            self.output.flush(self.redactor);
        }
        self.output.log_lowered();
        let status = status.flatten();
        let abnormal_end = if survived.is_some() {
            Some("could not be ended".to_owned())
        } else if killed {
            Some("did not end".to_owned())
        } else {
            status.and_then(abnormal_end)
        };
        let reported_retries = self.collector.retries();
        let (check, expiries) = (self.collector.take_check(), self.collector.take_expiries());
        let mut result = self.result(status, abnormal_end.as_deref());
        if let Some(survived) = survived {
            result = survived.add_to(result);
        }
        let retries = match &result {
            Ok(answer) => Some(answer.gathered.retries),
            Err(_) => reported_retries,
        };
        WorkerOutcome {
            result,
            time_to_end,
            killed,
            abnormal_end,
            was_started: true,
            retries,
            check,
            expiries,
        }
    }

    fn timeout_error(&self, timeout: Duration) -> GatherError {
        GatherError::new(
            ErrorKind::Timeout,
            format!(
                "the {} endpoint did not answer within {} s",
                self.endpoint.module,
                timeout.as_secs_f64()
            ),
        )
        .with_hint("raise its `timeout`; with -v the log shows how far it got")
    }

    async fn ask_to_end(&mut self, control: Option<&mut ChildStdin>, error: GatherError) {
        if let Some(control) = control {
            // With a limit: the pipe may be full. The worker gets the signal in any case.
            let write = control.write_all(CANCEL_LINE);
            let _ = tokio::time::timeout(Duration::from_millis(10), write).await;
        }
        self.child.signal(Signal::TERM);
        let now = Instant::now();
        self.asked_to_end_at = Some(now);
        self.state = WorkerState::AskedToEnd(now + GRACE, error);
    }

    /// Kills the worker. An earlier error takes precedence over `error`.
    fn kill(&mut self, error: Option<GatherError>) {
        self.child.signal(Signal::KILL);
        let error = match std::mem::replace(&mut self.state, WorkerState::Running) {
            WorkerState::AskedToEnd(_, first) | WorkerState::Killed(_, Some(first)) => Some(first),
            WorkerState::Running | WorkerState::Finished(_) | WorkerState::Killed(_, None) => error,
        };
        self.state = WorkerState::Killed(Instant::now() + GRACE, error);
    }

    fn receive_frames(&mut self, bytes: &[u8]) {
        if self.state.is_killed() {
            return;
        }
        let Self { collector, output, progress, .. } = self;
        let mut limit_reached = false;
        let received = collector.receive(bytes, |event| match event {
            Event::Log { level, target, message } => {
                limit_reached |= output.log(level, &target, &message);
            }
            Event::Progress(message) => {
                progress.set_message(&message);
                limit_reached |= output.log(LogLevel::Debug, "progress", &message);
            }
        });
        progress.set_records(collector.records());
        if limit_reached {
            warn_of_log_limit();
        }
        if let Err(error) = received {
            self.kill(Some(error));
        } else if self.collector.is_finished() && matches!(self.state, WorkerState::Running) {
            self.state = WorkerState::Finished(Instant::now() + GRACE);
        }
    }

    /// Receives the frames that were written before the bytes of stderr that were just read, because they may
    /// contain secrets to redact there. The runtime may not know yet that the frames have arrived. Returns
    /// their number of bytes.
    fn receive_pending_frames(&mut self, frames: &ChildStdout, buffer: &mut [u8]) -> usize {
        let mut received = 0;
        while received < PIPE_MAX_BYTES {
            // The main loop handles the end of the pipe and errors.
            let Ok(length @ 1..) = rustix::io::read(frames, &mut *buffer) else { break };
            received += length;
            self.receive_frames(&buffer[..length]);
        }
        received
    }

    /// Logs bytes of stderr, unless the worker was killed: its frames are not received any more, and they
    /// might contain secrets to redact here.
    fn receive_stderr(&mut self, bytes: &[u8]) {
        if !self.state.is_killed() && self.output.receive(bytes, self.redactor) {
            warn_of_log_limit();
        }
    }

    fn result(
        self,
        status: Option<ExitStatus>,
        abnormal_end: Option<&str>,
    ) -> Result<Answer, GatherError> {
        let records = self.collector.records();
        let reason = match self.state {
            WorkerState::Killed(_, Some(error)) => return Err(with_progress(error, records)),
            WorkerState::AskedToEnd(_, error) => Some(error),
            WorkerState::Killed(_, None) | WorkerState::Running | WorkerState::Finished(_) => None,
        };
        match (self.collector.finish(), reason) {
            (Some(Ok(mut answer)), _) => {
                answer.gathered.warnings.extend(abnormal_end.map(|end| Warning {
                    object: self.endpoint.module.clone(),
                    message: format!("the worker {end} after its answer was complete"),
                }));
                Ok(answer)
            }
            (Some(Err(error)), Some(reason)) => {
                Err(with_progress(with_plugin_error(reason, error), records))
            }
            (Some(Err(error)), None) if error.message == CANCELLED => Err(GatherError::new(
                ErrorKind::Timeout,
                "the worker was ended by a SIGTERM that the runner did not send",
            )),
            (Some(Err(error)), None) => Err(with_progress(error, records)),
            (None, Some(reason)) => Err(with_progress(reason, records)),
            (None, None) => {
                // The runner did not send this SIGKILL: it neither asked the worker to end nor killed it.
                let memory = self.budget.memory();
                if is_sigkill(status) && memory.kills() > self.kills_before {
                    return Err(memory.killed_error());
                }
                let last_output = self.output.last_output(self.redactor);
                Err(crash_error(status, &last_output, self.memory_remedy))
            }
        }
    }
}

fn warn_of_log_limit() {
    tracing::warn!(
        "the plugin wrote more than {} MiB of log; the rest is dropped",
        LOG_MAX_BYTES / (1024 * 1024)
    );
}

fn is_sigkill(status: Option<ExitStatus>) -> bool {
    status.and_then(|status| status.signal()) == Some(libc::SIGKILL)
}

fn memory_remedy(settings: &SupervisorSettings, memory: &Memory) -> &'static str {
    match settings.worker_memory {
        Some(bytes) if bytes > memory.limit().bytes => memory.limit().remedy(),
        _ => "raise --worker-memory",
    }
}

/// Writes the assignment and returns the pipe, which stays open for `cancel`. The worker ends when it is
/// closed.
async fn write_assignment(mut stdin: ChildStdin, assignment: Vec<u8>) -> ChildStdin {
    // Fails if the worker has exited, which the main loop notices.
    let _ = stdin.write_all(&assignment).await;
    stdin
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
