//! One run: reads the infile, queries the endpoints, and prints the results.

pub mod accepted;
mod find;
mod kept;
mod logged;
mod result;
mod selection;

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gatherer_plugin_api::manifest::Manifest;
use gatherer_plugin_api::model::{EndpointResult, Software};
use tokio::sync::watch;

use super::printing::{abandoned, prepare, until_signal};
use super::supervised::supervisor_settings;
use super::tally::Tally;
use super::{fail, input, modules};
use crate::cli::{Cli, Settings};
use crate::exit::Exit;
use crate::logging::{self, spans};
use crate::output::format::Format;
use crate::plugins::{Catalog, Plugin};
use crate::process::{self, RunLimit};
use crate::request::infile_folder::Fragment;
use crate::request::{self, BaseFolders, Defaults, Endpoint, Entry, FragmentText};
use crate::run::children::Children;
use crate::run::progress::{self, Display, Progress};
use crate::run::reserve;
use crate::run::signals::{EndSignal, HangupMeans, Signals};
use crate::run::supervisor::{self, Library, Stop};
use crate::run::worker_runtime::WorkerRuntime;
pub use accepted::{Acceptance, failed};
use find::FindReport;
use kept::KeptAnswers;
pub use logged::{cap_texts, log_notes, log_result};
pub use result::{InventoryReport, Product, table_style};
use result::{Printer, Results};
pub use selection::{Selection, unknown_id};

/// The maximum size of the infile, or of all files of a folder together, in bytes.
const INFILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Queries the endpoints of the infile and prints their inventory.
pub fn run(cli: &Cli, settings: &Settings, tally: &Rc<Tally>) -> Exit {
    if let Err(problem) = cli.formats.check(settings.format) {
        return fail(Exit::Usage, &problem);
    }
    let product = match cli.find.as_ref().map(|text| FindReport::new(text, settings.format)) {
        None => Product::Inventory(settings.format),
        Some(Ok(report)) => Product::Report(Box::new(report)),
        Some(Err(problem)) => return fail(Exit::Usage, &problem),
    };
    let catalog = match modules::read_catalog(settings) {
        Ok(catalog) => catalog,
        Err(exit) => return exit,
    };
    match &cli.files.infile {
        Some(infile) => {
            let state = settings.state.as_deref();
            print_product(product, cli, infile, settings, &catalog, tally, state)
        }
        None => fail(
            Exit::Usage,
            "nothing to do: --infile FILE (- is standard input), --list-modules or a command is missing; \
             see --help",
        ),
    }
}

/// Queries the endpoints of an infile and prints a product of the results, which the tally counts. Keeps the answers in
/// the folder `state`.
pub fn print_product(
    product: Product,
    cli: &Cli,
    infile: &Path,
    settings: &Settings,
    catalog: &Catalog,
    tally: &Rc<Tally>,
    state: Option<&Path>,
) -> Exit {
    modules::log_skipped(catalog);
    let outfile = match prepare(cli.files.outfile.as_deref(), settings.run_limit) {
        Ok(outfile) => outfile,
        Err(problem) => return fail(Exit::Unwritable, &problem),
    };
    let entries = match entries(infile, settings, catalog) {
        Ok(entries) => entries,
        Err(problem) => return fail(Exit::Unreadable, &problem),
    };
    let selected = Selection::of(&cli.gather)
        .and_then(|selection| Ok((selection.select(entries)?, selection.shard())));
    let (entries, shard) = match selected {
        Ok(selected) => selected,
        Err(problem) => return fail(Exit::Usage, &problem),
    };
    let entries = match product {
        Product::Inventory(Format::Gatherer) => accepted::for_manager(entries),
        Product::Inventory(Format::VirtWho) => accepted::for_virt_who(entries),
        _ => entries,
    };
    tally.expect(entries.len());
    let printer = Printer::new(product, cli, settings, shard, outfile);
    let acceptance = Acceptance::of(&entries);
    let kept = KeptAnswers::new(state, &acceptance);
    match query_and_print(entries, settings, catalog, printer, tally, (acceptance, kept)) {
        Ok(exit) => exit,
        Err(error) => {
            let hint = reserve::hint(&error);
            fail(Exit::Internal, &format!("the run cannot be started: {error}{hint}"))
        }
    }
}

