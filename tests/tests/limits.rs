//! Limits of the machine: few open files, small files, a blocking stdout, an empty /dev; and the program's own
//! limits on logs and errors.

use std::io::Read as _;

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message, skip};
use serde_json::{Value, json};

#[test]
fn few_open_files_reduce_the_number_of_concurrent_workers() {
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
    assert!(outcome.stderr.contains("96 open files"), "{}", outcome.describe());
}

#[test]
fn a_worker_keeps_the_soft_limit_on_open_files() {
    if !rustix::process::geteuid().is_root() {
        skip!("only root can read which files a worker has mapped");
    }
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let running = Run::gather(&endpoints)
        .plugins(plugins.path())
        .through(["sh", "-c", "ulimit -Sn 512 && exec \"$0\" \"$@\""])
        .start();
    // The worker sets its limits before it loads the plugin, which then sleeps.
    let plugin = std::fs::canonicalize(plugins.path().join("libgatherer_plugin_misbehaving.so"));
    let plugin = plugin.expect("the plugin exists").display().to_string();
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
fn a_nonblocking_stdout_gets_the_complete_result() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "guests": 5000}]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--outfile", "complete.json"]);
    let outcome = run.run().expect_code(0);
    let complete = std::fs::read(outcome.home().join("complete.json")).expect("written");
    assert!(complete.len() > 256 * 1024, "a pipe could hold the result: {}", complete.len());

    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    let flags = rustix::fs::fcntl_getfl(&writer).expect("flags");
    let flags = flags | rustix::fs::OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(&writer, flags).expect("flags");
    let (request, mut feeder) = std::io::pipe().expect("a pipe");
    let run = Run::new().args(["--infile", "-"]).plugins(plugins.path());
    let mut child = run.command().stdin(request).stdout(writer).spawn().expect("started");
    std::io::Write::write_all(&mut feeder, endpoints.to_string().as_bytes()).expect("read");
    drop(feeder);
    let mut read = Vec::new();
    std::fs::File::from(reader).read_to_end(&mut read).expect("the pipe can be read");
    assert!(child.wait().expect("the program ends").success());
    assert!(read == complete, "{} bytes, not {}", read.len(), complete.len());
}

const SIGXFSZ: u32 = 25;

/// Runs the program with a limit of 4 KiB on the size of files.
fn with_small_files(run: Run) -> Run {
    // The unit is 512 bytes.
    run.through(["sh", "-c", "ulimit -f 8 && exec \"$0\" \"$@\""])
}

/// The error on stderr, without log messages: the log file may have reached the limit too.
fn error_of(outcome: &Outcome) -> &str {
    let error = outcome.stderr.lines().find(|line| line.starts_with("error: "));
    error.unwrap_or_else(|| panic!("{}", outcome.describe()))
}

#[test]
fn a_result_beyond_the_file_size_limit_is_an_error_with_exit_5() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h", "guests": 5000}]);
    let gather = || with_small_files(Run::gather(&endpoints).plugins(plugins.path()));
    for format in ["gatherer", "inventory", "ndjson"] {
        let outcome = gather().args(["--format", format, "--outfile", "out"]).run().expect_code(5);
        assert_message!("outfile", error_of(&outcome));
        let files = std::fs::read_dir(outcome.home()).expect("the run's folder");
        let files: Vec<_> =
            files.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        assert_eq!(files, ["gatherer.log"], "a temporary file is left");

        let run = gather().args(["--format", format]);
        let stdout = std::fs::File::create(run.home().join("stdout")).expect("a file");
        let outcome = run.start_on(stdout, std::process::Stdio::piped()).finish().expect_code(5);
        assert_message!("stdout", error_of(&outcome));
    }
}

