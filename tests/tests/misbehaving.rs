//! A plugin that breaks the contract fails only its own endpoint. Each case runs together with two good
//! endpoints, whose part of the result must be the same, byte for byte, as in a run without the case.

use std::time::Duration;

use gatherer_tests::document::endpoint_bytes;
use gatherer_tests::{
    Failure, Outcome, PluginFolder, Run, assert_message, inventory_endpoint, processes,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// The expected result of the bad endpoint.
enum Expected {
    /// It is complete, since the fault is harmless.
    Complete,
    /// It failed with one of these kinds. The message differs from run to run.
    Failed(&'static [&'static str]),
    /// It failed with this kind, and with the message of the snapshot.
    FailedWith(&'static str),
    /// It crashed, and the message has this text.
    Crashed(&'static str),
}

use Expected::{Complete, Crashed, Failed, FailedWith};

fn good(id: &str, name: &str) -> Value {
    json!({"id": id, "module": "Example", "hostname": name, "guests": "3"})
}

fn gather(bad: Option<Value>, plugins: &PluginFolder, format: &str) -> Run {
    let mut endpoints = vec![good("a-good", "kvm1"), good("z-good", "kvm2")];
    endpoints.extend(bad);
    Run::gather(&json!(endpoints)).plugins(plugins.path()).args(["--format", format])
}

/// The outcome of one case in both formats, and the bad endpoint in the inventory format.
struct Both {
    gatherer: Outcome,
    inventory: Outcome,
    bad: Value,
}

/// Runs a case together with two good endpoints and checks the rules of every case.
fn run_case(case: &str, timeout: u32, expected: &Expected, more: &[&str]) -> Both {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({
        "id": "m-bad", "module": "Misbehaving", "case": case, "timeout": timeout.to_string(),
    });
    let without = gather(None, &plugins, "gatherer").run();
    assert_eq!(without.document().len(), 2);

    let gatherer = gather(Some(bad.clone()), &plugins, "gatherer").args(more).start();
    let inventory = gather(Some(bad), &plugins, "inventory").args(more).start();
    let (gatherer, inventory) = (gatherer.finish(), inventory.finish());

    let document = gatherer.document();
    assert_eq!(document.len(), 3, "{}", gatherer.describe());
    for id in ["a-good", "z-good"] {
        assert_eq!(
            endpoint_bytes(&gatherer.stdout, id),
            endpoint_bytes(&without.stdout, id),
            "{id} together with {case}"
        );
    }

    let inventory_document = inventory.inventory();
    for id in ["a-good", "z-good"] {
        assert_eq!(inventory_endpoint(&inventory_document, id)["status"], "complete", "{id}");
    }
    let bad = inventory_endpoint(&inventory_document, "m-bad");
    let is_failed = !matches!(expected, Complete);
    assert_eq!(bad["status"], if is_failed { "failed" } else { "complete" }, "{bad:#}");
    assert_eq!(document["m-bad"].is_none(), is_failed, "{}", gatherer.describe());
    if is_failed {
        let failure = Failure::of(&bad["error"]);
        match expected {
            Complete => {}
            Failed(kinds) => assert!(kinds.contains(&failure.kind.as_str()), "{failure}"),
            FailedWith(kind) => {
                assert_eq!(failure.kind, *kind, "{failure}");
                // How many records had arrived differs from run to run.
                let message = failure.message.split("; ").next().unwrap_or_default();
                assert!(gatherer.log.contains(message), "{}", gatherer.describe());
                assert_message!(case, failure);
            }
            Crashed(text) => {
                assert_eq!(failure.kind, "crashed", "{failure}");
                assert!(failure.message.contains(text), "{failure}");
            }
        }
        assert!(!failure.message.is_empty() && !failure.message.contains('\n'), "{failure}");
        // The log has a line that names the endpoint.
        assert!(gatherer.log.contains("m-bad"), "{}", gatherer.describe());
    }
    // No control character that a plugin prints reaches the log or stderr.
    for text in [&gatherer.log, &gatherer.stderr, &inventory.log] {
        assert!(
            !text.chars().any(|c| c.is_control() && c != '\n'),
            "control characters in {:?}",
            text.lines().find(|line| line.chars().any(char::is_control))
        );
    }
    assert!(gatherer.log.len() < 40 * 1024 * 1024, "the log grew to {}", gatherer.log.len());
    Both { gatherer, inventory, bad }
}

macro_rules! cases {
    ($($name:ident: $case:literal within $timeout:literal => $expected:expr;)+) => {
        $(
            #[test]
            fn $name() {
                run_case($case, $timeout, &$expected, &[]);
            }
        )+
    };
}

cases! {
    a_plugin_that_behaves_is_complete: "behaves" within 30 => Complete;
    a_typed_error_keeps_its_kind_and_hint: "refuses" within 30 => FailedWith("authentication");

    half_a_list_after_a_deadline_is_failed: "stops-when-cancelled" within 1 =>
        FailedWith("timeout");
    half_a_list_after_a_refused_record_is_failed: "stops-when-refused" within 1 =>
        FailedWith("timeout");
    a_list_that_lost_a_record_is_failed: "loses-a-record" within 30 => FailedWith("protocol");

    a_panic_is_internal: "panic" within 30 => FailedWith("internal");
    a_panic_in_a_thread_is_internal: "panic-in-thread" within 30 => Failed(&["internal"]);
    an_abort_is_crashed: "abort" within 30 => Crashed("SIGABRT");
    a_segfault_is_crashed: "segfault" within 30 => Crashed("SIGSEGV");
    a_stack_overflow_is_crashed: "stack-overflow" within 30 => Crashed("SIG");
    exit_0_in_the_middle_is_crashed: "exit-0" within 30 => Failed(&["crashed"]);
    exit_7_in_the_middle_is_crashed: "exit-7" within 30 => FailedWith("crashed");
    exit_without_done_is_crashed: "exit-silently" within 30 => Failed(&["crashed"]);

    an_endless_loop_is_timeout: "endless-loop" within 1 => FailedWith("timeout");
    sleeping_until_cancelled_is_timeout: "sleeps" within 1 => Failed(&["timeout"]);
    ignoring_sigterm_is_timeout: "ignores-sigterm" within 1 => Failed(&["timeout"]);
    endless_records_end: "endless-records" within 2 => Failed(&["timeout", "protocol"]);
    an_endless_log_ends: "endless-log" within 2 => Failed(&["timeout", "protocol"]);

    a_flood_on_stderr_is_harmless: "floods-stderr" within 60 => Complete;
    a_flood_of_progress_is_harmless: "floods-progress" within 60 => Complete;
    stdin_is_empty: "reads-stdin" within 30 => Complete;
    escapes_in_the_log_are_escaped: "escapes-in-log" within 30 => Complete;
    closing_every_descriptor_is_failed: "closes-descriptors" within 30 =>
        Failed(&["crashed", "protocol"]);

    a_garbage_frame_is_protocol: "garbage-frame" within 30 => FailedWith("protocol");
    an_unknown_frame_is_protocol: "unknown-frame" within 30 => Failed(&["protocol"]);
    an_oversized_frame_is_protocol: "oversized-frame" within 30 => FailedWith("protocol");
    half_a_frame_is_failed: "half-frame" within 30 => Failed(&["protocol", "crashed"]);
    frames_after_done_are_protocol: "frames-after-done" within 30 => FailedWith("protocol");
    wrong_counts_are_protocol: "wrong-counts" within 30 => FailedWith("protocol");
    an_unknown_host_is_protocol: "unknown-host-ref" within 30 => FailedWith("protocol");
    a_repeated_host_is_protocol: "repeated-host-ref" within 30 => FailedWith("protocol");
    a_nonsense_record_is_protocol: "nonsense-record" within 30 => FailedWith("protocol");
    a_record_cannot_smuggle_a_frame: "newline-in-record" within 30 => Failed(&["protocol"]);
    an_oversized_record_is_protocol: "oversized-record" within 30 => FailedWith("protocol");
    a_nonsense_summary_is_protocol: "nonsense-summary" within 30 => FailedWith("protocol");

    items_without_the_end_of_their_collection_are_protocol: "items-without-end" within 30 =>
        FailedWith("protocol");
    items_after_the_end_of_their_collection_are_protocol: "items-after-end" within 30 =>
        FailedWith("protocol");
    fewer_items_than_counted_are_protocol: "fewer-items-than-counted" within 30 =>
        FailedWith("protocol");
    more_items_than_counted_are_protocol: "more-items-than-counted" within 30 =>
        FailedWith("protocol");
    the_rest_of_no_item_is_protocol: "rest-of-no-item" within 30 => FailedWith("protocol");
    an_unknown_item_is_protocol: "unknown-item" within 30 => Failed(&["protocol"]);
    an_oversized_record_of_an_item_is_protocol: "oversized-record-of-an-item" within 30 =>
        FailedWith("protocol");
    endless_items_end: "endless-items" within 2 => Failed(&["timeout", "protocol"]);

    a_nonsense_error_is_failed: "nonsense-error" within 30 => Failed(&["protocol", "internal"]);
}

#[test]
fn output_of_a_plugin_on_stdout_is_not_in_the_result() {
    let both = run_case("prints-to-stdout", 30, &Complete, &["-v", "-v"]);
    let host = &both.bad["hosts"][0];
    assert_eq!(host["name"], "bad");
    assert_eq!(host["guests"].as_array().map(Vec::len), Some(1));
    assert!(both.gatherer.log.contains("printed"), "{}", both.gatherer.describe());
}

#[test]
fn a_plugin_cannot_allocate_ten_gibibytes() {
    run_case("allocates", 60, &Failed(&["crashed"]), &["--worker-memory", "512"]);
}

#[test]
fn done_without_hosts_is_complete_and_empty() {
    let both = run_case("empty", 30, &Complete, &[]);
    assert!(
        both.gatherer.stdout_text().contains("    \"m-bad\": {}"),
        "{}",
        both.gatherer.describe()
    );
    assert_eq!(both.bad["hosts"], json!([]));
}

#[test]
fn a_signal_after_done_is_complete_with_a_warning() {
    for case in ["signal-after-done", "exit-after-done"] {
        let both = run_case(case, 30, &Complete, &[]);
        assert_eq!(both.bad["hosts"][0]["name"], "raw", "{:#}", both.bad);
        assert!(
            both.bad["warnings"].as_array().is_some_and(|warnings| !warnings.is_empty()),
            "{case}: {:#}",
            both.bad
        );
    }
}

#[test]
fn a_child_that_holds_the_pipes_does_not_delay_the_run() {
    let both = run_case("child-holds-pipes", 60, &Complete, &[]);
    // The child sleeps for 25 seconds.
    assert!(both.gatherer.took < Duration::from_secs(15), "{:?}", both.gatherer.took);
    assert!(both.inventory.took < Duration::from_secs(15), "{:?}", both.inventory.took);
}

#[test]
fn a_daemon_that_holds_the_pipes_does_not_delay_the_run() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({"id": "m-bad", "module": "Misbehaving", "case": "daemon-holds-pipes"});
    // The daemon left the worker's session. The runner adopts it and ends it with the run.
    let outcome = gather(Some(bad), &plugins, "inventory").run();
    assert_eq!(outcome.endpoint("m-bad")["status"], "complete");
    assert!(outcome.took < Duration::from_secs(15), "{:?}", outcome.took);
}

#[test]
fn a_change_of_folder_and_umask_affects_only_the_worker() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({"id": "m-bad", "module": "Misbehaving", "case": "changes-folder"});
    let outcome = gather(Some(bad), &plugins, "gatherer").args(["--outfile", "result.json"]).run();
    let outcome = outcome.expect_code(0);
    let path = outcome.home().join("result.json");
    let bytes = std::fs::read(&path).expect("the outfile is in the folder of the run");
    let document = gatherer_tests::document::gatherer_document(&bytes);
    assert!(document.values().all(Option::is_some), "{}", outcome.describe());
}

