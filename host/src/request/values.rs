//! One parameter's value: references resolved, the default filled in, text turned into the
//! type that the manifest asks for. No sentence here ever holds a value.

use std::path::Path;

use gatherer_plugin_api::manifest::{DefaultValue, Module, Parameter, ParameterType};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::infile_json::{RawObject, Value};
use super::references::FileReference;
use crate::output::escape::escape;
use crate::request::redact::{Secrets, is_document};

/// Where paths of a request start. A folder whose name is not UTF-8 is absent: no path of the request,
/// which is text, can name what lies in it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Folders {
    /// Relative paths.
    pub infile: Option<String>,
    /// Those that begin with `~/`.
    pub home: Option<String>,
}

impl Folders {
    /// The infile's folder and the home folder.
    pub fn new(infile: &Path, home: Option<&Path>) -> Self {
        let text = |folder: &Path| folder.to_str().map(str::to_owned);
        Self { infile: text(infile), home: home.and_then(text) }
    }
}

/// What is known of a value when the infile has been read.
pub enum Given {
    /// The value that a plugin is given; `None` if it is unset.
    Value(Option<Json>),
    /// It is in a file, which the worker reads.
    InFile(FileReference),
}

/// One parameter's value. An error is a sentence.
pub fn resolve(
    parameter: &Parameter,
    value: Value<'_>,
    folders: &Folders,
    secrets: &mut Secrets,
) -> Result<Given, String> {
    let (value, referenced) = match value {
        Value::Object(object) => {
            match reference(&parameter.name, &object, folders, parameter.secret)? {
                Reference::Value(value) => (value, true),
                Reference::File(file) => return Ok(Given::InFile(file)),
            }
        }
        value => (value, false),
    };
    complete(parameter, value, referenced, folders, secrets).map(Given::Value)
}

/// The value that a plugin is given; `None` if it is unset. What is secret in it is added to
/// `secrets`: all of it if the parameter says so, if the value came from a reference or if it is a
/// document where a path may stand (a kubeconfig, say, holds tokens); else what a URL hides.
pub fn complete(
    parameter: &Parameter,
    value: Value<'_>,
    referenced: bool,
    folders: &Folders,
    secrets: &mut Secrets,
) -> Result<Option<Json>, String> {
    let is_path = parameter.kind == ParameterType::Path;
    let is_inline = is_path && text(&value).is_some_and(|text| is_document(&text));
    let is_secret = parameter.secret || referenced || is_inline;
    // Every text contains yes and no.
    let is_text = parameter.kind != ParameterType::Boolean;
    // As it was written: a path is resolved below, a number loses its spaces.
    match text(&value) {
        Some(text) if is_secret && is_text => secrets.add(&text),
        Some(text) => secrets.add_url(&text),
        None => {}
    }
    let value = match value {
        Value::Unset => match default(parameter) {
            Some(default) => default,
            None => return Ok(None),
        },
        value => value,
    };
    let converted = convert(parameter, &value, folders)?;
    for text in texts(&converted) {
        if is_secret {
            secrets.add(&text);
        } else {
            secrets.add_url(&text);
            if names_user(&parameter.name) {
                secrets.add_user(&text);
            }
        }
    }
    Ok(Some(converted))
}

/// Adds a parameter's value to those that the plugin is given, or says what is wrong with it.
pub fn insert(
    parameter: &Parameter,
    module: &Module,
    value: Result<Option<Json>, String>,
    parameters: &mut serde_json::Map<String, Json>,
    problems: &mut Vec<String>,
) {
    match value {
        Ok(Some(value)) => {
            parameters.insert(parameter.name.clone(), value);
        }
        Ok(None) if parameter.required => problems.push(format!(
            "the parameter {} of module {} is required",
            parameter.name, module.name
        )),
        Ok(None) => {}
        Err(problem) => problems.push(problem),
    }
}

/// Whether a parameter is by its name what goes with a password.
fn names_user(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["user", "login", "account", "_id"].iter().any(|part| name.contains(part))
}

