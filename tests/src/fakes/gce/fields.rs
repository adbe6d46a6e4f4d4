//! Partial responses: the system parameter `fields` of Google's APIs.

use serde_json::{Map, Value};

/// Which members of an answer a client wants, by name. `*` stands for every name, and an empty selection for the whole
/// value.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection(Vec<(String, Selection)>);

impl Selection {
    /// Parses `a,b/c,d(e,f),*/g`. `None` if it is not valid.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let selection = Self::parse_list(&mut rest)?;
        rest.is_empty().then_some(selection)
    }

    fn parse_list(rest: &mut &str) -> Option<Self> {
        let mut members = Vec::new();
        loop {
            members.push(Self::parse_member(rest)?);
            match rest.strip_prefix(',') {
                Some(after) => *rest = after,
                None => return Some(Self(members)),
            }
        }
    }

    fn parse_member(rest: &mut &str) -> Option<(String, Self)> {
        let end = rest.find([',', '/', '(', ')']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        *rest = after;
        if name.is_empty() {
            return None;
        }
        let inner = if let Some(after) = rest.strip_prefix('/') {
            *rest = after;
            Self(vec![Self::parse_member(rest)?])
        } else if let Some(after) = rest.strip_prefix('(') {
            *rest = after;
            let inner = Self::parse_list(rest)?;
            *rest = rest.strip_prefix(')')?;
            inner
        } else {
            Self::default()
        };
        Some((name.to_owned(), inner))
    }

    /// The selected part of a value. A selection applies to each item of a list.
    pub(super) fn apply(&self, value: &Value) -> Value {
        if self.0.is_empty() {
            return value.clone();
        }
        match value {
            Value::Array(items) => items.iter().map(|item| self.apply(item)).collect(),
            Value::Object(members) => {
                let mut selected = Map::new();
                for (name, member) in members {
                    if let Some(inner) = self.of_member(name) {
                        selected.insert(name.clone(), inner.apply(member));
                    }
                }
                Value::Object(selected)
            }
            other => other.clone(),
        }
    }
    /// What is selected of this member, by all parts that name it. `None` if no part does.
    fn of_member(&self, name: &str) -> Option<Self> {
        let mut parts = self.0.iter().filter(|(known, _)| known == name || known == "*").peekable();
        parts.peek()?;
        let mut all = Vec::new();
        for (_, inner) in parts {
            if inner.0.is_empty() {
                return Some(Self::default());
            }
            all.extend(inner.0.iter().cloned());
        }
        Some(Self(all))
    }
}
