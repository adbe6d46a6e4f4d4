//! `plugin verify`: loads a plugin in workers and checks that it meets the contract. It prints one line for
//! each check. Plugin authors run it on a library that they have built.

mod checks;
mod compare;
mod endpoints;
mod objects;
mod report;
pub mod watched_file;

use std::cell::RefCell;
use std::fs::File;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::manifest::AuthorMistakes;
use tokio::sync::watch;
use tracing::Instrument as _;

use super::printing::ended_by;
use super::{fail, gather};
use crate::cli::Settings;
use crate::exit::Exit;
use crate::logging::{self, spans};
use crate::plugins::{self, Catalog, Inspected};
use crate::process;
use crate::request::{Endpoint, Entry};
use crate::run::children::Children;
use crate::run::progress::{self, Display, Progress};
use crate::run::reserve;
use crate::run::signals::{EndSignal, HangupMeans};
use crate::run::supervisor::{self, Budget, Library, Memory, Stop, WorkerOutcome};
use crate::run::worker_runtime::WorkerRuntime;
use checks::CheckedPlugin;
use report::CheckReport;

/// Checks one file. With a request, its endpoints are gathered too.
pub fn run(file: &Path, request: Option<&Path>, as_json: bool, settings: &Settings) -> Exit {
    if let Err(error) = try_open(file) {
        let message = format!("the file {} cannot be opened: {error}", file.display());
        return fail(Exit::Unreadable, &message);
    }
    let mut report = CheckReport::new(as_json);
    let Some(inspected) = inspect(file, &mut report) else { return report.finish(file) };
    let catalog = Catalog::of(inspected.plugin);
    let plugin = &catalog.plugins[0];
    let endpoints = match request.map(|request| gather::entries(request, settings, &catalog)) {
        None => Vec::new(),
        Some(Ok(entries)) => match all_ready(entries) {
            Ok(endpoints) => endpoints,
            Err(problem) => return fail(Exit::Unreadable, &problem),
        },
        Some(Err(problem)) => return fail(Exit::Unreadable, &problem),
    };
    let display = Display::start(
        progress::display_style(settings.progress),
        endpoints.len(),
        logging::print_progress,
    );
    let checked =
        WorkerRuntime::new(HangupMeans::End).and_then(|(runtime, mut signals, _output)| {
            let children = runtime.children();
            let session = VerifySession::new(settings, plugin, display.progress(), children)?;
            let plugin = CheckedPlugin { session, catalog: &catalog, manifest: &plugin.manifest };
            let (outcome, _): (Result<Option<GatherError>, EndSignal>, _) =
                runtime.block_on(async {
                    tokio::select! {
                        biased;
                        signal = signals.next() => Err(signal),
                        () = check(&plugin, endpoints, request.is_some(), &mut report) => {
                            Ok(plugin.session.start_error.take())
                        }
                    }
                });
            // This thread prints the report and does not handle signals meanwhile.
            process::end_on_signals();
            Ok(outcome)
        });
    drop(display);
    match checked {
        Ok(Ok(None)) => report.finish(file),
        // A worker could not be started, which is not a problem of the plugin.
        Ok(Ok(Some(error))) => fail(Exit::Internal, &error.to_string()),
        Ok(Err(signal)) => ended_by(signal),
        Err(error) => {
            let hint = reserve::hint(&error);
            fail(Exit::Internal, &format!("no worker can be started: {error}{hint}"))
        }
    }
}

/// Opens the file without waiting for the writer of a FIFO.
fn try_open(file: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(file)
}

/// Makes the checks that do not load the plugin. `None` if it must not be loaded.
fn inspect(file: &Path, report: &mut CheckReport) -> Option<Inspected> {
    let name = file.file_name().unwrap_or_default();
    if plugins::is_plugin_name(name) {
        report.ok("the file name is that of a plugin");
    } else {
        report.not_ok(
            "the file name is that of a plugin",
            "it must have the form libgatherer_plugin_*.so",
        );
    }
    let inspected = match plugins::inspect(file) {
        Ok(inspected) => inspected,
        Err(reason) => {
            report.not_ok("its manifest can be read", &format!("the file {reason}"));
            return None;
        }
    };
    report.ok("its manifest can be read");
    let plugin = &inspected.plugin;
    let mistakes = AuthorMistakes::of(&plugin.manifest_text, &plugin.manifest);
    let joined = |mistakes: Vec<String>| {
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("; ")) }
    };
    report.verdict(
        "its manifest has only known members, and defaults of the right type",
        joined(mistakes.members_and_defaults),
    );
    report
        .verdict("its secret parameters are marked as `secret`", joined(mistakes.unmarked_secrets));
    let mut may_load = true;
    for (check, verdict) in [
        ("other users cannot write to it", &inspected.trust),
        ("its ABI and plugin API are compatible", &inspected.versions),
    ] {
        match verdict {
            Ok(()) => report.ok(check),
            Err(reason) => {
                report.not_ok(check, &format!("the file {reason}"));
                may_load = false;
            }
        }
    }
    if !may_load {
        report.skipped("all other checks", "the file is not loaded");
    }
    may_load.then_some(inspected)
}

