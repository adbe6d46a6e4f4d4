//! A plugin that breaks the contract costs its own endpoint and nothing else: each case runs
//! beside two good endpoints, whose part of the result must not differ by a byte from a run
//! without it.

use std::time::Duration;

use gatherer_tests::document::endpoint_bytes;
use gatherer_tests::{Outcome, PluginFolder, Run, inventory_endpoint};
use serde_json::{Value, json};

/// What becomes of the bad endpoint.
enum Becomes {
    /// It is complete: what it did is harmless.
    Complete,
    /// It is failed, with one of these kinds.
    Failed(&'static [&'static str]),
    /// It is failed with this kind, and the message holds one of these texts.
    FailedSaying(&'static str, &'static [&'static str]),
}

use Becomes::{Complete, Failed, FailedSaying};

fn good(id: &str, name: &str) -> Value {
    json!({"id": id, "module": "Example", "hostname": name, "guests": "3"})
}

fn gather(bad: Option<Value>, plugins: &PluginFolder, format: &str) -> Run {
    let mut endpoints = vec![good("a-good", "kvm1"), good("z-good", "kvm2")];
    endpoints.extend(bad);
    Run::gather(&json!(endpoints)).plugins(plugins.path()).args(["--format", format])
}

/// What one case gave, in both formats.
struct Both {
    gatherer: Outcome,
    inventory: Outcome,
    bad: Value,
}

/// Runs a case beside two good endpoints and checks what holds for every case.
fn run_case(case: &str, timeout: u32, becomes: &Becomes, more: &[&str]) -> Both {
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
            "{id} beside {case}"
        );
    }

    let inventory_document = inventory.inventory();
    for id in ["a-good", "z-good"] {
        assert_eq!(inventory_endpoint(&inventory_document, id)["status"], "complete", "{id}");
    }
    let bad = inventory_endpoint(&inventory_document, "m-bad");
    let failed = !matches!(becomes, Complete);
    assert_eq!(bad["status"], if failed { "failed" } else { "complete" }, "{bad:#}");
    assert_eq!(document["m-bad"].is_none(), failed, "{}", gatherer.describe());
    let kind = bad["error"]["kind"].as_str().unwrap_or("none");
    let message = bad["error"]["message"].as_str().unwrap_or_default();
    match becomes {
        Complete => {}
        Failed(kinds) => assert!(kinds.contains(&kind), "{bad:#}"),
        FailedSaying(expected, texts) => {
            assert_eq!(kind, *expected, "{bad:#}");
            assert!(texts.iter().any(|text| message.contains(text)), "{texts:?} in {bad:#}");
        }
    }
    if failed {
        assert!(!message.is_empty() && !message.contains('\n'), "one sentence: {message:?}");
        // The operator at night: the log has a line that names the endpoint.
        assert!(gatherer.log.contains("m-bad"), "{}", gatherer.describe());
    }
    // Whatever a plugin prints, no control character reaches the log or stderr.
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
    ($($name:ident: $case:literal within $timeout:literal => $becomes:expr;)+) => {
        $(
            #[test]
            fn $name() {
                run_case($case, $timeout, &$becomes, &[]);
            }
        )+
    };
}

