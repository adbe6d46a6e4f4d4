//! `plugin verify`: a plugin that meets the contract passes, and one that breaks it fails with a line for each
//! broken rule.

use std::path::Path;

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use rustix::process::Signal;
use serde_json::{Value, json};

const CANARY: &str = "Canary-7f3a91";

fn verify(file: &Path) -> Run {
    Run::new().args(["plugin", "verify"]).arg(file)
}

fn verify_with(plugin: &str, request: &Value) -> Outcome {
    let plugins = PluginFolder::new();
    let run = verify(&plugins.add(plugin));
    let file = run.home().join("request.json");
    std::fs::write(&file, request.to_string()).expect("the request can be written");
    run.arg("--request").arg(file).run()
}

/// The lines of the result that begin with a text.
fn lines<'a>(outcome: &'a Outcome, start: &str) -> Vec<&'a str> {
    outcome.stdout_text().lines().filter(|line| line.starts_with(start)).collect()
}

/// The failed checks of a plugin, one per line. Panics unless there is one and the result says so.
fn failed_checks(outcome: &Outcome) -> String {
    assert_eq!(outcome.code(), 1, "{}", outcome.describe());
    assert!(outcome.stdout_text().contains(" does not pass: "), "{}", outcome.describe());
    let failed = lines(outcome, "not ok ");
    assert!(!failed.is_empty(), "{}", outcome.describe());
    failed.join("\n")
}

#[test]
fn a_plugin_that_meets_the_contract_passes_every_check() {
    let endpoints = json!([
        {"id": "one", "module": "Example", "hostname": "h", "delay_ms": 400},
        {"id": "two", "module": "Example", "hostname": "i", "guests": "3", "delay_ms": 400},
    ]);
    let outcome = verify_with("example", &endpoints).expect_code(0);
    assert_eq!(lines(&outcome, "not ok").len(), 0, "{}", outcome.describe());
    assert_eq!(lines(&outcome, "ok ").len(), 25, "{}", outcome.describe());
    assert_eq!(lines(&outcome, "skipped ").len(), 4, "{}", outcome.describe());
    assert!(outcome.stdout_text().trim_end().ends_with(" passes: 25 ok, 0 not ok, 4 skipped"));
    assert_message!(outcome.stdout_text());
}

#[test]
fn checks_that_need_an_endpoint_are_skipped_without_one() {
    let plugins = PluginFolder::new();
    let outcome = verify(&plugins.add("example")).run().expect_code(0);
    let skipped = lines(&outcome, "skipped");
    assert_eq!(skipped.len(), 1, "{}", outcome.describe());
    assert!(skipped[0].contains("--request"), "{}", outcome.describe());
}

#[test]
fn each_broken_rule_has_its_line() {
    let plugins = PluginFolder::new();
    let file = plugins.add("misbehaving");
    let faults = [
        "describes-another",
        "accepts-any-operation",
        "aborts-on-unknown-operation",
        "accepts-any-module",
        "accepts-a-missing-case",
        "aborts-without-case",
        "blames-the-endpoint",
        "accepts-any-parameters",
        "quotes-parameters",
    ];
    let checks = faults.map(|fault| {
        let outcome = verify(&file).env("MISBEHAVING", fault).run();
        format!("[{fault}]\n{}", failed_checks(&outcome))
    });
    assert_message!(checks.join("\n"));
    verify(&file).run().expect_code(0);
}

#[test]
fn a_library_with_another_layout_is_not_called() {
    let plugins = PluginFolder::new();
    let outcome = verify(&plugins.add("changed-layout")).run();
    assert_eq!(lines(&outcome, "skipped").len(), 1, "{}", outcome.describe());
    assert_message!(failed_checks(&outcome));
}

#[test]
fn each_fault_of_a_gathering_has_its_line_and_no_secret_is_shown() {
    let case = |case: &str| json!([{"id": "e", "module": "Misbehaving", "case": case, "password": CANARY, "timeout": 1}]);
    // The faults that show in the first of an endpoint's checks, and those that show in the last one. Other checks
    // may fail in addition.
    let first = [
        "refuses",
        "wrong-counts",
        "unknown-host-ref",
        "garbage-frame",
        "nonsense-summary",
        "items-without-end",
        "segfault",
        "panic",
        "exit-after-done",
        "differs",
    ];
    let last = ["ignores-sigterm", "log-secret", "stderr-secret", "error-secret"];
    let mut checks = Vec::new();
    for fault in first.iter().chain(&last) {
        let outcome = verify_with("misbehaving", &case(fault));
        for text in [outcome.stdout_text(), &outcome.stderr, &outcome.log] {
            assert!(!text.contains(CANARY), "{fault}: {}", outcome.describe());
        }
        let failed = failed_checks(&outcome);
        let mut failed = failed.lines();
        let line = if first.contains(fault) { failed.next() } else { failed.next_back() };
        checks.push(format!("[{fault}]\n{}", line.expect("a check failed")));
    }
    assert_message!(checks.join("\n"));
    verify_with("misbehaving", &case("behaves")).expect_code(0);
    let outcome = verify_with("misbehaving", &case("starts-items-over")).expect_code(0);
    assert!(outcome.stdout_text().contains("1 host, 1 guest, 1 pod in "), "{}", outcome.describe());
}

