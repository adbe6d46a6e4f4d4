//! With few descriptors or processes a run prints its complete result or an error.

use gatherer_tests::{Outcome, PluginFolder, Run, plugins, skip};
use serde_json::{Value, json};

/// The command lines that print a result.
const COMMANDS: [&[&str]; 9] = [
    &["--infile", "-", "--format", "gatherer"],
    &["--infile", "-", "--format", "inventory"],
    &["--infile", "-", "--format", "ndjson"],
    &["--infile", "-", "--format", "table"],
    &["--infile", "-", "--outfile", "result"],
    &["--infile", "-", "--format", "ndjson", "--progress", "always", "-vv"],
    &["modules"],
    &["match-images", "--images", "images", "--infile", "-"],
    &["match-images", "--images", "images", "--inventory", "inventory"],
];

fn endpoints() -> Value {
    let mut endpoints: Vec<_> = (0..3)
        .map(|n| json!({"id": format!("e{n}"), "module": "Example", "hostname": "h"}))
        .collect();
    // Resolving the name needs a thread of the plugin. Nothing listens on the port.
    let url = "http://localhost:9/";
    endpoints.push(json!({"id": "f", "module": "File", "url": url, "retries": "0"}));
    endpoints.into()
}

/// Runs a command line under a limit of `prlimit`.
fn run(command: &[&str], folder: &PluginFolder, through: &[String]) -> Outcome {
    let run = Run::new().args(command).plugins(folder.path()).stdin(endpoints().to_string());
    let run = run.through(through);
    let inventory = json!({"schemaVersion": "1.0", "endpoints": []}).to_string();
    std::fs::write(run.home().join("images"), "[]").expect("writable");
    std::fs::write(run.home().join("inventory"), inventory).expect("writable");
    plugins::set_mode(run.home(), 0o777);
    run.run()
}

/// Checks that the run printed a result with every endpoint, or only an error.
fn assert_complete_or_error(outcome: &Outcome, command: &[&str], limit: &str) {
    let describe = || format!("{limit}: {}", outcome.describe());
    assert!(!outcome.messages().contains("panicked"), "{}", describe());
    assert!(!outcome.messages().contains("RUST_BACKTRACE"), "{}", describe());
    match outcome.code() {
        0 => {}
        3..=5 => {
            assert!(outcome.stderr.contains("error: "), "{}", describe());
            assert!(outcome.stdout.is_empty(), "{}", describe());
            return;
        }
        _ => panic!("{}", describe()),
    }
    let written = std::fs::read_to_string(outcome.home().join("result")).unwrap_or_default();
    let printed = if command.contains(&"--outfile") { &written } else { outcome.stdout_text() };
    let expected = if command[0] == "--infile" { &["e0", "e1", "e2", "f"][..] } else { &[][..] };
    assert!(!printed.is_empty(), "{}", describe());
    assert!(expected.iter().all(|id| printed.contains(id)), "{}", describe());
}

fn prlimit(option: &str, number: u32) -> Vec<String> {
    vec!["prlimit".to_owned(), format!("--{option}={number}:{number}")]
}

/// Whether `prlimit` is installed.
fn has_prlimit() -> bool {
    let probe = std::process::Command::new("prlimit").args(["--nofile=64:64", "true"]).status();
    probe.is_ok_and(|status| status.success())
}

#[test]
fn few_descriptors_give_a_complete_result_or_an_error() {
    if !has_prlimit() {
        skip!("prlimit is not installed");
    }
    let folder = PluginFolder::with(&["example", "file"]);
    let mut complete = 0;
    for number in (6..=32).chain([36, 40]) {
        for command in COMMANDS {
            let outcome = run(command, &folder, &prlimit("nofile", number));
            assert_complete_or_error(&outcome, command, &format!("{number} descriptors"));
            complete += u32::from(outcome.code() == 0 && command.contains(&"gatherer"));
        }
    }
    assert!(complete > 0, "no limit was high enough for a result");
}

#[test]
fn few_processes_give_a_complete_result_or_an_error() {
    if !has_prlimit() || !rustix::process::geteuid().is_root() {
        skip!("limiting the processes of another user needs prlimit and root");
    }
    // The limit counts all processes of a user, so each run of the tests uses a different user.
    let user = 60_000 + std::process::id() % 5_000;
    let user =
        ["setpriv", "--clear-groups", &format!("--reuid={user}"), &format!("--regid={user}")]
            .map(str::to_owned);
    let folder = PluginFolder::with(&["example", "file"]);
    for number in (1..=10).chain([30]) {
        let through = [prlimit("nproc", number), user.to_vec()].concat();
        for command in COMMANDS {
            let outcome = run(command, &folder, &through);
            assert_complete_or_error(&outcome, command, &format!("{number} processes"));
            if number == 30 && command[0] == "--infile" {
                assert!(!outcome.stderr.contains("no worker"), "{}", outcome.describe());
                assert_eq!(outcome.code(), 0, "{}", outcome.describe());
            }
        }
    }
}

#[test]
fn verify_does_not_blame_the_plugin_if_no_worker_can_be_started() {
    if !has_prlimit() {
        skip!("prlimit is not installed");
    }
    let folder = PluginFolder::with(&["example"]);
    let file = folder.path().join("libgatherer_plugin_example.so");
    let command = ["plugin", "verify", file.to_str().expect("text")];
    for number in [6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40] {
        let outcome = run(&command, &folder, &prlimit("nofile", number));
        assert!([0, 3, 4, 5].contains(&outcome.code()), "{number}: {}", outcome.describe());
        assert!(!outcome.messages().contains("panicked"), "{}", outcome.describe());
        assert!(outcome.code() == 0 || !outcome.stderr.is_empty(), "{}", outcome.describe());
    }
}
