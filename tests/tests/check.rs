//! `check`: each endpoint shows its steps, whatever its plugin does, and affects no other endpoint.

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

/// A check of these endpoints.
fn check(endpoints: &Value, plugins: &PluginFolder) -> Run {
    Run::new().args(["check", "--infile", "-"]).plugins(plugins.path()).stdin(endpoints.to_string())
}

/// The result as JSON.
fn document(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}; {}", outcome.describe()))
}

/// The names and statuses of the steps of an endpoint: `parameters ok, login failed`.
fn statuses(endpoint: &Value) -> String {
    let steps = endpoint["steps"].as_array().expect("a list of steps").iter();
    let text = |step: &Value| {
        let word = |member: &str| step[member].as_str().expect("a text").to_owned();
        format!("{} {}", word("name"), word("status"))
    };
    steps.map(text).collect::<Vec<_>>().join(", ")
}

/// The check of a case of the misbehaving plugin, between two good endpoints, which must be good.
fn check_case(case: &str, timeout: u32) -> (Value, Outcome) {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "z-good", "module": "Example", "hostname": "kvm1"},
        {"id": "bad", "module": "Misbehaving", "case": case, "timeout": timeout,
         "password": "hunter2-canary"},
        {"id": "a-good", "module": "Example", "hostname": "kvm2"},
    ]);
    let outcome = check(&endpoints, &plugins).args(["--format", "json"]).run();
    let document = document(&outcome);
    let ids: Vec<_> = document["endpoints"].as_array().expect("a list").iter().collect();
    let ids: Vec<_> = ids.iter().map(|endpoint| endpoint["id"].as_str()).collect();
    assert_eq!(ids, [Some("z-good"), Some("bad"), Some("a-good")]);
    for index in [0, 2] {
        assert_eq!(statuses(&document["endpoints"][index]), "parameters ok, objects ok");
    }
    let all = format!("{}{}", outcome.stdout_text(), outcome.messages());
    assert!(!all.contains("hunter2-canary"), "{all}");
    (document["endpoints"][1].clone(), outcome)
}

#[test]
fn a_check_that_misbehaves_shows_the_steps_before_and_the_one_that_it_was_in() {
    let failed = "parameters ok, login ok, right: read failed, objects not-tried";
    let all_ok = "parameters ok, login ok, right: read ok, objects ok";
    let mut text = String::new();
    for (case, timeout, expected, kind) in [
        ("behaves", 30, all_ok, None),
        ("sends-hosts", 30, all_ok, None),
        ("nonsense-steps", 30, all_ok, None),
        ("refuses", 30, failed, Some("permission")),
        ("hangs", 1, failed, Some("timeout")),
        ("sleeps", 1, failed, Some("timeout")),
        ("aborts", 30, failed, Some("crashed")),
        ("exits", 30, failed, Some("crashed")),
        ("panics", 30, failed, Some("internal")),
        ("nonsense-frame", 30, failed, Some("protocol")),
    ] {
        let (bad, outcome) = check_case(case, timeout);
        assert_eq!(statuses(&bad), expected, "{case}: {}", outcome.describe());
        assert_eq!(outcome.code(), i32::from(kind.is_some()), "{case}");
        let step = &bad["steps"][2];
        assert_eq!(step["kind"].as_str(), kind, "{case}");
        text.extend(["[", case, "]\n", step["message"].as_str().unwrap_or_default(), "\n"]);
        if let Some(hint) = step["hint"].as_str() {
            text.extend(["hint: ", hint, "\n"]);
        }
    }
    assert_message!(text);
}

#[test]
fn steps_that_a_check_leaves_out_are_not_tried_and_count_as_incomplete() {
    let (bad, outcome) = check_case("leaves-out", 30);
    assert_eq!(statuses(&bad), "parameters ok, login ok, right: read not-tried, objects not-tried");
    assert_eq!(bad["status"], "not-tried");
    assert_eq!(outcome.code(), 0);
    assert_message!(bad["steps"][2]["message"].as_str().expect("a message"));
}

#[test]
fn a_flood_of_steps_fails_the_check_and_is_limited() {
    let (bad, outcome) = check_case("floods-steps", 30);
    let steps = bad["steps"].as_array().expect("a list");
    // `parameters`, 200 steps, the failed one, and the other one of the plan.
    assert_eq!(steps.len(), 203, "{}", statuses(&bad));
    assert_eq!(steps[201]["kind"], "protocol");
    assert_message!(steps[201]["message"].as_str().expect("a message"));
    assert!(outcome.stdout.len() < 2 * 1024 * 1024, "{}", outcome.stdout.len());

    let (bad, _) = check_case("floods-plans", 30);
    assert_eq!(statuses(&bad), "parameters ok, login ok, step 19999 not-tried");
}

#[test]
fn texts_of_steps_are_redacted_escaped_and_cut() {
    let (bad, _) = check_case("leaks-secret", 30);
    assert_eq!(
        statuses(&bad),
        "parameters ok, login ok, right: read ok, name *** failed, objects failed"
    );
    assert_eq!(bad["steps"][2]["message"], "with ***");
    assert_eq!(bad["steps"][3]["message"], "wrong: ***");
    assert_eq!(bad["steps"][4]["hint"], "not ***");

    let (bad, outcome) = check_case("long-texts", 30);
    assert_eq!(bad["status"], "warning");
    let message = bad["steps"][2]["message"].as_str().expect("a message");
    assert!(message.len() < 5000 && message.contains("red"), "{}", message.len());
    assert!(outcome.stdout.len() < 100_000, "{}", outcome.stdout.len());
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "bad", "module": "Misbehaving", "case": "long-texts"}]);
    let table = check(&endpoints, &plugins).run().expect_code(0);
    let is_control = |sign: char| sign.is_control() && sign != '\n';
    assert!(!table.stdout_text().chars().any(is_control), "{}", table.describe());
}

