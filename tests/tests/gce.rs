//! Module GoogleCE in the program, as a Manager calls it, with a fake of Compute Engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::gce::{GceFake, GceInventory};
use gatherer_tests::{PluginFolder, Run, assert_no_guest_is_lost};
use serde_json::{Value, json};
use tempfile::TempDir;

const TOKEN: &str = "ya29.canary-of-google-Zm9vYmFy";

/// A served fake, and the file with its key.
struct Cloud {
    server: TlsServer,
    folder: TempDir,
}

impl Cloud {
    fn new(inventory: GceInventory) -> Self {
        let fake = Arc::new(GceFake::new(inventory));
        let shared = Arc::clone(&fake);
        Self::script(move |request| shared.answer(request))
    }

    fn script(script: impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static) -> Self {
        let cloud = Self {
            server: TlsServer::start(script),
            folder: tempfile::tempdir().expect("a folder"),
        };
        let key = GceFake::new(GceInventory::sample()).key_file(&cloud.base());
        std::fs::write(cloud.key_path(), key.to_string()).expect("written");
        cloud
    }

    fn base(&self) -> String {
        format!("https://127.0.0.1:{}", self.server.port())
    }

    fn key_path(&self) -> PathBuf {
        self.folder.path().join("key.json")
    }

    /// An endpoint with the parameters that a Manager's form has, as a Manager sends them.
    fn endpoint(&self, zone: &str) -> Value {
        json!({
            "id": "cloud", "module": "GoogleCE", "service_account_email": null,
            "cert_path": self.key_path(), "project_id": "example-project", "zone": zone,
            "endpoint_url": self.base(), "ca_file": self.server.ca_file(), "retries": "0",
        })
    }
}

/// What a Manager reads of an endpoint.
fn printed(endpoint: &Value) -> Value {
    let plugins = PluginFolder::with(&["gce"]);
    let outcome = Run::gather(&json!([endpoint])).plugins(plugins.path()).run();
    assert!(outcome.document()["cloud"].is_some(), "the endpoint is complete");
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    printed["cloud"].clone()
}

#[test]
fn a_manager_gets_one_pseudo_host_for_a_zone() {
    let cloud = Cloud::new(GceInventory::sample());
    insta::assert_json_snapshot!(printed(&cloud.endpoint("europe-west1-b")));
}

#[test]
fn a_manager_gets_a_pseudo_host_for_each_zone_with_instances() {
    let cloud = Cloud::new(GceInventory::sample());
    let printed = printed(&cloud.endpoint(""));
    let hosts: Vec<_> = printed.as_object().expect("hosts").keys().collect();
    assert_eq!(hosts, ["cloud/europe-west1-b", "cloud/europe-west1-c", "cloud/us-central1-a"]);
    for (key, host) in printed.as_object().expect("hosts") {
        assert_eq!((&host["name"], &host["hostIdentifier"]), (&json!(key), &json!(key)));
    }
}

#[test]
fn a_zone_without_instances_keeps_its_host() {
    let cloud = Cloud::new(GceInventory::sample());
    let printed = printed(&cloud.endpoint("asia-east1-a"));
    assert_eq!(printed["cloud"]["vms"], json!({}));
}

#[test]
fn no_guest_of_a_project_is_lost_on_the_way_to_a_manager() {
    for (inventory, zone, guests) in [
        (GceInventory::sample(), "", 12),
        (GceInventory::sample(), "us-central1-a", 4),
        (GceInventory::of_size(700), "", 700),
    ] {
        assert_no_guest_is_lost(Cloud::new(inventory).endpoint(zone), guests);
    }
}

#[test]
fn a_path_is_resolved_as_everywhere_and_a_key_in_its_place_is_not_shown() {
    let cloud = Cloud::new(GceInventory::sample());
    let mut endpoint = cloud.endpoint("");
    endpoint["cert_path"] = json!(GceFake::key_pkcs8());
    let outcome = Run::gather(&json!([endpoint])).args(["-v", "-v", "--format", "inventory"]).run();
    let failure = outcome.failure("cloud");
    assert_eq!(failure.kind, "configuration");
    assert!(failure.message.contains("cert_path"), "{}", failure.message);
    let line = GceFake::key_pkcs8().lines().nth(1).expect("a line of the key");
    for text in
        [&outcome.stderr, &outcome.log, &String::from_utf8_lossy(&outcome.stdout).into_owned()]
    {
        assert!(!text.contains(line), "{text}");
    }
}

