//! Rounds of endpoints, and their events.

use std::io::BufRead as _;
use std::process::Stdio;
use std::time::Duration;

use gatherer_plugin_support::testing::{Action, ScriptedServer};
use gatherer_tests::event_consumer::known_of_inventory;
use gatherer_tests::{Run, Running};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{WatchFolder, document};

/// The types of the events of an endpoint, with their subjects.
pub fn types(folder: &WatchFolder, endpoint: &str) -> Vec<String> {
    let types = folder.consumer().types.into_iter().filter(|(_, of, _)| of == endpoint);
    types.map(|(kind, _, subject)| format!("{kind} {subject}").trim().to_owned()).collect()
}

pub fn one_round(folder: &WatchFolder) {
    folder.watch_to_file(&["--rounds", "1"]).run().expect_code(0);
}

/// The endpoint as a run without state sees it.
fn gathered(folder: &WatchFolder, endpoint: &str) -> Value {
    let run = Run::new().plugins(folder.plugins.path()).arg("--infile").arg(folder.path("in"));
    run.args(["--format", "inventory"]).run().endpoint(endpoint)
}

#[test]
fn the_first_round_is_a_snapshot_and_later_ones_are_changes() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h1", &["a", "b"]), ("h2", &[])]));
    one_round(&folder);
    let snapshot = [
        "endpoint.snapshot.begin",
        "host.created host/id-h1",
        "host.created host/id-h2",
        "guest.created guest/id-a",
        "guest.created guest/id-b",
        "endpoint.snapshot.end",
    ];
    assert_eq!(types(&folder, "e"), snapshot);
    one_round(&folder);
    folder.write("e.json", &document(&[("h1", &["a"]), ("h2", &["b"]), ("h3", &["c"])]));
    one_round(&folder);
    folder.write("e.json", &document(&[("h1", &["a"]), ("h2", &["b"])]));
    one_round(&folder);
    let later = [
        "endpoint.unchanged",
        "host.created host/id-h3",
        "guest.migrated guest/id-b",
        "guest.created guest/id-c",
        "host.deleted host/id-h3",
        "guest.deleted guest/id-c",
    ];
    assert_eq!(types(&folder, "e")[snapshot.len()..], later);
    assert_eq!(folder.consumer().endpoints["e"], known_of_inventory(&gathered(&folder, "e")));
}

#[test]
fn an_update_names_the_changed_members() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    let with = |cores: u32, name: &str| json!({"h": {"name": name, "hostIdentifier": "1", "vms": {}, "totalCpuCores": cores}});
    folder.write("e.json", &with(4, "one"));
    one_round(&folder);
    folder.write("e.json", &with(8, "two"));
    one_round(&folder);
    let events = folder.events_text();
    let update: Value =
        serde_json::from_str(events.lines().last().expect("an event")).expect("JSON");
    assert_eq!(update["type"], "io.github.virtual-host-gatherer.host.updated");
    assert_eq!(update["source"], "/virtual-host-gatherer/endpoints/e");
    assert_eq!((&update["round"], update.get("snapshot")), (&json!(2), None));
    let members = json!([
        {"path": "/cpu/cores", "before": 4, "after": 8},
        {"path": "/name", "before": "one", "after": "two"},
    ]);
    assert_eq!(update["data"]["members"], members, "{update:#}");
}

#[test]
fn a_failed_endpoint_deletes_nothing_and_its_recovery_is_announced() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h1", &["a"])]));
    one_round(&folder);
    folder.write("e.json", &json!("not a document"));
    one_round(&folder);
    one_round(&folder);
    let known = folder.consumer().endpoints.remove("e").expect("known");
    assert!(known.fails);
    assert_eq!(known.objects.len(), 2);
    folder.write("e.json", &document(&[("h1", &["a"])]));
    one_round(&folder);
    assert_eq!(types(&folder, "e")[4..], ["endpoint.failed", "endpoint.recovered"]);
    folder.write("e.json", &document(&[("h1", &[])]));
    one_round(&folder);
    assert_eq!(types(&folder, "e")[6..], ["guest.deleted guest/id-a"]);
}

