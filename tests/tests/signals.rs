//! Ends that nobody planned: signals, a reader that went away, a run that takes too long. Nothing is left
//! behind, and nothing half-written.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use gatherer_tests::{PluginFolder, Run, Running, processes};
use rustix::process::Signal;
use serde_json::{Value, json};

fn sleepers(count: usize) -> Value {
    (0..count)
        .map(
            |number| json!({"id": format!("s{number}"), "module": "Misbehaving", "case": "sleeps"}),
        )
        .collect()
}

/// Starts the program for a test that closes one of its pipes before it has read its request.
fn start_with_pipes(run: &Run) -> Child {
    let mut command = run.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn feed(child: &mut Child, endpoints: &Value) {
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, endpoints.to_string().as_bytes()).expect("it reads");
}

fn wait_for_workers(running: &Running, count: usize) {
    running.wait_until("the workers start", |running| {
        (running.workers().len() == count).then_some(())
    });
}

fn ends_on(signal: Signal, code: i32) {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let running = Run::gather(&sleepers(3))
        .plugins(plugins.path())
        .args(["--outfile", "result.json"])
        .start();
    std::fs::write(running.home().join("result.json"), "as it was").expect("writable");
    wait_for_workers(&running, 3);
    running.signal(signal);
    // `finish` fails if a process is left.
    let outcome = running.finish();
    assert_eq!(outcome.code(), code, "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
    let left = std::fs::read_to_string(outcome.home().join("result.json")).expect("still there");
    assert_eq!(left, "as it was");
    assert_eq!(
        files_beside(outcome.home()),
        ["gatherer.log", "result.json"],
        "no temporary file stays"
    );
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

fn files_beside(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the run's folder is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[test]
fn sigterm_ends_the_workers_and_is_143() {
    ends_on(Signal::TERM, 143);
}

#[test]
fn sigint_ends_the_workers_and_is_130() {
    ends_on(Signal::INT, 130);
}

#[test]
fn sighup_ends_the_workers_and_is_129() {
    ends_on(Signal::HUP, 129);
}

#[test]
fn sigterm_ends_a_worker_that_ignores_it() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "ignores-sigterm"}]);
    let running = Run::gather(&endpoints).plugins(plugins.path()).start();
    wait_for_workers(&running, 1);
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn sigterm_while_nobody_reads_the_result_is_143() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--outfile", "fifo"]);
    let fifo = run.home().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).expect("a FIFO");
    let running = run.start();
    running.wait_until("the endpoint is done", |running| {
        running.log().contains("2 guests in").then_some(())
    });
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
}

#[test]
fn a_signal_is_not_overtaken_by_the_run_timeout() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "ignores-sigterm"}]);
    // The worker ignores what it is asked for two seconds, and the run's time ends meanwhile.
    let running =
        Run::gather(&endpoints).plugins(plugins.path()).args(["--run-timeout", "2"]).start();
    wait_for_workers(&running, 1);
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
}

#[test]
fn sigterm_while_stdin_is_read_is_143() {
    let run = Run::new().args(["--infile", "-"]);
    let mut child = run
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // Its stdin stays open: it takes this and waits for the rest of the request.
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, b"[").expect("it is there");
    let pid = rustix::process::Pid::from_child(&child);
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while rustix::io::ioctl_fionread(&stdin).expect("a pipe tells what it holds") > 0 {
        assert!(std::time::Instant::now() < until, "the program does not read its stdin");
        std::thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(pid, Signal::TERM).expect("it runs");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait().expect("it can be waited for")));
    let status = receiver.recv_timeout(Duration::from_secs(10));
    drop(stdin);
    let status = status.expect("SIGTERM ends a program that waits for its stdin");
    let code = status.code().or_else(|| {
        use std::os::unix::process::ExitStatusExt as _;
        Some(128 + status.signal()?)
    });
    assert_eq!(code, Some(143));
}

#[test]
fn the_workers_end_with_a_runner_that_is_killed() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let running = Run::gather(&sleepers(3)).plugins(plugins.path()).start();
    wait_for_workers(&running, 3);
    let mark = running.mark();
    running.signal(Signal::KILL);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 137);
    processes::assert_none_left(mark);
}

#[test]
fn a_stdout_that_was_closed_is_a_quiet_exit_0() {
    let plugins = PluginFolder::with(&["example"]);
    // More than a pipe holds, so that the writer meets the closed end.
    let endpoints: Value = (0..40)
        .map(|number| {
            json!({"id": format!("e{number:02}"), "module": "Example", "hostname": "h",
                "guests": "200"})
        })
        .collect();
    for format in ["gatherer", "inventory", "ndjson", "table"] {
        let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--format", format]);
        let mut child = start_with_pipes(&run);
        drop(child.stdout.take());
        feed(&mut child, &endpoints);
        let mut stderr = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{format}: {stderr}");
        assert!(!stderr.contains("panicked"), "{format}: {stderr}");
        assert!(!stderr.to_lowercase().contains("broken pipe"), "{format}: {stderr}");
    }
}

