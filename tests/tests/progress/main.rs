//! `--progress`: shown on terminals only, unless requested, and without an effect on the result and on log lines.

mod terminal;

use std::process::Stdio;

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use rustix::process::Signal;
use serde_json::{Value, json};

use terminal::Terminal;

/// A text that only the display of progress has.
const BAR: &str = "endpoints done";

/// A run with a usual `TERM`, in a format that logs nothing about the hosts.
fn terminal_run(endpoints: &Value, plugins: &PluginFolder) -> Run {
    quiet_run(endpoints, plugins).env("TERM", "xterm-256color")
}

fn quiet_run(endpoints: &Value, plugins: &PluginFolder) -> Run {
    let run = Run::gather(endpoints).plugins(plugins.path());
    run.env("VIRTUAL_HOST_GATHERER_FORMAT", "inventory")
}

/// Endpoints that fail one after another while a slow one is running.
fn failing(count: usize) -> Value {
    let mut endpoints = vec![json!({"id": "slow", "module": "Example", "hostname": "h",
        "delay_ms": 1500})];
    endpoints.extend((0..count).map(
        |number| json!({"id": format!("e{number}"), "module": "Misbehaving", "case": "refuses"}),
    ));
    endpoints.into()
}

#[test]
fn a_terminal_shows_counts_and_the_longest_running_endpoint() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "slow\u{1b}[1m", "module": "Misbehaving", "case": "reports-progress"},
        {"id": "quick", "module": "Example", "hostname": "h"},
        {"id": "wrong", "module": "Example"},
    ]);
    let terminal = Terminal::new(24, 100);
    let running = terminal_run(&endpoints, &plugins).start_on(Stdio::piped(), terminal.stdio());
    running.wait_until("the terminal shows the endpoint", |_| {
        let counts = "2/3 endpoints done, 1 failed, 1 running, 5 records";
        let after_0_s = "slow\\u{1b}[1m (0 s): reading \\u{1b}[31mpage\\u{202e} 1\\nof 2";
        let after_1_s = after_0_s.replace("(0 s)", "(1 s)");
        let is_shown = terminal.has_shown(counts)
            && (terminal.has_shown(after_0_s) || terminal.has_shown(&after_1_s));
        is_shown.then_some(())
    });
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    let (last, screens) = terminal.finish();
    assert!(!last.iter().any(|line| line.contains(BAR)), "{last:#?}");
    assert!(last.iter().all(|line| line.starts_with("error: ")), "{last:#?}");
    assert!(!screens.concat().contains('\u{202e}'));
}

#[test]
fn log_lines_and_the_display_are_not_mixed() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let terminal = Terminal::new(100, 300);
    let run = terminal_run(&failing(40), &plugins).args(["--jobs", "2", "--color", "never"]);
    let outcome = run.start_on(Stdio::piped(), terminal.stdio()).finish();
    assert_eq!(outcome.code(), 0, "{}", outcome.describe());
    let (mut last, screens) = terminal.finish();
    assert!(screens.iter().any(|screen| screen.contains(BAR)), "{}", outcome.describe());
    last.sort();
    // Apart from the id all lines are the same, so a line that was torn differs.
    let sentence = last.first().and_then(|line| line.split_once("] ")).map(|(_, rest)| rest);
    let sentence = sentence.expect("a line has an id").to_owned();
    assert!(sentence.contains("authentication"), "{sentence}");
    let mut expected: Vec<_> =
        (0..40).map(|number| format!("error: [e{number}] {sentence}")).collect();
    expected.sort();
    assert_eq!(last, expected);
}

#[test]
fn lines_of_the_result_on_the_same_terminal_are_whole() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let terminal = Terminal::new(100, 1000);
    let run = terminal_run(&failing(10), &plugins).args(["--format", "ndjson", "--color", "never"]);
    let outcome = run.start_on(terminal.stdio(), terminal.stdio()).finish();
    assert_eq!(outcome.code(), 0, "{}", outcome.describe());
    let (last, screens) = terminal.finish();
    assert!(screens.iter().any(|screen| screen.contains(BAR)), "{}", outcome.describe());
    let (results, messages): (Vec<_>, Vec<_>) = last.iter().partition(|line| line.starts_with('{'));
    assert_eq!((results.len(), messages.len()), (11, 10), "{last:#?}");
    for line in results {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(messages.iter().all(|line| line.starts_with("error: [e")), "{messages:#?}");
}

#[test]
fn a_small_terminal_and_one_of_unknown_size_are_clean_at_the_end() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    for (rows, columns) in [(30, 25), (3, 25), (0, 0)] {
        let terminal = Terminal::new(rows, columns);
        let run = terminal_run(&failing(0), &plugins);
        let outcome = run.start_on(Stdio::piped(), terminal.stdio()).finish();
        assert_eq!(outcome.code(), 0, "{}", outcome.describe());
        let (last, screens) = terminal.finish();
        assert!(screens.iter().any(|screen| screen.contains("0/1 endpoint done")), "{screens:?}");
        assert!(last.is_empty(), "{rows} rows of {columns}: {last:#?}");
    }
}

