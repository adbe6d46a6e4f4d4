//! The infile's JSON: its bytes, its outermost shape, and the members of each endpoint.
//!
//! Values are kept as the text that they were written in: a number beyond 2^53 keeps its
//! digits, and a key that stands twice is seen.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What the infile should have been.
const EXPECTED: &str = "a JSON list of endpoints, such as [{\"id\": \"lab\", \"module\": \"File\", \"url\": \"/srv/hosts.json\"}]";

/// Why an infile is none: one sentence.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// There is nothing in it.
    #[error("the infile is empty: expected {EXPECTED}")]
    Empty,
    /// It is not JSON.
    #[error(
        "the infile is not JSON: {problem} at line {line} column {column}; expected {EXPECTED}"
    )]
    Syntax {
        /// The parser's words.
        problem: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// It is JSON of another shape.
    #[error(
        "the infile is not a list of endpoints: {what} at line {line} column {column}; expected {EXPECTED}"
    )]
    Shape {
        /// What stands there.
        what: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

/// The infile's text, and whether it had to be read as ISO-8859-1: the JVM that writes it
/// uses its default charset.
pub fn decode(bytes: Vec<u8>) -> (String, bool) {
    let (text, latin) = match String::from_utf8(bytes) {
        Ok(text) => (text, false),
        Err(error) => (error.into_bytes().into_iter().map(char::from).collect(), true),
    };
    match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest.to_owned(), latin),
        None => (text, latin),
    }
}

/// The endpoints of an infile.
pub fn objects(text: &str) -> Result<Vec<RawObject<'_>>, RequestError> {
    let start = text.trim_start_matches([' ', '\t', '\r', '\n']);
    if start.is_empty() {
        return Err(RequestError::Empty);
    }
    let syntax = |error: &serde_json::Error, piece: &str| {
        let (line, column) = place_in(text, piece, error.line(), error.column());
        RequestError::Syntax { problem: problem(error), line, column }
    };
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| syntax(&error, text))?;
    let items: Vec<&RawValue> = match kind(whole.get()) {
        "a list" => {
            serde_json::from_str(whole.get()).map_err(|error| syntax(&error, whole.get()))?
        }
        "an object" => vec![whole],
        what => return Err(shape(text, whole.get(), what)),
    };
    items
        .into_iter()
        .map(|item| match kind(item.get()) {
            "an object" => {
                serde_json::from_str(item.get()).map_err(|error| syntax(&error, item.get()))
            }
            what => Err(shape(text, item.get(), what)),
        })
        .collect()
}

