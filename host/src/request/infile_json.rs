//! Parses the infile's JSON: the list of endpoints, and the members of each endpoint.
//!
//! Values are kept as text, so that numbers beyond 2^53 keep their digits and duplicate keys are noticed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::infile_text::InfileText;

/// The expected content, for messages.
const EXPECTED: &str = "a JSON list of endpoints, such as [{\"id\": \"lab\", \"module\": \"File\", \"url\": \"/srv/hosts.json\"}]";

/// The infile is not a list of endpoints.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// It is empty.
    #[error("is empty: expected {EXPECTED}")]
    Empty,
    /// It is not JSON.
    #[error("is not JSON: {problem} at line {line} column {column}; expected {EXPECTED}")]
    Syntax {
        /// The message of the parser.
        problem: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is JSON, but not a list of objects.
    #[error(
        "is not a list of endpoints: {found} at line {line} column {column}; expected {EXPECTED}"
    )]
    Shape {
        /// The kind of value that was found.
        found: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// Decodes the infile. The boolean is true if it is not UTF-8 and was read as ISO-8859-1. (The JVM that writes it uses
/// its default charset.)
pub fn decode(bytes: Vec<u8>) -> (String, bool) {
    let (text, is_latin) = match String::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => (error.into_bytes().into_iter().map(char::from).collect(), true),
    };
    match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest.to_owned(), is_latin),
        None => (text, is_latin),
    }
}

/// Parses the endpoints of an infile.
pub fn objects<'a>(infile: &'a InfileText<'_>) -> Result<Vec<RawObject<'a>>, RequestError> {
    let text = infile.as_str();
    let start = text.trim_start_matches([' ', '\t', '\r', '\n']);
    if start.is_empty() {
        return Err(RequestError::Empty);
    }
    let syntax = |error: &serde_json::Error, piece: &str| {
        let (line, column) = position_in(text, piece, error.line(), error.column());
        RequestError::Syntax { problem: problem(error), line, column }
    };
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| syntax(&error, text))?;
    let items: Vec<&RawValue> = match kind(whole.get()) {
        "a list" => {
            serde_json::from_str(whole.get()).map_err(|error| syntax(&error, whole.get()))?
        }
        "an object" => {
            let object: RawObject<'_> =
                serde_json::from_str(whole.get()).map_err(|error| syntax(&error, whole.get()))?;
            // The list in an object, as other programs expect it.
            if object.value("module") == Value::Unset
                && let Value::List(_) = object.value("endpoints")
            {
                return Err(shape(infile, whole.get(), "an object with a list \"endpoints\""));
            }
            vec![whole]
        }
        found => return Err(shape(infile, whole.get(), found)),
    };
    items
        .into_iter()
        .map(|item| match kind(item.get()) {
            "an object" => {
                let object: RawObject<'_> =
                    serde_json::from_str(item.get()).map_err(|error| syntax(&error, item.get()))?;
                let not_json = infile.not_json_in(item.get()).map(|(at, word)| {
                    let (line, column) = position_in(text, &text[at..], 1, 1);
                    format!("{word} is not JSON (line {line}, column {column})")
                });
                Ok(RawObject { not_json, ..object })
            }
            found => Err(shape(infile, item.get(), found)),
        })
        .collect()
}

