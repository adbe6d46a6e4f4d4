//! Module Libvirt through the real program, on real daemons: what a Manager gets, and what it is
//! told where a daemon cannot be reached, does not want us, hangs or dies.

mod connect;
mod faults;
mod guests;
mod lifetime;
mod rights;
mod sasl;

use std::collections::BTreeMap;

use gatherer_tests::servers::libvirt::{Libvirtd, Options};
use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// Starts a daemon, or ends the test with the reason why none can be had.
macro_rules! daemon {
    ($options:expr) => {
        match $crate::start($options) {
            Ok(daemon) => daemon,
            Err(reason) => gatherer_tests::skip!("{reason}"),
        }
    };
}
use daemon;

fn start(options: &Options) -> Result<Libvirtd, String> {
    // Without the client's library the daemon is of no use.
    let probe = gather(&[endpoint("probe", "test:///default")]).endpoint("probe");
    match probe["error"]["message"].as_str() {
        Some(message) if message.ends_with("is not installed") => Err(message.to_owned()),
        _ => Libvirtd::start(options),
    }
}

/// An endpoint that is asked once, and for 20 s at most.
fn endpoint(id: &str, uri: &str) -> Value {
    json!({"id": id, "module": "Libvirt", "uri": uri, "retries": "0", "timeout": "20"})
}

/// The same endpoint with another value.
fn with(mut endpoint: Value, name: &str, value: &str) -> Value {
    endpoint[name] = json!(value);
    endpoint
}

fn run(endpoints: &[Value]) -> Run {
    // Nothing of it is left when the run begins: the folder lives as long as the process.
    let plugins = Box::leak(Box::new(PluginFolder::with(&["libvirt"])));
    Run::gather(&json!(endpoints)).plugins(plugins.path()).args(["-vv", "--format", "inventory"])
}

fn gather(endpoints: &[Value]) -> Outcome {
    run(endpoints).run()
}

/// Has the operator's file say this, and that keys may lie in the daemon's folder.
fn with_policy(run: Run, daemon: &Libvirtd, policy: &str) -> Run {
    let path = run.home().join("config.toml");
    let folder = daemon.folder().display().to_string();
    std::fs::write(&path, format!("[policy]\ncredential_folders = [{folder:?}]\n{policy}\n"))
        .expect("the run's folder can be written to");
    run.arg("--config").arg(path)
}

/// The one host of an endpoint that is complete.
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
    assert_eq!(states.len(), guests.len(), "a guest stands there twice: {host:#}");
    states
}

/// Checks that the endpoint failed with this kind, nothing of it was taken for the truth, and message
/// and hint hold these words. What was said is printed, for the record.
#[track_caller]
fn assert_failed(outcome: &Outcome, id: &str, kind: &str, message: &str, hint: &str) {
    let endpoint = outcome.endpoint(id);
    assert_eq!(endpoint["status"], "failed", "{endpoint:#}");
    assert_eq!(endpoint["hosts"], json!([]), "{endpoint:#}");
    let error = &endpoint["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    println!("{id}: {} | {} | {}", text("kind"), text("message"), text("hint"));
    assert_eq!(error["kind"], kind, "{id}: {endpoint:#}\n{}", outcome.log);
    assert!(text("message").contains(message), "{id}: no {message:?}: {error:#}");
    assert!(text("hint").contains(hint), "{id}: no {hint:?}: {error:#}");
}
