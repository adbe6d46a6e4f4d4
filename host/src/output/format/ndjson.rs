//! The format `ndjson`: one line for each endpoint, so that a reader need not wait for the slowest endpoint.

use std::io::{self, Write};

use gatherer_plugin_api::model::{EndpointResult, Inventory, SCHEMA_VERSION};
use serde::Serialize;
use serde_json::ser::Serializer;

use super::Rendered;
use super::layout::OneLine;

/// An endpoint of the inventory, on one line.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointLine {
    /// The version of the inventory's schema, `major.minor`. A reader should accept every minor version of a major
    /// version that it knows.
    schema_version: String,
    #[serde(flatten)]
    endpoint: EndpointResult,
}

/// Writes the line of an endpoint, which must be normalized, with its line break.
pub fn write(endpoint: EndpointResult, mut writer: impl Write) -> io::Result<()> {
    let line = EndpointLine { schema_version: SCHEMA_VERSION.to_owned(), endpoint };
    line.serialize(&mut Serializer::with_formatter(&mut writer, OneLine))?;
    writer.write_all(b"\n")
}

/// The line of an endpoint.
fn line(endpoint: EndpointResult) -> String {
    let mut bytes = Vec::new();
    write(endpoint, &mut bytes).expect("writing to a vector cannot fail, and all keys are strings");
    String::from_utf8(bytes).expect("the serializer writes UTF-8")
}

/// Renders the lines of all endpoints.
pub fn render(inventory: &Inventory) -> Rendered {
    let text = inventory.endpoints.iter().cloned().map(line).collect();
    Rendered { text, notes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Host};

    use super::line;

    #[test]
    fn a_line_has_the_endpoint_and_the_schema_version_and_one_line_break() {
        let names = "a\nb\r\u{85}c\u{2028}d\u{2029}e\u{202e}\u{1b}é";
        let endpoint = EndpointResult {
            status: EndpointStatus::Complete,
            hosts: vec![Host { memory_bytes: Some(u64::MAX), ..Host::new("1", names) }],
            ..EndpointResult::new("e".into(), None, None)
        };
        let text = line(endpoint.clone());
        let body = text.strip_suffix('\n').expect("a line break at its end");
        assert!(!body.contains(|c: char| c.is_control() || "\u{2028}\u{2029}\u{202e}".contains(c)));
        assert!(body.starts_with("{\"schemaVersion\":\"1.8\",\"id\":\"e\","), "{body}");
        let mut read: serde_json::Value = serde_json::from_str(body).expect("JSON");
        read.as_object_mut().expect("an object").remove("schemaVersion");
        assert_eq!(read, serde_json::to_value(&endpoint).expect("a value"));
    }
}
