//! The parameter to a document: a path's file, or the text itself.

use std::path::{Path, PathBuf};

use gatherer_plugin_api::{GatherError, Policy};
use gatherer_plugin_support::file::{self, FileError};
use serde_json::Value;

use super::files::{Files, MAX_BYTES};
use super::view::{error, looks_secret, shown};
use super::yaml;

/// The longest path and the longest name in one. The system takes longer paths; who has them?
const PATH_MAX: usize = 1024;
const NAME_MAX: usize = 255;

/// A document and what it may name.
pub struct Source {
    /// How messages call it.
    pub origin: String,
    /// What stands in it.
    pub value: Value,
    /// The files that it may name.
    pub files: Files,
}

/// Reads what the parameter says.
pub fn read(kubeconfig: &str, policy: &Policy) -> Result<Source, GatherError> {
    let (origin, path, text) = if is_document(kubeconfig) {
        ("the kubeconfig".to_owned(), None, kubeconfig.to_owned())
    } else {
        let path = path_of(kubeconfig)?;
        let origin = format!("kubeconfig {}", called(&path));
        let bytes = file::read(&path, MAX_BYTES).map_err(|what| error(&origin, what))?;
        let text = text_of(bytes).map_err(|what| error(&origin, what))?;
        (origin, Some(path), text)
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() {
        return Err(error(&origin, "is empty"));
    }
    let value = yaml::parse(text).map_err(|what| error(&origin, what))?;
    let files = Files::new(&origin, path.as_deref(), policy);
    Ok(Source { origin, value, files })
}

/// Whether the parameter is the document itself: a path has no line break and no brace first.
fn is_document(kubeconfig: &str) -> bool {
    kubeconfig.contains(['\n', '\r']) || kubeconfig.trim_start().starts_with('{')
}

fn path_of(kubeconfig: &str) -> Result<PathBuf, GatherError> {
    let refused = |what: &str| {
        GatherError::configuration(format!("kubeconfig {what}"))
            .with_hint("give the path of a file, or the document itself")
    };
    if kubeconfig.trim().is_empty() {
        return Err(refused("is empty"));
    }
    // Both may be a document that lost its line breaks: not quoted.
    if kubeconfig.contains("://") || kubeconfig.contains(": ") {
        return Err(refused("is neither a path nor a document"));
    }
    if kubeconfig.contains(char::is_control) {
        return Err(refused("holds a control character"));
    }
    // A document in base64, for example.
    if kubeconfig.len() > PATH_MAX || kubeconfig.split('/').any(|name| name.len() > NAME_MAX) {
        return Err(refused("is too long for a path"));
    }
    std::path::absolute(Path::new(kubeconfig))
        .map_err(|error| refused(&FileError::from(error).to_string()))
}

/// The path as messages have it. A part that looks like a token may be one: it is shortened.
fn called(path: &Path) -> String {
    let parts = path.iter().map(|part| {
        let part = part.to_string_lossy();
        if looks_secret(&part) { shown(&part) } else { part.into_owned() }
    });
    parts.collect::<Vec<_>>().join("/").replacen("//", "/", 1)
}

fn text_of(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("is written in UTF-16; it must be UTF-8");
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text")
}
