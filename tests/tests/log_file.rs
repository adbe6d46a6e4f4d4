//! The log file: its place, its format, its rotation, and runs that share it.

use std::os::unix::fs::PermissionsExt as _;

use gatherer_tests::{PluginFolder, Run, assert_message, skip};
use serde_json::{Value, json};

const ROTATE_AT: usize = 5 * 1024 * 1024;

fn endpoints() -> Value {
    json!([{"id": "good", "module": "Example", "hostname": "kvm1"}])
}

#[test]
fn an_unwritable_log_file_is_reported_and_does_not_stop_a_run() {
    let plugins = PluginFolder::with(&["example"]);
    let mut messages = String::new();
    for path in ["/nonexistent/gatherer.log", "/proc/nothing.log"] {
        let outcome = Run::gather(&endpoints()).plugins(plugins.path()).logfile(path).run();
        assert!(outcome.document()["good"].is_some());
        assert!(outcome.stderr.contains(path), "{}", outcome.describe());
        messages.push_str(&outcome.stderr);
    }
    assert_message!(messages);
    let list = Run::new()
        .arg("--list-modules")
        .plugins(plugins.path())
        .logfile("/nonexistent/gatherer.log")
        .run();
    assert_eq!(list.code(), 0, "{}", list.describe());
}

#[test]
fn a_log_file_on_a_full_disk_is_one_warning_with_the_number_of_lost_lines() {
    let plugins = PluginFolder::with(&["example"]);
    let run = || Run::gather(&endpoints()).plugins(plugins.path());
    let lines = run().run().log.lines().count();
    let outcome = run().logfile("/dev/full").run();
    assert!(outcome.document()["good"].is_some(), "{}", outcome.describe());
    let warning = outcome.stderr.lines().last().expect("a warning");
    assert!(warning.contains(&format!("{lines} log lines are lost")), "{}", outcome.describe());
    assert_eq!(outcome.stderr.matches("/dev/full").count(), 1, "{}", outcome.describe());
    assert_message!(warning);
}

#[test]
fn a_new_log_file_is_for_its_owner_and_group() {
    let plugins = PluginFolder::with(&["example"]);
    let outcome = Run::gather(&endpoints()).plugins(plugins.path()).arg("-v").run();
    let log = outcome.home().join("gatherer.log");
    let mode = std::fs::metadata(log).expect("it logs").permissions().mode() & 0o777;
    assert_eq!(mode & !0o640, 0, "{mode:o}");
}

#[test]
fn the_default_log_file_of_a_user_is_in_the_home_directory() {
    let plugins = PluginFolder::with(&["example"]);
    let run = Run::gather(&endpoints()).plugins(plugins.path()).without_logfile().arg("-v");
    let Some(run) = run.as_user() else {
        skip!("an unprivileged user cannot run the program here, or setpriv is not installed");
    };
    let outcome = run.run();
    assert!(outcome.document()["good"].is_some());
    assert!(outcome.home().join("gatherer.log").is_file());
}

#[test]
fn an_unwritable_default_log_file_does_not_stop_a_run() {
    let plugins = PluginFolder::with(&["example"]);
    let run = Run::gather(&endpoints()).plugins(plugins.path()).without_logfile();
    let Some(run) = run.env("HOME", "/nonexistent").as_user() else {
        skip!("an unprivileged user cannot run the program here, or setpriv is not installed");
    };
    let outcome = run.run();
    assert!(outcome.document()["good"].is_some(), "{}", outcome.describe());
}

#[test]
fn rotates_a_full_log_and_keeps_five_old_files() {
    let plugins = PluginFolder::with(&["example"]);
    let run = Run::gather(&endpoints()).plugins(plugins.path()).args(["-v", "-v"]);
    let log = run.home().join("gatherer.log");
    let old = |number: usize| log.with_file_name(format!("gatherer.log.{number}"));
    std::fs::write(&log, filled("newest")).expect("writable");
    for number in 1..=5 {
        std::fs::write(old(number), format!("old {number}\n")).expect("writable");
    }
    let outcome = run.run().expect_code(0);
    assert!(outcome.log.len() < ROTATE_AT, "the log was rotated");
    assert!(!outcome.log.is_empty());
    let first = std::fs::read_to_string(old(1)).expect("kept");
    assert!(first.starts_with("newest"), "the full file has become the first old file");
    for number in 2..=5 {
        let text = std::fs::read_to_string(old(number)).expect("kept");
        assert_eq!(text, format!("old {}\n", number - 1));
    }
    assert!(!old(6).exists());
}