#[test]
fn a_mistake_in_an_entry_fails_only_that_endpoint() {
    let folder = WatchFolder::new();
    let url = folder.path("e.json");
    folder.write(
        "in",
        &json!([{"id": "e", "module": "File", "url": url}, {"id": "bad", "module": "Fil"}]),
    );
    folder.write("e.json", &document(&[("h1", &[])]));
    folder.watch_to_file(&["--rounds", "1", "--fail-on", "any"]).run().expect_code(1);
    let consumer = folder.consumer();
    assert!(consumer.endpoints["bad"].fails && !consumer.endpoints["e"].fails);
}

#[test]
fn an_endpoint_without_an_id_is_not_watched() {
    let folder = WatchFolder::new();
    let url = folder.path("e.json");
    let without_usable_id = json!([
        {"module": "File", "url": url},
        {"module": "File"},
        {"id": {}, "module": "File", "url": url},
    ]);
    folder.write("in", &without_usable_id);
    let outcome = folder.watch_to_file(&["--rounds", "1"]).run().expect_code(0);
    assert_eq!(outcome.stderr.matches("is not watched").count(), 3, "{}", outcome.describe());
    assert_eq!(folder.events_text(), "");
}

#[test]
fn an_infile_that_becomes_a_pipe_is_not_read_again() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h", &["a"])]));
    let running = folder.watch_to_file(&["--interval", "600"]).start();
    wait_for(&running, &folder, "e", "endpoint.snapshot.end");
    std::fs::remove_file(folder.path("in")).expect("it exists");
    let fifo = folder.path("in");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).expect("a FIFO");
    running.signal(Signal::HUP);
    running.wait_until("a warning", |running| running.log().contains("a pipe").then_some(()));
    running.signal(Signal::TERM);
    running.finish().expect_code(0);
}

/// Waits until the endpoint has had this event.
pub fn wait_for(running: &Running, folder: &WatchFolder, endpoint: &str, event: &str) {
    running.wait_until(event, |_| {
        let text = folder.events_text();
        // The last line may be incomplete while it is written.
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        let consumer = gatherer_tests::event_consumer::EventConsumer::of_lines(whole);
        let is_it = |(kind, of, _): &(String, String, String)| kind == event && of == endpoint;
        consumer.types.iter().any(is_it).then_some(())
    });
}

#[test]
fn the_infile_is_read_again_when_it_changes_and_on_sighup() {
    let folder = WatchFolder::new();
    folder.write_infile(&["one", "two"]);
    for name in ["one", "two", "three"] {
        folder.write(&format!("{name}.json"), &document(&[("h", &["g"])]));
    }
    let running = folder.watch_to_file(&["--interval", "600"]).start();
    wait_for(&running, &folder, "one", "endpoint.snapshot.end");
    wait_for(&running, &folder, "two", "endpoint.snapshot.end");
    folder.write_infile(&["two", "three"]);
    wait_for(&running, &folder, "three", "endpoint.snapshot.end");
    wait_for(&running, &folder, "one", "endpoint.removed");
    // A broken infile changes nothing.
    std::fs::write(folder.path("in"), "[{").expect("writable");
    running.wait_until("an error", |running| {
        running.log().contains("the endpoints stay as they were").then_some(())
    });
    folder.write_infile(&["one", "two", "three"]);
    running.signal(Signal::HUP);
    wait_for(&running, &folder, "one", "endpoint.unchanged");
    running.signal(Signal::TERM);
    let outcome = running.finish().expect_code(0);
    assert_eq!(folder.consumer().endpoints["one"].objects.len(), 2, "{}", outcome.describe());
    let errors = outcome.log.matches("the endpoints stay as they were").count();
    assert_eq!(errors, 1, "{}", outcome.describe());
}

#[test]
fn an_endpoint_that_the_infile_lost_while_nothing_ran_is_announced_once() {
    let folder = WatchFolder::new();
    folder.write_infile(&["one", "two"]);
    folder.write("one.json", &document(&[("h", &[])]));
    folder.write("two.json", &document(&[("h", &[])]));
    one_round(&folder);
    folder.write_infile(&["two"]);
    one_round(&folder);
    one_round(&folder);
    assert_eq!(types(&folder, "one")[3..], ["endpoint.removed"]);
    // The endpoints that --only leaves out were not removed.
    folder.watch_to_file(&["--rounds", "1", "--only", "two"]).run().expect_code(0);
    assert_eq!(types(&folder, "two").len(), 6);
}

