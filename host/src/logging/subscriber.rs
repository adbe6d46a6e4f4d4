//! The layer that turns `tracing` events into log lines and decides which destinations get them.

use std::fmt::Write as _;
use std::sync::Arc;

use gatherer_plugin_api::LogLevel;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use super::line::LogLine;
use super::{CRATE, TARGET};

/// The field of an event that keeps it from stderr, because the result shows the same:
/// `tracing::warn!(file_only = true, "...")`.
const FILE_ONLY: &str = "file_only";

/// The field of an event that keeps it from the log file, which gets the same text at another level.
const STDERR_ONLY: &str = "stderr_only";

/// The prefix of an event's fields that only JSON lines show: `tracing::info!(json.hosts = 3, "...")`. Lines of text
/// have the same data in their message.
const JSON_PREFIX: &str = "json.";

/// Which destinations get a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineDestinations {
    /// The log file.
    pub file: bool,
    /// Standard error.
    pub stderr: bool,
}

/// Formats events and passes them to `write`.
///
/// It calls the filters itself. If each destination were a layer with its own filter, the less
/// detailed filter would hide spans from its layer, and with them the endpoint's id.
pub struct LogLayer<W> {
    /// `None` if there is no log file.
    pub file: Option<EnvFilter>,
    /// The filter of stderr.
    pub stderr: EnvFilter,
    /// Receives each line that a destination gets.
    pub write: W,
}

impl<W> LogLayer<W> {
    fn filters(&self) -> impl Iterator<Item = &EnvFilter> {
        self.file.iter().chain([&self.stderr])
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: Fn(&LogLine<'_>, LineDestinations) + 'static,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // A filter for values of a span's fields must see the span.
        let interests =
            self.filters().map(|filter| Layer::<S>::register_callsite(filter, metadata));
        let interests: Vec<Interest> = interests.collect();
        if metadata.is_span() || interests.iter().any(Interest::is_always) {
            Interest::always()
        } else if interests.iter().all(Interest::is_never) {
            Interest::never()
        } else {
            Interest::sometimes()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        metadata.is_span() || self.filters().any(|filter| filter.enabled(metadata, context.clone()))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.filters().filter_map(EnvFilter::max_level_hint).max()
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        for filter in self.filters() {
            filter.on_new_span(attributes, id, context.clone());
        }
        if let Some(span) = context.span(id) {
            let mut fields =
                SpanFields { span: attributes.metadata().name(), ..SpanFields::default() };
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        for filter in self.filters() {
            filter.on_enter(id, context.clone());
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        for filter in self.filters() {
            filter.on_exit(id, context.clone());
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        for filter in self.filters() {
            filter.on_close(id.clone(), context.clone());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let passes = |filter: &EnvFilter| filter.enabled(metadata, context.clone());
        let mut destinations = LineDestinations {
            file: self.file.as_ref().is_some_and(passes),
            stderr: passes(&self.stderr),
        };
        if !destinations.file && !destinations.stderr {
            return;
        }
        let mut fields = EventFields::default();
        event.record(&mut fields);
        destinations.file &= !fields.stderr_only;
        destinations.stderr &= !fields.file_only;
        let (mut endpoint, mut json_fields) = (None, fields.json_members);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(SpanFields { endpoint: id, members, .. }) = span.extensions().get() {
                endpoint = endpoint.or_else(|| id.clone());
                for (name, value) in members {
                    // The innermost span comes first.
                    json_fields.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
        let line = LogLine {
            level: level(*metadata.level()),
            target: shown_target(metadata),
            endpoint: endpoint.as_deref(),
            message: fields.message,
            fields: fields.members,
            json_fields,
        };
        (self.write)(&line, destinations);
    }
}

/// The fields of a span, for the lines inside it.
#[derive(Default)]
struct SpanFields {
    /// The span's name.
    span: &'static str,
    /// The endpoint's id.
    endpoint: Option<Arc<str>>,
    /// Everything else, as members of a JSON line.
    members: Map<String, Value>,
}

impl SpanFields {
    fn insert(&mut self, field: &Field, value: Value) {
        // A worker's `pid` is not the `pid` of the line, which is the runner's.
        let name =
            if (self.span, field.name()) == ("worker", "pid") { "worker" } else { field.name() };
        self.members.insert(name.to_owned(), value);
    }
}

impl Visit for SpanFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if (self.span, field.name()) == ("endpoint", "id") {
            self.endpoint = Some(value.into());
        } else {
            self.insert(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }
}

/// The message and the fields of an event.
#[derive(Default)]
struct EventFields {
    message: String,
    /// Its fields, as members of a JSON line.
    members: Map<String, Value>,
    /// The fields that only a JSON line shows, without their prefix.
    json_members: Map<String, Value>,
    /// Whether it is kept from stderr.
    file_only: bool,
    /// Whether it is kept from the log file.
    stderr_only: bool,
}

impl EventFields {
    fn insert(&mut self, field: &Field, value: Value) {
        if let Some(name) = field.name().strip_prefix(JSON_PREFIX) {
            self.json_members.insert(name.to_owned(), value);
        } else if !field.name().starts_with("log.") {
            // `log.target` and the like are in the event's metadata.
            self.members.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for EventFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            FILE_ONLY => self.file_only = value,
            STDERR_ONLY => self.stderr_only = value,
            _ => self.insert(field, value.into()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.insert(field, value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            // Writing to a string cannot fail.
            let _ = write!(self.message, "{value:?}");
        } else {
            self.insert(field, format!("{value:?}").into());
        }
    }
}

/// The target that a line shows. All modules of the runner share one, because modules are renamed and moved.
fn shown_target<'a>(metadata: &'a Metadata<'_>) -> &'a str {
    let target = metadata.target();
    let is_own = target.starts_with(CRATE) && metadata.module_path() == Some(target);
    if is_own { TARGET } else { target }
}

/// The level that a filter lets through; `None` for `off`.
pub fn log_level(filter: LevelFilter) -> Option<LogLevel> {
    filter.into_level().map(level)
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}
