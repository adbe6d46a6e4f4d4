//! The command line: usage errors, help, the subcommands, and the operator's file.

use gatherer_tests::{PluginFolder, Run, assert_message};
use serde_json::{Value, json};

#[test]
fn a_wrong_command_line_is_exit_status_2() {
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
fn only_the_options_of_the_classic_can_be_abbreviated() {
    let plugins = PluginFolder::with(&["example"]);
    let list = Run::new().arg("--list").plugins(plugins.path()).run().expect_code(0);
    assert!(list.stdout_text().contains("\"Example\""), "{}", list.describe());
    let help = Run::new().without_logfile().arg("--hel").run().expect_code(0);
    assert!(help.stdout_text().contains("--infile"), "{}", help.describe());
    let own = Run::new().without_logfile().args(["--form", "table"]).run().expect_code(2);
    assert!(own.stderr.contains("--form"), "{}", own.describe());
}

#[test]
fn the_last_of_a_repeated_option_counts() {
    let infile = r#"[{"id": "e", "module": "Example", "hostname": "h"}]"#;
    let plugins = PluginFolder::with(&["example"]);
    let outcome = Run::new()
        .args(["--infile", "/nowhere", "--format", "table", "--inf", "-", "--format", "gatherer"])
        .plugins(plugins.path())
        .stdin(infile)
        .run()
        .expect_code(0);
    assert!(outcome.document()["e"].is_some(), "{}", outcome.describe());
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
        "--find",
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
    assert!(!help.contains("__worker"), "the internal subcommand is hidden:\n{help}");
    assert!(outcome.stderr.is_empty());
}

#[test]
fn help_texts_match_their_snapshots() {
    for (name, command) in [
        ("help", &[][..]),
        ("help_modules", &["modules"]),
        ("help_match_images", &["match-images"]),
        ("help_check", &["check"]),
        ("help_merge", &["merge"]),
        ("help_schema", &["schema"]),
        ("help_plugin_inspect", &["plugin", "inspect"]),
        ("help_plugin_verify", &["plugin", "verify"]),
    ] {
        let run = Run::new().without_logfile().env("COLUMNS", "100").args(command).arg("--help");
        assert_message!(name, run.run().expect_code(0).stdout_text());
    }
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
fn a_worker_that_is_started_by_hand_prints_one_message() {
    let outcome = Run::new().without_logfile().arg("__worker").run();
    assert_ne!(outcome.code(), 0, "{}", outcome.describe());
    assert!(outcome.code() < 128, "{}", outcome.describe());
    assert_eq!(outcome.stderr.trim().lines().count(), 1, "{}", outcome.describe());
    assert_message!(outcome.stderr);
}

#[test]
fn modules_lists_all_modules_and_the_parameters_of_one() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let all = Run::new().arg("modules").plugins(plugins.path()).run().expect_code(0);
    for text in ["Example", "Misbehaving", "One host, with guests"] {
        assert!(all.stdout_text().contains(text), "{}", all.describe());
    }
    let one = Run::new().args(["modules", "Example"]).plugins(plugins.path()).run().expect_code(0);
    for text in
        ["hostname", "guests", "delay_ms", "required", "integer", "advanced", "kvm1.example.com"]
    {
        assert!(one.stdout_text().contains(text), "{text}: {}", one.describe());
    }
    assert!(one.stdout_text().contains("libgatherer_plugin_example.so"), "{}", one.describe());
    let unknown = Run::new().args(["modules", "Unknown"]).plugins(plugins.path()).run();
    assert_ne!(unknown.code(), 0);
    assert!(unknown.stderr.contains("Unknown"), "{}", unknown.describe());
}

#[test]
fn modules_prints_json() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    plugins.add_bytes("bad", b"nothing");
    let outcome =
        Run::new().args(["modules", "--json"]).plugins(plugins.path()).run().expect_code(0);
    let list: Value = serde_json::from_slice(&outcome.stdout).expect("the list is JSON");
    let text = list.to_string();
    for part in
        ["Example", "delay_ms", "libgatherer_plugin_example.so", "libgatherer_plugin_bad.so"]
    {
        assert!(text.contains(part), "{part}: {list:#}");
    }
}

