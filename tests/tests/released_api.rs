//! What was built from a released plugin API is served by this program, for good: libraries built from
//! the released source, by another version of the crate than the program's own, are loaded and asked.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

#[path = "released_api/build.rs"]
mod build;

use build::{LATER_VERSION, Plugin, built, files, read, repository};

/// The releases, as the folders of `tests/released-api` are called.
fn releases() -> Vec<String> {
    let entries = std::fs::read_dir(repository().join("tests/released-api")).expect("the releases");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    let folders = entries.filter(|path| path.is_dir());
    let mut names: Vec<String> = folders
        .map(|path| path.file_name().expect("a name").to_str().expect("UTF-8").to_owned())
        .collect();
    names.sort();
    assert_eq!(names.first().map(String::as_str), Some("1.0"), "the first release stays");
    names
}

fn release(series: &str) -> PathBuf {
    repository().join("tests/released-api").join(series)
}

/// The version of a crate, from its `Cargo.toml`.
fn version(manifest: &Path) -> String {
    let text = read(manifest);
    let line = text.lines().find(|line| line.starts_with("version = "));
    line.and_then(|line| line.split('"').nth(1)).expect("a version of its own").to_owned()
}

/// A folder with this library alone.
fn folder_with(name: &str, library: &Path) -> PluginFolder {
    let folder = PluginFolder::new();
    folder.add_bytes(name, &std::fs::read(library).expect("just built"));
    folder
}

/// That a library was compiled with this version of the API: abi_stable keeps it beside each layout.
fn assert_compiled_with(library: &Path, version: &str) {
    let bytes = std::fs::read(library).expect("just built");
    let wanted = format!("gatherer-plugin-api;{version}");
    let found = bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes());
    assert!(found, "{} has no {wanted}", library.display());
}

/// The released plugin, asked for one endpoint that has these members too.
fn ask(members: Value) -> Outcome {
    let folder = folder_with("released", &built("1.0", Plugin::Released));
    let mut endpoint = json!({"id": "old", "module": "Released", "hostname": "kvm1"});
    let Value::Object(members) = members else { panic!("members") };
    endpoint.as_object_mut().expect("an object").extend(members);
    let run = Run::gather(&json!([endpoint])).plugins(folder.path());
    run.args(["--format", "inventory", "--no-run-info", "-v"]).run()
}

#[test]
fn a_released_api_is_never_edited() {
    for series in releases() {
        let folder = release(&series);
        let sums = read(&folder.join("SHA256SUMS"));
        let output = Command::new("sha256sum")
            .current_dir(&folder)
            .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
            .output()
            .expect("sha256sum runs");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let why = "plugins were built from this release: tests/released-api/README.md says why it \
                   is never edited";
        assert!(output.status.success(), "{why}\n{text}");

        let named = sums.lines().filter_map(|line| line.split_once("  "));
        let named = named.map(|(_, path)| PathBuf::from(path)).collect();
        let mut there = files(&folder);
        assert!(there.remove(Path::new("SHA256SUMS")));
        assert_eq!(there, named, "{why}");
    }
}

#[test]
fn the_tests_cross_versions_of_the_crate() {
    let ours = version(&repository().join("plugin-api/Cargo.toml"));
    assert_eq!(
        gatherer_plugin_api::API_VERSION,
        format!("{}.0", ours.rsplit_once('.').expect("three numbers").0),
        "a patch adds nothing that a plugin could need"
    );
    for series in releases() {
        let released = version(&release(&series).join("plugin-api/Cargo.toml"));
        assert_eq!(released, format!("{series}.0"));
        assert_ne!(released, ours, "raise the patch number of plugin-api: this one is released");
    }
}

