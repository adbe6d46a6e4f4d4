//! Threads for work that blocks: state files, events, and a slow reader of them.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that live as long as the program. Jobs wait until one of them is free.
pub struct Threads(Sender<Job>);

impl Threads {
    /// Starts threads; fewer if the limits allow no more, and at least one.
    pub fn start(count: usize) -> io::Result<Self> {
        let (sender, jobs) = channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..count.max(1) {
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new().name(format!("events-{number}"));
            match thread.spawn(move || work(&jobs)) {
                Err(error) if number == 0 => return Err(error),
                _ => {}
            }
        }
        Ok(Self(sender))
    }

    /// Runs a job. The receiver gets its result, or an error if it panicked.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let span = tracing::Span::current();
        let job = move || {
            // The receiver was dropped if the program ends.
            let _ = sender.send(span.in_scope(job));
        };
        // It fails only if every thread panicked; then the receiver returns an error.
        let _ = self.0.send(Box::new(job));
        receiver
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic ends only this job.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}
