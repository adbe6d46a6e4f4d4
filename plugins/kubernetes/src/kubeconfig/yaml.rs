//! Text to a tree of values: YAML (JSON is YAML too) with limits, and errors that quote nothing.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Error;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy};

/// The longest document, in bytes; kubeconfigs with a hundred clusters are a third of it.
pub const MAX_BYTES: usize = 1024 * 1024;

/// How much text there may be once each alias stands for what it names.
const MAX_TEXT: usize = 2 * MAX_BYTES;

/// How deep values may be nested; a kubeconfig needs 8 levels.
const MAX_DEPTH: usize = 32;

/// How many values there may be.
const MAX_NODES: usize = 100_000;

/// How many anchors, how many aliases.
const MAX_ALIASES: usize = 100;

/// How many values aliases may bring in.
const MAX_REPLAYED: usize = 10_000;

/// Reads one document. The error is the end of a sentence.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.len() > MAX_BYTES {
        return Err("is larger than 1 MiB".to_owned());
    }
    let left = Cell::new(MAX_TEXT);
    let parsed = serde_saphyr::with_deserializer_from_str_with_options(text, options(), |from| {
        Tree { left: &left }.deserialize(from)
    });
    parsed.map_err(|error| {
        if left.get() == 0 {
            return "repeats too much text by YAML aliases".to_owned();
        }
        let what = sentence(&error);
        match error.location() {
            Some(at) => format!("{what}, at line {} column {}", at.line(), at.column()),
            None => what.to_owned(),
        }
    })
}

fn options() -> serde_saphyr::Options {
    let budget = serde_saphyr::budget! {
        max_aliases: MAX_ALIASES,
        max_anchors: MAX_ALIASES,
        max_recorded_anchor_events: MAX_REPLAYED,
        max_recorded_anchor_bytes: MAX_TEXT,
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_nodes: MAX_NODES,
        max_events: 4 * MAX_NODES,
        max_total_scalar_bytes: MAX_TEXT,
        // An alias used often is what the other limits are about.
        enforce_alias_anchor_ratio: false,
    };
    let mut limits = AliasLimits::default();
    limits.max_total_replayed_events = MAX_REPLAYED;
    limits.max_replay_stack_depth = MAX_DEPTH;
    serde_saphyr::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        alias_limits: limits,
        // `yes` and `on` stay text.
        strict_booleans: true,
        reject_unsupported_tags: true,
        // Snippets quote the document, which holds secrets.
        with_snippet: false,
        emit_comments: false,
    }
}

/// The parser's own text may quote what it read; so each kind gets a sentence of ours.
fn sentence(error: &Error) -> &'static str {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => sentence(error),
        Error::MultipleDocuments { .. } => {
            "holds several YAML documents, and only one of them could be meant"
        }
        Error::DuplicateMappingKey { .. } => "has a key twice in one mapping",
        Error::MergeKeyNotAllowed { .. } => "uses a YAML merge key (<<)",
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. } => "uses too many YAML aliases",
        Error::UnknownAnchor { .. } => "uses a YAML alias that names nothing",
        Error::Budget { breach, .. } => budget_sentence(breach),
        Error::UnsupportedTag { .. } => "uses a YAML tag that a kubeconfig has no use for",
        Error::NonFiniteFloat { .. } => "has a number that is not finite",
        _ => "is not valid YAML",
    }
}

fn budget_sentence(breach: &serde_saphyr::budget::BudgetBreach) -> &'static str {
    use serde_saphyr::budget::BudgetBreach;
    match breach {
        BudgetBreach::Depth { .. } => "is nested too deep",
        BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } => {
            "uses too many YAML aliases"
        }
        BudgetBreach::Documents { .. } => {
            "holds several YAML documents, and only one of them could be meant"
        }
        _ => "has too many values, or too much text by YAML aliases",
    }
}

/// Builds the tree and counts its text, since an alias costs nothing to write.
struct Tree<'a> {
    left: &'a Cell<usize>,
}

impl Tree<'_> {
    fn count<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        let left = self.left.get().saturating_sub(text.len());
        self.left.set(left);
        if left == 0 { Err(E::custom("too much text")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.count(text)?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(Tree { left: self.left })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some(key) = from.next_key::<String>()? {
            self.count(&key)?;
            let value = from.next_value_seed(Tree { left: self.left })?;
            if entries.insert(key, value).is_some() {
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(Value::Object(entries))
    }
}
