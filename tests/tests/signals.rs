//! Unplanned ends of a run: signals, closed pipes and timeouts. They leave no processes and no partial files.

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

/// Starts the program with pipes, of which the test closes one before the program has read its request.
fn start_with_pipes(run: &Run) -> Child {
    let mut command = run.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn feed(child: &mut Child, endpoints: &Value) {
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, endpoints.to_string().as_bytes()).expect("read");
}

fn wait_for_workers(running: &Running, count: usize) {
    running.wait_until("the workers start", |running| {
        (running.workers().len() == count).then_some(())
    });
}

/// Checks that the signal ends the run with this exit code, its workers, and leaves the outfile unchanged.
fn assert_ends_on(signal: Signal, code: i32) {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let running = Run::gather(&sleepers(3))
        .plugins(plugins.path())
        .args(["--outfile", "result.json"])
        .start();
    std::fs::write(running.home().join("result.json"), "old result").expect("writable");
    wait_for_workers(&running, 3);
    running.signal(signal);
    // `finish` fails if a process is left.
    let outcome = running.finish();
    assert_eq!(outcome.code(), code, "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
    let result = std::fs::read_to_string(outcome.home().join("result.json")).expect("readable");
    assert_eq!(result, "old result");
    assert_eq!(
        files_in(outcome.home()),
        ["gatherer.log", "result.json"],
        "a temporary file is left"
    );
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

/// The sorted names of the files in a folder.
fn files_in(folder: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the run's folder exists")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[test]
fn sigterm_ends_the_workers_with_exit_143() {
    assert_ends_on(Signal::TERM, 143);
}

#[test]
fn sigint_ends_the_workers_with_exit_130() {
    assert_ends_on(Signal::INT, 130);
}

#[test]
fn sighup_ends_the_workers_with_exit_129() {
    assert_ends_on(Signal::HUP, 129);
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
fn sigterm_ends_a_run_whose_outfile_has_no_reader() {
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
fn a_run_timeout_after_a_signal_does_not_change_the_exit_code() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "ignores-sigterm"}]);
    // The worker ignores SIGTERM until it is killed after two seconds; meanwhile the run times out.
    let running =
        Run::gather(&endpoints).plugins(plugins.path()).args(["--run-timeout", "2"]).start();
    wait_for_workers(&running, 1);
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
}

#[test]
fn sigterm_ends_a_run_that_reads_its_stdin() {
    let run = Run::new().args(["--infile", "-"]);
    let mut child = run
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // stdin stays open, so the program reads this and waits for the rest of the request.
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, b"[").expect("the program is running");
    let pid = rustix::process::Pid::from_child(&child);
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while rustix::io::ioctl_fionread(&stdin).expect("FIONREAD works for pipes") > 0 {
        assert!(std::time::Instant::now() < until, "the program does not read its stdin");
        std::thread::sleep(Duration::from_millis(5));
    }
    rustix::process::kill_process(pid, Signal::TERM).expect("the program is running");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait().expect("a child can be waited for")));
    let status = receiver.recv_timeout(Duration::from_secs(10));
    drop(stdin);
    let status = status.expect("the program ends within 10 s");
    let code = status.code().or_else(|| {
        use std::os::unix::process::ExitStatusExt as _;
        Some(128 + status.signal()?)
    });
    assert_eq!(code, Some(143));
}

#[test]
fn the_workers_end_if_the_runner_is_killed() {
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
fn a_closed_stdout_is_exit_0_without_an_error() {
    let plugins = PluginFolder::with(&["example"]);
    // The result is larger than a pipe's buffer, so a write fails.
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
        let status = child.wait().expect("the program ends");
        assert_eq!(status.code(), Some(0), "{format}: {stderr}");
        assert!(!stderr.contains("panicked"), "{format}: {stderr}");
        assert!(!stderr.to_lowercase().contains("broken pipe"), "{format}: {stderr}");
    }
}

