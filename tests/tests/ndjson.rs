//! `--format ndjson`: one line for each endpoint, printed as soon as the endpoint is done, for fast and slow
//! readers.

use std::io::{BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use gatherer_tests::{Outcome, PluginFolder, Run, Running, assert_message};
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
    // Some readers split at other characters than line feeds.
    let is_break = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    let lines = text.split(is_break).filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["id"].as_str().expect("an id is a string")).collect()
}

/// Starts a run whose stdout the test reads.
fn start(run: Run) -> (Running, OwnedFd) {
    let (reader, writer) = std::io::pipe().expect("a pipe can be created");
    (run.start_on(writer, Stdio::piped()), reader.into())
}

fn read_line(stdout: &mut impl std::io::BufRead) -> Value {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("stdout is UTF-8");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// Removes what only a whole run knows: the guests of the endpoints have the same UUIDs, so they are not linked.
fn remove_warnings_of_links(inventory: &mut Value) {
    let mut removed = 0;
    for endpoint in inventory["endpoints"].as_array_mut().expect("endpoints") {
        let warnings = endpoint.get_mut("warnings").and_then(Value::as_array_mut);
        let Some(warnings) = warnings else { continue };
        let all = warnings.len();
        warnings
            .retain(|warning| !warning["message"].to_string().contains("not linked by its uuid"));
        removed += all - warnings.len();
        if warnings.is_empty() {
            endpoint.as_object_mut().expect("an object").remove("warnings");
        }
    }
    assert!(removed > 0, "{inventory}");
}

#[test]
fn a_line_is_an_endpoint_of_the_inventory_with_the_version_of_the_schema() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let whole = Run::gather(&mixed()).plugins(plugins.path());
    let mut whole = whole.args(["--format", "inventory", "--no-run-info"]).run().inventory();
    remove_warnings_of_links(&mut whole);
    let outcome = ndjson(&mixed(), &plugins).arg("--no-run-info").run().expect_code(0);
    let mut lines = lines(outcome.stdout_text());
    assert_eq!(ids(&lines).last(), Some(&"late"), "lines are in the order of completion");
    for line in &mut lines {
        let version = line.as_object_mut().expect("a line is an object").remove("schemaVersion");
        assert_eq!(version.as_ref(), Some(&whole["schemaVersion"]));
    }
    lines.sort_by_key(|line| line["id"].as_str().map(str::to_owned));
    assert_eq!(Value::from(lines), whole["endpoints"]);
}

#[test]
fn the_page_about_the_inventory_shows_a_line() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoint =
        json!({"id": "kvm1", "module": "Example", "hostname": "kvm1.example.com", "guests": 1});
    let outcome = ndjson(&endpoint, &plugins).arg("--no-run-info").run().expect_code(0);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/inventory.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    assert!(page.contains(&format!("```json\n{}```\n", outcome.stdout_text())));
}

#[test]
fn every_line_is_valid_and_without_run_info_the_same_in_each_run() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/ndjson.json");
    let schema = std::fs::read_to_string(schema).expect("the schema can be read");
    let schema = serde_json::from_str(&schema).expect("the schema is JSON");
    let schema = jsonschema::options().build(&schema).expect("the schema is valid");
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
    assert_eq!(run(&["--no-run-info"]), fixed, "the lines are the same, except for their order");
    assert!(!schema.is_valid(&json!({"id": "x", "status": "complete", "hosts": []})));
}

#[test]
fn a_line_is_printed_before_other_endpoints_are_done_and_remains_after_a_signal() {
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
    stdout.read_to_string(&mut rest).expect("stdout is UTF-8");
    assert_eq!(rest, "", "an interrupted endpoint has no line");
}

#[test]
fn a_reader_that_closes_stdout_ends_the_run_and_its_workers_without_a_message() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let mut endpoints = vec![json!({"id": "good", "module": "Example", "hostname": "h"})];
    endpoints.extend((0..3).map(|number| sleeper(&format!("s{number}"))));
    let (running, stdout) = start(ndjson(&endpoints.into(), &plugins).args(["--jobs", "2"]));
    let mut stdout = BufReader::new(std::fs::File::from(stdout));
    assert_eq!(read_line(&mut stdout)["id"], "good");
    drop(stdout);
    // No further line is ever written, so the program must notice without a failed write.
    let outcome = running.finish();
    assert_eq!((outcome.code(), outcome.stderr.as_str()), (0, ""), "{}", outcome.describe());
    assert!(!outcome.log.contains(" failed: "), "{}", outcome.describe());
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

