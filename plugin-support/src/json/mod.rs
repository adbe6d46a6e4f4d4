//! Strict parsing of untrusted JSON. A duplicate key in an object is an error, because it is unclear
//! which value is meant, and a Manager would delete a host that gets lost. Errors give the position and
//! never quote a value.

mod parser;

use std::fmt;

use gatherer_plugin_api::GatherError;
use serde::de::DeserializeOwned;
use serde_json::Number;

use self::parser::{Parser, SyntaxError};

/// A JSON value. The members of an object are in the document's order and have unique names, except for names that cannot
/// be read ([`UnreadableValue::is_about_name`]).
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in its own notation: 2400 and 2400.0 differ.
    Number(Number),
    /// The text of a number that [`Number`] would print differently: a whole number of more than 64 bits, or one in
    /// another notation (`1e3`).
    LossyNumber(Box<str>),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
    /// A value, or a member with a name, that is not JSON or cannot be represented. Only
    /// [`parse_keeping_unreadable`] returns it.
    Unreadable(UnreadableValue),
}

/// Why a value of a document cannot be read, and where it begins. As text it follows "is ignored: " or
/// "cannot be read: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadableValue {
    problem: Problem,
    line: u32,
    column: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    NotANumber,
    Infinity,
    NumberTooLarge,
    HalfSurrogate,
    HalfSurrogateInName,
}

impl UnreadableValue {
    /// Whether the name of the member cannot be read. Then the name in the object is a replacement.
    pub fn is_about_name(&self) -> bool {
        self.problem == Problem::HalfSurrogateInName
    }
}

impl fmt::Display for UnreadableValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = match self.problem {
            Problem::NotANumber => "it is NaN, which is not JSON",
            Problem::Infinity => "it is Infinity, which is not JSON",
            Problem::NumberTooLarge => "the number is too large",
            Problem::HalfSurrogate => "the string has half of a surrogate pair",
            Problem::HalfSurrogateInName => "its name has half of a surrogate pair",
        };
        write!(formatter, "{problem} (line {}, column {})", self.line, self.column)
    }
}

impl Json {
    /// The type of the value with its article, for messages like "must be a string, but is an array".
    pub fn article(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) | Self::LossyNumber(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
            Self::Unreadable(_) => "a value that cannot be read",
        }
    }

    /// The member with this name, if this is an object that has one.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Object(members) => member(members, name),
            _ => None,
        }
    }
}

impl From<Json> for serde_json::Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null | Json::Unreadable(_) => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::Number(number),
            Json::LossyNumber(text) => serde_json::from_str(&text).unwrap_or(Self::Null),
            Json::Text(text) => Self::String(text),
            Json::Array(items) => items.into_iter().map(Self::from).collect(),
            Json::Object(members) => {
                members.into_iter().map(|(name, value)| (name, Self::from(value))).collect()
            }
        }
    }
}

/// The member with this name.
pub fn member<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// Quotes a key of a document for a message: escaped, and truncated if it is long.
pub fn quote(key: &str) -> String {
    const MAX_CHARS: usize = 80;
    match key.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{:?}...", &key[..end]),
        None => format!("{key:?}"),
    }
}

/// The name of an object for a warning: truncated if it is very long, because an object can have many warnings.
pub fn shorten_name(name: &str) -> String {
    const MAX_BYTES: usize = 1024;
    if name.len() <= MAX_BYTES {
        return name.to_owned();
    }
    format!("{}...", &name[..name.floor_char_boundary(MAX_BYTES)])
}

/// Parses a document: UTF-8 with or without a byte order mark, nested at most 127 levels deep. The
/// caller must limit its size. `subject` names the document in messages.
///
/// ```
/// use gatherer_plugin_support::json::parse;
/// let error = parse(br#"{"a": {"b": "hunter2", "b": 1}}"#, "the list").unwrap_err();
/// assert_eq!(error.message, "the list: duplicate key \"b\" in \"a\" (line 1, column 26)");
/// ```
pub fn parse(bytes: &[u8], subject: &str) -> Result<Json, GatherError> {
    parse_text(bytes, subject, false)
}

/// Parses a document as [`parse`] does, but keeps values that cannot be read as [`Json::Unreadable`], so that the caller
/// can ignore them: `NaN` and `Infinity`, which Python writes, numbers beyond 64-bit floating point, and strings and names
/// with half of a surrogate pair. Such a name is replaced, and its value is unreadable.
///
/// ```
/// use gatherer_plugin_support::json::{Json, parse_keeping_unreadable};
/// let json = parse_keeping_unreadable(br#"{"a": NaN, "b": 1}"#, "the list").unwrap();
/// assert!(matches!(json.get("a"), Some(Json::Unreadable(_))));
/// ```
pub fn parse_keeping_unreadable(bytes: &[u8], subject: &str) -> Result<Json, GatherError> {
    parse_text(bytes, subject, true)
}