/// serde's words without its place, which is relative to a piece. Syntax errors quote nothing.
fn problem(error: &serde_json::Error) -> String {
    if error.is_data() {
        return "a member cannot be read".to_owned();
    }
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn shape(text: &str, piece: &str, what: &'static str) -> RequestError {
    let (line, column) = place_in(text, piece, 1, 1);
    RequestError::Shape { what, line, column }
}

/// The place in the whole text of a place in a piece of it.
fn place_in(text: &str, piece: &str, line: usize, column: usize) -> (usize, usize) {
    let offset = piece.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let before = text.get(..offset).unwrap_or_default();
    let lines = before.matches('\n').count();
    let last = before.rsplit('\n').next().unwrap_or_default().len();
    (lines + line, if line == 1 { last + column } else { column })
}

/// What a JSON text is, by its first character.
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

/// One member's value, as it was written.
#[derive(Debug, PartialEq)]
pub enum Value<'a> {
    /// Absent, null or "".
    Unset,
    /// Text.
    Text(String),
    /// A number's own digits.
    Number(&'a str),
    /// true or false.
    Boolean(bool),
    /// A list's items.
    List(Vec<Value<'a>>),
    /// An object: a reference, perhaps.
    Object(RawObject<'a>),
    /// Text with half a surrogate pair, a list in a list.
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

    /// Not deeper than one list: no parameter is, and a hostile infile may be.
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

/// The members of an object, in their order.
#[derive(Debug, Default)]
pub struct RawObject<'a> {
    members: Vec<(String, &'a RawValue)>,
    /// Where a name stands in `members`.
    places: HashMap<String, usize>,
    repeated: Vec<String>,
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
    /// The value of a member; of several of one name, the last.
    pub fn value(&self, key: &str) -> Value<'a> {
        self.places.get(key).map_or(Value::Unset, |place| Value::of(self.members[*place].1))
    }

    /// The names, each once, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    /// The names that stand more than once.
    pub fn repeated(&self) -> impl Iterator<Item = &str> {
        self.repeated.iter().map(String::as_str)
    }

    fn add(&mut self, name: String, raw: &'a RawValue) {
        if let Some(place) = self.places.get(&name) {
            self.members[*place].1 = raw;
            if !self.repeated.contains(&name) && self.repeated.len() < REPEATED_SHOWN {
                self.repeated.push(name);
            }
        } else {
            self.places.insert(name.clone(), self.members.len());
            self.members.push((name, raw));
        }
    }
}

/// A member's name. Half of a surrogate pair in it is no reason to refuse the whole request:
/// it is replaced, and so names no parameter.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Name, E> {
                Ok(Name(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// How many repeated names of one object are told.
const REPEATED_SHOWN: usize = 20;

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = RawObject::default();
                while let Some((Name(name), raw)) = map.next_entry::<_, &'de RawValue>()? {
                    object.add(name, raw);
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestError, Value, decode, objects};

    fn place(text: &str) -> (usize, usize) {
        match objects(text).expect_err("no request") {
            RequestError::Syntax { line, column, .. }
            | RequestError::Shape { line, column, .. } => (line, column),
            RequestError::Empty => (0, 0),
        }
    }

    #[test]
    fn what_is_no_list_of_objects_is_refused_with_its_place() {
        assert_eq!(objects(" \n"), Err(RequestError::Empty));
        assert_eq!(place("[{},\n  12]"), (2, 3));
        assert_eq!(place("\"x\""), (1, 1));
        assert_eq!(place("[{},\n{\"a\": tru}]"), (2, 10));
        assert_eq!(place("[{}"), (1, 3));
        assert_eq!(place("[null]"), (1, 2));
        assert_eq!(place("[{}] x"), (1, 6));
    }

    #[test]
    fn an_error_quotes_nothing_of_the_infile() {
        for text in ["hunter2", "[\"hunter2\"]", "[{\"password\": hunter2}]", "[{\"hunter2\"}]"] {
            let message = objects(text).expect_err(text).to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn one_object_is_a_list_of_one_and_the_last_of_a_name_holds() {
        let text = "{\"id\": 90071992547409931, \"a\": 1, \"a\": \"\", \"n\": null}";
        let objects = objects(text).expect("a request");
        assert_eq!(objects.len(), 1);
        assert_eq!(objects[0].value("id"), Value::Number("90071992547409931"));
        assert_eq!(objects[0].value("a"), Value::Unset);
        assert_eq!(objects[0].repeated().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn half_a_surrogate_pair_in_a_name_or_a_value_harms_nothing_else() {
        let objects = objects(r#"[{"\ud800": 1, "a\u00e9": "\ud800", "id": "x"}]"#);
        let objects = objects.expect("a request");
        assert_eq!(objects[0].value("id"), Value::Text("x".to_owned()));
        assert_eq!(objects[0].value("aé"), Value::Unreadable);
    }

    #[test]
    fn what_is_not_utf_8_is_latin_1_and_a_byte_order_mark_is_nothing() {
        assert_eq!(decode(b"caf\xe9".to_vec()), ("café".to_owned(), true));
        assert_eq!(decode("\u{feff}[]".as_bytes().to_vec()), ("[]".to_owned(), false));
    }
}
