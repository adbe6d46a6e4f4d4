//! The lines of the log file: their time and level, the first and the last line of a run, parameters and results.

use gatherer_plugin_api::model::Timestamp;
use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

fn run(plugins: &PluginFolder, endpoints: &Value) -> Run {
    Run::gather(endpoints).plugins(plugins.path())
}

fn example() -> Value {
    json!([{"id": "good", "module": "Example", "hostname": "kvm1", "guests": "3"}])
}

/// The lines with this text.
fn lines<'a>(outcome: &'a Outcome, text: &str) -> Vec<&'a str> {
    outcome.log.lines().filter(|line| line.contains(text)).collect()
}

#[test]
fn a_line_has_the_local_time_with_its_offset() {
    let plugins = PluginFolder::with(&["example"]);
    // The first two are rules of POSIX, which need no file.
    for (zone, offset) in
        [("XYZ-3:30", "+03:30"), ("ABC5", "-05:00"), ("UTC", "+00:00"), ("", "+00:00")]
    {
        let before = Timestamp::now();
        let outcome = run(&plugins, &example()).env("TZ", zone).run();
        for line in outcome.log.lines() {
            let time = line.split(' ').next().expect("a line has words");
            assert!(time.ends_with(offset), "{zone}: {line}");
            let at: Timestamp = time.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
            let seconds = at.as_second() - before.as_second();
            assert!((-1..60).contains(&seconds), "{zone}: {line} at {before}");
        }
    }
}

#[test]
fn a_line_of_json_has_the_time_in_utc() {
    let plugins = PluginFolder::with(&["example"]);
    let run = run(&plugins, &example()).args(["--log-format", "json"]).env("TZ", "XYZ-3:30");
    let outcome = run.run();
    let first: Value =
        serde_json::from_str(outcome.log.lines().next().expect("it logs")).expect("JSON");
    assert!(first["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{first}");
    assert_eq!(first["level"], "info");
}

#[test]
fn levels_have_the_form_of_the_classic_program() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "good", "module": "Misbehaving", "case": "logs"},
        {"id": "refused", "module": "Misbehaving", "case": "refuses"},
    ]);
    let outcome = run(&plugins, &endpoints).arg("-vv").run();
    for (level, text) in [
        (" - ERROR: [refused] ", "Misbehaving failed"),
        (" - WARNING: [good] ", "own warning"),
        (" - INFO: [good] ", "own info"),
        (" - DEBUG: [good] ", "own debug"),
        (" - TRACE: [good] ", "own trace"),
    ] {
        let found = lines(&outcome, level);
        assert!(found.iter().any(|line| line.contains(text)), "{level}: {}", outcome.describe());
    }
}

#[test]
fn the_file_has_one_level_more_than_stderr() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "logs"}]);
    for verbosity in 0..3 {
        let outcome = run(&plugins, &endpoints).args(vec!["-v"; verbosity]).run();
        for (index, level) in ["warning", "info", "debug", "trace"].into_iter().enumerate() {
            let text = format!("own {level}");
            let (in_file, on_stderr) =
                (outcome.log.contains(&text), outcome.stderr.contains(&text));
            let expected = (index <= verbosity + 1, index <= verbosity);
            assert_eq!((in_file, on_stderr), expected, "{level}: {}", outcome.describe());
        }
    }
}

#[test]
fn a_run_has_a_first_and_a_last_line() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    plugins.add_bytes("bad", b"nothing");
    let endpoints = json!([
        {"id": "a", "module": "Example", "hostname": "kvm1", "guests": "3"},
        {"id": "b", "module": "Example", "hostname": "kvm2", "guests": "4"},
        {"id": "c", "module": "Misbehaving", "case": "refuses"},
        {"id": "d", "module": "Unknown"},
    ]);
    for arguments in [&[][..], &["--format", "ndjson"]] {
        let outcome = run(&plugins, &endpoints).args(arguments).run().expect_code(0);
        let (first, last) = (
            outcome.log.lines().next().expect("a line"),
            outcome.log.lines().last().expect("a line"),
        );
        assert!(first.contains(" - INFO: Scanning began: version "), "{}", outcome.describe());
        for part in [
            " - INFO: Scanning finished: version ",
            " 4 endpoints, 2 complete, 2 failed, 2 hosts, 7 guests in ",
            " s, exit status 0",
        ] {
            assert!(last.contains(part), "{part}: {}", outcome.describe());
        }
        assert_eq!(lines(&outcome, "Scanning").len(), 2);
        assert!(!outcome.stderr.contains("Scanning"), "{}", outcome.describe());
    }
}