#[test]
fn a_log_beyond_the_file_size_limit_does_not_affect_the_result() {
    let plugins = PluginFolder::with(&["example", "misbehaving"]);
    let endpoints = json!([
        {"id": "flood", "module": "Misbehaving", "case": "floods-stderr"},
        {"id": "e", "module": "Example", "hostname": "h"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["-v", "-v"]);
    let outcome = with_small_files(run).run();
    assert!(outcome.document()["e"].is_some(), "{}", outcome.describe());
    assert!(outcome.log.len() <= 4096, "{}", outcome.log.len());
    assert_eq!(outcome.stderr.matches("File too large").count(), 1, "{}", outcome.describe());
}

#[test]
fn a_worker_has_the_default_action_for_sigxfsz() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let running = Run::gather(&endpoints).plugins(plugins.path()).start();
    let status = running.wait_until("the worker calls exec", |running| {
        let worker = *running.workers().first()?;
        let command_line = std::fs::read(format!("/proc/{worker}/cmdline")).ok()?;
        command_line.windows(8).any(|name| name == b"__worker").then_some(())?;
        std::fs::read_to_string(format!("/proc/{worker}/status")).ok()
    });
    for set in ["SigIgn:", "SigCgt:"] {
        let mask = status.lines().find_map(|line| line.strip_prefix(set)).expect("a line for it");
        let mask = u64::from_str_radix(mask.trim(), 16).expect("a hexadecimal mask");
        assert_eq!(mask & (1 << (SIGXFSZ - 1)), 0, "{set} {mask:x}");
    }
    running.signal(rustix::process::Signal::TERM);
    running.finish().expect_code(143);
}

#[test]
fn the_log_lines_warnings_and_error_of_an_endpoint_are_limited() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([
        {"id": "lines", "module": "Misbehaving", "case": "floods-stderr"},
        {"id": "warnings", "module": "Misbehaving", "case": "floods-warnings"},
        {"id": "error", "module": "Misbehaving", "case": "refuses-at-length"},
    ]);
    let run = Run::gather(&endpoints).plugins(plugins.path());
    let outcome = run.args(["--format", "inventory", "-v", "-v"]).run();
    for words in ["more than 4 MiB of log", "more warnings"] {
        assert_eq!(outcome.stderr.matches(words).count(), 1, "{words}: {}", outcome.describe());
    }
    let written = std::fs::read_dir(outcome.home()).expect("the run's folder");
    let written: u64 = written.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).sum();
    assert!(written < 6 * 1024 * 1024, "{written} bytes of log");
    for line in outcome.log.lines() {
        assert!(line.len() < 5 * 1024, "a line of {} bytes", line.len());
    }
    let assert_cut = |text: &str| {
        assert!(text.len() <= 4096 && text.ends_with(" bytes left out)"), "{}", text.len());
        assert!(!text.contains("hunter2"), "the text was cut before it was redacted");
    };
    let failure = outcome.failure("error");
    assert_cut(&failure.message);
    assert_cut(&failure.hint.expect("a hint"));
    let warnings = &outcome.endpoint("warnings")["warnings"];
    let count = warnings.as_array().map(Vec::len);
    assert_eq!(count, Some(1001), "a thousand warnings, and one about the others");
    assert_cut(warnings[0]["message"].as_str().expect("text"));
}

#[test]
fn a_worker_runs_without_dev_null() {
    let in_empty_dev = ["unshare", "-m", "sh", "-c"];
    let mount = "mount -t tmpfs none /dev";
    let mut probe = std::process::Command::new(in_empty_dev[0]);
    let probe = probe.args(&in_empty_dev[1..]).arg(mount).status();
    if !probe.is_ok_and(|status| status.success()) {
        skip!("an empty /dev cannot be mounted on this machine");
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
fn a_worker_that_was_killed_is_not_reported_as_a_fault_of_the_plugin() {
    let plugins = PluginFolder::with(&["misbehaving"]);
    let endpoints = json!([{"id": "s", "module": "Misbehaving", "case": "sleeps"}]);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]);
    let running = run.start();
    // The log process has no other name until a moment after it was forked.
    let worker = running.wait_until("a worker starts", |running| {
        let worker = *running.workers().first()?;
        let command_line = std::fs::read(format!("/proc/{worker}/cmdline")).ok()?;
        command_line.windows(8).any(|name| name == b"__worker").then_some(worker)
    });
    let worker = i32::try_from(worker).ok().and_then(rustix::process::Pid::from_raw);
    let kill = rustix::process::Signal::KILL;
    rustix::process::kill_process(worker.expect("a process id"), kill)
        .expect("the worker is running");
    let failure = running.finish().failure("s");
    assert_eq!(failure.kind, "crashed", "{failure}");
    let hint = failure.hint.expect("a hint");
    assert!(!hint.contains("bug") && hint.contains("memory"), "{hint}");
}

#[test]
fn an_outfile_may_have_a_name_of_255_bytes() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h"}]);
    let name = "n".repeat(255);
    let run = Run::gather(&endpoints).plugins(plugins.path()).args(["--outfile", &name]);
    let outcome = run.run().expect_code(0);
    assert!(outcome.home().join(name).is_file());
}

#[test]
fn the_error_of_a_record_that_is_too_large_mentions_its_long_name() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([{"id": "e", "module": "Example", "hostname": "h".repeat(2_000_000)}]);
    let outcome =
        Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]).run();
    let message = outcome.failure("e").message;
    assert!(message.contains("long name"), "{message}");
}