#[test]
fn a_file_that_is_not_a_valid_plugin_is_not_loaded() {
    let plugins = PluginFolder::new();
    let text = plugins.add_bytes("text", b"not a library");
    let no_note = failed_checks(&verify(&text).run());

    let library = std::fs::read(plugins.add("misbehaving")).expect("the library is readable");
    let writable = plugins.add_bytes("writable", &library);
    gatherer_tests::plugins::set_mode(&writable, 0o777);
    let outcome = verify(&writable).env("MISBEHAVING", "describes-another").run();
    assert_eq!(lines(&outcome, "skipped").len(), 1, "{}", outcome.describe());
    let untrusted = failed_checks(&outcome);

    // A file name without the prefix of plugins.
    let library = gatherer_tests::plugins::library("misbehaving");
    let misnamed = failed_checks(&verify(&library).run());
    assert_message!([no_note, untrusted, misnamed].join("\n"));
}

#[test]
fn an_unreadable_file_is_exit_status_3_and_wrong_usage_is_2() {
    let plugins = PluginFolder::new();
    let file = plugins.add("example");
    verify(Path::new("/nonexistent/libgatherer_plugin_no.so")).run().expect_code(3);
    verify(&file).args(["--request", "/nonexistent"]).run().expect_code(3);
    let other = json!([{"id": "e", "module": "File", "url": "/x"}]);
    let outcome = verify_with("example", &other).expect_code(3);
    assert!(outcome.messages().contains("module File"), "{}", outcome.describe());
    verify_with("example", &json!([])).expect_code(3);
    Run::new().args(["plugin", "verify"]).run().expect_code(2);
}

#[test]
fn a_signal_ends_verify_and_all_its_processes() {
    let plugins = PluginFolder::new();
    let run = verify(&plugins.add("misbehaving"));
    let file = run.home().join("request.json");
    let request = json!([{"id": "e", "module": "Misbehaving", "case": "ignores-sigterm"}]);
    std::fs::write(&file, request.to_string()).expect("the request can be written");
    let running = run.arg("--request").arg(file).arg("-vv").start();
    running.wait_until("the worker ignores SIGTERM", |running| {
        let worker = *running.workers().first()?;
        let status = std::fs::read_to_string(format!("/proc/{worker}/status")).ok()?;
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
        (ignored & (1 << (Signal::TERM.as_raw() - 1)) != 0).then_some(())
    });
    // The process has the secrets of the request, as a run has them, so it must not dump core.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.pid()));
    let limits = limits.expect("the program is running");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let core = core.expect("the kernel has this limit").split_whitespace().take(2);
    assert_eq!(core.collect::<Vec<_>>(), ["0", "0"]);
    running.signal(Signal::TERM);
    running.finish().expect_code(143);
}

#[test]
fn the_page_for_authors_shows_the_output() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/writing-a-plugin.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    let plugins = PluginFolder::new();
    let outcome = verify(&plugins.add("example")).run().expect_code(0);
    let (checks, _) =
        outcome.stdout_text().split_once("\n\n").expect("an empty line is before the summary");
    assert!(page.contains(&format!("```\n{checks}\n```\n")), "show this:\n{checks}");
    let endpoints =
        json!([{"id": "kvm1", "module": "Example", "hostname": "kvm1", "delay_ms": 500}]);
    let outcome = verify_with("example", &endpoints).expect_code(0);
    for line in lines(&outcome, "ok       Example kvm1: ") {
        // Without the measured time.
        let shown =
            line.trim_end_matches(|sign: char| !sign.is_alphabetic() || "ms".contains(sign));
        assert!(page.contains(&format!("\n{shown}")), "show this: {line}");
    }
}

#[test]
fn a_file_that_is_not_regular_is_rejected_at_once() {
    let run = Run::new();
    let pipe = run.home().join("libgatherer_plugin_pipe.so");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).expect("a pipe can be created");
    let outcome = run.args(["plugin", "verify"]).arg(&pipe).run();
    assert!(failed_checks(&outcome).contains("not a regular file"), "{}", outcome.describe());
}
