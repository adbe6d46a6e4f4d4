//! Module File through the real program: what an inventory lists beside hosts and their guests, and
//! inventories of earlier schemas.

use std::path::{Path, PathBuf};

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

#[path = "file_module_items/sample.rs"]
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
fn an_inventory_of_schema_1_0_gives_what_it_gave() {
    // Both files were written by a program whose schema was 1.0: the one that is read, and what it
    // made of it.
    let outcome = read(&fixture("inventory-1.0.json"), "inventory").expect_code(0);
    let before = std::fs::read_to_string(fixture("inventory-1.0.read.json")).expect("a file");
    let before: Value = serde_json::from_str(&before).expect("JSON");
    assert_eq!(before["schemaVersion"], "1.0");
    let (mut now, mut before) = (outcome.endpoint("e").clone(), before["endpoints"][0].clone());
    assert!(before["hosts"].as_array().is_some_and(|hosts| hosts.len() == 3), "{before:#}");
    for endpoint in [&mut now, &mut before] {
        // The plugin's own version is another one with each release.
        endpoint.as_object_mut().expect("an endpoint").remove("plugin");
    }
    assert_eq!(now, before);
}

#[test]
fn every_item_that_is_read_is_printed_again_as_it_was() {
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
    // What it printed is read again to the same bytes.
    let again = read_text(outcome.stdout_text(), "inventory");
    assert_eq!(again.stdout_text(), outcome.stdout_text());
}

#[test]
fn the_items_of_several_endpoints_are_merged_as_hosts_are_and_none_is_lost() {
    let mut failed = endpoint("three");
    failed["collections"]["secrets"] =
        json!({"status": "failed", "error": {"kind": "permission", "message": "403"}});
    let outcome = read_text(&inventory(&[endpoint("one"), endpoint("two"), failed]), "inventory");
    let read = outcome.endpoint("e");
    let count = |list: &str| read["workloads"][list].as_array().map_or(0, Vec::len);
    assert_eq!((count("pods"), count("serviceAccounts"), count("namespaces")), (9, 3, 3));
    assert_eq!(read["detachedGuests"].as_array().map(Vec::len), Some(3));
    assert_eq!(read["collections"]["pods"]["status"], "complete");
    // Two thirds of the secrets are none.
    assert_eq!(read["workloads"].get("secrets"), None);
    assert_eq!(read["collections"]["secrets"]["error"]["kind"], "permission");
    assert_eq!(read["hosts"].as_array().map(Vec::len), Some(3));
}

#[test]
fn pods_of_which_nobody_says_that_they_are_all_are_refused() {
    let mut odd = endpoint("x");
    odd["collections"].as_object_mut().expect("an object").remove("pods");
    let error = read_text(&inventory(&[odd]), "inventory").endpoint("e")["error"].clone();
    assert_eq!(error["kind"], "protocol", "{error}");
    let message = "the endpoint \"x\" lists a pod, and has no collection \"pods\" that says whether \
                   they are all";
    assert_eq!(error["message"], message);
}

#[test]
fn an_item_that_is_too_long_costs_its_collection_and_nothing_else() {
    let mut odd = endpoint("x");
    let (pods, first) = (odd["workloads"]["pods"].clone(), "/workloads/pods/0/labels");
    *odd.pointer_mut(first).expect("its labels") = json!({"long": "x".repeat(2 << 20)});
    let outcome = read_text(&inventory(&[odd]), "inventory");
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
fn guests_that_are_not_known_leave_a_manager_what_it_has() {
    let mut odd = endpoint("x");
    odd["collections"]["virtual-machines"] =
        json!({"status": "failed", "error": {"kind": "permission", "message": "403"}});
    let outcome = read_text(&inventory(&[odd]), "gatherer");
    assert!(outcome.document()["e"].is_none(), "{}", outcome.describe());
    assert!(outcome.messages().contains("virtual-machines"), "{}", outcome.describe());
    let outcome = read_text(&inventory(&[endpoint("x")]), "gatherer");
    assert!(outcome.document()["e"].as_ref().is_some_and(|hosts| hosts.contains_key("node1")));
    assert!(outcome.messages().contains("1 guest is on no host"), "{}", outcome.describe());
}

#[test]
fn a_password_that_is_part_of_a_collections_name_does_not_hide_that_the_collection_failed() {
    let mut odd = endpoint("x");
    odd["collections"]["virtual-machines"] =
        json!({"status": "failed", "error": {"kind": "permission", "message": "virtual: 403"}});
    let document = inventory(&[odd]);
    for password in ["virtual", "virtual-machines"] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("inventory.json");
        std::fs::write(&path, &document).expect("a file can be written");
        let plugins = PluginFolder::with(&["file"]);
        let ask = |format: &str| {
            let endpoint = json!({"id": "e", "module": "File", "url": path, "password": password});
            let run = Run::gather(&json!([endpoint])).plugins(plugins.path());
            run.args(["--format", format, "--no-run-info"]).run()
        };
        let outcome = ask("inventory");
        let collections = outcome.endpoint("e")["collections"].clone();
        assert_eq!(collections["virtual-machines"]["status"], "failed", "{collections:#}");
        assert!(collections.get("***-machines").is_none() && collections.get("***").is_none());
        if password == "virtual" {
            // It is taken for a secret.
            let message = &collections["virtual-machines"]["error"]["message"];
            assert!(message.as_str().is_some_and(|it| it.contains("***")), "{collections:#}");
        }
        let outcome = ask("gatherer");
        assert!(outcome.document()["e"].is_none(), "{}", outcome.describe());
    }
}
