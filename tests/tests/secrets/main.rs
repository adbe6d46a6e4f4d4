//! Secrets never leave the request frame. Each test puts a canary where a secret can be, and checks that it
//! does not appear on stdout, on stderr, in the most detailed log, or in the worker's command line,
//! environment or core.

mod reported_secrets;
mod secret_references;
mod secret_spellings;

use std::os::unix::fs::MetadataExt as _;

use gatherer_tests::{Outcome, PluginFolder, Run, processes, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

const CANARY: &str = "Canary-7f3a91";

/// Parts of the canary, none of which may be printed either.
const PARTS: [&str; 7] = ["Cana", "anar", "nary", "ary-", "ry-7", "y-7f", "7f3a91"];

/// Checks that no part of the canary was printed or logged.
#[track_caller]
fn assert_no_leak(outcome: &Outcome, case: &str) {
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    for (stream, text) in [("stdout", &printed), ("stderr", &outcome.stderr), ("log", &outcome.log)]
    {
        for part in PARTS {
            assert!(
                !text.contains(part),
                "{case}: {stream} has a part of the canary: {:?}",
                text.lines().find(|line| line.contains(part))
            );
        }
    }
}

/// Runs endpoints in three formats at the most detailed log level, and checks that the canary is not shown.
/// The result has the format `inventory`.
fn run_without_leaks(case: &str, plugins: &[&str], endpoints: &Value, more: &[&str]) -> Outcome {
    let plugins = PluginFolder::with(plugins);
    let running: Vec<_> = ["gatherer", "table", "inventory"]
        .iter()
        .map(|format| {
            Run::gather(endpoints)
                .plugins(plugins.path())
                .args(["-v", "-v", "--format", *format])
                .args(more)
                .start()
        })
        .collect();
    let mut last = None;
    for running in running {
        let outcome = running.finish();
        assert_eq!(outcome.code(), 0, "{case}: {}", outcome.describe());
        assert_no_leak(&outcome, case);
        last = Some(outcome);
    }
    last.expect("three formats")
}

fn misbehaving(case: &str) -> Value {
    json!([{"id": "e", "module": "Misbehaving", "case": case, "username": "me", "password": CANARY}])
}

/// Defines a test for each case of the misbehaving plugin: the endpoint gets this status, and the secret is
/// replaced by `***`.
macro_rules! redacts {
    ($($name:ident: $case:literal => $status:literal;)+) => {
        $(
            #[test]
            fn $name() {
                let outcome = run_without_leaks($case, &["misbehaving"], &misbehaving($case), &[]);
                let endpoint = outcome.endpoint("e");
                assert_eq!(endpoint["status"], $status, "{endpoint:#}");
                let output = format!("{endpoint}{}", outcome.messages());
                assert!(output.contains("***"), "the redacted text is missing: {output}");
            }
        )+
    };
}

redacts! {
    redacts_log_lines_and_progress: "log-secret" => "complete";
    redacts_warnings: "warning-secret" => "complete";
    redacts_a_plugins_stdout: "stdout-secret" => "complete";
    redacts_a_plugins_stderr: "stderr-secret" => "complete";
    redacts_a_line_of_any_length: "long-line-secret" => "complete";
    redacts_the_last_line_of_a_crashed_plugin: "dying-secret" => "failed";
    redacts_an_error_and_its_hint: "error-secret" => "failed";
    redacts_the_error_of_a_collection: "collection-secret" => "complete";
    redacts_the_name_of_a_collection: "collection-name-secret" => "failed";
    redacts_a_text_before_it_is_cut: "cut-secret" => "complete";
    redacts_last_words_that_begin_inside_a_secret: "dying-in-a-line-secret" => "failed";
}

#[test]
fn redacts_the_message_of_a_panic() {
    let outcome = run_without_leaks("panic", &["misbehaving"], &misbehaving("panic-secret"), &[]);
    assert_eq!(outcome.endpoint("e")["error"]["kind"], "internal");
}

#[test]
fn the_error_of_a_wrong_type_does_not_show_the_value() {
    let wrong = [
        ("pin", json!(CANARY)),
        ("pin", json!({"x": CANARY})),
        ("ratio", json!(CANARY)),
        ("ratio", json!([CANARY])),
        ("flag", json!(CANARY)),
        ("tokens", json!({"x": CANARY})),
        ("tokens", json!([[CANARY]])),
        ("key", json!({"x": CANARY})),
        ("password", json!([CANARY])),
        ("password", json!({"x": CANARY})),
        ("password", json!({"env": CANARY, "file": CANARY})),
        ("timeout", json!(CANARY)),
        ("retries", json!(CANARY)),
        ("insecure", json!(CANARY)),
        ("proxy", json!([CANARY])),
        ("client_cert", json!([CANARY])),
        ("client_key", json!([CANARY])),
        ("client_key", json!({"x": CANARY})),
    ];
    let endpoints: Value = wrong
        .iter()
        .enumerate()
        .map(|(number, (name, value))| {
            let mut endpoint =
                json!({"id": format!("e{number}"), "module": "Misbehaving", "case": "behaves"});
            endpoint[name] = value.clone();
            endpoint
        })
        .collect();
    let outcome = run_without_leaks("wrong types", &["misbehaving"], &endpoints, &[]);
    for (number, (name, value)) in wrong.iter().enumerate() {
        let failure = outcome.failure(&format!("e{number}"));
        assert_eq!(failure.kind, "configuration", "{name} {value}: {failure}");
        assert!(failure.message.contains(name), "the name {name} is missing: {failure}");
    }
}

#[test]
fn the_error_of_a_wrong_type_hides_values_that_are_not_secret_too() {
    let endpoints = json!([
        {"id": "e", "module": "Example", "hostname": "h", "guests": CANARY},
        {"id": "f", "module": "Example", "hostname": [CANARY]},
    ]);
    run_without_leaks("wrong types", &["example"], &endpoints, &[]);
}

#[test]
fn the_value_of_an_unknown_parameter_is_not_shown() {
    let endpoints = json!([
        {"id": "e", "module": "Example", "hostname": "h", "passwrod": CANARY},
        {"id": "f", "module": "Unknown", "password": CANARY},
        {"id": "g", "module": "Example", "password": CANARY},
    ]);
    let outcome = run_without_leaks("unknown", &["example"], &endpoints, &[]);
    assert!(outcome.messages().contains("passwrod"), "{}", outcome.describe());
}

#[test]
fn the_error_of_an_invalid_infile_does_not_quote_it() {
    let cases = [
        format!("[{{\"id\": \"e\", \"password\": \"{CANARY}\" oops}}]"),
        format!("[{{\"id\": \"e\", \"password\": \"{CANARY}"),
        format!("[\"{CANARY}\"]"),
        format!("\"{CANARY}\""),
        CANARY.to_owned(),
        format!("[{{\"password\": \"\\u12{CANARY}\"}}]"),
        format!("[{{\"id\": \"e\", \"module\": [\"{CANARY}\"]}}]"),
    ];
    let plugins = PluginFolder::with(&["example"]);
    for text in cases {
        let outcome = Run::new()
            .args(["--infile", "-", "-v", "-v"])
            .plugins(plugins.path())
            .stdin(text.clone())
            .run();
        assert_no_leak(&outcome, &text);
    }
}

#[test]
fn the_user_and_query_of_a_url_are_not_shown() {
    let url = format!("http://user:{CANARY}@127.0.0.1:1/x?token={CANARY}#{CANARY}");
    let endpoints = json!([{"id": "e", "module": "File", "url": url, "retries": "0"}]);
    let outcome = run_without_leaks("URL", &["file"], &endpoints, &[]);
    let failure = outcome.failure("e");
    assert_eq!(failure.kind, "connection", "{failure}");
    assert!(failure.message.contains("127.0.0.1"), "{failure}");

    // Invalid URLs may contain secrets too.
    for invalid in [
        format!("http://user:{CANARY}@[::1/x"),
        format!("http://user:{CANARY}@127.0.0.1:99999/"),
        format!("http://127.0.0.1:1:{CANARY}/"),
        format!("ftp://user:{CANARY}@127.0.0.1/"),
        format!("HTTP:user:{CANARY}@127.0.0.1"),
        format!("user:{CANARY}@127.0.0.1:80/x"),
        format!("http:\\\\user:{CANARY}@127.0.0.1/x"),
        format!("http:user:{CANARY}/x?y#z@127.0.0.1/x"),
    ] {
        let endpoints = json!([{"id": "e", "module": "File", "url": invalid, "retries": "0"}]);
        run_without_leaks(&invalid, &["file"], &endpoints, &[]);
    }
}

#[test]
fn the_password_of_a_proxy_is_not_shown() {
    let proxy = format!("http://user:{CANARY}@127.0.0.1:1");
    let endpoints = json!([
        {"id": "e", "module": "File", "url": "http://192.0.2.1/x", "proxy": proxy, "retries": "0"},
        {"id": "f", "module": "File", "url": "http://192.0.2.1/x", "retries": "0",
            "proxy": format!("htp:/user:{CANARY}@:")},
    ]);
    let outcome = run_without_leaks("proxy", &["file"], &endpoints, &[]);
    assert_eq!(outcome.endpoint("e")["status"], "failed");

    let plugins = PluginFolder::with(&["file"]);
    let endpoints = json!([
        {"id": "e", "module": "File", "url": "http://192.0.2.1/x", "retries": "0"},
        {"id": "f", "module": "File", "url": "https://192.0.2.1/x", "retries": "0"},
    ]);
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        let outcome = Run::gather(&endpoints)
            .plugins(plugins.path())
            .args(["-v", "-v", "--format", "inventory"])
            .env("http_proxy", &proxy)
            .env(name, &proxy)
            .run();
        assert_no_leak(&outcome, name);
        assert_eq!(outcome.endpoint("e")["error"]["kind"], "connection", "{}", outcome.describe());
    }
}