#[test]
fn a_lost_collection_does_not_lose_the_hosts() {
    let both = run_case("lost-collection", 30, &Complete, &[]);
    assert_eq!(both.bad["collections"]["pods"]["status"], "failed", "{:#}", both.bad);
    assert_eq!(both.bad["collections"]["pods"]["error"]["kind"], "permission");
    assert_eq!(both.bad["hosts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_lost_collection_loses_only_its_own_items() {
    let both = run_case("items-of-a-lost-collection", 30, &Complete, &[]);
    assert_eq!(both.bad["workloads"].get("pods"), None, "{:#}", both.bad);
    assert_eq!(both.bad["workloads"]["services"][0]["uid"], "u");
    assert_eq!(both.bad["collections"]["pods"]["error"]["kind"], "permission");
    assert_eq!(both.bad["collections"]["services"]["status"], "complete");
}

#[test]
fn an_item_that_is_too_long_fails_only_its_collection() {
    let both = run_case("oversized-item", 30, &Complete, &[]);
    assert_eq!(both.bad["hosts"].as_array().map(Vec::len), Some(1), "{:#}", both.bad);
    assert_eq!(both.bad["workloads"].get("pods"), None, "no part of a failed list is printed");
    assert_eq!(both.bad["workloads"]["services"][0]["uid"], "u");
    assert_eq!(both.bad["collections"]["services"]["status"], "complete");
    let failure = Failure::of(&both.bad["collections"]["pods"]["error"]);
    assert_eq!(failure.kind, "protocol", "{failure}");
    assert!(failure.message.contains("big"), "{failure}");
    assert_message!(failure);
}

#[test]
fn a_collection_that_is_started_over_has_only_later_items() {
    let both = run_case("starts-items-over", 30, &Complete, &[]);
    let pods = both.bad["workloads"]["pods"].as_array().expect("pods is a list");
    assert_eq!(pods.len(), 1, "{:#}", both.bad);
    assert_eq!(pods[0]["name"], "a");
}

#[test]
fn half_a_list_after_a_foreign_sigterm_is_failed() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({"id": "m-bad", "module": "Misbehaving", "case": "stops-when-cancelled"});
    let running = gather(Some(bad), &plugins, "inventory").start();
    running.wait_until("the good endpoints are done", |running| {
        (running.log().matches("3 guests in").count() == 2).then_some(())
    });
    let worker = running.wait_until("the last worker handles SIGTERM", |running| {
        let [worker] = running.workers()[..] else { return None };
        processes::handles(worker, Signal::TERM).then_some(worker)
    });
    let worker = i32::try_from(worker).expect("a process id is an i32");
    let worker = Pid::from_raw(worker).expect("a process id is not 0");
    kill_process(worker, Signal::TERM).expect("the worker is running");
    let failure = running.finish().failure("m-bad");
    assert_eq!(failure.kind, "timeout", "{failure}");
    assert_message!(failure);
}

#[test]
fn a_crash_is_reported_where_sigchld_is_ignored() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({"id": "m-bad", "module": "Misbehaving", "case": "abort"});
    let outcome = gather(Some(bad), &plugins, "inventory")
        .through(["sh", "-c", "trap '' CHLD && exec \"$0\" \"$@\""])
        .run();
    let failure = outcome.failure("m-bad");
    assert!(failure.message.contains("SIGABRT"), "{failure}");
}

