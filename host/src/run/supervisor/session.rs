//! One worker: started, fed, listened to, ended. Whatever it does, this returns.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{CANCELLED, ErrorKind, GatherError, LogLevel};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::answer::Answer;
use super::budget::Budget;
use super::collector::{Collector, Event};
use super::crash::{crashed, describe};
use super::ending::{Ending, Stays, with_last_words};
use super::launch::{assign, not_started, start};
use super::worker_output::Output;
use super::{Library, Memory, Settings, Stop};
use crate::logging::spans;
use crate::request::Endpoint;
use crate::request::redact::Redactor;
use crate::run::children::{Child, why_it_survives};
use crate::run::progress::EndpointProgress;
use crate::run::protocol::{CANCEL_LINE, GATHER, LOG_MAX_BYTES};

/// From asking a worker to end to killing it, and from killing it to giving it up.
const GRACE: Duration = Duration::from_secs(2);

/// How long an ended worker's pipes are read on, where somebody else holds them open.
const DRAIN: Duration = Duration::from_millis(100);

/// How much is read of an ended worker's pipes: more than a pipe can hold is somebody else's.
const LATE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The most that a pipe holds, unless root made it larger.
const PIPE_MAX_BYTES: usize = 1024 * 1024;

/// What became of a worker, for who looks closely.
pub struct Observed {
    /// What it answered.
    pub result: Result<Answer, GatherError>,
    /// How long the process ran on after it was asked to end, if it was.
    pub took_to_end: Option<Duration>,
    /// Whether it had to be killed.
    pub killed: bool,
    /// How the process ended, unless it simply ended: "exited with status 3".
    pub odd_end: Option<String>,
    /// Whether there was a process.
    pub was_started: bool,
}

impl From<GatherError> for Observed {
    fn from(error: GatherError) -> Self {
        Self {
            result: Err(error),
            took_to_end: None,
            killed: false,
            odd_end: None,
            was_started: false,
        }
    }
}

/// Asks one endpoint.
pub async fn ask(
    endpoint: &Endpoint,
    library: &Library,
    settings: &Settings,
    budget: Rc<Budget>,
) -> Result<Answer, GatherError> {
    observe(endpoint, Some(GATHER), library, settings, budget).await.result
}

/// Does an operation at one endpoint, or only loads the library.
pub async fn observe(
    endpoint: &Endpoint,
    operation: Option<&str>,
    library: &Library,
    settings: &Settings,
    budget: Rc<Budget>,
) -> Observed {
    let memory = budget.memory();
    let kills = memory.kills();
    let started = assign(endpoint, operation, library, settings, memory).and_then(|assignment| {
        let child = start(library, &settings.children).map_err(|error| not_started(&error))?;
        Ok((assignment, child))
    });
    match started {
        Ok((assignment, child)) => {
            let span = spans::worker(child.pid().as_raw_nonzero().get());
            Session::new(child, endpoint, budget, kills, settings)
                .run(assignment, endpoint.timeout, settings)
                .instrument(span)
                .await
        }
        Err(error) => error.into(),
    }
}

struct Session<'a> {
    endpoint: &'a Endpoint,
    child: Child,
    collector: Collector,
    redactor: &'a Redactor,
    output: Output,
    progress: EndpointProgress,
    ending: Ending,
    asked_to_end_at: Option<Instant>,
    budget: Rc<Budget>,
    /// How many processes the kernel had ended for want of memory before this one was started.
    kills_before: u64,
    /// What to raise if the worker's own limit on memory was too low.
    memory_remedy: &'static str,
}

impl<'a> Session<'a> {
    fn new(
        child: Child,
        endpoint: &'a Endpoint,
        budget: Rc<Budget>,
        kills_before: u64,
        settings: &Settings,
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
            output: Output::default(),
            progress: settings.progress.start_endpoint(&endpoint.id),
            ending: Ending::Not,
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
        settings: &Settings,
    ) -> Observed {
        let (Some(stdin), Some(mut frames), Some(mut stderr)) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take())
        else {
            return GatherError::internal("the worker was started without its pipes").into();
        };
        let mut stop = settings.stop.clone();
        let deadline = Instant::now() + timeout;
        // The request is written while frames are read: neither side waits for the other.
        let mut feed = Box::pin(feed(stdin, assignment));
        let mut control = None;
        let mut status = None;
        let (mut frames_open, mut stderr_open) = (true, true);
        let (mut frame_buffer, mut line_buffer) = (vec![0; 64 * 1024], vec![0; 16 * 1024]);
        // What was read since the worker ended.
        let mut late = 0;
        let mut drained_at = deadline + Duration::from_hours(1);
        let mut took_to_end = None;
        // Why the process outlives SIGKILL.
        let mut stays = None;

