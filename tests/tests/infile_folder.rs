//! An infile that is a folder, with the real program: its files, mistakes in one of them, and what a Manager gets.

use std::os::unix::fs::symlink;
use std::path::Path;

use gatherer_tests::{FILE_DOCUMENT, Outcome, PluginFolder, Run, assert_message};
use serde_json::json;

/// A folder with requests, which is the infile.
struct Folder {
    folder: tempfile::TempDir,
    plugins: PluginFolder,
}

impl Folder {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
            plugins: PluginFolder::with(&["file"]),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.path().join(name), text).expect("a file can be written");
        self
    }

    fn run(&self, format: &str) -> Run {
        let run = Run::new().arg("--infile").arg(self.path()).plugins(self.plugins.path());
        run.args(["--format", format])
    }

    fn gather(&self, format: &str) -> Outcome {
        self.run(format).run()
    }
}

/// A list with one endpoint, whose document is beside the request.
fn endpoint(id: &str) -> String {
    json!([{"id": id, "module": "File", "url": "document.txt"}]).to_string()
}

#[test]
fn every_file_is_read_with_paths_relative_to_the_folder() {
    let folder = Folder::new()
        .with("document.txt", FILE_DOCUMENT)
        .with("b.json", endpoint("b"))
        .with("a.json", r#"{"id": "a", "module": "File", "url": "document.txt"}"#)
        .with(".hidden.json", endpoint("hidden"))
        .with("c.json.old", endpoint("old"));
    let document = folder.gather("gatherer").expect_code(0).document();
    assert_eq!(document.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert!(
        document.values().all(|hosts| hosts.as_ref().is_some_and(|hosts| hosts.contains_key("h1")))
    );
    let only = folder.run("gatherer").args(["--only", "b"]).run().expect_code(0);
    assert_eq!(only.document().keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(folder.gather("ndjson").stdout_text().lines().count(), 2);
}

#[test]
fn a_file_that_cannot_be_used_is_a_failed_endpoint_and_does_not_stop_the_others() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let folder = Folder::new()
        .with("document.txt", FILE_DOCUMENT)
        .with("0-good.json", endpoint("good"))
        .with("1-not-json.json", "[{")
        .with("2-empty.json", "")
        .with("3-not-a-list.json", "[1]")
        .with("4-utf16.json", b"\xff\xfe[\0]\0")
        .with(
            "5-latin.json",
            b"[{\"id\": \"\xe4\", \"module\": \"File\", \"url\": \"document.txt\"}]",
        )
        .with("9-good.json", endpoint("also good"));
    std::fs::write(elsewhere.path().join("x.json"), endpoint("outside")).expect("a file");
    symlink(elsewhere.path().join("x.json"), folder.path().join("6-link.json")).expect("a link");
    symlink("/dev/zero", folder.path().join("7-device.json")).expect("a link");
    std::fs::create_dir(folder.path().join("8-folder.json")).expect("a folder");

    let outcome = folder.gather("gatherer").expect_code(0);
    let document = outcome.document();
    let complete: Vec<_> =
        document.iter().filter(|(_, hosts)| hosts.is_some()).map(|(id, _)| id.as_str()).collect();
    assert_eq!(complete, ["also good", "good", "ä"]);
    let failed: Vec<_> =
        document.iter().filter(|(_, hosts)| hosts.is_none()).map(|(id, _)| id.as_str()).collect();
    let expected = [
        "1-not-json.json",
        "2-empty.json",
        "3-not-a-list.json",
        "4-utf16.json",
        "6-link.json",
        "7-device.json",
        "8-folder.json",
    ];
    assert_eq!(failed, expected);
    for name in expected {
        assert!(outcome.log.contains(name), "{name}: {}", outcome.log);
    }
    assert!(outcome.log.contains("the file 5-latin.json is not UTF-8"), "{}", outcome.log);
    folder.run("table").args(["--fail-on", "any"]).run().expect_code(1);
    assert_message!(folder.gather("inventory").failures());
}

#[test]
fn an_id_in_two_files_fails_both_endpoints_and_names_the_files() {
    let folder =
        Folder::new().with("document.txt", FILE_DOCUMENT).with("a.json", endpoint("same")).with(
            "b.json",
            format!(
                "[{}, {}]",
                &endpoint("good")[1..endpoint("good").len() - 1],
                &endpoint("same")[1..endpoint("same").len() - 1]
            ),
        );
    let outcome = folder.gather("inventory").expect_code(0);
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    let endpoints = outcome.inventory()["endpoints"].clone();
    let failed: Vec<_> = endpoints
        .as_array()
        .expect("a list")
        .iter()
        .filter(|endpoint| endpoint["status"] == "failed")
        .collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|endpoint| endpoint["error"]["kind"] == "configuration"));
    assert_message!(failed[0]["error"]["message"]);
    assert_eq!(folder.gather("gatherer").document()["same"], None);
}

#[test]
fn a_folder_without_requests_cannot_be_used() {
    let folder = Folder::new().with("endpoints.txt", endpoint("a"));
    let outcome = folder.gather("gatherer").expect_code(3);
    assert_eq!(outcome.stdout_text(), "");
    assert!(outcome.stderr.contains("has no file *.json"), "{}", outcome.stderr);
}

/// A volume of a config map or a secret has links to files in a hidden folder.
#[test]
fn a_volume_of_kubernetes_is_read() {
    let folder = Folder::new().with("document.txt", FILE_DOCUMENT);
    std::fs::create_dir(folder.path().join("..2026_11_28")).expect("a folder");
    std::fs::write(folder.path().join("..2026_11_28/a.json"), endpoint("a")).expect("a file");
    symlink("..2026_11_28", folder.path().join("..data")).expect("a link");
    symlink("..data/a.json", folder.path().join("a.json")).expect("a link");
    let document = folder.gather("gatherer").expect_code(0).document();
    assert!(document["a"].is_some());
}

#[test]
fn an_outfile_in_the_folder_is_refused_if_it_would_be_read() {
    let folder = Folder::new().with("document.txt", FILE_DOCUMENT).with("a.json", endpoint("a"));
    for (name, code) in [("a.json", 3), ("result.json", 3), ("result.txt", 0)] {
        let outcome = folder.run("gatherer").arg("-o").arg(folder.path().join(name)).run();
        assert_eq!(outcome.code(), code, "{name}: {}", outcome.stderr);
    }
    assert_eq!(
        std::fs::read_to_string(folder.path().join("a.json")).expect("a file"),
        endpoint("a")
    );
}

#[test]
fn a_check_shows_a_file_that_cannot_be_used() {
    let folder = Folder::new()
        .with("document.txt", FILE_DOCUMENT)
        .with("good.json", endpoint("good"))
        .with("wrong.json", "[{");
    let run = Run::new().args(["check", "--format", "json", "-i"]).arg(folder.path());
    let outcome = run.plugins(folder.plugins.path()).run().expect_code(1);
    let document: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let endpoints = document["endpoints"].as_array().expect("a list");
    let status = |id: &str| {
        let found = endpoints.iter().find(|endpoint| endpoint["id"] == id).expect(id);
        (found["status"] == "failed", found["steps"][0]["status"].clone())
    };
    assert_eq!(status("wrong.json"), (true, json!("failed")));
    assert_eq!(status("good"), (false, json!("ok")));
}
