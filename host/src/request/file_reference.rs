//! One reference of the form `{"file": PATH}`, and reading its file.

use std::path::Path;

use gatherer_file_reader as file;
use serde::{Deserialize, Serialize};

use crate::output::escape::escape;

/// The maximum size of a file that a reference names, in bytes.
const REFERENCE_MAX_BYTES: usize = 1024 * 1024;

/// A value that is the text of a file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileReference {
    /// The name of the parameter or common option.
    pub name: String,
    /// The path of the file.
    pub path: String,
    /// Whether messages must not show the path, because the user may have entered the secret itself instead of a path.
    pub is_hidden: bool,
}

impl FileReference {
    /// The text of the file without its last line end. The error is a message.
    pub fn read(&self) -> Result<String, String> {
        let text = match file::read(Path::new(&self.path), REFERENCE_MAX_BYTES) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| self.problem("is not UTF-8 text")),
            Err(error) => Err(self.problem(&error.to_string())),
        };
        text.map(|mut text| {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
            text
        })
    }

    /// A message about the file.
    fn problem(&self, predicate: &str) -> String {
        let shown = if self.is_hidden { String::new() } else { format!(" {}", escape(&self.path)) };
        format!("{} refers to the file{shown}, which {predicate}", self.name)
    }
}
