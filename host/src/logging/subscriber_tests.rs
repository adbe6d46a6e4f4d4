//! Tests of the filters, targets, spans and fields of log lines.

use std::sync::{Arc, Mutex};

use gatherer_plugin_api::LogLevel;
use serde_json::{Value, json};
use tracing::Span;
use tracing_subscriber::layer::SubscriberExt as _;

use super::line::LogLine;
use super::subscriber::{LineDestinations, LogLayer};
use super::{LogFilter, log_for_plugin, plugin_lines, spans};

type LoggedLines = Arc<Mutex<Vec<(Value, LineDestinations)>>>;

/// The lines that are logged meanwhile with stderr at `warn` and the file at `info`, as JSON.
fn logged(filter: &str, log: impl FnOnce()) -> Vec<(Value, LineDestinations)> {
    let filter: LogFilter = filter.parse().expect("valid");
    let lines = LoggedLines::default();
    let layer = LogLayer {
        file: Some(filter.for_destination(LogLevel::Info)),
        stderr: filter.for_destination(LogLevel::Warn),
        write: {
            let lines = Arc::clone(&lines);
            move |line: &LogLine<'_>, destinations| {
                let json = serde_json::from_str(&line.json()).expect("JSON");
                lines.lock().expect("no panic").push((json, destinations));
            }
        },
    };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    std::mem::take(&mut *lines.lock().expect("no panic"))
}

fn messages(lines: &[(Value, LineDestinations)]) -> Vec<&str> {
    lines.iter().map(|(line, _)| line["message"].as_str().expect("text")).collect()
}

const BOTH: LineDestinations = LineDestinations { file: true, stderr: true };
const FILE: LineDestinations = LineDestinations { file: true, stderr: false };

#[test]
fn each_destination_has_its_own_level() {
    let lines = logged("", || {
        tracing::warn!("w");
        tracing::info!("i");
        tracing::debug!("d");
    });
    assert_eq!(messages(&lines), ["w", "i"]);
    assert_eq!((lines[0].1, lines[1].1), (BOTH, FILE));
}

#[test]
fn a_line_that_is_also_in_the_result_goes_only_to_the_file() {
    let lines = logged("debug", || {
        tracing::error!(file_only = true, "{}", "e");
        tracing::error!(file_only = false, "f");
    });
    assert_eq!(messages(&lines), ["e", "f"]);
    assert_eq!((lines[0].1, lines[1].1), (FILE, BOTH));
    assert_eq!(lines[0].0["file_only"], Value::Null);
}

#[test]
fn a_line_that_the_file_gets_at_another_level_goes_only_to_stderr() {
    let lines = logged("debug", || {
        tracing::debug!(file_only = true, "l");
        tracing::info!(stderr_only = true, "l");
    });
    assert_eq!(messages(&lines), ["l", "l"]);
    let stderr = LineDestinations { file: false, stderr: true };
    assert_eq!((lines[0].1, lines[1].1), (FILE, stderr));
}

#[test]
fn a_line_has_the_id_and_the_fields_of_its_spans() {
    let lines = logged("", || {
        spans::run().in_scope(|| {
            spans::endpoint("a", Some("Example")).in_scope(|| {
                spans::worker(7).in_scope(|| tracing::warn!(count = 3, "inside"));
            });
            spans::endpoint("b", None).in_scope(|| tracing::warn!("after"));
            tracing::warn!("outside");
        });
    });
    let (inside, after, outside) = (&lines[0].0, &lines[1].0, &lines[2].0);
    assert_eq!(inside["endpoint"], "a");
    assert_eq!(inside["module"], "Example");
    assert_eq!(inside["worker"], 7);
    assert_eq!(inside["pid"], std::process::id());
    assert_eq!(inside["count"], 3);
    assert_eq!((&after["endpoint"], &after["module"]), (&json!("b"), &Value::Null));
    assert_eq!(outside["endpoint"], Value::Null);
}

#[test]
fn spans_keep_their_fields_if_most_targets_are_off() {
    let lines = logged("off,kubernetes=error", || {
        spans::endpoint("a", None).in_scope(|| {
            tracing::error!("off");
            log_for_plugin(LogLevel::Error, "gatherer_plugin_kubernetes::client", "on");
        });
    });
    assert_eq!(messages(&lines), ["on"]);
    assert_eq!(lines[0].0["endpoint"], "a");
}

