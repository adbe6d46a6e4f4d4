//! Fuzz targets: each takes one input and panics if a rule is broken.
//!
//! A target that needs private parts of a module is in that module's folder.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatherer_plugin_api::manifest::Manifest;
use gatherer_plugin_api::model::image::{self, ImageReference};
use gatherer_plugin_api::{GatherRequest, LogLevel, Policy, ProxySettings};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::discovery::{Catalog, Plugin, manifest_of};
use crate::redact::{Redactor, Secrets};
use crate::request::{self, Defaults, Entry, Folders, TIMEOUT_MAX_SECONDS};
use crate::{images, modules, supervisor};

/// A target's name, and the function that runs one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("infile", infile),
    ("frames", supervisor::fuzz_frames),
    ("library", library),
    ("manifest", manifest),
    ("images", images::fuzzing::images),
    ("match_images", images::fuzzing::match_images),
    ("image_reference", image_reference),
    ("redaction", redaction),
];

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

fn catalog_of(manifest: &str) -> Option<Catalog> {
    Some(Catalog::of(Plugin {
        path: PathBuf::from("/libgatherer_plugin_fuzz.so"),
        manifest: Manifest::parse(manifest).ok()?,
        manifest_text: manifest.to_owned(),
        file: memfd_create("plugin", MemfdFlags::CLOEXEC).ok()?.into(),
    }))
}

/// The infile: bytes to endpoints.
fn infile(input: &[u8]) {
    let (text, _) = request::decode(input.to_vec());
    let defaults = Defaults {
        timeout: Duration::from_mins(5),
        proxy: ProxySettings::default(),
        folders: Folders::new(Path::new("/folder"), Some(Path::new("/home/user"))),
        log_level: LogLevel::Info,
        policy: Box::new(|_| Policy::default()),
    };
    let Ok(entries) = request::read(&text, &CATALOG, &defaults) else { return };
    let mut ready = std::collections::HashSet::new();
    for entry in &entries {
        match entry {
            Entry::Ready(endpoint) => {
                assert!(ready.insert(endpoint.id.clone()), "two endpoints of one id are asked");
                assert!(endpoint.timeout.as_secs_f64() <= TIMEOUT_MAX_SECONDS, "endless timeout");
                assert_eq!(endpoint.request.endpoint, endpoint.id);
                assert_eq!(endpoint.request.module, "M");
                let json = serde_json::to_string(&endpoint.request).expect("a request is JSON");
                let again: GatherRequest = serde_json::from_str(&json).expect("it can be read");
                let again = serde_json::to_string(&again).expect("a request is JSON");
                assert_eq!(json, again, "the worker is asked something else");
                for value in endpoint.request.parameters.values() {
                    assert!(!value.is_null() && !value.is_object(), "not a value of a parameter");
                }
            }
            Entry::Failed(result) => {
                let error = result.error.as_ref().expect("a failed entry has an error");
                assert!(!error.message.is_empty());
            }
        }
    }
}

/// A plugin's file: the manifest in its note.
fn library(input: &[u8]) {
    if let Ok(text) = manifest_of(input) {
        assert!(text.len() <= input.len());
        manifest(text.as_bytes());
    }
}

/// A manifest's text, and what is printed of it.
fn manifest(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(manifest) = Manifest::parse(text) else { return };
    let json = serde_json::to_string(&manifest).expect("a manifest is JSON");
    assert_eq!(Manifest::parse(&json), Ok(manifest), "a manifest is read as it is written");
    let Some(catalog) = catalog_of(text) else { return };
    let list = modules::manager_list(&catalog);
    assert!(list.is_ascii(), "the Manager reads ASCII");
    serde_json::from_str::<serde_json::Value>(&list).expect("the Manager reads JSON");
    serde_json::from_str::<serde_json::Value>(&modules::json(&catalog, None, None)).expect("JSON");
    let shown = modules::table(&catalog);
    assert!(!shown.contains(|sign: char| sign.is_control() && sign != '\n'), "{shown:?}");
    for (module, plugin) in catalog.modules() {
        let shown = modules::details(module, plugin);
        assert!(!shown.contains(|sign: char| sign.is_control() && sign != '\n'), "{shown:?}");
    }
}

/// The name of an image, the id of an image and that of a container.
fn image_reference(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let _ = image::container_id(text);
    let id = image::image_id(text);
    let written = match (&id.repository, &id.repo_digest, &id.config_digest) {
        (Some(repository), Some(digest), None) => Some(format!("{repository}@{digest}")),
        (None, None, Some(digest)) => Some(digest.clone()),
        (None, None, None) => None,
        _ => panic!("an id is one of a repository or the image's own: {id:?}"),
    };
    if let Some(written) = written {
        assert_eq!(image::image_id(&written), id, "written as {written}");
    }
    let Ok(reference) = text.parse::<ImageReference>() else { return };
    let written = reference.to_string();
    let again = written.parse::<ImageReference>();
    assert_eq!(again.as_ref(), Ok(&reference), "written as {written}");
}

/// Secrets that are separated by NUL, and after the last NUL a text that may hold them.
fn redaction(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut parts: Vec<&str> = input.split('\0').collect();
    let Some(text) = parts.pop() else { return };
    // What is too short, or blank, is not taken out. A secret with a star could come of the stars.
    let wanted = |part: &&str| part.trim().len() >= 4 && !part.contains('*');
    let known: Vec<&str> = parts.into_iter().filter(wanted).take(4).collect();
    let secrets: Secrets = known.iter().collect();
    let redactor = Redactor::new(secrets);
    let check = |shown: &str, how: &str| {
        for secret in &known {
            assert!(!shown.contains(secret), "{secret:?} survives in {shown:?} ({how})");
        }
    };
    check(&redactor.redact(text), "whole");
    check(&redactor.redact_beginning(text, 64), "beginning");
    // A line so long that it comes in two pieces, which is longer than a secret may reach.
    let split = redactor.reach().max(3) * 2 + text.len() / 2;
    let long = text.repeat(split * 2 / text.len().max(1) + 1);
    if let Some(beginning) = long.as_bytes().get(..split) {
        let head = redactor.head(beginning, 0);
        let rest = redactor.redact_rest(&long.as_bytes()[head.taken..], head.carried);
        check(&format!("{}{rest}", head.text), "in two pieces");
    }
    // A backslash before an escape makes another text of it.
    let before = text.trim_end_matches('\\');
    for secret in &known {
        for spelled in [
            serde_json::to_string(secret).expect("text"),
            format!("{secret:?}"),
            secret.escape_default().to_string(),
            secret.escape_unicode().to_string(),
            STANDARD.encode(secret),
        ] {
            let shown = redactor.redact(&format!("{before}{spelled}{text}"));
            check(&shown, "between others");
            let inner = spelled.trim_matches('"');
            assert!(!shown.contains(inner) || inner.contains('*'), "{inner:?} survives");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_cases_pass() {
        gatherer_tests::corpus::replay(super::TARGETS);
    }
}
