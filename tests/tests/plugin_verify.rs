//! `plugin verify`: a plugin that keeps the contract passes, one that breaks it fails with the line
//! that says how.

use std::path::Path;

use gatherer_tests::{Outcome, PluginFolder, Run};
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

/// The lines that begin so.
fn lines<'a>(outcome: &'a Outcome, start: &str) -> Vec<&'a str> {
    outcome.stdout_text().lines().filter(|line| line.starts_with(start)).collect()
}

/// It failed, and this is what it says of a check.
fn assert_fails(outcome: &Outcome, check: &str, reason: &str) {
    assert_eq!(outcome.code(), 1, "{check}: {}", outcome.describe());
    let start = format!("not ok   {check}: ");
    let reasons = lines(outcome, &start);
    assert!(
        reasons.iter().any(|line| line.contains(reason)),
        "{check}: {reason}: {}",
        outcome.describe()
    );
    assert!(outcome.stdout_text().contains(" does not pass: "), "{}", outcome.describe());
}

#[test]
fn a_plugin_that_keeps_the_contract_passes_every_check() {
    let endpoints = json!([
        {"id": "one", "module": "Example", "hostname": "h", "delay_ms": 400},
        {"id": "two", "module": "Example", "hostname": "i", "guests": "3", "delay_ms": 400},
    ]);
    let outcome = verify_with("example", &endpoints).expect_code(0);
    assert!(lines(&outcome, "not ok").is_empty(), "{}", outcome.describe());
    for expected in [
        "ok       it says the same of itself as its note",
        "ok       an unknown operation is `unsupported`",
        "ok       Example: a value of a wrong type is `configuration`",
        "ok       Example one: gathers a whole answer: 1 host, 2 guests in ",
        "ok       Example two: gathers a whole answer: 1 host, 3 guests in ",
        "ok       Example two: gathers the same a second time",
        "ok       Example two: ends when it is told to: within ",
        "skipped  Example two: shows no secret: the endpoint has none",
    ] {
        assert_eq!(lines(&outcome, expected).len(), 1, "{expected}: {}", outcome.describe());
    }
    assert!(outcome.stdout_text().trim_end().ends_with(" passes: 16 ok, 0 not ok, 2 skipped"));
}

#[test]
fn what_needs_an_endpoint_is_skipped_without_one() {
    let plugins = PluginFolder::new();
    let outcome = verify(&plugins.add("example")).run().expect_code(0);
    let skipped = lines(&outcome, "skipped");
    assert_eq!(skipped, ["skipped  Example: gathers, and ends when it is told to: no --request"]);
}

#[test]
fn each_broken_rule_has_its_line() {
    let plugins = PluginFolder::new();
    let file = plugins.add("misbehaving");
    let operation = "an unknown operation is `unsupported`";
    let missing = "Misbehaving: a required parameter that is missing is `configuration`";
    let any_type = "Misbehaving: a value of a wrong type is `configuration`";
    let gathers = "it gathers as if nothing were wrong";
    for (habit, check, reason) in [
        (
            "describes-another",
            "it says the same of itself as its note",
            "a manifest that differs from the one in its file",
        ),
        ("does-any-operation", operation, gathers),
        ("dies-of-operations", operation, "`crashed`"),
        ("serves-any-module", "an unknown module is `unsupported`", gathers),
        ("takes-no-case", missing, &format!("where case is missing, {gathers}")),
        ("dies-of-no-case", missing, "SIGABRT"),
        ("blames-the-endpoint", missing, "it fails with `protocol`: nonsense"),
        ("takes-any-parameters", any_type, &format!("where username is a list, {gathers}")),
        ("quotes-parameters", any_type, "where username is a list, the error quotes the value"),
    ] {
        let outcome = verify(&file).env("MISBEHAVING", habit).run();
        assert_fails(&outcome, check, reason);
    }
    verify(&file).run().expect_code(0);
}

#[test]
fn a_library_of_another_layout_is_not_asked_anything() {
    let plugins = PluginFolder::new();
    let outcome = verify(&plugins.add("changed-layout")).run();
    let check = "it can be loaded, and its layout is this program's";
    assert_fails(&outcome, check, "the layout of its root module differs");
    assert_eq!(lines(&outcome, "skipped"), ["skipped  everything else: it is not loaded"]);
}

