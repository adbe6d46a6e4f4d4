//! The program as a Manager calls it: the command line, the list of modules, the result.

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

fn example(id: &str, name: &str) -> Value {
    json!({"id": id, "module": "Example", "hostname": name})
}

#[test]
fn the_list_of_modules_has_the_bytes_that_a_manager_expects() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let outcome = Run::new().arg("--list-modules").plugins(plugins.path()).run().expect_code(0);
    // Modules are sorted, parameters are in the manifest's order, and advanced parameters are missing.
    let expected = r#"{
    "Example": {
        "module": "Example",
        "hostname": "",
        "guests": 2,
        "url": "",
        "token": ""
    },
    "Misbehaving": {
        "module": "Misbehaving",
        "case": "",
        "username": "",
        "password": ""
    }
}
"#;
    assert_eq!(outcome.stdout_text(), expected);
}

#[test]
fn every_default_in_the_list_is_a_string_a_number_or_null_in_ascii() {
    // All plugins of the build, which the program finds in its own folder.
    let outcome = Run::new().arg("-l").run().expect_code(0);
    assert!(outcome.stdout.is_ascii());
    let list: Value = serde_json::from_slice(&outcome.stdout).expect("the list is JSON");
    for (name, module) in list.as_object().expect("the list is an object") {
        assert_eq!(&module["module"], name);
        for (parameter, default) in module.as_object().expect("a module is an object") {
            assert!(
                default.is_string() || default.is_number() || default.is_null(),
                "{name}.{parameter}: {default}"
            );
        }
    }
}

#[test]
fn prints_help_on_stdout_without_arguments() {
    let outcome = Run::new().without_logfile().run().expect_code(0);
    assert!(outcome.stdout_text().contains("--list-modules"), "{}", outcome.describe());
    assert!(outcome.stderr.is_empty(), "{}", outcome.describe());
}

#[test]
fn accepts_the_calls_of_a_manager() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([
        {"id": "1", "module": "Example", "hostname": "kvm1", "guests": "1", "username": null,
            "password": null},
        {"id": "2", "module": "Unknown", "username": "u", "password": "p"},
    ]);
    for verbosity in [&[][..], &["-v"], &["-v", "-v"]] {
        // A Manager passes no plugin folder.
        let outcome = Run::gather(&endpoints)
            .args(verbosity)
            .env("GATHERER_PLUGIN_PATH", plugins.path())
            .env("http_proxy", "http://user:password@proxy.example.com:3128")
            .env("https_proxy", "http://user:password@proxy.example.com:3128")
            .env("no_proxy", "localhost,.example.com")
            .run();
        let document = outcome.document();
        assert!(document["2"].is_none());
        let hosts = document["1"].as_ref().expect("the endpoint is complete");
        let host = &hosts["kvm1"];
        assert_eq!(host.name, "kvm1");
        assert_eq!(host.host_identifier, "id-of-kvm1");
        assert_eq!(host.vms["guest1"], "00000000-0000-4000-8000-000000000001");
        let states = host.optional_vm_data.as_ref().expect("the host has states of guests");
        assert_eq!(states["guest1"]["vmState"], "running");
    }
    let short = Run::new()
        .args(["-i", "-", "-o", "result.json", "-v", "-L", "short.log"])
        .without_logfile()
        .plugins(plugins.path())
        .stdin(endpoints.to_string())
        .run()
        .expect_code(0);
    assert!(short.home().join("result.json").is_file());
    assert!(short.home().join("short.log").is_file());
}

#[test]
fn the_result_has_the_bytes_of_pythons_json_dumps() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([
        {"id": "z", "module": "Example", "hostname": "kvm", "guests": "0"},
        {"id": "ü\u{1f427}\"\\/", "module": "Unknown"},
        {"id": "a", "module": "Example", "hostname": "héß\u{1f600}", "guests": "1"},
    ]);
    let outcome = Run::gather(&endpoints).plugins(plugins.path()).run();
    outcome.document();
    assert_bytes_of_python(&outcome);
}

