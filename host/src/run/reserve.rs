//! What the end of a run needs, made at its start: free descriptors, and a thread that prints. When
//! all endpoints have been asked, it is too late to find that there are none left.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Sender, channel};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::process;
use crate::run::signals::Signals;

/// How many descriptors the runtimes take, of this thread and of the one that ends the program in
/// time: an epoll, an event and a socket each, and two sockets for both.
const RUNTIME_DESCRIPTORS: usize = 8;

/// How many descriptors the start of a worker takes: both ends of three pipes.
const WORKER_DESCRIPTORS: usize = 6;

/// How many descriptors the end takes: an outfile, its folder, a log file that is opened anew, and
/// the folder of processes with one file in it.
const END_DESCRIPTORS: usize = 6;

/// What is there from the start.
pub struct Reserve {
    /// The one runtime of the run.
    pub runtime: Runtime,
    /// The signals that end the run.
    pub signals: Signals,
    /// The thread that prints.
    pub output: OutputThread,
    /// Free descriptors, until the end needs them.
    pub descriptors: Descriptors,
}

impl Reserve {
    /// Makes all of it.
    pub fn new() -> io::Result<Self> {
        process::raise_open_files();
        // The runtime panics where it finds no descriptor for its signals.
        let needed_before = Descriptors::reserve(RUNTIME_DESCRIPTORS + WORKER_DESCRIPTORS)?;
        let descriptors = Descriptors::reserve(END_DESCRIPTORS)?;
        drop(needed_before);
        let output = OutputThread::start();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals::new()?
        };
        Ok(Self { runtime, signals, output, descriptors })
    }
}

/// Descriptors that are kept open, so that as many are free when they are dropped.
pub struct Descriptors(#[expect(dead_code, reason = "dropping them is the use")] Vec<OwnedFd>);

impl Descriptors {
    fn reserve(count: usize) -> io::Result<Self> {
        let stderr = io::stderr();
        let reserved = (0..count).map(|_| rustix::io::fcntl_dupfd_cloexec(&stderr, 3));
        Ok(Self(reserved.collect::<Result<_, _>>()?))
    }
}

/// What to do about an error of starting something, to be put behind it.
pub fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => "; raise the limit on open files (`ulimit -n`)",
        Some(libc::EAGAIN) => "; raise the limit on processes and threads (`ulimit -u`)",
        _ => "",
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that prints, so that signals are heard while the reader of the result is slow. Without
/// one, what it is given is done by the thread that waits for it.
pub struct OutputThread(Option<Sender<Job>>);

impl OutputThread {
    /// Starts the thread, if there may be one more.
    pub fn start() -> Self {
        let (jobs, queue) = channel::<Job>();
        let work = move || queue.into_iter().for_each(|job| job());
        let thread = std::thread::Builder::new().name("output".to_owned()).spawn(work);
        Self(thread.is_ok().then_some(jobs))
    }

    /// Whether there is a thread.
    pub fn is_running(&self) -> bool {
        self.0.is_some()
    }

    /// Does a job in the thread. The receiver gets its result, or an error if it panicked.
    ///
    /// Without a thread the job is done now, and signals end the program at once from then on.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let job = move || {
            // No code waits for it where a signal ended the run.
            let _ = sender.send(job());
        };
        if let Some(jobs) = &self.0 {
            // It fails only after a panic of an earlier job, and the receiver reports that.
            let _ = jobs.send(Box::new(job));
        } else {
            process::end_on_signals();
            job();
        }
        receiver
    }
}
