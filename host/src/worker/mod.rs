//! The worker process, which loads one plugin for one endpoint.
//!
//! The supervisor starts this program again with a hidden subcommand. The worker reads the assignment and
//! later possibly `cancel` from standard input, writes frames to standard output and log lines to standard
//! error. It moves these pipes to other descriptors before it loads the plugin.

#![allow(unsafe_code)]

mod callbacks;
pub mod confine;
mod isolation;
mod loader;

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::RawFd;

use abi_stable::std_types::RResult;
use gatherer_plugin_api::abi::GathererModuleRef;
use gatherer_plugin_api::{ErrorKind, GatherError, LogLevel, Summary};

use crate::request::redact::Secrets;
use crate::run::protocol::{Assignment, Frame};

/// The exit status if the worker cannot report its error to the runner.
const EXIT_NO_RUNNER: i32 = 4;

/// Runs one assignment and exits.
///
/// `runner` is the process id of the runner, `plugin` the descriptor of the library. Both come from the
/// command line that the runner made; a user who runs the subcommand gets an error.
pub fn main(runner: Option<u32>, plugin: Option<RawFd>) -> ! {
    let (Some(runner), Some(plugin)) = (runner, plugin) else { reject_user() };
    if isolation::isolate(runner).is_err() {
        reject_user();
    }
    let pipes = match isolation::take_pipes(plugin) {
        Ok(pipes) => pipes,
        Err(error) => fail_setup(&error),
    };
    let mut control = BufReader::new(pipes.control);
    let mut line = Vec::new();
    let read = control.by_ref().take(ASSIGNMENT_MAX_BYTES).read_until(b'\n', &mut line);
    let mut assignment: Assignment = match read.map(|_| serde_json::from_slice(&line)) {
        Ok(Ok(assignment)) => assignment,
        _ => isolation::exit(EXIT_NO_RUNNER),
    };
    drop(line);
    callbacks::set_secrets(std::mem::take(&mut assignment.secrets));
    let frames = callbacks::install(pipes.frames);
    // SIGTERM ends the process at once while it reads files, because reading one may block.
    let outcome = prepare(&mut assignment).and_then(|()| {
        // While there is only one thread, because the kernel confines threads individually.
        if assignment.confined {
            confine_self(assignment.request.options.log_level);
        }
        isolation::watch_for_cancel(control, callbacks::cancel);
        load(&assignment, plugin)
    });
    let outcome = outcome
        .inspect_err(|_| callbacks::report_no_retries())
        .and_then(|module| invoke(&assignment, module));
    let last = match outcome {
        Ok(summary) => Frame::Done { summary },
        Err(error) => Frame::Failed { error: callbacks::shorten_error(error) },
    };
    let code = if frames.write_last(&last) { 0 } else { EXIT_NO_RUNNER };
    // Not `std::process::exit`, which would run the plugin's destructors.
    isolation::exit(code)
}

/// Confines this process, and logs at debug level if the kernel does not support that.
fn confine_self(log_level: LogLevel) {
    if let Some(problem) = confine::confine().landlock_problem
        && log_level >= LogLevel::Debug
    {
        let message = format!("Landlock is not available: {problem}");
        callbacks::log_own(LogLevel::Debug, &message);
    }
}

/// The maximum size of an assignment; the maximum size of an infile is 64 MiB.
const ASSIGNMENT_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Sets the process's limits and reads the files that the request refers to, before any code of the plugin
/// runs.
fn prepare(assignment: &mut Assignment) -> Result<(), GatherError> {
    if let Some(bytes) = assignment.memory_bytes {
        isolation::limit_memory(bytes).map_err(|error| {
            GatherError::internal(format!("the worker's memory cannot be limited: {error}"))
        })?;
    }
    crate::process::limit_open_files(assignment.open_files).map_err(|error| {
        GatherError::internal(format!("the worker's open files cannot be limited: {error}"))
    })?;
    if assignment.references.is_empty() {
        return Ok(());
    }
    let mut secrets = Secrets::default();
    let Assignment { references, request, manifest, .. } = assignment;
    let read = references.read_into(request, manifest, &mut secrets);
    // Before any other frame, including the error of these files.
    callbacks::report_references(&secrets)?;
    read
}

/// Loads the plugin, and compares its manifest with the one in its file.
fn load(assignment: &Assignment, plugin: RawFd) -> Result<GathererModuleRef, GatherError> {
    let module = loader::load(plugin, &assignment.plugin_path)?;
    let described = module.describe()();
    if !same_manifest(&described, &assignment.manifest) {
        return Err(GatherError::new(
            ErrorKind::Configuration,
            format!(
                "the loaded plugin {} returns a manifest that differs from the one in its file",
                assignment.plugin_path
            ),
        )
        .with_hint("rebuild and reinstall the plugin"));
    }
    Ok(module)
}

/// Runs the operation of the assignment, if it has one.
fn invoke(assignment: &Assignment, module: GathererModuleRef) -> Result<Summary, GatherError> {
    let Some(operation) = &assignment.operation else { return Ok(Summary::default()) };
    let request = serde_json::to_string(&assignment.request)
        .map_err(|_| GatherError::internal("the request is not JSON"))?;
    let answer =
        module.invoke()(operation.as_str().into(), request.as_str().into(), callbacks::table());
    match answer {
        RResult::ROk(summary) => match callbacks::refusal() {
            // The plugin returned success, although it was cancelled or a record was refused.
            Some(refusal) => Err(refusal),
            None => serde_json::from_str(&summary).map_err(|_| {
                GatherError::protocol("the plugin returned something that is not a summary")
            }),
        },
        RResult::RErr(error) => Err(serde_json::from_str(&error).unwrap_or_else(|_| {
            GatherError::protocol("the plugin failed with something that is not a valid error")
        })),
    }
}

fn same_manifest(described: &str, noted: &str) -> bool {
    let parse = serde_json::from_str::<serde_json::Value>;
    matches!((parse(described), parse(noted)), (Ok(one), Ok(other)) if one == other)
}

/// Reports that the worker could not be set up, which is not an error of the plugin.
fn fail_setup(error: &std::io::Error) -> ! {
    let error = GatherError::internal(format!("the worker cannot be set up: {error}"))
        .with_hint("a worker needs /proc, and some free descriptors");
    if let Ok(mut line) = serde_json::to_vec(&Frame::Failed { error }) {
        line.push(b'\n');
        // If standard output is the log pipe already, the error of the crash shows this line.
        let _ = rustix::io::write(rustix::stdio::stdout(), &line);
    }
    isolation::exit(EXIT_NO_RUNNER)
}

/// The subcommand was not started by the runner.
fn reject_user() -> ! {
    eprintln!(
        "virtual-host-gatherer: this subcommand is internal; \
         see `virtual-host-gatherer --help` for the commands"
    );
    isolation::exit(2)
}
