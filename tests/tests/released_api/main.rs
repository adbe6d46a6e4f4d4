//! Plugins that were built from a released plugin API work in this program: libraries built from the
//! released source, with another version of the crate than the program's own, are loaded and queried.

mod build;

use std::collections::BTreeSet;
use std::path::Path;

use gatherer_tests::{Failure, Outcome, PluginFolder, Run};
use serde_json::{Value, json};

use build::{LATER_VERSION, Plugin, RELEASES, V1_0, archives, built, read, repository};

/// The version of a crate, from its `Cargo.toml`.
fn version(manifest: &Path) -> String {
    let text = read(manifest);
    let line = text.lines().find(|line| line.starts_with("version = "));
    line.and_then(|line| line.split('"').nth(1)).expect("the crate has a version").to_owned()
}

/// A plugin folder with one library.
fn folder_with(name: &str, library: &Path) -> PluginFolder {
    let folder = PluginFolder::new();
    folder.add_bytes(name, &std::fs::read(library).expect("the library was just built"));
    folder
}

/// Panics unless a library was compiled with this version of the API, which abi_stable stores beside
/// each layout.
fn assert_compiled_with(library: &Path, version: &str) {
    let bytes = std::fs::read(library).expect("the library was just built");
    let wanted = format!("gatherer-plugin-api;{version}");
    let found = bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes());
    assert!(found, "{} does not contain {wanted}", library.display());
}

/// Gathers one endpoint, `old`, with the plugin of release 1.0 and these additional options.
fn gather_with_released_plugin(options: Value) -> Outcome {
    let folder = folder_with("released", &built(V1_0, Plugin::Released));
    let mut endpoint = json!({"id": "old", "module": "Released", "hostname": "kvm1"});
    let Value::Object(options) = options else { panic!("the options must be an object") };
    endpoint.as_object_mut().expect("the endpoint is an object").extend(options);
    let run = Run::gather(&json!([endpoint])).plugins(folder.path());
    run.args(["--format", "inventory", "--no-run-info", "-v"]).run()
}