/// Endpoints whose lines are longer than the buffer of a pipe.
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
fn for_a_reader_that_does_not_read_only_as_many_endpoints_as_jobs_are_queried() {
    let plugins = PluginFolder::with(&["example"]);
    let args = ["--jobs", "2", "--run-timeout", "4"];
    let (running, stdout) = start(ndjson(&large(20), &plugins).args(args));
    running.wait_until("the run's time limit passes", |running| {
        running.log().contains("time limit of 4 s passed").then_some(())
    });
    assert_eq!(answered(&running), 2, "no other endpoint is queried while two lines wait");
    let mut text = String::new();
    std::fs::File::from(stdout).read_to_string(&mut text).expect("stdout is UTF-8");
    let outcome = running.finish();
    assert_eq!(outcome.code(), 0, "{}", outcome.describe());
    let lines = lines(&text);
    let complete = lines.iter().filter(|line| line["status"] == "complete").count();
    assert_eq!((lines.len(), complete), (20, 2), "the other endpoints have lines too");
    assert!(
        lines.iter().all(|line| line["status"] == "complete" || line["error"]["kind"] == "timeout")
    );
}

#[test]
fn a_signal_ends_the_run_while_stdout_is_not_read() {
    let plugins = PluginFolder::with(&["example"]);
    let (running, _stdout) = start(ndjson(&large(5), &plugins).args(["--jobs", "2"]));
    running.wait_until("the pipe is full", |running| (answered(running) == 2).then_some(()));
    running.signal(Signal::INT);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 130, "{}", outcome.describe());
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn memory_of_printed_endpoints_is_freed() {
    let plugins = PluginFolder::with(&["example"]);
    let (running, stdout) = start(ndjson(&large(120), &plugins).args(["--jobs", "2"]));
    let status = format!("/proc/{}/status", running.pid());
    let peak_kib = || -> u64 {
        let status = std::fs::read_to_string(&status).expect("the program is running");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let line = line.expect("a running process has peak memory");
        line.trim().trim_end_matches(" kB").parse().expect("the value is a number")
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
    // 95 answers with 2,000 guests are at least 40 MiB.
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
    let names = std::fs::read_dir(outcome.home()).expect("the run's folder can be listed");
    let mut names: Vec<_> =
        names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

#[test]
fn an_outfile_has_all_lines_or_is_unchanged() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let run = |endpoints: &Value| {
        let run = ndjson(endpoints, &plugins).args(["--outfile", "result"]);
        std::fs::write(run.home().join("result"), "old").expect("the file can be written");
        run
    };
    let outcome = run(&mixed()).run().expect_code(0);
    let result = |outcome: &Outcome| std::fs::read_to_string(outcome.home().join("result"));
    let text = result(&outcome).expect("the outfile can be read");
    assert_eq!(lines(&text).len(), 6);
    assert_eq!(files(&outcome), ["gatherer.log", "result"]);
    assert!(outcome.stdout.is_empty());

    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "h"}, sleeper("s")]);
    let running = run(&endpoints).start();
    running.wait_until("the first line is written", |running| {
        let files = std::fs::read_dir(running.home()).expect("the run's folder can be listed");
        let is_written = |path: std::path::PathBuf| {
            path.extension().is_some_and(|extension| extension == "tmp")
                && std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0)
        };
        files.filter_map(Result::ok).any(|entry| is_written(entry.path())).then_some(())
    });
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.code(), 143, "{}", outcome.describe());
    assert_eq!(result(&outcome).expect("the outfile can be read"), "old");
    assert_eq!(files(&outcome), ["gatherer.log", "result"], "no temporary file is left");
}

#[test]
fn a_full_device_ends_the_run_with_exit_status_5_and_a_message() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([{"id": "good", "module": "Example", "hostname": "h"}, sleeper("s")]);
    let outcome = ndjson(&endpoints, &plugins).args(["--outfile", "/dev/full"]).run();
    let outcome = outcome.expect_code(5);
    assert!(outcome.stderr.contains("/dev/full"), "{}", outcome.describe());
    assert_message!(outcome.stderr.lines().last().unwrap_or_default());
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn an_empty_request_prints_no_line() {
    let plugins = PluginFolder::with(&["example"]);
    let outcome = ndjson(&json!([]), &plugins).run().expect_code(0);
    assert_eq!(outcome.stdout_text(), "");
}

#[test]
fn the_operators_file_may_set_the_format() {
    let plugins = PluginFolder::with(&["example"]);
    let one = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let run = Run::gather(&one).plugins(plugins.path()).args(["--config", "config.toml"]);
    let config = run.home().join("config.toml");
    std::fs::write(config, "format = \"ndjson\"\n").expect("the file can be written");
    let outcome = run.run().expect_code(0);
    assert_eq!(ids(&lines(outcome.stdout_text())), ["e"]);
}
