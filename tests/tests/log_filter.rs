//! `--log-filter`: the lines that stderr and the log file get, and the data about its endpoint in
//! each of them.

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// Runs the case `logs` of the plugin Misbehaving as the endpoints `a` and `b`.
fn run(args: &[&str]) -> Outcome {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([
        {"id": "a", "module": "Misbehaving", "case": "logs"},
        {"id": "b", "module": "Misbehaving", "case": "logs"},
    ]);
    Run::gather(&endpoints).plugins(plugins.path()).args(args).run().expect_code(0)
}

/// The lines of one endpoint that contain this text.
fn lines<'a>(log: &'a str, endpoint: &str, text: &str) -> Vec<&'a str> {
    let prefix = format!(" [{endpoint}] ");
    log.lines().filter(|line| line.contains(&prefix) && line.contains(text)).collect()
}

/// Whether a line with this text about endpoint `a` is in the log file, and whether it is on stderr.
fn places(outcome: &Outcome, text: &str) -> (bool, bool) {
    let has = |log| !lines(log, "a", text).is_empty();
    (has(&outcome.log), has(&outcome.stderr))
}

const NOWHERE: (bool, bool) = (false, false);
const IN_FILE: (bool, bool) = (true, false);
const IN_BOTH: (bool, bool) = (true, true);

#[test]
fn without_a_filter_v_sets_the_level_of_both_destinations() {
    for (args, expected) in [
        (&[][..], [IN_BOTH, IN_FILE, NOWHERE, NOWHERE]),
        (&["-v"], [IN_BOTH, IN_BOTH, IN_FILE, NOWHERE]),
        (&["-vv"], [IN_BOTH, IN_BOTH, IN_BOTH, IN_FILE]),
        (&["-vvv"], [IN_BOTH, IN_BOTH, IN_BOTH, IN_BOTH]),
    ] {
        let outcome = run(args);
        let texts = ["own warning", "own info", "own debug", "own trace"];
        assert_eq!(texts.map(|text| places(&outcome, text)), expected, "{}", outcome.describe());
        // Those of libraries are as detailed as our own of trace.
        assert_eq!(places(&outcome, "library debug"), places(&outcome, "own trace"));
        assert_eq!(places(&outcome, "library record"), places(&outcome, "own trace"));
        assert_eq!(places(&outcome, "record debug"), places(&outcome, "own debug"));
    }
}

#[test]
fn a_target_gets_its_level_and_everything_else_keeps_its_own() {
    let outcome = run(&["--log-filter", "misbehaving=debug"]);
    assert_eq!(places(&outcome, "own debug page=3"), IN_BOTH, "{}", outcome.describe());
    assert_eq!(places(&outcome, "record debug"), IN_BOTH);
    assert_eq!(places(&outcome, "own trace"), NOWHERE);
    assert_eq!(places(&outcome, "library info"), IN_FILE, "as without a filter");
    assert_eq!(places(&outcome, "library debug"), NOWHERE);
    assert_eq!(places(&outcome, "starting a worker for"), NOWHERE, "a debug line of the runner");
    let line = lines(&outcome.log, "a", "own debug")[0];
    assert!(line.contains(" misbehaving::client - DEBUG: [a] own debug"), "{line}");
}

#[test]
fn a_level_replaces_that_of_both_destinations() {
    let outcome = run(&["-v", "--log-filter", "info,misbehaving=debug"]);
    assert_eq!(places(&outcome, "own debug"), IN_BOTH, "{}", outcome.describe());
    assert_eq!(places(&outcome, "Misbehaving: 1 host"), IN_BOTH);
    assert_eq!(places(&outcome, "starting a worker for"), NOWHERE);
    let outcome = run(&["-vvv", "--log-filter", "error"]);
    assert_eq!((outcome.log.as_str(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn a_target_can_be_silenced() {
    let outcome = run(&["-v", "--log-filter", "misbehaving=off,gatherer=debug"]);
    assert_eq!(places(&outcome, "own warning"), NOWHERE, "{}", outcome.describe());
    assert_eq!(places(&outcome, "library info"), IN_BOTH);
    assert_eq!(places(&outcome, "starting a worker for"), IN_BOTH);
}

#[test]
fn one_endpoint_can_be_debugged_alone() {
    for directive in ["[endpoint{id=a}]=debug", "[endpoint{id=[a]}]=debug", "[{id=a}]=debug"] {
        let outcome = run(&["--log-filter", directive]);
        assert_eq!(places(&outcome, "own debug"), IN_BOTH, "{}", outcome.describe());
        assert_eq!(places(&outcome, "starting a worker for"), IN_BOTH);
        assert_eq!(places(&outcome, "own trace"), NOWHERE);
        for text in ["own debug", "starting a worker for"] {
            assert!(lines(&outcome.log, "b", text).is_empty(), "{}", outcome.describe());
        }
        assert_eq!(lines(&outcome.log, "b", "own info").len(), 1);
    }
}

#[test]
fn a_plugin_gets_the_most_detailed_level_of_both_destinations() {
    for (filter, endpoint, level) in [
        ("info", "a", "Info"),
        ("misbehaving=debug", "a", "Debug"),
        ("[endpoint{id=a}]=trace", "a", "Trace"),
        ("[endpoint{id=a}]=trace", "b", "Info"),
        ("warn", "b", "Warn"),
    ] {
        let outcome = run(&["--log-filter", filter]);
        let line = lines(&outcome.log, endpoint, "own warning");
        assert!(line[0].ends_with(&format!("log_level={level}")), "{filter}: {line:?}");
    }
}

#[test]
fn the_filter_can_come_from_the_environment_or_the_operators_file() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "a", "module": "Misbehaving", "case": "logs"}]);
    let run = || {
        let run = Run::gather(&endpoints).plugins(plugins.path());
        std::fs::write(run.home().join("config.toml"), "log_filter = 'misbehaving=debug'\n")
            .expect("writable");
        run
    };
    let with_file = run().args(["--config", "config.toml"]).run();
    assert_eq!(places(&with_file, "own debug"), IN_BOTH, "{}", with_file.describe());
    let variable = "VIRTUAL_HOST_GATHERER_LOG_FILTER";
    let with_variable = run().args(["--config", "config.toml"]).env(variable, "off").run();
    assert_eq!(places(&with_variable, "own warning"), NOWHERE, "{}", with_variable.describe());
    let with_option = run().args(["--log-filter", "misbehaving=trace"]).env(variable, "off").run();
    assert_eq!(places(&with_option, "own trace"), IN_BOTH, "{}", with_option.describe());
}

