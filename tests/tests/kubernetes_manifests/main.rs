//! The manifests of packaging/kubernetes: kubectl renders them, and the schemas of Kubernetes, two API servers and the
//! program itself judge them.

mod command_lines;
mod dry_run;
mod rights;
mod rules;

use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::manifest_judges;
use serde_json::Value;

/// The folders that can be applied.
const FOLDERS: [&str; 3] = ["base", "overlays/example", "overlays/watch-sink"];

/// Unwraps the judges' answer, or skips the test.
macro_rules! rendered_or_skip {
    ($result:expr) => {
        match $result {
            Ok(rendered) => rendered,
            Err(reason) => gatherer_tests::skip!("{reason}"),
        }
    };
}
pub(crate) use rendered_or_skip;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/kubernetes")
}

/// The objects of a folder as `kubectl kustomize` renders them. The error is the reason to skip a test.
fn rendered(folder: &str) -> Result<Vec<Value>, String> {
    let text = rendered_text(folder)?;
    Ok(serde_saphyr::from_multiple::<Value>(&text).expect("kubectl prints YAML"))
}

fn rendered_text(folder: &str) -> Result<String, String> {
    let kubectl = manifest_judges()?.join("kubectl");
    let output = Command::new(kubectl)
        .args(["kustomize", "--load-restrictor=LoadRestrictionsRootOnly"])
        .arg(packaging().join(folder))
        .output()
        .expect("kubectl can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{folder}: {errors}");
    Ok(String::from_utf8(output.stdout).expect("UTF-8"))
}

/// The only object of this kind and name.
fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
    let found: Vec<&Value> = objects.iter().filter(is_it).collect();
    let [object] = found[..] else { panic!("{} of {kind} {name}", found.len()) };
    object
}

/// The pod templates with the names of their objects.
fn pod_templates(objects: &[Value]) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    for object in objects {
        let template = match text(&object["kind"]) {
            "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
            "StatefulSet" => &object["spec"]["template"],
            _ => continue,
        };
        found.push((text(&object["metadata"]["name"]), template));
    }
    found
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

/// Runs kubernetes-validate, strictly, with the schemas of a version. Returns whether it passes, and its output.
fn validate(version: &str, manifests: &str) -> Result<(bool, String), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("manifests.yaml");
    std::fs::write(&file, manifests).expect("the file can be written");
    let output = Command::new(manifest_judges()?.join("kubernetes-validate"))
        .args(["--strict", "--kubernetes-version", version])
        .arg(&file)
        .output()
        .expect("kubernetes-validate can be started");
    let printed =
        [output.stdout, output.stderr].map(|one| String::from_utf8_lossy(&one).into_owned());
    Ok((output.status.success(), printed.concat()))
}

#[test]
fn the_schemas_of_each_supported_version_accept_the_manifests() {
    for folder in FOLDERS {
        let manifests = rendered_or_skip!(rendered_text(folder));
        for version in ["1.29", "1.33", "1.37"] {
            let (passes, printed) = rendered_or_skip!(validate(version, &manifests));
            assert!(passes, "{folder}, {version}: {printed}");
        }
    }
}

#[test]
fn the_schemas_reject_a_misspelt_field() {
    let manifests = rendered_or_skip!(rendered_text("base"));
    for (field, misspelt) in [
        ("completionMode:", "completionsMode:"),
        ("readOnlyRootFilesystem:", "readOnlyRootFileSystem:"),
        ("concurrencyPolicy: Forbid", "concurrencyPolicy: [Forbid]"),
    ] {
        assert!(manifests.contains(field), "{field}");
        let (passes, printed) =
            rendered_or_skip!(validate("1.37", &manifests.replace(field, misspelt)));
        assert!(!passes, "{misspelt}: {printed}");
        assert!(printed.contains(misspelt.split([':', ' ']).next().expect("a word")), "{printed}");
    }
}
