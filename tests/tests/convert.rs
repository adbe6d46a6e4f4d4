//! `convert`: the formats of an inventory document are those of the run that wrote it.

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

/// The endpoints: two that are complete and one that failed.
fn endpoints() -> Value {
    json!([
        {"id": "one", "module": "Example", "hostname": "kvm1", "guests": 2},
        {"id": "bad", "module": "Misbehaving", "case": "refuses"},
        {"id": "two", "module": "Example", "hostname": "kvm2", "no_such_parameter": "x"},
    ])
}

#[test]
fn each_format_is_that_of_the_run() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let gather = |format: &str| {
        let run = Run::gather(&endpoints()).plugins(plugins.path());
        let run = run.args(["--no-run-info", "--format", format]).run().expect_code(0);
        run.stdout_text().to_owned()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("inventory.json");
    std::fs::write(&file, gather("inventory")).expect("written");
    let file = file.to_str().expect("UTF-8");
    for format in
        ["gatherer", "inventory", "table", "containers", "virt-who", "ansible", "prometheus", "csv"]
    {
        let args = ["convert", file, "--format", format];
        let converted = Run::new().args(args).run().expect_code(0);
        assert_eq!(converted.stdout_text(), gather(format), "{format}");
        // Both places of the options, and standard input.
        let before = Run::new().args(["--no-run-info", "convert", file, "--format", format]);
        assert_eq!(before.run().expect_code(0).stdout_text(), gather(format), "{format}");
    }
    let lines = Run::new().args(["convert", file, "--format", "ndjson"]).run().expect_code(0);
    assert_eq!(lines.stdout_text().lines().count(), 3);
    let only = ["convert", file, "--format", "gatherer", "--only", "two"];
    let only: Value =
        serde_json::from_str(Run::new().args(only).run().expect_code(0).stdout_text())
            .expect("JSON");
    assert_eq!(only.as_object().expect("an object").keys().collect::<Vec<_>>(), ["two"]);
}

#[test]
fn links_are_found_again_in_a_document_without_them() {
    let uuid = "4c4c4544-0042-3510-8051-b4c04f4d3132";
    let guest = json!({"id": uuid, "name": "web", "uuid": uuid});
    let document = json!({"schemaVersion": "1.5", "generator": {"name": "t"}, "endpoints": [
        {"id": "vms", "status": "complete", "hosts": [{"id": "h", "name": "kvm", "guests": [guest]}]},
        {"id": "k8s", "status": "complete",
         "hosts": [{"id": "n", "name": "node", "identifiers": {"systemUuid": uuid}}]},
    ]});
    let run = Run::new().args(["convert", "-", "--format", "inventory"]);
    let run = run.stdin(document.to_string()).run().expect_code(0);
    let converted: Value = serde_json::from_str(run.stdout_text()).expect("JSON");
    assert_eq!(converted["schemaVersion"], "1.8");
    let kinds: Vec<_> =
        converted["links"].as_array().expect("links").iter().map(|link| &link["kind"]).collect();
    assert_eq!(kinds, ["same", "runs-on"]);
    assert_eq!(converted["endpoints"][0]["id"], "k8s");
}

#[test]
fn refuses_what_it_cannot_convert() {
    let refused = |args: &[&str], document: &str| {
        let run = Run::new().args(["convert"]).args(args).stdin(document).run();
        (run.code(), run.stderr.clone())
    };
    let inventory = r#"{"schemaVersion": "1.7", "generator": {"name": "t"}, "endpoints": []}"#;
    let mut shown = String::new();
    for (args, document, code) in [
        (&["-"][..], inventory, 2),
        (&["-", "--format", "yaml"], inventory, 2),
        (&["-", "--format", "table", "--hypervisor-id", "uuid"], inventory, 2),
        (&["-", "--format", "table", "--only", "x"], inventory, 2),
        (&["/nonexistent.json", "--format", "table"], inventory, 3),
        (&["-", "--format", "table"], "{}", 3),
        (&["-", "--format", "table"], "[", 3),
        (&["-", "--format", "table"], r#"{"schemaVersion": "2.0"}"#, 3),
        (&["-", "--format", "table"], r#"{"schemaVersion": "1.9", "endpoints": 7}"#, 3),
    ] {
        let (status, text) = refused(args, document);
        assert_eq!(status, code, "{args:?}: {text}");
        let line = text.lines().next().unwrap_or_default();
        shown.extend([&args.join(" "), ":\n  ", line, "\n"]);
    }
    insta::assert_snapshot!(shown);
}
