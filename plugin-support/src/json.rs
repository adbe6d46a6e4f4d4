//! Reading JSON that nobody vouches for. A key that stands twice in one object is an error,
//! because either value could be the one that is meant, and losing a host makes a Manager forget
//! it. An error says where, and never quotes a value.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use gatherer_plugin_api::GatherError;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::Number;

/// A JSON value; the members of an object in the document's order, no two of one name.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in its own form: 2400 and 2400.0 differ.
    Number(Number),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// What it is, for "found ...": never its content.
    pub fn article(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The member of this name, if this is an object that has it.
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

/// The member of this name.
pub fn member<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// A key of a document as an error may show it: escaped, and not at length.
pub fn shown(key: &str) -> String {
    const LIMIT: usize = 80;
    match key.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{:?}...", &key[..end]),
        None => format!("{key:?}"),
    }
}

/// Reads a document that is already in memory, its size capped by whoever read it: UTF-8 with
/// or without a byte order mark, nested at most 127 deep. `what` names it in messages.
///
/// ```
/// use gatherer_plugin_support::json::parse;
/// let error = parse(br#"{"a": {"b": "hunter2", "b": 1}}"#, "the list").unwrap_err();
/// assert_eq!(error.message, "the list: the key \"b\" stands twice within \"a\" (line 1, column 26)");
/// ```
pub fn parse(bytes: &[u8], what: &str) -> Result<Json, GatherError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        GatherError::protocol(format!(
            "{what}: not UTF-8: byte {} fits no character",
            error.valid_up_to() + 1
        ))
        .with_hint("save it as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(GatherError::protocol(format!("{what}: it is empty")));
    }
    let state = State::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Seed(&state).deserialize(&mut deserializer);
    let parsed = parsed.and_then(|json| deserializer.end().map(|()| json));
    parsed.map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        if let Some(key) = state.repeated.take() {
            let mut within: Vec<String> = state.parents.take();
            within.reverse();
            let within = match within.as_slice() {
                [] => String::new(),
                parents => format!(" within {}", parents.join(", ")),
            };
            return GatherError::protocol(format!(
                "{what}: the key {key} stands twice{within} ({place})"
            ))
            .with_hint("every member of an object needs a key of its own");
        }
        let fault = if error.is_eof() {
            "it ends in the middle"
        } else if error.to_string().starts_with("recursion limit exceeded") {
            "it is nested more than 127 deep"
        } else {
            "it is not JSON"
        };
        GatherError::protocol(format!("{what}: {fault} ({place})"))
    })
}

/// Reads a document as [`parse`] does, into a type of the caller's.
///
/// ```
/// use gatherer_plugin_support::json::read;
/// let error = read::<Vec<u8>>(br#"["hunter2"]"#, "the list").unwrap_err();
/// assert_eq!(error.message, "the list: a member is of another type than expected");
/// ```
pub fn read<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, GatherError> {
    serde_json::from_value(parse(bytes, what)?.into()).map_err(|error| {
        let text = error.to_string();
        // serde quotes the values that it read, but not where it names a field that is not there.
        let fault = if text.starts_with("missing field") {
            text.as_str()
        } else {
            "a member is of another type than expected"
        };
        GatherError::protocol(format!("{what}: {fault}"))
    })
}

/// What an error tells of a repeated key. Seeds are passed by value, so that it stands beside
/// them; it is filled on the way out alone, so that reading costs no copies of keys.
#[derive(Default)]
struct State {
    repeated: RefCell<Option<String>>,
    /// The innermost first.
    parents: RefCell<Vec<String>>,
    hasher: RandomState,
}

/// The keys of one object that were read: of a small one looked through, of a large one found
/// by their hashes, because a copy of every key would be as large as the document.
#[derive(Default)]
struct Keys(HashSet<u64>);

impl Keys {
    const FEW: usize = 16;

    fn is_new(&mut self, key: &str, before: &[(String, Json)], hasher: &RandomState) -> bool {
        let stands = || before.iter().any(|(own, _)| own == key);
        if before.len() < Self::FEW {
            return !stands();
        }
        if self.0.is_empty() {
            self.0.extend(before.iter().map(|(own, _)| hasher.hash_one(own.as_str())));
        }
        // The hash is keyed at random, so that nobody can make many keys share one.
        self.0.insert(hasher.hash_one(key)) || !stands()
    }
}

#[derive(Clone, Copy)]
struct Seed<'s>(&'s State);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
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
        let mut keys = Keys::default();
        let mut object = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            if !keys.is_new(&key, &object, &self.0.hasher) {
                *self.0.repeated.borrow_mut() = Some(shown(&key));
                return Err(A::Error::custom("repeated key"));
            }
            match members.next_value_seed(self) {
                Ok(value) => object.push((key, value)),
                Err(error) => {
                    if self.0.repeated.borrow().is_some() {
                        self.0.parents.borrow_mut().push(shown(&key));
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
    fn a_byte_order_mark_is_accepted() {
        assert_eq!(parse(b"\xef\xbb\xbf{}", "x").expect("JSON"), Json::Object(Vec::new()));
    }

    #[test]
    fn a_repeated_key_is_named_with_its_place() {
        let text = br#"{"m": {"kvm1": {"vms": {"web": "1", "web": "2"}}}}"#;
        assert_eq!(
            message(text),
            "x: the key \"web\" stands twice within \"m\", \"kvm1\", \"vms\" (line 1, column 41)"
        );
        assert!(message(br#"{"a": 1, "\u0061": 2}"#).contains("\"a\" stands twice"));
        assert!(parse(br#"[{"a": 1}, {"a": 1}]"#, "x").is_ok());
    }

    #[test]
    fn a_repeated_key_is_found_in_an_object_of_any_size() {
        for size in [2, 15, 16, 17, 18, 40, 2_000] {
            let members: Vec<_> = (0..size).map(|n| format!("\"k{n}\": {n}")).collect();
            let members = members.join(", ");
            assert!(parse(format!("{{{members}}}").as_bytes(), "x").is_ok(), "{size}");
            for key in [0, size / 2, size - 1] {
                let message = message(format!("{{{members}, \"k{key}\": 1}}").as_bytes());
                assert!(message.contains(&format!("\"k{key}\" stands twice")), "{message}");
            }
        }
    }

    #[test]
    fn what_is_not_json_is_said_with_its_place_and_without_its_content() {
        for (text, part) in [
            ("{\"a\": hunter2}", "x: it is not JSON (line 1"),
            ("{\"a\": \"hunter2", "it ends in the middle"),
            ("{} hunter2", "it is not JSON"),
            ("{\"a\": NaN}", "it is not JSON"),
            (" \n", "is empty"),
        ] {
            let message = message(text.as_bytes());
            assert!(message.contains(part), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(message(b"{\"\xff\": 1}").contains("not UTF-8: byte 3"));
    }

    #[test]
    fn ten_thousand_levels_are_an_error_and_no_overflow() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            assert!(message(text.as_bytes()).contains("nested more than 127 deep"));
        }
    }
}
