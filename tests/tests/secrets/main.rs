//! Secrets live in the request frame only. A canary goes in wherever a secret can, and must not
//! come out anywhere: stdout, stderr, the log at its most detailed, the worker's command line,
//! environment and core.

mod learned;
mod references;
mod texts;

use std::os::unix::fs::MetadataExt as _;

use gatherer_tests::{Outcome, PluginFolder, Run, processes, skip};
use rustix::process::Signal;
use serde_json::{Value, json};

const CANARY: &str = "Canary-7f3a91";

/// What would show that a part of it came through.
const PARTS: [&str; 7] = ["Cana", "anar", "nary", "ary-", "ry-7", "y-7f", "7f3a91"];

fn assert_silent(outcome: &Outcome, what: &str) {
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    for (place, text) in [("stdout", &printed), ("stderr", &outcome.stderr), ("log", &outcome.log)]
    {
        for form in PARTS {
            assert!(
                !text.contains(form),
                "{what}: the canary is on {place}: {:?}",
                text.lines().find(|line| line.contains(form))
            );
        }
    }
}

/// Runs endpoints in every format at the most detailed level and looks for the canary.
fn run_silently(what: &str, plugins: &[&str], endpoints: &Value, more: &[&str]) -> Outcome {
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
        assert_eq!(outcome.code(), 0, "{what}: {}", outcome.describe());
        assert_silent(&outcome, what);
        last = Some(outcome);
    }
    last.expect("there are three formats")
}

fn misbehaving(case: &str) -> Value {
    json!([{"id": "e", "module": "Misbehaving", "case": case, "username": "me", "password": CANARY}])
}

macro_rules! tells {
    ($($name:ident: $case:literal => $status:literal;)+) => {
        $(
            #[test]
            fn $name() {
                let outcome = run_silently($case, &["misbehaving"], &misbehaving($case), &[]);
                let endpoint = outcome.endpoint("e");
                assert_eq!(endpoint["status"], $status, "{endpoint:#}");
                let said = format!("{endpoint}{}", outcome.messages());
                assert!(said.contains("***"), "the place of the secret is shown: {said}");
            }
        )+
    };
}

tells! {
    a_plugins_log_lines_and_progress_hide_secrets: "log-secret" => "complete";
    a_plugins_warnings_hide_secrets: "warning-secret" => "complete";
    a_plugins_stdout_hides_secrets: "stdout-secret" => "complete";
    a_plugins_stderr_hides_secrets: "stderr-secret" => "complete";
    a_plugins_endless_line_hides_secrets: "long-line-secret" => "complete";
    a_crashed_plugins_last_words_hide_secrets: "dying-secret" => "failed";
    a_plugins_error_and_hint_hide_secrets: "error-secret" => "failed";
    a_collections_error_hides_secrets: "collection-secret" => "complete";
    a_collections_name_hides_secrets: "collection-name-secret" => "complete";
    what_is_cut_short_is_rid_of_secrets_first: "cut-secret" => "complete";
    last_words_that_begin_in_a_secret_hide_it: "dying-in-a-line-secret" => "failed";
}

#[test]
fn a_panics_message_hides_secrets() {
    let outcome = run_silently("panic", &["misbehaving"], &misbehaving("panic-secret"), &[]);
    assert_eq!(outcome.endpoint("e")["error"]["kind"], "internal");
}

#[test]
fn a_value_of_the_wrong_type_is_not_shown() {
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
    let outcome = run_silently("wrong types", &["misbehaving"], &endpoints, &[]);
    for (number, (name, value)) in wrong.iter().enumerate() {
        let endpoint = outcome.endpoint(&format!("e{number}"));
        assert_eq!(endpoint["error"]["kind"], "configuration", "{name} {value}: {endpoint:#}");
        let message = endpoint["error"]["message"].as_str().expect("a message");
        assert!(message.contains(name), "names the parameter {name}: {message}");
    }
}

#[test]
fn a_parameter_that_is_not_secret_is_not_shown_either_when_its_type_is_wrong() {
    let endpoints = json!([
        {"id": "e", "module": "Example", "hostname": "h", "guests": CANARY},
        {"id": "f", "module": "Example", "hostname": [CANARY]},
    ]);
    run_silently("wrong types", &["example"], &endpoints, &[]);
}

#[test]
fn an_unknown_parameters_value_is_not_shown() {
    let endpoints = json!([
        {"id": "e", "module": "Example", "hostname": "h", "passwrod": CANARY},
        {"id": "f", "module": "Nobody", "password": CANARY},
        {"id": "g", "module": "Example", "password": CANARY},
    ]);
    let outcome = run_silently("unknown", &["example"], &endpoints, &[]);
    assert!(outcome.messages().contains("passwrod"), "{}", outcome.describe());
}

