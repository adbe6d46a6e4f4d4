//! Destinations of the log that accept no lines: a stderr that is not read, a log process that is
//! stopped or killed, a hung file system. The result is printed and the program ends in all cases.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use gatherer_tests::document::gatherer_document;
use gatherer_tests::{HangingFolder, PluginFolder, Run, processes, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Endpoints whose plugins log a lot.
fn noisy_endpoints() -> Value {
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
        // The pipe is never read, so it accepts only as many bytes as it can hold.
        let (_reader, stderr) = std::io::pipe().expect("a pipe");
        let run = Run::gather(&noisy_endpoints()).plugins(plugins.path()).args(args);
        let outcome = run.start_on(Stdio::piped(), stderr).finish().expect_code(0);
        if args.contains(&"ndjson") {
            assert_eq!(outcome.stdout_text().lines().count(), 7, "{}", outcome.describe());
        } else {
            let document = gatherer_document(&outcome.stdout);
            assert_eq!(document.len(), 7);
            assert!(document["good"].is_some() && document["flood"].is_some());
        }
        assert!(outcome.log.contains("stderr was not read"), "{}", outcome.describe());
        assert!(outcome.log.contains("bad4"), "the log file has the lines that stderr lost");
    }
}

#[test]
fn a_stderr_that_is_read_late_gets_every_line() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    // More lines than a pipe can hold.
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
    assert!(text.lines().is_sorted(), "the lines are in the order in which they were logged");
}

#[test]
fn a_stopped_log_process_blocks_neither_the_result_nor_the_exit() {
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
    assert!(outcome.stderr.contains("did not accept all lines"), "{}", outcome.describe());
    // It writes the lines that it was sent, and then ends.
    rustix::process::kill_process(log_process, Signal::CONT).expect("it still exists");
    processes::assert_none_left(mark);
}

#[test]
fn stderr_reports_that_a_killed_log_process_lost_lines() {
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
    assert!(outcome.stderr.contains("did not accept all lines"), "{}", outcome.describe());
}

#[test]
fn the_log_process_has_no_descriptor_of_the_caller_and_hides_its_memory() {
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
        skip!("only root may list the descriptors of a process that is not dumpable");
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
fn the_log_process_writes_the_last_line_after_ctrl_c_and_ends_with_a_killed_runner() {
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
    // The whole process group gets the signal, as from a terminal.
    rustix::process::kill_process_group(group, Signal::INT).expect("it runs");
    let outcome = running.finish();
    assert_eq!(outcome.code(), 130, "{}", outcome.describe());
    assert!(outcome.log.contains("ended by SIGINT"), "{}", outcome.describe());

    let running = start();
    running.signal(Signal::KILL);
    // `finish` fails if a process is left.
    assert_eq!(running.finish().code(), 137);
}

/// Makes the program log to the hung file system. The test itself must not read that file.
fn logging_to(hanging: &HangingFolder, run: Run) -> Run {
    run.without_logfile().arg("--logfile").arg(hanging.file())
}

#[test]
fn a_log_on_a_hung_file_system_blocks_neither_the_result_nor_the_exit() {
    let hanging = match HangingFolder::mount() {
        Ok(hanging) => hanging,
        Err(reason) => skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let run = logging_to(&hanging, Run::gather(&endpoints)).plugins(plugins.path()).arg("-v");
    // The log process waits in the kernel for as long as the file system hangs.
    let running = run.within(Duration::from_secs(30)).may_leave_processes().start();
    let mark = running.mark();
    let outcome = running.finish();
    assert!(outcome.document()["e"].is_some(), "{}", outcome.describe());
    assert!(hanging.waiting() > 0, "the log file was not even opened");
    for message in ["did not open", "did not accept all lines"] {
        assert!(outcome.stderr.contains(message), "{message}: {}", outcome.describe());
    }
    assert!(outcome.stderr.contains("info: [e] Example: 1 host"), "stderr has all lines");
    // The log process did not inherit the pipes, which `finish` has read to their end. It ends when
    // the file system answers.
    drop(hanging);
    processes::assert_none_left(mark);
}

#[test]
fn prints_the_list_of_modules_although_the_log_hangs() {
    let hanging = match HangingFolder::mount() {
        Ok(hanging) => hanging,
        Err(reason) => skip!("{reason}"),
    };
    let plugins = PluginFolder::with(&["example"]);
    let run = logging_to(&hanging, Run::new()).arg("--list-modules").plugins(plugins.path());
    let outcome = run.within(Duration::from_secs(30)).may_leave_processes().run().expect_code(0);
    assert!(outcome.stdout_text().contains("Example"), "{}", outcome.describe());
}
