//! Module GoogleCE, with a fake of Compute Engine.

use std::path::{Path, PathBuf};

use gatherer_plugin_support::testing::{Action, TlsServer};
use gatherer_tests::assert_message;
use gatherer_tests::fakes::gce::{GceFake, GceFault, GceInventory};
use serde_json::{Value, json};

use super::{Cases, with};

const LIST: &str = "right: compute.instances.list";
const TYPES: &str = "right: compute.machineTypes.get";

/// Writes the key of the fake at this URL.
fn write_key(folder: &Path, base: &str, email: Option<&str>) -> PathBuf {
    let mut key = GceFake::new(GceInventory::sample()).key_file(base);
    if let Some(email) = email {
        key["client_email"] = json!(email);
    }
    let path = folder.join("key.json");
    std::fs::write(&path, key.to_string()).expect("written");
    path
}

fn endpoint(server: &TlsServer, key: &Path) -> Value {
    json!({
        "id": "cloud", "module": "GoogleCE", "cert_path": key, "project_id": "example-project",
        "endpoint_url": format!("https://127.0.0.1:{}", server.port()),
        "ca_file": server.ca_file(), "retries": "0",
    })
}

#[test]
fn each_right_or_setting_that_is_missing_has_its_step() {
    let mut cases = Cases::new("gce");
    let fake = || GceFake::new(GceInventory::sample());
    let with_rights = |permissions: &[&'static str]| {
        let mut fake = fake();
        fake.permissions = permissions.to_vec();
        fake
    };
    let good = format!("key ok, login ok, {LIST} ok, {TYPES} ok, objects ok");
    let after = |step: &str| {
        let steps = ["key", "login", LIST, TYPES, "objects"];
        let failed = steps.iter().position(|name| *name == step).expect("a step");
        let status = |index: usize| match index.cmp(&failed) {
            std::cmp::Ordering::Less => "ok",
            std::cmp::Ordering::Equal => "failed",
            std::cmp::Ordering::Greater => "not-tried",
        };
        let steps = steps.iter().enumerate();
        steps
            .map(|(index, name)| format!("{name} {}", status(index)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let no_tls = format!("key ok, tls failed, {}", {
        ["login", LIST, TYPES, "objects"].map(|name| format!("{name} not-tried")).join(", ")
    });
    let no_types = format!("key ok, login ok, {LIST} ok, {TYPES} warning, objects ok");
    let no_instances = format!("key ok, login ok, {LIST} ok, {TYPES} not-tried, objects ok");
    for (case, fake, members, expected) in [
        ("good", fake(), json!({}), &good),
        ("all zones but one", fake(), json!({"zone": "europe-west1-b"}), &good),
        ("instances", GceFake::new(GceInventory::of_size(0)), json!({}), &no_instances),
        ("the authority of the certificate", fake(), json!({"ca_file": null}), &no_tls),
        ("the key at Google", fake().with(GceFault::KeyDeleted), json!({}), &after("login")),
        ("the account", fake().with(GceFault::AccountDeleted), json!({}), &after("login")),
        ("the API", fake().with(GceFault::AccessNotConfigured), json!({}), &after(LIST)),
        ("the zone", fake(), json!({"zone": "europe-west1-z"}), &after(LIST)),
        ("the project", fake(), json!({"project_id": "other-project"}), &after(LIST)),
        ("a zone that answers", fake().with(GceFault::ScopeUnreachable), json!({}), &after(LIST)),
        (
            "compute.instances.list",
            with_rights(&["compute.machineTypes.get"]),
            json!({}),
            &after(LIST),
        ),
        (
            "compute.machineTypes.get",
            with_rights(&["compute.instances.list"]),
            json!({}),
            &no_types,
        ),
    ] {
        let server = TlsServer::start(move |request| fake.answer(request));
        let folder = tempfile::tempdir().expect("a folder");
        let base = format!("https://127.0.0.1:{}", server.port());
        let key = write_key(folder.path(), &base, None);
        cases.add(case, &with(&endpoint(&server, &key), members), expected);
    }
    let server = TlsServer::start(|_| Action::answer(404, "not found"));
    let folder = tempfile::tempdir().expect("a folder");
    let base = format!("https://127.0.0.1:{}", server.port());
    let key = write_key(folder.path(), &base, None);
    cases.add("Compute Engine at this URL", &endpoint(&server, &key), &after("login"));
    std::fs::write(&key, "no key").expect("written");
    let no_key = ["name", "port", "tls", "login", LIST, TYPES, "objects"];
    let no_key = no_key.map(|name| format!("{name} not-tried")).join(", ");
    cases.add("the key", &endpoint(&server, &key), &format!("key failed, {no_key}"));
    let table = cases.table.replace(&folder.path().display().to_string(), "[folder]");
    assert_message!(table);
}