#[test]
fn a_plugin_of_the_released_api_hands_over_all_that_it_has() {
    assert_compiled_with(&built("1.0", Plugin::Released), "1.0.0");
    let outcome = ask(json!({
        "guests": "3", "mhz": "3200.5", "running": "true", "tags": ["a", "b"], "token": "hunter2-canary",
    }));
    let endpoint = outcome.endpoint("old");
    assert_eq!(endpoint["status"], "complete", "{}", outcome.describe());

    let [host] = endpoint["hosts"].as_array().expect("hosts").as_slice() else {
        panic!("the host that was taken back is gone: {endpoint:#}")
    };
    assert_eq!((&host["id"], &host["name"]), (&json!("id-of-kvm1"), &json!("kvm1")));
    assert_eq!(host["cpu"]["frequencyMhz"], 3200.5);
    assert_eq!(host["labels"], json!({"a": "", "b": ""}));
    let guests = host["guests"].as_array().expect("guests");
    let ids: Vec<_> = guests.iter().filter_map(|guest| guest["id"].as_str()).collect();
    assert_eq!(ids, ["first", "guest-1", "guest-2", "guest-3"]);
    assert_eq!(guests[3]["state"], "running");

    assert_eq!(endpoint["collections"]["namespaces"], json!({"status": "complete"}));
    assert_eq!(endpoint["collections"]["secrets"]["error"]["kind"], "permission");
    let workloads = &endpoint["workloads"];
    assert_eq!(workloads["namespaces"], json!([{"name": "default", "uid": "uid-of-default"}]));
    assert_eq!(workloads["pods"][0]["containers"][0]["name"], "app");
    assert_eq!(workloads["services"][0]["pods"].as_array().map(Vec::len), Some(250));
    let map = &workloads["configMaps"][0];
    for member in ["keys", "usedBy"] {
        assert_eq!(map[member].as_array().map(Vec::len), Some(250), "{member}");
    }
    // The last of both, the uses being sorted as texts.
    assert_eq!((&map["keys"][249], &map["usedBy"][249]["env"]), (&json!("key-249"), &json!("99")));
    assert_eq!(workloads.get("controllers"), None);
    let too_long = &endpoint["collections"]["controllers"]["error"]["message"];
    assert!(too_long.as_str().is_some_and(|text| text.contains("more than a record may be")));

    // Logged, shown as progress, and rid of the secrets: of the one of the request and of the one
    // that the plugin told.
    let text = format!("{}{}", outcome.stdout_text(), outcome.messages());
    assert!(outcome.log.contains("gathering") && outcome.log.contains("asking"), "{text}");
    for secret in ["hunter2-canary", "yranac-2retnuh"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(endpoint["warnings"][0]["message"], "turned round it is ***");
}

#[test]
fn every_field_and_word_of_the_released_api_arrives_under_the_name_that_it_had() {
    let outcome = ask(json!({"end": "everything"}));
    let mut endpoint = outcome.endpoint("old");
    let plugin = endpoint.as_object_mut().and_then(|endpoint| endpoint.remove("plugin"));
    assert_eq!(plugin, Some(json!({"name": "gatherer-plugin-released", "version": "1.0.0"})));
    let golden = "tests/tests/released_api/1.0-everything.json";
    let golden: Value = serde_json::from_str(&read(&repository().join(golden))).expect("JSON");
    assert_eq!(
        serde_json::to_string_pretty(&endpoint).expect("JSON"),
        serde_json::to_string_pretty(&golden).expect("JSON"),
        "{}",
        outcome.describe()
    );
}

#[test]
fn errors_and_panics_of_a_plugin_of_the_released_api_are_told() {
    let error = &ask(json!({"end": "error"})).endpoint("old")["error"];
    assert_eq!(error["kind"], "permission", "{error}");
    assert_eq!(error["message"], "the endpoint says no");
    assert_eq!(error["hint"], "ask for the right");

    let outcome = ask(json!({"end": "panic"}));
    assert_eq!(outcome.endpoint("old")["error"]["kind"], "internal", "{}", outcome.describe());
    assert!(outcome.log.contains("the plugin panicked"), "{}", outcome.describe());
}

#[test]
fn a_plugin_of_the_released_api_ends_when_it_is_told_to() {
    let error = &ask(json!({"end": "cancelled", "timeout": 1})).endpoint("old")["error"];
    assert_eq!(error["kind"], "timeout", "{error}");
}

#[test]
fn a_plugin_of_the_released_api_keeps_the_contract_of_today() {
    let folder = folder_with("released", &built("1.0", Plugin::Released));
    let file = folder.path().join("libgatherer_plugin_released.so");
    let request = folder.path().join("request.json");
    let endpoints = json!([{"id": "old", "module": "Released", "hostname": "kvm1"}]);
    std::fs::write(&request, endpoints.to_string()).expect("a file can be written");
    let run = Run::new().args(["plugin", "verify"]).arg(&file).arg("--request").arg(&request);
    let outcome = run.run().expect_code(0);
    for check in ["its layout is this program's", "Released old: gathers the same a second time"] {
        assert!(outcome.stdout_text().contains(check), "{}", outcome.describe());
    }
}

/// What the example answers: the library of the build, or another.
fn example_answers(folder: &PluginFolder) -> Vec<u8> {
    let endpoints = json!([{"id": "kvm1", "module": "Example", "hostname": "kvm1", "guests": 7}]);
    let run = Run::gather(&endpoints).plugins(folder.path());
    let outcome = run.args(["--format", "inventory", "--no-run-info"]).run();
    assert_eq!(outcome.endpoint("kvm1")["status"], "complete", "{}", outcome.describe());
    outcome.stdout
}

#[test]
fn the_example_built_against_the_released_api_answers_the_same() {
    let library = built("1.0", Plugin::Example);
    assert_compiled_with(&library, "1.0.0");
    let ours = version(&repository().join("plugin-api/Cargo.toml"));
    assert_compiled_with(&gatherer_tests::plugins::library("example"), &ours);
    let released = example_answers(&folder_with("example", &library));
    assert_eq!(released, example_answers(&PluginFolder::with(&["example"])));
}

#[test]
fn a_plugin_built_with_a_later_minor_version_of_the_api_loads_too() {
    // Only what a plugin needs is compared, its minimumApi, and not what it was built with.
    let library = built("1.0", Plugin::LaterExample);
    assert_compiled_with(&library, LATER_VERSION);
    let later = example_answers(&folder_with("example", &library));
    assert_eq!(later, example_answers(&PluginFolder::with(&["example"])));
}
