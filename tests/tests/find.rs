//! `--find`: the objects with a text, their exit status, and the formats that it refuses.

use std::path::Path;

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

const UUID: &str = "4c4c4544-0042-3510-8052-b4c04f4e3731";

/// Searches one endpoint that has a host, a guest and a pod, and one that fails.
fn find(text: &str, args: &[&str]) -> Outcome {
    let plugins = PluginFolder::with(&["file"]);
    let guest = json!({"id": UUID, "uuid": UUID, "name": "database-1", "state": "running",
        "addresses": [{"address": "192.0.2.7"}]});
    let pod = json!({"namespace": "shop", "name": "web-7", "uid": "uid-7", "phase": "Running",
        "host": {"id": "h", "name": "node-1"}, "podIPs": ["10.42.0.9"]});
    let document = json!({"schemaVersion": "1.2", "generator": {"name": "a test"}, "endpoints": [
        {"id": "x", "status": "complete", "hosts": [{"id": "h", "name": "node-1", "guests": [guest]}],
         "workloads": {"pods": [pod]}, "collections": {"pods": {"status": "complete"}}}]});
    let run = Run::gather(&json!([
        {"id": "cluster", "module": "File", "url": "cluster.json"},
        {"id": "broken", "module": "File", "url": "missing.json"},
    ]));
    std::fs::write(run.home().join("cluster.json"), document.to_string()).expect("written");
    run.plugins(plugins.path()).args(["--find", text]).args(args).run()
}

#[test]
fn a_table_shows_each_object_with_its_host_and_endpoint() {
    let bare = UUID.replace('-', "").to_uppercase();
    for (text, expected) in [
        ("DATABASE-", vec!["guest", "database-1", UUID, "node-1", "cluster"]),
        (&bare, vec!["guest", "database-1", UUID, "node-1", "cluster"]),
        ("192.0.2.7", vec!["guest", "192.0.2.7", "node-1"]),
        ("10.42.0.9", vec!["pod", "web-7", "shop", "uid-7", "node-1", "cluster"]),
        ("NODE", vec!["host", "node-1", "cluster"]),
    ] {
        let outcome = find(text, &["--format", "table"]).expect_code(0);
        let line = outcome.stdout_text().lines().nth(1).unwrap_or_default();
        assert!(expected.iter().all(|part| line.contains(part)), "{text}: {}", outcome.describe());
    }
}

#[test]
fn the_exit_status_is_1_if_nothing_was_found() {
    let outcome = find("nowhere", &["--format", "table"]).expect_code(1);
    assert_message!(outcome.stdout_text());
    let outcome = find("nowhere", &["--format", "ndjson"]).expect_code(1);
    assert_eq!(outcome.stdout_text(), "");
    find("database-1", &["--format", "ndjson", "--fail-on", "any"]).expect_code(1);
}

#[test]
fn ndjson_has_a_line_for_each_object() {
    let outcome = find("e-1", &["--format", "ndjson"]).expect_code(0);
    let lines = outcome.stdout_text().lines();
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let found: Vec<_> =
        lines.iter().map(|line| (line["kind"].as_str(), line["object"]["name"].as_str())).collect();
    assert_eq!(found, [(Some("host"), Some("node-1")), (Some("guest"), Some("database-1"))]);
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/found.json");
    let schema = std::fs::read_to_string(schema).expect("the schema can be read");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::options().build(&schema).expect("a schema");
    for line in &lines {
        assert!(schema.is_valid(line), "{line:#}");
        assert_eq!((&line["endpoint"], &line["module"]), (&json!("cluster"), &json!("File")));
        assert_eq!(line["host"], json!({"id": "h", "name": "node-1"}));
    }
    assert!(lines[0]["object"].get("guests").is_none());
}

#[test]
fn refuses_formats_whose_readers_would_delete_what_was_not_found() {
    let mut messages = String::new();
    for args in [&[][..], &["--format", "inventory"], &["--format", "containers"]] {
        let outcome = find("database-1", args).expect_code(2);
        assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
        messages += &outcome.stderr;
    }
    assert_message!(messages);
    assert!(find(" ", &["--format", "table"]).expect_code(2).stdout.is_empty());
    let before = Run::new().args(["--find", "a", "match-images", "--images", "i", "-i", "e"]).run();
    assert!(before.expect_code(2).stderr.contains("--find is not allowed before match-images"));
}
