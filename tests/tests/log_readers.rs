//! A log that is not taken: stderr that is not read, a log process that is stopped. The result is
//! printed all the same, and the program ends.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use gatherer_tests::document::gatherer_document;
use gatherer_tests::{HangingFolder, PluginFolder, Run, processes, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

fn noisy() -> Value {
    let mut endpoints = vec![
        json!({"id": "good", "module": "Example", "hostname": "h", "guests": 500}),
        json!({"id": "flood", "module": "Misbehaving", "case": "floods-stderr"}),
    ];
    endpoints.extend((0..5).map(
        |number| json!({"id": format!("bad{number}"), "module": "Misbehaving", "case": "refuses"}),
    ));
    endpoints.into()
}

#[test]
fn a_caller_that_does_not_read_stderr_gets_the_whole_result() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    for args in [&["-v", "-v"][..], &["-v", "-v", "--progress", "always", "--format", "ndjson"]] {
        // Nothing is ever read from it: it holds what a pipe holds.
        let (_reader, stderr) = std::io::pipe().expect("a pipe");
        let run = Run::gather(&noisy()).plugins(plugins.path()).args(args);
        let outcome = run.start_on(Stdio::piped(), stderr).finish().expect_code(0);
        if args.contains(&"ndjson") {
            assert_eq!(outcome.stdout_text().lines().count(), 7, "{}", outcome.describe());
        } else {
            let document = gatherer_document(&outcome.stdout);
            assert_eq!(document.len(), 7);
            assert!(document["good"].is_some() && document["flood"].is_some());
        }
        assert!(outcome.log.contains("stderr was not read"), "{}", outcome.describe());
        assert!(outcome.log.contains("bad4"), "the log file has what stderr has not");
    }
}

#[test]
fn every_line_reaches_a_stderr_that_is_read_late() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    // More than a pipe holds.
    let endpoints: Value = (0..1500)
        .map(|number| json!({"id": format!("e{number:04}"), "module": "NoSuchModule"}))
        .collect();
    let (mut reader, stderr) = std::io::pipe().expect("a pipe");
    let running = Run::gather(&endpoints).plugins(plugins.path()).start_on(Stdio::piped(), stderr);
    running.wait_until("the last failure is logged", |running| {
        running.log().contains("[e1499]").then_some(())
    });
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    running.finish().expect_code(0);
    assert_eq!(text.lines().count(), 1500);
    assert!(text.lines().is_sorted(), "in the order in which they were logged");
}

#[test]
fn a_log_process_that_stands_still_costs_neither_the_result_nor_the_end() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "h", "delay_ms": 1000},
        {"id": "flood", "module": "Misbehaving", "case": "floods-stderr", "timeout": "60"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["-v", "-v"]);
    let running = run.may_leave_processes().start();
    let log_process = running.wait_until("the log process runs", |running| {
        let pid = processes::log_process(running.pid())?;
        i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
    });
    rustix::process::kill_process(log_process, Signal::STOP).expect("it runs");
    let mark = running.mark();
    let outcome = running.finish();
    assert_eq!(outcome.document().len(), 2, "{}", outcome.describe());
    assert!(outcome.stderr.contains("does not take what is written"), "{}", outcome.describe());
    // It writes what it was handed, and does not outlive that.
    rustix::process::kill_process(log_process, Signal::CONT).expect("it is there still");
    processes::assert_none_left(mark);
}

#[test]
fn lines_that_a_killed_log_process_did_not_write_are_counted_on_stderr() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoint = json!({"id": "e", "module": "Example", "hostname": "h", "delay_ms": 1000});
    let running = Run::gather(&endpoint).plugins(plugins.path()).start();
    let log_process = running.wait_until("the log process runs", |running| {
        (running.workers().len() == 1).then(|| processes::log_process(running.pid())).flatten()
    });
    let log_process = i32::try_from(log_process).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(log_process.expect("a process id"), Signal::KILL)
        .expect("it runs");
    let outcome = running.finish().expect_code(0);
    assert_eq!(outcome.document().len(), 1, "{}", outcome.describe());
    assert!(outcome.stderr.contains("does not take what is written"), "{}", outcome.describe());
}