#[test]
fn each_endpoint_has_its_own_interval_and_a_slow_one_delays_none() {
    let folder = WatchFolder::new();
    let slow = ScriptedServer::http(|_| Action::BlackHole);
    folder.write("quick.json", &document(&[("h", &[])]));
    folder.write("rare.json", &document(&[("h", &[])]));
    folder.write(
        "in",
        &json!([
            {"id": "quick", "module": "File", "url": folder.path("quick.json"), "interval": 0.05},
            {"id": "rare", "module": "File", "url": folder.path("rare.json")},
            {"id": "slow", "module": "File", "url": slow.url("/"), "interval": "0.05"},
        ]),
    );
    let running = folder.watch_to_file(&["--interval", "3600"]).start();
    running.wait_until("ten rounds", |_| {
        (folder.events_text().matches("endpoint.unchanged").count() >= 10).then_some(())
    });
    running.signal(Signal::INT);
    running.finish().expect_code(0);
    let unchanged =
        |id: &str| types(&folder, id).iter().filter(|kind| *kind == "endpoint.unchanged").count();
    assert!(unchanged("quick") >= 10);
    assert_eq!(unchanged("rare"), 0);
    // It was asked once, and has not answered.
    assert_eq!((slow.received().len(), types(&folder, "slow").len()), (1, 0));
}

#[test]
fn the_end_does_not_announce_failures_of_workers_that_it_stopped() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h", &[])]));
    let running = folder.watch_to_file(&["--interval", "0.01"]).start();
    wait_for(&running, &folder, "e", "endpoint.unchanged");
    running.signal(Signal::TERM);
    let outcome = running.finish().expect_code(0);
    assert!(outcome.took < Duration::from_secs(30));
    assert!(!types(&folder, "e").iter().any(|kind| kind == "endpoint.failed"));
}

#[test]
fn two_watches_do_not_share_a_state_folder() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h", &[])]));
    let running = folder.watch_to_file(&["--interval", "600"]).start();
    wait_for(&running, &folder, "e", "endpoint.snapshot.end");
    let second = folder.watch(&["--rounds", "1"]).run().expect_code(3);
    assert!(second.stderr.contains("another `watch`"), "{}", second.describe());
    running.signal(Signal::TERM);
    running.finish().expect_code(0);
}

#[test]
fn events_go_to_standard_output_by_default() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h", &[])]));
    let outcome = folder.watch(&["--rounds", "1"]).run().expect_code(0);
    assert_eq!(outcome.stdout_text().lines().count(), 3, "{}", outcome.describe());
}

#[test]
fn a_reader_of_standard_output_that_goes_ends_the_program() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h", &["a"])]));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let running = folder.watch(&["--interval", "0.1"]).start_on(writer, Stdio::null());
    let mut line = String::new();
    std::io::BufReader::new(reader).read_line(&mut line).expect("an event");
    running.finish().expect_code(0);
}

#[test]
fn module_file_reads_the_kept_answer() {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h1", &["a", "b"]), ("h2", &[])]));
    one_round(&folder);
    let expected = gathered(&folder, "e");
    let kept = folder.path("state/endpoints/e.json");
    let read = Run::gather(&json!([{"id": "e", "module": "File", "url": kept}]));
    let read = read.plugins(folder.plugins.path()).args(["--format", "inventory"]).run();
    assert_eq!(read.endpoint("e")["hosts"], expected["hosts"]);
}

#[test]
fn the_guard_keeps_what_a_suspicious_answer_lacks() {
    let folder = WatchFolder::new();
    let url = folder.path("e.json");
    folder.write("in", &json!([{"id": "e", "module": "File", "url": url, "max_lost": "50%"}]));
    folder.write("e.json", &document(&[("h1", &["a", "b", "c"])]));
    one_round(&folder);
    folder.write("e.json", &document(&[("h1", &[])]));
    one_round(&folder);
    let known = folder.consumer().endpoints.remove("e").expect("known");
    assert!(known.fails);
    assert_eq!(known.objects.len(), 4);
    let failed = folder.events_text();
    assert!(
        failed.lines().last().expect("an event").contains("\"kind\":\"suspicious\""),
        "{failed}"
    );
    let accept = Run::new().args(["guard", "accept", "e", "--state"]).arg(folder.path("state"));
    accept.run().expect_code(0);
    one_round(&folder);
    let known = folder.consumer().endpoints.remove("e").expect("known");
    assert_eq!((known.fails, known.objects.len()), (false, 1));
}
