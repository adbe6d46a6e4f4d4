//! The guard with the real program: runs that keep their answers, answers that lack too much, and `guard accept`.

mod rules;
mod state_problems;

use std::fmt::Write as _;
use std::path::PathBuf;

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Several runs of module File with the same state folder.
struct Nights {
    plugins: PluginFolder,
    folder: TempDir,
    id: String,
    max_lost: Value,
}

impl Nights {
    /// The endpoint `e` with this limit, and no state yet.
    fn new(max_lost: impl Into<Value>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let plugins = PluginFolder::with(&["file"]);
        Self { plugins, folder, id: "e".to_owned(), max_lost: max_lost.into() }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A run with this answer, and further members of the endpoint.
    fn run(&self, hosts: &Value, more: &Value) -> Run {
        let mut endpoint = json!({
            "id": self.id, "module": "File", "url": "hosts.json", "max_lost": self.max_lost,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            endpoint[name] = value.clone();
        }
        let run = Run::gather(&json!([endpoint])).plugins(self.plugins.path());
        std::fs::write(run.home().join("hosts.json"), hosts.to_string()).expect("writable");
        run.arg("--state").arg(self.state())
    }

    /// A run with this answer, whose result is an inventory.
    fn night(&self, hosts: &Value) -> Outcome {
        self.run(hosts, &json!({})).args(["--format", "inventory"]).run()
    }

    /// Panics unless the answer is believed.
    #[track_caller]
    fn believed(&self, hosts: &Value) {
        let outcome = self.night(hosts);
        let endpoint = outcome.endpoint(&self.id);
        assert_eq!(endpoint["status"], "complete", "{}", outcome.describe());
        let count = hosts.as_object().map(serde_json::Map::len);
        assert_eq!(endpoint["hosts"].as_array().map(Vec::len), count);
    }

    /// Panics unless the answer is suspicious. Returns the message and hint.
    #[track_caller]
    fn suspicious(&self, hosts: &Value) -> String {
        let outcome = self.night(hosts);
        let failure = outcome.failure(&self.id);
        assert_eq!(failure.kind, "suspicious", "{}", outcome.describe());
        assert_eq!(outcome.endpoint(&self.id)["hosts"], json!([]));
        let mut text = String::new();
        let _ = write!(text, "{failure}");
        text
    }

    /// `guard COMMAND` with further arguments.
    fn guard(&self, arguments: &[&str]) -> Outcome {
        Run::new().arg("guard").args(arguments).arg("--state").arg(self.state()).run()
    }

    /// The suspicions that `guard list` shows.
    fn listed(&self) -> Vec<Value> {
        let outcome = self.guard(&["list", "--json"]).expect_code(0);
        let list: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
        list["suspicious"].as_array().expect("a list").clone()
    }

    fn accept(&self) {
        let run = Run::new().args(["guard", "accept", "--state"]).arg(self.state());
        // After `--`, the option for the log file would be an id.
        let log = run.home().join("accept.log");
        let run = run.without_logfile().env("VIRTUAL_HOST_GATHERER_LOGFILE", log);
        run.args(["--", &self.id]).run().expect_code(0);
    }
}

/// A document of hosts with these numbers, each with two guests.
fn hosts(numbers: impl IntoIterator<Item = usize>) -> Value {
    let host = |number: usize| {
        let vms = json!({format!("web{number}"): format!("w{number}"), format!("db{number}"): format!("d{number}")});
        let host =
            json!({"name": format!("h{number}"), "hostIdentifier": number.to_string(), "vms": vms});
        (format!("h{number}"), host)
    };
    numbers.into_iter().map(host).collect()
}