        while status.is_none() || frames_open || stderr_open {
            let running = matches!(self.ending, Ending::Not) && status.is_none();
            let act_at = match &self.ending {
                Ending::Asked(at, _) | Ending::Finished(at) | Ending::Killed(at, _) => Some(*at),
                Ending::Not => None,
            };
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
                // Before the clock: this process may have been stopped while the worker ended.
                ended = self.child.wait(), if status.is_none() => {
                    status = Some(ended);
                    took_to_end = self.asked_to_end_at.map(|at| at.elapsed());
                    drained_at = Instant::now() + DRAIN;
                }
                () = sleep_until(act_at), if act_at.is_some() && status.is_none() => {
                    if matches!(self.ending, Ending::Killed(..)) {
                        stays = Some(Stays { why: why_it_survives(self.child.pid()) });
                        break;
                    }
                    self.kill(None);
                }
                stdin = &mut feed, if control.is_none() => control = Some(stdin),
                read = frames.read(&mut frame_buffer), if frames_open && late < LATE_MAX_BYTES => match read {
                    Ok(0) | Err(_) => frames_open = false,
                    Ok(length) => {
                        late += if status.is_some() { length } else { 0 };
                        self.take_frames(&frame_buffer[..length]);
                    }
                },
                read = stderr.read(&mut line_buffer), if stderr_open && late < LATE_MAX_BYTES => match read {
                    Ok(0) | Err(_) => stderr_open = false,
                    Ok(length) => {
                        let waiting = self.take_waiting_frames(&frames, &mut frame_buffer);
                        late += if status.is_some() { waiting + length } else { 0 };
                        self.take_output(&line_buffer[..length]);
                    }
                },
                // Last: what is in the pipes already is never lost to the clock.
                () = tokio::time::sleep_until(drained_at), if status.is_some() => break,
            }
        }
        // Whatever the worker left behind in its group goes with it.
        self.child.signal(Signal::KILL);
        let killed = matches!(self.ending, Ending::Killed(..));
        if !killed {
            self.output.flush(self.redactor);
        }
        let status = status.flatten();
        let odd_end = match status.and_then(describe) {
            _ if stays.is_some() => Some("could not be ended".to_owned()),
            _ if killed => Some("did not end".to_owned()),
            odd => odd,
        };
        let result = self.conclude(status, odd_end.as_deref());
        let result = match stays {
            Some(stays) => stays.amend(result),
            None => result,
        };
        Observed { result, took_to_end, killed, odd_end, was_started: true }
    }

    /// The timeout's sentence. What the plugin says while it is being ended is added to it.
    fn timeout_error(&self, timeout: Duration) -> GatherError {
        GatherError::new(
            ErrorKind::Timeout,
            format!(
                "the {} endpoint did not answer within {} s",
                self.endpoint.module,
                timeout.as_secs_f64()
            ),
        )
        .with_hint(
            "raise its `timeout`, or find out what keeps it: the log at -v says how far it came",
        )
    }

    async fn ask_to_end(&mut self, control: Option<&mut ChildStdin>, error: GatherError) {
        if let Some(control) = control {
            // A worker that does not read its few bytes gets the signal all the same.
            let write = control.write_all(CANCEL_LINE);
            let _ = tokio::time::timeout(Duration::from_millis(10), write).await;
        }
        self.child.signal(Signal::TERM);
        let now = Instant::now();
        self.asked_to_end_at = Some(now);
        self.ending = Ending::Asked(now + GRACE, error);
    }

    /// Ends the worker at once. Without an error, the one that it was asked to end for stays.
    fn kill(&mut self, error: Option<GatherError>) {
        self.child.signal(Signal::KILL);
        let reason = match std::mem::replace(&mut self.ending, Ending::Not) {
            Ending::Asked(_, first) | Ending::Killed(_, Some(first)) => Some(first),
            Ending::Not | Ending::Finished(_) | Ending::Killed(_, None) => error,
        };
        self.ending = Ending::Killed(Instant::now() + GRACE, reason);
    }

    fn take_frames(&mut self, bytes: &[u8]) {
        if matches!(self.ending, Ending::Killed(..)) {
            return;
        }
        let Self { collector, output, progress, .. } = self;
        let mut limit = false;
        let taken = collector.bytes(bytes, |event| match event {
            Event::None => {}
            Event::Log { level, target, message } => {
                limit |= output.log(level, &target, &message);
            }
            Event::Progress(message) => {
                progress.set_message(&message);
                limit |= output.log(LogLevel::Debug, "progress", &message);
            }
        });
        progress.set_records(collector.records());
        if limit {
            log_limit_reached();
        }
        if let Err(error) = taken {
            self.kill(Some(error));
        } else if self.collector.is_ended() && matches!(self.ending, Ending::Not) {
            // The answer is here; what keeps the process now does not keep us for long.
            self.ending = Ending::Finished(Instant::now() + GRACE);
        }
    }

    /// Takes the frames that were written before what was just read of stderr: they may say what
    /// of that is secret. The runtime may not know yet that they are there. Returns how many bytes
    /// they had.
    fn take_waiting_frames(&mut self, frames: &ChildStdout, buffer: &mut [u8]) -> usize {
        let mut taken = 0;
        while taken < PIPE_MAX_BYTES {
            // The end, an error or an empty pipe: the loop hears of that too.
            let Ok(length @ 1..) = rustix::io::read(frames, &mut *buffer) else { break };
            taken += length;
            self.take_frames(&buffer[..length]);
        }
        taken
    }

    /// Logs some bytes of stderr. Not of a worker that was killed: its frames are not read any more,
    /// and one of them may say what of this is secret.
    fn take_output(&mut self, bytes: &[u8]) {
        if !matches!(self.ending, Ending::Killed(..)) && self.output.take(bytes, self.redactor) {
            log_limit_reached();
        }
    }

    fn conclude(
        self,
        status: Option<ExitStatus>,
        odd_end: Option<&str>,
    ) -> Result<Answer, GatherError> {
        let asked = match self.ending {
            Ending::Killed(_, Some(error)) => return Err(error),
            Ending::Asked(_, error) => Some(error),
            Ending::Killed(_, None) | Ending::Not | Ending::Finished(_) => None,
        };
        match self.collector.finish() {
            Some(Ok(mut answer)) => {
                answer.warnings.extend(odd_end.map(|odd| Warning {
                    object: self.endpoint.module.clone(),
                    message: format!("the worker {odd} after its answer was whole"),
                }));
                Ok(answer)
            }
            Some(Err(error)) => Err(match asked {
                Some(asked) => with_last_words(asked, error),
                None if error.message == CANCELLED => GatherError::new(
                    ErrorKind::Timeout,
                    "the worker was asked to end by somebody else's SIGTERM",
                ),
                None => error,
            }),
            None => Err(asked.unwrap_or_else(|| {
                let memory = self.budget.memory();
                // We did not send it: so far the worker was neither asked to end nor killed.
                if is_killed(status) && memory.kills() > self.kills_before {
                    return memory.killed();
                }
                crashed(status, &self.output.tail(self.redactor), self.memory_remedy)
            })),
        }
    }
}

fn log_limit_reached() {
    tracing::warn!(
        "the plugin wrote more than {} MiB of log; the rest is left out",
        LOG_MAX_BYTES / (1024 * 1024)
    );
}

fn is_killed(status: Option<ExitStatus>) -> bool {
    status.and_then(|status| status.signal()) == Some(libc::SIGKILL)
}

fn memory_remedy(settings: &Settings, memory: &Memory) -> &'static str {
    match settings.worker_memory {
        Some(bytes) if bytes > memory.limit().bytes => memory.limit().remedy(),
        _ => "raise --worker-memory",
    }
}

/// Writes the assignment; the pipe stays open for `cancel`, and its end tells the worker that
/// we are gone.
async fn feed(mut stdin: ChildStdin, assignment: Vec<u8>) -> ChildStdin {
    // A worker that ended before it had read everything shows that by its end.
    let _ = stdin.write_all(&assignment).await;
    stdin
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
