//! Reading JSON that nobody vouches for: an error says where, and never quotes what was read.

use gatherer_plugin_api::GatherError;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Parses a document that is already in memory, its size capped by whoever read it. Nesting beyond
/// 128 levels is an error. `what` names the document in messages.
///
/// ```
/// let error = gatherer_plugin_support::json::parse::<u8>(b"\n \"hunter2\"", "the answer").unwrap_err();
/// assert_eq!(error.message, "the answer: line 2 column 10: another type than u8");
/// ```
pub fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, GatherError> {
    serde_json::from_slice(bytes)
        .map_err(|error| GatherError::protocol(format!("{what}: {}", describe(bytes, &error))))
}

/// One line about a parse error of serde_json's: `line L column C: ...`.
pub fn describe(bytes: &[u8], error: &serde_json::Error) -> String {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return "it is empty".to_owned();
    }
    let place = format!("line {} column {}", error.line(), error.column());
    if let Err(utf8) = std::str::from_utf8(bytes) {
        // Where serde_json notices it is some bytes later.
        let before = &bytes[..utf8.valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        let column = before.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) + 1;
        return format!("line {line} column {column}: not UTF-8");
    }
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    match error.classify() {
        Category::Eof => format!("{place}: it ends in the middle"),
        Category::Syntax if text == "recursion limit exceeded" => {
            format!("{place}: nested too deep")
        }
        // These texts are serde_json's own constants.
        Category::Syntax => format!("{place}: not JSON: {text}"),
        Category::Data | Category::Io => format!("{place}: {}", describe_data(error)),
    }
}

/// serde quotes the value that it read; what it wanted instead comes from our own types, and last.
fn describe_data(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if text.starts_with("missing field ") || text.starts_with("duplicate field ") {
        return text.to_owned();
    }
    let wanted = text.rsplit_once(", expected ").map(|(_, wanted)| wanted);
    match wanted {
        Some(wanted) if text.starts_with("invalid type") => format!("another type than {wanted}"),
        Some(wanted) if text.starts_with("invalid length") => {
            format!("another length than {wanted}")
        }
        Some(wanted) => format!("a value that is not {wanted}"),
        None => "a value that does not fit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Known,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Document {
        #[expect(dead_code, reason = "read by nobody")]
        number: u8,
    }

    fn message<T: DeserializeOwned + std::fmt::Debug>(text: &[u8]) -> String {
        parse::<T>(text, "x").expect_err("wrong").message
    }

    #[test]
    fn an_error_never_quotes_a_value() {
        for text in ["\"hunter2\"", "{\"number\": \"hunter2, expected hunter2 at line 1\"}"] {
            let message = message::<Document>(text.as_bytes());
            assert!(!message.contains("hunter2"), "{message}");
        }
        let message = message::<Word>(b"\"hunter2\"");
        assert_eq!(message, "x: line 1 column 9: a value that is not `known`");
        assert!(matches!(parse::<Word>(b"\"known\"", "x"), Ok(Word::Known)));
    }

    #[test]
    fn each_fault_has_its_own_words() {
        let deep = "[".repeat(10_000);
        for (text, expected) in [
            (&b" \n"[..], "x: it is empty"),
            (b"{\"number\":", "x: line 1 column 10: it ends in the middle"),
            (b"{\"number\": 1,}", "x: line 1 column 14: not JSON: trailing comma"),
            (b"{}", "x: line 1 column 2: missing field `number`"),
            (b"{\n\"a\": \"\xff\"}", "x: line 2 column 7: not UTF-8"),
        ] {
            assert_eq!(message::<Document>(text), expected);
        }
        assert_eq!(
            message::<serde_json::Value>(deep.as_bytes()),
            "x: line 1 column 128: nested too deep"
        );
    }
}
