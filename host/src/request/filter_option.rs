//! Parses the options `include` and `exclude`, of an endpoint and of the operator's file.

use std::fmt;

use gatherer_plugin_api::did_you_mean;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::infile_json::{RawObject, Value};
use super::values::{self, BaseFolders, ResolvedReference};
use crate::output::escape::escape;
use crate::output::filters::{FilterKey, FilterOption, FilterRule, Pattern, state_words};

/// What the value must be, for messages.
const EXPECTED: &str = "an object such as {\"hosts\": {\"cluster\": [\"test-*\"]}, \"guests\": {\"name\": [\"*-tmp\"]}}";

/// The kinds of objects that are filtered.
const KINDS: [&str; 2] = ["hosts", "guests"];

/// The longest pattern, in bytes.
const PATTERN_MAX_BYTES: usize = 1024;

/// Reads the option `name` of an endpoint; `None` if it is not set. The error is a message.
pub fn read(
    object: &RawObject<'_>,
    name: &str,
    folders: &BaseFolders,
) -> Result<Option<FilterOption>, String> {
    let text = match object.value(name) {
        Value::Unset => return Ok(None),
        // A Manager sends every value as text.
        Value::Text(text) => text,
        Value::Object(reference) if reference.keys().eq(["env"]) => {
            match values::reference(name, &reference, folders, false)? {
                ResolvedReference::Value(Value::Text(text)) => text,
                _ => return Ok(None),
            }
        }
        Value::Object(reference) if reference.keys().eq(["file"]) => {
            return Err(format!(
                "{name} must be a value or {{\"env\": NAME}}: it cannot be read from a file"
            ));
        }
        _ => object.json(name).unwrap_or_default().to_owned(),
    };
    let tree = serde_json::from_str(&text)
        .map_err(|_| format!("{name} must be {EXPECTED}, without duplicate keys"))?;
    parse(name, tree).map(Some)
}

/// Parses the value of the option `name`. The error is a message.
fn parse(name: &str, tree: Tree) -> Result<FilterOption, String> {
    let Tree::Object(members) = tree else {
        return Err(format!("{name} must be {EXPECTED}"));
    };
    let mut option = FilterOption::default();
    for (kind, rules) in members {
        match kind.as_str() {
            "hosts" => option.hosts = parse_rules(name, "hosts", rules)?,
            "guests" => option.guests = parse_rules(name, "guests", rules)?,
            _ => return Err(unknown(name, &kind, &KINDS)),
        }
    }
    Ok(option)
}

/// Parses the rules for hosts or guests.
fn parse_rules(name: &str, kind: &str, tree: Tree) -> Result<Vec<FilterRule>, String> {
    let names = FilterKey::ALL.map(FilterKey::as_str);
    let place = format!("{name}.{kind}");
    let members = match tree {
        Tree::Null => return Ok(Vec::new()),
        Tree::Object(members) => members,
        _ => return Err(format!("{place} must be an object with the keys {}", names.join(", "))),
    };
    let mut rules = Vec::new();
    for (key, patterns) in members {
        let Some(key) = FilterKey::ALL.into_iter().find(|known| known.as_str() == key) else {
            return Err(unknown(&place, &key, &names));
        };
        let place = format!("{place}.{}", key.as_str());
        let texts = match patterns {
            Tree::Null => continue,
            Tree::Text(text) => text.split(',').map(|text| text.trim().to_owned()).collect(),
            Tree::List(items) => {
                let texts = items.into_iter().map(|item| match item {
                    Tree::Text(text) => Some(text),
                    _ => None,
                });
                let texts: Option<Vec<_>> = texts.collect();
                texts.ok_or_else(|| format!("{place} must be a list of patterns"))?
            }
            _ => return Err(format!("{place} must be a list of patterns")),
        };
        let patterns = parse_patterns(&place, kind, key, &texts)?;
        if !patterns.is_empty() {
            rules.push(FilterRule { key, patterns });
        } else if name == "include" {
            return Err(format!("{place} has no pattern, so nothing would be included"));
        }
    }
    Ok(rules)
}

/// Parses the patterns of one key. Messages give the position of a pattern, never the pattern.
fn parse_patterns(
    place: &str,
    kind: &str,
    key: FilterKey,
    texts: &[String],
) -> Result<Vec<Pattern>, String> {
    let parse = |(index, text): (usize, &String)| {
        let place = format!("{place}: pattern {}", index + 1);
        if text.is_empty() {
            return Err(format!("{place} is empty"));
        }
        if text.len() > PATTERN_MAX_BYTES {
            return Err(format!("{place} is longer than {PATTERN_MAX_BYTES} bytes"));
        }
        let pattern = Pattern::parse(text).map_err(|position| {
            format!(
                "{place} is not valid: the [ at character {position} begins no character class; write [[] for \
                 the character itself"
            )
        })?;
        if key == FilterKey::State {
            let words = state_words(kind);
            if !words.iter().any(|word| pattern.matches(word)) {
                let meant = did_you_mean(text, words.iter().map(String::as_str));
                let end = if meant.is_empty() {
                    format!("; they are {}", words.join(", "))
                } else {
                    meant
                };
                return Err(format!("{place} matches no state of {kind}{end}"));
            }
        }
        Ok(pattern)
    };
    texts.iter().enumerate().map(parse).collect()
}

/// The message about a key that is not known.
fn unknown(place: &str, key: &str, known: &[&str]) -> String {
    let shown: String = key.chars().take(128).collect();
    let meant = did_you_mean(key, known.iter().copied());
    let end = if meant.is_empty() { format!("; the keys are {}", known.join(", ")) } else { meant };
    format!("{place}: {} is not a key{end}", escape(&shown))
}

/// Parses an option of the operator's file, for serde. Its errors name the option.
pub fn deserialize_option<'de, D: Deserializer<'de>>(
    name: &str,
    deserializer: D,
) -> Result<Option<FilterOption>, D::Error> {
    let option = parse(name, Tree::deserialize(deserializer)?).map_err(D::Error::custom)?;
    Ok(Some(FilterOption { is_default: true, ..option }))
}

/// A value of JSON or TOML, in which no key is duplicated.
enum Tree {
    Null,
    /// A string, or a number as text: an id may be a number.
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
    Other,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Text(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Text(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members: Vec<(String, Tree)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Tree>()? {
            if members.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom("duplicate key"));
            }
            members.push((key, value));
        }
        Ok(Tree::Object(members))
    }
}
