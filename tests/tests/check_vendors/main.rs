//! `check` of the vendors' modules: good, and with one right or setting taken away at a time. Each module has one table of what is
//! missing, the steps, and their sentences.

mod azure;
mod ec2;
mod gce;
mod nutanix;
mod openstack;
mod proxmox;
mod vmware;
mod xen;

use std::fmt::Write as _;

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// The steps before the module's own. Their sentences are in the table only if they are not ok.
const CONNECTION: [&str; 4] = ["parameters", "name", "port", "tls"];

/// The table of a module.
struct Cases {
    plugins: PluginFolder,
    table: String,
}

impl Cases {
    fn new(plugin: &str) -> Self {
        Self { plugins: PluginFolder::with(&[plugin]), table: String::new() }
    }

    /// Checks an endpoint, whose steps must have these statuses after those of the connection: `login ok, objects failed`.
    fn add(&mut self, case: &str, endpoint: &Value, expected: &str) -> Value {
        let outcome = Run::new()
            .args(["check", "--infile", "-", "--format", "json"])
            .plugins(self.plugins.path())
            .stdin(json!([endpoint]).to_string())
            .run();
        let checked = checked(&outcome);
        let mut statuses = Vec::new();
        let _ = writeln!(self.table, "{case}");
        for step in checked["steps"].as_array().expect("a list of steps") {
            let text = |member: &str| step[member].as_str().unwrap_or_default();
            let (name, status) = (text("name"), text("status"));
            if status == "ok" && CONNECTION.contains(&name) {
                continue;
            }
            statuses.push(format!("{name} {status}"));
            let kind = step["kind"].as_str().map(|kind| format!(" ({kind})")).unwrap_or_default();
            let line = format!("    {name}: {status}{kind}: {}", text("message"));
            let _ = writeln!(self.table, "{}", line.trim_end_matches(": "));
            if !text("hint").is_empty() {
                let _ = writeln!(self.table, "        hint: {}", text("hint"));
            }
        }
        assert_eq!(statuses.join(", "), expected, "{case}: {}", outcome.describe());
        let has_failed = expected.contains(" failed");
        assert_eq!(outcome.code(), i32::from(has_failed), "{case}: {}", outcome.describe());
        checked
    }
}

/// The only endpoint of a result.
fn checked(outcome: &Outcome) -> Value {
    let document: Value = serde_json::from_slice(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}; {}", outcome.describe()));
    document["endpoints"][0].clone()
}

/// The endpoint with other values of some members.
fn with(endpoint: &Value, members: Value) -> Value {
    let mut endpoint = endpoint.clone();
    let Value::Object(members) = members else { panic!("the members are an object") };
    endpoint.as_object_mut().expect("an object").extend(members);
    endpoint
}
