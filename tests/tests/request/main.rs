//! The request: which lists of endpoints the program accepts, and how it reports wrong ones.

mod infile;

use gatherer_tests::{Failure, Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

fn plugins() -> PluginFolder {
    PluginFolder::with(&["example", "misbehaving"])
}

/// Gathers with this infile, in the inventory format.
fn gather(infile: impl Into<Vec<u8>>) -> Outcome {
    let plugins = plugins();
    Run::new()
        .args(["--infile", "-", "--format", "inventory"])
        .plugins(plugins.path())
        .stdin(infile)
        .run()
}

fn endpoints_of(outcome: &Outcome) -> Vec<Value> {
    outcome.inventory()["endpoints"].as_array().expect("endpoints is a list").clone()
}

fn warnings(endpoint: &Value) -> String {
    endpoint.get("warnings").map(Value::to_string).unwrap_or_default()
}

fn host_names(endpoint: &Value) -> Vec<&str> {
    endpoint["hosts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|host| host["name"].as_str())
        .collect()
}

#[test]
fn numbers_may_be_strings_or_numbers() {
    for guests in [json!("5"), json!(5), json!(" 5 "), json!("05"), json!(5.0)] {
        let endpoints =
            json!([{"id": "e", "module": "Example", "hostname": "h", "guests": guests}]);
        let outcome = gather(endpoints.to_string());
        let endpoint = outcome.endpoint("e");
        if endpoint["status"] == "failed" && (guests == json!(" 5 ") || guests == json!(5.0)) {
            // The program may reject these two.
            assert_eq!(endpoint["error"]["kind"], "configuration");
            continue;
        }
        let found = endpoint["hosts"][0]["guests"].as_array().map(Vec::len);
        assert_eq!(found, Some(5), "{guests}: {endpoint:#}");
    }
    for guests in ["five", "5.5", "-1", "5 5", "0x5", "99999999999999999999", "1e99"] {
        let endpoints =
            json!([{"id": "e", "module": "Example", "hostname": "h", "guests": guests}]);
        let outcome = gather(endpoints.to_string());
        assert_eq!(outcome.failure("e").kind, "configuration", "{guests}");
    }
}

#[test]
fn null_and_the_empty_string_are_unset() {
    for unset in [json!(null), json!("")] {
        let endpoints = json!([
            {"id": "default", "module": "Example", "hostname": "h", "guests": unset, "delay_ms": unset,
                "username": unset, "password": unset, "timeout": unset, "retries": unset,
                "proxy": unset, "ca_file": unset, "client_cert": unset, "client_key": unset,
                "insecure": unset},
            {"id": "required", "module": "Example", "hostname": unset},
            {"id": "no-module", "module": unset, "hostname": "h"},
        ]);
        let outcome = gather(endpoints.to_string());
        let endpoint = outcome.endpoint("default");
        assert_eq!(
            endpoint["hosts"][0]["guests"].as_array().map(Vec::len),
            Some(2),
            "{endpoint:#}"
        );
        assert_eq!(warnings(&endpoint), "", "an unknown parameter that is unset causes no warning");
        assert_eq!(outcome.failure("no-module").kind, "configuration");
        let failure = outcome.failure("required");
        assert_eq!(failure.kind, "configuration");
        assert!(failure.message.contains("hostname"), "{failure}");
    }
}

#[test]
fn an_unknown_module_fails_its_endpoint_and_is_named() {
    let endpoints = json!([
        {"id": "unknown", "module": "Unknown", "hostname": "h"},
        {"id": "number", "module": 7},
        {"id": "none"},
        {"id": "good", "module": "Example", "hostname": "h"},
    ]);
    let outcome = gather(endpoints.to_string());
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    for id in ["unknown", "number", "none"] {
        assert_eq!(outcome.failure(id).kind, "configuration", "{id}");
    }
    assert!(outcome.failure("unknown").message.contains("Unknown"), "{}", outcome.describe());
    assert_message!(outcome.failures());
}

#[test]
fn an_unknown_parameter_causes_a_warning_that_names_it() {
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "colour": "crimson"}]);
    let outcome = gather(endpoints.to_string());
    let endpoint = outcome.endpoint("e");
    assert_eq!(endpoint["status"], "complete");
    assert!(warnings(&endpoint).contains("colour"), "{endpoint:#}");
    assert!(!warnings(&endpoint).contains("crimson"), "{endpoint:#}");
    assert_message!(warnings(&endpoint));
}

