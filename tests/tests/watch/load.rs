//! Many rounds of many endpoints: no event is missing, and the memory does not grow.
//!
//! By default few, so that the test is short. `GATHERER_TEST_WATCH=1000x50` is 1,000 endpoints with 50 rounds each; the test prints
//! its figures.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{WatchFolder, replace};

/// The variable with the numbers of endpoints and rounds.
const LOAD: &str = "GATHERER_TEST_WATCH";

/// One in this many endpoints changes in each round.
const CHANGED: usize = 100;

/// A document with 20 guests, of which one has this state.
fn document(version: usize) -> Value {
    let guests: serde_json::Map<_, _> =
        (0..20).map(|guest| (format!("g{guest}"), json!(format!("id-{guest}")))).collect();
    let state = ["running", "stopped"][version % 2];
    json!({"h": {"name": "h", "hostIdentifier": "h", "vms": guests,
        "optionalVmData": {"g7": {"vmState": state}}}})
}

/// The resident memory of a process in KiB.
fn memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn memory_does_not_grow_with_the_rounds_and_no_change_is_missed() {
    let load = std::env::var(LOAD).unwrap_or_else(|_| "10x30".to_owned());
    let (endpoints, rounds) =
        load.split_once('x').expect("a number of endpoints, x, and of rounds");
    let endpoints: usize = endpoints.parse().expect("a number");
    let rounds: usize = rounds.parse().expect("a number");
    let folder = WatchFolder::new();
    let names: Vec<_> = (0..endpoints).map(|number| format!("e{number}")).collect();
    folder.write_infile(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut versions = vec![0; endpoints];
    for name in &names {
        folder.write(&format!("{name}.json"), &document(0));
    }
    let limit = Duration::from_secs(60 + (endpoints * rounds) as u64 / 10);
    let rounds_text = rounds.to_string();
    let arguments = ["--interval", "0.01", "--jobs", "4", "--rounds", &rounds_text];
    let started = Instant::now();
    let running = folder.watch_to_file(&arguments).within(limit).start();
    let (mut early, mut late, mut last_round, mut changes) = (0, 0, 0, 0);
    let mut next = 0;
    // Each endpoint has one event in a round in which nothing changes, so the length of the file says how far it is.
    let snapshot = endpoints * 23;
    let mut events = 0;
    let mut file =
        running.wait_until("events", |_| std::fs::File::open(folder.path("events")).ok());
    while let Some(now) = memory(running.pid()) {
        let mut new = Vec::new();
        file.read_to_end(&mut new).expect("readable");
        events += String::from_utf8_lossy(&new).matches('\n').count();
        let done = events.saturating_sub(snapshot) / endpoints;
        if done * 5 < rounds {
            early = early.max(now);
        } else if done * 5 >= rounds * 4 {
            late = late.max(now);
        }
        // The changes of the last round may be too late to be seen.
        if done > last_round && done + 2 < rounds {
            last_round = done;
            for _ in 0..endpoints.div_ceil(CHANGED) {
                let index = next % endpoints;
                next += 1;
                versions[index] += 1;
                replace(
                    &folder.path(&format!("{}.json", names[index])),
                    &document(versions[index]),
                );
                changes += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    running.finish().expect_code(0);
    let seconds = started.elapsed().as_secs_f64();
    folder.watch_to_file(&["--rounds", "1"]).within(limit).run().expect_code(0);
    let consumer = folder.consumer();
    for (name, version) in names.iter().zip(&versions) {
        let objects = &consumer.endpoints[name].objects;
        let key = ("guest".to_owned(), "id-7".to_owned(), "g7".to_owned());
        let expected = ["running", "stopped"][version % 2];
        assert_eq!(objects[&key].0["state"], expected, "{name}");
    }
    let updates = consumer.types.iter().filter(|(kind, ..)| kind == "guest.updated").count();
    eprintln!(
        "{endpoints} endpoints, {rounds} rounds: {} events, {changes} changes, {updates} updates, {seconds:.0} s, \
         {early} KiB early, {late} KiB late",
        consumer.types.len()
    );
    assert!(late < early + early / 4 + 2048, "{early} KiB early, {late} KiB late");
}
