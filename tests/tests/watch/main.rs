//! `watch`: endpoints that are asked again and again, and the events about their changes.

mod fragments;
mod kill_loop;
mod load;
mod real_endpoints;
mod rotation;
mod rounds;
mod sinks;
mod status;

use std::path::{Path, PathBuf};

use gatherer_tests::event_consumer::EventConsumer;
use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

/// A folder with what a `watch` of endpoints of module File needs: plugins, an infile and documents.
struct WatchFolder {
    folder: tempfile::TempDir,
    plugins: PluginFolder,
}

impl WatchFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        Self { folder, plugins: PluginFolder::with(&["file"]) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file at once, as programs do that write documents for others.
    fn write(&self, name: &str, content: &Value) {
        replace(&self.path(name), content);
    }

    /// Writes an infile with an endpoint of module File for each name, whose document is `NAME.json`.
    fn write_infile(&self, names: &[&str]) {
        let endpoint = |name: &&str| {
            let url = self.path(&format!("{name}.json"));
            json!({"id": name, "module": "File", "url": url})
        };
        self.write("in", &names.iter().map(endpoint).collect());
    }

    /// A run of `watch` with this infile, the state folder `state` and the events `events`.
    fn watch(&self, arguments: &[&str]) -> Run {
        Run::new()
            .plugins(self.plugins.path())
            .args(["watch", "--infile"])
            .arg(self.path("in"))
            .arg("--state")
            .arg(self.path("state"))
            .args(arguments)
    }

    /// The same with the file `events`.
    fn watch_to_file(&self, arguments: &[&str]) -> Run {
        self.watch(arguments).arg("--events").arg(self.path("events"))
    }

    fn events_text(&self) -> String {
        std::fs::read_to_string(self.path("events")).unwrap_or_default()
    }

    fn consumer(&self) -> EventConsumer {
        EventConsumer::of_lines(&self.events_text())
    }
}

fn replace(path: &Path, content: &Value) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, content.to_string()).expect("the folder is writable");
    std::fs::rename(&beside, path).expect("the folder is writable");
}

/// A document of hosts, each with its guests.
fn document(hosts: &[(&str, &[&str])]) -> Value {
    let guests = |names: &[&str]| -> Value {
        names.iter().map(|name| ((*name).to_owned(), json!(format!("id-{name}")))).collect()
    };
    let host = |(name, names): &(&str, &[&str])| {
        let vms = guests(names);
        (
            (*name).to_owned(),
            json!({"name": name, "hostIdentifier": format!("id-{name}"), "vms": vms}),
        )
    };
    hosts.iter().map(host).collect()
}

/// Checks metrics with promtool, if it is available.
fn check_metrics(path: &Path) {
    let mut promtool = match gatherer_tests::promtool() {
        Ok(promtool) => promtool,
        Err(reason) => return gatherer_tests::note_skipped(&reason),
    };
    let file = std::fs::File::open(path).expect("the metrics exist");
    let output = promtool.args(["check", "metrics"]).stdin(file).output().expect("promtool runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.is_empty() && output.stdout.is_empty(), "{text}");
}
