//! One destination of log lines: a bounded queue and the thread that writes its lines.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gatherer_plugin_api::LogLevel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::queue::{LostLines, MAX_BYTES, MAX_LINES, Queue};
use super::recorder::{Opened, Recorder, index_of};
use super::rotated_file::{LogFile, UnwrittenLines};
use super::{LogFormat, OtherFiles};
use crate::output::outfile;
use crate::output::terminal::suspend_display;

/// The most bytes that one write to the log process has.
const BATCH_BYTES: usize = 64 * 1024;

/// How many bytes a pipe that is ready takes without blocking. (POSIX allows a smaller `PIPE_BUF`;
/// this is Linux's.)
const PIPE_BUF: usize = 4096;

/// Where lines go.
pub enum Destination {
    /// Standard error.
    Stderr,
    /// The process that writes the log file.
    Recorder(Recorder),
    /// A device, or a log file for which no process could be started.
    File(Box<Mutex<LogFile>>),
}

impl Destination {
    /// Opens the log file. Also returns a message if it cannot be written, or does not open in time.
    pub fn open_file(
        path: &Path,
        format: LogFormat,
        other_files: &OtherFiles,
    ) -> (Option<Self>, Option<String>) {
        let refused = |error: io::Error| {
            let path = path.display();
            format!("the log file {path} cannot be written: {error}; the run continues without it")
        };
        match Recorder::start(path, format, other_files) {
            Ok(Opened::Yes(recorder)) => (Some(Self::Recorder(recorder)), None),
            Ok(Opened::NotYet(recorder)) => {
                let path = path.display();
                let problem = format!(
                    "the log file {path} did not open in time: its file system does not respond"
                );
                (Some(Self::Recorder(recorder)), Some(problem))
            }
            Ok(Opened::No(name)) => (None, Some(is_other_file(path, name))),
            Err(error) if !is_final(path, &error) => match LogFile::open(path, format) {
                Ok(_) if index_of(path, other_files).is_some() => {
                    (None, Some(is_other_file(path, "another file of the run")))
                }
                Ok(file) => (Some(Self::File(Box::new(Mutex::new(file)))), None),
                Err(error) => (None, Some(refused(error))),
            },
            Err(error) => (None, Some(refused(error))),
        }
    }

