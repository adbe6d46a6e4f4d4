//! Module Libvirt through the real program, with real daemons: results, and errors of daemons that
//! cannot be reached, refuse access, hang or die.

mod checks;
mod cleanup;
mod daemon_faults;
mod guests;

mod sasl;
mod transports;
mod write_access;

use std::collections::BTreeMap;

use gatherer_tests::servers::libvirt::{Libvirtd, LibvirtdOptions};
use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// Starts a daemon, or skips the test with the reason why that is not possible.
macro_rules! daemon {
    ($options:expr) => {
        match $crate::start($options) {
            Ok(daemon) => daemon,
            Err(reason) => gatherer_tests::skip!("{reason}"),
        }
    };
}
use daemon;

fn start(options: &LibvirtdOptions) -> Result<Libvirtd, String> {
    // The daemon is useless without the client library.
    let probe = gather(&[endpoint("probe", "test:///default")]).endpoint("probe");
    match probe["error"]["message"].as_str() {
        Some(message) if message.ends_with("is not installed") => Err(message.to_owned()),
        _ => Libvirtd::start(options),
    }
}

/// An endpoint without retries and with a timeout of 20 s.
fn endpoint(id: &str, uri: &str) -> Value {
    json!({"id": id, "module": "Libvirt", "uri": uri, "retries": "0", "timeout": "20"})
}

/// The same endpoint with another value for one member.
fn with(mut endpoint: Value, name: &str, value: &str) -> Value {
    endpoint[name] = json!(value);
    endpoint
}

fn run(endpoints: &[Value]) -> Run {
    // The folder must exist until the run ends, so it is never removed by this process.
    let plugins = Box::leak(Box::new(PluginFolder::with(&["libvirt"])));
    Run::gather(&json!(endpoints)).plugins(plugins.path()).args(["-vv", "--format", "inventory"])
}

fn gather(endpoints: &[Value]) -> Outcome {
    run(endpoints).run()
}

/// Runs with an operator's file that has these lines of `[policy]`, and allows keys in the daemon's folder.
fn with_policy(run: Run, daemon: &Libvirtd, policy: &str) -> Run {
    let path = run.home().join("config.toml");
    let folder = daemon.folder().display().to_string();
    std::fs::write(&path, format!("[policy]\ncredential_folders = [{folder:?}]\n{policy}\n"))
        .expect("the run's folder can be written to");
    run.arg("--config").arg(path)
}

/// The only host of a complete endpoint.
#[track_caller]
fn host(endpoint: &Value) -> &Value {
    assert_eq!(endpoint["status"], "complete", "{endpoint:#}");
    let hosts = endpoint["hosts"].as_array().expect("a list");
    assert_eq!(hosts.len(), 1, "{endpoint:#}");
    &hosts[0]
}

/// The guests of a host and their states, by name.
#[track_caller]
fn states(host: &Value) -> BTreeMap<String, String> {
    let none = Vec::new();
    let guests = host["guests"].as_array().unwrap_or(&none);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let states: BTreeMap<_, _> =
        guests.iter().map(|guest| (text(&guest["name"]), text(&guest["state"]))).collect();
    assert_eq!(states.len(), guests.len(), "two guests have the same name: {host:#}");
    states
}

/// Checks that the endpoint failed with this kind and without hosts, and that its message and hint contain
/// these words: libvirt's own text, or the name of something to check. Prints the error.
#[track_caller]
fn assert_failed(outcome: &Outcome, id: &str, kind: &str, message: &str, hint: &str) {
    assert_eq!(outcome.endpoint(id)["hosts"], json!([]), "{}", outcome.endpoint(id));
    let failure = outcome.failure(id);
    println!("{id}: {failure}");
    assert_eq!(failure.kind, kind, "{id}: {failure}\n{}", outcome.log);
    assert!(failure.message.contains(message), "{id}: {message:?} is missing: {failure}");
    let text = failure.hint.as_deref().unwrap_or_default();
    assert!(text.contains(hint), "{id}: {hint:?} is missing: {failure}");
}

/// The objects of an endpoint's warnings.
fn warned_objects(endpoint: &Value) -> Vec<&str> {
    let warnings = endpoint["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    warnings.iter().map(|warning| warning["object"].as_str().expect("text")).collect()
}
