//! `--format ndjson`: each endpoint on a line of its own as soon as it is answered, whoever reads
//! and however slowly.

use std::io::{BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use gatherer_tests::{Outcome, PluginFolder, Run, Running};
use rustix::process::Signal;
use serde_json::{Value, json};

fn ndjson(endpoints: &Value, plugins: &PluginFolder) -> Run {
    Run::gather(endpoints).plugins(plugins.path()).args(["--format", "ndjson"])
}

fn mixed() -> Value {
    json!([
        {"id": "late", "module": "Example", "hostname": "kvm1", "guests": 3, "delay_ms": 400},
        {"id": "warned", "module": "Example", "hostname": "kvm2", "no_such_parameter": "x"},
        {"id": "bad", "module": "Misbehaving", "case": "refuses"},
        {"id": "lost", "module": "Misbehaving", "case": "lost-collection"},
        {"id": "wrong", "module": "Example"},
        {"module": "Example", "id": "o\u{2028}d\u{85}d \u{1f427}", "hostname": "a\"b\u{202e}\nc"},
    ])
}

fn sleeper(id: &str) -> Value {
    json!({"id": id, "module": "Misbehaving", "case": "sleeps"})
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    // As some readers split: at more than line feeds.
    let is_break = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    let lines = text.split(is_break).filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().expect("an id")).collect()
}

/// Starts a run of which the test reads stdout itself.
fn start(run: Run) -> (Running, OwnedFd) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (run.start_on(writer, Stdio::piped()), reader.into())
}

fn read_line(stdout: &mut impl std::io::BufRead) -> Value {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("text");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

#[test]
fn every_line_is_an_endpoint_as_the_inventory_has_it_with_the_schemas_version() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let whole = Run::gather(&mixed()).plugins(plugins.path());
    let whole = whole.args(["--format", "inventory", "--no-run-info"]).run().inventory();
    let outcome = ndjson(&mixed(), &plugins).arg("--no-run-info").run().expect_code(0);
    let mut lines = lines(outcome.stdout_text());
    assert_eq!(ids(&lines).last(), Some(&"late"), "in the order in which they are answered");
    for line in &mut lines {
        let version = line.as_object_mut().expect("an object").remove("schemaVersion");
        assert_eq!(version.as_ref(), Some(&whole["schemaVersion"]));
    }
    lines.sort_by_key(|line| line["id"].as_str().map(str::to_owned));
    assert_eq!(Value::from(lines), whole["endpoints"]);
}

#[test]
fn the_page_about_the_inventory_shows_a_line_as_it_is_printed() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoint =
        json!({"id": "kvm1", "module": "Example", "hostname": "kvm1.example.com", "guests": 1});
    let outcome = ndjson(&endpoint, &plugins).arg("--no-run-info").run().expect_code(0);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/inventory.md");
    let page = std::fs::read_to_string(page).expect("readable");
    assert!(page.contains(&format!("```json\n{}```\n", outcome.stdout_text())));
}

#[test]
fn every_line_fits_its_schema_and_no_run_info_leaves_out_what_differs() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/ndjson.json");
    let schema = std::fs::read_to_string(schema).expect("readable");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::options().build(&schema).expect("a schema");
    let run = |more: &[&str]| {
        let outcome = ndjson(&mixed(), &plugins).args(more).run().expect_code(0);
        let lines = lines(outcome.stdout_text());
        assert_eq!(lines.len(), 6);
        for line in &lines {
            let problems: Vec<_> =
                schema.iter_errors(line).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{problems:#?}\n{line:#}");
        }
        let mut lines: Vec<_> = outcome.stdout_text().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert!(run(&[]).iter().any(|line| line.contains("\"durationMs\"")));
    let fixed = run(&["--no-run-info"]);
    assert!(!fixed.iter().any(|line| line.contains("\"durationMs\"")));
    assert_eq!(run(&["--no-run-info"]), fixed, "the same bytes, but for the order");
    assert!(!schema.is_valid(&json!({"id": "x", "status": "complete", "hosts": []})));
}

#[test]
fn a_line_is_there_while_others_are_asked_and_stays_when_a_signal_ends_the_run() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "wrong", "module": "Example"},
        sleeper("s"),
        {"id": "good", "module": "Example", "hostname": "h", "delay_ms": 200},
    ]);
    let (running, stdout) = start(ndjson(&endpoints, &plugins));
    let mut stdout = BufReader::new(std::fs::File::from(stdout));
    assert_eq!(read_line(&mut stdout)["id"], "wrong");
    let line = read_line(&mut stdout);
    assert_eq!((&line["id"], &line["status"]), (&json!("good"), &json!("complete")));
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "", "what was interrupted is no answer");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_and_its_workers_quietly() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let mut endpoints = vec![json!({"id": "good", "module": "Example", "hostname": "h"})];
    endpoints.extend((0..3).map(|number| sleeper(&format!("s{number}"))));
    let (running, stdout) = start(ndjson(&endpoints.into(), &plugins).args(["--jobs", "2"]));
    let mut stdout = BufReader::new(std::fs::File::from(stdout));
    assert_eq!(read_line(&mut stdout)["id"], "good");
    drop(stdout);
    // Nothing else is ever written: that the reader is gone has to be noticed without it.
    let outcome = running.finish();
    assert_eq!((outcome.code(), outcome.stderr.as_str()), (0, ""), "{}", outcome.describe());
    assert!(!outcome.log.contains("failed"), "{}", outcome.describe());
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

/// More than a pipe holds.
fn large(count: usize) -> Value {
    let endpoint = |number| {
        json!({"id": format!("e{number:03}"), "module": "Example", "hostname": "h",
            "guests": 2000})
    };
    (0..count).map(endpoint).collect()
}

