//! Module Azure in the program, as a Manager calls it, with a fake of Azure.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::azure::{AzureFake, AzureInventory};
use gatherer_tests::{PluginFolder, Run, assert_no_guest_is_lost};
use serde_json::{Value, json};

const SECRET: &str = "s3cret-of-azure";
const TOKEN: &str = "t0ken.canary.of-azure";

fn serve_fake(inventory: AzureInventory) -> (TlsServer, Value) {
    let fake = Arc::new(AzureFake::new(inventory));
    let answering = Arc::clone(&fake);
    let server = TlsServer::start(move |request| answering.answer(request));
    let mut endpoint = endpoint(&server);
    endpoint["subscription_id"] = json!(fake.subscription_id);
    endpoint["application_id"] = json!(fake.application_id);
    endpoint["tenant_id"] = json!(fake.tenant_id);
    endpoint["secret_key"] = json!(fake.secret);
    (server, endpoint)
}

/// An endpoint whose values are texts, as a Manager sends them.
fn endpoint(server: &TlsServer) -> Value {
    let url = format!("https://127.0.0.1:{}", server.port());
    json!({
        "id": "shop", "module": "Azure", "subscription_id": "5f8e1d2c-3b4a-4c5d-8e6f-7a8b9c0d1e2f",
        "application_id": "a", "tenant_id": "t", "secret_key": SECRET, "zone": "",
        "authority_url": url, "endpoint_url": url, "reader_confirmed": "true",
        "ca_file": server.ca_file(), "retries": "0",
    })
}

#[test]
fn a_manager_gets_the_machines_of_a_location_on_one_host() {
    let (_server, mut endpoint) = serve_fake(AzureInventory::sample());
    endpoint["zone"] = json!("eastus");
    let plugins = PluginFolder::with(&["azure"]);
    let outcome = Run::gather(&json!([endpoint])).plugins(plugins.path()).run();
    let document = outcome.document();
    let hosts = document["shop"].as_ref().expect("the endpoint is complete");
    assert_eq!(hosts.keys().collect::<Vec<_>>(), ["shop"]);
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    insta::assert_json_snapshot!(printed["shop"]);
}

#[test]
fn a_manager_gets_a_host_for_each_location_if_there_is_no_zone() {
    let (_server, endpoint) = serve_fake(AzureInventory::sample());
    let document = Run::gather(&json!([endpoint])).run().document();
    let hosts = document["shop"].as_ref().expect("the endpoint is complete");
    assert_eq!(
        hosts.keys().collect::<Vec<_>>(),
        ["shop/eastus", "shop/northeurope", "shop/westeurope"]
    );
    for (key, host) in hosts {
        assert_eq!((&host.name, &host.host_identifier), (key, key));
    }
}

#[test]
fn no_machine_of_a_subscription_is_lost_on_the_way_to_a_manager() {
    for (inventory, guests) in [(AzureInventory::sample(), 22), (AzureInventory::of_size(50), 50)] {
        let (_server, endpoint) = serve_fake(inventory);
        assert_no_guest_is_lost(endpoint, guests);
    }
}

/// A subscription that repeats these secrets wherever it can. It is complete unless a list fails.
fn repeats(secrets: &str, fails: bool, request: &ReceivedRequest) -> Action {
    let path = request.path();
    if request.method == "POST" {
        return Action::json(200, &json!({"access_token": TOKEN, "token_type": secrets}));
    }
    if fails && path.ends_with("/virtualMachineScaleSets") {
        return Action::json(403, &json!({"error": {"code": secrets, "message": secrets}}));
    }
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m";
    let list = match path.rsplit('/').next().unwrap_or_default() {
        "virtualMachines" if request.query("statusOnly").is_some() => json!([]),
        "virtualMachines" => json!([{
            "id": id, "name": secrets, "location": "eastus", "tags": {secrets: secrets},
            "properties": {"vmId": secrets, "hardwareProfile": {"vmSize": secrets},
                "osProfile": {"computerName": secrets}},
        }]),
        "vmSizes" => {
            return Action::json(404, &json!({"error": {"code": secrets, "message": secrets}}));
        }
        _ => json!([]),
    };
    Action::json(200, &json!({ "value": list }))
}

#[test]
fn secrets_that_a_server_repeats_are_not_logged() {
    let secrets = format!("{SECRET} {TOKEN}");
    for fails in [false, true] {
        let repeated = secrets.clone();
        let server = TlsServer::start(move |request| repeats(&repeated, fails, request));
        for format in ["gatherer", "inventory", "table"] {
            let outcome = Run::gather(&json!([endpoint(&server)]))
                .args(["-v", "-v", "--format", format])
                .run()
                .expect_code(0);
            for text in [&outcome.stderr, &outcome.log] {
                assert!(!text.contains(SECRET) && !text.contains(TOKEN), "{format}: {text}");
            }
            if format != "inventory" {
                continue;
            }
            if fails {
                let failure = outcome.failure("shop");
                assert_eq!(failure.kind, "permission");
                assert!(failure.message.contains("***"), "{}", failure.message);
            } else {
                assert_eq!(outcome.endpoint("shop")["status"], "complete");
            }
        }
    }
}

