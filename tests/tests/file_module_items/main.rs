//! The module File with the real program: the items in an inventory besides hosts and guests, and
//! inventories of earlier schemas.

use std::path::{Path, PathBuf};

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

mod sample;
use sample::endpoint;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/file/tests/fixtures").join(name)
}

fn read(url: &Path, format: &str) -> Outcome {
    let plugins = PluginFolder::with(&["file"]);
    Run::gather(&json!([{"id": "e", "module": "File", "url": url}]))
        .plugins(plugins.path())
        .args(["--format", format, "--no-run-info"])
        .run()
}

fn read_text(document: &str, format: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("inventory.json");
    std::fs::write(&path, document).expect("a file can be written");
    read(&path, format)
}

fn inventory(endpoints: &[Value]) -> String {
    json!({"schemaVersion": "1.1", "generator": {"name": "test"}, "endpoints": endpoints})
        .to_string()
}

#[test]
fn an_inventory_of_schema_1_0_gives_the_same_result_as_before() {
    // A program with schema 1.0 wrote both files: the inventory, and the result of reading it.
    let outcome = read(&fixture("inventory-1.0.json"), "inventory").expect_code(0);
    let before = std::fs::read_to_string(fixture("inventory-1.0.read.json")).expect("a file");
    let before: Value = serde_json::from_str(&before).expect("JSON");
    assert_eq!(before["schemaVersion"], "1.0");
    let (mut now, mut before) = (outcome.endpoint("e").clone(), before["endpoints"][0].clone());
    assert!(before["hosts"].as_array().is_some_and(|hosts| hosts.len() == 3), "{before:#}");
    for endpoint in [&mut now, &mut before] {
        // The version of the plugin changes with each release.
        endpoint.as_object_mut().expect("an endpoint").remove("plugin");
    }
    // Since then, an amount of memory that no host has is left out with a warning.
    let impossible = before["hosts"][0].as_object_mut().expect("a host").remove("memoryBytes");
    assert_eq!(impossible, Some(u64::MAX.into()));
    let added = now["warnings"].as_array_mut().expect("a list").remove(0);
    assert_eq!(added["object"], "node1");
    assert!(added["message"].to_string().contains("memoryBytes"), "{added}");
    assert_eq!(now, before);
}

#[test]
fn items_are_printed_as_they_were_read() {
    let written = endpoint("x");
    let outcome = read_text(&inventory(std::slice::from_ref(&written)), "inventory");
    let read = outcome.endpoint("e").clone();
    for member in ["hosts", "detachedGuests", "workloads", "collections"] {
        let (read, written) = (&read[member], &written[member]);
        let mut read = read.clone();
        if let Some(hosts) = read.as_array_mut().filter(|_| member == "hosts") {
            for host in hosts {
                host.as_object_mut().expect("a host").remove("guests");
            }
        }
        assert_eq!(&read, written, "{member}");
    }
    assert_eq!(read.get("warnings"), None);
    // Reading the output again gives the same bytes.
    let again = read_text(outcome.stdout_text(), "inventory");
    assert_eq!(again.stdout_text(), outcome.stdout_text());
}

#[test]
fn the_items_of_several_endpoints_are_merged_without_loss() {
    let mut failed = endpoint("three");
    failed["collections"]["secrets"] =
        json!({"status": "failed", "error": {"kind": "permission", "message": "403"}});
    let outcome = read_text(&inventory(&[endpoint("one"), endpoint("two"), failed]), "inventory");
    let read = outcome.endpoint("e");
    let count = |list: &str| read["workloads"][list].as_array().map_or(0, Vec::len);
    assert_eq!((count("pods"), count("serviceAccounts"), count("namespaces")), (9, 3, 3));
    assert_eq!(read["detachedGuests"].as_array().map(Vec::len), Some(3));
    assert_eq!(read["collections"]["pods"]["status"], "complete");
    // The secrets of one endpoint are missing, so the merged collection is incomplete.
    assert_eq!(read["workloads"].get("secrets"), None);
    assert_eq!(read["collections"]["secrets"]["error"]["kind"], "permission");
    assert_eq!(read["hosts"].as_array().map(Vec::len), Some(3));
}

