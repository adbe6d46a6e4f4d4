//! The worker: the one process that loads a plugin, for exactly one endpoint.
//!
//! It is this program again, started by the supervisor with a hidden subcommand. Its standard
//! input brings the assignment and later perhaps `cancel`, its standard output takes the
//! frames, its standard error the log. Before the plugin is loaded all three are moved out of
//! the plugin's reach.

#![allow(unsafe_code)]

mod callbacks;
pub mod confine;
mod loader;
mod process;

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::RawFd;

use abi_stable::std_types::RResult;
use gatherer_plugin_api::{ErrorKind, GatherError, LogLevel, Summary};

use crate::request::redact::Secrets;
use crate::run::protocol::{Assignment, Frame};

/// What the worker exits with when nobody can be told why.
const EXIT_NO_RUNNER: i32 = 4;

/// Runs one assignment and ends the process.
///
/// `runner` is the process id of the supervisor, `plugin` the descriptor of the library. Both
/// come from our own command line: a person who types it is told so.
pub fn main(runner: Option<u32>, plugin: Option<RawFd>) -> ! {
    let (Some(runner), Some(plugin)) = (runner, plugin) else { by_hand() };
    if process::isolate(runner).is_err() {
        by_hand();
    }
    let pipes = match process::take_pipes(plugin) {
        Ok(pipes) => pipes,
        Err(error) => not_set_up(&error),
    };
    let mut control = BufReader::new(pipes.control);
    let mut line = Vec::new();
    let read = control.by_ref().take(ASSIGNMENT_MAX_BYTES).read_until(b'\n', &mut line);
    let mut assignment: Assignment = match read.map(|_| serde_json::from_slice(&line)) {
        Ok(Ok(assignment)) => assignment,
        _ => process::exit(EXIT_NO_RUNNER),
    };
    drop(line);
    callbacks::hide(std::mem::take(&mut assignment.secrets));
    let frames = callbacks::install(pipes.frames);
    // Until the files have been read, SIGTERM ends the process at once: reading one may block.
    let outcome = prepare(&mut assignment).and_then(|()| {
        // While there is one thread: the kernel confines each by itself.
        if assignment.confined {
            confine_self(assignment.request.options.log_level);
        }
        process::watch_for_cancel(control, callbacks::cancel);
        run(&assignment, plugin)
    });
    let last = match outcome {
        Ok(summary) => Frame::Done { summary },
        Err(error) => Frame::Failed { error: callbacks::shorten_error(error) },
    };
    let code = if frames.write_last(&last) { 0 } else { EXIT_NO_RUNNER };
    // Not `std::process::exit`: it would run the plugin's destructors.
    process::exit(code)
}

/// Confines this process. What the kernel lacks is logged at debug level.
fn confine_self(log_level: LogLevel) {
    if let Some(problem) = confine::confine().landlock_problem
        && log_level >= LogLevel::Debug
    {
        let message = format!("Landlock is not available: {problem}");
        callbacks::log_own(LogLevel::Debug, &message);
    }
}

/// The longest assignment; an infile is at most 64 MiB long.
const ASSIGNMENT_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Limits the process and completes the request, before any code of the plugin runs.
fn prepare(assignment: &mut Assignment) -> Result<(), GatherError> {
    if let Some(bytes) = assignment.memory_bytes {
        process::limit_memory(bytes).map_err(|error| {
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
    // Before anything else is said, the error of these files included.
    callbacks::report_references(&secrets)?;
    read
}

fn run(assignment: &Assignment, plugin: RawFd) -> Result<Summary, GatherError> {
    let module = loader::load(plugin, &assignment.plugin_path)?;
    let described = module.describe()();
    if !same_manifest(&described, &assignment.manifest) {
        return Err(GatherError::new(
            ErrorKind::Configuration,
            format!(
                "the plugin {} says something else of itself than the note in its file",
                assignment.plugin_path
            ),
        )
        .with_hint("build and install the plugin again"));
    }
    let Some(operation) = &assignment.operation else { return Ok(Summary::default()) };
    let request = serde_json::to_string(&assignment.request)
        .map_err(|_| GatherError::internal("the request is not JSON"))?;
    let answer =
        module.invoke()(operation.as_str().into(), request.as_str().into(), callbacks::table());
    match answer {
        RResult::ROk(summary) => match callbacks::refusal() {
            // It was told to stop, or lost a record, and says all the same that it is done.
            Some(refusal) => Err(refusal),
            None => serde_json::from_str(&summary).map_err(|_| {
                GatherError::protocol("the plugin ended with something that is not a summary")
            }),
        },
        RResult::RErr(error) => Err(serde_json::from_str(&error).unwrap_or_else(|_| {
            GatherError::protocol("the plugin failed with something that is not an error")
        })),
    }
}

fn same_manifest(described: &str, noted: &str) -> bool {
    let parse = serde_json::from_str::<serde_json::Value>;
    matches!((parse(described), parse(noted)), (Ok(one), Ok(other)) if one == other)
}

/// Says that this process could not be made ready for a plugin, which is no fault of the plugin.
fn not_set_up(error: &std::io::Error) -> ! {
    let error = GatherError::internal(format!("the worker cannot be set up: {error}"))
        .with_hint("a worker needs /proc, and a few open files");
    if let Ok(mut line) = serde_json::to_vec(&Frame::Failed { error }) {
        line.push(b'\n');
        // Where this is not the frame pipe any more, it becomes the worker's last words.
        let _ = rustix::io::write(rustix::stdio::stdout(), &line);
    }
    process::exit(EXIT_NO_RUNNER)
}

fn by_hand() -> ! {
    eprintln!(
        "virtual-host-gatherer: the worker is started by the program itself; \
         see `virtual-host-gatherer --help` for what you can do"
    );
    process::exit(2)
}
