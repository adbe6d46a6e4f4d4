//! The log: stderr for a person, a file for the night. One line a write, escaped.
//!
//! Lines reach it from the program itself and, with their own targets, from plugins.

mod file;
mod line;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock};

use clap::ValueEnum;
use gatherer_plugin_api::LogLevel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::Deserialize;

use crate::progress::aside;
use file::LogFile;
use line::Line;

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

/// How long the last lines wait for stderr.
const LAST_WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

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
    file: Option<Mutex<LogFile>>,
    format: LogFormat,
    file_level: LogLevel,
    stderr_level: LogLevel,
    color: bool,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Opens the log. A file that cannot be written does not stop the run; if it was asked for,
/// stderr says so.
pub fn init(settings: Settings) {
    let stderr_level = match settings.verbosity {
        0 => LogLevel::Warn,
        1 => LogLevel::Info,
        2 => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    let file_level = match settings.verbosity {
        0 => LogLevel::Info,
        1 => LogLevel::Debug,
        _ => LogLevel::Trace,
    };
    let mut refused = None;
    let file = settings.file.and_then(|(path, asked_for)| match LogFile::open(&path) {
        Ok(file) => Some(Mutex::new(file)),
        Err(error) => {
            if asked_for {
                refused = Some(format!(
                    "the log file {} cannot be written: {error}; logging goes on without it",
                    path.display()
                ));
            }
            None
        }
    });
    let file_level = if file.is_some() { file_level } else { stderr_level };
    let logger =
        Logger { file, format: settings.format, file_level, stderr_level, color: settings.color };
    if LOGGER.set(logger).is_ok()
        && let Some(refused) = refused
    {
        warn(None, &refused);
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

/// A line for stderr that is no log line and does not go to the file, in the form that log lines
/// have there.
pub fn stderr_line(target: &str, message: &str) -> String {
    match LOGGER.get().map(|logger| logger.format) {
        Some(LogFormat::Json) => {
            Line { level: LogLevel::Info, target, endpoint: None, message }.json()
        }
        Some(LogFormat::Text) | None => format!("{target}: {message}\n"),
    }
}

fn write(level: LogLevel, target: &str, endpoint: Option<&str>, message: &str, shown: bool) {
    let line = Line { level, target, endpoint, message };
    let Some(logger) = LOGGER.get() else {
        // Before the log is open only what went wrong is worth saying.
        if level <= LogLevel::Warn {
            let _ = std::io::stderr().write_all(line.for_people(false).as_bytes());
        }
        return;
    };
    // The file first: it takes what it is given.
    if level <= logger.file_level
        && let Some(file) = &logger.file
    {
        let text = match logger.format {
            LogFormat::Text => line.text(),
            LogFormat::Json => line.json(),
        };
        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = file.write(text.as_bytes());
    }
    if shown && level <= logger.stderr_level && stderr_is_ready() {
        let text = match logger.format {
            LogFormat::Text => line.for_people(logger.color),
            LogFormat::Json => line.json(),
        };
        let _ = aside(|| std::io::stderr().write_all(text.as_bytes()));
    }
}

/// The program is to end: from now on nobody waits long for stderr.
pub fn hurry() {
    let _ = PATIENCE.compare_exchange(ENDLESS, SHORT, Ordering::Relaxed, Ordering::Relaxed);
}

/// How long stderr is waited for.
static PATIENCE: AtomicU8 = AtomicU8::new(ENDLESS);
const ENDLESS: u8 = 0;
const SHORT: u8 = 1;
const NONE: u8 = 2;

/// Whether a line may be written to stderr now. False if nobody takes it and the program is to
/// end.
fn stderr_is_ready() -> bool {
    let wait = match PATIENCE.load(Ordering::Relaxed) {
        ENDLESS => return true,
        SHORT => LAST_WAIT,
        _ => Timespec::default(),
    };
    let stderr = std::io::stderr();
    let mut polled = [PollFd::new(&stderr, PollFlags::OUT)];
    let is_ready = loop {
        match poll(&mut polled, Some(&wait)) {
            Err(Errno::INTR) => {}
            ready => break ready != Ok(0),
        }
    };
    if !is_ready {
        PATIENCE.store(NONE, Ordering::Relaxed);
    }
    is_ready
}
