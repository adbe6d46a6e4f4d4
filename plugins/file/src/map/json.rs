//! JSON, read strictly: a key that stands twice in one object is an error, because either
//! value could be the one that is meant, and losing a host makes a Manager forget it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use gatherer_plugin_api::GatherError;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A JSON value; the members of an object in the document's order.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Array(Vec<Json>),
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

/// A key of the document as an error may show it: escaped, and not at length.
pub fn shown(key: &str) -> String {
    const LIMIT: usize = 80;
    match key.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{:?}...", &key[..end]),
        None => format!("{key:?}"),
    }
}

/// Reads UTF-8 with or without a byte order mark. Errors say where and what, and never quote
/// a value of the document.
pub fn parse(bytes: &[u8]) -> Result<Json, GatherError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        GatherError::protocol(format!(
            "the document is not UTF-8: byte {} fits no character",
            error.valid_up_to() + 1
        ))
        .with_hint("save it as UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(GatherError::protocol("the document is empty"));
    }
    let state = State::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Seed(&state).deserialize(&mut deserializer);
    let parsed = parsed.and_then(|json| deserializer.end().map(|()| json));
    parsed.map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        if state.repeated.take() {
            let path = state.path.take();
            let (key, parents) = path.split_last().map_or(("", &path[..0]), |(k, p)| (&**k, p));
            let parents: Vec<String> = parents.iter().map(|parent| shown(parent)).collect();
            let within = if parents.is_empty() {
                String::new()
            } else {
                format!(" within {}", parents.join(", "))
            };
            return GatherError::protocol(format!(
                "the key {} stands twice{within} ({place})",
                shown(key)
            ))
            .with_hint("each host and each guest of a host needs a key of its own");
        }
        let what = if error.is_eof() {
            "it ends in the middle"
        } else if error.to_string().starts_with("recursion limit exceeded") {
            "it is nested more than 127 deep"
        } else {
            "it is not JSON"
        };
        GatherError::protocol(format!("the document cannot be read: {what} ({place})"))
    })
}

/// Where the reader is, for the error; seeds are passed by value, so that it stands beside.
#[derive(Default)]
struct State {
    path: RefCell<Vec<String>>,
    repeated: std::cell::Cell<bool>,
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

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut seen = HashSet::new();
        let mut object = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            self.0.path.borrow_mut().push(key.clone());
            if !seen.insert(key.clone()) {
                self.0.repeated.set(true);
                return Err(A::Error::custom("repeated key"));
            }
            object.push((key, members.next_value_seed(self)?));
            self.0.path.borrow_mut().pop();
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use super::{Json, parse};

    fn message(bytes: &[u8]) -> String {
        let error = parse(bytes).expect_err("an error");
        assert_eq!(error.kind, ErrorKind::Protocol);
        error.message
    }

    #[test]
    fn a_byte_order_mark_is_accepted() {
        assert_eq!(parse(b"\xef\xbb\xbf{}").expect("JSON"), Json::Object(Vec::new()));
    }

    #[test]
    fn a_repeated_key_is_named_with_its_place() {
        let text = br#"{"m": {"kvm1": {"vms": {"web": "1", "web": "2"}}}}"#;
        assert_eq!(
            message(text),
            "the key \"web\" stands twice within \"m\", \"kvm1\", \"vms\" (line 1, column 41)"
        );
        assert!(message(br#"{"a": 1, "\u0061": 2}"#).contains("\"a\" stands twice"));
        assert!(parse(br#"[{"a": 1}, {"a": 1}]"#).is_ok());
    }

    #[test]
    fn what_is_not_json_is_said_with_its_place_and_without_its_content() {
        for (text, part) in [
            ("{\"a\": hunter2}", "it is not JSON (line 1"),
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
