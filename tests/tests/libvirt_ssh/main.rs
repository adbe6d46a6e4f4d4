//! Module Libvirt with the ssh transports, through the real program and the real libvirt: which texts reach
//! a shell, and which files are read or written.

mod known_hosts;
mod recording_ssh;
mod shell;
mod sshd;
mod uri_files;

use std::path::Path;

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// An endpoint without retries and with a timeout of 20 s.
fn endpoint(id: &str, uri: &str) -> Value {
    json!({"id": id, "module": "Libvirt", "uri": uri, "retries": "0", "timeout": "20"})
}

fn run(endpoints: &[Value]) -> Run {
    // The folder must exist until the run ends, so it is never removed by this process.
    let plugins = Box::leak(Box::new(PluginFolder::with(&["libvirt"])));
    Run::gather(&json!(endpoints)).plugins(plugins.path()).args(["--format", "inventory"])
}

/// Runs with an operator's file that has these lines of `[policy]`.
fn with_policy(run: Run, policy: &str) -> Run {
    let path = run.home().join("config.toml");
    std::fs::write(&path, format!("[policy]\n{policy}\n")).expect("writable");
    run.arg("--config").arg(path)
}

/// The policy that allows credentials in a folder.
fn credential_folder(folder: &Path) -> String {
    format!("credential_folders = [{:?}]", folder.display().to_string())
}

/// The reason why libvirt cannot be used on this machine, if so.
fn libvirt_is_missing() -> Option<String> {
    let probe = run(&[endpoint("probe", "test:///default")]).run().endpoint("probe");
    let message = probe["error"]["message"].as_str()?;
    message.ends_with("is not installed").then(|| message.to_owned())
}

/// Checks that the endpoint failed because of its request, and that its message or hint has these words.
#[track_caller]
fn assert_rejected(outcome: &Outcome, id: &str, words: &[&str]) {
    let failure = outcome.failure(id);
    assert_eq!(failure.kind, "configuration", "{id}: {failure}\n{}", outcome.log);
    for word in words {
        assert!(failure.to_string().contains(word), "{id}: {word:?} is missing: {failure}");
    }
}
