//! Converts the value of a parameter: resolves references, fills in the default, and converts text to the type in the
//! manifest. No message contains a value.

use std::path::Path;

use gatherer_plugin_api::manifest::{Module, Parameter, ParameterType};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::file_reference::FileReference;
use super::infile_json::{RawObject, Value};
use crate::output::escape::escape;
use crate::request::redact::{Secrets, is_document, is_secret_name};

/// The base folders of the paths in a request. A folder whose path is not UTF-8 is `None`, because the paths in a
/// request are text.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct BaseFolders {
    /// The folder for relative paths.
    pub infile: Option<String>,
    /// The folder for paths that begin with `~/`.
    pub home: Option<String>,
}

impl BaseFolders {
    /// Creates it from the infile's folder and the home folder.
    pub fn new(infile: &Path, home: Option<&Path>) -> Self {
        let text = |folder: &Path| folder.to_str().map(str::to_owned);
        Self { infile: text(infile), home: home.and_then(text) }
    }
}

/// The value of a parameter after the infile was read.
pub enum ResolvedValue {
    /// The value for the plugin; `None` if it is not set.
    Known(Option<Json>),
    /// The value is in a file, which the worker reads.
    InFile(FileReference),
}

/// Resolves the value of a parameter. The error is a message.
pub fn resolve(
    parameter: &Parameter,
    value: Value<'_>,
    folders: &BaseFolders,
    secrets: &mut Secrets,
) -> Result<ResolvedValue, String> {
    let (value, is_referenced) = match value {
        Value::Object(object) => {
            match reference(&parameter.name, &object, folders, parameter.secret)? {
                ResolvedReference::Value(value) => (value, true),
                ResolvedReference::File(file) => return Ok(ResolvedValue::InFile(file)),
            }
        }
        value => (value, false),
    };
    complete(parameter, value, is_referenced, folders, secrets).map(ResolvedValue::Known)
}

/// Converts a value for the plugin; `None` if it is not set. Secrets in it are added to `secrets`: the whole value if the
/// parameter is secret, if the value came from a reference, or if it is a document in a parameter for a path (a kubeconfig
/// contains tokens); otherwise the secret parts of a URL.
pub fn complete(
    parameter: &Parameter,
    value: Value<'_>,
    is_referenced: bool,
    folders: &BaseFolders,
    secrets: &mut Secrets,
) -> Result<Option<Json>, String> {
    let is_path = parameter.kind == ParameterType::Path;
    let is_inline = is_path && text(&value).is_some_and(|text| is_document(&text));
    let names_user = names_user(&parameter.name);
    let is_secret = parameter.secret || (is_referenced && !names_user) || is_inline;
    // Values such as "yes" and "no" occur in every text, so they are not redacted.
    let is_text = parameter.kind != ParameterType::Boolean;
    // The original text is added, because conversion changes it (a path is resolved, a number is trimmed).
    match text(&value) {
        Some(text) if is_secret && is_text => secrets.add(&text),
        Some(text) => secrets.add_url(&text),
        None => {}
    }
    let value = match value {
        Value::Unset => match parameter.default.text() {
            Some(default) => Value::Text(default),
            None => return Ok(None),
        },
        value => value,
    };
    let converted = match (convert(&value, parameter.kind), parameter.kind) {
        (Some(Json::String(path)), ParameterType::Path) => match word(parameter, &path) {
            Some(word) => word.into(),
            None => path_of(&path, folders).into(),
        },
        (Some(converted), _) => converted,
        (None, kind) => return Err(format!("{} must be {}", parameter.name, kind.article())),
    };
    for text in texts(&converted) {
        if is_secret {
            secrets.add(&text);
        } else {
            secrets.add_url(&text);
            if names_user {
                secrets.add_user(&text);
            }
        }
    }
    Ok(Some(converted))
}