#[test]
fn a_run_that_cannot_begin_has_a_last_line_too() {
    let plugins = PluginFolder::with(&["example"]);
    let outcome =
        Run::new().plugins(plugins.path()).args(["-i", "missing.json"]).run().expect_code(3);
    let last = outcome.log.lines().last().expect("it logs");
    assert!(last.contains("Scanning finished") && last.ends_with("exit status 3"), "{last}");
    assert_eq!(lines(&outcome, "Scanning began").len(), 1);
}

#[test]
fn a_run_that_fails_before_it_begins_has_both_lines() {
    let plugins = PluginFolder::with(&["example"]);
    let refused = Run::gather(&example()).plugins(plugins.path());
    std::fs::write(refused.home().join("bad.toml"), "jobs = 0\n").expect("writable");
    for run in [
        refused.args(["--config", "bad.toml"]),
        Run::gather(&example()).plugins("/nonexistent"),
        Run::gather(&example()).args(["--config", "missing.toml"]),
        Run::new().args(["-i", "in.json", "-o", "in.json"]),
    ] {
        let outcome = run.run().expect_code(3);
        let all: Vec<_> = outcome.log.lines().collect();
        assert!(all[0].contains(" - INFO: Scanning began: version "), "{}", outcome.describe());
        let last = all.last().expect("a line");
        assert!(last.contains(" - INFO: Scanning finished: version "), "{}", outcome.describe());
        assert!(last.ends_with(" s, exit status 3"), "{last}");
        assert_eq!(lines(&outcome, " - ERROR: ").len(), 1, "{}", outcome.describe());
    }
}

#[test]
fn every_command_logs_its_beginning_and_its_end() {
    let plugins = PluginFolder::with(&["example"]);
    let file = plugins.path().join("libgatherer_plugin_example.so");
    let file = file.to_str().expect("UTF-8");
    for (arguments, name, code) in [
        (&["--list-modules"][..], "--list-modules", 0),
        (&["modules"], "modules", 0),
        (&["modules", "Missing"], "modules", 2),
        (&["plugin", "verify", file], "plugin verify", 0),
        (&["plugin", "inspect", file], "plugin inspect", 0),
        (&["plugin", "inspect", "/nonexistent"], "plugin inspect", 3),
        (&["schema", "manifest"], "schema", 0),
        (&["match-images", "--images", "i.json", "--inventory", "i"], "match-images", 3),
    ] {
        let outcome = Run::new().plugins(plugins.path()).args(arguments).run().expect_code(code);
        let all: Vec<_> = outcome.log.lines().collect();
        let (first, last) = (all[0], all[all.len() - 1]);
        let (began, finished) =
            (format!(" - INFO: {name} began: "), format!(" - INFO: {name} finished: "));
        assert!(first.contains(&began), "{}", outcome.describe());
        assert!(last.contains(&finished), "{}", outcome.describe());
        assert!(last.ends_with(&format!("exit status {code}")), "{last}");
    }
}

