//! Reads an inventory document that this or another release wrote.

use gatherer_plugin_api::model::{Inventory, SCHEMA_VERSION};
use serde::Deserialize;

use crate::commands::json_file;

/// The maximum size of a document, in bytes.
pub const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// The expected content, for messages.
pub const EXPECTED: &str = "a document of --format inventory";

/// The major version of the schema that this release reads.
const MAJOR: u64 = 1;

/// Reads a document. The error is a message without its subject.
pub fn read(bytes: &[u8]) -> Result<Inventory, String> {
    // The version is checked first, because an error about a member of another version would be misleading.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        schema_version: String,
    }
    let version = json_file::parse::<Versioned>(bytes, EXPECTED)?.schema_version;
    read_version(bytes, &version)
}

/// Reads a document of this schema version. The error is a message without its subject.
pub fn read_version(bytes: &[u8], version: &str) -> Result<Inventory, String> {
    check_version(version)?;
    // A later minor version may have words that this release does not know.
    let is_later = is_later_version(version);
    json_file::parse(bytes, EXPECTED).map_err(|problem| {
        if !is_later {
            return problem;
        }
        format!("{problem}; a later release wrote it (schema {version}), so use that one")
    })
}

/// Checks that this release reads the major version. The error is a message without its subject.
pub fn check_version(version: &str) -> Result<(), String> {
    if version.split('.').next().and_then(|major| major.parse().ok()) == Some(MAJOR) {
        return Ok(());
    }
    Err(format!(
        "has another schema version than {MAJOR}.x, which this program reads; gather again"
    ))
}

/// Whether this release does not know the minor version.
pub fn is_later_version(version: &str) -> bool {
    minor(version) > minor(SCHEMA_VERSION)
}

/// The minor number of a version.
fn minor(version: &str) -> Option<u64> {
    version.split('.').nth(1)?.parse().ok()
}
