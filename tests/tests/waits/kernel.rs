//! Workers that SIGKILL does not end.

use std::time::Duration;

use gatherer_tests::{HangingFolder, PluginFolder, Run, skip};
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
fn a_worker_that_waits_for_the_kernel_costs_its_endpoint_alone() {
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
        let error = &gatherer_tests::inventory_endpoint(&inventory, id)["error"];
        assert_eq!(error["kind"], "timeout", "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("did not answer within 1 s"), "the first reason stays: {message}");
        assert!(message.contains("could not be ended"), "{message}");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("state D")), "{error}");
    }
    println!("a run with two workers in state D took {:?}", outcome.took);
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);
    drop(folder);
    // They are killed since: without the file system, that ends them.
    gatherer_tests::processes::assert_none_left(mark);
}

#[test]
fn a_whole_answer_counts_though_its_worker_cannot_be_ended() {
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
    let warning = endpoint["warnings"][0]["message"].as_str().unwrap_or_default();
    assert!(warning.contains("could not be ended after its answer was whole"), "{warning}");
}

#[test]
fn an_orphan_that_waits_for_the_kernel_is_named_and_not_waited_for() {
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
    assert!(outcome.stderr.contains("could not be ended"), "{}", outcome.describe());
    assert!(outcome.stderr.contains("state D"), "{}", outcome.describe());
    drop(folder);
    gatherer_tests::processes::assert_none_left(mark);
}

#[test]
fn a_signal_ends_the_run_though_a_worker_waits_for_the_kernel() {
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
fn a_worker_that_is_traced_costs_its_endpoint_alone() {
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
        // Not the process that is about to become it.
        let name = std::fs::read(format!("/proc/{worker}/cmdline")).ok()?;
        name.windows(8).any(|part| part == b"__worker").then_some(worker)
    });
    // This thread waits for none of the tracee's stops and ends, so the tracee ends as a zombie
    // that its parent cannot reap.
    let worker = nix::unistd::Pid::from_raw(i32::try_from(worker).expect("a process id"));
    nix::sys::ptrace::seize(worker, nix::sys::ptrace::Options::empty()).expect("root may trace");
    // The other endpoint is asked then, for a second.
    let busy = running.wait_until("the worker is given up", |running| {
        running.log().contains("could not be ended").then(|| processor_time(running.pid()))
    });
    assert!(busy < Duration::from_secs(2), "the runner asks again and again: {busy:?}");
    let outcome = running.finish();
    let inventory = outcome.inventory();
    let good = gatherer_tests::inventory_endpoint(&inventory, "good");
    assert_eq!(good["status"], "complete", "{}", outcome.describe());
    let error = &gatherer_tests::inventory_endpoint(&inventory, "traced")["error"];
    assert_eq!(error["kind"], "timeout", "{error}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("could not be ended"), "{message}");
    let hint = error["hint"].as_str().unwrap_or_default();
    assert!(hint.contains(" traces it and does not release it"), "{hint}");
}

/// How long a process has used a processor (utime and stime of proc_pid_stat(5)).
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}