/// Checks parts of the result, and compares all of it with the output of Python if that is installed.
fn assert_bytes_of_python(outcome: &Outcome) {
    let text = outcome.stdout_text();
    assert!(
        text.starts_with("{\n    \"a\": {\n        \"h\\u00e9\\u00df\\ud83d\\ude00\": {\n"),
        "{text}"
    );
    assert!(text.contains("\n    \"\\u00fc\\ud83d\\udc27\\\"\\\\/\": null"), "{text}");
    assert!(text.ends_with("    }\n}\n") || text.ends_with("null\n}\n"), "{text}");
    let document: Value = serde_json::from_str(text).expect("the result is JSON");
    let python = std::process::Command::new("python3")
        .args([
            "-c",
            "import json,sys; print(json.dumps(json.load(sys.stdin), sort_keys=True, indent=4))",
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        gatherer_tests::note_skipped("python3 is not installed, with which the result is compared");
        return;
    };
    let mut stdin = python.stdin.take().expect("stdin is a pipe");
    std::io::Write::write_all(&mut stdin, document.to_string().as_bytes()).expect("Python reads");
    drop(stdin);
    let expected = python.wait_with_output().expect("Python ends").stdout;
    assert_eq!(text, String::from_utf8(expected).expect("Python prints UTF-8"));
}

#[test]
fn two_runs_give_the_same_bytes() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints: Value = (0..20)
        .map(|n| match n % 4 {
            0 => json!({"id": format!("e{n}"), "module": "Misbehaving", "case": "refuses"}),
            1 => json!({"id": format!("e{n}"), "module": "Misbehaving", "case": "abort"}),
            _ => json!({"id": format!("e{n}"), "module": "Example", "hostname": "h", "guests": n,
                "delay_ms": (20 - n) * 3}),
        })
        .collect();
    for (format, more) in
        [("gatherer", None), ("inventory", Some("--no-run-info")), ("table", Some("--no-run-info"))]
    {
        let run = || {
            Run::gather(&endpoints)
                .plugins(plugins.path())
                .args(["--format", format])
                .args(more)
                .run()
                .expect_code(0)
        };
        let (first, second) = (run(), run());
        assert_eq!(first.stdout_text(), second.stdout_text(), "{format}");
    }
}

#[test]
fn the_order_of_the_request_does_not_matter() {
    let plugins = PluginFolder::with(&["example"]);
    let mut endpoints: Vec<Value> = (0..10).map(|n| example(&format!("e{n}"), "h")).collect();
    let run = |endpoints: &[Value]| {
        Run::gather(&json!(endpoints)).plugins(plugins.path()).run().expect_code(0).stdout
    };
    let first = run(&endpoints);
    endpoints.reverse();
    assert_eq!(first, run(&endpoints));
}

#[test]
fn the_inventory_has_times_only_in_run_objects() {
    let plugins = PluginFolder::with(&["example"]);
    let run = |more: &[&str]| {
        Run::gather(&json!([example("e", "h")]))
            .plugins(plugins.path())
            .args(["--format", "inventory"])
            .args(more)
            .run()
            .inventory()
    };
    let with = run(&[]);
    assert!(with["run"]["startedAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{with:#}");
    assert!(with["run"]["finishedAt"].as_str().is_some_and(|time| time.ends_with('Z')));
    assert!(with["endpoints"][0]["run"]["durationMs"].is_u64(), "{with:#}");
    assert_eq!(with["schemaVersion"], "1.8");
    assert_eq!(with["generator"]["name"], "virtual-host-gatherer");
    assert_eq!(with["endpoints"][0]["plugin"]["name"], "gatherer-plugin-example");

    let mut stripped = with;
    for object in ["", "/endpoints/0"] {
        let object = stripped.pointer_mut(object).and_then(Value::as_object_mut);
        object.expect("the inventory and an endpoint are objects").remove("run");
    }
    assert_eq!(stripped, run(&["--no-run-info"]));
}

#[test]
fn failed_endpoints_among_200_do_not_affect_the_others() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let cases = ["refuses", "abort", "exit-0", "wrong-counts", "panic"];
    let endpoints: Value = (0..200)
        .map(|n| {
            if n % 10 == 0 {
                let case = cases[n / 10 % cases.len()];
                json!({"id": format!("e{n:03}"), "module": "Misbehaving", "case": case})
            } else {
                json!({"id": format!("e{n:03}"), "module": "Example", "hostname": format!("h{n}")})
            }
        })
        .collect();
    let outcome = Run::gather(&endpoints).plugins(plugins.path()).run();
    let document = outcome.document();
    assert_eq!(document.len(), 200);
    for (n, (id, hosts)) in document.iter().enumerate() {
        assert_eq!(*id, format!("e{n:03}"));
        match hosts {
            None => assert_eq!(n % 10, 0, "{id} failed"),
            Some(hosts) => {
                assert_ne!(n % 10, 0, "{id} did not fail");
                assert_eq!(hosts.len(), 1);
                assert_eq!(hosts[&format!("h{n}")].vms.len(), 2);
            }
        }
    }
}

