//! `plugin verify`: loads a plugin in workers and checks that it keeps the contract, one line for
//! each check. For authors, who run it on a library that they have just built.

mod checks;
mod compare;
mod endpoints;
mod report;

use std::cell::RefCell;
use std::fs::File;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use gatherer_plugin_api::GatherError;
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
use crate::run::children::{self, Children, ORPHANS_LIMIT};
use crate::run::progress::{self, Display, Progress};
use crate::run::reserve::{self, Reserve};
use crate::run::signals::EndSignal;
use crate::run::supervisor::{self, Budget, Library, Memory, Stop, WorkerOutcome};
use checks::Plugin;
use report::Report;

/// Checks one file; with a request, by gathering its endpoints too.
pub fn run(file: &Path, request: Option<&Path>, settings: &Settings) -> Exit {
    if let Err(error) = try_open(file) {
        let message = format!("the file {} cannot be opened: {error}", file.display());
        return fail(Exit::Unreadable, &message);
    }
    let mut report = Report::default();
    let Some(inspected) = inspect(file, &mut report) else { return report.finish(file) };
    let catalog = Catalog::of(inspected.plugin);
    let plugin = &catalog.plugins[0];
    let given = match request.map(|request| gather::entries(request, settings, &catalog)) {
        None => Vec::new(),
        Some(Ok(entries)) => match all_ready(entries) {
            Ok(given) => given,
            Err(problem) => return fail(Exit::Unreadable, &problem),
        },
        Some(Err(problem)) => return fail(Exit::Unreadable, &problem),
    };
    let display = Display::start(
        progress::display_style(settings.progress),
        given.len(),
        logging::print_progress,
    );
    let checked = Reserve::new().and_then(|reserve| {
        process::adopt_orphans()?;
        let Reserve { runtime, mut signals, output: _, descriptors } = reserve;
        let (children, reaper) = {
            let _inside = runtime.enter();
            children::listen()?
        };
        let lab = Lab::new(settings, plugin, display.progress(), children.clone())?;
        let plugin = Plugin { lab, catalog: &catalog, manifest: &plugin.manifest };
        let outcome: Result<Option<GatherError>, EndSignal> = runtime.block_on(async {
            tokio::select! {
                biased;
                signal = signals.next() => Err(signal),
                () = check(&plugin, given, request.is_some(), &mut report) => {
                    Ok(plugin.lab.not_started.take())
                }
                never = reaper.run() => never,
            }
        });
        // The workers have ended or were killed with the future above.
        drop((runtime, descriptors));
        children::end_orphans(ORPHANS_LIMIT, &children.remaining());
        // The report is printed by this thread, which hears no signal meanwhile.
        process::end_on_signals();
        Ok(outcome)
    });
    drop(display);
    match checked {
        Ok(Ok(None)) => report.finish(file),
        // That says nothing about the plugin.
        Ok(Ok(Some(error))) => fail(Exit::Internal, &error.to_string()),
        Ok(Err(signal)) => ended_by(signal),
        Err(error) => {
            let hint = reserve::hint(&error);
            fail(Exit::Internal, &format!("no worker can be started: {error}{hint}"))
        }
    }
}

/// Whether the file can be opened; a pipe is not waited for.
fn try_open(file: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(file)
}

/// What can be checked without loading it. `None` if it is not to be loaded.
fn inspect(file: &Path, report: &mut Report) -> Option<Inspected> {
    let name = file.file_name().unwrap_or_default();
    if plugins::is_plugin_name(name) {
        report.ok("the file's name is that of a plugin");
    } else {
        report.not_ok(
            "the file's name is that of a plugin",
            "it is found only if it is called libgatherer_plugin_*.so",
        );
    }
    let inspected = match plugins::inspect(file) {
        Ok(inspected) => inspected,
        Err(reason) => {
            report.not_ok("its note can be read", &format!("the file {reason}"));
            return None;
        }
    };
    report.ok("its note can be read");
    let mut is_sound = true;
    for (check, verdict) in [
        ("nobody else can write it", &inspected.trust),
        ("it is made for this program's ABI and plugin API", &inspected.versions),
    ] {
        match verdict {
            Ok(()) => report.ok(check),
            Err(why) => {
                report.not_ok(check, &format!("the file {why}"));
                is_sound = false;
            }
        }
    }
    if !is_sound {
        report.skipped("everything else", "such a file is not loaded");
    }
    is_sound.then_some(inspected)
}

/// The endpoints of a request, all of which must be right.
fn all_ready(entries: Vec<Entry>) -> Result<Vec<Endpoint>, String> {
    if entries.is_empty() {
        return Err("the request holds no endpoint".to_owned());
    }
    let ready = entries.into_iter().map(|entry| match entry {
        Entry::Ready(endpoint) => Ok(*endpoint),
        Entry::Failed(result) => {
            let why = result.error.map(|error| error.to_string()).unwrap_or_default();
            Err(format!("the request's endpoint {} is wrong: {why}", result.id))
        }
    });
    ready.collect()
}

async fn check(plugin: &Plugin<'_>, given: Vec<Endpoint>, has_request: bool, report: &mut Report) {
    if !checks::loads(plugin, report).await {
        report.skipped("everything else", "it is not loaded");
        return;
    }
    checks::unknown_operation(plugin, report).await;
    checks::unknown_module(plugin, report).await;
    for module in &plugin.manifest.modules {
        checks::missing_parameters(plugin, module, report).await;
        checks::wrong_types(plugin, module, report).await;
        let is_given = given.iter().any(|endpoint| endpoint.module == module.name);
        if !is_given {
            let why =
                if has_request { "the request has no endpoint of it" } else { "no --request" };
            report.skipped(&format!("{}: gathers, and ends when it is told to", module.name), why);
        }
    }
    for endpoint in given {
        let holds = endpoints::check(&plugin.lab, endpoint, report).await;
        plugin.lab.progress.done(!holds);
    }
}

/// Where workers are started, one at a time.
struct Lab {
    library: Library,
    worker_memory: Option<u64>,
    open_files: Option<u64>,
    confine: bool,
    progress: Progress,
    children: Children,
    /// Why a worker could not be started, if that happened.
    not_started: RefCell<Option<GatherError>>,
}

impl Lab {
    fn new(
        settings: &Settings,
        plugin: &plugins::Plugin,
        progress: Progress,
        children: Children,
    ) -> std::io::Result<Self> {
        let (open_files, _) = process::raise_open_files();
        let library = gather::library(plugin)?;
        let (worker_memory, confine) = (settings.worker_memory, settings.confine());
        let not_started = RefCell::default();
        Ok(Self { library, worker_memory, open_files, confine, progress, children, not_started })
    }

    /// Asks an endpoint through a worker. After so long it is told to end.
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
            () = stopping => unreachable!("it has no end"),
        };
        if let (false, Err(error)) = (observed.was_started, &observed.result) {
            self.not_started.replace(Some(error.clone()));
        }
        observed
    }
}