fn default(parameter: &Parameter) -> Option<Value<'static>> {
    match &parameter.default {
        DefaultValue::Null => None,
        DefaultValue::Text(text) if text.is_empty() => None,
        DefaultValue::Text(text) => Some(Value::Text(text.clone())),
        DefaultValue::Number(number) => Some(Value::Text(number.to_string())),
    }
}

/// What a reference leads to.
pub enum Reference<'a> {
    /// A value, from the environment.
    Value(Value<'a>),
    /// A file.
    File(FileReference),
}

/// What `{"file": PATH}` or `{"env": NAME}` stands for.
///
/// Somebody may have put the secret itself where its file's or its variable's name belongs: of a
/// secret, only what is a path at first sight is shown, and of a document nothing.
pub fn reference<'a>(
    name: &str,
    object: &RawObject<'_>,
    folders: &Folders,
    secret: bool,
) -> Result<Reference<'a>, String> {
    let keys: Vec<_> = object.keys().collect();
    match (keys.as_slice(), keys.first().map(|key| object.value(key))) {
        (["file"], Some(Value::Text(given))) => {
            let is_path = ["/", "~/", "./", "../"].iter().any(|start| given.starts_with(start));
            Ok(Reference::File(FileReference {
                name: name.to_owned(),
                path: path_of(&given, folders),
                is_hidden: is_document(&given) || secret && !is_path,
            }))
        }
        (["env"], Some(Value::Text(variable))) => match std::env::var(&variable) {
            Ok(text) if text.is_empty() => Ok(Reference::Value(Value::Unset)),
            Ok(text) => Ok(Reference::Value(Value::Text(text))),
            Err(_) => {
                let hidden = is_document(&variable) || secret;
                let shown = if hidden { String::new() } else { format!(" {}", escape(&variable)) };
                Err(format!(
                    "{name} refers to the environment variable{shown}, which is not set or not UTF-8"
                ))
            }
        },
        _ => Err(format!("{name} must be a value, {{\"file\": PATH}} or {{\"env\": NAME}}")),
    }
}

fn convert(parameter: &Parameter, value: &Value<'_>, folders: &Folders) -> Result<Json, String> {
    let converted = match parameter.kind {
        ParameterType::String => text(value).map(Json::from),
        ParameterType::Integer => integer(value),
        ParameterType::Number => number(value),
        ParameterType::Boolean => boolean(value).map(Json::from),
        ParameterType::Path => text(value).map(|path| path_of(&path, folders).into()),
        ParameterType::List => list(value),
        // A type that this release cannot turn a value into.
        _ => None,
    };
    converted.ok_or_else(|| format!("{} must be {}", parameter.name, parameter.kind.article()))
}

/// Text, or a number's own digits.
pub fn text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(digits) => Some((*digits).to_owned()),
        _ => None,
    }
}

/// A whole number of 64 bits.
pub fn integer(value: &Value<'_>) -> Option<Json> {
    let text = text(value)?;
    let text = text.trim();
    let signed = text.parse::<i64>().map(Json::from);
    signed.or_else(|_| text.parse::<u64>().map(Json::from)).ok()
}

/// A finite number.
pub fn number(value: &Value<'_>) -> Option<Json> {
    integer(value).or_else(|| {
        let number = text(value)?.trim().parse::<f64>().ok()?;
        serde_json::Number::from_f64(number).map(Json::Number)
    })
}

