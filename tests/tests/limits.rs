//! A machine that gives little.

use std::io::Read as _;

use gatherer_tests::{PluginFolder, Run, skip};
use serde_json::{Value, json};

#[test]
fn few_open_files_mean_fewer_workers_at_once_and_no_failure() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints: Value = (0..40)
        .map(|number| {
            let id = format!("e{number}");
            json!({"id": id, "module": "Example", "hostname": "h", "delay_ms": 100})
        })
        .collect();
    let outcome = Run::gather(&endpoints)
        .plugins(plugins.path())
        .args(["--jobs", "40"])
        .through(["sh", "-c", "ulimit -n 96 && exec \"$0\" \"$@\""])
        .run()
        .expect_code(0);
    let document = outcome.document();
    assert_eq!(document.len(), 40);
    assert!(document.values().all(Option::is_some), "{}", outcome.describe());
    assert!(outcome.stderr.contains("96 open files are allowed"), "{}", outcome.describe());
}

#[test]
fn a_worker_keeps_the_soft_limit_on_open_files() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let running = Run::gather(&endpoints)
        .plugins(plugins.path())
        .through(["sh", "-c", "ulimit -Sn 512 && exec \"$0\" \"$@\""])
        .start();
    // It has its limits before it loads the plugin, and the plugin sleeps.
    let plugin = std::fs::canonicalize(plugins.path().join("libgatherer_plugin_misbehaving.so"));
    let plugin = plugin.expect("it is there").display().to_string();
    let limits = running.wait_until("the worker has loaded its plugin", |running| {
        let worker = *running.workers().first()?;
        let maps = std::fs::read_to_string(format!("/proc/{worker}/maps")).ok()?;
        maps.contains(&plugin).then_some(())?;
        std::fs::read_to_string(format!("/proc/{worker}/limits")).ok()
    });
    let open_files = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = open_files.and_then(|line| line.split_whitespace().nth(3));
    assert_eq!(soft, Some("512"), "{limits}");
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect_code(143);
}

#[test]
fn a_stdout_that_somebody_made_nonblocking_gets_everything() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "guests": 5000}]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--outfile", "whole.json"]);
    let whole = run.run().expect_code(0);
    let whole = std::fs::read(whole.home().join("whole.json")).expect("it was written");
    assert!(whole.len() > 256 * 1024, "more than a pipe holds: {}", whole.len());

    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    let flags = rustix::fs::fcntl_getfl(&writer).expect("flags");
    let flags = flags | rustix::fs::OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(&writer, flags).expect("flags");
    let (request, mut feeder) = std::io::pipe().expect("a pipe");
    let run = Run::new().args(["--infile", "-"]).plugins(plugins.path());
    let mut child = run.command().stdin(request).stdout(writer).spawn().expect("it starts");
    std::io::Write::write_all(&mut feeder, endpoints.to_string().as_bytes()).expect("it reads");
    drop(feeder);
    let mut read = Vec::new();
    std::fs::File::from(reader).read_to_end(&mut read).expect("it is a pipe");
    assert!(child.wait().expect("it ends").success());
    assert!(read == whole, "{} bytes, not {}", read.len(), whole.len());
}

const SIGXFSZ: u32 = 25;

/// Runs the program where a file may have 4 KiB at most.
fn with_small_files(run: Run) -> Run {
    // 512 bytes each.
    run.through(["sh", "-c", "ulimit -f 8 && exec \"$0\" \"$@\""])
}

#[test]
fn a_result_beyond_the_limit_on_files_is_a_sentence_and_exit_4() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "guests": 5000}]);
    let gather = || with_small_files(Run::gather(&endpoints).plugins(plugins.path()));
    for format in ["gatherer", "inventory", "ndjson"] {
        let outcome = gather().args(["--format", format, "--outfile", "out"]).run().expect_code(4);
        assert!(outcome.stderr.contains("the result cannot be written"), "{}", outcome.describe());
        assert!(outcome.stderr.contains("File too large"), "{}", outcome.describe());
        let left = std::fs::read_dir(outcome.home()).expect("the run's folder");
        let left: Vec<_> =
            left.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        assert_eq!(left, ["gatherer.log"], "no temporary file stays");

        let run = gather().args(["--format", format]);
        let stdout = std::fs::File::create(run.home().join("stdout")).expect("a file");
        let outcome = run.start_on(stdout, std::process::Stdio::piped()).finish().expect_code(4);
        assert!(outcome.stderr.contains("to standard output"), "{}", outcome.describe());
    }
}

#[test]
fn a_log_beyond_the_limit_on_files_costs_no_result() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "flood", "module": "Misbehaving", "case": "floods-stderr"},
        {"id": "e", "module": "Example", "hostname": "h"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["-v", "-v"]);
    let outcome = with_small_files(run).run();
    assert!(outcome.document()["e"].is_some(), "{}", outcome.describe());
    assert!(outcome.log.len() <= 4096, "{}", outcome.log.len());
}