#[test]
fn the_table_shows_every_kind_of_step() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "made-up", "module": "Example", "hostname": "kvm1"},
        {"id": "unreachable", "module": "Example", "hostname": "kvm1", "retries": 0,
         "url": "http://127.0.0.1:1/"},
        {"id": "no-hostname", "module": "Example"},
        {"id": "mistyped", "module": "Example", "hostname": "kvm1", "guest": 3},
        {"id": "no-module"},
        {"id": "left-out", "module": "Misbehaving", "case": "leaves-out"},
    ]);
    let outcome = check(&endpoints, &plugins).run().expect_code(1);
    assert!(outcome.log.contains("check began") && outcome.log.contains("exit status 1"));
    assert_message!(outcome.stdout_text());
}

#[test]
fn the_exit_status_follows_fail_on_whose_default_is_any() {
    let plugins = PluginFolder::with(&["example"]);
    let good = json!({"id": "good", "module": "Example", "hostname": "kvm1"});
    let warned = json!({"id": "warned", "module": "Example", "hostname": "kvm1", "guest": 3});
    let failed = json!({"id": "failed", "module": "Example"});
    let code = |endpoints: &[&Value], args: &[&str]| {
        check(&json!(endpoints), &plugins).args(args).run().code()
    };
    assert_eq!(code(&[&good], &[]), 0);
    assert_eq!(code(&[&good, &warned], &[]), 0);
    assert_eq!(code(&[&good, &warned], &["--fail-on", "incomplete"]), 1);
    assert_eq!(code(&[&good, &failed], &[]), 1);
    assert_eq!(code(&[&good, &failed], &["--fail-on", "all"]), 0);
    assert_eq!(code(&[&failed], &["--fail-on", "all"]), 1);
    assert_eq!(code(&[&failed], &["--fail-on", "never"]), 0);
    assert_eq!(code(&[&good, &failed], &["--only", "good"]), 0);
    assert_eq!(code(&[&good], &["--only", "unknown"]), 2);
    let through_environment =
        check(&json!([failed]), &plugins).env("VIRTUAL_HOST_GATHERER_FAIL_ON", "never").run();
    assert_eq!(through_environment.code(), 0);
}

#[test]
fn options_before_the_command_count_too() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "kvm1"}]);
    let run = Run::new().args(["--only", "e", "--format", "table", "check", "-i", "-"]);
    let outcome = run.plugins(plugins.path()).stdin(endpoints.to_string()).run().expect_code(0);
    assert!(outcome.stdout_text().starts_with("e  Example  ok\n"), "{}", outcome.describe());
    for (before, code) in [(["-i", "-"], 2), (["--format", "ndjson"], 2)] {
        let run = Run::new().args(before).args(["check", "-i", "-"]);
        assert_eq!(run.stdin("[]").run().code(), code, "{before:?}");
    }
}

#[test]
fn a_time_limit_of_the_run_shows_the_steps_before_it() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "sleeps"}]);
    let run = check(&endpoints, &plugins).args(["--format", "json", "--run-timeout", "1"]);
    let outcome = run.run().expect_code(1);
    let endpoint = &document(&outcome)["endpoints"][0];
    let expected = "parameters ok, login ok, right: read failed, objects not-tried";
    assert_eq!(statuses(endpoint), expected, "{}", outcome.describe());
    assert_eq!(endpoint["steps"][2]["kind"], "timeout");
}

#[test]
fn a_signal_ends_a_check_with_its_exit_status() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "e", "module": "Misbehaving", "case": "hangs"}]);
    let running = check(&endpoints, &plugins).start();
    running.wait_until("a worker starts", |running| running.workers().first().copied());
    running.signal(rustix::process::Signal::TERM);
    let outcome = running.finish().expect_code(143);
    assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
}

#[test]
fn every_file_of_a_folder_is_checked() {
    let plugins = PluginFolder::with(&["example"]);
    let run = Run::new().args(["check", "--infile", "requests"]).plugins(plugins.path());
    let folder = run.home().join("requests");
    std::fs::create_dir(&folder).expect("a folder can be created");
    for (file, id) in [("a.json", "one"), ("b.json", "two")] {
        let entry = json!({"id": id, "module": "Example", "hostname": "kvm1"});
        std::fs::write(folder.join(file), entry.to_string()).expect("a file can be written");
    }
    std::fs::write(folder.join("c.json"), "not JSON").expect("a file can be written");
    let outcome = run.args(["--format", "json"]).run();
    let document = document(&outcome);
    let checks = document["endpoints"].as_array().expect("a list");
    let of = |id: &str| checks.iter().find(|check| check["id"] == id).expect("it is checked");
    for id in ["one", "two"] {
        assert_eq!(statuses(of(id)), "parameters ok, objects ok", "{}", outcome.describe());
    }
    let failed: Vec<_> = checks.iter().filter(|check| check["status"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{document:#}");
}
