//! Counts the results of a run, and logs the first and the last line of the run.

use std::cell::Cell;
use std::path::Path;
use std::time::Instant;

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};

use crate::cli::FailOn;
use crate::exit::Exit;
use crate::output::inventory::count;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The counts of a run. The words "Scanning began" and "Scanning finished" are those of the classic program.
pub struct Tally {
    started: Instant,
    total: Cell<usize>,
    complete: Cell<usize>,
    failed: Cell<usize>,
    hosts: Cell<usize>,
    guests: Cell<usize>,
}

impl Tally {
    /// Logs that a run begins.
    pub fn begin(infile: &Path) -> Self {
        tracing::info!("Scanning began: version {VERSION}, infile {}", infile.display());
        let (total, complete, failed, hosts, guests) = Default::default();
        Self { started: Instant::now(), total, complete, failed, hosts, guests }
    }

    /// Sets the number of endpoints.
    pub fn expect(&self, total: usize) {
        self.total.set(total);
    }

    /// Counts a result.
    pub fn add(&self, result: &EndpointResult) {
        let add = |counter: &Cell<usize>, number| counter.set(counter.get() + number);
        match result.status {
            EndpointStatus::Failed => add(&self.failed, 1),
            _ => add(&self.complete, 1),
        }
        add(&self.hosts, result.hosts.len());
        let on_hosts: usize = result.hosts.iter().map(|host| host.guests.len()).sum();
        add(&self.guests, on_hosts + result.detached_guests.len());
    }

    /// The exit status of a run whose result was printed.
    pub fn exit(&self, fail_on: FailOn) -> Exit {
        let failed = fail_on.applies(self.failed.get(), self.total.get());
        if failed { Exit::EndpointsFailed } else { Exit::Done }
    }

    /// Logs that the run has ended with this status. Endpoints that are neither complete nor failed have no result, because
    /// the run ended early.
    pub fn finish(&self, exit: Exit) {
        tracing::info!(
            "Scanning finished: version {VERSION}, {}, {} complete, {} failed, {}, {} in {:.1} s, exit status {}",
            count(self.total.get(), "endpoint"),
            self.complete.get(),
            self.failed.get(),
            count(self.hosts.get(), "host"),
            count(self.guests.get(), "guest"),
            self.started.elapsed().as_secs_f64(),
            exit as u8
        );
    }
}