#[test]
fn the_result_is_the_same_with_and_without_progress() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    for format in [&["--format", "gatherer"][..], &["--format", "inventory", "--no-run-info"]] {
        let run = |progress: &str| {
            let run = terminal_run(&failing(3), &plugins);
            run.args(format).args(["--progress", progress])
        };
        let without = run("never").run().expect_code(0);
        assert_eq!(without.stderr.matches(BAR).count(), 0, "{}", without.describe());
        let with = run("always").run().expect_code(0);
        assert!(with.stderr.contains(BAR), "{}", with.describe());
        assert_eq!(with.stdout, without.stdout);
        let terminal = Terminal::new(24, 80);
        let on_terminal = run("auto").start_on(Stdio::piped(), terminal.stdio()).finish();
        assert_eq!(on_terminal.stdout, without.stdout);
        assert!(terminal.finish().1.iter().any(|screen| screen.contains(BAR)));
    }
}

#[test]
fn shows_nothing_without_a_capable_terminal() {
    let plugins = PluginFolder::with(&["example"]);
    let slow = json!([{"id": "slow", "module": "Example", "hostname": "h", "delay_ms": 1500}]);
    // stderr is a pipe, as with a Manager, although TERM is set.
    let outcome = terminal_run(&slow, &plugins).run().expect_code(0);
    assert_eq!(outcome.stderr, "");

    let cases: [(Option<&str>, &[&str]); 3] =
        [(Some("dumb"), &[]), (None, &[]), (Some("xterm"), &["--progress", "never"])];
    for (kind, args) in cases {
        let terminal = Terminal::new(24, 80);
        let mut run = quiet_run(&slow, &plugins).args(args);
        if let Some(kind) = kind {
            run = run.env("TERM", kind);
        }
        let outcome = run.start_on(Stdio::piped(), terminal.stdio()).finish();
        assert_eq!(outcome.code(), 0, "{}", outcome.describe());
        assert!(terminal.finish().0.is_empty(), "{kind:?} {args:?}");
    }
}

#[test]
fn always_prints_plain_lines_without_a_terminal() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let run = || terminal_run(&failing(2), &plugins).args(["--progress", "always"]);
    let outcome = run().run().expect_code(0);
    let lines: Vec<_> = outcome.stderr.lines().collect();
    assert!(lines.iter().all(|line| !line.contains('\u{1b}')), "{}", outcome.describe());
    assert_message!(lines.last().copied().unwrap_or_default());
    let slow =
        lines.iter().any(|line| line.contains(" running, ") && line.contains("longest slow ("));
    assert!(slow, "{}", outcome.describe());

    let outcome = run().args(["--log-format", "json"]).run().expect_code(0);
    let mut lines = Vec::new();
    for line in outcome.stderr.lines() {
        let line: Value = serde_json::from_str(line).expect("every line is JSON");
        lines.push((line["level"].to_string(), line["target"].to_string()));
    }
    let progress = ("\"info\"".to_owned(), "\"progress\"".to_owned());
    assert!(lines.contains(&progress), "{lines:?}");
    assert!(!outcome.log.contains(BAR), "the log file has no progress");
}

#[test]
fn the_environment_and_the_operators_file_can_enable_progress() {
    let plugins = PluginFolder::with(&["example"]);
    let one = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let assert_shows_progress = |outcome: &Outcome| {
        assert!(outcome.stderr.starts_with("progress: 1/1 "), "{}", outcome.describe());
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.describe());
    };
    let run = || quiet_run(&one, &plugins);
    let outcome = run().env("VIRTUAL_HOST_GATHERER_PROGRESS", "always").run().expect_code(0);
    assert_shows_progress(&outcome);
    let run = run().args(["--config", "config.toml"]);
    let config = run.home().join("config.toml");
    std::fs::write(config, "progress = \"always\"\n").expect("the file can be written");
    assert_shows_progress(&run.run().expect_code(0));
}

#[test]
fn a_flood_of_progress_is_at_most_a_line_a_second() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let flood = json!([{"id": "f", "module": "Misbehaving", "case": "floods-progress"}]);
    let outcome = terminal_run(&flood, &plugins).args(["--progress", "always"]).run();
    let lines = outcome.stderr.lines().filter(|line| line.starts_with("progress: ")).count() as u64;
    assert_eq!(outcome.code(), 0, "{}", outcome.describe());
    assert!((1..=outcome.took.as_secs() + 1).contains(&lines), "{}", outcome.describe());
}

#[test]
fn a_signal_ends_the_run_on_a_stopped_terminal() {
    let plugins = PluginFolder::with(&["example"]);
    let one = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let start = |format: &str, stderr_too: bool| {
        let terminal = Terminal::new(24, 80);
        terminal.stop();
        let run = terminal_run(&one, &plugins).args(["--format", format, "-v"]);
        let stderr = if stderr_too { terminal.stdio() } else { Stdio::piped() };
        let running = run.start_on(terminal.stdio(), stderr);
        running.wait_until("the endpoint is done", |running| {
            running.log().contains("2 guests in").then_some(())
        });
        running.signal(Signal::TERM);
        let outcome = running.finish();
        assert_eq!(outcome.code(), 143, "{format}: {}", outcome.describe());
        assert!(outcome.log.contains("ended by SIGTERM"), "{format}: {}", outcome.describe());
        outcome.stderr
    };
    for format in ["inventory", "ndjson"] {
        assert!(start(format, false).contains("ended by SIGTERM"), "{format}");
    }
    start("ndjson", true);
}