#[test]
fn fail_on_affects_only_the_exit_status() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let good = example("good", "h");
    let bad = json!({"id": "bad", "module": "Misbehaving", "case": "refuses"});
    let cases = [
        ("never", vec![&good, &bad], 0),
        ("any", vec![&good, &bad], 1),
        ("any", vec![&good], 0),
        ("all", vec![&good, &bad], 0),
        ("all", vec![&bad], 1),
        ("all", vec![], 0),
        ("any", vec![], 0),
    ];
    for (policy, endpoints, code) in cases {
        let outcome = Run::gather(&json!(endpoints))
            .plugins(plugins.path())
            .args(["--fail-on", policy])
            .run()
            .expect_code(code);
        let document = gatherer_tests::document::gatherer_document(&outcome.stdout);
        assert_eq!(document.len(), endpoints.len(), "the result is printed in each case");
    }
}

#[test]
fn stdout_has_only_the_result_at_any_verbosity() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        example("good", "h"),
        {"id": "loud", "module": "Misbehaving", "case": "prints-to-stdout"},
        {"id": "logs", "module": "Misbehaving", "case": "escapes-in-log"},
    ]);
    let run = |args: &[&str]| Run::gather(&endpoints).plugins(plugins.path()).args(args).run();
    let quiet = run(&[]);
    assert_eq!(quiet.document().len(), 3);
    assert_eq!(run(&["-v", "-v"]).stdout, quiet.stdout);
}

#[test]
fn the_table_escapes_control_characters() {
    let plugins = PluginFolder::with(&["example"]);
    let name = "h\x1b[31mred\u{202e}evil\nline\u{9b}1m";
    for columns in ["40", "80", "200"] {
        let outcome = Run::gather(&json!([example("e\x1b]0;title\x07", name)]))
            .plugins(plugins.path())
            .args(["--format", "table"])
            .env("COLUMNS", columns)
            .run()
            .expect_code(0);
        let text = outcome.stdout_text();
        assert!(
            !text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'),
            "{text:?}"
        );
        if columns == "200" {
            assert!(text.contains("red"), "{text}");
        }
    }
}

#[test]
fn a_piped_table_does_not_cut_ids_and_shows_the_host_of_each_guest() {
    let plugins = PluginFolder::with(&["example"]);
    let name = "a-host-with-a-name-that-is-as-long-as-a-line-of-a-terminal-and-longer.example.com";
    let outcome = Run::gather(&json!([
        {"id": "e", "module": "Example", "hostname": name, "guests": 2},
    ]));
    let outcome = outcome.plugins(plugins.path()).args(["--format", "table"]).run().expect_code(0);
    let guest = "00000000-0000-4000-8000-000000000002";
    let line = outcome.stdout_text().lines().find(|line| line.contains(guest));
    assert!(line.is_some_and(|line| line.contains(name)), "{}", outcome.describe());
}

#[test]
fn messages_escape_the_control_characters_of_a_request() {
    let plugins = PluginFolder::with(&["example"]);
    let outcome = Run::gather(&json!([{"id": "e\x1b[31m\nforged line", "module": "Un\x1bknown"}]))
        .plugins(plugins.path())
        .arg("-v")
        .run()
        .expect_code(0);
    for text in [&outcome.stderr, &outcome.log] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("forged")), "{text:?}");
    }
}
