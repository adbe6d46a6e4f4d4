//! Failures of this machine: a plugin that everybody can write, a misspelled parameter, and a full disk.

use gatherer_tests::{PluginFolder, Run, assert_message};
use serde_json::json;

use super::{Failures, ID, endpoint};

#[test]
fn failures_of_this_machine_name_the_file_the_parameter_and_the_remedy() {
    let mut failures = Failures::default();
    let plugins = PluginFolder::with(&["file"]);
    let library = std::fs::read(gatherer_tests::plugins::library("example")).expect("it was built");
    let copy = plugins.add_bytes("example", &library);
    gatherer_tests::plugins::set_mode(&copy, 0o757);
    let run = || {
        let endpoints = json!([endpoint("Example", json!({"hostname": "h"}))]);
        Run::gather(&endpoints).plugins(plugins.path())
    };
    let file = "libgatherer_plugin_example.so";
    failures.add("plugin writable by all", run, &[file, "writable by everybody", "chmod go-w"]);

    let plugins = PluginFolder::with(&["example"]);
    let run = || {
        let endpoints = json!([endpoint("Example", json!({"hostnme": "h"}))]);
        Run::gather(&endpoints).plugins(plugins.path())
    };
    failures.add("misspelled parameter", run, &["hostnme", "did you mean hostname?"]);

    let run = || {
        let endpoints = json!([endpoint("Exmaple", json!({"hostname": "h"}))]);
        Run::gather(&endpoints).plugins(plugins.path())
    };
    failures.add("misspelled module", run, &["Exmaple", "did you mean Example?"]);
    failures.check("local");
}

#[test]
fn a_full_log_disk_does_not_change_the_result_and_is_reported() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints = json!([endpoint("Example", json!({"hostname": "h"}))]);
    let outcome = Run::gather(&endpoints).plugins(plugins.path()).logfile("/dev/full").run();
    assert!(outcome.document()[ID].is_some(), "{}", outcome.describe());
    assert!(outcome.stderr.contains("/dev/full"), "{}", outcome.describe());
    assert_message!("log_disk", outcome.stderr);
}