/// The message of serde without the position, which is relative to a part of the text. Messages of syntax errors do not
/// quote the text.
fn problem(error: &serde_json::Error) -> String {
    if error.is_data() {
        return "a member cannot be read".to_owned();
    }
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The error for a value of the wrong kind.
fn shape(infile: &InfileText<'_>, piece: &str, found: &'static str) -> RequestError {
    let (line, column) = position_in(infile.as_str(), piece, 1, 1);
    let found = if infile.not_json_in(piece).is_some() { "a number" } else { found };
    RequestError::Shape { found, line, column }
}

/// Converts a position in a part of the text to the position in the whole text.
fn position_in(text: &str, piece: &str, line: usize, column: usize) -> (usize, usize) {
    let offset = piece.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let before = text.get(..offset).unwrap_or_default();
    let lines = before.matches('\n').count();
    let last = before.rsplit('\n').next().unwrap_or_default().len();
    (lines + line, if line == 1 { last + column } else { column })
}

/// The kind of a JSON value, by its first character.
fn kind(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The value of a member.
#[derive(Debug, PartialEq)]
pub enum Value<'a> {
    /// Absent, null or "".
    Unset,
    /// A string.
    Text(String),
    /// A number, as it is written.
    Number(&'a str),
    /// true or false.
    Boolean(bool),
    /// A list.
    List(Vec<Value<'a>>),
    /// An object, which may be a reference.
    Object(RawObject<'a>),
    /// A string with half of a surrogate pair, or a list in a list.
    Unreadable,
}

impl<'a> Value<'a> {
    fn of(raw: &'a RawValue) -> Self {
        let json = raw.get();
        match kind(json) {
            "null" => Self::Unset,
            "a boolean" => Self::Boolean(json == "true"),
            "a number" => Self::Number(json),
            "a string" => match serde_json::from_str::<String>(json) {
                Ok(text) if text.is_empty() => Self::Unset,
                Ok(text) => Self::Text(text),
                Err(_) => Self::Unreadable,
            },
            "a list" => Self::list(json),
            _ => serde_json::from_str(json).map_or(Self::Unreadable, Self::Object),
        }
    }

    /// Parses a list. Nested lists are not parsed, because no parameter needs them and a hostile infile may nest them
    /// deeply.
    fn list(json: &'a str) -> Self {
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) else {
            return Self::Unreadable;
        };
        let item = |item: &'a RawValue| match kind(item.get()) {
            "a list" => Self::Unreadable,
            _ => Self::of(item),
        };
        Self::List(items.into_iter().map(item).collect())
    }
}

/// An object with its members in their order.
#[derive(Debug, Default)]
pub struct RawObject<'a> {
    members: Vec<(String, &'a RawValue)>,
    /// The index of each name in `members`, except for names that cannot be read.
    indices: HashMap<String, usize>,
    duplicates: Vec<String>,
    /// The first number in an endpoint that is not JSON, with its position.
    not_json: Option<String>,
}

impl PartialEq for RawObject<'_> {
    fn eq(&self, other: &Self) -> bool {
        let texts = |object: &Self| -> Vec<_> {
            object.members.iter().map(|(name, raw)| (name.clone(), raw.get().to_owned())).collect()
        };
        texts(self) == texts(other)
    }
}

impl<'a> RawObject<'a> {
    /// The value of a member. If its name is duplicated, the last value.
    pub fn value(&self, key: &str) -> Value<'a> {
        self.indices.get(key).map_or(Value::Unset, |index| Value::of(self.members[*index].1))
    }

    /// The JSON of a member. If its name is duplicated, the last one.
    pub fn json(&self, key: &str) -> Option<&'a str> {
        self.indices.get(key).map(|index| self.members[*index].1.get())
    }

    /// The first number in an endpoint that is not JSON, with its position, as a message.
    pub fn not_json(&self) -> Option<&str> {
        self.not_json.as_deref()
    }

    /// The members in their order, without duplicates.
    pub fn members(&self) -> impl Iterator<Item = (&str, Value<'a>)> {
        self.members.iter().map(|(name, raw)| (name.as_str(), Value::of(raw)))
    }

    /// The names in their order, without duplicates.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    /// The duplicate names; at most [`DUPLICATES_SHOWN`].
    pub fn duplicates(&self) -> impl Iterator<Item = &str> {
        self.duplicates.iter().map(String::as_str)
    }

    fn add(&mut self, MemberName { text: name, is_readable }: MemberName, raw: &'a RawValue) {
        if !is_readable {
            self.members.push((name, raw));
        } else if let Some(index) = self.indices.get(&name) {
            self.members[*index].1 = raw;
            if !self.duplicates.contains(&name) && self.duplicates.len() < DUPLICATES_SHOWN {
                self.duplicates.push(name);
            }
        } else {
            self.indices.insert(name.clone(), self.members.len());
            self.members.push((name, raw));
        }
    }
}

/// The name of a member. Half of a surrogate pair in it is replaced instead of rejecting the whole request; such a name is
/// not a parameter, and not a duplicate of another.
struct MemberName {
    text: String,
    is_readable: bool,
}

impl<'de> Deserialize<'de> for MemberName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = MemberName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<MemberName, E> {
                let text = String::from_utf8_lossy(bytes);
                let is_readable = matches!(text, Cow::Borrowed(_));
                Ok(MemberName { text: text.into_owned(), is_readable })
            }
        }
        deserializer.deserialize_bytes(NameVisitor)
    }
}

