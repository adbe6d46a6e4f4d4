//! A machine that gives little.

use std::io::Read as _;

use gatherer_tests::{PluginFolder, Run};
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
