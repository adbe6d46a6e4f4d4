//! The rules that every plugin of this repository must follow. The tests take all plugins of the build and know
//! none of them by name. No server is queried: every address is a closed port of this machine.

use std::path::{Path, PathBuf};

use gatherer_tests::{Outcome, Run, build_folder, inventory_endpoint};
use serde_json::{Map, Value, json};

/// The address for parameters that need one.
const ADDRESS: &str = "127.0.0.1";
/// A proxy on a port that is not in use.
const CLOSED_PROXY: &str = "http://127.0.0.1:9";

/// A text in values that must not be shown.
const CANARY: &str = "hunter2-conformance";

/// One plugin of the build.
struct Plugin {
    library: PathBuf,
    manifest: Value,
}

impl Plugin {
    fn modules(&self) -> impl Iterator<Item = &Value> {
        self.manifest["modules"].as_array().into_iter().flatten()
    }
}

/// The plugins in `plugins/`, each with its `manifest.json` and its crate's name and version. Panics if one was
/// not built.
fn plugins() -> Vec<Plugin> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut plugins: Vec<_> = std::fs::read_dir(&folders)
        .expect("plugins/ can be listed")
        .map(|entry| {
            let folder = entry.expect("plugins/ can be listed").path();
            let name = folder.file_name().and_then(|name| name.to_str());
            let name = name.expect("the name is UTF-8");
            let text = std::fs::read_to_string(folder.join("manifest.json"))
                .unwrap_or_else(|error| panic!("the manifest of {name}: {error}"));
            let mut manifest: Value = serde_json::from_str(&text).expect("a manifest is JSON");
            manifest["name"] = format!("gatherer-plugin-{name}").into();
            manifest["version"] = env!("CARGO_PKG_VERSION").into();
            Plugin { library: gatherer_tests::plugins::library(name), manifest }
        })
        .collect();
    plugins.sort_by(|a, b| a.library.cmp(&b.library));
    assert!(plugins.len() >= 3, "at least example, file and libvirt exist");
    plugins
}

fn modules() -> Vec<Value> {
    plugins().iter().flat_map(|plugin| plugin.modules().cloned().collect::<Vec<_>>()).collect()
}

