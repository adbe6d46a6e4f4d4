//! Processes that plugins leave behind, and processes of the caller, which are left alone.

use std::time::Duration;

use gatherer_tests::{PluginFolder, Run, processes};
use serde_json::json;

#[test]
fn orphans_are_reaped_during_the_run() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let run = Run::new();
    let last = run.home().join("last");
    let endpoint = json!({
        "id": "f", "module": "Misbehaving", "case": "forks-in-turn", "timeout": "50",
        "file": last.to_str().expect("text"),
    });
    let sleeper = json!({"id": "s", "module": "Misbehaving", "case": "sleeps", "timeout": "50"});
    let running = run
        .args(["--infile", "-", "--format", "inventory"])
        .stdin(json!([endpoint, sleeper]).to_string())
        .plugins(plugins.path())
        .start();
    running.wait_until("2,000 processes have ended", |_| last.exists().then_some(()));
    // The last ones may not be reaped yet.
    let zombies = processes::zombies(running.pid());
    assert!(zombies < 100, "{zombies} orphans are zombies");
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect_code(143);
}

#[test]
fn a_chain_of_forks_ends_with_the_run() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoint =
        json!({"id": "f", "module": "Misbehaving", "case": "forks-for-ever", "timeout": "1"});
    // `finish` fails if a process is left.
    let outcome =
        Run::gather(&endpoint).plugins(plugins.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("f")["error"]["kind"], "timeout", "{}", outcome.describe());
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn a_child_process_of_the_caller_is_not_killed() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoint = json!({"id": "d", "module": "Misbehaving", "case": "daemon-holds-pipes"});
    // Like `exec program > >(cat > result)` in bash: the reader of the result is a child of the program that
    // the program did not start. It holds stderr open, so `run` waits for its end.
    let script = "mkfifo fifo && { cat fifo > result & } && exec \"$0\" \"$@\" > fifo";
    let outcome =
        Run::gather(&endpoint).plugins(plugins.path()).through(["sh", "-c", script]).run();
    let outcome = outcome.expect_code(0);
    let result = std::fs::read(outcome.home().join("result")).expect("readable");
    assert!(!result.is_empty(), "the reader was killed: {}", outcome.describe());
    assert!(gatherer_tests::document::gatherer_document(&result)["d"].is_some());
}

#[test]
fn a_reader_that_becomes_a_child_during_the_run_is_not_killed() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoint = json!({"id": "d", "module": "Misbehaving", "case": "daemon-holds-pipes"});
    // The subshell ends when a worker is running; then the reader becomes a child of the program.
    let children = "/proc/$$/task/$$/children";
    let probe = format!("test -e {children}");
    let lists = std::process::Command::new("sh").args(["-c", &probe]).status();
    if !lists.is_ok_and(|status| status.success()) {
        gatherer_tests::skip!("the kernel does not list the children of a process");
    }
    let script = format!(
        "mkfifo fifo && {{ ( cat fifo > result & \
         until set -- $(cat {children}) && [ $# -ge 3 ]; do :; done ) & }} && \
         exec \"$0\" \"$@\" > fifo"
    );
    let outcome =
        Run::gather(&endpoint).plugins(plugins.path()).through(["sh", "-c", &script]).run();
    let outcome = outcome.expect_code(0);
    let result = std::fs::read(outcome.home().join("result")).expect("readable");
    assert!(!result.is_empty(), "the reader was killed: {}", outcome.describe());
}

#[test]
fn the_end_of_a_worker_is_detected_even_if_sigchld_is_blocked() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoint = json!({"id": "e", "module": "Example", "hostname": "h"});
    let blocked = ["env", "--block-signal=CHLD"];
    if !std::process::Command::new("env")
        .args(["--block-signal=CHLD", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        gatherer_tests::skip!("env cannot block signals (coreutils 8.31 or newer can)");
    }
    let outcome = Run::gather(&endpoint)
        .plugins(plugins.path())
        .args(["--format", "inventory"])
        .through(blocked)
        .run();
    let endpoint = outcome.endpoint("e");
    assert_eq!(endpoint["status"], "complete", "{}", outcome.describe());
    assert_eq!(endpoint["warnings"].as_array().map_or(0, Vec::len), 0, "{endpoint:#}");
}