fn filled(start: &str) -> String {
    let line = "x".repeat(99) + "\n";
    start.to_owned() + "\n" + &line.repeat(ROTATE_AT / line.len() + 1)
}

#[test]
fn runs_at_the_same_time_share_a_log_and_rotate_it_once() {
    let plugins = PluginFolder::with(&["example"]);
    let folder = PluginFolder::new();
    let log = folder.path().join("gatherer.log");
    std::fs::write(&log, filled("full")).expect("writable");
    let many: Value = (0..30)
        .map(
            |n| json!({"id": format!("e{n}"), "module": "Example", "hostname": format!("host{n}")}),
        )
        .collect();
    let running: Vec<_> = (0..4)
        .map(|_| {
            Run::gather(&many).plugins(plugins.path()).args(["-v", "-v"]).logfile(&log).start()
        })
        .collect();
    for running in running {
        assert_eq!(running.finish().document().len(), 30);
    }
    let text = std::fs::read_to_string(&log).expect("text");
    assert!(text.len() < ROTATE_AT, "rotated");
    let old = std::fs::read_to_string(folder.path().join("gatherer.log.1")).expect("rotated");
    assert!(old.starts_with("full"), "the full log has become the first old file");
    assert!(!folder.path().join("gatherer.log.2").exists(), "rotated once, not once per run");

    // Each line is one write, so no line is split and no two lines are mixed: each begins with a date.
    let shape = |line: &str| -> String {
        line.chars().take(10).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
    };
    let expected = shape(text.lines().next().expect("it logs"));
    for line in text.lines() {
        assert_eq!(shape(line), expected, "{line}");
    }
}

#[test]
fn a_json_log_has_one_object_per_line() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "kvm1"},
        {"id": "bad", "module": "Misbehaving", "case": "escapes-in-log"},
        {"id": "refused", "module": "Misbehaving", "case": "refuses"},
    ]);
    let outcome = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["-v", "-v", "--log-format", "json"])
        .run();
    let lines: Vec<Value> = outcome
        .log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(lines.iter().all(Value::is_object) && !lines.is_empty(), "{}", outcome.describe());
    let refused = lines.iter().find(|line| line.to_string().contains("status 401 from the server"));
    assert!(refused.is_some_and(|line| line.to_string().contains("refused")));
}

#[test]
fn each_endpoint_has_one_line_at_the_default_level() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "kvm1"},
        {"id": "refused", "module": "Misbehaving", "case": "refuses"},
    ]);
    let outcome = Run::gather(&endpoints).plugins(plugins.path()).run();
    let lines: Vec<&str> =
        outcome.log.lines().filter(|line| line.contains("status 401 from the server")).collect();
    assert_eq!(lines.len(), 1, "{}", outcome.describe());
    for part in ["refused", "authentication", "use another password"] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    let complete = " - INFO: [good] Example: 1 host, 2 guests in ";
    let lines = outcome.log.lines().filter(|line| line.contains(complete));
    assert_eq!(lines.count(), 1, "{}", outcome.describe());
}

#[test]
fn each_v_adds_lines() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([{"id": "good", "module": "Misbehaving", "case": "log-secret"}]);
    let lines = |args: &[&str]| {
        let outcome = Run::gather(&endpoints).plugins(plugins.path()).args(args).run();
        outcome.expect_code(0).log.lines().count()
    };
    let counts = [lines(&[]), lines(&["-v"]), lines(&["-v", "-v"])];
    assert!(counts.is_sorted() && counts[0] < counts[2], "{counts:?}");
}

#[test]
fn the_log_file_may_be_a_device_or_a_link_to_a_descriptor() {
    let plugins = PluginFolder::with(&["example"]);
    for path in ["/dev/null", "/dev/stderr"] {
        let outcome =
            Run::gather(&endpoints()).plugins(plugins.path()).logfile(path).arg("-v").run();
        assert!(outcome.document()["good"].is_some(), "{}", outcome.describe());
    }
}
