//! Workers and orphans that SIGKILL does not end: the run finishes without them.

use std::time::Duration;

use gatherer_tests::{HangingFolder, PluginFolder, Run, assert_message, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

fn hanging(id: &str, case: &str, folder: &HangingFolder) -> Value {
    json!({
        "id": id, "module": "Misbehaving", "case": case, "timeout": "1",
        "file": folder.file().to_str().expect("text"),
    })
}

fn good(number: usize) -> Value {
    json!({"id": format!("good{number}"), "module": "Example", "hostname": "h"})
}

#[test]
fn a_worker_in_state_d_fails_only_its_endpoint() {
    let folder = match HangingFolder::mount() {
        Ok(folder) => folder,
        Err(reason) => skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let mut endpoints =
        vec![hanging("hangs0", "opens-file", &folder), hanging("hangs1", "opens-file", &folder)];
    endpoints.extend((0..8).map(good));
    let running = Run::gather(&json!(endpoints))
        .plugins(plugins.path())
        .args(["--format", "inventory", "--jobs", "2"])
        .may_leave_processes()
        .start();
    let mark = running.mark();
    let outcome = running.finish();
    let inventory = outcome.inventory();
    for number in 0..8 {
        let good = gatherer_tests::inventory_endpoint(&inventory, &format!("good{number}"));
        assert_eq!(good["status"], "complete", "{}", outcome.describe());
    }
    for id in ["hangs0", "hangs1"] {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, "timeout", "{failure}");
        // The error keeps the first reason, the timeout, and adds that the worker still exists.
        assert!(failure.message.contains("1 s"), "{failure}");
        assert!(failure.hint.as_ref().is_some_and(|hint| hint.contains("state D")), "{failure}");
        assert_message!("a_timeout_in_state_d", failure);
    }
    println!("a run with two workers in state D took {:?}", outcome.took);
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);
    drop(folder);
    // The pending SIGKILL ends them once the file system is unmounted.
    gatherer_tests::processes::assert_none_left(mark);
}

#[test]
fn a_complete_answer_counts_even_if_its_worker_cannot_be_killed() {
    let folder = match HangingFolder::mount() {
        Ok(folder) => folder,
        Err(reason) => skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["misbehaving"]);
    let outcome = Run::gather(&hanging("hangs", "opens-file-after-done", &folder))
        .plugins(plugins.path())
        .args(["--format", "inventory"])
        .may_leave_processes()
        .run();
    let endpoint = outcome.endpoint("hangs");
    assert_eq!(endpoint["status"], "complete", "{}", outcome.describe());
    assert_eq!(endpoint["hosts"][0]["name"], "raw");
    let warnings = endpoint["warnings"].as_array().expect("a list");
    assert_eq!(warnings.len(), 1, "{endpoint:#}");
    assert_eq!(warnings[0]["object"], "Misbehaving", "{endpoint:#}");
    assert_message!(warnings[0]["message"].as_str().expect("text"));
}

#[test]
fn the_run_reports_an_orphan_in_state_d_and_does_not_wait_for_it() {
    let folder = match HangingFolder::mount() {
        Ok(folder) => folder,
        Err(reason) => skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["misbehaving"]);
    let run = Run::new().args(["--infile", "-", "--format", "inventory"]).may_leave_processes();
    let go = run.home().join("go");
    let mut endpoint = hanging("d", "daemon-opens-file", &folder);
    endpoint["timeout"] = "50".into();
    endpoint["key"] = go.to_str().expect("text").into();
    let running = run.stdin(endpoint.to_string()).plugins(plugins.path()).start();
    let mark = running.mark();
    running.wait_until("the daemon hangs", |_| (folder.waiting() > 0).then_some(()));
    std::fs::write(go, "").expect("writable");
    let outcome = running.finish();
    assert_eq!(outcome.endpoint("d")["status"], "complete", "{}", outcome.describe());
    assert!(outcome.stderr.contains("state D"), "{}", outcome.describe());
    drop(folder);
    gatherer_tests::processes::assert_none_left(mark);
}

#[test]
fn a_signal_ends_the_run_even_if_a_worker_is_in_state_d() {
    let folder = match HangingFolder::mount() {
        Ok(folder) => folder,
        Err(reason) => skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["misbehaving"]);
    let mut endpoint = hanging("hangs", "opens-file", &folder);
    endpoint["timeout"] = "600".into();
    let run = Run::gather(&endpoint).plugins(plugins.path()).may_leave_processes();
    let running = run.start();
    running.wait_until("the worker hangs", |_| (folder.waiting() > 0).then_some(()));
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    assert!(outcome.took < Duration::from_secs(25), "{:?}", outcome.took);
}

#[test]
fn a_traced_worker_fails_only_its_endpoint() {
    if !rustix::process::geteuid().is_root() {
        skip!("only root may trace a worker");
    }
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "traced", "module": "Misbehaving", "case": "sleeps", "timeout": "2"},
        {"id": "good", "module": "Example", "hostname": "h", "delay_ms": "1000"},
    ]);
    let running = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--format", "inventory", "--jobs", "1"])
        .start();
    let worker = running.wait_until("the worker starts", |running| {
        let worker = *running.workers().first()?;
        // Before exec the child is still a copy of the runner.
        let name = std::fs::read(format!("/proc/{worker}/cmdline")).ok()?;
        name.windows(8).any(|part| part == b"__worker").then_some(worker)
    });
    // This thread never waits for the tracee, so the killed tracee stays a zombie that its parent cannot reap.
    let worker = nix::unistd::Pid::from_raw(i32::try_from(worker).expect("a process id"));
    nix::sys::ptrace::seize(worker, nix::sys::ptrace::Options::empty()).expect("root may trace");
    // Meanwhile the other endpoint is gathered, which takes a second.
    let busy = running.wait_until("the runner reports the traced worker", |running| {
        running.log().contains("traces it").then(|| processor_time(running.pid()))
    });
    assert!(busy < Duration::from_secs(2), "the runner polls without a pause: {busy:?}");
    let outcome = running.finish();
    let inventory = outcome.inventory();
    let good = gatherer_tests::inventory_endpoint(&inventory, "good");
    assert_eq!(good["status"], "complete", "{}", outcome.describe());
    let failure = outcome.failure("traced");
    assert_eq!(failure.kind, "timeout", "{failure}");
    let hint = failure.hint.unwrap_or_default();
    assert!(hint.contains(" traces it and does not release it"), "{hint}");
}

/// The processor time that a process has used: utime and stime of proc_pid_stat(5).
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process exists");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}