#[test]
fn the_log_process_holds_no_descriptor_of_the_caller_and_shows_no_memory() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let running = Run::gather(&endpoints).plugins(plugins.path()).start();
    let log_process = running.wait_until("the log process runs", |running| {
        (running.workers().len() == 1).then(|| processes::log_process(running.pid())).flatten()
    });
    let targets: Vec<_> = std::fs::read_dir(format!("/proc/{log_process}/fd"))
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .collect();
    let log = running.home().join("gatherer.log");
    if targets.is_empty() {
        running.signal(Signal::TERM);
        running.finish();
        skip!("only root may look at the descriptors of what cannot be dumped");
    }
    for target in &targets {
        let is_socket = target.to_string_lossy().starts_with("socket:");
        assert!(is_socket || *target == log, "{targets:?}");
    }
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    assert!(outcome.log.contains("ended by SIGTERM"), "{}", outcome.describe());
}

#[test]
fn the_log_process_outlives_ctrl_c_until_the_last_line_and_ends_with_a_killed_runner() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let start = || {
        let running = Run::gather(&endpoints).plugins(plugins.path()).start();
        running
            .wait_until("the worker runs", |running| (running.workers().len() == 1).then_some(()));
        running
    };
    let running = start();
    let group = i32::try_from(running.pid()).expect("a process id");
    let group = rustix::process::Pid::from_raw(group).expect("a process id");
    // The whole group gets it, as from a terminal.
    rustix::process::kill_process_group(group, Signal::INT).expect("it runs");
    let outcome = running.finish();
    assert_eq!(outcome.code(), 130, "{}", outcome.describe());
    assert!(outcome.log.contains("ended by SIGINT"), "{}", outcome.describe());

    let running = start();
    running.signal(Signal::KILL);
    // Fails if a process is left.
    assert_eq!(running.finish().code(), 137);
}

/// Has the program log there. The test itself must not look at that file.
fn logging_to(hanging: &HangingFolder, run: Run) -> Run {
    run.without_logfile().arg("--logfile").arg(hanging.file())
}

#[test]
fn a_log_on_a_file_system_that_does_not_answer_costs_neither_the_result_nor_the_end() {
    let hanging = match HangingFolder::mount() {
        Ok(hanging) => hanging,
        Err(reason) => skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let run = logging_to(&hanging, Run::gather(&endpoints)).plugins(plugins.path()).arg("-v");
    // The process that writes the log waits in the kernel, as long as the file system hangs.
    let running = run.within(Duration::from_secs(30)).may_leave_processes().start();
    let mark = running.mark();
    let outcome = running.finish();
    assert!(outcome.document()["e"].is_some(), "{}", outcome.describe());
    assert!(hanging.waiting() > 0, "the log file was not even opened");
    for said in ["does not open", "does not take what is written"] {
        assert!(outcome.stderr.contains(said), "{said}: {}", outcome.describe());
    }
    assert!(outcome.stderr.contains("info: [e] Example: 1 host"), "stderr has all lines");
    // It has inherited neither the pipes, which `finish` reads to their end, nor a reason to stay.
    drop(hanging);
    processes::assert_none_left(mark);
}

#[test]
fn the_list_of_modules_is_printed_though_the_log_hangs() {
    let hanging = match HangingFolder::mount() {
        Ok(hanging) => hanging,
        Err(reason) => skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["example"]);
    let run = logging_to(&hanging, Run::new()).arg("--list-modules").plugins(plugins.path());
    let outcome = run.within(Duration::from_secs(30)).may_leave_processes().run().expect_code(0);
    assert!(outcome.stdout_text().contains("Example"), "{}", outcome.describe());
}