#[test]
fn a_refused_login_does_not_show_the_secret() {
    let server = TlsServer::start(|request| {
        let body = String::from_utf8_lossy(&request.body);
        let answer = json!({"error": "invalid_client", "error_description": format!("AADSTS1: {body} {SECRET}")});
        Action::json(401, &answer)
    });
    let outcome =
        Run::gather(&json!([endpoint(&server)])).args(["-v", "-v", "--format", "inventory"]).run();
    let failure = outcome.failure("shop");
    assert_eq!(failure.kind, "authentication");
    for text in [&outcome.stderr, &outcome.log, &failure.message] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn a_refused_login_fails_only_its_endpoint() {
    let (_server, good) = serve_fake(AzureInventory::sample());
    let mut wrong = good.clone();
    wrong["id"] = json!("wrong");
    wrong["secret_key"] = json!("another-secret");
    let endpoints = json!([good, wrong]);
    let document = Run::gather(&endpoints).run().document();
    assert!(document["shop"].is_some());
    assert!(document["wrong"].is_none());
    let outcome = Run::gather(&endpoints).args(["--format", "inventory"]).run();
    assert_eq!(outcome.failure("wrong").kind, "authentication");
}

#[test]
fn the_key_of_a_certificate_is_not_shown() {
    let key = include_str!("../../plugin-support/src/http/test_keys/rsa2048-pkcs8.key");
    let certificate = include_str!("../../plugins/azure/tests/fixtures/certificate.crt");
    let canary = key.lines().nth(3).expect("a line of the key");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = format!("{key}{certificate}");
    std::fs::write(file.path(), &text).expect("the file is writable");
    let server = TlsServer::start(move |request| {
        let body = String::from_utf8_lossy(&request.body);
        let description = format!("AADSTS1: {key} {body}");
        let answer =
            json!({"error": "invalid_client", "error_description": description.replace('\n', " ")});
        Action::json(401, &answer)
    });
    for certificate in [json!(text), json!(file.path())] {
        let mut endpoint = endpoint(&server);
        endpoint["secret_key"] = Value::Null;
        endpoint["certificate"] = certificate;
        let outcome =
            Run::gather(&json!([endpoint])).args(["-v", "-v", "--format", "inventory"]).run();
        let failure = outcome.failure("shop");
        assert_eq!(failure.kind, "authentication", "{}", outcome.log);
        for text in [&outcome.stderr, &outcome.log, &failure.message] {
            assert!(!text.contains(canary), "{text}");
        }
        let received = server.received();
        let body = String::from_utf8_lossy(&received.last().expect("a login").body).into_owned();
        let (_, assertion) = body.split_once("client_assertion=").expect("an assertion");
        assert!(!outcome.log.contains(assertion), "{}", outcome.log);
    }
}

/// The answer with names and ids that formats must handle, in this order or the reverse one.
fn odd_answer(fake: &AzureFake, is_reversed: bool, request: &ReceivedRequest) -> Action {
    let mut answer = fake.answer(request);
    let Action::Answer { body, .. } = &mut answer else { return answer };
    let Ok(mut page) = serde_json::from_slice::<Value>(body) else { return answer };
    let Some(entries) = page["value"].as_array_mut() else { return answer };
    let names = ["", "same", "same", "a\nb\u{7}", "\u{1f600}\u{202e}"].map(str::to_owned);
    let mut names = names.into_iter().chain(std::iter::repeat_with(|| "x".repeat(10_000)));
    for entry in entries.iter_mut().filter(|entry| !entry["properties"]["vmId"].is_null()) {
        entry["name"] = json!(names.next());
        entry["properties"]["vmId"] = json!("00000000-0000-0000-0000-000000000000");
        entry["properties"]["hardwareProfile"]["vmSizeProperties"] =
            json!({"vCPUsAvailable": u32::MAX});
    }
    if is_reversed {
        entries.reverse();
    }
    *body = page.to_string().into_bytes();
    answer
}

#[test]
fn odd_machines_reach_a_manager_in_any_order_of_the_lists() {
    let printed = [false, true].map(|is_reversed| {
        let mut fake = AzureFake::new(AzureInventory::sample());
        fake.page_size = 100;
        let (mut subscription, secret) = (json!({}), fake.secret.clone());
        subscription["subscription_id"] = json!(fake.subscription_id);
        subscription["application_id"] = json!(fake.application_id);
        subscription["tenant_id"] = json!(fake.tenant_id);
        subscription["secret_key"] = json!(secret);
        let server = TlsServer::start(move |request| odd_answer(&fake, is_reversed, request));
        let mut endpoint = endpoint(&server);
        let members = subscription.as_object().expect("an object").clone();
        endpoint.as_object_mut().expect("an object").extend(members);
        assert_no_guest_is_lost(endpoint.clone(), 22);
        let outcome = Run::gather(&json!([endpoint])).run();
        assert_eq!(outcome.document()["shop"].as_ref().expect("complete").len(), 3);
        String::from_utf8(outcome.stdout).expect("ASCII")
    });
    assert_eq!(printed[0], printed[1]);
}
