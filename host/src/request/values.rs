//! One parameter's value: references resolved, the default filled in, text turned into the
//! type that the manifest asks for. No sentence here ever holds a value.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use gatherer_plugin_api::manifest::{DefaultValue, Parameter, ParameterType};
use serde_json::Value as Json;

use super::Defaults;
use super::document::{RawObject, Value};
use crate::escape::escape;
use crate::redact::{Secrets, is_document};

/// The longest value that a reference may lead to, in bytes.
const REFERENCE_MAX_BYTES: u64 = 1024 * 1024;

/// The value that a plugin is given; `None` if it is unset. An error is a sentence. What is
/// secret in it is added to `secrets`: all of it if the parameter says so, if the value came from
/// a reference or if it is a document where a path may stand (a kubeconfig, say, holds tokens);
/// else what a URL hides.
pub fn resolve(
    parameter: &Parameter,
    value: Value<'_>,
    defaults: &Defaults,
    secrets: &mut Secrets,
) -> Result<Option<Json>, String> {
    let (value, referenced) = match value {
        Value::Object(object) => {
            (reference(&parameter.name, &object, defaults, parameter.secret)?, true)
        }
        value => (value, false),
    };
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
    let converted = convert(parameter, &value, defaults)?;
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

/// What `{"file": PATH}` or `{"env": NAME}` stands for.
///
/// Somebody may have put the secret itself where its file's or its variable's name belongs: of a
/// secret, only what is a path at first sight is shown, and of a document nothing.
pub fn reference<'a>(
    name: &str,
    object: &RawObject<'_>,
    defaults: &Defaults,
    secret: bool,
) -> Result<Value<'a>, String> {
    let keys: Vec<_> = object.keys().collect();
    let text = match (keys.as_slice(), keys.first().map(|key| object.value(key))) {
        (["file"], Some(Value::Text(given))) => {
            let path = path_of(&given, defaults);
            read_file(&path).map_err(|problem| {
                let is_path = ["/", "~/", "./", "../"].iter().any(|start| given.starts_with(start));
                let hidden = is_document(&given) || secret && !is_path;
                let shown = if hidden { String::new() } else { format!(" {}", escape(&path)) };
                format!("{name} refers to the file{shown}, which {problem}")
            })?
        }
        (["env"], Some(Value::Text(variable))) => std::env::var(&variable).map_err(|_| {
            let hidden = is_document(&variable) || secret;
            let shown = if hidden { String::new() } else { format!(" {}", escape(&variable)) };
            format!(
                "{name} refers to the environment variable{shown}, which is not set or not UTF-8"
            )
        })?,
        _ => {
            return Err(format!("{name} must be a value, {{\"file\": PATH}} or {{\"env\": NAME}}"));
        }
    };
    Ok(if text.is_empty() { Value::Unset } else { Value::Text(text) })
}

/// A file's text without its last line end. The error is a sentence without its subject.
fn read_file(path: &str) -> Result<String, String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => "does not exist".to_owned(),
            _ => format!("cannot be opened: {error}"),
        })?;
    let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if !regular {
        return Err("is not a regular file".to_owned());
    }
    let mut text = String::new();
    file.take(REFERENCE_MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|_| "cannot be read as UTF-8 text".to_owned())?;
    if text.len() as u64 > REFERENCE_MAX_BYTES {
        return Err("is longer than 1 MiB".to_owned());
    }
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}

fn convert(parameter: &Parameter, value: &Value<'_>, defaults: &Defaults) -> Result<Json, String> {
    let converted = match parameter.kind {
        ParameterType::String => text(value).map(Json::from),
        ParameterType::Integer => integer(value),
        ParameterType::Number => number(value),
        ParameterType::Boolean => boolean(value).map(Json::from),
        ParameterType::Path => text(value).map(|path| path_of(&path, defaults).into()),
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
pub fn path_of(text: &str, defaults: &Defaults) -> String {
    if text.contains("://") || is_document(text) {
        return text.to_owned();
    }
    let path = match (text.strip_prefix("~/"), &defaults.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => defaults.folder.join(Path::new(text)),
    };
    // Both parts were text, or the file is not ours to name.
    path.to_str().map_or_else(|| text.to_owned(), str::to_owned)
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
    use std::path::PathBuf;
    use std::time::Duration;

    use gatherer_plugin_api::manifest::{DefaultValue, Parameter, ParameterType};
    use gatherer_plugin_api::{LogLevel, Policy, ProxySettings};
    use serde_json::json;

    use super::super::document::Value;
    use super::{Defaults, Secrets, path_of, resolve};
    use crate::redact::Redactor;

    fn defaults() -> Defaults {
        Defaults {
            timeout: Duration::from_secs(1),
            proxy: ProxySettings::default(),
            folder: PathBuf::from("/in"),
            home: Some(PathBuf::from("/home/me")),
            log_level: LogLevel::Info,
            policy: Box::new(|_| Policy::default()),
        }
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
        resolve(&parameter, value, &defaults(), &mut Secrets::default())
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
            let value = resolve(&parameter, Value::Text(text.into()), &defaults(), &mut secrets);
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
        let defaults = defaults();
        assert_eq!(path_of("~/a", &defaults), "/home/me/a");
        assert_eq!(path_of("a/b", &defaults), "/in/a/b");
        assert_eq!(path_of("/a", &defaults), "/a");
        assert_eq!(path_of("https://h/a", &defaults), "https://h/a");
        assert_eq!(path_of("kind: Config\n", &defaults), "kind: Config\n");
    }
}