fn parameters(module: &Value) -> impl Iterator<Item = &Value> {
    module["parameters"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}

/// A valid value of the parameter's type with which no plugin finds anything.
fn some_value(parameter: &Value) -> Value {
    match text(&parameter["type"]) {
        "integer" | "number" | "boolean" => json!("1"),
        "path" => json!("/nonexistent/conformance"),
        _ => json!(ADDRESS),
    }
}

/// An endpoint of the module with all required parameters, where nothing is found.
fn endpoint(id: &str, module: &Value) -> Map<String, Value> {
    let common = json!({
        "id": id, "module": module["name"], "proxy": CLOSED_PROXY, "retries": "0", "timeout": "10",
    });
    let required = parameters(module).filter(|parameter| parameter["required"] == true);
    let mut endpoint = common.as_object().expect("an endpoint is an object").clone();
    endpoint.extend(
        required.map(|parameter| (text(&parameter["name"]).to_owned(), some_value(parameter))),
    );
    endpoint
}

fn gather(endpoints: &[Map<String, Value>]) -> Outcome {
    Run::gather(&json!(endpoints))
        .plugins(build_folder())
        .args(["-vv", "--format", "inventory", "--no-run-info"])
        .run()
}

/// Gathers one endpoint for each case, and passes its result to `check` with the case's other part. Panics if
/// the canary is shown.
fn check_each<T>(cases: Vec<(Map<String, Value>, T)>, check: impl Fn(&Value, &T)) {
    assert!(!cases.is_empty(), "there must be a case");
    let (mut endpoints, rests): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    for (number, endpoint) in endpoints.iter_mut().enumerate() {
        endpoint.insert("id".into(), json!(number));
    }
    let outcome = gather(&endpoints);
    let document = outcome.inventory();
    for (number, rest) in rests.iter().enumerate() {
        check(&inventory_endpoint(&document, &number.to_string()), rest);
    }
    for place in [outcome.stdout_text(), &outcome.messages()] {
        assert!(!place.contains(CANARY), "a value is shown: {}", outcome.describe());
    }
}

#[test]
fn a_manifest_has_all_that_people_and_forms_need() {
    for plugin in plugins() {
        let library = plugin.library.display();
        for module in plugin.modules() {
            let summary = text(&module["summary"]);
            assert!(!summary.is_empty() && !summary.contains('\n'), "{library}: {summary}");
            for parameter in parameters(module) {
                let name = text(&parameter["name"]);
                let place = format!("{library}: {name}");
                assert!(!text(&parameter["description"]).is_empty(), "{place} lacks a description");
                let required = parameter["required"] == true;
                assert!(!required || parameter["example"].is_string(), "{place} lacks an example");
                let private = ["password", "secret"].iter().any(|word| name.contains(word));
                assert!(!private || parameter["secret"] == true, "{place} must be secret");
                let default = &parameter["default"];
                assert!(
                    default.is_null() || default.is_string() || default.is_number(),
                    "{place}: a Manager cannot read the default {default}"
                );
            }
        }
    }
}

#[test]
fn the_list_for_a_manager_has_the_modules_and_parameters_that_are_not_advanced() {
    let outcome = Run::new().arg("--list-modules").plugins(build_folder()).run().expect_code(0);
    let list: Value = serde_json::from_slice(&outcome.stdout).expect("the list is JSON");
    for module in modules() {
        if module["advanced"] == true {
            assert_eq!(list[text(&module["name"])], Value::Null);
            continue;
        }
        let mut expected = Map::new();
        expected.insert("module".into(), module["name"].clone());
        for parameter in parameters(&module).filter(|parameter| parameter["advanced"] != true) {
            expected.insert(text(&parameter["name"]).into(), parameter["default"].clone());
        }
        assert_eq!(list[text(&module["name"])], Value::Object(expected));
    }
}

#[test]
fn the_library_has_the_manifest_of_its_folder() {
    let outcome =
        Run::new().args(["modules", "--json"]).plugins(build_folder()).run().expect_code(0);
    let list: Value = serde_json::from_slice(&outcome.stdout).expect("the list is JSON");
    assert_eq!(list["skipped"], json!([]));
    for plugin in plugins() {
        for module in plugin.modules() {
            let listed = &list["modules"][text(&module["name"])];
            assert_eq!(listed["summary"], module["summary"]);
            assert_eq!(listed["plugin"]["name"], plugin.manifest["name"]);
            assert_eq!(listed["plugin"]["version"], plugin.manifest["version"]);
            let library = plugin.library.to_str().expect("the path is UTF-8");
            assert_eq!(listed["plugin"]["file"], library);
            let listed: Vec<_> = parameters(listed).collect();
            assert_eq!(listed.len(), parameters(module).count());
            for (listed, written) in listed.into_iter().zip(parameters(module)) {
                for (member, value) in written.as_object().expect("a parameter is an object") {
                    assert_eq!(&listed[member], value, "{member} of {written}");
                }
            }
        }
    }
}

#[test]
fn inspect_and_list_do_not_load_a_plugin() {
    // With this variable the dynamic linker reports every file that it opens.
    let run = || Run::new().env("LD_DEBUG", "files");
    let listed = run().arg("--list-modules").plugins(build_folder()).run().expect_code(0);
    let mut outcomes = vec![listed];
    for plugin in plugins() {
        let outcome = run().args(["plugin", "inspect"]).arg(&plugin.library).run().expect_code(0);
        for expected in ["name", "version", "abi", "minimumApi"] {
            let expected = text(&plugin.manifest[expected]);
            assert!(outcome.stdout_text().contains(expected), "{}", outcome.describe());
        }
        for verdict in ["Trusted:     yes", "Used:        yes"] {
            assert!(outcome.stdout_text().contains(verdict), "{}", outcome.describe());
        }
        for module in plugin.modules() {
            let names = parameters(module).map(|parameter| text(&parameter["name"]));
            for name in names.chain([text(&module["name"])]) {
                assert!(outcome.stdout_text().contains(name), "{}", outcome.describe());
            }
        }
        outcomes.push(outcome);
    }
    for outcome in outcomes {
        assert!(outcome.stderr.contains("libc.so.6"), "the linker reports nothing");
        assert!(!outcome.stderr.contains("libgatherer_plugin_"), "{}", outcome.describe());
    }
}

#[test]
fn every_module_loads_and_ends_with_a_reason() {
    for plugin in plugins() {
        let cases = plugin.modules().map(|module| (endpoint("", module), ())).collect();
        check_each(cases, |result, ()| {
            assert_eq!(result["plugin"]["name"], plugin.manifest["name"], "{result:#}");
            if result["status"] == "complete" {
                return;
            }
            let (kind, message) =
                (text(&result["error"]["kind"]), text(&result["error"]["message"]));
            for fault in ["crashed", "internal", "timeout", "unsupported"] {
                assert_ne!(kind, fault, "{result:#}");
            }
            for fault in
                ["differs from the one in its file", "cannot be loaded", "is not compatible"]
            {
                assert!(!message.contains(fault), "{result:#}");
            }
        });
    }
}

#[test]
fn every_module_stops_at_its_deadline() {
    let endpoints: Vec<_> = modules()
        .iter()
        .enumerate()
        .map(|(number, module)| {
            let mut endpoint = endpoint(&number.to_string(), module);
            endpoint.insert("timeout".into(), json!("0.001"));
            endpoint
        })
        .collect();
    let outcome = gather(&endpoints);
    for result in outcome.inventory()["endpoints"].as_array().into_iter().flatten() {
        let crashed = result["error"]["kind"] == "crashed";
        assert!(!crashed, "a module must stop when it is cancelled: {result:#}");
    }
    // A worker has 2 s after the deadline.
    assert!(outcome.took.as_secs() < 30, "{}", outcome.describe());
}

#[test]
fn a_missing_required_parameter_is_a_configuration_error_that_names_it() {
    let mut cases = Vec::new();
    for module in modules() {
        for parameter in parameters(&module).filter(|parameter| parameter["required"] == true) {
            let name = text(&parameter["name"]).to_owned();
            for unset in [None, Some(Value::Null), Some(json!(""))] {
                let mut endpoint = endpoint("", &module);
                endpoint.remove(&name);
                endpoint.extend(unset.map(|unset| (name.clone(), unset)));
                cases.push((endpoint, name.clone()));
            }
        }
    }
    check_each(cases, |result, name| {
        assert_eq!(result["error"]["kind"], "configuration", "{name}: {result:#}");
        assert!(text(&result["error"]["message"]).contains(name.as_str()), "{name}: {result:#}");
    });
}

#[test]
fn a_wrong_type_is_a_configuration_error_that_names_the_parameter_and_never_the_value() {
    let mut cases = Vec::new();
    for module in modules() {
        for parameter in parameters(&module) {
            let wrong = match text(&parameter["type"]) {
                "integer" | "number" | "boolean" => [json!(CANARY), json!([CANARY])],
                "list" => [json!([[CANARY]]), json!({ CANARY: CANARY })],
                _ => [json!([CANARY]), json!({ CANARY: CANARY })],
            };
            for wrong in wrong {
                let name = text(&parameter["name"]).to_owned();
                let mut endpoint = endpoint("", &module);
                endpoint.insert(name.clone(), wrong);
                cases.push((endpoint, name));
            }
        }
    }
    check_each(cases, |result, name| {
        assert_eq!(result["error"]["kind"], "configuration", "{name}: {result:#}");
        assert!(text(&result["error"]["message"]).contains(name.as_str()), "{name}: {result:#}");
    });
}

#[test]
fn no_module_shows_the_value_of_a_secret_parameter() {
    let mut cases = Vec::new();
    for module in modules() {
        let mut endpoint = endpoint("", &module);
        for parameter in parameters(&module).filter(|parameter| parameter["secret"] == true) {
            endpoint.insert(text(&parameter["name"]).to_owned(), json!(CANARY));
        }
        cases.push((endpoint, ()));
    }
    check_each(cases, |_, ()| {});
}

#[test]
fn every_plugin_passes_plugin_verify() {
    for plugin in plugins() {
        let outcome = Run::new().args(["plugin", "verify"]).arg(&plugin.library).run();
        let outcome = outcome.expect_code(0);
        let lines: Vec<_> = outcome.stdout_text().lines().collect();
        assert!(!lines.iter().any(|line| line.starts_with("not ok")), "{}", outcome.describe());
        for module in plugin.modules() {
            let name = text(&module["name"]);
            let check =
                format!("ok       {name}: a value of a wrong type fails with `configuration`");
            assert!(lines.contains(&check.as_str()), "{}", outcome.describe());
        }
    }
}

#[test]
fn two_runs_print_the_same_bytes() {
    let endpoints: Vec<_> =
        modules().iter().map(|module| endpoint(text(&module["name"]), module)).collect();
    let (one, two) = (gather(&endpoints), gather(&endpoints));
    assert_eq!(one.inventory()["endpoints"].as_array().map(Vec::len), Some(endpoints.len()));
    assert_eq!(one.stdout_text(), two.stdout_text());
}

#[test]
fn an_unknown_module_is_a_configuration_error_that_names_the_known_ones() {
    let module = json!({"name": "NoSuchModule", "parameters": []});
    check_each(vec![(endpoint("", &module), ())], |result, ()| {
        assert_eq!(result["error"]["kind"], "configuration", "{result:#}");
        for served in modules() {
            let name = text(&served["name"]);
            assert!(text(&result["error"]["message"]).contains(name), "{result:#}");
        }
    });
}