cases! {
    a_plugin_that_behaves_is_complete: "behaves" within 30 => Complete;
    a_typed_error_keeps_its_kind: "refuses" within 30 =>
        FailedSaying("authentication", &["401 from nobody"]);

    half_a_list_after_a_deadline_is_no_list: "stops-when-told" within 1 =>
        FailedSaying("timeout", &["did not answer within 1 s"]);
    half_a_list_after_a_refused_record_is_no_list: "stops-when-refused" within 1 =>
        FailedSaying("timeout", &["did not answer within 1 s"]);
    a_list_that_lost_a_record_is_no_list: "loses-a-record" within 30 =>
        FailedSaying("protocol", &["a record of more than"]);

    a_panic_is_internal: "panic" within 30 => FailedSaying("internal", &["panicked"]);
    a_panic_in_a_thread_is_internal: "panic-in-thread" within 30 => Failed(&["internal"]);
    an_abort_is_crashed: "abort" within 30 => FailedSaying("crashed", &["SIGABRT", "signal 6"]);
    a_segfault_is_crashed: "segfault" within 30 =>
        FailedSaying("crashed", &["SIGSEGV", "signal 11"]);
    a_stack_overflow_is_crashed: "stack-overflow" within 30 =>
        FailedSaying("crashed", &["SIG", "signal"]);
    exit_0_in_the_middle_is_crashed: "exit-0" within 30 => Failed(&["crashed"]);
    exit_7_in_the_middle_is_crashed: "exit-7" within 30 => FailedSaying("crashed", &["7"]);
    exit_without_done_is_crashed: "exit-silently" within 30 => Failed(&["crashed"]);

    an_endless_loop_is_timeout: "endless-loop" within 1 => Failed(&["timeout"]);
    sleeping_until_cancelled_is_timeout: "sleeps" within 1 => Failed(&["timeout"]);
    ignoring_sigterm_is_timeout: "ignores-sigterm" within 1 => Failed(&["timeout"]);
    endless_records_end: "endless-records" within 2 => Failed(&["timeout", "protocol"]);
    an_endless_log_ends: "endless-log" within 2 => Failed(&["timeout", "protocol"]);

    a_flood_on_stderr_is_harmless: "floods-stderr" within 60 => Complete;
    a_flood_of_progress_is_harmless: "floods-progress" within 60 => Complete;
    reading_stdin_meets_its_end: "reads-stdin" within 30 => Complete;
    escapes_in_the_log_are_escaped: "escapes-in-log" within 30 => Complete;
    closing_every_descriptor_is_failed: "closes-descriptors" within 30 =>
        Failed(&["crashed", "protocol"]);

    a_garbage_frame_is_protocol: "garbage-frame" within 30 => Failed(&["protocol"]);
    an_unknown_frame_is_protocol: "unknown-frame" within 30 => Failed(&["protocol"]);
    an_oversized_frame_is_protocol: "oversized-frame" within 30 => Failed(&["protocol"]);
    half_a_frame_is_failed: "half-frame" within 30 => Failed(&["protocol", "crashed"]);
    frames_after_done_are_protocol: "frames-after-done" within 30 => Failed(&["protocol"]);
    wrong_counts_are_protocol: "wrong-counts" within 30 => Failed(&["protocol"]);
    an_unknown_host_is_protocol: "unknown-host-ref" within 30 => Failed(&["protocol"]);
    a_repeated_host_is_protocol: "repeated-host-ref" within 30 => Failed(&["protocol"]);
    a_nonsense_record_is_protocol: "nonsense-record" within 30 => Failed(&["protocol"]);
    a_record_cannot_smuggle_a_frame: "newline-in-record" within 30 => Failed(&["protocol"]);
    an_oversized_record_is_protocol: "oversized-record" within 30 => Failed(&["protocol"]);
    a_nonsense_summary_is_protocol: "nonsense-summary" within 30 => Failed(&["protocol"]);

    items_that_nobody_calls_all_are_protocol: "items-without-end" within 30 =>
        FailedSaying("protocol", &["did not say that they are all"]);
    items_after_the_end_of_their_collection_are_protocol: "items-after-end" within 30 =>
        FailedSaying("protocol", &["after its end"]);
    fewer_items_than_counted_are_protocol: "fewer-items-than-counted" within 30 =>
        FailedSaying("protocol", &["counts 2 items of a collection, but 1 arrived"]);
    more_items_than_counted_are_protocol: "more-items-than-counted" within 30 =>
        FailedSaying("protocol", &["counts 1 items of a collection, but 2 arrived"]);
    the_rest_of_no_item_is_protocol: "rest-of-no-item" within 30 => Failed(&["protocol"]);
    an_unknown_item_is_protocol: "unknown-item" within 30 => Failed(&["protocol"]);
    an_oversized_record_that_was_offered_is_protocol: "oversized-record-of-an-item" within 30 =>
        FailedSaying("protocol", &["a record of more than"]);
    endless_items_end: "endless-items" within 2 => Failed(&["timeout", "protocol"]);

    a_nonsense_error_is_failed: "nonsense-error" within 30 => Failed(&["protocol", "internal"]);
}

#[test]
fn what_a_plugin_prints_to_stdout_stays_out_of_the_result() {
    let both = run_case("prints-to-stdout", 30, &Complete, &["-v", "-v"]);
    let host = &both.bad["hosts"][0];
    assert_eq!(host["name"], "bad");
    assert_eq!(host["guests"].as_array().map(Vec::len), Some(1));
    assert!(both.gatherer.log.contains("printed"), "{}", both.gatherer.describe());
}

#[test]
fn ten_gibibytes_are_refused() {
    run_case("allocates", 60, &Failed(&["crashed"]), &["--worker-memory", "512"]);
}

#[test]
fn no_hosts_and_done_is_complete_and_empty() {
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
fn a_child_that_holds_the_pipes_keeps_nobody_waiting() {
    let both = run_case("child-holds-pipes", 60, &Complete, &[]);
    // The child sleeps for 25 seconds.
    assert!(both.gatherer.took < Duration::from_secs(15), "{:?}", both.gatherer.took);
    assert!(both.inventory.took < Duration::from_secs(15), "{:?}", both.inventory.took);
}

#[test]
fn a_daemon_that_holds_the_pipes_keeps_nobody_waiting() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({"id": "m-bad", "module": "Misbehaving", "case": "daemon-holds-pipes"});
    // It left the session; the program adopts it and ends it with the run.
    let outcome = gather(Some(bad), &plugins, "inventory").run();
    assert_eq!(outcome.endpoint("m-bad")["status"], "complete");
    assert!(outcome.took < Duration::from_secs(15), "{:?}", outcome.took);
}

