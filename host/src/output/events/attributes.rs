//! The attributes of an event, and the texts in them.

use std::fmt::Write as _;

use gatherer_plugin_api::model::Timestamp;
use serde::Serialize;

use crate::output::changes::Change;

/// An event. `round` and `snapshot` are extension attributes, whose names may have only lower-case letters and digits.
#[derive(Serialize)]
pub struct Attributes<T> {
    pub specversion: &'static str,
    pub id: String,
    pub source: String,
    pub r#type: String,
    pub time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub datacontenttype: &'static str,
    pub round: u64,
    /// Whether the event only tells that the object exists, because the endpoint was seen for the first time.
    #[serde(skip_serializing_if = "is_false")]
    pub snapshot: bool,
    pub data: T,
}

/// The source of an endpoint's events, a URI reference.
pub fn source(endpoint: &str) -> String {
    let mut source = String::from("/virtual-host-gatherer/endpoints/");
    for byte in endpoint.bytes() {
        // The characters that RFC 3986 calls unreserved.
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            source.push(char::from(byte));
        } else {
            let _ = write!(source, "%{byte:02X}");
        }
    }
    source
}

/// The subject of a change's event: the kind, and the id of the object, or its name if it has no id. Characters that an
/// attribute must not have are percent-encoded.
pub fn subject(change: &Change) -> String {
    let text = if change.id.is_empty() { &change.name } else { &change.id };
    let mut subject = format!("{}/", change.object.as_str());
    for character in text.chars() {
        if is_allowed(character) {
            subject.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(subject, "%{byte:02X}");
            }
        }
    }
    subject
}

/// Whether a character is allowed in an attribute (CloudEvents 1.0, type system), and is not one of our separators.
fn is_allowed(character: char) -> bool {
    let code = u32::from(character);
    let is_noncharacter = code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code);
    !character.is_control() && !is_noncharacter && !matches!(character, '%' | '#')
}

/// Makes serde omit a flag that is `false`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}