/// A JSON file beside this one. These files are frozen: they hold what plugins of a release delivered.
fn frozen(name: &str) -> Value {
    let path = repository().join("tests/tests/released_api").join(name);
    serde_json::from_str(&read(&path)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a value is JSON")
}

#[test]
fn every_released_api_is_in_the_list_and_unchanged() {
    let folder = std::fs::read_dir(archives()).expect("the folder of releases can be listed");
    let names = folder.map(|entry| entry.expect("the folder can be listed").file_name());
    let names: BTreeSet<_> = names.filter(|name| name != "README.md").collect();
    let listed = RELEASES.iter().map(|release| format!("{}.tar.gz", release.series).into());
    assert_eq!(names, listed.collect::<BTreeSet<_>>());
    for release in &RELEASES {
        let unpacked = release.unpack();
        let folder = unpacked.path().join(release.series);
        assert_eq!(version(&folder.join("plugin-api/Cargo.toml")), release.version());
    }
}

#[test]
fn the_current_api_has_another_version_than_each_release() {
    let current = version(&repository().join("plugin-api/Cargo.toml"));
    assert_eq!(
        gatherer_plugin_api::API_VERSION,
        format!("{}.0", current.rsplit_once('.').expect("a version has three numbers").0),
        "a patch adds nothing that a plugin could need"
    );
    for release in &RELEASES {
        let released = release.version();
        assert_ne!(released, current, "raise the patch number of plugin-api: this one is released");
    }
}

#[test]
fn a_released_plugin_delivers_hosts_guests_collections_and_warnings() {
    assert_compiled_with(&built(V1_0, Plugin::Released), &V1_0.version());
    let outcome = gather_with_released_plugin(json!({
        "guests": "3", "mhz": "3200.5", "running": "true", "tags": ["a", "b"], "token": "hunter2-canary",
    }));
    let endpoint = outcome.endpoint("old");
    assert_eq!(endpoint["status"], "complete", "{}", outcome.describe());

    let [host] = endpoint["hosts"].as_array().expect("hosts is a list").as_slice() else {
        panic!("expected one host, since the plugin retracted the other: {endpoint:#}")
    };
    assert_eq!((&host["id"], &host["name"]), (&json!("id-of-kvm1"), &json!("kvm1")));
    assert_eq!(host["cpu"]["frequencyMhz"], 3200.5);
    assert_eq!(host["labels"], json!({"a": "", "b": ""}));
    let guests = host["guests"].as_array().expect("guests is a list");
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
    // A sentence of the released crate, which cannot change any more.
    let too_long = Failure::of(&endpoint["collections"]["controllers"]["error"]);
    assert!(too_long.message.contains("more than a record may be"), "{too_long}");

    // Its log lines arrive. Neither the secret of the request nor the one that the plugin learned does.
    let text = format!("{}{}", outcome.stdout_text(), outcome.messages());
    assert!(outcome.log.contains("gathering") && outcome.log.contains("asking"), "{text}");
    for secret in ["hunter2-canary", "yranac-2retnuh"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert_eq!(endpoint["warnings"][0]["message"], "turned round it is ***");
}

#[test]
fn every_field_and_word_of_the_released_api_keeps_its_name() {
    let outcome = gather_with_released_plugin(json!({"end": "everything"}));
    let mut endpoint = outcome.endpoint("old");
    let plugin = endpoint.as_object_mut().and_then(|endpoint| endpoint.remove("plugin"));
    assert_eq!(plugin, Some(json!({"name": "gatherer-plugin-released", "version": "1.0.0"})));
    // The host adds a warning for each of the two guests with the same id.
    let warnings = endpoint["warnings"].as_array_mut().expect("a list");
    let count = warnings.len();
    warnings.retain(|warning| !warning["message"].to_string().contains("id of Unknown"));
    assert_eq!(warnings.len(), count - 2);
    // Since schema 1.3, the host also lists the status of a collection under the name of its list.
    let collections = endpoint["collections"].as_object_mut().expect("an object");
    for (name, list) in [("config-maps", "configMaps"), ("service-accounts", "serviceAccounts")] {
        assert_eq!(collections.remove(list).as_ref(), collections.get(name), "{list}");
    }
    assert_eq!(collections.remove("detachedGuests"), collections.get("virtual-machines").cloned());
    let expected = frozen("1.0-everything.json");
    assert_eq!(pretty(&endpoint), pretty(&expected), "{}", outcome.describe());
}

#[test]
fn errors_and_panics_of_a_released_plugin_are_reported() {
    let failure = gather_with_released_plugin(json!({"end": "error"})).failure("old");
    assert_eq!(failure.kind, "permission");
    assert_eq!(failure.message, "the endpoint says no");
    assert_eq!(failure.hint.as_deref(), Some("ask for the right"));

    let outcome = gather_with_released_plugin(json!({"end": "panic"}));
    assert_eq!(outcome.failure("old").kind, "internal");
    assert!(outcome.log.contains("the plugin panicked"), "{}", outcome.describe());
}

#[test]
fn a_released_plugin_stops_when_it_is_cancelled() {
    let outcome = gather_with_released_plugin(json!({"end": "cancelled", "timeout": 1}));
    assert_eq!(outcome.failure("old").kind, "timeout");
}

#[test]
fn a_check_of_a_released_plugin_shows_only_the_step_of_the_program_itself() {
    let folder = folder_with("released", &built(V1_0, Plugin::Released));
    let endpoints = json!([
        {"id": "old", "module": "Released", "hostname": "kvm1"},
        {"id": "wrong", "module": "Released"},
    ]);
    let run = Run::new().args(["check", "--infile", "-", "--only", "old", "--format", "json"]);
    let run = run.plugins(folder.path()).stdin(endpoints.to_string());
    let outcome = run.run().expect_code(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let old = &document["endpoints"][0];
    assert_eq!(old["status"], "not-tried");
    let steps: Vec<_> = old["steps"].as_array().expect("a list").iter().collect();
    let statuses: Vec<_> = steps.iter().map(|step| (&step["name"], &step["status"])).collect();
    let (parameters, rest) = (json!("parameters"), json!("rest"));
    let (ok, not_tried) = (json!("ok"), json!("not-tried"));
    assert_eq!(statuses, [(&parameters, &ok), (&rest, &not_tried)]);
    let why = steps[1]["message"].as_str().expect("a sentence");
    assert!(why.contains("gatherer-plugin-released 1.0.0 cannot check"), "{why}");

    let run = Run::new().args(["check", "--infile", "-"]).plugins(folder.path());
    run.stdin(endpoints.to_string()).run().expect_code(1);
}

#[test]
fn plugin_verify_accepts_a_released_plugin() {
    let folder = folder_with("released", &built(V1_0, Plugin::Released));
    let file = folder.path().join("libgatherer_plugin_released.so");
    let request = folder.path().join("request.json");
    let endpoints = json!([{"id": "old", "module": "Released", "hostname": "kvm1"}]);
    std::fs::write(&request, endpoints.to_string()).expect("a file can be written");
    let run = Run::new().args(["plugin", "verify"]).arg(&file).arg("--request").arg(&request);
    let outcome = run.run().expect_code(0);
    for check in ["its layout is correct", "Released old: gathers the same answer again"] {
        assert!(outcome.stdout_text().contains(check), "{}", outcome.describe());
    }
}

/// Panics unless the example in this folder delivers what it did at the release, which is also what the
/// example of the current API delivers, apart from the version of the example.
fn assert_delivers_the_same(folder: &PluginFolder) {
    let gather = |folder: &PluginFolder| {
        let endpoints =
            json!([{"id": "kvm1", "module": "Example", "hostname": "kvm1", "guests": 7}]);
        let run = Run::gather(&endpoints).plugins(folder.path());
        run.args(["--format", "inventory", "--no-run-info"]).run()
    };
    let outcome = gather(folder);
    let expected = frozen("1.0-example.json");
    assert_eq!(pretty(&outcome.endpoint("kvm1")), pretty(&expected), "{}", outcome.describe());
    let mut current = gather(&PluginFolder::with(&["example"])).endpoint("kvm1");
    current["plugin"]["version"] = expected["plugin"]["version"].clone();
    assert_eq!(pretty(&outcome.endpoint("kvm1")), pretty(&current));
}

#[test]
fn the_example_built_with_the_released_api_delivers_the_same() {
    let library = built(V1_0, Plugin::Example);
    assert_compiled_with(&library, &V1_0.version());
    let current = version(&repository().join("plugin-api/Cargo.toml"));
    assert_compiled_with(&gatherer_tests::plugins::library("example"), &current);
    assert_delivers_the_same(&folder_with("example", &library));
}

#[test]
fn a_plugin_built_with_a_later_minor_version_of_the_api_loads() {
    // Only the `minimumApi` of the manifest is compared, not the version that the plugin was built with.
    let library = built(V1_0, Plugin::LaterExample);
    assert_compiled_with(&library, LATER_VERSION);
    assert_delivers_the_same(&folder_with("example", &library));
}

#[test]
fn a_parameter_with_the_name_of_an_added_option_stays_a_parameter() {
    let folder = folder_with("renamed", &built(V1_0, Plugin::RenamedExample));
    std::fs::write(folder.path().join("name"), "kvm2\n").expect("a file can be written");
    let file = folder.path().join("name");
    let endpoints = json!([
        {"id": "text", "module": "Example", "client_cert": "kvm1", "client_key": "a-key"},
        {"id": "file", "module": "Example", "client_cert": {"file": file}},
        {"id": "unset", "module": "Example", "client_key": "a-key"},
    ]);
    let run = Run::gather(&endpoints).plugins(folder.path());
    let outcome = run.args(["--format", "inventory", "--no-run-info"]).run();
    // A path would be made absolute, but this parameter is a string.
    assert_eq!(outcome.endpoint("text")["hosts"][0]["name"], "kvm1", "{}", outcome.describe());
    assert_eq!(outcome.endpoint("text")["warnings"], Value::Null, "client_key is an option");
    assert_eq!(outcome.endpoint("file")["hosts"][0]["name"], "kvm2", "{}", outcome.describe());
    let failure = outcome.failure("unset");
    assert!(failure.message.contains("client_cert of module Example is missing"), "{failure}");

    let details = Run::new().args(["modules", "Example"]).plugins(folder.path()).run();
    let text = details.expect_code(0).stdout_text().to_owned();
    let options = text.split_once("Every endpoint also has").expect("the options are listed").1;
    assert!(options.contains("client_key") && !options.contains("client_cert"), "{text}");
}