#[test]
fn rejects_pods_without_a_collection() {
    let mut endpoint = endpoint("x");
    endpoint["collections"].as_object_mut().expect("an object").remove("pods");
    let failure = read_text(&inventory(&[endpoint]), "inventory").failure("e");
    assert_eq!(failure.kind, "protocol", "{failure}");
    assert!(failure.message.contains("\"x\"") && failure.message.contains("pods"), "{failure}");
    assert_message!(failure);
}

#[test]
fn an_item_that_is_too_long_fails_only_its_collection() {
    let mut endpoint = endpoint("x");
    let (pods, first) = (endpoint["workloads"]["pods"].clone(), "/workloads/pods/0/labels");
    *endpoint.pointer_mut(first).expect("its labels") = json!({"long": "x".repeat(2 << 20)});
    let outcome = read_text(&inventory(&[endpoint]), "inventory");
    let read = outcome.endpoint("e");
    assert_eq!(read["status"], "complete", "{}", read["error"]);
    let error = &read["collections"]["pods"]["error"];
    assert_eq!(error["kind"], "protocol", "{error}");
    let message = error["message"].as_str().unwrap_or_default();
    let name = pods[0]["name"].as_str().expect("a name");
    assert!(message.starts_with(&format!("the record of {name} is ")), "{message}");
    assert_eq!(read["workloads"].get("pods"), None);
    assert_eq!(read["collections"]["secrets"]["status"], "complete");
    assert_eq!(read["hosts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_failed_collection_of_guests_fails_the_endpoint_for_a_manager() {
    let mut failed = endpoint("x");
    failed["collections"]["virtual-machines"] =
        json!({"status": "failed", "error": {"kind": "permission", "message": "403"}});
    let outcome = read_text(&inventory(&[failed]), "gatherer");
    assert!(outcome.document()["e"].is_none(), "{}", outcome.describe());
    assert!(outcome.messages().contains("virtual-machines"), "{}", outcome.describe());
    let outcome = read_text(&inventory(&[endpoint("x")]), "gatherer");
    assert!(outcome.document()["e"].as_ref().is_some_and(|hosts| hosts.contains_key("node1")));
    assert!(outcome.stderr.contains("1 guest"), "{}", outcome.describe());
    assert_message!("guests_without_a_host", outcome.stderr);
}

#[test]
fn the_name_of_a_collection_is_not_redacted() {
    let mut failed = endpoint("x");
    failed["collections"]["virtual-machines"] = json!({"status": "failed", "error": {"kind": "permission", "message": "password=virtual: 403"}});
    let document = inventory(&[failed]);
    for password in ["virtual", "virtual-machines"] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("inventory.json");
        std::fs::write(&path, &document).expect("a file can be written");
        let plugins = PluginFolder::with(&["file"]);
        let gather = |format: &str| {
            let endpoint = json!({"id": "e", "module": "File", "url": path, "password": password});
            let run = Run::gather(&json!([endpoint])).plugins(plugins.path());
            run.args(["--format", format, "--no-run-info"]).run()
        };
        let outcome = gather("inventory");
        let collections = outcome.endpoint("e")["collections"].clone();
        assert_eq!(collections["virtual-machines"]["status"], "failed", "{collections:#}");
        assert!(collections.get("***-machines").is_none() && collections.get("***").is_none());
        if password == "virtual" {
            // In the message it is redacted where it is a value.
            let message = &collections["virtual-machines"]["error"]["message"];
            assert!(message.as_str().is_some_and(|it| it.contains("***")), "{collections:#}");
        }
        let outcome = gather("gatherer");
        assert!(outcome.document()["e"].is_none(), "{}", outcome.describe());
    }
}
