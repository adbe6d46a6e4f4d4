//! Module Libvirt with the ssh transports, through the real program and the real libvirt: what
//! reaches a shell, and what is written.

mod files;
mod known_hosts;
mod recording;
mod shell;
mod sshd;

use std::path::Path;

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// An endpoint that is asked once, and for 20 s at most.
fn endpoint(id: &str, uri: &str) -> Value {
    json!({"id": id, "module": "Libvirt", "uri": uri, "retries": "0", "timeout": "20"})
}

fn run(endpoints: &[Value]) -> Run {
    // The folder lives as long as the process.
    let plugins = Box::leak(Box::new(PluginFolder::with(&["libvirt"])));
    Run::gather(&json!(endpoints)).plugins(plugins.path()).args(["--format", "inventory"])
}

/// Writes the operator's file beside the run's home, and has it used.
fn with_policy(run: Run, policy: &str) -> Run {
    let path = run.home().join("config.toml");
    std::fs::write(&path, format!("[policy]\n{policy}\n")).expect("writable");
    run.arg("--config").arg(path)
}

/// A policy that allows credentials in a folder.
fn folders(folder: &Path) -> String {
    format!("credential_folders = [{:?}]", folder.display().to_string())
}

/// Why libvirt cannot be asked here; `None` if it can.
fn libvirt_is_missing() -> Option<String> {
    let probe = run(&[endpoint("probe", "test:///default")]).run().endpoint("probe");
    let message = probe["error"]["message"].as_str()?;
    message.ends_with("is not installed").then(|| message.to_owned())
}

/// Checks that the endpoint was refused for what is in the request, and the sentence says this.
#[track_caller]
fn assert_refused(outcome: &Outcome, id: &str, words: &[&str]) {
    let error = &outcome.endpoint(id)["error"];
    assert_eq!(error["kind"], "configuration", "{id}: {error:#}\n{}", outcome.log);
    for word in words {
        assert!(error.to_string().contains(word), "{id}: no {word:?}: {error:#}");
    }
}