/// A boolean, or a usual word for one.
pub fn boolean(value: &Value<'_>) -> Option<bool> {
    if let Value::Boolean(flag) = value {
        return Some(*flag);
    }
    match text(value)?.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn list(value: &Value<'_>) -> Option<Json> {
    match value {
        Value::List(items) => items.iter().map(|item| text(item).map(Json::from)).collect(),
        other => Some(
            text(other)?
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(Json::from)
                .collect(),
        ),
    }
}

/// A path with `~/` and a relative beginning resolved. A URL or a whole document stays.
pub fn path_of(text: &str, folders: &Folders) -> String {
    if text.contains("://") || is_document(text) {
        return text.to_owned();
    }
    let (folder, rest) = match (text.strip_prefix("~/"), &folders.home) {
        (Some(rest), Some(home)) => (Some(home), rest),
        _ => (folders.infile.as_ref(), text),
    };
    // Both parts are text, and so is what they make together.
    let path = folder.map(|folder| Path::new(folder).join(rest));
    path.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_else(|| text.to_owned())
}

/// Every text in a value; a number is its digits.
fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::String(text) => vec![text.clone()],
        Json::Number(number) => vec![number.to_string()],
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gatherer_plugin_api::manifest::{DefaultValue, Parameter, ParameterType};
    use serde_json::json;

    use super::super::infile_json::Value;
    use super::{Folders, Secrets, complete, path_of};
    use crate::request::redact::Redactor;

    fn folders() -> Folders {
        Folders::new(Path::new("/in"), Some(Path::new("/home/me")))
    }

    fn parameter(kind: ParameterType) -> Parameter {
        Parameter {
            name: "p".into(),
            kind,
            default: DefaultValue::Number(7.into()),
            required: false,
            secret: true,
            advanced: false,
            description: String::new(),
            example: None,
        }
    }

    fn resolved(kind: ParameterType, text: &str) -> Result<Option<serde_json::Value>, String> {
        let parameter = parameter(kind);
        let value = if text.is_empty() { Value::Unset } else { Value::Text(text.to_owned()) };
        complete(&parameter, value, false, &folders(), &mut Secrets::default())
    }

    #[test]
    fn text_becomes_the_type_of_the_manifest() {
        let cases = [
            (ParameterType::Integer, " 443 ", json!(443)),
            (ParameterType::Integer, "18446744073709551615", json!(u64::MAX)),
            (ParameterType::Integer, "", json!(7)),
            (ParameterType::Number, "1.5", json!(1.5)),
            (ParameterType::Boolean, "Yes", json!(true)),
            (ParameterType::Boolean, "0", json!(false)),
            (ParameterType::List, "a, b,,c", json!(["a", "b", "c"])),
            (ParameterType::String, "x", json!("x")),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(resolved(kind, text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn a_wrong_type_names_the_parameter_and_never_the_value() {
        for kind in [ParameterType::Integer, ParameterType::Number, ParameterType::Boolean] {
            let problem = resolved(kind, "hunter2").expect_err("ill-typed");
            assert!(problem.starts_with("p must be a") && !problem.contains("hunter2"));
        }
        assert!(resolved(ParameterType::Integer, "1e400").is_err());
        assert!(resolved(ParameterType::Number, "inf").is_err());
    }

    #[test]
    fn a_document_where_a_path_may_stand_is_secret_and_a_path_is_not() {
        let hidden = |kind, text: &str| {
            let parameter = Parameter { secret: false, ..parameter(kind) };
            let mut secrets = Secrets::default();
            let value = Value::Text(text.into());
            let value = complete(&parameter, value, false, &folders(), &mut secrets);
            assert_eq!(value, Ok(Some(text.into())), "stays as it is");
            Redactor::new(secrets).redact("the token is sesame77")
        };
        let yaml = "users:\n- user:\n    token: sesame77\n";
        let json = r#"{"users":[{"user":{"token":"sesame77"}}]}"#;
        for document in [yaml, json] {
            assert_eq!(hidden(ParameterType::Path, document), "the token is ***");
            assert_eq!(hidden(ParameterType::String, document), "the token is sesame77");
        }
        assert_eq!(hidden(ParameterType::Path, "/token: sesame77"), "the token is sesame77");
    }

    #[test]
    fn paths_start_from_home_or_the_infile() {
        let folders = folders();
        assert_eq!(path_of("~/a", &folders), "/home/me/a");
        assert_eq!(path_of("a/b", &folders), "/in/a/b");
        assert_eq!(path_of("/a", &folders), "/a");
        assert_eq!(path_of("https://h/a", &folders), "https://h/a");
        assert_eq!(path_of("kind: Config\n", &folders), "kind: Config\n");
    }
}
