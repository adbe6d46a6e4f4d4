//! The log: stderr for a person, and a rotated log file. One write for each line, escaped.
//!
//! Lines come from the program itself and, with their own targets, from plugins. The caller that logs never
//! waits: each destination has a bounded [`queue`] and a thread of its own that writes
//! ([`sink`]), and the log file a process of its own ([`recorder`]).

mod file;
mod line;
mod queue;
mod recorder;
mod sink;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use gatherer_plugin_api::LogLevel;
use serde::Deserialize;

use file::LogFile;
use line::Line;
use queue::Lost;
use recorder::{Opened, Recorder};
use sink::{Sink, Target};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How long the end of the program waits for lines that are not written yet.
const END: Duration = Duration::from_secs(1);

/// How long it waits for what one destination says about the other.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Where the log goes.
pub struct Settings {
    /// The file, and whether it was asked for.
    pub file: Option<(PathBuf, bool)>,
    /// How lines look.
    pub format: LogFormat,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// Whether stderr may have colors.
    pub color: bool,
}

struct Logger {
    file: Option<(PathBuf, Sink)>,
    stderr: Sink,
    format: LogFormat,
    file_level: LogLevel,
    stderr_level: LogLevel,
    color: bool,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Opens the log; to be called before the program has a second thread. A file that cannot be
/// written does not stop the run; if it was asked for, stderr says so.
pub fn init(settings: Settings) {
    let Settings { file, format, verbosity, color } = settings;
    let stderr_level = match verbosity {
        0 => LogLevel::Warn,
        1 => LogLevel::Info,
        2 => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    let file_level = match verbosity {
        0 => LogLevel::Info,
        1 => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    let mut problem = None;
    let file = file.and_then(|(path, asked_for)| {
        let (target, refused) = open(&path);
        problem = refused.filter(|_| asked_for);
        let loss_line =
            move |lost: Lost| in_file(format, &Line::own(LogLevel::Warn, &lost_text(lost)));
        target.map(|target| (path, Sink::new(target, loss_line)))
    });
    let file_level = if file.is_some() { file_level } else { stderr_level };
    let stderr = Sink::new(Target::Stderr, move |lost| {
        on_stderr(format, color, &Line::own(LogLevel::Warn, &lost_text(lost)))
    });
    let logger = Logger { file, stderr, format, file_level, stderr_level, color };
    if LOGGER.set(logger).is_ok()
        && let Some(problem) = problem
    {
        warn(None, &problem);
    }
}

/// Opens the log file, and says what is wrong with it.
fn open(path: &Path) -> (Option<Target>, Option<String>) {
    let refused = |error: std::io::Error| {
        let path = path.display();
        format!("the log file {path} cannot be written: {error}; logging goes on without it")
    };
    match Recorder::start(path) {
        Ok(Opened::Yes(recorder)) => (Some(Target::Recorder(recorder)), None),
        Ok(Opened::NotYet(recorder)) => {
            let path = path.display();
            let problem =
                format!("the log file {path} does not open: its file system does not answer");
            (Some(Target::Recorder(recorder)), Some(problem))
        }
        Err(error) if !is_final(path, &error) => match LogFile::open(path) {
            Ok(file) => (Some(Target::File(Box::new(Mutex::new(file)))), None),
            Err(error) => (None, Some(refused(error))),
        },
        Err(error) => (None, Some(refused(error))),
    }
}

/// Whether this process would get the same error. It would not where no process can be started,
/// and where the path leads to a descriptor of this process alone, such as /dev/stderr.
fn is_final(path: &Path, error: &std::io::Error) -> bool {
    let of_process = path.starts_with("/dev") || path.starts_with("/proc");
    match error.raw_os_error() {
        None | Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::ENXIO) => {
            false
        }
        // A link may lead to a descriptor of this process.
        Some(libc::ENOENT) => !of_process && !path.is_symlink(),
        Some(_) => !of_process,
    }
}

fn lost_text(lost: Lost) -> String {
    format!(
        "{} log lines were dropped because they came faster than they could be written: {}",
        lost.total(),
        lost.by_level()
    )
}

/// Waits a moment for lines that are not written yet, at the end of the program. What cannot be
/// written to one destination is counted in the other.
pub fn finish() {
    let Some(Logger { file, stderr, .. }) = LOGGER.get() else { return };
    let until = Instant::now() + END;
    if let Some(lost) = stderr.finish(until) {
        let message = format!(
            "stderr was not read: {} log lines for it are lost: {}",
            lost.total(),
            lost.by_level()
        );
        emit_to_file(LogLevel::Warn, None, &message);
    }
    let Some((path, sink)) = file else { return };
    let is_written = |until: Instant| match sink.target() {
        // It was said that the file does not open, and there is nothing to be written.
        Target::Recorder(recorder) if !recorder.is_open() && !sink.is_used() => true,
        Target::Recorder(recorder) => recorder.finish(until),
        Target::File(_) | Target::Stderr => true,
    };
    let until = until.max(Instant::now() + LAST_WORDS);
    let lost = sink.finish(until);
    if lost.is_some() || !is_written(until) {
        let lines = lost.map_or_else(String::new, |lost| format!(": {}", lost.by_level()));
        let path = path.display();
        let message =
            format!("the log file {path} does not take what is written: lines are lost{lines}");
        emit_to_stderr(LogLevel::Warn, TARGET, &message);
        stderr.finish(Instant::now() + LAST_WORDS);
    }
}

/// The most detailed level that anybody reads.
pub fn level() -> LogLevel {
    LOGGER.get().map_or(LogLevel::Warn, |logger| logger.file_level.max(logger.stderr_level))
}

/// Logs a failure.
pub fn error(endpoint: Option<&str>, message: &str) {
    emit(LogLevel::Error, TARGET, endpoint, message);
}

/// Logs what is odd.
pub fn warn(endpoint: Option<&str>, message: &str) {
    emit(LogLevel::Warn, TARGET, endpoint, message);
}

/// Logs a step.
pub fn info(endpoint: Option<&str>, message: &str) {
    emit(LogLevel::Info, TARGET, endpoint, message);
}

/// Logs a detail.
pub fn debug(endpoint: Option<&str>, message: &str) {
    emit(LogLevel::Debug, TARGET, endpoint, message);
}

/// The target of the program's own lines.
const TARGET: &str = "gatherer";

/// Logs one line. Never fails: a log that cannot be written is no reason to stop.
pub fn emit(level: LogLevel, target: &str, endpoint: Option<&str>, message: &str) {
    write(level, target, endpoint, message, true);
}

/// Logs a line of the program's own.
pub fn emit_own(level: LogLevel, endpoint: Option<&str>, message: &str) {
    emit(level, TARGET, endpoint, message);
}

/// Logs what the result itself shows already: to the file alone.
pub fn emit_to_file(level: LogLevel, endpoint: Option<&str>, message: &str) {
    write(level, TARGET, endpoint, message, false);
}

/// Prints a line on stderr that is no log line and does not go to the file, in the form that log
/// lines have there: how far the run has come.
pub fn print_progress(message: &str) {
    let Some(logger) = LOGGER.get() else { return };
    let line = match logger.format {
        LogFormat::Text => format!("progress: {message}\n"),
        LogFormat::Json => {
            Line { level: LogLevel::Info, target: "progress", endpoint: None, message }.json()
        }
    };
    logger.stderr.push(LogLevel::Info, line);
}

fn emit_to_stderr(level: LogLevel, target: &str, message: &str) {
    if let Some(logger) = LOGGER.get() {
        let line = Line { level, target, endpoint: None, message };
        logger.stderr.push(level, on_stderr(logger.format, logger.color, &line));
    }
}

fn write(level: LogLevel, target: &str, endpoint: Option<&str>, message: &str, shown: bool) {
    let line = Line { level, target, endpoint, message };
    let Some(logger) = LOGGER.get() else {
        // Before the log is open only failures and warnings are worth a line.
        if level <= LogLevel::Warn {
            let _ = std::io::stderr().write_all(line.for_people(false).as_bytes());
        }
        return;
    };
    if level <= logger.file_level
        && let Some((_, file)) = &logger.file
    {
        file.push(level, in_file(logger.format, &line));
    }
    if shown && level <= logger.stderr_level {
        logger.stderr.push(level, on_stderr(logger.format, logger.color, &line));
    }
}

fn in_file(format: LogFormat, line: &Line<'_>) -> String {
    match format {
        LogFormat::Text => line.text(),
        LogFormat::Json => line.json(),
    }
}

fn on_stderr(format: LogFormat, color: bool, line: &Line<'_>) -> String {
    match format {
        LogFormat::Text => line.for_people(color),
        LogFormat::Json => line.json(),
    }
}
