//! Loads the document of the parameter `kubeconfig`, which is a path or the document itself.

use std::path::{Path, PathBuf};

use gatherer_plugin_api::{GatherError, Policy};
use gatherer_plugin_support::file::{self, FileError};
use gatherer_plugin_support::yaml;
use serde_json::Value;

use super::config_node::{error, looks_secret, shown};
use super::files::{Files, MAX_BYTES};

/// The longest path, in bytes. Linux allows 4096, but a longer text is rather a document.
const PATH_MAX: usize = 1024;

/// The longest name of a file or folder in a path, in bytes (a limit of Linux).
const NAME_MAX: usize = 255;

/// A loaded document.
pub struct LoadedDocument {
    /// The name of the document, for messages.
    pub origin: String,
    /// The parsed contents.
    pub value: Value,
    /// The files that the document may name.
    pub files: Files,
}

/// Loads the parameter's document.
pub fn read(kubeconfig: &str, policy: &Policy) -> Result<LoadedDocument, GatherError> {
    let (origin, path, text) = if is_document(kubeconfig) {
        ("the kubeconfig".to_owned(), None, kubeconfig.to_owned())
    } else {
        // A path that was pasted or read from a file can end in a line break.
        let path = path_of(kubeconfig.trim())?;
        let origin = format!("kubeconfig {}", shown_path(&path));
        let bytes = file::read(&path, MAX_BYTES).map_err(|why| error(&origin, why))?;
        let text = text_of(bytes).map_err(|why| error(&origin, why))?;
        (origin, Some(path), text)
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() {
        return Err(error(&origin, "is empty"));
    }
    let value = yaml::parse(text).map_err(|why| error(&origin, why))?;
    let files = Files::new(&origin, path.as_deref(), policy);
    Ok(LoadedDocument { origin, value, files })
}

/// Whether the parameter is the document itself: it has several lines, or starts with a brace, or its only line
/// ends in a line break and cannot be a path.
fn is_document(kubeconfig: &str) -> bool {
    const LINE_BREAKS: [char; 2] = ['\n', '\r'];
    let trimmed = kubeconfig.trim();
    let is_path = !trimmed.is_empty() && !trimmed.contains([':', '#']);
    trimmed.contains(LINE_BREAKS)
        || trimmed.starts_with('{')
        || (kubeconfig.contains(LINE_BREAKS) && !is_path)
}

fn path_of(kubeconfig: &str) -> Result<PathBuf, GatherError> {
    let invalid = |why: &str| {
        GatherError::configuration(format!("kubeconfig {why}"))
            .with_hint("set it to the path of a file, or to the document itself")
    };
    if kubeconfig.trim().is_empty() {
        return Err(invalid("is empty"));
    }
    // This may be a document that lost its line breaks, so it is not quoted.
    if kubeconfig.contains("://") || kubeconfig.contains(": ") {
        return Err(invalid("is not a path or a document"));
    }
    if kubeconfig.contains(char::is_control) {
        return Err(invalid("must not contain a control character"));
    }
    // This may be a document in base64.
    if kubeconfig.len() > PATH_MAX || kubeconfig.split('/').any(|name| name.len() > NAME_MAX) {
        return Err(invalid("is too long for a path"));
    }
    std::path::absolute(Path::new(kubeconfig))
        .map_err(|error| invalid(&FileError::from(error).to_string()))
}

/// The path for messages. A part that looks like a token is shortened.
fn shown_path(path: &Path) -> String {
    let parts = path.iter().map(|part| {
        let part = part.to_string_lossy();
        if looks_secret(&part) { shown(&part) } else { part.into_owned() }
    });
    parts.collect::<Vec<_>>().join("/").replacen("//", "/", 1)
}

/// Decodes a file. Windows writes UTF-16, and kubectl reads it if it begins with a byte order mark.
fn text_of(bytes: Vec<u8>) -> Result<String, &'static str> {
    let decode = match bytes.first_chunk() {
        Some([0xff, 0xfe]) => u16::from_le_bytes,
        Some([0xfe, 0xff]) => u16::from_be_bytes,
        _ => return String::from_utf8(bytes).map_err(|_| "is not UTF-8 text"),
    };
    let (units, rest) = bytes.as_chunks();
    let text = char::decode_utf16(units.iter().map(|unit| decode(*unit)));
    let text: Result<String, _> = text.collect();
    text.ok().filter(|_| rest.is_empty()).ok_or("is not valid UTF-16 text")
}
