//! One destination of log lines: a bounded queue, and a thread that writes what waits in it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gatherer_plugin_api::LogLevel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::file::LogFile;
use super::queue::{Lost, MAX_BYTES, MAX_LINES, Queue};
use super::recorder::Recorder;
use crate::output::outfile;
use crate::output::terminal::suspend_display;

/// The most bytes that are handed to the log process at once.
const BATCH_BYTES: usize = 64 * 1024;

/// A pipe that is ready takes as many bytes as this without blocking (POSIX's least `PIPE_BUF` is
/// smaller, Linux's is this).
const PIPE_BUF: usize = 4096;

/// Where lines go.
pub enum Target {
    /// Standard error.
    Stderr,
    /// The process that writes the log file.
    Recorder(Recorder),
    /// A device, or a log file where no process could be started for it.
    File(Box<Mutex<LogFile>>),
}

impl Target {
    /// Writes whole lines, for as long as that takes.
    fn write(&self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => suspend_display(|| outfile::write_all(io::stderr(), lines)),
            Self::Recorder(recorder) => recorder.write_all(lines),
            Self::File(file) => {
                // A line that cannot be written, to a full disk say, is lost alone.
                let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write(lines);
                Ok(())
            }
        }
    }

    /// Writes as much as can be written without waiting for longer than this.
    fn write_some(&self, lines: &[u8], wait: Duration) -> io::Result<usize> {
        match self {
            Self::Stderr => {
                let stderr = io::stderr();
                wait_for_room(&stderr, wait)?;
                Ok(suspend_display(|| {
                    rustix::io::write(&stderr, &lines[..lines.len().min(PIPE_BUF)])
                })?)
            }
            Self::Recorder(recorder) => {
                wait_for_room(recorder.socket(), wait)?;
                recorder.write_some(lines)
            }
            Self::File(_) => self.write(lines).map(|()| lines.len()),
        }
    }

    /// How many bytes of lines are written at once. Several only where another process divides
    /// them: each line is one write to its file.
    fn batch_bytes(&self) -> usize {
        if matches!(self, Self::Recorder(_)) { BATCH_BYTES } else { 1 }
    }
}

fn wait_for_room(descriptor: impl std::os::fd::AsFd, wait: Duration) -> io::Result<()> {
    let wait = Timespec::try_from(wait).unwrap_or_default();
    match poll(&mut [PollFd::new(&descriptor, PollFlags::OUT)], Some(&wait)) {
        Ok(0) | Err(Errno::INTR) => Err(io::ErrorKind::WouldBlock.into()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A destination. A caller that logs never waits for it.
#[derive(Clone)]
pub struct Sink(Arc<Inner>);

struct Inner {
    target: Target,
    /// Makes the line that says how many lines were lost.
    loss_line: Box<dyn Fn(Lost) -> String + Send + Sync>,
    state: Mutex<State>,
    /// Lines wait, or all are written.
    changed: Condvar,
}

struct State {
    queue: Queue,
    /// What was taken out of the queue and is not written yet.
    taken: Vec<u8>,
    /// Whether the thread writes something just now.
    busy: bool,
    writer: Writer,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// No line has come yet.
    NotStarted,
    /// A thread writes.
    Thread,
    /// No thread can be had: who logs writes what can be written without waiting.
    Inline,
    /// The destination is gone.
    Closed,
}

impl Sink {
    /// A destination with nothing in its queue.
    pub fn new(target: Target, loss_line: impl Fn(Lost) -> String + Send + Sync + 'static) -> Self {
        let queue = Queue::new(MAX_LINES, MAX_BYTES);
        let state = State { queue, taken: Vec::new(), busy: false, writer: Writer::NotStarted };
        Self(Arc::new(Inner {
            target,
            loss_line: Box::new(loss_line),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// Where the lines go.
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// Appends a line, which ends with a line break.
    pub fn push(&self, level: LogLevel, line: String) {
        let mut state = self.0.state();
        if state.writer == Writer::Closed {
            // A caller that closes stderr does not want its lines.
            if !matches!(self.0.target, Target::Stderr) {
                state.queue.lose(level);
            }
            return;
        }
        state.queue.push(level, line);
        if state.writer == Writer::NotStarted {
            let inner = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("log".to_owned());
            state.writer = match thread.spawn(move || inner.write_all()) {
                Ok(_) => Writer::Thread,
                Err(_) => Writer::Inline,
            };
        }
        if state.writer == Writer::Inline {
            self.0.write_inline(&mut state, None);
        } else {
            self.0.changed.notify_all();
        }
    }

    /// Whether a line was ever appended.
    pub fn is_used(&self) -> bool {
        self.0.state().writer != Writer::NotStarted
    }

    /// Waits until every line is written, not longer than this. If lines are left then, the
    /// destination gets no more of them, and this says how many.
    pub fn finish(&self, until: Instant) -> Option<Lost> {
        let mut state = self.0.state();
        if state.writer == Writer::Inline {
            self.0.write_inline(&mut state, Some(until));
        }
        while state.writer == Writer::Thread && (state.busy || state.queue.len() > 0) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state =
                self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let lost = state.queue.abandon();
        (lost.total() > 0).then_some(lost)
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the next lines out of the queue.
    fn take(&self, state: &mut State) {
        let batch = self.target.batch_bytes();
        while state.taken.len() < batch
            && let Some(line) = state.queue.pop()
        {
            state.taken.extend_from_slice(line.as_bytes());
        }
        if let Some(lost) = state.queue.lost_if_room() {
            let line = (self.loss_line)(lost);
            state.queue.push(LogLevel::Warn, line);
        }
    }

    /// What the thread does: writes until the destination is gone.
    fn write_all(&self) {
        let mut state = self.state();
        loop {
            self.take(&mut state);
            if state.taken.is_empty() {
                self.changed.notify_all();
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let lines = std::mem::take(&mut state.taken);
            state.busy = true;
            drop(state);
            let written = self.target.write(&lines);
            state = self.state();
            state.busy = false;
            if written.is_err() {
                state.writer = Writer::Closed;
                self.changed.notify_all();
                return;
            }
        }
    }

    /// Writes what the destination takes: at once, or until this moment.
    fn write_inline(&self, state: &mut State, until: Option<Instant>) {
        loop {
            if state.taken.is_empty() {
                self.take(state);
            }
            if state.taken.is_empty() {
                return;
            }
            let wait = until
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            match self.target.write_some(&state.taken, wait) {
                Ok(written) => drop(state.taken.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    state.writer = Writer::Closed;
                    return;
                }
            }
        }
    }
}