/// The endpoints of a request, none of which may have a mistake. The error is a message.
fn all_ready(entries: Vec<Entry>) -> Result<Vec<Endpoint>, String> {
    if entries.is_empty() {
        return Err("the request has no endpoints".to_owned());
    }
    let ready = entries.into_iter().map(|entry| match entry {
        Entry::Ready(endpoint) => Ok(*endpoint),
        Entry::Failed(result) | Entry::FailedWithoutId(result) | Entry::UnusableFile(result) => {
            let reason = result.error.map(|error| error.to_string()).unwrap_or_default();
            Err(format!("the endpoint {} of the request cannot be used: {reason}", result.id))
        }
    });
    ready.collect()
}

/// Makes the checks that load the plugin.
async fn check(
    plugin: &CheckedPlugin<'_>,
    endpoints: Vec<Endpoint>,
    has_request: bool,
    report: &mut CheckReport,
) {
    if !checks::loads(plugin, report).await {
        report.skipped("all other checks", "the plugin is not loaded");
        return;
    }
    checks::unknown_operation(plugin, report).await;
    checks::unknown_module(plugin, report).await;
    for module in &plugin.manifest.modules {
        checks::missing_parameters(plugin, module, report).await;
        checks::wrong_types(plugin, module, report).await;
        checks::declared_parameters(plugin, module, report).await;
        if endpoints.iter().all(|endpoint| endpoint.module != module.name) {
            let reason =
                if has_request { "the request has no endpoint of it" } else { "no --request" };
            report.skipped(&format!("{}: gathers, and ends when cancelled", module.name), reason);
        }
    }
    for endpoint in endpoints {
        let succeeded = endpoints::check(&plugin.session, plugin.manifest, endpoint, report).await;
        plugin.session.progress.done(!succeeded);
    }
}

/// Starts workers for the checks, one at a time.
struct VerifySession {
    library: Library,
    worker_memory: Option<u64>,
    open_files: Option<u64>,
    confine: bool,
    progress: Progress,
    children: Children,
    /// The error of a worker that could not be started.
    start_error: RefCell<Option<GatherError>>,
}

impl VerifySession {
    fn new(
        settings: &Settings,
        plugin: &plugins::Plugin,
        progress: Progress,
        children: Children,
    ) -> std::io::Result<Self> {
        let (open_files, _) = process::raise_open_files();
        let library = gather::library(plugin)?;
        let (worker_memory, confine) = (settings.worker_memory, settings.confine());
        let start_error = RefCell::default();
        Ok(Self { library, worker_memory, open_files, confine, progress, children, start_error })
    }

    /// Queries an endpoint through a worker. If `stop_after` is set, the worker is cancelled after that time.
    async fn observe(
        &self,
        endpoint: &Endpoint,
        operation: Option<&str>,
        stop_after: Option<Duration>,
    ) -> WorkerOutcome {
        endpoint.redactor.reset_learned();
        let (sender, stop) = watch::channel(None);
        let settings = supervisor::SupervisorSettings {
            jobs: 1,
            worker_memory: self.worker_memory,
            open_files: self.open_files,
            confine: self.confine,
            progress: self.progress.clone(),
            children: self.children.clone(),
            stop,
        };
        let budget = Rc::new(Budget::of(Memory::of_process()));
        let span = spans::endpoint(&endpoint.id, Some(&endpoint.module));
        let observed =
            supervisor::run_worker(endpoint, operation, &self.library, &settings, budget)
                .instrument(span);
        let stopping = async {
            if let Some(after) = stop_after {
                tokio::time::sleep(after).await;
                sender.send_replace(Some(Stop::Signal));
            }
            std::future::pending::<()>().await;
        };
        let observed = tokio::select! {
            observed = observed => observed,
            () = stopping => unreachable!("this future is pending forever"),
        };
        if let (false, Err(error)) = (observed.was_started, &observed.result) {
            self.start_error.replace(Some(error.clone()));
        }
        observed
    }
}
