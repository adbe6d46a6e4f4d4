//! Texts of endpoints cannot control a terminal or mislead a reader in any format, log line or list.

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

/// Control characters, marks that change the direction of writing, line separators, and invisible characters.
const HIDDEN: &str = "\u{1b}[31m\u{7f}\u{80}\u{85}\u{9b}31m\u{9f}\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\
    \u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}\u{e0001}";

/// A text with all hidden characters in it.
fn nasty(name: &str) -> String {
    format!("{name} {HIDDEN} end")
}

/// Panics if a text has a hidden character. `place` says where the text comes from.
fn assert_visible(place: &str, text: &str) {
    for line in text.lines() {
        let hidden =
            line.chars().find(|c| c.is_control() || (HIDDEN.contains(*c) && !c.is_ascii()));
        assert_eq!(hidden, None, "{place}: {line:?}");
    }
}

fn inventory() -> Value {
    json!({
        "schemaVersion": "1.1",
        "generator": {"name": "test"},
        "endpoints": [{"id": "e", "module": "Test", "status": "complete",
            "hosts": [{
                "id": nasty("id"), "name": nasty("host"),
                "labels": {nasty("key"): nasty("value")},
                "guests": [{"id": nasty("gid"), "name": nasty("guest")}],
            }],
            "workloads": {"pods": [{"uid": nasty("uid"), "name": nasty("pod"),
                "namespace": nasty("space"),
                "containers": [{"name": nasty("container"), "kind": "app", "image": nasty("image")}],
            }]},
            "collections": {"pods": {"status": "complete"}},
            "warnings": [{"object": nasty("object"), "message": nasty("message")}],
        }],
    })
}

#[test]
fn no_output_has_hidden_characters_and_json_keeps_its_values() {
    let plugins = PluginFolder::with(&["file"]);
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let source = folder.path().join("source.json");
    std::fs::write(&source, inventory().to_string()).expect("the file can be written");
    let gather = |from: &std::path::Path, format: &str| {
        let endpoints = json!([{"id": "e", "module": "File", "url": from}]);
        let args = ["--format", format, "--no-run-info", "-v", "-v"];
        let outcome = Run::gather(&endpoints).plugins(plugins.path()).args(args).run();
        let outcome = outcome.expect_code(0);
        assert_visible(format, outcome.stdout_text());
        assert_visible(format, &outcome.stderr);
        assert_visible(format, &outcome.log);
        outcome
    };
    for format in ["gatherer", "ndjson", "containers", "table", "ansible", "prometheus"] {
        gather(&source, format);
    }
    let first = gather(&source, "inventory");
    let (host, pod) = ("/endpoints/0/hosts/0", "/endpoints/0/workloads/pods/0");
    let read = first.inventory();
    for (place, expected) in [
        (format!("{host}/name"), nasty("host")),
        (format!("{host}/guests/0/name"), nasty("guest")),
        (format!("{pod}/name"), nasty("pod")),
    ] {
        assert_eq!(read.pointer(&place), Some(&json!(expected)), "{place}");
    }
    assert_eq!(read["endpoints"][0]["hosts"][0]["labels"][nasty("key")], nasty("value"));

    let printed = folder.path().join("printed.json");
    std::fs::write(&printed, &first.stdout).expect("the file can be written");
    let second = gather(&printed, "inventory");
    assert!(first.stdout == second.stdout, "module File reads its own output unchanged");

    let images = folder.path().join("images.json");
    let known = json!([{"id": nasty("known"), "names": ["app:1"]}]);
    std::fs::write(&images, known.to_string()).expect("the file can be written");
    for format in ["json", "table"] {
        let run = Run::new().arg("match-images").arg("--images").arg(&images);
        let outcome = run.arg("--inventory").arg(&printed).args(["--format", format]).run();
        assert_eq!(outcome.code(), 0, "{}", outcome.describe());
        assert!(outcome.stdout_text().contains("pod "), "{}", outcome.describe());
        assert_visible("match-images", outcome.stdout_text());
    }
}
