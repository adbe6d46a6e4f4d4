//! Ends that nobody planned, and results that are long: nothing is left behind, and memory does not
//! grow with what is printed.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use gatherer_tests::{Outcome, Run};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{cluster, container, inventory, matching, pod, sha};

/// So many images of one name, any of which so many containers may run.
fn many(images: usize, containers: usize) -> Run {
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
fn temporary(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder).expect("the run's folder is there");
    let is_temporary = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(".result.json.")
    };
    let found = entries.filter_map(Result::ok).filter(is_temporary);
    found.filter_map(|entry| Some(entry.metadata().ok()?.len())).collect()
}

fn assert_ended_by_sigterm(outcome: &Outcome) {
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    let sentence = "ended by SIGTERM before the whole result was printed";
    assert!(outcome.stderr.contains(sentence), "{}", outcome.describe());
    assert!(outcome.log.contains(sentence), "{}", outcome.describe());
}

#[test]
fn sigterm_while_the_outfile_is_written_leaves_the_old_one_and_no_other() {
    let run = many(40, 5000).args(["--outfile", "result.json"]);
    let result = run.home().join("result.json");
    std::fs::write(&result, "as it was").expect("writable");
    let running = run.start();
    running.wait_until("the result is written", |running| {
        temporary(running.home()).iter().any(|length| *length > 0).then_some(())
    });
    // Held, so that it does not end while it is looked at.
    running.signal(Signal::STOP);
    let kept = || std::fs::read_to_string(&result).expect("still there");
    assert_eq!(kept().len(), "as it was".len(), "it was written before it could be ended");
    running.signal(Signal::TERM);
    running.signal(Signal::CONT);
    let outcome = running.finish();
    assert_ended_by_sigterm(&outcome);
    assert_eq!(kept(), "as it was");
    assert!(temporary(outcome.home()).is_empty(), "no temporary file stays");
}

#[test]
fn sigterm_while_nobody_reads_the_result_is_143_and_said() {
    for format in ["json", "table"] {
        // More than a pipe holds.
        let run = many(10, 200).args(["--format", format]);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let running = run.start_on(writer, Stdio::piped());
        running.wait_until("the result is written", |_| {
            let waiting = rustix::io::ioctl_fionread(&reader).expect("a pipe tells what it holds");
            (waiting > 0).then_some(())
        });
        running.signal(Signal::TERM);
        assert_ended_by_sigterm(&running.finish());
    }
}

#[test]
fn a_result_takes_less_memory_than_it_is_long() {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let running = many(40, 5000).start_on(writer, Stdio::piped());
    let mut first = [0];
    reader.read_exact(&mut first).expect("a result");
    // All is found, and the rest of it waits for a reader.
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid()));
    let status = status.expect("it waits");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("there");
    let peak = peak.trim().strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok());
    let peak = peak.expect("a number of KiB") * 1024;
    let length = std::io::copy(&mut reader, &mut std::io::sink()).expect("readable");
    running.finish().expect_code(0);
    assert!(peak < length / 2, "{peak} bytes of memory for {length} bytes of result");
}