#[test]
fn changing_folder_and_umask_touches_the_worker_alone() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({"id": "m-bad", "module": "Misbehaving", "case": "changes-folder"});
    let outcome = gather(Some(bad), &plugins, "gatherer").args(["--outfile", "result.json"]).run();
    let outcome = outcome.expect_code(0);
    let path = outcome.home().join("result.json");
    let bytes = std::fs::read(&path).expect("the outfile is where the program was started");
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
fn a_lost_collection_loses_its_own_items_and_no_others() {
    let both = run_case("items-of-a-lost-collection", 30, &Complete, &[]);
    assert_eq!(both.bad["workloads"].get("pods"), None, "{:#}", both.bad);
    assert_eq!(both.bad["workloads"]["services"][0]["uid"], "u");
    assert_eq!(both.bad["collections"]["pods"]["error"]["kind"], "permission");
    assert_eq!(both.bad["collections"]["services"]["status"], "complete");
}

#[test]
fn an_item_that_is_too_long_costs_its_own_collection_and_nothing_else() {
    let both = run_case("oversized-item", 30, &Complete, &[]);
    assert_eq!(both.bad["hosts"].as_array().map(Vec::len), Some(1), "{:#}", both.bad);
    assert_eq!(both.bad["workloads"].get("pods"), None, "half a list is no list");
    assert_eq!(both.bad["workloads"]["services"][0]["uid"], "u");
    assert_eq!(both.bad["collections"]["services"]["status"], "complete");
    let error = &both.bad["collections"]["pods"]["error"];
    assert_eq!(error["kind"], "protocol", "{error}");
    assert!(error["message"].as_str().is_some_and(|it| it.starts_with("the record of big is")));
}

#[test]
fn a_collection_that_is_started_over_has_what_came_since() {
    let both = run_case("starts-items-over", 30, &Complete, &[]);
    let pods = both.bad["workloads"]["pods"].as_array().expect("pods");
    assert_eq!(pods.len(), 1, "{:#}", both.bad);
    assert_eq!(pods[0]["name"], "a");
}

#[test]
fn half_a_list_after_somebody_elses_sigterm_is_no_list() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({"id": "m-bad", "module": "Misbehaving", "case": "stops-when-told"});
    let running = gather(Some(bad), &plugins, "inventory").start();
    running.wait_until("the good ones are done", |running| {
        let bad = running.workers();
        (running.log().matches("3 guests in").count() == 2 && bad.len() == 1).then_some(())
    });
    let worker = i32::try_from(running.workers()[0]).expect("a process id");
    let worker = rustix::process::Pid::from_raw(worker).expect("a process id");
    rustix::process::kill_process(worker, rustix::process::Signal::TERM).expect("it runs");
    let outcome = running.finish().expect_code(0);
    let bad = outcome.endpoint("m-bad");
    assert_eq!(bad["error"]["kind"], "timeout", "{bad:#}");
    let message = bad["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("somebody else's SIGTERM"), "{bad:#}");
}

#[test]
fn a_crash_is_told_where_sigchld_is_ignored() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let bad = json!({"id": "m-bad", "module": "Misbehaving", "case": "abort"});
    let outcome = gather(Some(bad), &plugins, "inventory")
        .through(["sh", "-c", "trap '' CHLD && exec \"$0\" \"$@\""])
        .run();
    let message = outcome.endpoint("m-bad")["error"]["message"].to_string();
    assert!(message.contains("SIGABRT"), "{message}");
}

#[test]
fn a_crash_quotes_the_tail_of_stderr() {
    // The overflow's own message comes from Rust's signal handler; an abort says nothing.
    let both = run_case("dies-talking", 30, &Failed(&["crashed"]), &[]);
    let said = format!("{} {}", both.bad["error"], both.gatherer.messages());
    assert!(said.contains("last words"), "{said}");
}

#[test]
fn a_typed_error_keeps_its_hint() {
    let both = run_case("refuses", 30, &Failed(&["authentication"]), &[]);
    assert_eq!(both.bad["error"]["hint"], "ask somebody");
    assert!(both.gatherer.log.contains("401 from nobody"), "{}", both.gatherer.describe());
}

#[test]
fn the_runner_never_loads_a_plugin() {
    // The library's constructor aborts any process but a worker.
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
fn every_kind_of_fault_at_once_leaves_the_good_ones_alone() {
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
