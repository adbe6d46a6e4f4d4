//! The parameters and options of an endpoint as the log shows them.

use gatherer_plugin_api::manifest::{ADDED_OPTIONS, Module, RESERVED};

use super::infile_json::{RawObject, Value};
use super::values;
use crate::output::escape::escape;
use crate::request::redact::{Redactor, is_document};

/// The maximum length of a value in the log, in bytes.
const VALUE_MAX_BYTES: usize = 256;

/// A secret that is not shown at all.
const STARS: &str = "***";

/// The parameters and options that are set in an entry, in the order of the entry.
#[derive(Clone, Default)]
pub struct ShownMembers(Vec<(String, ShownValue)>);

#[derive(Clone)]
enum ShownValue {
    /// A value that may contain secrets.
    Text(String),
    /// A value whose type says enough.
    Words(&'static str),
}

impl ShownMembers {
    /// Those of an entry of this module. Members that are not parameters are left out: one may be a password with a
    /// mistyped name.
    pub(super) fn of(object: &RawObject<'_>, module: &Module) -> Self {
        let mut members = Vec::new();
        for key in object.keys().filter(|key| !matches!(*key, "id" | "module")) {
            let parameter = module.parameter(key);
            let is_known =
                parameter.is_some() || RESERVED.contains(&key) || ADDED_OPTIONS.contains(&key);
            let is_secret = parameter.map_or(key == "client_key", |parameter| parameter.secret);
            let value = match object.value(key) {
                Value::Unset => continue,
                _ if !is_known => continue,
                Value::Object(reference) if reference.keys().eq(["env"]) => {
                    ShownValue::Words("(from the environment)")
                }
                Value::Object(_) => ShownValue::Words("(from a file)"),
                _ if is_secret => ShownValue::Words(STARS),
                Value::Boolean(true) => ShownValue::Words("true"),
                Value::Boolean(false) => ShownValue::Words("false"),
                value => match values::text(&value) {
                    Some(text) if is_document(&text) => ShownValue::Words("(a document)"),
                    Some(text) => ShownValue::Text(text),
                    None => ShownValue::Words("(a list)"),
                },
            };
            members.push((key.to_owned(), value));
        }
        Self(members)
    }

    /// One text, without secrets.
    pub fn redacted(&self, redactor: &Redactor) -> String {
        let shown = self.0.iter().map(|(name, value)| match value {
            ShownValue::Words(words) => format!("{name}={words}"),
            ShownValue::Text(text) => {
                let text = redactor.redact_beginning(&without_user(text), VALUE_MAX_BYTES);
                format!("{name}=\"{}\"", escape(&text))
            }
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    }
}

/// A URL without its user and password, which may be too short for the redactor.
fn without_user(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, rest)) => format!("{scheme}://{STARS}@{rest}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}
