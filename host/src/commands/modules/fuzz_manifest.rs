//! Fuzz targets: a plugin's file, its manifest, and the lists of its modules.

use gatherer_plugin_api::manifest::Manifest;

use super::{details, manager_list, table};
use crate::plugins::{catalog_of, manifest_of};

/// Reads the manifest from the note of a plugin's file.
pub fn library(input: &[u8]) {
    if let Ok(text) = manifest_of(input) {
        assert!(text.len() <= input.len());
        manifest(text.as_bytes());
    }
}

/// Parses a manifest and prints the lists of its modules.
pub fn manifest(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(manifest) = Manifest::parse(text) else { return };
    let json = serde_json::to_string(&manifest).expect("a manifest is JSON");
    assert_eq!(Manifest::parse(&json), Ok(manifest), "the manifest can be read again");
    let Some(catalog) = catalog_of(text) else { return };
    let list = manager_list(&catalog);
    assert!(list.is_ascii(), "the list must be ASCII");
    serde_json::from_str::<serde_json::Value>(&list).expect("the list is JSON");
    serde_json::from_str::<serde_json::Value>(&super::json(&catalog, None, None)).expect("JSON");
    let shown = table(&catalog, 80);
    assert!(!shown.contains(|sign: char| sign.is_control() && sign != '\n'), "{shown:?}");
    for (module, plugin) in catalog.modules() {
        let shown = details(module, plugin, 80);
        assert!(!shown.contains(|sign: char| sign.is_control() && sign != '\n'), "{shown:?}");
    }
}
