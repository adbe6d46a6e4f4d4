//! Looking into the tree with types: an error names the field and never its value.

use std::sync::LazyLock;

use gatherer_plugin_api::GatherError;
use serde_json::{Map, Value};

/// How much of a name stands in a message.
const SHOWN_CHARS: usize = 120;

/// A mapping of the document, and where it stands.
#[derive(Clone)]
pub struct Node<'a> {
    origin: &'a str,
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Node<'a> {
    /// The document itself.
    pub fn root(origin: &'a str, value: &'a Value) -> Result<Self, GatherError> {
        match value {
            Value::Object(map) => Ok(Self { origin, path: String::new(), map }),
            _ => Err(error(
                origin,
                "is not a kubeconfig: that is a mapping with clusters, users and contexts",
            )),
        }
    }

    /// An error about a field of this mapping.
    pub fn error(&self, key: &str, what: impl std::fmt::Display) -> GatherError {
        error(self.origin, format_args!("{} {what}", self.path_of(key)))
    }

    /// Where a field stands, as it is said in messages.
    pub fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", _) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, _) => format!("{path}.{key}"),
        }
    }

    /// Whether nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The field's value, unless it is null.
    pub fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A text. An empty one is an absent one, as everywhere in kubeconfigs.
    pub fn text(&self, key: &str) -> Result<Option<&'a str>, GatherError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_type(key, "text", other)),
        }
    }

    /// True or false; absent is false.
    pub fn flag(&self, key: &str) -> Result<bool, GatherError> {
        match self.value(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong_type(key, "true or false", other)),
        }
    }

    /// A mapping below this one.
    pub fn child(&self, key: &str) -> Result<Option<Self>, GatherError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                Ok(Some(Self { origin: self.origin, path: self.path_of(key), map }))
            }
            Some(other) => Err(self.wrong_type(key, "a mapping", other)),
        }
    }

    /// A mapping below this one; an empty one if it is absent.
    pub fn child_or_empty(&self, key: &str) -> Result<Self, GatherError> {
        static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        let empty = Self { origin: self.origin, path: self.path_of(key), map: &EMPTY };
        Ok(self.child(key)?.unwrap_or(empty))
    }

    /// A list of mappings below this one.
    pub fn children(&self, key: &str) -> Result<Vec<Self>, GatherError> {
        let entries = self.list(key)?.unwrap_or_default();
        let node = |(index, value): (usize, &'a Value)| match value {
            Value::Object(map) => Ok(Self {
                origin: self.origin,
                path: format!("{}[{index}]", self.path_of(key)),
                map,
            }),
            other => Err(self.wrong_type(&format!("{key}[{index}]"), "a mapping", other)),
        };
        entries.iter().enumerate().map(node).collect()
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, GatherError> {
        let Some(entries) = self.list(key)? else { return Ok(None) };
        let text = |(index, value): (usize, &Value)| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(self.wrong_type(&format!("{key}[{index}]"), "text", other)),
        };
        entries.iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// The names of the fields.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.map.keys().map(String::as_str)
    }

    fn list(&self, key: &str) -> Result<Option<&'a [Value]>, GatherError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Array(entries)) => Ok(Some(entries)),
            Some(other) => Err(self.wrong_type(key, "a list", other)),
        }
    }

    fn wrong_type(&self, key: &str, wanted: &str, found: &Value) -> GatherError {
        let found = match found {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "a mapping",
        };
        let error = self.error(key, format_args!("must be {wanted}, not {found}"));
        let scalar = matches!(found, "a number" | "true or false");
        if wanted == "text" && scalar { error.with_hint("put it in quotes") } else { error }
    }
}

/// A `configuration` error about the document.
pub fn error(origin: &str, what: impl std::fmt::Display) -> GatherError {
    GatherError::configuration(format!("{origin}: {what}"))
}

/// A name in quotes, short enough for a message and without control characters.
pub fn shown(name: &str) -> String {
    let mut characters = name.chars();
    let beginning: String = characters.by_ref().take(SHOWN_CHARS).collect();
    let rest = if characters.next().is_some() { "..." } else { "" };
    format!("\"{}{rest}\"", beginning.escape_debug())
}