#[test]
fn the_command_line_and_environment_of_a_worker_have_no_secret() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let proxy = format!("http://user:{CANARY}@127.0.0.1:1");
    let running = Run::gather(&misbehaving("sleeps"))
        .plugins(plugins.path())
        .env("http_proxy", &proxy)
        .env("https_proxy", &proxy)
        .env("SOME_TOKEN", CANARY)
        .env("LD_PRELOAD_SECRET", CANARY)
        .start();
    let worker =
        running.wait_until("a worker starts", |running| running.workers().first().copied());
    let read = |name: &str| std::fs::read(format!("/proc/{worker}/{name}"));
    // Between fork and exec the worker still has the runner's command line.
    running.wait_until("the worker calls exec", |_| {
        let command_line = read("cmdline").ok()?;
        command_line.windows(8).any(|name| name == b"__worker").then_some(())
    });
    running.wait_until("the worker has its limits", |_| {
        let limits = String::from_utf8(read("limits").ok()?).ok()?;
        let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?;
        let numbers: Vec<&str> = core.split_whitespace().take(2).collect();
        (numbers == ["0", "0"]).then_some(())
    });
    let command_line = String::from_utf8_lossy(&read("cmdline").expect("readable")).into_owned();
    assert!(command_line.contains("__worker"), "{command_line}");
    assert!(!command_line.contains(CANARY), "{command_line}");
    // Only root can read the environment of a process that is not dumpable.
    if let Ok(environment) = read("environ") {
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(!environment.contains(CANARY), "{environment}");
        let names: Vec<&str> =
            environment.split('\0').filter_map(|entry| entry.split('=').next()).collect();
        for name in ["http_proxy", "https_proxy", "SOME_TOKEN"] {
            assert!(!names.contains(&name), "{names:?}");
        }
    }
    running.signal(Signal::TERM);
    assert_no_leak(&running.finish(), "a run that was ended");
}