#[test]
fn a_closed_stderr_harms_nothing() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "bad", "module": "Misbehaving", "case": "abort"},
        {"id": "good", "module": "Example", "hostname": "h"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["-v", "-v"]);
    let mut child = start_with_pipes(&run);
    drop(child.stderr.take());
    feed(&mut child, &endpoints);
    let mut stdout = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut stdout).expect("readable");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let document = gatherer_tests::document::gatherer_document(&stdout);
    assert!(document["bad"].is_none() && document["good"].is_some());
}

#[test]
fn the_run_timeout_fails_what_is_not_finished_and_prints_the_rest() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let mut endpoints = vec![json!({"id": "good", "module": "Example", "hostname": "h"})];
    endpoints.extend(sleepers(2).as_array().cloned().expect("a list"));
    // With one job the last one is never started.
    let outcome = Run::gather(&json!(endpoints))
        .plugins(plugins.path())
        .args(["--run-timeout", "3", "--jobs", "2", "--format", "inventory"])
        .run();
    assert_eq!(outcome.endpoint("good")["status"], "complete", "{}", outcome.describe());
    for id in ["s0", "s1"] {
        assert_eq!(outcome.endpoint(id)["error"]["kind"], "timeout", "{}", outcome.describe());
    }
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn with_one_job_endpoints_run_one_after_another() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints: Value = (0..4)
        .map(|n| json!({"id": n, "module": "Example", "hostname": "h", "delay_ms": "300"}))
        .collect();
    let running = Run::gather(&endpoints).plugins(plugins.path()).args(["--jobs", "1"]).start();
    let mut most = 0;
    while std::path::Path::new(&format!("/proc/{}/exe", running.pid())).exists() {
        most = most.max(running.workers().len());
        std::thread::sleep(Duration::from_millis(10));
    }
    let outcome = running.finish();
    assert_eq!(outcome.document().len(), 4);
    assert_eq!(most, 1, "at most --jobs workers at a time");
    assert!(outcome.took >= Duration::from_millis(1200), "{:?}", outcome.took);
}

/// A pipe's end that takes nothing more, and the other one.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("ours");
    while std::io::Write::write(&mut writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("ours");
    (reader, writer)
}

#[test]
fn a_signal_ends_the_run_though_nobody_reads_stderr() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    for args in [&["--format", "gatherer"][..], &["--format", "ndjson", "--progress", "always"]] {
        let (_reader, stderr) = full_pipe();
        let run = Run::gather(&sleepers(1)).plugins(plugins.path()).args(args);
        let running = run.start_on(Stdio::piped(), stderr);
        wait_for_workers(&running, 1);
        running.signal(Signal::TERM);
        let outcome = running.finish();
        assert_eq!(outcome.code(), 143, "{}", outcome.describe());
        assert!(outcome.log.contains("ended by SIGTERM"), "{}", outcome.describe());
        assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
    }
}

#[test]
fn a_signal_ends_a_run_that_has_something_to_say_on_a_full_stderr() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let (_reader, stderr) = full_pipe();
    let endpoints = json!([
        {"id": "wrong", "module": "Misbehaving", "case": "refuses"},
        {"id": "s", "module": "Misbehaving", "case": "sleeps"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path());
    let running = run.args(["--outfile", "result.json"]).start_on(Stdio::piped(), stderr);
    running.wait_until("it has something to say", |running| {
        running.log().contains("Misbehaving failed").then_some(())
    });
    running.signal(Signal::INT);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 130, "{}", outcome.describe());
    assert!(outcome.log.contains("ended by SIGINT"), "{}", outcome.describe());
    assert_eq!(files_beside(outcome.home()), ["gatherer.log"]);
}

#[test]
fn a_signal_ends_a_run_whose_result_nobody_reads() {
    let plugins = PluginFolder::with(&["example"]);
    // More than a pipe holds.
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "guests": 3000}]);
    for format in ["gatherer", "inventory", "table"] {
        let (reader, stdout) = std::io::pipe().expect("a pipe");
        let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--format", format]);
        let running = run.start_on(stdout, Stdio::piped());
        running.wait_until("the pipe is full", |_| {
            let held = rustix::io::ioctl_fionread(&reader).expect("a pipe tells what it holds");
            (held >= 60 * 1024).then_some(())
        });
        running.signal(Signal::TERM);
        let outcome = running.finish();
        assert_eq!(outcome.code(), 143, "{format}: {}", outcome.describe());
        assert!(outcome.log.contains("ended by SIGTERM"), "{format}: {}", outcome.describe());
    }
}
