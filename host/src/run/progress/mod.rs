//! How far a run has come, for a person who waits for it: counted here by who works, shown on
//! stderr by a thread of its own, so that nobody who works ever waits for a terminal.

mod display;
mod status_line;

pub use display::{Display, look};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use clap::ValueEnum;
use serde::Deserialize;

/// How much of a plugin's own words is kept, in bytes: more does not fit on a line.
const MESSAGE_MAX_BYTES: usize = 400;

/// When to show how far the run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Where stderr is a terminal that can do it.
    #[default]
    Auto,
    /// Always; as plain lines where stderr is no such terminal.
    Always,
    /// Never.
    Never,
}

/// Counts what happens. Cheap to clone; the default counts nothing.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<Arc<Mutex<State>>>);

/// What is known of a run.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    total: usize,
    done: usize,
    failed: usize,
    records: u64,
    started: u64,
    /// By the order in which they were started: the first has been running longest.
    running: BTreeMap<u64, Running>,
}

#[derive(Debug, Clone, PartialEq)]
struct Running {
    endpoint: String,
    since: Instant,
    message: String,
}

impl Progress {
    /// Counts for so many endpoints.
    fn new(total: usize) -> Self {
        Self(Some(Arc::new(Mutex::new(State { total, ..State::default() }))))
    }

    fn state(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.0.as_ref()?;
        Some(state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An endpoint is being asked, until what this returns goes away.
    pub fn asking(&self, endpoint: &str) -> Asking {
        let number = self.state().map_or(0, |mut state| {
            state.started += 1;
            let number = state.started;
            let running = Running {
                endpoint: endpoint.to_owned(),
                since: Instant::now(),
                message: String::new(),
            };
            state.running.insert(number, running);
            number
        });
        Asking { progress: self.clone(), number, records: 0 }
    }

    /// An endpoint has its result.
    pub fn done(&self, failed: bool) {
        if let Some(mut state) = self.state() {
            state.done += 1;
            state.failed += usize::from(failed);
        }
    }
}

/// One endpoint that is being asked.
#[derive(Debug)]
pub struct Asking {
    progress: Progress,
    number: u64,
    records: u64,
}

impl Asking {
    /// What the plugin says that it is doing. However often it says so, it costs little: what is
    /// shown is looked up a few times a second.
    pub fn says(&self, message: &str) {
        if let Some(mut state) = self.progress.state()
            && let Some(running) = state.running.get_mut(&self.number)
        {
            running.message.clear();
            let end = message.floor_char_boundary(MESSAGE_MAX_BYTES);
            running.message.push_str(&message[..end]);
        }
    }

    /// How many records it has sent in all.
    pub fn has_sent(&mut self, records: u64) {
        if records > self.records
            && let Some(mut state) = self.progress.state()
        {
            state.records += records - self.records;
            self.records = records;
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(mut state) = self.progress.state() {
            state.running.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn what_is_counted_is_what_happened() {
        let progress = Progress::new(3);
        let mut first = progress.asking("a");
        let mut second = progress.asking("b");
        first.has_sent(10);
        first.has_sent(12);
        second.has_sent(5);
        first.says("reading");
        {
            let state = progress.state().expect("it counts");
            assert_eq!(
                (state.done, state.failed, state.records, state.running.len()),
                (0, 0, 17, 2)
            );
            assert_eq!(state.running[&1].message, "reading");
        }
        drop(first);
        progress.done(true);
        let state = progress.state().expect("it counts");
        assert_eq!((state.done, state.failed, state.running.len()), (1, 1, 1));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let progress = Progress::new(1);
        let asking = progress.asking("a");
        asking.says(&"é".repeat(10_000));
        let state = progress.state().expect("it counts");
        assert_eq!(state.running[&1].message, "é".repeat(200));
    }

    #[test]
    fn counting_for_nobody_does_nothing() {
        let progress = Progress::default();
        let mut asking = progress.asking("a");
        asking.says("x");
        asking.has_sent(1);
        progress.done(false);
        assert!(progress.state().is_none());
    }
}
