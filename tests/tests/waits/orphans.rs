//! Processes that plugins leave behind.

use std::time::Duration;

use gatherer_tests::{PluginFolder, Run, processes};
use serde_json::json;

#[test]
fn orphans_are_reaped_while_the_run_goes_on() {
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
    // The last ones may still be on their way.
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
fn a_process_of_the_caller_is_no_orphan() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoint = json!({"id": "d", "module": "Misbehaving", "case": "daemon-holds-pipes"});
    // As `exec program > >(cat > result)` in bash: the reader of the result is a child that the
    // program did not start. It holds stderr, so its end is waited for.
    let script = "mkfifo fifo && { cat fifo > result & } && exec \"$0\" \"$@\" > fifo";
    let outcome =
        Run::gather(&endpoint).plugins(plugins.path()).through(["sh", "-c", script]).run();
    let outcome = outcome.expect_code(0);
    let result = std::fs::read(outcome.home().join("result")).expect("readable");
    assert!(!result.is_empty(), "the reader was killed: {}", outcome.describe());
    assert!(gatherer_tests::document::gatherer_document(&result)["d"].is_some());
}

#[test]
fn a_reader_whose_parent_ends_during_the_run_is_no_orphan() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoint = json!({"id": "d", "module": "Misbehaving", "case": "daemon-holds-pipes"});
    // The subshell ends when a worker runs: then the reader becomes the program's child.
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
fn the_end_of_a_worker_is_noticed_where_sigchld_is_blocked() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoint = json!({"id": "e", "module": "Example", "hostname": "h"});
    let blocked = ["env", "--block-signal=CHLD"];
    if !std::process::Command::new("env")
        .args(["--block-signal=CHLD", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        gatherer_tests::skip!("env does not block signals here (coreutils 8.31 does)");
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
