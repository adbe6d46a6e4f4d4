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

/// Which destinations want a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedBy {
    /// The log file.
    pub file: bool,
    /// Standard error.
    pub stderr: bool,
}

/// Formats events and passes them to `write`.
///
/// It asks the filters itself. As filters of one layer each, they would also hide spans, and with
/// them the endpoint's id, from the destination that has the less detailed level.
pub struct LogLayer<W> {
    /// `None` if there is no log file.
    pub file: Option<EnvFilter>,
    /// The filter of stderr.
    pub stderr: EnvFilter,
    /// Takes each line that is wanted.
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
    W: Fn(&LogLine<'_>, WantedBy) + 'static,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // A filter that looks for values of a span's fields has to know the span.
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
        let wants = |filter: &EnvFilter| filter.enabled(metadata, context.clone());
        let mut wanted =
            WantedBy { file: self.file.as_ref().is_some_and(wants), stderr: wants(&self.stderr) };
        if !wanted.file && !wanted.stderr {
            return;
        }
        let mut fields = EventFields::default();
        event.record(&mut fields);
        wanted.stderr &= !fields.file_only;
        let (mut endpoint, mut span_fields) = (None, Map::new());
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(SpanFields { endpoint: id, members, .. }) = span.extensions().get() {
                endpoint = endpoint.or_else(|| id.clone());
                for (name, value) in members {
                    // The innermost span comes first.
                    span_fields.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
        let line = LogLine {
            level: level(*metadata.level()),
            target: shown_target(metadata),
            endpoint: endpoint.as_deref(),
            message: fields.message,
            fields: fields.members,
            span_fields,
        };
        (self.write)(&line, wanted);
    }
}

/// What the lines inside a span have of it.
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

/// What an event itself has.
#[derive(Default)]
struct EventFields {
    message: String,
    /// Its fields, as members of a JSON line.
    members: Map<String, Value>,
    /// Whether it is kept from stderr.
    file_only: bool,
}

impl EventFields {
    fn insert(&mut self, field: &Field, value: Value) {
        // `log.target` and the like are in the event's metadata.
        if !field.name().starts_with("log.") {
            self.members.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for EventFields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == FILE_ONLY {
            self.file_only = value;
        } else {
            self.insert(field, value.into());
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

/// The target as a line shows it. All modules of the runner share one, because modules move.
fn shown_target<'a>(metadata: &'a Metadata<'_>) -> &'a str {
    let target = metadata.target();
    let is_own = target.starts_with(CRATE) && metadata.module_path() == Some(target);
    if is_own { TARGET } else { target }
}

/// `None` for `off`.
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use gatherer_plugin_api::LogLevel;
    use serde_json::{Value, json};
    use tracing::Span;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{LogLayer, WantedBy};
    use crate::logging::{LogFilter, log_for_plugin, plugin_lines, spans};

    type Lines = Arc<Mutex<Vec<(Value, WantedBy)>>>;

    /// The lines that are logged meanwhile with stderr at `warn` and the file at `info`, as JSON.
    fn logged(filter: &str, log: impl FnOnce()) -> Vec<(Value, WantedBy)> {
        let filter: LogFilter = filter.parse().expect("valid");
        let lines = Lines::default();
        let layer = LogLayer {
            file: Some(filter.for_destination(LogLevel::Info)),
            stderr: filter.for_destination(LogLevel::Warn),
            write: {
                let lines = Arc::clone(&lines);
                move |line: &super::LogLine<'_>, wanted| {
                    let json = serde_json::from_str(&line.json()).expect("JSON");
                    lines.lock().expect("no panic").push((json, wanted));
                }
            },
        };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        std::mem::take(&mut *lines.lock().expect("no panic"))
    }

    fn messages(lines: &[(Value, WantedBy)]) -> Vec<&str> {
        lines.iter().map(|(line, _)| line["message"].as_str().expect("text")).collect()
    }

    const BOTH: WantedBy = WantedBy { file: true, stderr: true };
    const FILE: WantedBy = WantedBy { file: true, stderr: false };

    #[test]
    fn each_destination_has_its_own_level() {
        let lines = logged("", || {
            tracing::warn!("w");
            tracing::info!("i");
            tracing::debug!("d");
        });
        assert_eq!(messages(&lines), ["w", "i"]);
        assert_eq!((lines[0].1, lines[1].1), (BOTH, FILE));
    }

    #[test]
    fn a_line_that_the_result_shows_too_goes_to_the_file_alone() {
        let lines = logged("debug", || {
            tracing::error!(file_only = true, "{}", "e");
            tracing::error!(file_only = false, "f");
        });
        assert_eq!(messages(&lines), ["e", "f"]);
        assert_eq!((lines[0].1, lines[1].1), (FILE, BOTH));
        assert_eq!(lines[0].0["file_only"], Value::Null);
    }

    #[test]
    fn a_line_has_the_id_and_the_fields_of_its_spans() {
        let lines = logged("", || {
            spans::run().in_scope(|| {
                spans::endpoint("a", Some("Example")).in_scope(|| {
                    spans::worker(7).in_scope(|| tracing::warn!(count = 3, "inside"));
                });
                spans::endpoint("b", None).in_scope(|| tracing::warn!("after"));
                tracing::warn!("outside");
            });
        });
        let (inside, after, outside) = (&lines[0].0, &lines[1].0, &lines[2].0);
        assert_eq!(inside["endpoint"], "a");
        assert_eq!(inside["module"], "Example");
        assert_eq!(inside["worker"], 7);
        assert_eq!(inside["pid"], std::process::id());
        assert_eq!(inside["count"], 3);
        assert_eq!((&after["endpoint"], &after["module"]), (&json!("b"), &Value::Null));
        assert_eq!(outside["endpoint"], Value::Null);
    }

    #[test]
    fn spans_keep_their_fields_where_nearly_everything_is_off() {
        let lines = logged("off,kubernetes=error", || {
            spans::endpoint("a", None).in_scope(|| {
                tracing::error!("off");
                log_for_plugin(LogLevel::Error, "gatherer_plugin_kubernetes::client", "on");
            });
        });
        assert_eq!(messages(&lines), ["on"]);
        assert_eq!(lines[0].0["endpoint"], "a");
    }

    #[test]
    fn lines_of_plugins_are_filtered_by_their_own_targets() {
        let lines = logged("info,kubernetes=debug,noisy::part=off", || {
            log_for_plugin(LogLevel::Debug, "gatherer_plugin_kubernetes::client", "k debug");
            log_for_plugin(LogLevel::Trace, "gatherer_plugin_kubernetes::client", "k trace");
            log_for_plugin(LogLevel::Debug, "gatherer_plugin_libvirt::client", "l debug");
            log_for_plugin(LogLevel::Info, "hyper::client", "h info");
            log_for_plugin(LogLevel::Error, "noisy::part", "n error");
            log_for_plugin(LogLevel::Warn, "noisy", "n warn");
        });
        assert_eq!(messages(&lines), ["k debug", "h info", "n warn"]);
        let target = |line: usize| lines[line].0["target"].clone();
        assert_eq!((target(0), target(1)), (json!("kubernetes::client"), json!("hyper::client")));
        assert_eq!(lines[0].0["level"], "debug");
        assert!(
            lines.iter().all(|(_, wanted)| *wanted == BOTH),
            "info replaces the levels of both"
        );
    }

    #[test]
    fn a_line_of_a_plugin_has_no_fields_but_its_message() {
        let lines = logged("", || {
            spans::endpoint("a", Some("M")).in_scope(|| {
                let forged = "x endpoint=b module=N log.target=t file_only=true";
                log_for_plugin(LogLevel::Warn, "endpoint", forged);
            });
        });
        let (line, wanted) = &lines[0];
        let members: Vec<&String> = line.as_object().expect("an object").keys().collect();
        let expected = ["endpoint", "level", "message", "module", "pid", "target", "time"];
        assert_eq!(members, expected);
        assert_eq!((&line["endpoint"], &line["module"]), (&json!("a"), &json!("M")));
        assert_eq!(*wanted, BOTH);
    }

    #[test]
    fn the_lines_of_one_endpoint_can_be_wanted_alone() {
        for (directive, id) in [
            ("[endpoint{id=vc1}]=debug", "vc1"),
            ("[endpoint{id=vc.*}]=debug", "vc1"),
            ("[endpoint{id=7}]=debug", "7"),
            ("[endpoint{module=M}]=debug", "vc1"),
            ("[{id=vc1}]=debug", "vc1"),
        ] {
            let lines = logged(directive, || {
                let log = |text: &str| {
                    tracing::debug!("runner {text}");
                    log_for_plugin(LogLevel::Debug, "gatherer_plugin_x", &format!("plugin {text}"));
                };
                spans::endpoint(id, Some("M")).in_scope(|| {
                    log("first");
                    spans::worker(7).in_scope(|| log("second"));
                });
                spans::endpoint("my-vc1", Some("My")).in_scope(|| log("no"));
                spans::endpoint("v", None).in_scope(|| log("no"));
                log("no");
            });
            let expected = ["runner first", "plugin first", "runner second", "plugin second"];
            assert_eq!(messages(&lines), expected, "{directive}");
        }
    }

    #[test]
    fn a_plugin_is_asked_for_the_most_detailed_line_of_its_endpoint() {
        let level = |filter: &str, span: fn() -> Span| {
            let mut level = None;
            logged(filter, || level = plugin_lines::level_in_span(&span()));
            level
        };
        let (a, b) = (|| spans::endpoint("a", None), || spans::endpoint("b", None));
        assert_eq!(level("", a), Some(LogLevel::Info));
        assert_eq!(level("off", a), None);
        assert_eq!(level("[endpoint{id=a}]=trace", a), Some(LogLevel::Trace));
        assert_eq!(level("[endpoint{id=a}]=trace", b), Some(LogLevel::Info));
        assert_eq!(level("[worker]=debug", b), Some(LogLevel::Debug));
        assert_eq!(level("example=debug", b), Some(LogLevel::Info), "targets are not asked");
    }

    #[test]
    fn the_runner_has_one_target_that_filters_all_of_its_modules() {
        let lines = logged("error,gatherer=debug", || {
            tracing::debug!("own");
            tracing::debug!(target: "worker", "worker");
        });
        assert_eq!(messages(&lines), ["own"]);
        assert_eq!(lines[0].0["target"], "gatherer");
    }

    #[test]
    fn a_line_that_is_not_wanted_is_not_formatted() {
        struct Formatted;
        impl std::fmt::Display for Formatted {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                panic!("it is formatted")
            }
        }
        let lines = logged("[endpoint{id=a}]=debug", || tracing::debug!("{Formatted}"));
        assert!(lines.is_empty());
    }
}