/// Inserts a parameter's value into the parameters for the plugin, or adds a problem.
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
        Ok(None) if parameter.required => problems
            .push(format!("the parameter {} of module {} is missing", parameter.name, module.name)),
        Ok(None) => {}
        Err(problem) => problems.push(problem),
    }
}

/// Whether the name of a parameter suggests that it is a user name, which belongs to a password and is not secret.
pub fn names_user(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["user", "login", "account", "_id"].iter().any(|part| lower.contains(part))
        && !is_secret_name(&lower)
}

/// The target of a reference.
pub enum ResolvedReference<'a> {
    /// A value from the environment.
    Value(Value<'a>),
    /// A file.
    File(FileReference),
}

/// Resolves `{"file": PATH}` or `{"env": NAME}`. The error is a message.
///
/// A user may have entered the secret itself instead of the name of a file or variable. So messages about a secret show a
/// path only if it begins like a path, and never show a document.
pub fn reference<'a>(
    name: &str,
    object: &RawObject<'_>,
    folders: &BaseFolders,
    is_secret: bool,
) -> Result<ResolvedReference<'a>, String> {
    let keys: Vec<_> = object.keys().collect();
    match (keys.as_slice(), keys.first().map(|key| object.value(key))) {
        (["file"], Some(Value::Text(file))) => Ok(ResolvedReference::File(FileReference {
            name: name.to_owned(),
            path: path_of(&file, folders),
            is_hidden: is_document(&file) || is_secret && !begins_like_path(&file),
        })),
        (["env"], Some(Value::Text(variable))) => match std::env::var(&variable) {
            Ok(text) if text.is_empty() => Ok(ResolvedReference::Value(Value::Unset)),
            Ok(text) => Ok(ResolvedReference::Value(Value::Text(text))),
            Err(_) => {
                let is_hidden = is_document(&variable) || is_secret;
                let shown =
                    if is_hidden { String::new() } else { format!(" {}", escape(&variable)) };
                Err(format!(
                    "{name} refers to the environment variable{shown}, which is not set or not UTF-8"
                ))
            }
        },
        _ => Err(format!("{name} must be a value, {{\"file\": PATH}} or {{\"env\": NAME}}")),
    }
}

/// The word of the manifest that a value is instead of a path.
fn word<'a>(parameter: &'a Parameter, value: &str) -> Option<&'a str> {
    parameter.words.iter().map(String::as_str).find(|word| *word == value.trim())
}

/// Whether a text begins like a path, and so is not a secret in the place of one.
pub fn begins_like_path(text: &str) -> bool {
    ["/", "~/", "./", "../"].iter().any(|start| text.starts_with(start))
}

/// Converts a value to a type; `None` if that is not possible.
pub fn convert(value: &Value<'_>, kind: ParameterType) -> Option<Json> {
    match (value, kind) {
        (Value::Boolean(flag), ParameterType::Boolean) => Some((*flag).into()),
        (Value::List(items), ParameterType::List) => {
            items.iter().map(|item| text(item).map(Json::from)).collect()
        }
        _ => kind.convert(&text(value)?),
    }
}

/// The text of a string or number.
pub fn text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Number(digits) => Some((*digits).to_owned()),
        _ => None,
    }
}

/// Resolves `~/` and relative paths, without blanks and line breaks around them. A URL or a document is not changed.
pub fn path_of(text: &str, folders: &BaseFolders) -> String {
    if text.contains("://") || is_document(text) {
        return text.to_owned();
    }
    let text = text.trim();
    // A URL, as RFC 8089 shortens it.
    if text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("file:/")) {
        return text.to_owned();
    }
    let (folder, rest) = match (text.strip_prefix("~/"), &folders.home) {
        (Some(rest), Some(home)) => (Some(home), rest),
        _ => (folders.infile.as_ref(), text),
    };
    // Both parts are UTF-8, so the joined path is too.
    let path = folder.map(|folder| Path::new(folder).join(rest));
    path.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_else(|| text.to_owned())
}

