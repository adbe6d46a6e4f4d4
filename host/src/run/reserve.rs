//! Resources that the end of a run needs, allocated at its start: free descriptors, and a thread that
//! prints. After the endpoints have been queried it is too late to find out that a limit is reached.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Sender, channel};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::process;
use crate::run::signals::{HangupMeans, Signals};

/// The number of descriptors that two runtimes use, the main thread's and that of the thread that enforces
/// the time limit after a signal: an epoll, an eventfd and a socket each, and two shared sockets.
const RUNTIME_DESCRIPTORS: usize = 8;

/// The number of descriptors that starting a worker uses: both ends of three pipes.
const WORKER_DESCRIPTORS: usize = 6;

/// The number of descriptors that the end of a run uses: the outfile, its folder, a reopened log file,
/// `/proc` and one file in it.
const END_DESCRIPTORS: usize = 6;

/// The resources of a run.
pub struct Reserve {
    /// The runtime of the main thread.
    pub runtime: Runtime,
    /// The signals that end the run.
    pub signals: Signals,
    /// The thread that prints.
    pub output: OutputThread,
    /// Reserved descriptors, to be dropped when the end needs them.
    pub descriptors: Descriptors,
}

impl Reserve {
    /// Allocates all resources.
    pub fn new() -> io::Result<Self> {
        Self::with_hangup(HangupMeans::End)
    }

    /// Allocates all resources of a program for which SIGHUP has this meaning.
    pub fn with_hangup(hangup: HangupMeans) -> io::Result<Self> {
        process::raise_open_files();
        // Checked first, because tokio panics if there is no descriptor for its signal handling.
        let needed_now = Descriptors::reserve(RUNTIME_DESCRIPTORS + WORKER_DESCRIPTORS)?;
        let descriptors = Descriptors::reserve(END_DESCRIPTORS)?;
        drop(needed_now);
        let output = OutputThread::start();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals::new(hangup)?
        };
        Ok(Self { runtime, signals, output, descriptors })
    }
}

/// Descriptors that are held open, so that as many are free once they are dropped.
pub struct Descriptors(#[expect(dead_code, reason = "dropping them is the use")] Vec<OwnedFd>);

impl Descriptors {
    fn reserve(count: usize) -> io::Result<Self> {
        let stderr = io::stderr();
        let reserved = (0..count).map(|_| rustix::io::fcntl_dupfd_cloexec(&stderr, 3));
        Ok(Self(reserved.collect::<Result<_, _>>()?))
    }
}

/// The hint for an error of starting a process, a thread or a runtime, to be appended to its message.
pub fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => "; raise the limit on open files (`ulimit -n`)",
        Some(libc::EAGAIN) => "; raise the limit on processes and threads (`ulimit -u`)",
        _ => "",
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that prints, so that signals are handled while the reader of the result is slow. If the thread
/// could not be started, jobs run on the calling thread.
pub struct OutputThread(Option<Sender<Job>>);

impl OutputThread {
    /// Starts the thread, if the limits allow one more.
    pub fn start() -> Self {
        let (jobs, queue) = channel::<Job>();
        let work = move || queue.into_iter().for_each(|job| job());
        let thread = std::thread::Builder::new().name("output".to_owned()).spawn(work);
        Self(thread.is_ok().then_some(jobs))
    }

    /// Whether the thread was started.
    pub fn is_running(&self) -> bool {
        self.0.is_some()
    }

    /// Runs a job on the thread. The receiver gets its result, or an error if it panicked.
    ///
    /// Without the thread the job runs now, and from then on a signal ends the program at once.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let span = tracing::Span::current();
        let job = move || {
            // The receiver was dropped if a signal ended the run.
            let _ = sender.send(span.in_scope(job));
        };
        if let Some(jobs) = &self.0 {
            // It fails only if an earlier job panicked; then the receiver returns an error.
            let _ = jobs.send(Box::new(job));
        } else {
            process::end_on_signals();
            job();
        }
        receiver
    }
}
