//! Warnings about many objects: one line for each kind, so that they do not push other lines out of the log file.

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// An inventory with this many hosts, none of which has a known architecture.
fn many_hosts(count: usize) -> String {
    let hosts: Vec<Value> = (0..count)
        .map(|number| json!({"id": format!("id-{number}"), "name": format!("esx{number:05}")}))
        .collect();
    json!({
        "schemaVersion": "1.0", "generator": {"name": "another program"},
        "endpoints": [{"id": "vc1", "status": "complete", "hosts": hosts}],
    })
    .to_string()
}

/// Hosts as the classic program prints them, with a value that cannot be used.
fn hosts_without_memory(count: usize) -> String {
    let host = |number: usize| {
        let host = json!({
            "hostIdentifier": format!("id-{number}"), "cpuArch": "x86_64", "ramMb": "much", "vms": {},
        });
        (format!("kvm{number:03}"), host)
    };
    Value::Object((0..count).map(host).collect()).to_string()
}

fn gather(plugins: &PluginFolder, document: &str) -> Run {
    let run = Run::new().plugins(plugins.path()).args(["--infile", "request.json"]);
    std::fs::write(run.home().join("hosts.json"), document).expect("writable");
    let request = json!([{"id": "vc1", "module": "File", "url": run.home().join("hosts.json")}]);
    std::fs::write(run.home().join("request.json"), request.to_string()).expect("writable");
    run
}

fn lines<'a>(text: &'a str, part: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(part)).collect()
}

const SUMMARY: &str =
    "[vc1] 300 hosts: CPU architecture unknown, printed as cloud (esx00000, esx00001, ...)";

fn assert_one_line(outcome: &Outcome) {
    let (log, stderr) = (lines(&outcome.log, "WARNING: "), lines(&outcome.stderr, "warning: "));
    assert!(log.len() == 1 && log[0].ends_with(SUMMARY), "{}", outcome.describe());
    assert!(stderr.len() == 1 && stderr[0].ends_with(SUMMARY), "{}", outcome.describe());
}

#[test]
fn warnings_of_a_format_are_one_line_and_v_lists_them() {
    let plugins = PluginFolder::with(&["file"]);
    let outcome = gather(&plugins, &many_hosts(300)).run().expect_code(0);
    assert_one_line(&outcome);
    assert_eq!(lines(&outcome.messages(), "esx00299").len(), 0);
    let verbose = gather(&plugins, &many_hosts(300)).arg("-v").run().expect_code(0);
    assert_one_line(&verbose);
    for (text, level) in [(&verbose.log, " - DEBUG: "), (&verbose.stderr, "info: ")] {
        let listed = lines(text, ": CPU architecture unknown, printed as cloud");
        let listed = listed.iter().filter(|line| line.contains(level)).count();
        assert_eq!(listed, 300, "{}", verbose.describe());
    }
}

#[test]
fn warnings_of_a_plugin_are_one_line_in_the_log_and_the_table_and_all_are_in_the_inventory() {
    let plugins = PluginFolder::with(&["file"]);
    let document = hosts_without_memory(200);
    let summary = "200 hosts: ramMb is ignored: it must be a number of MiB (kvm000, kvm001, ...)";
    let outcome = gather(&plugins, &document).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("vc1")["warnings"].as_array().map(Vec::len), Some(200));
    assert_eq!(lines(&outcome.log, summary).len(), 1, "{}", outcome.describe());
    assert_eq!(lines(&outcome.log, "ramMb").len(), 1, "{}", outcome.describe());
    let run = gather(&plugins, &document).args(["--format", "table"]).env("COLUMNS", "150");
    let table = run.run().expect_code(0);
    assert_eq!(lines(table.stdout_text(), "ramMb").len(), 1, "{}", table.describe());
    assert!(table.stdout_text().contains(summary), "{}", table.describe());
    assert!(table.stderr.is_empty(), "{}", table.describe());
}

#[test]
fn an_error_of_the_first_run_stays_in_the_log_while_later_runs_have_warnings_about_all_hosts() {
    const RUNS: usize = 5;
    /// How many runs the log file and its rotated files must be enough for.
    const RUNS_MIN: usize = 100;
    const KEPT_BYTES: usize = 6 * 5 * 1024 * 1024;
    let plugins = PluginFolder::with(&["file"]);
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("gatherer.log");
    let first = Run::gather(&json!([{"id": "lost", "module": "File", "url": "/missing"}]));
    first.plugins(plugins.path()).logfile(&log).run().expect_code(0);
    let document = many_hosts(10_000);
    let mut longest = 0;
    for _ in 0..RUNS {
        let before = std::fs::metadata(&log).expect("it logs").len();
        gather(&plugins, &document).logfile(&log).run().expect_code(0);
        let added = std::fs::metadata(&log).expect("it logs").len() - before;
        longest = longest.max(usize::try_from(added).expect("small"));
    }
    let text = std::fs::read_to_string(&log).expect("text");
    assert_eq!(lines(&text, "ERROR: [lost] File failed: configuration").len(), 1, "{text}");
    assert_eq!(lines(&text, "10000 hosts: ").len(), RUNS, "{text}");
    assert!(longest * RUNS_MIN < KEPT_BYTES / 10, "a run adds {longest} bytes");
}

#[test]
fn a_plugin_that_logs_a_lot_does_not_fill_the_log_file() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "flood", "module": "Misbehaving", "case": "floods-stderr"}]);
    let run = |args: &[&str]| {
        Run::gather(&endpoints).plugins(plugins.path()).args(args).run().expect_code(0)
    };
    let outcome = run(&[]);
    assert!(outcome.log.len() < 100 * 1024, "{}", outcome.log.len());
    assert_eq!(lines(&outcome.log, "are logged only with -v").len(), 1, "{}", outcome.describe());
    assert!(run(&["-v"]).log.len() > 1024 * 1024, "{}", outcome.describe());
}