/// Reads the entries of an infile, or of all files of a folder. The error is a message.
pub fn entries(
    infile: &Path,
    settings: &Settings,
    catalog: &Catalog,
) -> Result<Vec<Entry>, String> {
    let defaults = Defaults {
        timeout: settings.timeout,
        proxy: request::proxies_of_environment(),
        folders: BaseFolders::new(&folder_of(infile), std::env::home_dir().as_deref()),
        filters: settings.filters.clone(),
        max_lost: settings.max_lost,
        policy: settings.policy(),
    };
    let mut entries = if infile.is_dir() {
        let files = input::read_folder(infile, INFILE_MAX_BYTES)?;
        let decoded = |file: Fragment| {
            let text = file.bytes.map(|bytes| decoded(&format!("the file {}", file.name), bytes));
            FragmentText { name: file.name, text }
        };
        let texts: Vec<_> = files.into_iter().map(decoded).collect();
        request::read_fragments(&texts, catalog, &defaults)
    } else {
        let bytes = input::read_file("the infile", infile, INFILE_MAX_BYTES, settings.run_limit)?;
        let text = decoded("the infile", bytes);
        let read = request::read(&text, catalog, &defaults);
        read.map_err(|error| format!("the infile {error}"))?
    };
    for entry in &mut entries {
        if let Entry::Ready(endpoint) = entry {
            let span = spans::endpoint(&endpoint.id, Some(&endpoint.module));
            endpoint.request.options.log_level = logging::level_for(&span);
        }
    }
    Ok(entries)
}

/// The text of an infile. `name` is its name in the warning about its encoding.
fn decoded(name: &str, bytes: Vec<u8>) -> String {
    let (text, is_latin) = request::decode(bytes);
    if is_latin {
        tracing::warn!("{name} is not UTF-8: it is read as ISO-8859-1");
    }
    text
}

/// The base folder of relative paths in the infile, which may be a folder itself.
fn folder_of(infile: &Path) -> PathBuf {
    let current = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    match infile.parent() {
        _ if infile.is_dir() => current.join(infile),
        Some(parent) if infile != Path::new("-") => current.join(parent),
        _ => current,
    }
}

/// Queries the endpoints that are ready and prints all results, until a signal ends the run.
fn query_and_print(
    entries: Vec<Entry>,
    settings: &Settings,
    catalog: &Catalog,
    printer: Printer,
    tally: &Rc<Tally>,
    (acceptance, kept): (Acceptance, KeptAnswers),
) -> std::io::Result<Exit> {
    let total = entries.len();
    let mut failed = Vec::new();
    let mut endpoints = Vec::new();
    for entry in entries {
        match entry {
            Entry::Ready(endpoint) => endpoints.push(*endpoint),
            Entry::Failed(result)
            | Entry::FailedWithoutId(result)
            | Entry::UnusableFile(result) => failed.push(*result),
        }
    }
    let endpoints = with_libraries(endpoints, catalog)?;
    let (runtime, mut signals, output) = WorkerRuntime::new(HangupMeans::End)?;
    let display =
        Display::start(progress::display_style(settings.progress), total, logging::print_progress);
    let results = Rc::new(Results::new(printer, Rc::clone(tally), &output));
    let context = RunContext {
        settings,
        acceptance,
        kept,
        children: runtime.children(),
        progress: display.progress(),
    };
    let query = query(failed, endpoints, context, &results, &mut signals);
    let (ended, runtime) = runtime.block_on(query);
    let results = Rc::into_inner(results).expect("the tasks that shared the results have ended");
    let exit = match ended {
        Ok(()) => runtime.block_on(until_signal(results.finish(&output, display), &mut signals)),
        Err(signal) => abandoned(signal),
    };
    runtime.shutdown_background();
    Ok(exit)
}

/// The settings and shared state of a run.
struct RunContext<'a> {
    settings: &'a Settings,
    acceptance: Acceptance,
    kept: KeptAnswers,
    children: Children,
    progress: Progress,
}

