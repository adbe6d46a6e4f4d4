//! `merge`: the inventories of shards are the inventory of one run again.

use std::path::{Path, PathBuf};

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use super::plugins;

const UUID: &str = "4c4c4544-0042-3510-8051-b4c04f4d3132";
const SHARED: &str = "7b2f5c1e-08d3-4f4e-9a52-1d3c6b7e8f90";
const PLACEHOLDER: &str = "03000200-0400-0500-0006-000700080009";

/// A folder with a request whose endpoints depend on each other: the node of a cluster that is a guest, an id that
/// guests of several endpoints have, placeholders, filters, endpoints that fail, and mistakes.
pub struct MergeFolder {
    folder: tempfile::TempDir,
    pub plugins: PluginFolder,
}

impl MergeFolder {
    pub fn new() -> Self {
        let merge = Self {
            folder: tempfile::tempdir().expect("a folder"),
            plugins: PluginFolder::with(&["file", "example", "misbehaving"]),
        };
        let guest = |id: &str, name: &str| json!({"id": id, "name": name, "uuid": id});
        let host = |name: &str, guests: &[Value]| json!({"id": format!("id-{name}"), "name": name, "guests": guests});
        let node = |name: &str, uuid: &str| json!({"id": format!("id-{name}"), "name": name, "identifiers": {"systemUuid": uuid, "uuid": uuid}});
        for (id, hosts) in [
            ("k8s", json!([node("n1", UUID), node("n2", SHARED), node("n3", PLACEHOLDER)])),
            ("kvm", json!([host("kvm1", &[guest(UUID, "web"), guest(PLACEHOLDER, "x")])])),
            ("esx", json!([host("esx1", &[guest(SHARED, "db"), guest(SHARED, "copy")])])),
            ("hyperv", json!([host("hv1", &[guest(SHARED, "db"), guest(PLACEHOLDER, "x")])])),
        ] {
            let document = json!({"schemaVersion": "1.7", "generator": {"name": "test"},
                "endpoints": [{"id": id, "status": "complete", "hosts": hosts}]});
            std::fs::write(merge.path(&format!("{id}.doc")), document.to_string())
                .expect("written");
        }
        let file =
            |id: &str| json!({"id": id, "module": "File", "url": merge.path(&format!("{id}.doc"))});
        let mut endpoints: Vec<Value> =
            ["k8s", "kvm", "esx", "hyperv", "no-such-file"].map(file).into();
        endpoints.extend((0..8).map(|number| {
            json!({"id": format!("example-{number}"), "module": "Example", "hostname": format!("host{number}"), "guests": 2})
        }));
        endpoints.extend([
            json!({"id": "filtered", "module": "Example", "hostname": "f", "guests": 3, "exclude": {"guest": {"name": "guest1"}}}),
            json!({"id": "by-state", "module": "Example", "hostname": "f", "guests": 3, "include": {"guest": {"state": "running"}}}),
            json!({"id": "refuses", "module": "Misbehaving", "case": "refuses"}),
            json!({"id": "twice", "module": "Example", "hostname": "a"}),
            json!({"id": "twice", "module": "Example", "hostname": "b"}),
            json!({"id": "mistake", "module": "Example", "hostname": 7, "no_such_parameter": 1}),
            json!({"id": "unknown", "module": "NoSuchModule"}),
            json!({"id": "typo", "module": "Example", "hostname": "c", "no_such_parameter": "x"}),
        ]);
        std::fs::create_dir(merge.path("request")).expect("a folder");
        let write =
            |name: &str, text: &str| std::fs::write(merge.path(name), text).expect("written");
        write("request/a.json", &json!(endpoints).to_string());
        write("request/broken.json", "[{");
        merge
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A run with the request.
    pub fn gather(&self, arguments: &[&str]) -> Run {
        Run::new()
            .arg("--infile")
            .arg(self.path("request"))
            .plugins(self.plugins.path())
            .args(arguments)
    }

    /// The result of one run.
    pub fn single(&self, arguments: &[&str]) -> String {
        self.gather(arguments).run().expect_code(0).stdout_text().to_owned()
    }

    /// Writes the inventories of all shards into a folder, and returns it.
    pub fn shards(&self, count: usize) -> PathBuf {
        let folder = self.path(&format!("{count}-shards"));
        std::fs::create_dir(&folder).expect("a folder");
        for index in 0..count {
            let file = folder.join(format!("{index}.json"));
            let shard = format!("{index}/{count}");
            let run = self.gather(&["--format", "inventory", "--shard", &shard, "--outfile"]);
            run.arg(file).run().expect_code(0);
        }
        folder
    }
}

/// Merges inventories.
pub fn merge(inventories: &[&Path], arguments: &[&str]) -> Run {
    Run::new().arg("merge").args(inventories).args(arguments)
}

#[test]
fn merging_the_shards_gives_the_bytes_of_one_run() {
    let folder = MergeFolder::new();
    let single = folder.single(&["--format", "inventory", "--no-run-info"]);
    let document: Value = serde_json::from_str(&single).expect("JSON");
    // The request is one in which a wrong merge would show.
    let endpoints = document["endpoints"].as_array().expect("endpoints");
    assert_eq!(endpoints.len(), 22);
    assert_eq!(document["links"].as_array().expect("links").len(), 2);
    let warnings = document["endpoints"].to_string();
    for text in ["not linked by its", "another guest of this endpoint has the id", "duplicate id"] {
        assert!(warnings.contains(text), "{text}");
    }
    for count in [1, 2, 4, 8] {
        let shards = folder.shards(count);
        let merged = merge(&[&shards], &["--no-run-info"]).run().expect_code(0);
        assert_eq!(merged.stdout_text(), single, "{count} shards");
        // Files in another order, standard input, and an outfile.
        let file = |index: usize| shards.join(format!("{index}.json"));
        let outfile = folder.path("merged.json");
        let run = Run::new().arg("--no-run-info").arg("merge").arg("-");
        let run = run.args((1..count).rev().map(file)).arg("--outfile").arg(&outfile);
        run.stdin(std::fs::read(file(0)).expect("a file")).run().expect_code(0);
        assert_eq!(std::fs::read_to_string(&outfile).expect("a file"), single);
        // With the request, and what was merged once more.
        let with_request = merge(&[&shards], &["--no-run-info", "--infile"]);
        let with_request = with_request.arg(folder.path("request")).plugins(folder.plugins.path());
        let outcome = with_request.run().expect_code(0);
        assert_eq!(outcome.stdout_text(), single);
        for text in ["is missing", "does not have", "are in"] {
            assert!(!outcome.log.contains(text), "{}", outcome.log);
        }
        let again = merge(&[&outfile], &["--no-run-info"]).run().expect_code(0);
        assert_eq!(again.stdout_text(), single);
    }
}

#[test]
fn each_format_of_the_merged_inventory_is_that_of_one_run() {
    let folder = MergeFolder::new();
    let shards = folder.shards(4);
    for format in
        ["gatherer", "table", "containers", "virt-who", "ansible", "prometheus", "csv", "ndjson"]
    {
        let arguments = ["--no-run-info", "--format", format];
        let run = merge(&[&shards], &arguments).arg("--infile").arg(folder.path("request"));
        let merged = run.plugins(folder.plugins.path()).run().expect_code(0);
        let (mut merged, mut single) =
            (lines(merged.stdout_text()), lines(&folder.single(&arguments)));
        if format == "ndjson" {
            // A run prints each line as soon as the endpoint is finished.
            merged.sort();
            single.sort();
        }
        assert_eq!(merged, single, "{format}");
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_run_lasts_from_the_first_start_to_the_last_end() {
    let folder = MergeFolder::new();
    let shards = folder.shards(2);
    let read = |index: usize| -> Value {
        let text = std::fs::read_to_string(shards.join(format!("{index}.json"))).expect("a file");
        serde_json::from_str(&text).expect("JSON")
    };
    let (first, last) = (read(0), read(1));
    let merged = merge(&[&shards], &[]).run().expect_code(0).inventory();
    assert_eq!(merged["run"]["startedAt"], first["run"]["startedAt"]);
    assert_eq!(merged["run"]["finishedAt"], last["run"]["finishedAt"]);
    assert_eq!(merged.get("shard"), None);
    assert_eq!(merged["generator"], first["generator"]);
}

#[test]
fn shards_without_endpoints_are_merged() {
    let plugins = plugins();
    let folder = tempfile::tempdir().expect("a folder");
    let request = json!([{"id": "kvm1", "module": "Example", "hostname": "x"}]);
    for index in 0..5 {
        let shard = format!("{index}/5");
        let run = Run::gather(&request).plugins(plugins.path());
        let run = run.args(["--format", "inventory", "--shard", &shard, "--outfile"]);
        run.arg(folder.path().join(format!("{index}.json"))).run().expect_code(0);
    }
    let merged = merge(&[folder.path()], &[]).run().expect_code(0).inventory();
    assert_eq!(merged["endpoints"].as_array().expect("endpoints").len(), 1);
}