#[test]
fn a_crash_quotes_the_end_of_stderr() {
    let both = run_case("aborts-with-output", 30, &Failed(&["crashed"]), &[]);
    let text = format!("{} {}", both.bad["error"], both.gatherer.messages());
    assert!(text.contains("last words"), "{text}");
}

#[test]
fn the_runner_never_loads_a_plugin() {
    // The library's constructor aborts every process except a worker.
    let plugins = PluginFolder::with(&["misbehaving"]);
    for args in [&["--list-modules"][..], &["modules"], &["modules", "Misbehaving"]] {
        let outcome = Run::new().args(args).plugins(plugins.path()).run().expect_code(0);
        assert!(!outcome.messages().contains("loaded outside"), "{}", outcome.describe());
    }
    let file = plugins.path().join("libgatherer_plugin_misbehaving.so");
    let outcome = Run::new().args(["plugin", "inspect"]).arg(file).run().expect_code(0);
    assert!(outcome.stdout_text().contains("Misbehaving"), "{}", outcome.describe());
}

#[test]
fn many_faults_at_once_do_not_affect_good_endpoints() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let cases = [
        "panic",
        "abort",
        "segfault",
        "exit-0",
        "exit-7",
        "endless-loop",
        "ignores-sigterm",
        "garbage-frame",
        "wrong-counts",
        "closes-descriptors",
        "floods-stderr",
        "half-frame",
    ];
    let mut endpoints = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        endpoints.push(json!({
            "id": format!("bad{number}"), "module": "Misbehaving", "case": case, "timeout": "2",
        }));
        endpoints.push(good(&format!("good{number}"), &format!("kvm{number}")));
    }
    let outcome =
        Run::gather(&json!(endpoints)).plugins(plugins.path()).args(["--jobs", "4"]).run();
    let document = outcome.document();
    assert_eq!(document.len(), 2 * cases.len());
    for (id, hosts) in &document {
        if id.starts_with("good") {
            assert_eq!(hosts.as_ref().map(std::collections::BTreeMap::len), Some(1), "{id}");
        } else if id != "bad10" {
            assert!(hosts.is_none(), "{id}");
        }
    }
}
