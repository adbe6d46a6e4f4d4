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
    // As `exec program > >(tee result)` in bash: the program has a child that it did not start.
    let script = "sleep 1000 </dev/null >/dev/null 2>&1 & exec \"$0\" \"$@\"";
    let running = Run::gather(&endpoint)
        .plugins(plugins.path())
        .through(["sh", "-c", script])
        .may_leave_processes()
        .start();
    let mark = running.mark();
    running.finish().expect_code(0);
    let left: Vec<_> = processes::of(mark).into_iter().map(|(_, name)| name).collect();
    assert_eq!(left, ["sleep"], "the plugin's daemon is killed, the caller's process is not");
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