#[test]
fn the_processes_of_commands_that_read_a_request_are_not_dumpable() {
    let plugins = PluginFolder::new();
    let plugin = plugins.add("misbehaving");
    for command in ["", "check", "watch", "plugin"] {
        let run = Run::new().stdin(misbehaving("sleeps").to_string());
        let run = match command {
            "plugin" => run.args(["plugin", "verify", "--request", "-"]).arg(&plugin),
            "" => run.args(["--infile", "-"]).plugins(plugins.path()),
            command => run.args([command, "--infile", "-"]).plugins(plugins.path()),
        };
        let Some(run) = run.as_user() else {
            skip!("an unprivileged user cannot run the program, or setpriv is not installed");
        };
        let running = run.start();
        running.wait_until("a worker starts", |running| running.workers().first().copied());
        let log_process = running
            .wait_until("the process that writes the log has its name", |_| {
                processes::log_process(running.pid())
            });
        for process in [running.pid(), log_process] {
            let environment = std::fs::metadata(format!("/proc/{process}/environ"));
            let owner = environment.expect("the process is running").uid();
            assert_eq!(owner, 0, "in /proc a process that is not dumpable belongs to root");
        }
        running.signal(Signal::TERM);
        assert_no_leak(&running.finish(), "a run that was ended");
    }
}

#[test]
fn a_worker_is_not_dumpable() {
    // In /proc a process that is not dumpable belongs to root. An unprivileged user is needed to see that.
    let plugins = PluginFolder::with(&["misbehaving"]);
    let Some(run) = Run::gather(&misbehaving("sleeps")).plugins(plugins.path()).as_user() else {
        skip!("an unprivileged user cannot run the program, or setpriv is not installed");
    };
    let running = run.start();
    let worker =
        running.wait_until("a worker starts", |running| running.workers().first().copied());
    running.wait_until("the worker is not dumpable", |_| {
        let owner = std::fs::metadata(format!("/proc/{worker}/environ")).ok()?.uid();
        (owner == 0).then_some(())
    });
    running.signal(Signal::TERM);
    assert_no_leak(&running.finish(), "a run that was ended");
}