/// A service that repeats these secrets wherever it can.
fn repeats(secrets: &str, is_failing: bool, request: &ReceivedRequest) -> Action {
    if request.path() == "/token" {
        return Action::json(200, &json!({"access_token": TOKEN, "token_type": "Bearer"}));
    }
    if is_failing {
        let error = json!({"code": 403, "message": secrets, "errors": [{"reason": secrets}]});
        return Action::json(403, &json!({"error": error}));
    }
    let instance = json!({
        "id": "1", "name": secrets, "status": secrets, "hostname": secrets, "tags": {"items": [secrets]},
        "labels": {secrets: secrets}, "machineType": secrets, "cpuPlatform": secrets,
    });
    let items = json!({"zones/z": {"instances": [instance]}});
    Action::json(200, &json!({"kind": "compute#instanceAggregatedList", "items": items}))
}

/// The assertion differs from run to run, so the server repeats what it got.
fn with_assertion(request: &ReceivedRequest) -> Action {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let assertion = body.rsplit('=').next().unwrap_or_default();
    let error = json!({"error": "invalid_grant", "error_description": format!("no {assertion}")});
    Action::json(400, &error)
}

#[test]
fn secrets_that_a_server_repeats_are_not_logged() {
    let key = GceFake::key_pkcs8();
    let key_line = key.lines().nth(1).expect("a line of the key");
    for is_failing in [false, true] {
        // A long name would be in a line of the log about its length.
        let secrets = if is_failing { format!("{TOKEN} {key}") } else { TOKEN.to_owned() };
        let cloud = Cloud::script(move |request| repeats(&secrets, is_failing, request));
        for format in ["gatherer", "inventory", "table"] {
            let outcome = Run::gather(&json!([cloud.endpoint("")]))
                .args(["-v", "-v", "--format", format])
                .run()
                .expect_code(0);
            for text in [&outcome.stderr, &outcome.log] {
                assert!(!text.contains(TOKEN), "{format}: {text}");
                assert!(!text.contains(key_line), "{format}: {text}");
            }
            if format == "inventory" && is_failing {
                let failure = outcome.failure("cloud");
                assert_eq!(failure.kind, "permission");
                assert!(failure.message.contains("***"), "{}", failure.message);
            }
        }
    }
    let cloud = Cloud::script(with_assertion);
    let outcome =
        Run::gather(&json!([cloud.endpoint("")])).args(["-v", "-v", "--format", "inventory"]).run();
    let received = String::from_utf8_lossy(&cloud.server.received()[0].body).into_owned();
    let assertion = received.rsplit('=').next().expect("an assertion");
    assert!(assertion.len() > 300, "{assertion}");
    assert!(outcome.failure("cloud").message.contains("***"));
    for text in [&outcome.stderr, &outcome.log] {
        assert!(!text.contains(&assertion[..100]), "{text}");
    }
}

#[test]
fn a_refused_key_fails_only_its_endpoint() {
    let cloud = Cloud::new(GceInventory::sample());
    let other_key = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../plugin-support/src/http/test_keys/rsa2048-pkcs8.key");
    let mut wrong = cloud.endpoint("");
    wrong["id"] = json!("wrong");
    wrong["cert_path"] = json!(other_key);
    wrong["service_account_email"] = json!("inventory@example-project.iam.gserviceaccount.com");
    wrong["token_url"] = json!(format!("{}/token", cloud.base()));
    let endpoints = json!([cloud.endpoint(""), wrong]);
    let document = Run::gather(&endpoints).run().document();
    assert!(document["cloud"].is_some());
    assert!(document["wrong"].is_none());
    let outcome = Run::gather(&endpoints).args(["--format", "inventory"]).run();
    assert_eq!(outcome.failure("wrong").kind, "authentication");
}

#[test]
fn unusual_names_reach_a_manager_in_any_order_of_the_instances() {
    let names =
        ["same", "same", "a\nb\u{7}", "\u{1f600}\u{202e}", &"x".repeat(10_000)].map(str::to_owned);
    let printed = [false, true].map(|is_reversed| {
        let names = names.clone();
        let cloud = Cloud::script(move |request| {
            if request.path() == "/token" {
                return Action::json(200, &json!({"access_token": TOKEN}));
            }
            let instances = names.iter().enumerate();
            let instances = instances.map(|(id, name)| json!({"id": id.to_string(), "name": name}));
            let mut instances: Vec<_> = instances.collect();
            if is_reversed {
                instances.reverse();
            }
            Action::json(200, &json!({"kind": "compute#instanceList", "items": instances}))
        });
        assert_no_guest_is_lost(cloud.endpoint("z"), 5);
        printed(&cloud.endpoint("z"))
    });
    assert_eq!(printed[0], printed[1]);
}