    /// Writes whole lines, for as long as that takes.
    fn write(&self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => suspend_display(|| outfile::write_all(io::stderr(), lines)),
            Self::Recorder(recorder) => recorder.write_all(lines),
            Self::File(file) => {
                file.lock().unwrap_or_else(PoisonError::into_inner).write_or_count(lines);
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

    /// How many bytes of lines one write should have. More than one line only for the log process,
    /// which writes each line to its file with one write.
    fn batch_bytes(&self) -> usize {
        if matches!(self, Self::Recorder(_)) { BATCH_BYTES } else { 1 }
    }
}

/// The message about a log file that is another file of the run.
fn is_other_file(path: &Path, name: &str) -> String {
    format!("the log file {} is {name}; the run continues without a log file", path.display())
}

/// Whether this process would get the same error as the log process. It may not if the log process
/// could not be started, or if the path leads to a descriptor of this process, such as /dev/stderr.
fn is_final(path: &Path, error: &io::Error) -> bool {
    let of_process = path.starts_with("/dev") || path.starts_with("/proc");
    match error.raw_os_error() {
        None | Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::ENXIO) => {
            false
        }
        // A link may lead to a descriptor of this process.
        Some(libc::ENOENT) => !of_process && !path.is_symlink(),
        Some(_) => !of_process,
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

/// A destination with its queue. Logging to it never blocks.
#[derive(Clone)]
pub struct Sink(Arc<SharedSink>);

/// The state that a sink shares with its thread.
struct SharedSink {
    destination: Destination,
    /// Formats the line that reports how many lines were lost.
    loss_line: Box<dyn Fn(LostLines) -> String + Send + Sync>,
    state: Mutex<SinkState>,
    /// Signalled when lines are added and when all are written.
    changed: Condvar,
}

struct SinkState {
    queue: Queue,
    /// Bytes that were taken out of the queue and are not written yet.
    taken: Vec<u8>,
    /// Whether the thread is writing.
    busy: bool,
    writer: WriterState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WriterState {
    /// No line was appended yet.
    NotStarted,
    /// A thread writes.
    Thread,
    /// No thread could be started: the thread that logs writes as much as the destination accepts
    /// without blocking.
    Inline,
    /// The destination is gone.
    Closed,
}

impl Sink {
    /// A destination with nothing in its queue.
    pub fn new(
        destination: Destination,
        loss_line: impl Fn(LostLines) -> String + Send + Sync + 'static,
    ) -> Self {
        let queue = Queue::new(MAX_LINES, MAX_BYTES);
        let writer = WriterState::NotStarted;
        let state = SinkState { queue, taken: Vec::new(), busy: false, writer };
        Self(Arc::new(SharedSink {
            destination,
            loss_line: Box::new(loss_line),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// Appends a line, which ends with a line break.
    pub fn push(&self, level: LogLevel, line: String) {
        let mut state = self.0.state();
        if state.writer == WriterState::Closed {
            // A caller that closes stderr does not want its lines.
            if !matches!(self.0.destination, Destination::Stderr) {
                state.queue.lose(level);
            }
            return;
        }
        state.queue.push(level, line);
        if state.writer == WriterState::NotStarted {
            let inner = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("log".to_owned());
            state.writer = match thread.spawn(move || inner.write_all()) {
                Ok(_) => WriterState::Thread,
                Err(_) => WriterState::Inline,
            };
        }
        if state.writer == WriterState::Inline {
            self.0.write_inline(&mut state, None);
        } else {
            self.0.changed.notify_all();
        }
    }

    /// Waits until the destination has taken every line, at most until the deadline. Lines that are
    /// left then are never written; their number is returned.
    pub fn finish(&self, deadline: Instant) -> Option<LostLines> {
        let mut state = self.0.state();
        if state.writer == WriterState::Inline {
            self.0.write_inline(&mut state, Some(deadline));
        }
        while state.writer == WriterState::Thread && (state.busy || state.queue.len() > 0) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state =
                self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let lost = state.queue.abandon();
        if lost.total() > 0 { Some(lost) } else { None }
    }

    /// Waits for the log process, at most until the deadline, and returns the lines that could not be written. `None` if
    /// the process is not done with every line. To be called after [`finish`](Self::finish).
    pub fn unwritten(&self, deadline: Instant) -> Option<UnwrittenLines> {
        match &self.0.destination {
            // No line was logged to a file that did not open, which was reported.
            Destination::Recorder(recorder) if !recorder.is_open() && !self.is_used() => {
                Some(UnwrittenLines::default())
            }
            Destination::Recorder(recorder) => recorder.finish(deadline),
            Destination::File(file) => {
                Some(file.lock().unwrap_or_else(PoisonError::into_inner).unwritten())
            }
            Destination::Stderr => Some(UnwrittenLines::default()),
        }
    }

    /// Whether a line was ever appended.
    fn is_used(&self) -> bool {
        self.0.state().writer != WriterState::NotStarted
    }
}

impl SharedSink {
    fn state(&self) -> MutexGuard<'_, SinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the next lines out of the queue.
    fn take(&self, state: &mut SinkState) {
        let batch = self.destination.batch_bytes();
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

    /// The thread's main function: writes until the destination is gone.
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
            let written = self.destination.write(&lines);
            state = self.state();
            state.busy = false;
            if written.is_err() {
                state.writer = WriterState::Closed;
                self.changed.notify_all();
                return;
            }
        }
    }

    /// Writes as much as the destination accepts without blocking, or before the deadline.
    fn write_inline(&self, state: &mut SinkState, deadline: Option<Instant>) {
        loop {
            if state.taken.is_empty() {
                self.take(state);
            }
            if state.taken.is_empty() {
                return;
            }
            let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
            let wait = deadline.map_or(Duration::ZERO, left);
            match self.destination.write_some(&state.taken, wait) {
                Ok(written) => drop(state.taken.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    state.writer = WriterState::Closed;
                    return;
                }
            }
        }
    }
}