/// The maximum number of duplicate names of one object that are reported.
const DUPLICATES_SHOWN: usize = 20;

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = RawObject::default();
                while let Some((name, raw)) = map.next_entry::<MemberName, &'de RawValue>()? {
                    object.add(name, raw);
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::{InfileText, RequestError, Value, decode};

    fn objects(text: &'static str) -> Result<Vec<super::RawObject<'static>>, RequestError> {
        super::objects(Box::leak(Box::new(InfileText::new(text))))
    }

    /// The position in the error.
    fn position(text: &'static str) -> (usize, usize) {
        match objects(text).expect_err("not a request") {
            RequestError::Syntax { line, column, .. }
            | RequestError::Shape { line, column, .. } => (line, column),
            RequestError::Empty => (0, 0),
        }
    }

    #[test]
    fn rejects_everything_except_a_list_of_objects_with_the_position() {
        assert_eq!(objects(" \n"), Err(RequestError::Empty));
        assert_eq!(position("[{},\n  12]"), (2, 3));
        assert_eq!(position("\"x\""), (1, 1));
        assert_eq!(position("[{},\n{\"a\": tru}]"), (2, 10));
        assert_eq!(position("[{}"), (1, 3));
        assert_eq!(position("[null]"), (1, 2));
        assert_eq!(position("[{}] x"), (1, 6));
    }

    #[test]
    fn errors_do_not_quote_the_infile() {
        for text in ["hunter2", "[\"hunter2\"]", "[{\"password\": hunter2}]", "[{\"hunter2\"}]"] {
            let message = objects(text).expect_err(text).to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn accepts_a_single_object_and_uses_the_last_value_of_a_duplicate_key() {
        let text = "{\"id\": 90071992547409931, \"a\": 1, \"a\": \"\", \"n\": null}";
        let objects = objects(text).expect("a request");
        assert_eq!(objects.len(), 1);
        assert_eq!(objects[0].value("id"), Value::Number("90071992547409931"));
        assert_eq!(objects[0].value("a"), Value::Unset);
        assert_eq!(objects[0].duplicates().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_number_that_is_not_json_affects_only_its_endpoint() {
        let text = "[{\"id\": \"a\", \"x\": NaN},\n {\"id\": \"NaN\", \"n\": 1e999, \"m\": -1},\n \
                    {\"id\": -Infinity, \"x\": [[Infinity]], \"y\": \"\\\"NaN\"}]";
        let objects = objects(text).expect("a request");
        assert_eq!(objects[0].not_json(), Some("NaN is not JSON (line 1, column 19)"));
        assert_eq!(objects[0].value("id"), Value::Text("a".to_owned()));
        assert_eq!(objects[1].not_json(), None);
        assert_eq!(objects[1].value("n"), Value::Number("1e999"));
        assert_eq!(objects[2].not_json(), Some("-Infinity is not JSON (line 3, column 9)"));
        assert_eq!(objects[2].value("id"), Value::Unset);
        assert_eq!(objects[2].value("y"), Value::Text("\"NaN".to_owned()));
        assert_eq!(position("[{},\n NaN]"), (2, 2));
        assert_eq!(position("[{\"a\": NaN, \"b\": nil}]"), (1, 19));
        assert_eq!(position("[{\"a\": NaNs}]"), (1, 11));
        assert!(matches!(self::objects("NaN"), Err(RequestError::Shape { found: "a number", .. })));
    }

    #[test]
    fn half_a_surrogate_pair_affects_only_its_member() {
        let objects = objects(r#"[{"\ud800": 1, "a\u00e9": "\ud800", "id": "x"}]"#);
        let objects = objects.expect("a request");
        assert_eq!(objects[0].value("id"), Value::Text("x".to_owned()));
        assert_eq!(objects[0].value("aé"), Value::Unreadable);
    }

    #[test]
    fn names_that_cannot_be_read_are_not_duplicates() {
        let objects = objects(r#"[{"\ud800": "a", "\ud801": "b", "id": "x"}]"#);
        let objects = objects.expect("a request");
        assert_eq!(objects[0].duplicates().count(), 0);
        let texts: Vec<_> = objects[0].members().map(|(_, value)| value).collect();
        assert_eq!(texts, ["a", "b", "x"].map(|text| Value::Text(text.to_owned())));
    }

    #[test]
    fn decodes_latin_1_and_skips_a_byte_order_mark() {
        assert_eq!(decode(b"caf\xe9".to_vec()), ("café".to_owned(), true));
        assert_eq!(decode("\u{feff}[]".as_bytes().to_vec()), ("[]".to_owned(), false));
    }
}
