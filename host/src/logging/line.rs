//! One log line as text, for a person at a terminal, and as JSON.

use std::fmt::Write as _;

use gatherer_plugin_api::LogLevel;
use gatherer_plugin_api::model::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Value};

use crate::output::escape::{capped, escape, escape_json};
use crate::process::utc_offset_seconds;

/// The longest endpoint id or module in a log line, in bytes: the infile may have any text there.
const NAME_MAX_BYTES: usize = 256;

/// One line before it is formatted for a destination.
pub struct LogLine<'a> {
    /// How important it is.
    pub level: LogLevel,
    /// The source of the line: the runner, a worker or a module of a plugin.
    pub target: &'a str,
    /// The endpoint that it is about.
    pub endpoint: Option<&'a str>,
    /// Its text.
    pub message: String,
    /// The event's own fields.
    pub fields: Map<String, Value>,
    /// The fields that only JSON lines show: those of the spans around it, and some of the event's.
    pub json_fields: Map<String, Value>,
}

impl<'a> LogLine<'a> {
    /// A line of the runner, about no endpoint.
    pub fn of_runner(level: LogLevel, message: String) -> Self {
        Self::of_target(super::TARGET, level, message)
    }

    /// A line about no endpoint.
    pub fn of_target(target: &'a str, level: LogLevel, message: String) -> Self {
        let (fields, json_fields) = Default::default();
        Self { level, target, endpoint: None, message, fields, json_fields }
    }

    /// As the file has it: local time, process, target, level, endpoint, message. The process id
    /// distinguishes runs that share a file. The part ` - LEVEL: ` is that of the classic program, so that
    /// a search for it finds the lines of both.
    pub fn text(&self) -> String {
        format!(
            "{} [{}] {} - {}: {}{}\n",
            local_time(Timestamp::now()),
            std::process::id(),
            escape(self.target),
            level_word(self.level),
            self.endpoint_prefix(),
            escape(&self.message_and_fields())
        )
    }

    /// As stderr has it: level, endpoint, message.
    pub fn for_people(&self, color: bool) -> String {
        let (word, code) = match self.level {
            LogLevel::Error => ("error", "31"),
            LogLevel::Warn => ("warning", "33"),
            LogLevel::Info => ("info", "32"),
            LogLevel::Debug => ("debug", "34"),
            _ => ("trace", "90"),
        };
        let message = escape(&self.message_and_fields());
        let prefix = self.endpoint_prefix();
        if color {
            format!("\u{1b}[1;{code}m{word}\u{1b}[0m: {prefix}{message}\n")
        } else {
            format!("{word}: {prefix}{message}\n")
        }
    }

    /// One JSON object. Of members with one name, the line's own takes precedence over the event's
    /// field, and that over the field of a span.
    pub fn json(&self) -> String {
        let mut object = self.json_fields.clone();
        object.extend(self.fields.clone());
        object.insert("time".into(), format!("{:.3}", Timestamp::now()).into());
        object.insert("level".into(), json_level(self.level).into());
        object.insert("pid".into(), std::process::id().into());
        object.insert("target".into(), self.target.into());
        if let Some(endpoint) = self.endpoint {
            object.insert("endpoint".into(), shorten(endpoint).into());
        }
        object.insert("message".into(), capped(self.message.clone()).into());
        format!("{}\n", escape_json(&Value::Object(object).to_string()))
    }

    fn message_and_fields(&self) -> String {
        let mut text = self.message.clone();
        for (name, value) in &self.fields {
            // Writing to a string cannot fail.
            let _ = write!(text, " {name}={value}");
        }
        capped(text)
    }

    fn endpoint_prefix(&self) -> String {
        self.endpoint.map_or_else(String::new, |id| format!("[{}] ", escape(shorten(id))))
    }
}

/// The names of Python's levels; TRACE is ours.
fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warn => "WARNING",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
        _ => "TRACE",
    }
}

fn json_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        _ => "trace",
    }
}

/// A time in the local time zone with its offset, such as `2026-11-20T10:25:52.315+01:00`; in UTC if the zone is unknown.
pub fn local_time(at: Timestamp) -> String {
    let offset =
        utc_offset_seconds(at.as_second()).and_then(|seconds| Offset::from_seconds(seconds).ok());
    format!("{:.3}", at.display_with_offset(offset.unwrap_or(Offset::UTC)))
}

/// The beginning of an id or a name, as long as a line may have it.
pub fn shorten(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_MAX_BYTES)]
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::LogLevel;
    use serde_json::{Map, Value, json};

    use super::LogLine;

    fn line<'a>(endpoint: &'a str, message: &str) -> LogLine<'a> {
        let line = LogLine::of_target("t", LogLevel::Warn, message.to_owned());
        LogLine { endpoint: Some(endpoint), ..line }
    }

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn a_text_line_has_level_endpoint_and_message() {
        let line = line("e\n", "m");
        assert!(line.text().ends_with("] t - WARNING: [e\\n] m\n"), "{}", line.text());
        assert_eq!(line.for_people(false), "warning: [e\\n] m\n");
        let json: Value = serde_json::from_str(&line.json()).expect("JSON");
        assert_eq!(json["endpoint"], "e\n");
        assert_eq!(json["level"], "warn");
    }

    #[test]
    fn cuts_a_long_message_and_a_long_id() {
        let (id, message) = ("i".repeat(1_000_000), "m".repeat(1_000_000));
        let line = line(&id, &message);
        for text in [line.text(), line.for_people(false), line.json()] {
            assert!(text.len() < 5000, "{}", text.len());
            assert!(text.contains("bytes left out)"), "{text}");
        }
    }

    #[test]
    fn text_shows_the_fields_of_the_event_and_json_those_of_spans_too() {
        let mut line = line("e", "m");
        line.fields = object(&json!({"count": 3, "name": "a b"}));
        line.json_fields = object(&json!({"module": "M", "worker": 7}));
        assert_eq!(line.for_people(false), "warning: [e] m count=3 name=\"a b\"\n");
        let json: Value = serde_json::from_str(&line.json()).expect("JSON");
        assert_eq!(json["message"], "m");
        assert_eq!(json["count"], 3);
        assert_eq!((&json["module"], &json["worker"]), (&json!("M"), &json!(7)));
    }

    #[test]
    fn no_json_member_appears_twice_whatever_fields_are_called() {
        let standard = ["time", "level", "pid", "target", "endpoint", "message"];
        let mut line = line("e", "m");
        let clash = |value: &str| {
            let clash = standard.iter().chain(&["own"]).map(|name| (*name, value.into()));
            clash.map(|(name, value)| (name.to_owned(), value)).collect()
        };
        line.fields = clash("event");
        line.json_fields = clash("span");
        let text = line.json();
        let json: Value = serde_json::from_str(&text).expect("JSON");
        for name in standard.iter().chain(&["own"]) {
            assert_eq!(text.matches(&format!("\"{name}\":")).count(), 1, "{text}");
        }
        assert_eq!((&json["message"], &json["endpoint"]), (&json!("m"), &json!("e")));
        assert_eq!(json["own"], "event");
    }
}
