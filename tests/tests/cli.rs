//! The command line: usage errors, help, the subcommands for people.

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

#[test]
fn a_wrong_command_line_is_exit_2_on_stderr() {
    let wrong: [&[&str]; 10] = [
        &["--no-such-option"],
        &["no-such-command"],
        &["--infile"],
        &["--infile", "-", "--format", "xml"],
        &["--infile", "-", "--jobs", "many"],
        &["--infile", "-", "--jobs", "0"],
        &["--infile", "-", "--timeout", "-1"],
        &["--infile", "-", "--fail-on", "sometimes"],
        &["--infile", "-", "--progress", "sometimes"],
        &["schema", "nothing"],
    ];
    for args in wrong {
        let outcome = Run::new().without_logfile().args(args).run().expect_code(2);
        assert!(outcome.stdout.is_empty(), "{}", outcome.describe());
        assert!(!outcome.stderr.is_empty(), "{}", outcome.describe());
    }
}

#[test]
fn help_names_every_option_with_an_example() {
    let outcome = Run::new().without_logfile().arg("--help").run().expect_code(0);
    let help = outcome.stdout_text();
    for option in [
        "--infile",
        "--outfile",
        "--verbose",
        "--list-modules",
        "--logfile",
        "--help",
        "--version",
        "--format",
        "--jobs",
        "--timeout",
        "--run-timeout",
        "--plugin-dir",
        "--only",
        "--fail-on",
        "--worker-memory",
        "--log-format",
        "--color",
        "--progress",
        "--config",
        "--no-run-info",
        "modules",
        "match-images",
        "schema",
        "plugin",
    ] {
        assert!(help.contains(option), "{option} is not in the help:\n{help}");
    }
    assert!(!help.contains("__worker"), "what is not for people is hidden:\n{help}");
    assert!(outcome.stderr.is_empty());
}

#[test]
fn short_help_and_version_are_on_stdout() {
    let help = Run::new().without_logfile().arg("-h").run().expect_code(0);
    assert!(help.stdout_text().contains("--list-modules"));
    for option in ["-V", "--version"] {
        let version = Run::new().without_logfile().arg(option).run().expect_code(0);
        assert!(
            version.stdout_text().contains(env!("CARGO_PKG_VERSION")),
            "{}",
            version.describe()
        );
        assert_eq!(version.stdout_text().lines().count(), 1);
    }
}

#[test]
fn a_worker_that_is_started_by_hand_says_one_clear_sentence() {
    let outcome = Run::new().without_logfile().arg("__worker").run();
    assert_ne!(outcome.code(), 0, "{}", outcome.describe());
    assert!(outcome.code() < 128, "{}", outcome.describe());
    assert_eq!(outcome.stderr.trim().lines().count(), 1, "{}", outcome.describe());
}

#[test]
fn modules_shows_the_parameters_of_one() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let all = Run::new().arg("modules").plugins(plugins.path()).run().expect_code(0);
    for text in ["Example", "Misbehaving", "One made-up host"] {
        assert!(all.stdout_text().contains(text), "{}", all.describe());
    }
    let one = Run::new().args(["modules", "Example"]).plugins(plugins.path()).run().expect_code(0);
    for text in
        ["hostname", "guests", "delay_ms", "required", "integer", "advanced", "kvm1.example.com"]
    {
        assert!(one.stdout_text().contains(text), "{text}: {}", one.describe());
    }
    assert!(one.stdout_text().contains("libgatherer_plugin_example.so"), "{}", one.describe());
    let none = Run::new().args(["modules", "Nobody"]).plugins(plugins.path()).run();
    assert_ne!(none.code(), 0);
    assert!(none.stderr.contains("Nobody"), "{}", none.describe());
}

#[test]
fn modules_is_there_as_json_too() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    plugins.add_bytes("bad", b"nothing");
    let outcome =
        Run::new().args(["modules", "--json"]).plugins(plugins.path()).run().expect_code(0);
    let list: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let text = list.to_string();
    for part in
        ["Example", "delay_ms", "libgatherer_plugin_example.so", "libgatherer_plugin_bad.so"]
    {
        assert!(text.contains(part), "{part}: {list:#}");
    }
}