#[test]
fn what_is_wrong_with_a_gathering_is_said() {
    let case = |case: &str| json!([{"id": "e", "module": "Misbehaving", "case": case, "password": CANARY, "timeout": 1}]);
    let gathers = "Misbehaving e: gathers a whole answer";
    for (name, check, reason) in [
        ("refuses", gathers, "it fails with `authentication`: status 401 from the server"),
        ("wrong-counts", gathers, "counts 1 hosts and 2 guests"),
        ("unknown-host-ref", gathers, "a guest of a host that it did not send"),
        ("garbage-frame", gathers, "something that is not a frame"),
        ("nonsense-summary", gathers, "something that is not a summary"),
        ("items-without-end", gathers, "did not say that they are all"),
        ("segfault", gathers, "SIGSEGV"),
        ("panic", gathers, "it fails with `internal`"),
        ("exit-after-done", gathers, "the process exited with status 3 after its answer"),
        ("differs", "Misbehaving e: gathers the same a second time", "hosts/odd/labels/process"),
        ("ignores-sigterm", "Misbehaving e: ends when it is told to", "it had to be killed"),
        ("log-secret", "Misbehaving e: shows no secret", "it was taken out"),
        ("stderr-secret", "Misbehaving e: shows no secret", "stderr: ***"),
        ("error-secret", "Misbehaving e: shows no secret", "no to ***"),
    ] {
        let outcome = verify_with("misbehaving", &case(name));
        assert_fails(&outcome, check, reason);
        for text in [outcome.stdout_text(), &outcome.stderr, &outcome.log] {
            assert!(!text.contains(CANARY), "{name}: {}", outcome.describe());
        }
    }
    verify_with("misbehaving", &case("behaves")).expect_code(0);
    let outcome = verify_with("misbehaving", &case("starts-items-over")).expect_code(0);
    let counted = "ok       Misbehaving e: gathers a whole answer: 1 host, 1 guest, 1 pod in ";
    assert_eq!(lines(&outcome, counted).len(), 1, "{}", outcome.describe());
}

#[test]
fn a_file_that_is_no_sound_plugin_is_not_loaded() {
    let plugins = PluginFolder::new();
    let text = plugins.add_bytes("text", b"not a library");
    assert_fails(&verify(&text).run(), "its note can be read", "the file ");

    let writable = plugins
        .add_bytes("writable", &std::fs::read(plugins.add("misbehaving")).expect("readable"));
    gatherer_tests::plugins::set_mode(&writable, 0o777);
    let outcome = verify(&writable).env("MISBEHAVING", "describes-another").run();
    assert_fails(&outcome, "nobody else can write it", "the file is not trusted");
    assert_eq!(lines(&outcome, "skipped"), ["skipped  everything else: such a file is not loaded"]);

    let named = gatherer_tests::plugins::library("misbehaving");
    let check = "the file's name is that of a plugin";
    assert_fails(&verify(&named).run(), check, "it is found only if");
}

#[test]
fn what_cannot_be_read_is_exit_status_3_and_wrong_usage_2() {
    let plugins = PluginFolder::new();
    let file = plugins.add("example");
    verify(Path::new("/nonexistent/libgatherer_plugin_no.so")).run().expect_code(3);
    verify(&file).args(["--request", "/nonexistent"]).run().expect_code(3);
    let other = json!([{"id": "e", "module": "File", "url": "/x"}]);
    let outcome = verify_with("example", &other).expect_code(3);
    assert!(outcome.messages().contains("there is no module File"), "{}", outcome.describe());
    verify_with("example", &json!([])).expect_code(3);
    Run::new().args(["plugin", "verify"]).run().expect_code(2);
}

#[test]
fn it_ends_when_it_is_told_to_and_leaves_nobody_behind() {
    let plugins = PluginFolder::new();
    let run = verify(&plugins.add("misbehaving"));
    let file = run.home().join("request.json");
    let request = json!([{"id": "e", "module": "Misbehaving", "case": "ignores-sigterm"}]);
    std::fs::write(&file, request.to_string()).expect("the request can be written");
    let running = run.arg("--request").arg(file).arg("-vv").start();
    running.wait_until("it gathers", |running| {
        let worker = *running.workers().first()?;
        let status = std::fs::read_to_string(format!("/proc/{worker}/status")).ok()?;
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
        (ignored & (1 << (Signal::TERM.as_raw() - 1)) != 0).then_some(())
    });
    // It holds the request's secrets as a run does.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.pid()));
    let limits = limits.expect("it runs");
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let core: Vec<_> = core.expect("there").split_whitespace().take(2).collect();
    assert_eq!(core, ["0", "0"], "no core dump");
    running.signal(Signal::TERM);
    running.finish().expect_code(143);
}

#[test]
fn the_page_for_authors_shows_what_is_printed() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/writing-a-plugin.md");
    let page = std::fs::read_to_string(page).expect("the page is readable");
    let plugins = PluginFolder::new();
    let outcome = verify(&plugins.add("example")).run().expect_code(0);
    let (checks, _) = outcome.stdout_text().split_once("\n\n").expect("the sum stands apart");
    assert!(page.contains(&format!("```\n{checks}\n```\n")), "show this:\n{checks}");
    let endpoints =
        json!([{"id": "kvm1", "module": "Example", "hostname": "kvm1", "delay_ms": 500}]);
    let outcome = verify_with("example", &endpoints).expect_code(0);
    for line in lines(&outcome, "ok       Example kvm1: ") {
        // Without what it took.
        let shown =
            line.trim_end_matches(|sign: char| !sign.is_alphabetic() || "ms".contains(sign));
        assert!(page.contains(&format!("\n{shown}")), "show this: {line}");
    }
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let run = Run::new();
    let pipe = run.home().join("libgatherer_plugin_pipe.so");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).expect("a pipe can be made");
    let outcome = run.args(["plugin", "verify"]).arg(&pipe).run();
    assert_fails(&outcome, "its note can be read", "the file is not a regular file");
}
