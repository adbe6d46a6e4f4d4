//! The command `diff` with the real program: two documents, and what a Manager would do.

use std::path::Path;

use gatherer_tests::{FILE_DOCUMENT, Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

/// A run of `diff` with documents of these names in its home.
fn diff(documents: &[(&str, &str)], arguments: &[&str]) -> Outcome {
    let run = Run::new().arg("diff").args(arguments);
    for (name, text) in documents {
        std::fs::write(run.home().join(name), text).expect("writable");
    }
    run.run()
}

/// A document in the Manager's format with these guests, as names and ids, on one host.
fn document(guests: &[(&str, &str)]) -> String {
    let guests: Value = guests.iter().map(|(name, id)| ((*name).to_owned(), json!(id))).collect();
    json!({"e": {"h": {"name": "h", "hostIdentifier": "1", "vms": guests}}}).to_string()
}

#[test]
fn the_exit_status_tells_whether_the_documents_differ_only_if_that_is_asked_for() {
    let (one, two) = (document(&[("web", "a")]), document(&[]));
    let files = [("one.json", one.as_str()), ("two.json", two.as_str())];
    for (arguments, code) in [
        (vec!["one.json", "two.json"], 0),
        (vec!["one.json", "two.json", "--exit-code"], 1),
        (vec!["one.json", "one.json", "--exit-code"], 0),
        (vec!["one.json"], 2),
        (vec!["-", "-"], 2),
        (vec!["one.json", "two.json", "--only", "f"], 2),
        (vec!["one.json", "missing.json"], 3),
        (vec!["one.json", "two.json", "-o", "missing/out.json"], 5),
        (vec!["one.json", "two.json", "-o", "one.json"], 3),
    ] {
        let outcome = diff(&files, &arguments);
        assert_eq!(outcome.code(), code, "{arguments:?}: {}", outcome.describe());
    }
}

#[test]
fn a_document_can_be_standard_input_and_the_result_an_outfile() {
    let run = Run::new().args(["diff", "-", "two.json", "--format", "json", "-o", "out.json"]);
    std::fs::write(run.home().join("two.json"), document(&[])).expect("writable");
    let outcome = run.stdin(document(&[("web", "a")])).run().expect_code(0);
    let written = std::fs::read(outcome.home().join("out.json")).expect("written");
    let report: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(report["endpoints"][0]["manager"]["actions"][0]["action"], "unlink");
    assert!(outcome.stdout.is_empty());
    assert!(outcome.log.contains("diff began") && outcome.log.contains("exit status 0"));
}

#[test]
fn only_selects_endpoints() {
    let old = json!({"a": {}, "b": {}}).to_string();
    let new = json!({"a": null, "b": null}).to_string();
    let files = [("old.json", old.as_str()), ("new.json", new.as_str())];
    let arguments = ["old.json", "new.json", "--only", "b", "--format", "json"];
    let outcome = diff(&files, &arguments).expect_code(0);
    let report: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let endpoints = report["endpoints"].as_array().expect("a list");
    assert_eq!(endpoints.len(), 1);
    assert_eq!(endpoints[0]["id"], "b");
    let before = Run::new().args(["--only", "b", "diff", "o", "n", "--format", "json"]);
    for (name, text) in [("o", &old), ("n", &new)] {
        std::fs::write(before.home().join(name), text).expect("writable");
    }
    assert!(!before.run().expect_code(0).stdout_text().contains("\"a\""));
}

#[test]
fn a_mistake_is_explained() {
    let good = document(&[]);
    let mut messages = String::new();
    for (text, arguments) in [
        ("{", vec!["good.json", "other.json"]),
        ("{}", vec!["other.json", "good.json", "--only", "f"]),
        ("{}", vec!["-", "-"]),
        (r#"{"e": {"h": {"hostIdentifier": "1"}}, "e": {}}"#, vec!["good.json", "other.json"]),
        (
            r#"{"e": {"h": {"hostIdentifier": "1", "vms": {"web": null}}}}"#,
            vec!["good.json", "other.json"],
        ),
        (r#"{"e": {"h": {"name": "h"}}}"#, vec!["good.json", "other.json"]),
    ] {
        let outcome = diff(&[("good.json", &good), ("other.json", text)], &arguments);
        assert!([2, 3].contains(&outcome.code()), "{}", outcome.describe());
        messages.push_str(&outcome.stderr);
    }
    assert_message!(messages);
}

/// The last one of two keys would win, and a Manager would seem to unlink what the first one has.
#[test]
fn a_document_with_a_key_twice_is_refused() {
    let good = document(&[]);
    for text in [
        r#"{"e": {}, "e": {}}"#,
        r#"{"e": {"h": {"hostIdentifier": "1"}, "h": {"hostIdentifier": "2"}}}"#,
        r#"{"e": {"h": {"hostIdentifier": "1", "hostIdentifier": "1"}}}"#,
        r#"{"e": {"h": {"hostIdentifier": "1", "vms": {"a": "1", "a": "2"}}}}"#,
        r#"{"e": {"h": {"hostIdentifier": "1", "optionalVmData": {"a": {"x": "1", "x": "1"}}}}}"#,
    ] {
        let outcome = diff(&[("a", &good), ("b", text)], &["a", "b"]).expect_code(3);
        assert!(outcome.stderr.contains("twice"), "{text}: {}", outcome.stderr);
    }
}

/// The output of a run of module File in a format.
fn gathered(plugins: &PluginFolder, hosts: &str, format: &str) -> String {
    let run = Run::gather(&json!([
        {"id": "e", "module": "File", "url": "hosts.json"},
        {"id": "broken", "module": "File", "url": "missing.json"},
    ]));
    std::fs::write(run.home().join("hosts.json"), hosts).expect("writable");
    let outcome = run.args(["--format", format]).plugins(plugins.path()).run().expect_code(0);
    outcome.stdout_text().to_owned()
}

#[test]
fn the_formats_of_one_answer_do_not_differ() {
    let plugins = PluginFolder::with(&["file"]);
    let manager = gathered(&plugins, FILE_DOCUMENT, "gatherer");
    let inventory = gathered(&plugins, FILE_DOCUMENT, "inventory");
    let files = [("manager.json", manager.as_str()), ("inventory.json", inventory.as_str())];
    for old in ["manager.json", "inventory.json"] {
        for new in ["manager.json", "inventory.json"] {
            let outcome = diff(&files, &[old, new, "--exit-code"]);
            assert_eq!(outcome.code(), 0, "{old} {new}: {}", outcome.describe());
            assert!(outcome.stdout_text().starts_with("2 endpoints: no differences"));
        }
    }
}

#[test]
fn a_manager_would_do_what_the_result_says() {
    // The documents are read with the Manager's types, and its links are made as it makes them.
    let plugins = PluginFolder::with(&["file"]);
    let hosts = |guests: &[(&str, &str)], id: &str| {
        let guests: Value =
            guests.iter().map(|(name, id)| ((*name).to_owned(), json!(id))).collect();
        json!({"h": {"name": "h", "hostIdentifier": id, "vms": guests}}).to_string()
    };
    let old = gathered(&plugins, &hosts(&[("web", "a"), ("db", "b")], "1"), "gatherer");
    let new = gathered(&plugins, &hosts(&[("web", "a"), ("new", "c")], "1"), "gatherer");
    let links = |text: &str| -> Vec<String> {
        let document = gatherer_tests::document::gatherer_document(text.as_bytes());
        let hosts = document["e"].as_ref().expect("complete").values();
        hosts.flat_map(|host| host.vms.values().cloned()).collect()
    };
    let files = [("old.json", old.as_str()), ("new.json", new.as_str())];
    let outcome = diff(&files, &["old.json", "new.json", "--format", "json"]).expect_code(0);
    let report: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let endpoint = report["endpoints"].as_array().expect("a list").iter();
    let endpoint = endpoint.clone().find(|endpoint| endpoint["id"] == "e").expect("e");
    let mut expected = links(&old);
    for action in endpoint["manager"]["actions"].as_array().expect("a list") {
        let id = action["id"].as_str().expect("an id");
        match action["action"].as_str().expect("a word") {
            "create" => expected.push(id.to_owned()),
            "unlink" => expected.retain(|known| known != id),
            other => panic!("{other}"),
        }
    }
    expected.sort();
    let mut found = links(&new);
    found.sort();
    assert_eq!(expected, found);
    assert_eq!(endpoint["manager"]["does"], "stores");
    let broken = report["endpoints"].as_array().expect("a list").iter();
    let broken = broken.clone().find(|endpoint| endpoint["id"] == "broken").expect("broken");
    assert_eq!(broken["manager"]["does"], "keeps");
}

#[test]
fn the_outfile_of_diff_can_be_given_before_it() {
    let run = Run::new().args(["-o", "out.txt", "diff", "a.json", "a.json"]);
    std::fs::write(run.home().join("a.json"), "{}").expect("writable");
    let outcome = run.run().expect_code(0);
    assert!(Path::new(&outcome.home().join("out.txt")).exists());
}
