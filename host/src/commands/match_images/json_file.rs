//! Reading the files that `match-images` is given: sizes are capped, and what is wrong is said by
//! its place, without a word of what stands there.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::commands::input;
use crate::process::RunLimit;

/// Reads and understands a file; `what` is how sentences call it.
pub fn read<T>(
    what: &str,
    path: &Path,
    max_bytes: u64,
    limit: Option<RunLimit>,
    understand: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, String> {
    let bytes = input::read_file(what, path, max_bytes, limit)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    understand(text).map_err(|problem| format!("{what} {} {problem}", path.display()))
}

/// The value that a JSON text holds.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], expected: &str) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        match error.classify() {
            // Words of these categories quote nothing; those of data do.
            Category::Syntax | Category::Eof | Category::Io => {
                let words = error.to_string();
                let words = words.split(" at line ").next().unwrap_or_default();
                format!("is not JSON: {words} at {place}; expected {expected}")
            }
            Category::Data => {
                format!("cannot be used: what ends at {place} is missing something or of another type; expected {expected}")
            }
        }
    })
}