#[test]
fn rejects_a_directive_that_is_not_valid() {
    for filter in
        ["loud", "misbehaving=loud", "info,misbehaving", "[endpoint{id=a}]", "[guest]=info"]
    {
        let outcome = Run::new().arg("--list-modules").args(["--log-filter", filter]).run();
        assert_eq!(outcome.code(), 2, "{}", outcome.describe());
        for part in [filter.trim_start_matches("info,"), "for example info,kubernetes=debug"] {
            assert!(outcome.stderr.contains(part), "{}", outcome.describe());
        }
    }
    let run = Run::new().arg("--list-modules").env("VIRTUAL_HOST_GATHERER_LOG_FILTER", "a=b=c");
    assert_eq!(run.run().code(), 2);
    // A mistake in the operator's file is exit status 3, whatever the key.
    let run = Run::new().args(["--list-modules", "--config", "config.toml"]);
    std::fs::write(run.home().join("config.toml"), "log_filter = 'loud'\n").expect("writable");
    let outcome = run.run().expect_code(3);
    assert!(outcome.stderr.contains("\"loud\""), "{}", outcome.describe());
}

/// The lines of a log in JSON.
fn objects(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
}

#[test]
fn every_line_about_an_endpoint_has_its_id_and_json_its_module_and_worker() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let cases = ["logs", "refuses", "prints-to-stdout", "escapes-in-log", "exit-after-done"];
    let endpoints: Value = cases
        .iter()
        .map(|case| json!({"id": format!("e-{case}"), "module": "Misbehaving", "case": case}))
        .chain([json!({"id": "e-none", "module": "None"})])
        .collect();
    let run = || Run::gather(&endpoints).plugins(plugins.path()).arg("-vvv");
    let outcome = run().args(["--log-format", "json"]).run().expect_code(0);
    for log in [&outcome.log, &outcome.stderr] {
        let mut with_worker = 0;
        let is_about_the_run = |line: &Value| {
            line["message"].as_str().is_some_and(|text| text.starts_with("Scanning "))
        };
        for line in objects(log).into_iter().filter(|line| !is_about_the_run(line)) {
            let endpoint = line["endpoint"].as_str().unwrap_or_else(|| panic!("no id: {line}"));
            assert!(endpoint.starts_with("e-"), "{line}");
            let module = if endpoint == "e-none" { "None" } else { "Misbehaving" };
            assert_eq!(line["module"], module, "{line}");
            if let Some(worker) = line["worker"].as_u64() {
                assert_ne!(line["pid"], worker, "pid is the runner's");
                with_worker += 1;
            }
        }
        assert!(with_worker > 10, "{log}");
    }
    let outcome = run().run().expect_code(0);
    for log in [&outcome.log, &outcome.stderr] {
        let mut lines = log.lines().filter(|line| !line.contains(": Scanning "));
        assert!(lines.all(|line| line.contains(": [e-")), "{}", outcome.describe());
    }
}

#[test]
fn a_note_of_the_output_format_has_the_id_of_its_endpoint() {
    // Two hosts of one name, which the Manager's format has to rename.
    let plugins = PluginFolder::with(&["example"]);
    let endpoint = |id: &str| json!({"id": id, "module": "Example", "hostname": "same"});
    let outcome = Run::gather(&json!([endpoint("a"), endpoint("a2")]))
        .plugins(plugins.path())
        .args(["--log-filter", "off,[endpoint{id=a2}]=info", "--log-format", "json"])
        .run()
        .expect_code(0);
    let lines = objects(&outcome.log);
    assert!(!lines.is_empty(), "{}", outcome.describe());
    assert!(lines.iter().all(|line| line["endpoint"] == "a2" && line["module"] == "Example"));
}

#[test]
fn help_has_an_example() {
    let outcome = Run::new().without_logfile().arg("--help").run().expect_code(0);
    assert!(outcome.stdout_text().contains("--log-filter info,kubernetes=debug"));
}
