//! The cells of a table.

use std::borrow::Cow;

use serde::Serialize;

use crate::output::escape::escape_json;

/// A cell; `None` is an empty one: the value is not known.
pub type Cell<'a> = Option<Cow<'a, str>>;

/// A column: its name, and the cell of a row.
pub struct Column<'a, R> {
    pub name: &'static str,
    pub cell: fn(&R) -> Cell<'a>,
}

impl<'a, R> Column<'a, R> {
    pub const fn new(name: &'static str, cell: fn(&R) -> Cell<'a>) -> Self {
        Self { name, cell }
    }
}

/// A text.
#[expect(clippy::unnecessary_wraps, reason = "the type of all cells")]
pub fn text(value: &str) -> Cell<'_> {
    Some(Cow::Borrowed(value))
}

/// A text that may be unknown.
pub fn known<S: AsRef<str>>(value: Option<&S>) -> Cell<'_> {
    value.map(|value| Cow::Borrowed(value.as_ref()))
}

/// A number, a time, or anything else that may be unknown.
pub fn shown<'a, T: ToString>(value: Option<T>) -> Cell<'a> {
    value.map(|value| Cow::Owned(value.to_string()))
}

/// `true` or `false`.
#[expect(clippy::unnecessary_wraps, reason = "the type of all cells")]
pub fn flag<'a>(value: bool) -> Cell<'a> {
    Some(Cow::Borrowed(if value { "true" } else { "false" }))
}

/// The inventory's word for a member of an enumeration.
pub fn word<'a, T: Serialize>(value: Option<&T>) -> Cell<'a> {
    match serde_json::to_value(value?) {
        Ok(serde_json::Value::String(word)) => Some(Cow::Owned(word)),
        _ => None,
    }
}

/// A list or an object as JSON on one line; an empty one is an empty cell.
pub fn json<'a, T: Serialize>(value: &T) -> Cell<'a> {
    let json = serde_json::to_string(value).expect("the inventory can be written as JSON");
    (json != "[]" && json != "{}").then(|| Cow::Owned(escape_json(&json)))
}
