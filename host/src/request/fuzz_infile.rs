//! The fuzz target for the infile.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use gatherer_plugin_api::{GatherRequest, Policy, ProxySettings};

use super::{BaseFolders, Defaults, Entry, TIMEOUT_MAX_SECONDS, decode, read};
use crate::output::filters::Filters;
use crate::plugins::{Catalog, catalog_of};

/// A module with a parameter of every type, one of them secret.
const MANIFEST: &str = r#"{
    "name": "fuzz", "version": "1", "abi": "1.0.0", "minimumApi": "1.0.0",
    "modules": [{"name": "M", "summary": "", "parameters": [
        {"name": "text", "type": "string", "required": true, "description": ""},
        {"name": "password", "type": "string", "secret": true, "description": ""},
        {"name": "username", "type": "string", "default": "", "description": ""},
        {"name": "integer", "type": "integer", "default": 443, "description": ""},
        {"name": "number", "type": "number", "default": "1.5", "description": ""},
        {"name": "flag", "type": "boolean", "default": "yes", "description": ""},
        {"name": "path", "type": "path", "description": ""},
        {"name": "list", "type": "list", "default": "a,b", "description": ""}
    ]}]
}"#;

/// A catalog with the module of [`MANIFEST`].
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| catalog_of(MANIFEST).expect("a manifest"));

/// Reads an infile.
pub fn infile(input: &[u8]) {
    let (text, _) = decode(input.to_vec());
    let defaults = Defaults {
        timeout: Duration::from_mins(5),
        proxy: ProxySettings::default(),
        folders: BaseFolders::new(Path::new("/folder"), Some(Path::new("/home/user"))),
        filters: Filters::default(),
        max_lost: None,
        policy: Box::new(|_| Policy::default()),
    };
    let Ok(entries) = read(&text, &CATALOG, &defaults) else { return };
    let mut ready = std::collections::HashSet::new();
    for entry in &entries {
        match entry {
            Entry::Ready(endpoint) => {
                assert!(
                    ready.insert(endpoint.id.clone()),
                    "two endpoints with the same id are ready"
                );
                assert!(
                    endpoint.timeout.as_secs_f64() <= TIMEOUT_MAX_SECONDS,
                    "the timeout is too long"
                );
                assert_eq!(endpoint.request.endpoint, endpoint.id);
                assert_eq!(endpoint.request.module, "M");
                let json = serde_json::to_string(&endpoint.request).expect("a request is JSON");
                let again: GatherRequest = serde_json::from_str(&json).expect("it can be read");
                let again = serde_json::to_string(&again).expect("a request is JSON");
                assert_eq!(json, again, "the worker gets another request");
                for value in endpoint.request.parameters.values() {
                    assert!(
                        !value.is_null() && !value.is_object(),
                        "not a valid value of a parameter"
                    );
                }
            }
            Entry::Failed(result)
            | Entry::FailedWithoutId(result)
            | Entry::UnusableFile(result) => {
                let error = result.error.as_ref().expect("a failed entry has an error");
                assert!(!error.message.is_empty());
            }
        }
    }
}
