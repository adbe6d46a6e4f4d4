//! Module Azure, with a fake of Azure.

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::assert_message;
use gatherer_tests::fakes::azure::{AzureCall, AzureFake, AzureFault, AzureInventory};
use serde_json::{Value, json};

use super::{Cases, with};

fn endpoint(server: &TlsServer) -> Value {
    let fake = AzureFake::new(AzureInventory::of_size(0));
    let url = format!("https://127.0.0.1:{}", server.port());
    json!({
        "id": "shop", "module": "Azure", "subscription_id": fake.subscription_id,
        "application_id": fake.application_id, "tenant_id": fake.tenant_id, "secret_key": fake.secret,
        "zone": "westeurope", "authority_url": url, "endpoint_url": url, "reader_confirmed": "true",
        "ca_file": server.ca_file(), "retries": "0",
    })
}

/// A subscription in which the list of every size is known.
fn subscription() -> AzureFake {
    let mut inventory = AzureInventory::sample();
    inventory.vms.retain(|vm| vm.name != "old-size");
    AzureFake::new(inventory)
}

#[test]
fn each_right_or_setting_that_is_missing_has_its_step() {
    let mut cases = Cases::new("azure");
    let empty = || AzureFake::new(AzureInventory::of_size(0));
    let good = "login ok, zone ok, objects ok";
    let no_login = "login failed, zone not-tried, objects not-tried";
    let no_zone = "login ok, zone failed, objects not-tried";
    let no_objects = "login ok, zone ok, objects failed";
    let warned = "login ok, zone ok, objects warning";
    let without = |fault| subscription().with(fault);
    let forbidden = |call| without(AzureFault::Forbidden(call));
    for (case, fake, members, expected) in [
        ("good", subscription(), json!({}), good),
        ("nothing, for all locations", subscription(), json!({"zone": ""}), "login ok, objects ok"),
        (
            "the authority of the certificate",
            subscription(),
            json!({"ca_file": null}),
            "tls failed, login not-tried, zone not-tried, objects not-tried",
        ),
        ("the client secret", subscription(), json!({"secret_key": "wrong"}), no_login),
        (
            "a client secret that has not expired",
            without(AzureFault::SecretExpired),
            json!({}),
            no_login,
        ),
        ("the application", subscription(), json!({"application_id": "another"}), no_login),
        ("the tenant", subscription(), json!({"tenant_id": "another.example.com"}), no_login),
        ("the subscription", subscription(), json!({"subscription_id": "another"}), no_zone),
        ("the zone", subscription(), json!({"zone": "westeurop"}), no_zone),
        ("the right to list locations", forbidden(AzureCall::Locations), json!({}), no_zone),
        ("the right to list virtual machines", forbidden(AzureCall::Vms), json!({}), no_objects),
        ("the right to list scale sets", forbidden(AzureCall::ScaleSets), json!({}), no_objects),
        ("the right to list instances", forbidden(AzureCall::Instances), json!({}), no_objects),
        ("the right to list sizes", forbidden(AzureCall::Sizes), json!({}), warned),
        ("the confirmation", subscription(), json!({"reader_confirmed": ""}), warned),
        ("every virtual machine", empty(), json!({"reader_confirmed": ""}), no_objects),
        ("every virtual machine, confirmed", empty(), json!({}), good),
    ] {
        let server = TlsServer::start(move |request| fake.answer(request));
        cases.add(case, &with(&endpoint(&server), members), expected);
    }
    let not_azure = |_: &ReceivedRequest| Action::answer(404, "not found");
    let server = TlsServer::start(not_azure);
    cases.add("the login service at this URL", &endpoint(&server), no_login);
    assert_message!(cases.table);
}

#[test]
fn a_certificate_of_the_application_expires_with_a_report() {
    let key = include_str!("../../../plugin-support/src/http/test_keys/rsa2048-pkcs8.key");
    let certificate = include_str!("../../../plugins/azure/tests/fixtures/certificate.crt");
    let fake = subscription().with_certificate(certificate);
    let server = TlsServer::start(move |request| fake.answer(request));
    let members = json!({"secret_key": "", "certificate": format!("{key}{certificate}")});
    let mut cases = Cases::new("azure");
    let checked =
        cases.add("good", &with(&endpoint(&server), members), "login ok, zone ok, objects ok");
    let steps = checked["steps"].as_array().expect("a list of steps");
    let login = steps.iter().find(|step| step["name"] == "login").expect("the login");
    let message = login["message"].as_str().expect("a sentence");
    assert!(
        message.starts_with("the login service accepts the certificate; it expires in "),
        "{message}"
    );
    assert!(message.ends_with("at 2126-11-04T17:22:59Z"), "{message}");
}