#[test]
fn the_plugin_path_of_the_environment_is_used_without_the_option() {
    let one = PluginFolder::with(&["example"]);
    let two = PluginFolder::with(&["misbehaving"]);
    let path = std::env::join_paths([one.path(), two.path()]).expect("no path has a colon");
    let names = |run: Run| {
        let outcome = run.arg("--list-modules").run().expect_code(0);
        let list: Value = serde_json::from_slice(&outcome.stdout).expect("the list is JSON");
        list.as_object().expect("the list is an object").keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(Run::new().env("GATHERER_PLUGIN_PATH", &path)), ["Example", "Misbehaving"]);
    assert_eq!(
        names(Run::new().env("GATHERER_PLUGIN_PATH", &path).plugins(two.path())),
        ["Misbehaving"]
    );
}

#[test]
fn schemas_conform_to_json_schema_2020_12() {
    for name in ["inventory", "manifest", "request"] {
        let outcome = Run::new().args(["schema", name]).run().expect_code(0);
        let schema: Value = serde_json::from_slice(&outcome.stdout).expect("a schema is JSON");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
    }
}

#[test]
fn a_named_config_that_cannot_be_used_is_exit_status_3() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let missing = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--config", "/nonexistent/config.toml"])
        .run()
        .expect_code(3);
    assert!(missing.stderr.contains("/nonexistent/config.toml"), "{}", missing.describe());

    let relative = "[policy]\ncredential_folders = [\"credentials\"]\n";
    let mut messages = missing.stderr;
    for text in ["not toml at all [", "no_such_key = 1\n", "jobs = \"many\"\n", relative] {
        let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--config", "config.toml"]);
        std::fs::write(run.home().join("config.toml"), text).expect("the file can be written");
        let outcome = run.run().expect_code(3);
        assert!(outcome.stderr.contains("config.toml"), "{text}: {}", outcome.describe());
        messages.push_str(&outcome.stderr);
    }
    assert_message!(messages);
}

#[test]
fn the_command_line_takes_precedence_over_the_environment_and_that_over_the_file() {
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
        let config = run.home().join("config.toml");
        std::fs::write(config, "format = \"inventory\"\n").expect("the file can be written");
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
fn modules_names_the_plugin_folder_if_it_has_no_plugin() {
    let plugins = PluginFolder::new();
    let outcome = Run::new().arg("modules").plugins(plugins.path()).run().expect_code(0);
    let folder = plugins.path().to_str().expect("the path is UTF-8");
    assert!(outcome.stdout_text().contains(folder), "{}", outcome.describe());
    assert_message!(outcome.stdout_text());
}

#[test]
fn list_modules_reports_on_stderr_and_in_the_log_that_there_is_no_plugin() {
    let (empty, other) = (PluginFolder::new(), PluginFolder::new());
    let run = Run::new().arg("-l").plugins(empty.path()).plugins(other.path());
    let outcome = run.run().expect_code(0);
    assert_eq!(outcome.stdout_text(), "{}\n");
    for folder in [empty.path(), other.path()] {
        let folder = folder.to_str().expect("the path is UTF-8");
        assert!(outcome.stderr.contains(folder), "{}", outcome.describe());
        assert!(outcome.log.contains(folder), "{}", outcome.describe());
    }
    assert_message!(outcome.stderr);
}

#[test]
fn a_config_that_other_users_can_write_or_replace_is_rejected_and_logged() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let messages = [(0o666, 0o755), (0o644, 0o777)].map(|(file_mode, folder_mode)| {
        let run =
            Run::gather(&endpoints).plugins(plugins.path()).args(["--config", "etc/config.toml"]);
        let folder = run.home().join("etc");
        std::fs::create_dir(&folder).expect("the folder can be created");
        let config = folder.join("config.toml");
        std::fs::write(&config, "jobs = 2\n").expect("the file can be written");
        gatherer_tests::plugins::set_mode(&config, file_mode);
        gatherer_tests::plugins::set_mode(&folder, folder_mode);
        let outcome = run.run().expect_code(3);
        for messages in [&outcome.stderr, &outcome.log] {
            assert!(messages.contains("config.toml"), "{}", outcome.describe());
            assert!(messages.contains("trusted"), "{}", outcome.describe());
        }
        outcome.stderr
    });
    assert_message!(messages.concat());
}