#[test]
fn a_closed_stderr_does_not_affect_the_result() {
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
    assert_eq!(child.wait().expect("the program ends").code(), Some(0));
    let document = gatherer_tests::document::gatherer_document(&stdout);
    assert!(document["bad"].is_none() && document["good"].is_some());
}

#[test]
fn the_run_timeout_fails_unfinished_endpoints_and_prints_the_others() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let mut endpoints = vec![json!({"id": "good", "module": "Example", "hostname": "h"})];
    endpoints.extend(sleepers(2).as_array().cloned().expect("a list"));
    // With two jobs the last endpoint starts only after the first one is finished.
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
fn one_job_runs_the_endpoints_one_after_another() {
    if !rustix::process::geteuid().is_root() {
        gatherer_tests::skip!("only root can see when the runner ends");
    }
    let plugins = PluginFolder::with(&["example"]);
    let endpoints: Value = (0..4)
        .map(|n| json!({"id": n, "module": "Example", "hostname": "h", "delay_ms": "300"}))
        .collect();
    let running = Run::gather(&endpoints).plugins(plugins.path()).args(["--jobs", "1"]).start();
    let mut most_workers = 0;
    while std::path::Path::new(&format!("/proc/{}/exe", running.pid())).exists() {
        most_workers = most_workers.max(running.workers().len());
        std::thread::sleep(Duration::from_millis(10));
    }
    let outcome = running.finish();
    assert_eq!(outcome.document().len(), 4);
    assert_eq!(most_workers, 1, "the most workers at the same time");
    assert!(outcome.took >= Duration::from_millis(1200), "{:?}", outcome.took);
}

/// A pipe with a full buffer.
fn full_pipe() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("FIONBIO works for pipes");
    while std::io::Write::write(&mut writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("FIONBIO works for pipes");
    (reader, writer)
}

#[test]
fn a_signal_ends_the_run_even_if_stderr_is_full() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    for args in [&["--format", "gatherer"][..], &["--format", "ndjson", "--progress", "always"]] {
        let (_reader, stderr) = full_pipe();
        let run = Run::gather(&sleepers(1)).plugins(plugins.path()).args(args);
        let running = run.start_on(Stdio::piped(), stderr);
        wait_for_workers(&running, 1);
        running.signal(Signal::TERM);
        let outcome = running.finish();
        assert_eq!(outcome.code(), 143, "{}", outcome.describe());
        assert!(outcome.log.contains("SIGTERM"), "{}", outcome.describe());
        assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
    }
}

#[test]
fn a_signal_ends_a_run_that_writes_to_a_full_stderr() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let (_reader, stderr) = full_pipe();
    let endpoints = json!([
        {"id": "wrong", "module": "Misbehaving", "case": "refuses"},
        {"id": "s", "module": "Misbehaving", "case": "sleeps"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path());
    let running = run.args(["--outfile", "result.json"]).start_on(Stdio::piped(), stderr);
    running.wait_until("the failure is logged", |running| {
        running.log().contains("Misbehaving failed").then_some(())
    });
    running.signal(Signal::INT);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 130, "{}", outcome.describe());
    assert!(outcome.log.contains("SIGINT"), "{}", outcome.describe());
    assert_eq!(files_in(outcome.home()), ["gatherer.log"]);
}

#[test]
fn a_signal_ends_a_run_whose_stdout_is_full() {
    let plugins = PluginFolder::with(&["example"]);
    // The result is larger than a pipe's buffer.
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "guests": 3000}]);
    for format in ["gatherer", "inventory", "table"] {
        let (reader, stdout) = std::io::pipe().expect("a pipe");
        let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--format", format]);
        let running = run.start_on(stdout, Stdio::piped());
        running.wait_until("the pipe is full", |_| {
            let bytes = rustix::io::ioctl_fionread(&reader).expect("FIONREAD works for pipes");
            (bytes >= 60 * 1024).then_some(())
        });
        running.signal(Signal::TERM);
        let outcome = running.finish();
        assert_eq!(outcome.code(), 143, "{format}: {}", outcome.describe());
        assert!(outcome.log.contains("SIGTERM"), "{format}: {}", outcome.describe());
    }
}