#[test]
fn a_missing_id_becomes_a_new_uuid_and_a_number_a_string() {
    let endpoints = json!([
        {"module": "Example", "hostname": "missing"},
        {"id": null, "module": "Example", "hostname": "null"},
        {"id": "", "module": "Example", "hostname": "empty"},
        {"id": 12, "module": "Example", "hostname": "number"},
        {"id": "ünïcode \u{1f427}", "module": "Example", "hostname": "unicode"},
    ]);
    let outcome = gather(endpoints.to_string());
    let mut ids = Vec::new();
    for endpoint in endpoints_of(&outcome) {
        let id = endpoint["id"].as_str().expect("an id is a string").to_owned();
        match host_names(&endpoint)[0] {
            "number" => assert_eq!(id, "12"),
            "unicode" => assert_eq!(id, "ünïcode \u{1f427}"),
            _ => {
                assert_eq!(id.len(), 36, "{id}");
                assert_eq!(id.matches('-').count(), 4, "{id}");
                ids.push(id);
            }
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each id is new");
}

#[test]
fn endpoints_with_the_same_id_fail_and_the_error_names_their_positions() {
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "h"},
        {"id": "twice", "module": "Example", "hostname": "h1"},
        {"id": "other", "module": "Example", "hostname": "h"},
        {"id": "twice", "module": "Example", "hostname": "h2"},
        {"id": 7, "module": "Example", "hostname": "h1"},
        {"id": "7", "module": "Example", "hostname": "h2"},
    ]);
    let outcome = gather(endpoints.to_string());
    for endpoint in endpoints_of(&outcome) {
        let id = endpoint["id"].as_str().expect("an id is a string");
        let failed = ["twice", "7"].contains(&id);
        assert_eq!(endpoint["status"], if failed { "failed" } else { "complete" }, "{id}");
        if id == "twice" {
            let failure = Failure::of(&endpoint["error"]);
            assert!(failure.message.contains('2') && failure.message.contains('4'), "{failure}");
        }
    }
    assert_message!(outcome.failures());
    // In the gatherer format the id occurs once, as failed.
    let plugins = plugins();
    let printed = Run::gather(&endpoints).plugins(plugins.path()).run();
    let document = printed.document();
    assert_eq!(document.len(), 4);
    assert!(document["twice"].is_none() && document["7"].is_none());
}

#[test]
fn an_empty_list_has_an_empty_result() {
    let plugins = plugins();
    let outcome = Run::gather(&json!([])).plugins(plugins.path()).run();
    assert_eq!(outcome.document().len(), 0);
    assert_eq!(outcome.stdout_text().trim(), "{}");
    assert_eq!(endpoints_of(&gather("[]")).len(), 0);
}

#[test]
fn the_timeout_of_an_endpoint_takes_precedence() {
    let plugins = plugins();
    let endpoints = json!([
        {"id": "short", "module": "Example", "hostname": "h", "delay_ms": 60_000, "timeout": "1"},
        {"id": "long", "module": "Example", "hostname": "h", "delay_ms": "1500", "timeout": 50},
    ]);
    let outcome = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--timeout", "1", "--format", "inventory"])
        .run();
    assert_eq!(outcome.failure("short").kind, "timeout");
    assert_eq!(outcome.endpoint("long")["status"], "complete", "{}", outcome.describe());
}

#[test]
fn values_may_come_from_files_and_the_environment() {
    let plugins = plugins();
    let endpoints = json!([
        {"id": "file", "module": "Example", "hostname": {"file": "name.txt"}},
        {"id": "env", "module": "Example", "hostname": {"env": "THE_NAME"}, "guests": {"env": "GUESTS"}},
        {"id": "no-file", "module": "Example", "hostname": {"file": "missing.txt"}},
        {"id": "no-env", "module": "Example", "hostname": {"env": "MISSING_NAME"}},
        {"id": "neither", "module": "Example", "hostname": {"vault": "x"}},
    ]);
    let run = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--format", "inventory"])
        .env("THE_NAME", "from-env")
        .env("GUESTS", "3");
    std::fs::write(run.home().join("name.txt"), "from-file\n").expect("the file can be written");
    let outcome = run.run();
    assert_eq!(host_names(&outcome.endpoint("file")), ["from-file"], "{}", outcome.describe());
    let env = outcome.endpoint("env");
    assert_eq!(host_names(&env), ["from-env"]);
    assert_eq!(env["hosts"][0]["guests"].as_array().map(Vec::len), Some(3));
    for id in ["no-file", "no-env", "neither"] {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, "configuration", "{id}: {failure}");
        assert!(failure.message.contains("hostname"), "{id}: {failure}");
    }
    assert_message!(outcome.failures());
}

#[test]
fn only_selects_endpoints_by_id() {
    let plugins = plugins();
    let endpoints: Value = (0..4)
        .map(|n| json!({"id": format!("e{n}"), "module": "Example", "hostname": "h"}))
        .collect();
    let outcome = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--only", "e1", "--only", "e3"])
        .run();
    let ids: Vec<String> = outcome.document().into_keys().collect();
    assert_eq!(ids, ["e1", "e3"]);
}

#[test]
fn only_with_an_unknown_id_is_reported() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let outcome = Run::gather(&endpoints).plugins(plugins.path()).args(["--only", "missing"]).run();
    assert!(outcome.messages().contains("missing"), "{}", outcome.describe());
    assert_message!(outcome.stderr);
}
