//! Tests of the check: the steps for good and wrong documents, each with its sentence.

use std::path::Path;

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{CheckStep, ErrorKind, Options, RECORD_MAX_BYTES, StepStatus};
use gatherer_plugin_support::testing::{Action, ScriptedServer, answers};
use serde_json::json;

use crate::File;

const HOSTS: &str = r#"{"kvm1": {"hostIdentifier": "a", "vms": {"web": "1", "db": "2"}},
    "kvm2": {"hostIdentifier": "b", "vms": {}}}"#;
const OUTPUT: &str = r#"{"manager": {"kvm1": {"hostIdentifier": "a", "vms": {"web": "1"}}}}"#;
const INVENTORY: &str = r#"{"schemaVersion": "1.0", "endpoints": [
    {"id": "e", "status": "complete", "hosts": [{"id": "h", "name": "h", "guests": []}]}]}"#;

fn check(url: &str) -> Vec<CheckStep> {
    let recorder = Recorder::new().options(Options { retries: Some(0), ..Options::default() });
    recorder.check::<File>(json!({ "url": url }))
}

/// The names and statuses of the steps.
fn statuses(steps: &[CheckStep]) -> String {
    let steps = steps.iter().map(|step| format!("{} {}", step.name, step.status.as_str()));
    steps.collect::<Vec<_>>().join(", ")
}

/// The lines of the steps that have a message.
fn lines(case: &str, steps: &[CheckStep]) -> String {
    let mut text = format!("[{case}]\n");
    for step in steps.iter().filter(|step| !step.message.is_empty()) {
        let hint = step.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        text += &[step.status.as_str(), " ", &step.name, ": ", &step.message, &hint, "\n"].concat();
    }
    text
}

#[test]
fn each_mistake_of_a_file_fails_its_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("written");
    let all = "parameters ok, file ok, format ok, objects ok";
    let no_file = "parameters ok, file failed, format not-tried, objects not-tried";
    let no_format = "parameters ok, file ok, format failed, objects not-tried";
    for (name, text) in [
        ("hosts", HOSTS),
        ("output", OUTPUT),
        ("inventory", INVENTORY),
        ("empty", ""),
        ("html", "<html>"),
        ("list", "[]"),
        ("other", r#"{"a": 1}"#),
        ("failed", r#"{"manager": null}"#),
        ("warning", r#"{"kvm1": {"vms": {"web": "1"}, "ramMb": "many"}}"#),
    ] {
        write(name, text);
    }
    let mut text = String::new();
    for (case, expected) in [
        ("hosts", all),
        ("output", all),
        ("inventory", all),
        ("missing", no_file),
        ("empty", no_format),
        ("html", no_format),
        ("list", no_format),
        ("other", no_format),
        ("failed", no_format),
        ("warning", "parameters ok, file ok, format ok, objects warning"),
    ] {
        let steps = check(path(case).to_str().expect("UTF-8"));
        assert_eq!(statuses(&steps), expected, "{case}: {steps:?}");
        text += &lines(case, &steps);
    }
    let steps = check("hosts.json");
    assert_eq!(statuses(&steps), "parameters failed, rest not-tried");
    text += &lines("not an absolute path", &steps);
    insta::assert_snapshot!(without(&text, folder.path()));
}

#[test]
fn rejects_an_object_that_is_too_long_for_a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hosts.json");
    let objects = |document: serde_json::Value| {
        std::fs::write(&path, document.to_string()).expect("written");
        let steps = check(path.to_str().expect("UTF-8"));
        steps.last().expect("a step").clone()
    };
    let long = "x".repeat(RECORD_MAX_BYTES);
    let host = json!({"kvm1": {"hostIdentifier": "a", "os": long, "vms": {}}});
    let step = objects(host);
    assert_eq!((&*step.name, step.status), ("objects", StepStatus::Failed), "{step:?}");
    assert_eq!(step.kind, Some(ErrorKind::Protocol));

    let pod = json!({"namespace": "n", "name": "p", "uid": "u", "labels": {"l": long}});
    let step = objects(json!({"schemaVersion": "1.0", "endpoints": [{
        "id": "e", "status": "complete", "hosts": [{"id": "h", "name": "h", "guests": []}],
        "workloads": {"pods": [pod]}, "collections": {"pods": {"status": "complete"}}}]}));
    assert_eq!((&*step.name, step.status), ("objects", StepStatus::Warning), "{step:?}");
    assert!(step.message.ends_with("these collections are missing: pods"), "{step:?}");
}

fn without(text: &str, folder: &Path) -> String {
    text.replace(&folder.display().to_string(), "FOLDER")
}

#[test]
fn each_mistake_of_a_web_server_fails_its_step() {
    let mut text = String::new();
    for (case, action, expected) in [
        (
            "good",
            Action::answer(200, HOSTS),
            "parameters ok, name ok, port ok, login ok, file ok, format ok, objects ok",
        ),
        (
            "refuses",
            Action::answer(401, ""),
            "parameters ok, name ok, port ok, login failed, file not-tried, format not-tried, \
             objects not-tried",
        ),
        (
            "login page",
            Action::answer(200, "<html>").header("content-type", "text/html"),
            "parameters ok, name ok, port ok, login failed, file not-tried, format not-tried, \
             objects not-tried",
        ),
        (
            "wrong document",
            Action::answer(200, "[]"),
            "parameters ok, name ok, port ok, login ok, file ok, format failed, objects not-tried",
        ),
    ] {
        let server = ScriptedServer::http(answers([action]));
        let url = server.url("/hosts.json").replace("http://", "http://user:hunter2@");
        let steps = check(&url);
        assert_eq!(statuses(&steps), expected, "{case}: {steps:?}");
        let shown = lines(case, &steps);
        assert!(!shown.contains("hunter2"), "{shown}");
        text += &shown.replace(&server.address().to_string(), "SERVER");
    }
    insta::assert_snapshot!(text);
}