#[test]
fn what_a_worker_starts_has_the_default_action_of_the_limit_on_files() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let running = Run::gather(&endpoints).plugins(plugins.path()).start();
    let status = running.wait_until("the worker is another program", |running| {
        let worker = *running.workers().first()?;
        let command_line = std::fs::read(format!("/proc/{worker}/cmdline")).ok()?;
        command_line.windows(8).any(|name| name == b"__worker").then_some(())?;
        std::fs::read_to_string(format!("/proc/{worker}/status")).ok()
    });
    for set in ["SigIgn:", "SigCgt:"] {
        let mask = status.lines().find_map(|line| line.strip_prefix(set)).expect("there");
        let mask = u64::from_str_radix(mask.trim(), 16).expect("a mask");
        assert_eq!(mask & (1 << (SIGXFSZ - 1)), 0, "{set} {mask:x}");
    }
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect_code(143);
}

#[test]
fn an_endpoint_fills_neither_the_log_nor_an_error() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([
        {"id": "lines", "module": "Misbehaving", "case": "floods-stderr"},
        {"id": "warnings", "module": "Misbehaving", "case": "floods-warnings"},
        {"id": "error", "module": "Misbehaving", "case": "refuses-at-length"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path());
    let outcome = run.args(["--format", "inventory", "-v", "-v"]).run();
    for said in ["wrote more than 4 MiB of log", "more warnings are not logged"] {
        assert_eq!(outcome.stderr.matches(said).count(), 1, "{said}: {}", outcome.describe());
    }
    let written = std::fs::read_dir(outcome.home()).expect("the run's folder");
    let written: u64 = written.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum();
    assert!(written < 6 * 1024 * 1024, "{written} bytes of log");
    for line in outcome.log.lines() {
        assert!(line.len() < 5 * 1024, "a line of {} bytes", line.len());
    }
    let cut = |text: &Value| {
        let text = text.as_str().expect("text");
        assert!(text.len() <= 4096 && text.ends_with(" bytes left out)"), "{}", text.len());
        assert!(!text.contains("hunter2"), "redacted before it is cut");
    };
    let error = &outcome.endpoint("error")["error"];
    cut(&error["message"]);
    cut(&error["hint"]);
    let warnings = &outcome.endpoint("warnings")["warnings"];
    assert_eq!(warnings.as_array().map(Vec::len), Some(1001), "a thousand, and what is left out");
    cut(&warnings[0]["message"]);
}

#[test]
fn a_worker_needs_no_dev_null() {
    let in_empty_dev = ["unshare", "-m", "sh", "-c"];
    let mount = "mount -t tmpfs none /dev";
    let mut probe = std::process::Command::new(in_empty_dev[0]);
    let probe = probe.args(&in_empty_dev[1..]).arg(mount).status();
    if !probe.is_ok_and(|status| status.success()) {
        skip!("an empty /dev cannot be mounted here");
    }
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "e", "module": "Example", "hostname": "h"},
        {"id": "stdin", "module": "Misbehaving", "case": "reads-stdin"},
    ]);
    let script = format!("{mount} && exec \"$0\" \"$@\"");
    let outcome = Run::gather(&endpoints)
        .plugins(plugins.path())
        .through(in_empty_dev.iter().copied().chain([script.as_str()]))
        .run();
    let document = outcome.document();
    assert!(document["e"].is_some() && document["stdin"].is_some(), "{}", outcome.describe());
}

#[test]
fn a_worker_that_the_kernel_kills_is_no_fault_of_the_plugin() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]);
    let running = run.start();
    let worker =
        running.wait_until("the worker runs", |running| running.workers().first().copied());
    let worker = i32::try_from(worker).ok().and_then(rustix::process::Pid::from_raw);
    let kill = rustix::process::Signal::KILL;
    rustix::process::kill_process(worker.expect("a process id"), kill).expect("it runs");
    let outcome = running.finish();
    let error = &outcome.endpoint("s")["error"];
    assert_eq!(error["kind"], "crashed", "{error}");
    let hint = error["hint"].as_str().expect("a hint");
    assert!(!hint.contains("fault") && hint.contains("memory"), "{hint}");
}

#[test]
fn an_outfile_may_have_the_longest_name_that_there_is() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let name = "n".repeat(255);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--outfile", &name]);
    let outcome = run.run().expect_code(0);
    assert!(outcome.home().join(name).is_file());
}

#[test]
fn a_name_that_is_too_long_is_named_in_the_error_and_not_blamed_on_frames() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h".repeat(2_000_000)}]);
    let outcome =
        Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]).run();
    let error = &outcome.endpoint("e")["error"];
    let message = error["message"].as_str().expect("a message");
    assert!(message.starts_with("the record of an object with a long name is "), "{message}");
}