/// Queries the endpoints and delivers all results, including those of the entries that failed before.
/// The error is the signal that ended the run.
async fn query(
    failed: Vec<EndpointResult>,
    endpoints: Vec<(Endpoint, Rc<Library>)>,
    RunContext { settings, acceptance, kept, children, progress }: RunContext<'_>,
    results: &Rc<Results>,
    signals: &mut Signals,
) -> Result<(), EndSignal> {
    let (stop, watched) = watch::channel(None);
    for result in failed {
        progress.done(true);
        // An id that the folder does not know may be new in each run.
        let result = if kept.knows(&result.id) {
            kept.keep(result, None, watched.clone()).await
        } else {
            result
        };
        results.accept(result);
    }
    let run = supervisor::run(
        endpoints,
        supervisor_settings(settings, progress, children, watched.clone()),
        {
            let results = Rc::clone(results);
            async move |result| {
                let result = acceptance.accept(result);
                let limit = acceptance.max_lost(&result.id);
                let result = if acceptance.has_stable_id(&result.id) {
                    kept.keep(result, limit, watched.clone()).await
                } else {
                    result
                };
                results.deliver(result, watched.clone()).await
            }
        },
    );
    let reader_closed = results.wait_for_closed_reader();
    until_finished(run, &stop, settings.run_limit, reader_closed, signals).await
}

/// Waits until the workers of a run have ended, and stops them when a signal arrives, the time limit passes, or the
/// reader of the results is gone. The error is the signal that ended the run.
pub async fn until_finished(
    run: impl Future<Output = ()>,
    stop: &watch::Sender<Option<Stop>>,
    run_limit: Option<RunLimit>,
    reader_closed: impl Future<Output = ()>,
    signals: &mut Signals,
) -> Result<(), EndSignal> {
    let limit = async {
        match run_limit {
            Some(limit) => {
                tokio::time::sleep_until(limit.ends_at.into()).await;
                limit.length
            }
            None => std::future::pending().await,
        }
    };
    tokio::pin!(run, limit, reader_closed);
    let (mut limit_passed, mut is_closed, mut ended_by) = (false, false, None);
    loop {
        tokio::select! {
            signal = signals.next() => {
                // The first signal counts, and takes precedence over a time limit.
                ended_by.get_or_insert(signal);
                stop.send_replace(Some(Stop::Signal));
            }
            passed = &mut limit, if !limit_passed => {
                limit_passed = true;
                stop.send_if_modified(|stop| {
                    stop.is_none() && stop.replace(Stop::RunTimeout(passed)).is_none()
                });
            }
            () = &mut reader_closed, if !is_closed => {
                is_closed = true;
                stop.send_if_modified(|stop| {
                    stop.is_none() && stop.replace(Stop::ReaderGone).is_none()
                });
            }
            () = &mut run => return ended_by.map_or(Ok(()), Err),
        }
    }
}

/// Pairs each endpoint with its plugin's library, whose descriptor workers inherit.
pub fn with_libraries(
    endpoints: Vec<Endpoint>,
    catalog: &Catalog,
) -> std::io::Result<Vec<(Endpoint, Rc<Library>)>> {
    let mut libraries: HashMap<usize, Rc<Library>> = HashMap::new();
    let mut paired = Vec::new();
    for endpoint in endpoints {
        let library = match libraries.entry(endpoint.plugin) {
            Slot::Occupied(library) => Rc::clone(library.get()),
            Slot::Vacant(free) => {
                Rc::clone(free.insert(Rc::new(library(&catalog.plugins[endpoint.plugin])?)))
            }
        };
        paired.push((endpoint, library));
    }
    Ok(paired)
}

/// The library of a plugin, in the form that workers need.
pub fn library(plugin: &Plugin) -> std::io::Result<Library> {
    let Manifest { name, version, modules, .. } = &plugin.manifest;
    Ok(Library {
        path: plugin.path.display().to_string(),
        manifest: plugin.manifest_text.clone(),
        software: Software { name: name.clone(), version: Some(version.clone()) },
        descriptor: process::inheritable(&plugin.file)?,
        environment: modules.iter().flat_map(|module| module.environment.iter().cloned()).collect(),
    })
}
