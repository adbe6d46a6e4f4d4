//! Strict parsing of untrusted JSON. A duplicate key in an object is an error, because it is unclear
//! which value is meant, and a Manager would delete a host that gets lost. Errors give the position and
//! never quote a value.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use gatherer_plugin_api::GatherError;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::Number;

/// A JSON value. The members of an object are in the document's order and have unique names.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in its own notation: 2400 and 2400.0 differ.
    Number(Number),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The type of the value with its article, for messages like "must be a string, but is an array".
    pub fn article(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
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
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::Number(number),
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

/// Parses a document: UTF-8 with or without a byte order mark, nested at most 127 levels deep. The
/// caller must limit its size. `subject` names the document in messages.
///
/// ```
/// use gatherer_plugin_support::json::parse;
/// let error = parse(br#"{"a": {"b": "hunter2", "b": 1}}"#, "the list").unwrap_err();
/// assert_eq!(error.message, "the list: duplicate key \"b\" in \"a\" (line 1, column 26)");
/// ```
pub fn parse(bytes: &[u8], subject: &str) -> Result<Json, GatherError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let position = error.valid_up_to() + 1;
        GatherError::protocol(format!("{subject}: not valid UTF-8 at byte {position}"))
            .with_hint("save the document as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(GatherError::protocol(format!("{subject}: it is empty")));
    }
    let state = ParserState::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = JsonVisitor(&state).deserialize(&mut deserializer);
    let parsed = parsed.and_then(|json| deserializer.end().map(|()| json));
    parsed.map_err(|error| {
        let position = format!("line {}, column {}", error.line(), error.column());
        if let Some(key) = state.duplicate_key.take() {
            let mut parents: Vec<String> = state.parents.take();
            parents.reverse();
            let parents = match parents.as_slice() {
                [] => String::new(),
                parents => format!(" in {}", parents.join(", ")),
            };
            return GatherError::protocol(format!(
                "{subject}: duplicate key {key}{parents} ({position})"
            ))
            .with_hint("the keys of an object must be unique");
        }
        let why = if error.is_eof() {
            "the JSON is truncated"
        } else if error.to_string().starts_with("recursion limit exceeded") {
            "the JSON is nested more than 127 levels deep"
        } else {
            "not valid JSON"
        };
        GatherError::protocol(format!("{subject}: {why} ({position})"))
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

/// Shared by the visitors of all levels. The details of a duplicate key are recorded only while the
/// parser returns from the error, so that parsing copies no keys.
#[derive(Default)]
struct ParserState {
    duplicate_key: RefCell<Option<String>>,
    /// The keys of the objects around the duplicate key, innermost first.
    parents: RefCell<Vec<String>>,
    hasher: RandomState,
}

/// Finds duplicate keys in one object. A small object is searched; for a large one a set of hashes is
/// used, because copies of all keys would need as much memory as the document.
#[derive(Default)]
struct SeenKeys(HashSet<u64>);

impl SeenKeys {
    /// Objects with fewer members are searched.
    const HASHING_THRESHOLD: usize = 16;

    fn is_new(&mut self, key: &str, members: &[(String, Json)], hasher: &RandomState) -> bool {
        let is_present = || members.iter().any(|(own, _)| own == key);
        if members.len() < Self::HASHING_THRESHOLD {
            return !is_present();
        }
        if self.0.is_empty() {
            self.0.extend(members.iter().map(|(own, _)| hasher.hash_one(own.as_str())));
        }
        // The hasher has a random key, so that a document cannot be made to cause many collisions.
        self.0.insert(hasher.hash_one(key)) || !is_present()
    }
}

#[derive(Clone, Copy)]
struct JsonVisitor<'s>(&'s ParserState);

impl<'de> DeserializeSeed<'de> for JsonVisitor<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonVisitor<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        array.shrink_to_fit();
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut keys = SeenKeys::default();
        let mut object = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            if !keys.is_new(&key, &object, &self.0.hasher) {
                *self.0.duplicate_key.borrow_mut() = Some(quote(&key));
                return Err(A::Error::custom("duplicate key"));
            }
            match members.next_value_seed(self) {
                Ok(value) => object.push((key, value)),
                Err(error) => {
                    if self.0.duplicate_key.borrow().is_some() {
                        self.0.parents.borrow_mut().push(quote(&key));
                    }
                    return Err(error);
                }
            }
        }
        object.shrink_to_fit();
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use super::{Json, parse};

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
}
