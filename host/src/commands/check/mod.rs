//! `check`: checks endpoints step by step, and prints the steps.

mod table;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gatherer_plugin_api::{ErrorKind, StepStatus};
use tokio::sync::watch;

use super::gather::{self, Selection, table_style, until_finished, with_libraries};
use super::printing::{self, abandoned, until_signal};
use super::supervised::supervisor_settings;
use super::{fail, modules};
use crate::cli::{CheckEndpoints, CheckFormat, Cli, FailOn, Settings};
use crate::exit::Exit;
use crate::logging::{self, spans};
use crate::output::checked::{CheckDocument, EndpointCheck};
use crate::output::format::{self, TableStyle};
use crate::output::outfile::{Outfile, Pieces};
use crate::plugins::Catalog;
use crate::request::Entry;
use crate::run::progress::{self, Display};
use crate::run::reserve;
use crate::run::signals::HangupMeans;
use crate::run::supervisor;
use crate::run::worker_runtime::WorkerRuntime;

/// How the result is printed.
struct CheckPrinter {
    format: CheckFormat,
    style: TableStyle,
    fail_on: FailOn,
    outfile: Outfile,
}

/// The results so far, by their position in the infile.
type Checks = Rc<RefCell<BTreeMap<usize, EndpointCheck>>>;

/// Runs the command.
pub fn run(options: &CheckEndpoints, cli: &Cli, settings: &Settings) -> Exit {
    let catalog = match modules::read_catalog(settings) {
        Ok(catalog) => catalog,
        Err(exit) => return exit,
    };
    modules::log_skipped(&catalog);
    let outfile = match printing::prepare(cli.files.outfile.as_deref(), settings.run_limit) {
        Ok(outfile) => outfile,
        Err(problem) => return fail(Exit::Unwritable, &problem),
    };
    let infile = options.files.infile.as_deref().expect("clap requires --infile");
    let entries = match gather::entries(infile, settings, &catalog) {
        Ok(entries) => entries,
        Err(problem) => return fail(Exit::Unreadable, &problem),
    };
    let selected = Selection::of(&cli.gather).and_then(|selection| selection.select(entries));
    let entries = match selected {
        Ok(entries) => entries,
        Err(problem) => return fail(Exit::Usage, &problem),
    };
    let printer = CheckPrinter {
        format: options.format.unwrap_or_default(),
        style: table_style(settings, &outfile),
        fail_on: settings.fail_on,
        outfile,
    };
    match check_and_print(entries, settings, &catalog, printer) {
        Ok(exit) => exit,
        Err(error) => {
            let hint = reserve::hint(&error);
            fail(Exit::Internal, &format!("the check cannot be started: {error}{hint}"))
        }
    }
}

/// Checks the endpoints that are ready and prints all results, until a signal ends the program.
fn check_and_print(
    entries: Vec<Entry>,
    settings: &Settings,
    catalog: &Catalog,
    printer: CheckPrinter,
) -> std::io::Result<Exit> {
    let total = entries.len();
    let checks = Checks::default();
    let (mut positions, mut endpoints) = (Vec::new(), Vec::new());
    for (position, entry) in entries.into_iter().enumerate() {
        match entry {
            Entry::Ready(endpoint) => {
                positions.push(position);
                endpoints.push(*endpoint);
            }
            Entry::Failed(failed)
            | Entry::FailedWithoutId(failed)
            | Entry::UnusableFile(failed) => {
                keep(&checks, position, supervisor::check_of_failed_entry(*failed));
            }
        }
    }
    let endpoints = positions
        .into_iter()
        .zip(with_libraries(endpoints, catalog)?)
        .map(|(position, (endpoint, library))| (position, endpoint, library))
        .collect();
    let (runtime, mut signals, output) = WorkerRuntime::new(HangupMeans::End)?;
    let display =
        Display::start(progress::display_style(settings.progress), total, logging::print_progress);
    let progress = display.progress();
    (0..checks.borrow().len()).for_each(|_| progress.done(true));
    let (stop, watched) = watch::channel(None);
    let supervisor_settings = supervisor_settings(settings, progress, runtime.children(), watched);
    let check = {
        let checks = Rc::clone(&checks);
        supervisor::check_all(endpoints, supervisor_settings, move |position, check| {
            keep(&checks, position, check);
        })
    };
    let finished =
        until_finished(check, &stop, settings.run_limit, std::future::pending(), &mut signals);
    let (ended, runtime) = runtime.block_on(finished);
    drop(display);
    let exit = match ended {
        Ok(()) => {
            let checks = CheckDocument::new(checks.take().into_values().collect());
            let done = async {
                output.run(move || printer.print(&checks)).await.unwrap_or(Exit::Internal)
            };
            runtime.block_on(until_signal(done, &mut signals))
        }
        Err(signal) => abandoned(signal),
    };
    runtime.shutdown_background();
    Ok(exit)
}

/// Logs a result and keeps it.
fn keep(checks: &Checks, position: usize, check: EndpointCheck) {
    let _endpoint = spans::endpoint(&check.id, check.module.as_deref()).entered();
    // The printed result shows it.
    if let Some(step) = check.failed_step() {
        tracing::error!(
            file_only = true,
            json.kind = step.kind.map(ErrorKind::as_str),
            json.hint = step.hint.as_deref(),
            "the check failed at the step {}: {}",
            step.name,
            step.message
        );
    } else {
        tracing::info!("the check ended: {}", check.status.as_str());
    }
    checks.borrow_mut().insert(position, check);
}

impl CheckPrinter {
    /// Prints the result and returns the exit status.
    fn print(self, checks: &CheckDocument) -> Exit {
        let number = |statuses: &[StepStatus]| {
            let has_status = |check: &&EndpointCheck| statuses.contains(&check.status);
            checks.endpoints.iter().filter(has_status).count()
        };
        let failed = number(&[StepStatus::Failed]);
        let incomplete = number(&[StepStatus::Warning, StepStatus::NotTried]);
        let fails = self.fail_on.applies(failed, incomplete, checks.endpoints.len());
        let exit = if fails { Exit::EndpointsFailed } else { Exit::Done };
        match self.format {
            CheckFormat::Json => {
                let document = |writer: &mut Pieces<'_>| format::write_document(checks, writer);
                printing::write_pieces(self.outfile, document, exit)
            }
            CheckFormat::Table => {
                printing::write(self.outfile, &table::text(checks, self.style), exit)
            }
        }
    }
}