fn parse_text(bytes: &[u8], subject: &str, keeps_unreadable: bool) -> Result<Json, GatherError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let position = error.valid_up_to() + 1;
        GatherError::protocol(format!("{subject}: not valid UTF-8 at byte {position}"))
            .with_hint("save the document as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(GatherError::protocol(format!("{subject}: it is empty")));
    }
    let mut parser = Parser::new(text, keeps_unreadable);
    parser.document().map_err(|error| {
        let (at, why) = match error {
            SyntaxError::Truncated => (text.len() - 1, "the JSON is truncated".to_owned()),
            SyntaxError::TooDeep { at } => {
                (at, "the JSON is nested more than 127 levels deep".to_owned())
            }
            SyntaxError::Invalid { at } => (at, "not valid JSON".to_owned()),
            SyntaxError::DuplicateKey { key, parents, at } if parents.is_empty() => {
                (at, format!("duplicate key {key}"))
            }
            SyntaxError::DuplicateKey { key, mut parents, at } => {
                parents.reverse();
                (at, format!("duplicate key {key} in {}", parents.join(", ")))
            }
        };
        let (line, column) = parser.position(at);
        let is_duplicate = why.starts_with("duplicate key");
        let error =
            GatherError::protocol(format!("{subject}: {why} (line {line}, column {column})"));
        if is_duplicate {
            return error.with_hint("the keys of an object must be unique");
        }
        error
    })
}