#[test]
fn a_line_of_json_has_what_it_says_in_members() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "good", "module": "Example", "hostname": "kvm1", "guests": "3"},
        {"id": "refused", "module": "Misbehaving", "case": "refuses"},
        {"id": "typo", "module": "Exampel"},
    ]);
    let outcome = run(&plugins, &endpoints).args(["--log-format", "json"]).run().expect_code(0);
    let parse = |line| serde_json::from_str::<Value>(line).expect("JSON");
    let all: Vec<Value> = outcome.log.lines().map(parse).collect();
    let of = |endpoint: &str, level: &str| {
        let mut found =
            all.iter().filter(|line| line["endpoint"] == endpoint && line["level"] == level);
        found.next_back().unwrap_or_else(|| panic!("{endpoint}: {}", outcome.describe()))
    };
    let refused = of("refused", "error");
    assert_eq!(refused["kind"], "authentication");
    assert_eq!(refused["module"], "Misbehaving");
    assert_eq!(refused["hint"], "use another password");
    assert!(refused["durationMs"].is_u64(), "{refused}");
    let typo = of("typo", "error");
    assert_eq!((&typo["kind"], &typo["module"]), (&json!("configuration"), &json!("Exampel")));
    assert!(typo.get("durationMs").is_none(), "{typo}");
    let good = of("good", "info");
    assert_eq!(good["module"], "Example");
    assert!(good["durationMs"].is_u64() && good.get("kind").is_none(), "{good}");
    let last = all.last().expect("a line");
    for (member, value) in [
        ("endpoints", 3),
        ("complete", 1),
        ("failed", 2),
        ("hosts", 1),
        ("guests", 3),
        ("exitStatus", 0),
    ] {
        assert_eq!(last[member], value, "{member}: {last}");
    }
    assert!(last["version"].is_string() && last["durationMs"].is_u64(), "{last}");
    let text = run(&plugins, &endpoints).run().expect_code(0);
    for word in ["json", "durationMs", "kind="] {
        assert!(!text.log.contains(word), "{}", text.describe());
    }
}

#[test]
fn list_modules_is_logged() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let outcome = Run::new().arg("-l").plugins(plugins.path()).run().expect_code(0);
    assert_eq!(lines(&outcome, " - INFO: listed the modules Example, Misbehaving").len(), 1);
    assert!(outcome.stderr.is_empty(), "{}", outcome.describe());
}

#[test]
fn vv_logs_the_parameters_and_the_result_of_each_endpoint_without_secrets() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "a", "module": "Example", "hostname": "kvm1", "guests": 3, "timeout": "60", "insecure": true,
            "token": "hunter2token",
            "proxy": "http://me:pw2@proxy.example.com:3128", "passwort": "mistyped99", "password": null},
        {"id": "b", "module": "Example", "hostname": {"env": "HOST_NAME"}, "token": {"file": "token"}},
        {"id": "c", "module": "Misbehaving", "case": "refuses", "username": "inventory", "password": "pw3"},
        {"id": "d", "module": "Example", "hostname": "h", "retries": 0,
            "url": "http://joe:pw1@127.0.0.1:1/path?token=sesame77"},
    ]);
    let run = run(&plugins, &endpoints).args(["-v", "-v"]).env("HOST_NAME", "kvm2");
    std::fs::write(run.home().join("token"), "from-a-file\n").expect("writable");
    let outcome = run.run().expect_code(0);
    for secret in ["pw1", "pw2", "pw3", "sesame77", "hunter2token", "mistyped99", "from-a-file"] {
        assert!(!outcome.messages().contains(secret), "{secret}: {}", outcome.describe());
    }
    let mut shown = String::new();
    for text in ["parameters: ", "result: "] {
        for (id, stays) in
            [("a", true), ("b", true), ("c", text == "parameters: "), ("d", text == "parameters: ")]
        {
            let prefix = format!(" - DEBUG: [{id}] {text}");
            let found = lines(&outcome, &prefix);
            assert_eq!(found.len(), usize::from(stays), "{prefix}: {}", outcome.describe());
            for line in found {
                shown.push_str(line.split_once(" - DEBUG: ").expect("the prefix").1);
                shown.push('\n');
            }
        }
    }
    assert_message!(shown);
    assert!(outcome.stderr.contains("[a] parameters: "), "{}", outcome.describe());
    assert_eq!(lines(&outcome, "[c] Misbehaving failed").len(), 1);
}
