//! A complete endpoint with a collection that could not be read: the table, the log and `--fail-on incomplete`.

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// Runs with a whole endpoint, one whose pods are missing, and, if `fails`, one that fails.
fn gather(fails: bool, arguments: &[&str]) -> Outcome {
    let plugins = PluginFolder::with(&["file"]);
    let run = Run::new().plugins(plugins.path()).args(["-i", "request.json"]).args(arguments);
    let pods =
        json!({"status": "failed", "error": {"kind": "permission", "message": "not allowed"}});
    let document = |collections: Value| {
        json!({
            "schemaVersion": "1.0", "generator": {"name": "another program"},
            "endpoints": [{
                "id": "e", "status": "complete", "hosts": [{"id": "1", "name": "n1"}], "collections": collections,
            }],
        })
    };
    let mut request = Vec::new();
    for (id, collections) in [("whole", json!({})), ("partial", json!({"pods": pods}))] {
        let path = run.home().join(id);
        std::fs::write(&path, document(collections).to_string()).expect("writable");
        request.push(json!({"id": id, "module": "File", "url": path}));
    }
    if fails {
        request.push(json!({"id": "lost", "module": "File", "url": "/missing"}));
    }
    std::fs::write(run.home().join("request.json"), json!(request).to_string()).expect("writable");
    run.run()
}

fn line<'a>(text: &'a str, part: &str) -> &'a str {
    let mut found = text.lines().filter(|line| line.contains(part));
    found.next().unwrap_or_else(|| panic!("{part} in {text}"))
}

#[test]
fn the_table_names_a_missing_collection_in_the_head_and_counts_it_in_the_totals() {
    let outcome = gather(true, &["--format", "table"]).expect_code(0);
    let text = outcome.stdout_text();
    assert!(line(text, "partial ").starts_with("partial  File  complete, pods missing  1 host"));
    assert!(line(text, "whole ").starts_with("whole  File  complete  1 host"));
    let totals = "3 endpoints: 2 complete (1 with a collection missing), 1 failed; ";
    assert!(line(text, "3 endpoints").starts_with(totals), "{text}");
}

#[test]
fn the_log_names_a_missing_collection_and_counts_it_in_the_last_line() {
    let outcome = gather(true, &[]).expect_code(0);
    let partial = line(&outcome.log, "INFO: [partial]");
    assert!(partial.contains("File: complete, pods missing: 1 host, "), "{partial}");
    assert!(line(&outcome.log, "INFO: [whole]").contains("File: 1 host, "));
    let last = line(&outcome.log, "Scanning finished");
    let counts = " 3 endpoints, 2 complete (1 with a collection missing), 1 failed, 2 hosts, ";
    assert!(last.contains(counts), "{last}");
    let outcome = gather(false, &["--log-format", "json"]).expect_code(0);
    let last: Value =
        serde_json::from_str(outcome.log.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["complete"], &last["incomplete"]), (&json!(2), &json!(1)));
}

#[test]
fn fail_on_incomplete_means_a_failed_endpoint_or_a_missing_collection() {
    for format in ["gatherer", "ndjson"] {
        for (fails, fail_on, code) in [
            (false, "never", 0),
            (false, "any", 0),
            (false, "incomplete", 1),
            (true, "incomplete", 1),
            (true, "all", 0),
        ] {
            let outcome = gather(fails, &["--fail-on", fail_on, "--format", format]);
            assert_eq!(outcome.code(), code, "{fail_on}: {}", outcome.describe());
            assert!(!outcome.stdout.is_empty());
        }
    }
    let plugins = PluginFolder::with(&["example"]);
    let whole = json!([{"id": "whole", "module": "Example", "hostname": "kvm1"}]);
    let run = Run::gather(&whole).plugins(plugins.path()).args(["--fail-on", "incomplete"]);
    run.run().expect_code(0);
}
