//! The checks of the objects in an answer: the ids of hosts, guests and items, and secrets in them.

use std::collections::HashSet;

use gatherer_plugin_api::manifest::Module;
use serde_json::Value;

use super::compare::{item_name, join};
use crate::request::Endpoint;
use crate::request::redact::{Redactor, Secrets};

/// The maximum number of objects that a message names.
const NAMED_MAX: usize = 3;

/// A host, guest or item of an answer.
struct AnswerObject<'a> {
    /// The list, for comparing ids. Guests of all hosts are one list.
    list: &'a str,
    /// The path in the answer.
    path: String,
    /// The id. The id of an item is its `uid`.
    id: &'a str,
}

/// Checks that no object of an answer has an empty id.
pub fn have_ids(answer: &Value) -> Result<(), String> {
    let objects = objects(answer);
    let without_id = objects.iter().filter(|object| object.id.trim().is_empty());
    named(&without_id.map(|object| object.path.as_str()).collect::<Vec<_>>(), |paths| {
        format!("the id is empty in {paths}")
    })
}

/// Checks that the objects of each list have different ids.
pub fn have_different_ids(answer: &Value) -> Result<(), String> {
    let objects = objects(answer);
    let mut known = HashSet::new();
    let with_id = objects.iter().filter(|object| !object.id.trim().is_empty());
    let repeated = with_id.filter(|object| !known.insert((object.list, object.id)));
    named(&repeated.map(|object| object.path.as_str()).collect::<Vec<_>>(), |paths| {
        format!(
            "the id is that of another object in {paths}; this is correct only if the endpoint itself has it twice, \
             as it does for cloned machines"
        )
    })
}

/// Checks that no text of an answer contains a secret of the endpoint. `None` if it has none.
pub fn have_no_secrets(
    answer: &Value,
    endpoint: &Endpoint,
    module: Option<&Module>,
) -> Option<Result<(), String>> {
    let is_public = |text: &String| {
        // A value from the environment is redacted, but only the value of a secret parameter is a secret here.
        endpoint.request.parameters.iter().any(|(name, value)| {
            let is_secret =
                module.and_then(|module| module.parameter(name)).is_some_and(|known| known.secret);
            !is_secret && value.as_str() == Some(text)
        })
    };
    let secrets = endpoint.redactor.secrets();
    let secrets: Secrets = secrets.texts().iter().filter(|text| !is_public(text)).collect();
    let redactor = Redactor::new(secrets);
    if !redactor.has_secrets() {
        return None;
    }
    let mut paths = Vec::new();
    add_secrets(answer, "", &redactor, &mut paths);
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    Some(named(&paths, |paths| format!("a secret is in {paths}")))
}

/// Adds the paths of the texts that contain a secret. A path contains no secret.
fn add_secrets(value: &Value, path: &str, redactor: &Redactor, paths: &mut Vec<String>) {
    let is_secret = |text: &str| redactor.redact(text) != text;
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = join(path, &redactor.redact(name));
                if is_secret(name) {
                    paths.push(path.clone());
                }
                add_secrets(value, &path, redactor, paths);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                let path = join(path, &redactor.redact(&item_name(index, value)));
                add_secrets(value, &path, redactor, paths);
            }
        }
        Value::String(text) if is_secret(text) => paths.push(path.to_owned()),
        Value::Number(number) if is_secret(&number.to_string()) => paths.push(path.to_owned()),
        _ => {}
    }
}

/// All hosts, guests and items of an answer.
fn objects<'a>(answer: &'a Value) -> Vec<AnswerObject<'a>> {
    let mut objects = Vec::new();
    let mut add = |list: &'a str, path: &str, values: &'a Value, member: &str| {
        for (index, value) in values.as_array().into_iter().flatten().enumerate() {
            let path = join(path, &item_name(index, value));
            let id = value[member].as_str().unwrap_or_default();
            objects.push(AnswerObject { list, path, id });
        }
    };
    add("hosts", "hosts", &answer["hosts"], "id");
    for (index, host) in answer["hosts"].as_array().into_iter().flatten().enumerate() {
        let path = format!("hosts/{}/guests", item_name(index, host));
        add("guests", &path, &host["guests"], "id");
    }
    add("guests", "detachedGuests", &answer["detachedGuests"], "id");
    for (list, values) in answer["workloads"].as_object().into_iter().flatten() {
        add(list, &format!("workloads/{list}"), values, "uid");
    }
    objects
}

/// An error with the first of these paths, unless there are none.
fn named(paths: &[&str], message: impl Fn(&str) -> String) -> Result<(), String> {
    if paths.is_empty() {
        return Ok(());
    }
    let shown = paths[..paths.len().min(NAMED_MAX)].join(", ");
    let shown = match paths.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    };
    Err(message(&shown))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{have_different_ids, have_ids};

    #[test]
    fn names_objects_with_an_empty_or_repeated_id() {
        let guest = |id: &str, name: &str| json!({"id": id, "name": name});
        let answer = json!({
            "hosts": [
                {"id": "h", "name": "one", "guests": [guest("g", "a"), guest("", "b")]},
                {"id": "h", "name": "two", "guests": [guest("g", "c"), guest("i", "d")]},
                {"id": " ", "name": "three", "guests": []},
            ],
            "detachedGuests": [guest("i", "e"), guest("j", "f")],
            "workloads": {"pods": [{"uid": "h", "name": "p"}, {"name": "q"}, {"uid": "h", "name": "r"}]},
        });
        let empty = have_ids(&answer).expect_err("empty ids");
        for path in ["hosts/three", "hosts/one/guests/b", "workloads/pods/q"] {
            assert!(empty.contains(path), "{empty}");
        }
        let repeated = have_different_ids(&answer).expect_err("repeated ids");
        for path in ["hosts/two", "hosts/two/guests/c", "detachedGuests/e", "and 1 more"] {
            assert!(repeated.contains(path), "{repeated}");
        }
        let answer = json!({"hosts": [{"id": "g", "name": "one", "guests": [guest("g", "a")]}]});
        assert_eq!(have_ids(&answer), Ok(()));
        assert_eq!(have_different_ids(&answer), Ok(()), "a host and a guest may have the same id");
    }
}
