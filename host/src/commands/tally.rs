//! Counts the results of a run, and logs the first and the last line of each call of the program.

use std::cell::Cell;
use std::time::{Duration, Instant};

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};

use crate::cli::{
    CheckEndpoints, Cli, Command, Convert, FailOn, GuardCommand, Merge, PluginCommand,
};
use crate::exit::Exit;
use crate::output::inventory::{count, counted_complete, missing_collections};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The counts of a run, and what the call does.
pub struct Tally {
    task: Task,
    started: Instant,
    total: Cell<usize>,
    complete: Cell<usize>,
    /// Those of the complete endpoints that have a missing collection.
    incomplete: Cell<usize>,
    failed: Cell<usize>,
    hosts: Cell<usize>,
    guests: Cell<usize>,
}

/// What the program was called for.
enum Task {
    /// It queries endpoints.
    Scanning,
    /// Anything else, with its name on the command line.
    Command(&'static str),
}

impl Tally {
    /// Logs the first line. The words "Scanning began" and "Scanning finished" are those of the classic program.
    pub fn begin(cli: &Cli) -> Self {
        let (task, infile) = match &cli.command {
            Some(Command::MatchImages(options)) if options.files.infile.is_some() => {
                (Task::Scanning, options.files.infile.as_deref())
            }
            Some(command) => (Task::Command(name(command)), None),
            None if cli.list_modules => (Task::Command("--list-modules"), None),
            None => (Task::Scanning, cli.files.infile.as_deref()),
        };
        match (&task, infile) {
            (Task::Scanning, Some(infile)) => {
                tracing::info!("Scanning began: version {VERSION}, infile {}", infile.display());
            }
            (Task::Scanning, None) => {
                tracing::info!("Scanning began: version {VERSION}, no infile");
            }
            (Task::Command(name), _) => tracing::info!("{name} began: version {VERSION}"),
        }
        let (total, complete, incomplete, failed, hosts, guests) = Default::default();
        Self { task, started: Instant::now(), total, complete, incomplete, failed, hosts, guests }
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
        add(&self.incomplete, usize::from(!missing_collections(result).is_empty()));
        add(&self.hosts, result.hosts.len());
        let on_hosts: usize = result.hosts.iter().map(|host| host.guests.len()).sum();
        add(&self.guests, on_hosts + result.detached_guests.len());
    }

    /// The exit status of a run whose result was printed.
    pub fn exit(&self, fail_on: FailOn) -> Exit {
        let (failed, incomplete) = (self.failed.get(), self.incomplete.get());
        let failed = fail_on.applies(failed, incomplete, self.total.get());
        if failed { Exit::EndpointsFailed } else { Exit::Done }
    }

    /// Logs the last line, with the exit status. Endpoints that are neither complete nor failed have no result, because the
    /// run ended early.
    pub fn finish(&self, exit: Exit) {
        let time = self.started.elapsed();
        match self.task {
            Task::Scanning => self.log_counts(time, exit),
            Task::Command(name) => tracing::info!(
                json.version = VERSION,
                json.durationMs = milliseconds(time),
                json.exitStatus = exit as u8,
                "{name} finished: version {VERSION} in {:.1} s, exit status {}",
                time.as_secs_f64(),
                exit as u8
            ),
        }
    }

    fn log_counts(&self, time: Duration, exit: Exit) {
        let Self { total, complete, incomplete, failed, hosts, guests, .. } = self;
        tracing::info!(
            json.version = VERSION,
            json.endpoints = total.get(),
            json.complete = complete.get(),
            json.incomplete = incomplete.get(),
            json.failed = failed.get(),
            json.hosts = hosts.get(),
            json.guests = guests.get(),
            json.durationMs = milliseconds(time),
            json.exitStatus = exit as u8,
            "Scanning finished: version {VERSION}, {}, {}, {} failed, {}, {} in {:.1} s, exit status {}",
            count(total.get(), "endpoint"),
            counted_complete(complete.get(), incomplete.get()),
            failed.get(),
            count(hosts.get(), "host"),
            count(guests.get(), "guest"),
            time.as_secs_f64(),
            exit as u8
        );
    }
}

/// The name of a command on the command line.
fn name(command: &Command) -> &'static str {
    match command {
        Command::Check(_) => CheckEndpoints::COMMAND,
        Command::Modules { .. } => "modules",
        Command::MatchImages(_) => "match-images",
        Command::Convert(_) => Convert::COMMAND,
        Command::Merge(_) => Merge::COMMAND,
        Command::Diff(_) => "diff",
        Command::Guard(GuardCommand::List { .. }) => "guard list",
        Command::Guard(GuardCommand::Accept { .. }) => "guard accept",
        Command::Watch(_) => "watch",
        Command::Status(_) => "status",
        Command::Schema { .. } => "schema",
        Command::Completions { .. } => "completions",
        Command::ManPages { .. } => "man-pages",
        Command::Plugin(PluginCommand::Inspect { .. }) => "plugin inspect",
        Command::Plugin(PluginCommand::Verify { .. }) => "plugin verify",
        Command::Worker { .. } => "worker",
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
