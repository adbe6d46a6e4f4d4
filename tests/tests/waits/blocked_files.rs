//! Input that does not end, and FIFOs without a reader or a writer.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::json;

/// Runs with a stdin that has a few bytes and stays open. Returns the exit code and stderr.
fn run_with_open_stdin(run: &Run, bytes: &[u8]) -> (i32, String) {
    let mut command = run.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = KilledOnDrop(command.spawn().expect("the program starts"));
    let mut stdin = child.0.stdin.take().expect("a pipe");
    stdin.write_all(bytes).expect("the program is running");
    let mut stderr = String::new();
    child.0.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    let status = child.0.wait().expect("the program ends");
    drop(stdin);
    (status.code().unwrap_or(-1), stderr)
}

/// A process that is killed when this is dropped.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_run_timeout_covers_a_stdin_that_does_not_end() {
    for bytes in [&b""[..], b"[{\"id\": \"a\","] {
        let run = Run::new().args(["--infile", "-", "--run-timeout", "1"]);
        let (code, stderr) = run_with_open_stdin(&run, bytes);
        assert_eq!(code, 3, "{stderr}");
        assert_message!("stdin", stderr);
    }
}

/// Creates a FIFO in the run's folder.
fn fifo(run: &Run, name: &str) -> PathBuf {
    let path = run.home().join(name);
    mkfifoat(CWD, &path, Mode::RWXU).expect("a FIFO");
    path
}

/// The message of a run that timed out before it printed anything.
#[track_caller]
fn timeout_message(outcome: &Outcome) -> &str {
    assert_eq!(outcome.code(), 3, "{}", outcome.describe());
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
    &outcome.stderr
}

#[test]
fn the_run_timeout_covers_a_fifo_without_a_writer() {
    let plugins = PluginFolder::with(&["example"]);
    let limit = ["--run-timeout", "1"];

    let run = Run::new().args(["--infile", "fifo"]).args(limit).plugins(plugins.path());
    fifo(&run, "fifo");
    assert_message!("infile", timeout_message(&run.run()));

    let run = Run::new().args(["match-images", "--infile", "-", "--images", "fifo"]).args(limit);
    fifo(&run, "fifo");
    assert_message!("images", timeout_message(&run.run()));

    let run = Run::new().args(["match-images", "--images", "images", "--inventory", "fifo"]);
    let run = run.args(limit);
    fifo(&run, "fifo");
    std::fs::write(run.home().join("images"), "[]").expect("writable");
    assert_message!("inventory", timeout_message(&run.run()));
}

#[test]
fn the_run_timeout_covers_an_outfile_without_a_reader() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    for format in ["gatherer", "ndjson"] {
        let run = Run::gather(&endpoints).plugins(plugins.path());
        let run = run.args(["--outfile", "fifo", "--run-timeout", "1", "--format", format]);
        fifo(&run, "fifo");
        let outcome = run.run();
        assert_eq!(outcome.code(), 5, "{format}: {}", outcome.describe());
        assert!(outcome.stderr.contains("FIFO"), "{}", outcome.describe());
    }
}

#[test]
fn an_outfile_that_is_a_fifo_may_be_opened_late() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "guests": "5000"}]);
    let run = Run::gather(&endpoints).plugins(plugins.path());
    let run = run.args(["--outfile", "fifo", "--run-timeout", "60"]);
    let path = fifo(&run, "fifo");
    let running = run.start();
    running.wait_until("the endpoint is done", |running| {
        running.log().contains("5000 guests in").then_some(())
    });
    let result = std::fs::read(path).expect("readable");
    let outcome = running.finish().expect_code(0);
    let document = gatherer_tests::document::gatherer_document(&result);
    assert!(document["e"].is_some(), "{}", outcome.describe());
}

#[test]
fn an_infile_that_is_a_fifo_is_read_until_its_writer_closes_it() {
    let plugins = PluginFolder::with(&["example"]);
    let run = Run::new().args(["--infile", "fifo"]).plugins(plugins.path());
    let path = fifo(&run, "fifo");
    let running = run.start();
    // Opening a FIFO for writing blocks until a reader opens it.
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]).to_string();
    let (first, second) = endpoints.as_bytes().split_at(10);
    let mut writer = open_for_writing(&path);
    writer.write_all(first).expect("the program reads");
    writer.write_all(second).expect("the program reads");
    drop(writer);
    let outcome = running.finish();
    assert!(outcome.document()["e"].is_some(), "{}", outcome.describe());
}

/// Opens a FIFO for writing. Panics if no reader opens it within 20 s.
fn open_for_writing(path: &Path) -> std::fs::File {
    let (sender, opened) = std::sync::mpsc::channel();
    let path = path.to_owned();
    std::thread::spawn(move || sender.send(std::fs::File::options().write(true).open(path)));
    let opened = opened.recv_timeout(Duration::from_secs(20)).expect("the program opens the FIFO");
    opened.expect("the FIFO can be opened for writing")
}
