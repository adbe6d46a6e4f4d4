//! Signals and long results: no temporary file remains, and memory does not grow with the output.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use gatherer_tests::{Outcome, Run, assert_message};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{cluster, container, inventory, matching, pod, sha};

/// A run with this number of images of one name, and of containers that may run any of them.
fn large_match(images: usize, containers: usize) -> Run {
    let images: Value =
        (1..=images).map(|revision| json!({"name": "web:1", "revision": revision})).collect();
    let web = container("web", "web:1", &format!("web@{}", sha("d1")));
    let pods: Vec<_> = (0..containers)
        .map(|number| {
            pod("shop", &format!("web-{number:06}"), "node-1", std::slice::from_ref(&web))
        })
        .collect();
    matching(&images, &inventory(&[cluster("west", &pods)]))
}

/// The lengths of the temporary files in a folder.
fn temporary_files(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder).expect("the folder of the run");
    let is_temporary = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(".result.json.")
    };
    let found = entries.filter_map(Result::ok).filter(is_temporary);
    found.filter_map(|entry| Some(entry.metadata().ok()?.len())).collect()
}

/// Asserts that SIGTERM ended the run, and that both stderr and the log report it.
fn assert_ended_by_sigterm(outcome: &Outcome) {
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    let message = outcome.stderr.lines().find(|line| line.contains("SIGTERM"));
    let message = message.unwrap_or_else(|| panic!("{}", outcome.describe()));
    assert!(outcome.log.contains("SIGTERM"), "{}", outcome.describe());
    assert_message!("ended_by_sigterm", message);
}

#[test]
fn sigterm_keeps_the_old_outfile_and_leaves_no_temporary_file() {
    let run = large_match(40, 5000).args(["--outfile", "result.json"]);
    let result = run.home().join("result.json");
    std::fs::write(&result, "old result").expect("writable");
    let running = run.start();
    running.wait_until("the result is written", |running| {
        temporary_files(running.home()).iter().any(|length| *length > 0).then_some(())
    });
    // Stopped, so that it cannot finish before the signal.
    running.signal(Signal::STOP);
    let kept = || std::fs::read_to_string(&result).expect("the old file");
    assert_eq!(kept().len(), "old result".len(), "the result was complete before the signal");
    running.signal(Signal::TERM);
    running.signal(Signal::CONT);
    let outcome = running.finish();
    assert_ended_by_sigterm(&outcome);
    assert_eq!(kept(), "old result");
    assert!(temporary_files(outcome.home()).is_empty(), "a temporary file remains");
}

#[test]
fn sigterm_ends_a_run_whose_output_is_not_read() {
    for format in ["json", "table"] {
        // The result is longer than the buffer of a pipe.
        let run = large_match(10, 200).args(["--format", format]);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let running = run.start_on(writer, Stdio::piped());
        running.wait_until("the result is written", |_| {
            let waiting =
                rustix::io::ioctl_fionread(&reader).expect("the number of bytes in the pipe");
            (waiting > 0).then_some(())
        });
        running.signal(Signal::TERM);
        assert_ended_by_sigterm(&running.finish());
    }
}

#[test]
fn a_result_needs_less_memory_than_its_length() {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let running = large_match(40, 5000).start_on(writer, Stdio::piped());
    let mut first = [0];
    reader.read_exact(&mut first).expect("a result");
    // The matching is done, and the rest of the output waits for the reader.
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid()));
    let status = status.expect("the status of the waiting process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    let peak = peak.trim().strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok());
    let peak = peak.expect("a number of KiB") * 1024;
    let length = std::io::copy(&mut reader, &mut std::io::sink()).expect("readable");
    running.finish().expect_code(0);
    assert!(peak < length / 2, "{peak} bytes of memory for {length} bytes of result");
}
