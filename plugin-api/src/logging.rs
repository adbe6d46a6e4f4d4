//! Forwards a plugin's `tracing` events, and the `log` records of its libraries, to the runner.

use std::fmt::Write as _;
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::abi::Callbacks;
use crate::record::LogLevel;

/// Where lines go. There is one for the life of the process.
struct Forwarder {
    callbacks: Callbacks,
    level: LogLevel,
    /// Whether lines of every target and level are forwarded, and the fields of spans.
    everything: bool,
}

static FORWARDER: OnceLock<Forwarder> = OnceLock::new();

/// The target of the fields of spans.
pub(crate) const SPAN_TARGET: &str = "span";

/// Starts forwarding lines up to this level, once in a process.
pub(crate) fn install(callbacks: Callbacks, level: LogLevel) {
    start(Forwarder { callbacks, level, everything: false });
}

/// The most detailed level that is forwarded.
pub(crate) fn level() -> LogLevel {
    FORWARDER.get().map_or(LogLevel::Error, |forwarder| forwarder.level)
}

/// Starts forwarding every line, once in a process.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn install_for_everything(callbacks: Callbacks) {
    start(Forwarder { callbacks, level: LogLevel::Trace, everything: true });
}

fn start(forwarder: Forwarder) {
    let level = forwarder.level;
    if FORWARDER.set(forwarder).is_err() {
        return;
    }
    // Each of these fails only if the plugin has installed a subscriber or logger, which then stays.
    let _ = tracing::subscriber::set_global_default(Bridge);
    if log::set_logger(&Bridge).is_ok() {
        log::set_max_level(log_filter(level));
    }
}

/// Whether a line is sent to a runner that asks for lines up to `limit`. Lines of the plugin's own crates
/// come at that level. Its libraries (HTTP, TLS) may print what they send, so their lines of debug come only with the most
/// detailed level (the runner redacts secrets), and those of trace never.
pub(crate) fn is_sent(limit: LogLevel, level: LogLevel, target: &str) -> bool {
    if is_own(target) {
        return level <= limit;
    }
    level <= limit.min(LogLevel::Info) || (limit == LogLevel::Trace && level == LogLevel::Debug)
}

/// The level at which a line is sent. Those of libraries are less important than their level says.
fn sent_level(level: LogLevel, target: &str) -> LogLevel {
    if level == LogLevel::Debug && !is_own(target) { LogLevel::Trace } else { level }
}

fn is_own(target: &str) -> bool {
    target.starts_with("gatherer")
}

/// Forwards the fields of a span.
fn forward_span(span: &str, record: impl FnOnce(&mut EventText)) {
    let Some(forwarder) = FORWARDER.get().filter(|forwarder| forwarder.everything) else { return };
    let mut text = EventText::default();
    record(&mut text);
    let message = format!("{span} {}{}", text.message, text.fields);
    forwarder.log(LogLevel::Trace, SPAN_TARGET, &message);
}

impl Forwarder {
    fn wants(&self, level: LogLevel, target: &str) -> bool {
        self.everything || is_sent(self.level, level, target)
    }

    fn log(&self, level: LogLevel, target: &str, message: &str) {
        let level = if self.everything { level } else { sent_level(level, target) };
        (self.callbacks.log)(self.callbacks.context, level as u8, target.into(), message.into());
    }
}

/// The subscriber and logger of the plugin. It keeps no spans: a line is forwarded without them.
struct Bridge;

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        FORWARDER.get().is_some_and(|forwarder| {
            forwarder.wants(level_of(*metadata.level()), metadata.target())
        })
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        FORWARDER.get().map(|forwarder| level_filter(forwarder.level))
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        forward_span(span.metadata().target(), |text| span.record(text));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        forward_span("", |text| values.record(text));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(forwarder) = FORWARDER.get() else { return };
        let mut text = EventText::default();
        event.record(&mut text);
        let metadata = event.metadata();
        forwarder.log(
            level_of(*metadata.level()),
            metadata.target(),
            &format!("{}{}", text.message, text.fields),
        );
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The text of an event: its message, then its fields as ` name=value`.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl Visit for EventText {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        FORWARDER.get().is_some_and(|forwarder| {
            forwarder.wants(level_of_log(metadata.level()), metadata.target())
        })
    }

    fn log(&self, record: &log::Record<'_>) {
        if !log::Log::enabled(self, record.metadata()) {
            return;
        }
        if let Some(forwarder) = FORWARDER.get() {
            forwarder.log(
                level_of_log(record.level()),
                record.target(),
                &record.args().to_string(),
            );
        }
    }

    fn flush(&self) {}
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

fn level_of_log(level: log::Level) -> LogLevel {
    match level {
        log::Level::Error => LogLevel::Error,
        log::Level::Warn => LogLevel::Warn,
        log::Level::Info => LogLevel::Info,
        log::Level::Debug => LogLevel::Debug,
        log::Level::Trace => LogLevel::Trace,
    }
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn log_filter(level: LogLevel) -> log::LevelFilter {
    match level {
        LogLevel::Error => log::LevelFilter::Error,
        LogLevel::Warn => log::LevelFilter::Warn,
        LogLevel::Info => log::LevelFilter::Info,
        LogLevel::Debug => log::LevelFilter::Debug,
        LogLevel::Trace => log::LevelFilter::Trace,
    }
}