#[test]
fn the_plugin_path_of_the_environment_is_used_where_no_option_is() {
    let one = PluginFolder::with(&["example"]);
    let two = PluginFolder::with(&["misbehaving"]);
    let path = std::env::join_paths([one.path(), two.path()]).expect("joinable");
    let names = |run: Run| {
        let outcome = run.arg("--list-modules").run().expect_code(0);
        let list: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
        list.as_object().expect("an object").keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(Run::new().env("GATHERER_PLUGIN_PATH", &path)), ["Example", "Misbehaving"]);
    assert_eq!(
        names(Run::new().env("GATHERER_PLUGIN_PATH", &path).plugins(two.path())),
        ["Misbehaving"]
    );
}

#[test]
fn schemas_are_json_schema_2020_12() {
    for name in ["inventory", "manifest", "request"] {
        let outcome = Run::new().args(["schema", name]).run().expect_code(0);
        let schema: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
    }
}

#[test]
fn a_config_that_was_asked_for_and_cannot_be_read_is_exit_3() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let missing = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--config", "/nonexistent/config.toml"])
        .run()
        .expect_code(3);
    assert!(missing.stderr.contains("/nonexistent/config.toml"), "{}", missing.describe());

    let relative = "[policy]\ncredential_folders = [\"credentials\"]\n";
    for text in ["not toml at all [", "no_such_key = 1\n", "jobs = \"many\"\n", relative] {
        let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--config", "config.toml"]);
        std::fs::write(run.home().join("config.toml"), text).expect("writable");
        let outcome = run.run().expect_code(3);
        assert!(outcome.stderr.contains("config.toml"), "{text}: {}", outcome.describe());
    }
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let run = |args: &[&str], environment: Option<&str>| {
        let mut run = Run::gather(&endpoints)
            .plugins(plugins.path())
            .args(["--config", "config.toml"])
            .args(args);
        if let Some(format) = environment {
            run = run.env("VIRTUAL_HOST_GATHERER_FORMAT", format);
        }
        std::fs::write(run.home().join("config.toml"), "format = \"inventory\"\n").expect("ok");
        let outcome = run.run().expect_code(0);
        let text = outcome.stdout_text().to_owned();
        match serde_json::from_str::<Value>(&text) {
            Ok(document) if document.get("schemaVersion").is_some() => "inventory",
            Ok(_) => "gatherer",
            Err(_) => "table",
        }
    };
    assert_eq!(run(&[], None), "inventory");
    assert_eq!(run(&[], Some("table")), "table");
    assert_eq!(run(&["--format", "gatherer"], Some("table")), "gatherer");
}

#[test]
fn where_no_plugin_was_found_the_list_says_where_it_looked() {
    let plugins = PluginFolder::new();
    let outcome = Run::new().arg("modules").plugins(plugins.path()).run().expect_code(0);
    let looked = format!("no plugin was found in {}", plugins.path().display());
    assert!(outcome.stdout_text().contains(&looked), "{}", outcome.describe());
}

#[test]
fn a_config_that_others_may_write_or_replace_is_refused_and_the_log_says_so() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    for (file_mode, folder_mode, words) in
        [(0o666, 0o755, "it is writable by everybody"), (0o644, 0o777, "is writable by everybody")]
    {
        let run =
            Run::gather(&endpoints).plugins(plugins.path()).args(["--config", "etc/config.toml"]);
        let folder = run.home().join("etc");
        std::fs::create_dir(&folder).expect("writable");
        let config = folder.join("config.toml");
        std::fs::write(&config, "jobs = 2\n").expect("writable");
        gatherer_tests::plugins::set_mode(&config, file_mode);
        gatherer_tests::plugins::set_mode(&folder, folder_mode);
        let outcome = run.run().expect_code(3);
        for said in [&outcome.stderr, &outcome.log] {
            assert!(said.contains("config.toml is not trusted"), "{}", outcome.describe());
            assert!(said.contains(words), "{}", outcome.describe());
        }
    }
}
