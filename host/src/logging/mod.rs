//! Logs to stderr and to a rotated file, one write per line.
//!
//! The program logs with `tracing` macros, inside the [`spans`] of the run, the endpoint and the
//! worker. One [`subscriber`] formats each event and gives the line to the destinations whose filter
//! accepts it. Lines of plugins pass through it too ([`plugin_lines`]). Logging never blocks the caller:
//! each destination has a bounded [`queue`] and a thread that writes it ([`sink`]), and a child
//! process writes the log file ([`recorder`]).

mod filter;
mod line;
mod plugin_lines;
mod queue;
mod recorder;
mod rotated_file;
mod sink;
pub mod spans;
mod subscriber;
#[cfg(test)]
mod subscriber_tests;

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use gatherer_plugin_api::LogLevel;
use gatherer_plugin_api::model::Timestamp;
use serde::Deserialize;
use tracing::Span;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::output::outfile::NamedFile;
pub use filter::LogFilter;
use line::LogLine;
pub use plugin_lines::log_for_plugin;
use queue::LostLines;
use rotated_file::UnwrittenLines;
use sink::{Destination, Sink};
use subscriber::{LineDestinations, LogLayer};

/// How log lines are formatted.
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
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it then waits until one destination has the line that counts the lost lines of the other.
const LOSS_REPORT_TIMEOUT: Duration = Duration::from_millis(100);

/// The target of the runner's own lines, whichever of its modules logs them.
const TARGET: &str = "gatherer";

/// The prefix of the targets of the runner's events.
const CRATE: &str = env!("CARGO_CRATE_NAME");

/// The destinations of the log, and which lines they get.
#[derive(Default)]
pub struct LogSettings {
    /// The file, and whether it was configured. It is reported that the file cannot be written only
    /// if it was configured.
    pub file: Option<(PathBuf, bool)>,
    /// How lines are formatted.
    pub format: LogFormat,
    /// The number of options `-v`.
    pub verbosity: u8,
    /// Changes the levels that `verbosity` gives.
    pub filter: LogFilter,
    /// Whether stderr may have colors.
    pub color: bool,
}

/// Files that the log is not written to, with their names in messages.
pub type OtherFiles = [(&'static str, NamedFile)];

struct Logger {
    file: Option<(PathBuf, Sink)>,
    stderr: Sink,
    format: LogFormat,
    color: bool,
    /// The most detailed level at which a line outside of spans can be logged.
    level: tracing::level_filters::LevelFilter,
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

/// Opens the log. Must be called once, before the program starts a second thread, because it forks.
/// A log file that cannot be written does not stop the run, and neither does one that is among the `other_files` of the
/// run, which it must not change.
pub fn init(settings: LogSettings, other_files: &OtherFiles) {
    let LogSettings { file, format, verbosity, filter, color } = settings;
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
    // Reads the time zone while there is only one thread.
    line::local_time(Timestamp::now());
    let mut problem = None;
    let file = file.and_then(|(path, is_configured)| {
        let (destination, refused) = Destination::open_file(&path, format, other_files);
        problem = refused.filter(|_| is_configured);
        let loss_line = move |lost| for_file(format, &dropped(lost));
        destination.map(|destination| (path, Sink::new(destination, loss_line)))
    });
    let stderr =
        Sink::new(Destination::Stderr, move |lost| for_stderr(format, color, &dropped(lost)));
    let layer = LogLayer {
        file: file.is_some().then(|| filter.for_destination(file_level)),
        stderr: filter.for_destination(stderr_level),
        write,
    };
    let level = filter.most_detailed(if file.is_some() { file_level } else { stderr_level });
    let logger = Logger { file, stderr, format, color, level };
    if LOGGER.set(logger).is_err() {
        return;
    }
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).expect("it is set here only, once");
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// Waits a moment for lines that are not written yet, at the end of the program. If a destination
/// does not accept all lines, the number of lost lines is logged to the other destination.
pub fn finish() {
    let Some(Logger { file, stderr, .. }) = LOGGER.get() else { return };
    let deadline = Instant::now() + FINISH_TIMEOUT;
    if let Some(lost) = stderr.finish(deadline) {
        tracing::warn!(
            file_only = true,
            "stderr was not read: {} log lines for it are lost: {}",
            lost.total(),
            lost.by_level()
        );
    }
    let Some((path, sink)) = file else { return };
    let deadline = deadline.max(Instant::now() + LOSS_REPORT_TIMEOUT);
    let lost = sink.finish(deadline);
    let unwritten = sink.unwritten(deadline);
    let path = path.display();
    let message = match unwritten {
        Some(UnwrittenLines { count: 0, .. }) if lost.is_none() => return,
        Some(UnwrittenLines { count: count @ 1.., errno }) => {
            let error = io::Error::from_raw_os_error(errno);
            let count = count + lost.map_or(0, LostLines::total);
            let lines = if count == 1 { "line is" } else { "lines are" };
            format!("the log file {path} cannot be written: {error}; {count} log {lines} lost")
        }
        _ => {
            let lines = lost.map_or_else(String::new, |lost| format!(": {}", lost.by_level()));
            format!("the log file {path} did not accept all lines: lines are lost{lines}")
        }
    };
    push_to_stderr(&LogLine::of_runner(LogLevel::Warn, message));
    stderr.finish(Instant::now() + LOSS_REPORT_TIMEOUT);
}

/// The most detailed level at which a plugin's lines are logged for the endpoint with this span.
pub fn level_for(endpoint: &Span) -> LogLevel {
    let level = LOGGER.get().and_then(|logger| subscriber::log_level(logger.level));
    level.max(plugin_lines::level_in_span(endpoint)).unwrap_or(LogLevel::Error)
}

/// Prints on stderr how many endpoints are done. That is not a log line and does not go to the
/// file, but it has the format of log lines.
pub fn print_progress(message: &str) {
    let Some(logger) = LOGGER.get() else { return };
    let line = match logger.format {
        LogFormat::Text => format!("progress: {message}\n"),
        LogFormat::Json => {
            LogLine::of_target("progress", LogLevel::Info, message.to_owned()).json()
        }
    };
    logger.stderr.push(LogLevel::Info, line);
}

fn write(line: &LogLine<'_>, destinations: LineDestinations) {
    let Some(logger) = LOGGER.get() else { return };
    if destinations.file
        && let Some((_, file)) = &logger.file
    {
        file.push(line.level, for_file(logger.format, line));
    }
    if destinations.stderr {
        push_to_stderr(line);
    }
}

fn push_to_stderr(line: &LogLine<'_>) {
    if let Some(logger) = LOGGER.get() {
        logger.stderr.push(line.level, for_stderr(logger.format, logger.color, line));
    }
}

/// The line that reports how many lines were dropped.
fn dropped(lost: LostLines) -> LogLine<'static> {
    let message = format!(
        "{} log lines were dropped because they came faster than they could be written: {}",
        lost.total(),
        lost.by_level()
    );
    LogLine::of_runner(LogLevel::Warn, message)
}

fn for_file(format: LogFormat, line: &LogLine<'_>) -> String {
    match format {
        LogFormat::Text => line.text(),
        LogFormat::Json => line.json(),
    }
}

fn for_stderr(format: LogFormat, color: bool, line: &LogLine<'_>) -> String {
    match format {
        LogFormat::Text => line.for_people(color),
        LogFormat::Json => line.json(),
    }
}
