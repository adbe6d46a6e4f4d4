//! Log lines of plugins. Their targets and levels are known only when they arrive, so they
//! reach the subscriber as `log` records do.

use gatherer_plugin_api::LogLevel;
use tracing::{Span, dispatcher};
use tracing_log::{AsTrace as _, format_trace, log};

use super::spans;

/// The prefix of the names of plugin crates. Their targets are shown and filtered without it.
const CRATE_PREFIX: &str = "gatherer_plugin_";

/// Logs a line of a plugin, in the current span.
pub fn log_for_plugin(level: LogLevel, target: &str, message: &str) {
    let target = match target.strip_prefix(CRATE_PREFIX) {
        None | Some("") => target,
        Some(rest) => rest,
    };
    let mut record = log::Record::builder();
    record.level(log_level(level)).target(target);
    // The error is for other loggers: a subscriber returns none.
    let _ = format_trace(&record.args(format_args!("{message}")).build());
}

/// The most detailed level at which a directive with this endpoint's span, or with the span of a
/// worker inside it, lets lines of any target through.
pub fn level_in_span(endpoint: &Span) -> Option<LogLevel> {
    let levels =
        [LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];
    endpoint.in_scope(|| {
        spans::worker(0).in_scope(|| levels.into_iter().find(|level| is_enabled_at(*level)))
    })
}

/// Whether a line of this level, of a target that no directive names, is logged in the current span.
fn is_enabled_at(level: LogLevel) -> bool {
    let metadata = log::Metadata::builder().level(log_level(level)).target("").build();
    dispatcher::get_default(|subscriber| subscriber.enabled(&metadata.as_trace()))
}

fn log_level(level: LogLevel) -> log::Level {
    match level {
        LogLevel::Error => log::Level::Error,
        LogLevel::Warn => log::Level::Warn,
        LogLevel::Info => log::Level::Info,
        LogLevel::Debug => log::Level::Debug,
        _ => log::Level::Trace,
    }
}
