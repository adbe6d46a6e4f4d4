//! Reads JSON files that the command line names. Sizes are limited, and errors give the position of a mistake
//! without quoting the file.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::commands::input;
use crate::process::RunLimit;

/// Reads and parses a file. `name` is its name in messages ("the inventory").
pub fn read<T>(
    name: &str,
    path: &Path,
    max_bytes: u64,
    limit: Option<RunLimit>,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, String> {
    let bytes = input::read_file(name, path, max_bytes, limit)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    parse(text).map_err(|problem| format!("{name} {} {problem}", path.display()))
}

/// Parses a JSON text. The error is a message without its subject.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], expected: &str) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let position = format!("line {} column {}", error.line(), error.column());
        match error.classify() {
            // Messages of these categories do not quote the text; those of the category Data do.
            Category::Syntax | Category::Eof | Category::Io => {
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default();
                format!("is not JSON: {message} at {position}; expected {expected}")
            }
            Category::Data => {
                format!(
                    "cannot be used: the value that ends at {position} has a missing member or a wrong type; \
                     expected {expected}"
                )
            }
        }
    })
}
