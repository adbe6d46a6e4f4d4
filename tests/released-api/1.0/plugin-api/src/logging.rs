//! Forwards a plugin's `tracing` events and `log` records to the runner.

use std::fmt::Write as _;
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::abi::Callbacks;
use crate::record::LogLevel;

/// What forwards; one for the life of the process.
struct Forwarder {
    callbacks: Callbacks,
    level: LogLevel,
}

static FORWARDER: OnceLock<Forwarder> = OnceLock::new();

/// Installs the forwarding, once in a process.
pub(crate) fn install(callbacks: Callbacks, level: LogLevel) {
    if FORWARDER.set(Forwarder { callbacks, level }).is_err() {
        return;
    }
    // Either fails only if somebody was first, who then has the say.
    let _ = tracing::subscriber::set_global_default(Bridge);
    if log::set_logger(&Bridge).is_ok() {
        log::set_max_level(log::LevelFilter::Trace);
    }
}

impl Forwarder {
    /// A plugin's own lines come at the level that was asked for. Libraries below it (HTTP,
    /// TLS) may print what they send, so theirs stop at `info`.
    fn wants(&self, level: LogLevel, target: &str) -> bool {
        let own = target.starts_with("gatherer");
        level <= self.level && (own || level <= LogLevel::Info)
    }

    fn log(&self, level: LogLevel, target: &str, message: &str) {
        (self.callbacks.log)(self.callbacks.context, level as u8, target.into(), message.into());
    }
}

struct Bridge;

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        FORWARDER.get().is_some_and(|forwarder| {
            forwarder.wants(level_of(*metadata.level()), metadata.target())
        })
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(forwarder) = FORWARDER.get() else { return };
        let mut line = Line::default();
        event.record(&mut line);
        let metadata = event.metadata();
        forwarder.log(
            level_of(*metadata.level()),
            metadata.target(),
            &format!("{}{}", line.message, line.fields),
        );
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
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

fn level_of_log(level: log::Level) -> LogLevel {
    match level {
        log::Level::Error => LogLevel::Error,
        log::Level::Warn => LogLevel::Warn,
        log::Level::Info => LogLevel::Info,
        log::Level::Debug => LogLevel::Debug,
        log::Level::Trace => LogLevel::Trace,
    }
}