fn answered(running: &Running) -> usize {
    running.log().matches("2000 guests in").count()
}

#[test]
fn a_reader_who_does_not_read_is_waited_for_with_as_many_answers_as_there_are_jobs() {
    let plugins = PluginFolder::with(&["example"]);
    let args = ["--jobs", "2", "--run-timeout", "4"];
    let (running, stdout) = start(ndjson(&large(20), &plugins).args(args));
    running.wait_until("the run's time limit passes", |running| {
        running.log().contains("time limit of 4 s passed").then_some(())
    });
    assert_eq!(answered(&running), 2, "the others were not asked: nobody took the answers");
    let mut text = String::new();
    std::fs::File::from(stdout).read_to_string(&mut text).expect("text");
    let outcome = running.finish();
    assert_eq!(outcome.code(), 0, "{}", outcome.describe());
    let lines = lines(&text);
    let complete = lines.iter().filter(|line| line["status"] == "complete").count();
    assert_eq!((lines.len(), complete), (20, 2), "the rest is told all the same");
    assert!(
        lines.iter().all(|line| line["status"] == "complete" || line["error"]["kind"] == "timeout")
    );
}

#[test]
fn a_signal_is_heard_while_nobody_reads() {
    let plugins = PluginFolder::with(&["example"]);
    let (running, _stdout) = start(ndjson(&large(5), &plugins).args(["--jobs", "2"]));
    running.wait_until("the pipe is full", |running| (answered(running) == 2).then_some(()));
    running.signal(Signal::INT);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 130, "{}", outcome.describe());
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn what_was_printed_is_kept_no_longer() {
    let plugins = PluginFolder::with(&["example"]);
    let (running, stdout) = start(ndjson(&large(120), &plugins).args(["--jobs", "2"]));
    let status = format!("/proc/{}/status", running.pid());
    let peak_kib = || -> u64 {
        let status = std::fs::read_to_string(&status).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("there");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let mut stdout = BufReader::new(std::fs::File::from(stdout));
    let mut next = || read_line(&mut stdout)["id"].clone();
    (0..20).for_each(|_| drop(next()));
    let early = peak_kib();
    (20..115).for_each(|_| drop(next()));
    let late = peak_kib();
    (115..120).for_each(|_| drop(next()));
    let outcome = running.finish();
    assert_eq!(outcome.code(), 0, "{}", outcome.describe());
    // 95 more answers of 2,000 guests are 40 MiB and more.
    assert!(late < early + 10 * 1024, "{early} KiB, then {late} KiB");
}

#[test]
fn the_exit_status_follows_fail_on() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let all = json!([{"id": "a", "module": "Misbehaving", "case": "refuses"}, {"id": "b"}]);
    for (endpoints, fail_on, code) in
        [(mixed(), "any", 1), (mixed(), "all", 0), (all.clone(), "all", 1), (all, "never", 0)]
    {
        let outcome = ndjson(&endpoints, &plugins).args(["--fail-on", fail_on]).run();
        let outcome = outcome.expect_code(code);
        let count = endpoints.as_array().map(Vec::len);
        assert_eq!(Some(lines(outcome.stdout_text()).len()), count);
    }
}

fn files(outcome: &Outcome) -> Vec<String> {
    let names = std::fs::read_dir(outcome.home()).expect("the run's folder");
    let mut names: Vec<_> =
        names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

#[test]
fn an_outfile_has_all_lines_or_is_as_it_was() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let run = |endpoints: &Value| {
        let run = ndjson(endpoints, &plugins).args(["--outfile", "result"]);
        std::fs::write(run.home().join("result"), "as it was").expect("writable");
        run
    };
    let outcome = run(&mixed()).run().expect_code(0);
    let text = std::fs::read_to_string(outcome.home().join("result")).expect("text");
    assert_eq!(lines(&text).len(), 6);
    assert_eq!(files(&outcome), ["gatherer.log", "result"]);
    assert!(outcome.stdout.is_empty());

    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "h"}, sleeper("s")]);
    let running = run(&endpoints).start();
    running.wait_until("the first line is written", |running| {
        let files = std::fs::read_dir(running.home()).expect("the run's folder");
        let written = |path: std::path::PathBuf| {
            path.extension().is_some_and(|extension| extension == "tmp")
                && std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
        };
        files.filter_map(Result::ok).any(|entry| written(entry.path())).then_some(())
    });
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    let text = std::fs::read_to_string(outcome.home().join("result")).expect("text");
    assert_eq!(text, "as it was");
    assert_eq!(files(&outcome), ["gatherer.log", "result"], "no temporary file stays");
}

#[test]
fn a_place_that_takes_no_more_ends_the_run_and_is_said() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "h"}, sleeper("s")]);
    let outcome = ndjson(&endpoints, &plugins).args(["--outfile", "/dev/full"]).run();
    let outcome = outcome.expect_code(4);
    assert!(outcome.stderr.contains("cannot be written to /dev/full"), "{}", outcome.describe());
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn no_endpoint_is_no_line_and_the_operators_file_may_ask_for_the_format() {
    let plugins = PluginFolder::with(&["example"]);
    let outcome = ndjson(&json!([]), &plugins).run().expect_code(0);
    assert_eq!(outcome.stdout_text(), "");
    let one = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let run = Run::gather(&one).plugins(plugins.path()).args(["--config", "config.toml"]);
    std::fs::write(run.home().join("config.toml"), "format = \"ndjson\"\n").expect("writable");
    let outcome = run.run().expect_code(0);
    assert_eq!(ids(&lines(outcome.stdout_text())), ["e"]);
}
