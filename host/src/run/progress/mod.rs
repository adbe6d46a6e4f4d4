//! The progress of a run. The code that does the work updates counters; a separate thread shows them on
//! stderr, so that the work never waits for a terminal.

mod display;
mod status_line;

pub use display::{Display, display_style};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use clap::ValueEnum;
use serde::Deserialize;

/// The maximum length of a plugin's progress message, in bytes: more does not fit on a line.
const MESSAGE_MAX_BYTES: usize = 400;

/// When to show the progress of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// If stderr is a terminal that can move its cursor.
    #[default]
    Auto,
    /// Always; as plain lines if stderr is not such a terminal.
    Always,
    /// Never.
    Never,
}

/// The counters of a run. Cheap to clone; all clones share them. The default counts nothing.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<Arc<Mutex<Counters>>>);

/// The progress of a run at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counters {
    total: usize,
    done: usize,
    failed: usize,
    records: u64,
    started: u64,
    /// In the order in which they were started: the first has been running longest.
    running: BTreeMap<u64, RunningEndpoint>,
}

#[derive(Debug, Clone, PartialEq)]
struct RunningEndpoint {
    endpoint: String,
    since: Instant,
    message: String,
}

impl Progress {
    /// Counters of a run of `total` endpoints.
    fn new(total: usize) -> Self {
        Self(Some(Arc::new(Mutex::new(Counters { total, ..Counters::default() }))))
    }

    fn counters(&self) -> Option<MutexGuard<'_, Counters>> {
        let counters = self.0.as_ref()?;
        Some(counters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts an endpoint as running until the returned value is dropped.
    pub fn start_endpoint(&self, endpoint: &str) -> EndpointProgress {
        let number = self.counters().map_or(0, |mut counters| {
            counters.started += 1;
            let number = counters.started;
            let running = RunningEndpoint {
                endpoint: endpoint.to_owned(),
                since: Instant::now(),
                message: String::new(),
            };
            counters.running.insert(number, running);
            number
        });
        EndpointProgress { progress: self.clone(), number, records: 0 }
    }

    /// Counts the result of an endpoint.
    pub fn done(&self, failed: bool) {
        if let Some(mut counters) = self.counters() {
            counters.done += 1;
            counters.failed += usize::from(failed);
        }
    }
}

/// The progress of one endpoint that is being queried.
#[derive(Debug)]
pub struct EndpointProgress {
    progress: Progress,
    number: u64,
    records: u64,
}

impl EndpointProgress {
    /// Sets the plugin's progress message. It costs little however often it is called: the display reads it
    /// a few times a second.
    pub fn set_message(&self, message: &str) {
        if let Some(mut counters) = self.progress.counters()
            && let Some(running) = counters.running.get_mut(&self.number)
        {
            running.message.clear();
            let end = message.floor_char_boundary(MESSAGE_MAX_BYTES);
            running.message.push_str(&message[..end]);
        }
    }

    /// Sets the number of records that the endpoint has sent in total.
    pub fn set_records(&mut self, records: u64) {
        if records > self.records
            && let Some(mut counters) = self.progress.counters()
        {
            counters.records += records - self.records;
            self.records = records;
        }
    }
}

impl Drop for EndpointProgress {
    fn drop(&mut self) {
        if let Some(mut counters) = self.progress.counters() {
            counters.running.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn counts_records_running_endpoints_and_results() {
        let progress = Progress::new(3);
        let mut first = progress.start_endpoint("a");
        let mut second = progress.start_endpoint("b");
        first.set_records(10);
        first.set_records(12);
        second.set_records(5);
        first.set_message("reading");
        {
            let counters = progress.counters().expect("it counts");
            assert_eq!(
                (counters.done, counters.failed, counters.records, counters.running.len()),
                (0, 0, 17, 2)
            );
            assert_eq!(counters.running[&1].message, "reading");
        }
        drop(first);
        progress.done(true);
        let counters = progress.counters().expect("it counts");
        assert_eq!((counters.done, counters.failed, counters.running.len()), (1, 1, 1));
    }

    #[test]
    fn cuts_a_long_message_between_characters() {
        let progress = Progress::new(1);
        let endpoint = progress.start_endpoint("a");
        endpoint.set_message(&"é".repeat(10_000));
        let counters = progress.counters().expect("it counts");
        assert_eq!(counters.running[&1].message, "é".repeat(200));
    }

    #[test]
    fn the_default_counts_nothing() {
        let progress = Progress::default();
        let mut endpoint = progress.start_endpoint("a");
        endpoint.set_message("x");
        endpoint.set_records(1);
        progress.done(false);
        assert!(progress.counters().is_none());
    }
}