#[test]
fn lines_of_plugins_are_filtered_by_their_own_targets() {
    let lines = logged("info,kubernetes=debug,noisy::part=off", || {
        log_for_plugin(LogLevel::Debug, "gatherer_plugin_kubernetes::client", "k debug");
        log_for_plugin(LogLevel::Trace, "gatherer_plugin_kubernetes::client", "k trace");
        log_for_plugin(LogLevel::Debug, "gatherer_plugin_libvirt::client", "l debug");
        log_for_plugin(LogLevel::Info, "hyper::client", "h info");
        log_for_plugin(LogLevel::Error, "noisy::part", "n error");
        log_for_plugin(LogLevel::Warn, "noisy", "n warn");
    });
    assert_eq!(messages(&lines), ["k debug", "h info", "n warn"]);
    let target = |line: usize| lines[line].0["target"].clone();
    assert_eq!((target(0), target(1)), (json!("kubernetes::client"), json!("hyper::client")));
    assert_eq!(lines[0].0["level"], "debug");
    assert!(
        lines.iter().all(|(_, destinations)| *destinations == BOTH),
        "info replaces the levels of both"
    );
}

#[test]
fn a_line_of_a_plugin_has_no_fields_but_its_message() {
    let lines = logged("", || {
        spans::endpoint("a", Some("M")).in_scope(|| {
            let forged = "x endpoint=b module=N log.target=t file_only=true";
            log_for_plugin(LogLevel::Warn, "endpoint", forged);
        });
    });
    let (line, destinations) = &lines[0];
    let members: Vec<&String> = line.as_object().expect("an object").keys().collect();
    let expected = ["endpoint", "level", "message", "module", "pid", "target", "time"];
    assert_eq!(members, expected);
    assert_eq!((&line["endpoint"], &line["module"]), (&json!("a"), &json!("M")));
    assert_eq!(*destinations, BOTH);
}

#[test]
fn enables_detailed_lines_of_only_one_endpoint() {
    for (directive, id) in [
        ("[endpoint{id=vc1}]=debug", "vc1"),
        ("[endpoint{id=vc.*}]=debug", "vc1"),
        ("[endpoint{id=7}]=debug", "7"),
        ("[endpoint{module=M}]=debug", "vc1"),
        ("[{id=vc1}]=debug", "vc1"),
    ] {
        let lines = logged(directive, || {
            let log = |text: &str| {
                tracing::debug!("runner {text}");
                log_for_plugin(LogLevel::Debug, "gatherer_plugin_x", &format!("plugin {text}"));
            };
            spans::endpoint(id, Some("M")).in_scope(|| {
                log("first");
                spans::worker(7).in_scope(|| log("second"));
            });
            spans::endpoint("my-vc1", Some("My")).in_scope(|| log("no"));
            spans::endpoint("v", None).in_scope(|| log("no"));
            log("no");
        });
        let expected = ["runner first", "plugin first", "runner second", "plugin second"];
        assert_eq!(messages(&lines), expected, "{directive}");
    }
}

#[test]
fn a_plugin_gets_the_most_detailed_level_of_its_endpoint() {
    let level = |filter: &str, span: fn() -> Span| {
        let mut level = None;
        logged(filter, || level = plugin_lines::level_in_span(&span()));
        level
    };
    let (a, b) = (|| spans::endpoint("a", None), || spans::endpoint("b", None));
    assert_eq!(level("", a), Some(LogLevel::Info));
    assert_eq!(level("off", a), None);
    assert_eq!(level("[endpoint{id=a}]=trace", a), Some(LogLevel::Trace));
    assert_eq!(level("[endpoint{id=a}]=trace", b), Some(LogLevel::Info));
    assert_eq!(level("[worker]=debug", b), Some(LogLevel::Debug));
    assert_eq!(level("example=debug", b), Some(LogLevel::Info), "targets are not asked");
}

#[test]
fn the_runner_has_one_target_that_filters_all_of_its_modules() {
    let lines = logged("error,gatherer=debug", || {
        tracing::debug!("own");
        tracing::debug!(target: "worker", "worker");
    });
    assert_eq!(messages(&lines), ["own"]);
    assert_eq!(lines[0].0["target"], "gatherer");
}

#[test]
fn does_not_format_a_disabled_line() {
    struct Formatted;
    impl std::fmt::Display for Formatted {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("it is formatted")
        }
    }
    let lines = logged("[endpoint{id=a}]=debug", || tracing::debug!("{Formatted}"));
    assert!(lines.is_empty());
}