/// Parses a document as [`parse`] does, and deserializes it.
///
/// ```
/// use gatherer_plugin_support::json::read;
/// let error = read::<Vec<u8>>(br#"["hunter2"]"#, "the list").unwrap_err();
/// assert_eq!(error.message, "the list: a value has the wrong type");
/// ```
pub fn read<T: DeserializeOwned>(bytes: &[u8], subject: &str) -> Result<T, GatherError> {
    serde_json::from_value(parse(bytes, subject)?.into()).map_err(|error| {
        let text = error.to_string();
        // serde's messages quote the values that it read, except those about a missing field.
        let why = if text.starts_with("missing field") {
            text.as_str()
        } else {
            "a value has the wrong type"
        };
        GatherError::protocol(format!("{subject}: {why}"))
    })
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use serde_json::Number;

    use super::{Json, parse, parse_keeping_unreadable};

    fn message(bytes: &[u8]) -> String {
        let error = parse(bytes, "x").expect_err("an error");
        assert_eq!(error.kind, ErrorKind::Protocol);
        error.message
    }

    #[test]
    fn accepts_a_byte_order_mark() {
        assert_eq!(parse(b"\xef\xbb\xbf{}", "x").expect("JSON"), Json::Object(Vec::new()));
    }

    #[test]
    fn names_a_duplicate_key_with_its_position() {
        let nested = message(br#"{"m": {"kvm1": {"vms": {"web": "1", "web": "2"}}}}"#);
        let parts = ["\"web\"", "\"m\", \"kvm1\", \"vms\"", "line 1, column 41"];
        assert!(parts.iter().all(|part| nested.contains(part)), "{nested}");
        assert!(message(br#"{"a": 1, "\u0061": 2}"#).contains("\"a\""));
        assert!(parse(br#"[{"a": 1}, {"a": 1}]"#, "x").is_ok());
    }

    #[test]
    fn finds_a_duplicate_key_in_an_object_of_any_size() {
        for size in [2, 15, 16, 17, 18, 40, 2_000] {
            let members: Vec<_> = (0..size).map(|n| format!("\"k{n}\": {n}")).collect();
            let members = members.join(", ");
            assert!(parse(format!("{{{members}}}").as_bytes(), "x").is_ok(), "{size}");
            for key in [0, size / 2, size - 1] {
                let message = message(format!("{{{members}, \"k{key}\": 1}}").as_bytes());
                assert!(message.contains(&format!("duplicate key \"k{key}\"")), "{message}");
            }
        }
    }

    #[test]
    fn errors_give_the_position_and_do_not_quote_the_content() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let messages = [
            "{\"a\": hunter2}",
            "{\"a\": \"hunter2",
            "{} hunter2",
            "{\"a\": NaN}",
            "{\"a\": {\"b\": \"hunter2\", \"b\": 1}}",
            " \n",
            &deep,
        ];
        let mut messages: Vec<_> = messages.iter().map(|text| message(text.as_bytes())).collect();
        messages.push(message(b"{\"\xff\": 1}"));
        let messages = messages.join("\n");
        assert!(!messages.contains("hunter2"), "{messages}");
        insta::assert_snapshot!(messages);
    }

    #[test]
    fn ten_thousand_levels_do_not_overflow_the_stack() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            assert!(message(text.as_bytes()).contains("127"));
        }
    }

    #[test]
    fn a_number_that_would_be_printed_differently_keeps_its_text() {
        for text in ["18446744073709551616", "-9223372036854775809", "1e3", "1.50", "-0", "1E-7"] {
            let json = parse(text.as_bytes(), "x").expect("JSON");
            assert_eq!(json, Json::LossyNumber(text.into()), "{text}");
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(serde_json::Value::from(json), value);
        }
        for text in ["0", "-1", "1.5", "2400.0", "18446744073709551615", "-9223372036854775808"] {
            let number: Number = serde_json::from_str(text).expect("JSON");
            assert_eq!(parse(text.as_bytes(), "x").expect("JSON"), Json::Number(number));
        }
    }

    #[test]
    fn keeps_unreadable_values_with_their_position_only_on_request() {
        let values =
            ["NaN", "Infinity", "-Infinity", "1e999", r#""x\ud800""#, r#""\udc00\ud800y""#];
        let mut messages = Vec::new();
        for value in values {
            let text = format!("{{\"a\":\n  [1, {value}], \"b\": 2}}");
            assert!(message(text.as_bytes()).contains("not valid JSON (line 2"), "{text}");
            let json = parse_keeping_unreadable(text.as_bytes(), "x").expect("JSON");
            assert_eq!(json.get("b"), Some(&Json::Number(2.into())));
            let Some(Json::Array(items)) = json.get("a") else { panic!("{json:?}") };
            let Json::Unreadable(value) = items[1] else { panic!("{json:?}") };
            messages.push(value.to_string());
        }
        let text = br#"{"\ud800": 1, "\udbff": 2}"#;
        assert!(parse(text, "x").is_err());
        let Json::Object(members) = parse_keeping_unreadable(text, "x").expect("JSON") else {
            panic!("not an object");
        };
        for (_, value) in members {
            let Json::Unreadable(value) = value else { panic!("{value:?}") };
            messages.push(value.to_string());
        }
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn a_replaced_name_is_not_a_duplicate() {
        let before: Vec<_> = (0..20).map(|index| format!("\"k{index}\": 1, ")).collect();
        for before in ["", &before.concat()] {
            let text = format!(
                "{{{before}\"\\ud800\": 1, \"\\ud801\": 2, \"\u{fffd}\": 3, \"\\ud802\": 4}}"
            );
            let json = parse_keeping_unreadable(text.as_bytes(), "x").expect(&text);
            let Json::Object(members) = json else { panic!("not an object") };
            let is_replaced =
                |value: &Json| matches!(value, Json::Unreadable(value) if value.is_about_name());
            assert_eq!(members.iter().filter(|(_, value)| is_replaced(value)).count(), 3);
            let text = format!("{{{before}\"\u{fffd}\": 3, \"\\ud800\": 1, \"\u{fffd}\": 3}}");
            let error = parse_keeping_unreadable(text.as_bytes(), "x").expect_err(&text);
            assert!(error.message.contains("duplicate key"), "{error}");
        }
    }

    #[test]
    fn accepts_and_rejects_what_serde_json_does() {
        for text in [
            "[]",
            "[1]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "{\"a\":}",
            "01",
            "1.",
            ".5",
            "+1",
            "-",
            "1e",
            "1e+",
            "--1",
            "1-2",
            "tru",
            "truex",
            "nul",
            "\"\\u12\"",
            "\"\\x\"",
            "\"a\nb\"",
            "\"\\",
            "\"",
            "[",
            "{",
            "{\"a",
            "[1]]",
            "\u{a0}1",
            "\"\\ud83d\\ude00\"",
            " [ 1 , \"a\\n\" ] \r\n\t",
            "é",
            "\"é\"",
            "-é",
            "1é",
            "\"\\é\"",
        ] {
            let theirs = serde_json::from_str::<serde_json::Value>(text);
            match parse(text.as_bytes(), "x") {
                Ok(json) => assert_eq!(serde_json::Value::from(json), theirs.expect(text)),
                Err(_) => assert!(theirs.is_err(), "{text}"),
            }
        }
    }
}
