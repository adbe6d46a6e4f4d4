//! One file that is named twice on the command line: an outfile or a log file never overwrites what the run reads.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use gatherer_tests::{PluginFolder, Run, assert_message};
use serde_json::{Value, json};

fn endpoints() -> Value {
    json!([{"id": "good", "module": "Example", "hostname": "kvm1"}])
}

/// A run with the endpoints in `endpoints.json` of its home, which has links to that file and an empty folder.
fn run(plugins: &PluginFolder, infile: &str) -> Run {
    let run = Run::new().plugins(plugins.path()).args(["--infile", infile]);
    let path = |name: &str| run.home().join(name);
    std::fs::write(path("endpoints.json"), endpoints().to_string()).expect("writable");
    std::fs::hard_link(path("endpoints.json"), path("hard.json")).expect("a link");
    symlink("endpoints.json", path("soft.json")).expect("a link");
    std::fs::create_dir(path("folder")).expect("a folder");
    run
}

fn assert_unchanged(home: &Path, message: &str) {
    let text = std::fs::read_to_string(home.join("endpoints.json")).expect("the infile exists");
    assert_eq!(text, endpoints().to_string(), "{message}");
}

#[test]
fn refuses_an_outfile_that_is_the_infile() {
    let plugins = PluginFolder::with(&["example"]);
    let mut messages = String::new();
    for outfile in
        ["endpoints.json", "./endpoints.json", "folder/../endpoints.json", "hard.json", "soft.json"]
    {
        let outcome = run(&plugins, "endpoints.json").args(["--outfile", outfile]).run();
        assert_eq!(outcome.code(), 3, "{outfile}: {}", outcome.describe());
        assert!(outcome.stderr.contains(outfile), "{}", outcome.describe());
        assert!(outcome.log.contains(outfile), "{}", outcome.describe());
        assert!(!outcome.log.contains("Example: 1 host"), "{}", outcome.describe());
        assert_unchanged(outcome.home(), outfile);
        messages.push_str(&outcome.stderr);
    }
    assert_message!(messages);
}

#[test]
fn refuses_an_outfile_that_is_the_file_behind_standard_input() {
    let plugins = PluginFolder::with(&["example"]);
    for infile in ["-", "/dev/stdin", "/proc/self/fd/0"] {
        let run = run(&plugins, infile).args(["--outfile", "endpoints.json"]);
        let path = run.home().join("endpoints.json");
        let stdin = std::fs::File::open(&path).expect("the infile exists");
        let output = run.command().stdin(stdin).output().expect("it runs");
        assert_eq!(output.status.code(), Some(3), "{infile}: {output:?}");
        assert_unchanged(run.home(), infile);
    }
}

#[test]
fn refuses_to_append_the_result_to_the_infile() {
    let plugins = PluginFolder::with(&["example"]);
    let run = run(&plugins, "endpoints.json");
    let path = run.home().join("endpoints.json");
    let stdout = std::fs::File::options().append(true).open(&path).expect("the infile exists");
    let mut command = run.command();
    let output = command.stdin(Stdio::null()).stdout(stdout).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_unchanged(run.home(), "appended");
}

#[test]
fn refuses_an_outfile_that_is_the_config_file_or_a_file_of_match_images() {
    let plugins = PluginFolder::with(&["example"]);
    let configured = run(&plugins, "endpoints.json").args(["--config", "config.toml"]);
    let config = configured.home().join("config.toml");
    std::fs::write(&config, "jobs = 3\n").expect("writable");
    let outcome = configured.args(["--outfile", "config.toml"]).run().expect_code(3);
    let mut messages = outcome.stderr.clone();
    assert_eq!(std::fs::read_to_string(config).expect("it exists"), "jobs = 3\n");

    for (images, inventory, outfile) in [
        ("images.json", "inventory.json", "images.json"),
        ("images.json", "inventory.json", "inventory.json"),
    ] {
        let run = Run::new().args(["match-images", "--images", images, "--inventory", inventory]);
        for name in [images, inventory] {
            std::fs::write(run.home().join(name), "[]").expect("writable");
        }
        let outcome = run.args(["--outfile", outfile]).run().expect_code(3);
        assert_eq!(std::fs::read_to_string(outcome.home().join(outfile)).expect("it exists"), "[]");
        messages.push_str(&outcome.stderr);
    }
    assert_message!(messages);
}

#[test]
fn a_log_file_that_is_the_infile_or_the_outfile_is_not_written() {
    let plugins = PluginFolder::with(&["example"]);
    let mut messages = String::new();
    for (logfile, outfile) in [
        ("endpoints.json", "result.json"),
        ("soft.json", "result.json"),
        ("result.json", "result.json"),
        ("./new.json", "folder/../new.json"),
    ] {
        let outcome = run(&plugins, "endpoints.json")
            .args(["--logfile", logfile, "--outfile", outfile])
            .without_logfile()
            .run()
            .expect_code(0);
        assert_unchanged(outcome.home(), logfile);
        let result = std::fs::read(outcome.home().join(outfile)).expect("the result was written");
        assert!(gatherer_tests::document::gatherer_document(&result)["good"].is_some());
        assert!(outcome.stderr.contains(logfile), "{}", outcome.describe());
        messages.push_str(&outcome.stderr);
    }
    assert_message!(messages);
}

#[test]
fn devices_and_new_files_may_be_named_twice() {
    let plugins = PluginFolder::with(&["example"]);
    for outfile in ["/dev/null", "new.json"] {
        let outcome = run(&plugins, "endpoints.json")
            .args(["--outfile", outfile, "--logfile", "/dev/null"])
            .without_logfile()
            .run()
            .expect_code(0);
        assert!(!outcome.stderr.contains("file"), "{}", outcome.describe());
    }
}
