//! What one log line looks like.

use gatherer_plugin_api::LogLevel;
use gatherer_plugin_api::model::Timestamp;

use crate::output::escape::{capped, escape, escape_json};

/// The longest endpoint id in a log line, in bytes: the infile may hold any text.
const ID_MAX_BYTES: usize = 256;

/// One line.
pub struct Line<'a> {
    /// How detailed.
    pub level: LogLevel,
    /// Where it comes from.
    pub target: &'a str,
    /// Which endpoint it is about.
    pub endpoint: Option<&'a str>,
    /// What it says.
    pub message: &'a str,
}

impl<'a> Line<'a> {
    /// A line of the program's own that is about no endpoint.
    pub fn own(level: LogLevel, message: &'a str) -> Self {
        Self { level, target: super::TARGET, endpoint: None, message }
    }

    /// For the file: time, level, process, target, endpoint, message. The process tells two
    /// runs on one file apart.
    pub fn text(&self) -> String {
        format!(
            "{:.3} {:5} [{}] {}: {}{}\n",
            Timestamp::now(),
            level_word(self.level),
            std::process::id(),
            escape(self.target),
            self.endpoint_prefix(),
            escape(&self.message())
        )
    }

    /// For stderr: what a person needs who has just typed the command.
    pub fn for_people(&self, color: bool) -> String {
        let (word, code) = match self.level {
            LogLevel::Error => ("error", "31"),
            LogLevel::Warn => ("warning", "33"),
            LogLevel::Info => ("info", "32"),
            LogLevel::Debug => ("debug", "34"),
            _ => ("trace", "90"),
        };
        let message = escape(&self.message());
        let prefix = self.endpoint_prefix();
        if color {
            format!("\u{1b}[1;{code}m{word}\u{1b}[0m: {prefix}{message}\n")
        } else {
            format!("{word}: {prefix}{message}\n")
        }
    }

    /// One JSON object.
    pub fn json(&self) -> String {
        let mut object = serde_json::Map::new();
        object.insert("time".into(), format!("{:.3}", Timestamp::now()).into());
        object.insert("level".into(), level_word(self.level).trim().to_lowercase().into());
        object.insert("pid".into(), std::process::id().into());
        object.insert("target".into(), self.target.into());
        if let Some(endpoint) = self.endpoint {
            object.insert("endpoint".into(), shorten_id(endpoint).into());
        }
        object.insert("message".into(), self.message().into());
        format!("{}\n", escape_json(&serde_json::Value::Object(object).to_string()))
    }

    fn message(&self) -> String {
        capped(self.message.to_owned())
    }

    fn endpoint_prefix(&self) -> String {
        self.endpoint.map_or_else(String::new, |id| format!("[{}] ", escape(shorten_id(id))))
    }
}

fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warn => "WARN",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
        _ => "TRACE",
    }
}

/// The beginning of an endpoint's id.
fn shorten_id(id: &str) -> &str {
    &id[..id.floor_char_boundary(ID_MAX_BYTES)]
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::LogLevel;

    use super::Line;

    #[test]
    fn a_text_line_names_level_endpoint_and_message() {
        let line = Line { level: LogLevel::Warn, target: "t", endpoint: Some("e\n"), message: "m" };
        assert!(line.text().ends_with("t: [e\\n] m\n"), "{}", line.text());
        assert_eq!(line.for_people(false), "warning: [e\\n] m\n");
        let json: serde_json::Value = serde_json::from_str(&line.json()).expect("JSON");
        assert_eq!(json["endpoint"], "e\n");
        assert_eq!(json["level"], "warn");
    }

    #[test]
    fn a_long_message_and_a_long_id_are_cut() {
        let (id, message) = ("i".repeat(1_000_000), "m".repeat(1_000_000));
        let line =
            Line { level: LogLevel::Warn, target: "t", endpoint: Some(&id), message: &message };
        for text in [line.text(), line.for_people(false), line.json()] {
            assert!(text.len() < 5000, "{}", text.len());
            assert!(text.contains("bytes left out)"), "{text}");
        }
    }
}