/// All texts in a value; a number is converted to text.
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
    use super::{BaseFolders, Secrets, complete, path_of};
    use crate::request::redact::Redactor;

    fn folders() -> BaseFolders {
        BaseFolders::new(Path::new("/in"), Some(Path::new("/home/me")))
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
            words: vec!["a-word".into()],
        }
    }

    fn resolved(kind: ParameterType, text: &str) -> Result<Option<serde_json::Value>, String> {
        let parameter = parameter(kind);
        let value = if text.is_empty() { Value::Unset } else { Value::Text(text.to_owned()) };
        complete(&parameter, value, false, &folders(), &mut Secrets::default())
    }

    #[test]
    fn converts_text_to_the_type_of_the_manifest() {
        let cases = [
            (ParameterType::Integer, " 443 ", json!(443)),
            (ParameterType::Integer, "", json!(7)),
            (ParameterType::List, "a, b,,c", json!(["a", "b", "c"])),
            (ParameterType::Path, "x", json!("/in/x")),
            (ParameterType::Path, " a-word\n", json!("a-word")),
            (ParameterType::Path, "./a-word", json!("/in/./a-word")),
            (ParameterType::Path, "a-word/x", json!("/in/a-word/x")),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(resolved(kind, text), Ok(Some(expected)), "{text}");
        }
    }

    #[test]
    fn errors_name_the_parameter_and_do_not_quote_the_value() {
        for kind in [ParameterType::Integer, ParameterType::Number, ParameterType::Boolean] {
            let problem = resolved(kind, "hunter2").expect_err("wrong type");
            assert!(problem.starts_with("p must be a") && !problem.contains("hunter2"));
        }
    }

    #[test]
    fn a_document_in_a_parameter_for_a_path_is_secret() {
        let redacted = |kind, text: &str| {
            let parameter = Parameter { secret: false, ..parameter(kind) };
            let mut secrets = Secrets::default();
            let value = Value::Text(text.into());
            let value = complete(&parameter, value, false, &folders(), &mut secrets);
            assert_eq!(value, Ok(Some(text.into())), "the value is not changed");
            Redactor::new(secrets).redact("the token is sesame77")
        };
        let yaml = "users:\n- user:\n    token: sesame77\n";
        let json = r#"{"users":[{"user":{"token":"sesame77"}}]}"#;
        for document in [yaml, json] {
            assert_eq!(redacted(ParameterType::Path, document), "the token is ***");
            assert_eq!(redacted(ParameterType::String, document), "the token is sesame77");
        }
        assert_eq!(redacted(ParameterType::Path, "token: sesame77\n"), "the token is ***");
        assert_eq!(redacted(ParameterType::Path, "/token: sesame77"), "the token is sesame77");
        let mut secrets = Secrets::default();
        let parameter = Parameter { secret: false, ..parameter(ParameterType::Path) };
        let value = Value::Text("kubeconfig\n".to_owned());
        let path = complete(&parameter, value, false, &folders(), &mut secrets);
        assert_eq!(path, Ok(Some("/in/kubeconfig".into())));
        assert_eq!(Redactor::new(secrets).redact("the kubeconfig"), "the kubeconfig");
    }

    #[test]
    fn resolves_paths_at_the_home_folder_or_the_infile() {
        let folders = folders();
        assert_eq!(path_of("~/a", &folders), "/home/me/a");
        assert_eq!(path_of("a/b", &folders), "/in/a/b");
        assert_eq!(path_of("/a", &folders), "/a");
        assert_eq!(path_of(" a/b\r\n", &folders), "/in/a/b");
        assert_eq!(path_of("a: b\n", &folders), "a: b\n");
        assert_eq!(path_of("https://h/a", &folders), "https://h/a");
        assert_eq!(path_of(" File:/a ", &folders), "File:/a");
        assert_eq!(path_of("file:a", &folders), "/in/file:a");
        assert_eq!(path_of("kind: Config\n", &folders), "kind: Config\n");
    }
}