#[test]
fn an_infile_that_cannot_be_parsed_is_not_quoted() {
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
        assert_silent(&outcome, &text);
    }
}

#[test]
fn a_urls_user_and_query_are_not_shown() {
    let url = format!("http://user:{CANARY}@127.0.0.1:1/x?token={CANARY}#{CANARY}");
    let endpoints = json!([{"id": "e", "module": "File", "url": url, "retries": "0"}]);
    let outcome = run_silently("URL", &["file"], &endpoints, &[]);
    let error = &outcome.endpoint("e")["error"];
    assert_eq!(error["kind"], "connection", "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("127.0.0.1")), "{error}");

    // What is not quite a URL is no place to look less closely.
    for odd in [
        format!("http://user:{CANARY}@[::1/x"),
        format!("http://user:{CANARY}@127.0.0.1:99999/"),
        format!("http://127.0.0.1:1:{CANARY}/"),
        format!("ftp://user:{CANARY}@127.0.0.1/"),
        format!("HTTP:user:{CANARY}@127.0.0.1"),
        format!("user:{CANARY}@127.0.0.1:80/x"),
        format!("http:\\\\user:{CANARY}@127.0.0.1/x"),
        format!("http:user:{CANARY}/x?y#z@127.0.0.1/x"),
    ] {
        let endpoints = json!([{"id": "e", "module": "File", "url": odd, "retries": "0"}]);
        run_silently(&odd, &["file"], &endpoints, &[]);
    }
}

#[test]
fn a_proxys_password_is_not_shown() {
    let proxy = format!("http://user:{CANARY}@127.0.0.1:1");
    let endpoints = json!([
        {"id": "e", "module": "File", "url": "http://192.0.2.1/x", "proxy": proxy, "retries": "0"},
        {"id": "f", "module": "File", "url": "http://192.0.2.1/x", "retries": "0",
            "proxy": format!("htp:/user:{CANARY}@:")},
    ]);
    let outcome = run_silently("proxy", &["file"], &endpoints, &[]);
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
        assert_silent(&outcome, name);
        assert_eq!(outcome.endpoint("e")["error"]["kind"], "connection", "{}", outcome.describe());
    }
}

#[test]
fn a_running_workers_command_line_and_environment_hold_no_secret() {
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
    // Between fork and exec it is the runner still, with the runner's command line.
    running.wait_until("the worker is another program", |_| {
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
    // Who may not read the environment sees no secret in it either.
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
    assert_silent(&running.finish(), "a run that was ended");
}

#[test]
fn no_command_that_reads_a_request_can_be_dumped_or_traced() {
    let plugins = PluginFolder::new();
    let plugin = plugins.add("misbehaving");
    for verifies in [false, true] {
        let run = Run::new().stdin(misbehaving("sleeps").to_string());
        let run = if verifies {
            run.args(["plugin", "verify", "--request", "-"]).arg(&plugin)
        } else {
            run.args(["--infile", "-"]).plugins(plugins.path())
        };
        let Some(run) = run.as_user() else {
            skip!("nobody cannot run the program here, or there is no setpriv");
        };
        let running = run.start();
        running.wait_until("a worker starts", |running| running.workers().first().copied());
        let mut ours = vec![running.pid()];
        ours.extend(processes::log_process(running.pid()));
        assert_eq!(ours.len(), 2, "the runner and the process that writes its log");
        for process in ours {
            let owner =
                std::fs::metadata(format!("/proc/{process}/environ")).expect("it runs").uid();
            assert_eq!(owner, 0, "what cannot be dumped belongs to root in /proc");
        }
        running.signal(Signal::TERM);
        assert_silent(&running.finish(), "a run that was ended");
    }
}

#[test]
fn a_worker_cannot_be_dumped_or_traced() {
    // What cannot be dumped belongs to root in /proc: seen only if the process does not.
    let plugins = PluginFolder::with(&["misbehaving"]);
    let Some(run) = Run::gather(&misbehaving("sleeps")).plugins(plugins.path()).as_user() else {
        skip!("nobody cannot run the program here, or there is no setpriv");
    };
    let running = run.start();
    let worker =
        running.wait_until("a worker starts", |running| running.workers().first().copied());
    running.wait_until("the worker cannot be dumped", |_| {
        let owner = std::fs::metadata(format!("/proc/{worker}/environ")).ok()?.uid();
        (owner == 0).then_some(())
    });
    running.signal(Signal::TERM);
    assert_silent(&running.finish(), "a run that was ended");
}
