//! Module Xen in the program, as a Manager calls it, with a fake of XAPI.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory};
use gatherer_tests::{PluginFolder, Run, assert_no_guest_is_lost};
use serde_json::{Value, json};

const PASSWORD: &str = "pa55-of-xapi";
const SESSION: &str = "OpaqueRef:5e551041-canary-of-xapi";

fn serve_fake(inventory: XapiInventory) -> TlsServer {
    let fake = Arc::new(XapiFake::new(inventory));
    TlsServer::start(move |request| fake.answer(request))
}

/// An endpoint whose values are texts, as a Manager sends them.
fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "pool", "module": "Xen", "hostname": "127.0.0.1",
        "port": server.port().to_string(), "username": "inventory",
        "password": PASSWORD, "ca_file": server.ca_file(), "retries": "0",
    })
}

#[test]
fn a_manager_gets_hosts_with_the_uuids_of_their_guests_and_the_pseudo_host() {
    let server = serve_fake(XapiInventory::sample());
    let plugins = PluginFolder::with(&["xen"]);
    let endpoints = json!([endpoint(&server)]);
    let outcome = Run::gather(&endpoints).plugins(plugins.path()).run();
    let document = outcome.document();
    let hosts = document["pool"].as_ref().expect("the endpoint is complete");
    assert_eq!(hosts.keys().collect::<Vec<_>>(), ["Xen-DetachedVMs", "xcp1", "xcp2", "xcp3"]);
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    insta::assert_json_snapshot!(printed["pool"]);
}

#[test]
fn no_guest_of_a_pool_is_lost_on_the_way_to_a_manager() {
    for (inventory, guests) in [(XapiInventory::sample(), 9), (XapiInventory::of_size(50), 50)] {
        let server = serve_fake(inventory);
        assert_no_guest_is_lost(endpoint(&server), guests);
    }
}

/// A pool that repeats these secrets wherever it can. It is complete if the host's name is no secret.
fn repeats(secrets: &str, host: &str, request: &ReceivedRequest) -> Value {
    let call: Value = serde_json::from_slice(&request.body).expect("a call");
    let missing = if host == secrets { json!(["OpaqueRef:missing"]) } else { json!([]) };
    match call["method"].as_str().expect("a method") {
        "session.login_with_password" => json!(SESSION),
        "pool.get_all_records" => json!({"OpaqueRef:p": {"name_label": secrets}}),
        "host.get_all_records" => json!({"OpaqueRef:h": {
            "uuid": "h", "name_label": host, "hostname": secrets, "resident_VMs": missing,
            "tags": [secrets], "cpu_info": {"modelname": secrets}, "enabled": true,
        }}),
        "VM.get_all_records" => json!({"OpaqueRef:v": {
            "uuid": secrets, "name_label": secrets, "resident_on": "OpaqueRef:h",
            "power_state": secrets, "tags": [secrets],
        }}),
        _ => json!({}),
    }
}

#[test]
fn secrets_that_a_server_repeats_are_not_logged() {
    let secrets = format!("{PASSWORD} {SESSION}");
    for host in ["xcp1", &secrets] {
        let (repeated, name) = (secrets.clone(), host.to_owned());
        let server = TlsServer::start(move |request| {
            Action::json(200, &json!({"result": repeats(&repeated, &name, request)}))
        });
        for format in ["gatherer", "inventory", "table"] {
            let outcome = Run::gather(&json!([endpoint(&server)]))
                .args(["-v", "-v", "--format", format])
                .run()
                .expect_code(0);
            for text in [&outcome.stderr, &outcome.log] {
                assert!(!text.contains(PASSWORD) && !text.contains(SESSION), "{format}: {text}");
            }
            if format != "inventory" {
                continue;
            }
            if host == "xcp1" {
                assert_eq!(outcome.endpoint("pool")["status"], "complete");
            } else {
                let failure = outcome.failure("pool");
                assert_eq!(failure.kind, "protocol");
                assert!(failure.message.contains("***"), "{}", failure.message);
            }
        }
    }
}

#[test]
fn a_refused_login_fails_only_its_endpoint() {
    let server = serve_fake(XapiInventory::sample());
    let mut wrong = endpoint(&server);
    wrong["id"] = json!("wrong");
    wrong["password"] = json!("another-password");
    let endpoints = json!([endpoint(&server), wrong]);
    let document = Run::gather(&endpoints).run().document();
    assert!(document["pool"].is_some());
    assert!(document["wrong"].is_none());
    let outcome = Run::gather(&endpoints).args(["--format", "inventory"]).run();
    assert_eq!(outcome.failure("wrong").kind, "authentication");
}

/// The answer with the unusual records that a test needs, in this order or the reverse one.
fn odd_answer(fake: &XapiFake, is_reversed: bool, request: &ReceivedRequest) -> Action {
    let call: Value = serde_json::from_slice(&request.body).expect("a call");
    let mut answer = fake.answer(request);
    let Action::Answer { body, .. } = &mut answer else { return answer };
    let Ok(mut reply) = serde_json::from_slice::<Value>(body) else { return answer };
    let Some(records) = reply["result"].as_object_mut() else { return answer };
    let names = ["", "same", "same", "a\nb\u{7}", "\u{1f600}\u{202e}"].map(str::to_owned);
    let mut names = names.into_iter().chain(std::iter::repeat_with(|| "x".repeat(10_000)));
    let is_of = |class: &str| call["method"] == format!("{class}.get_all_records");
    for record in records.values_mut() {
        if is_of("VM") || is_of("host") {
            record["name_label"] = json!(names.next());
            record["uuid"] = json!("00000000-0000-0000-0000-000000000000");
        }
        if is_of("host") {
            record["cpu_info"]["cpu_count"] = json!("4294967295");
        }
        if is_of("host_metrics") {
            record["memory_total"] = json!("18446744073709551615");
        }
    }
    let members = records.iter().map(|(name, record)| format!("{}:{record}", json!(name)));
    let mut members: Vec<_> = members.collect();
    if is_reversed {
        members.reverse();
    }
    *body = format!("{{\"result\":{{{}}}}}", members.join(",")).into_bytes();
    answer
}

#[test]
fn odd_hosts_and_guests_reach_a_manager_in_any_order_of_the_records() {
    let printed = [false, true].map(|is_reversed| {
        let fake = XapiFake::new(XapiInventory::sample());
        let server = TlsServer::start(move |request| odd_answer(&fake, is_reversed, request));
        assert_no_guest_is_lost(endpoint(&server), 9);
        let outcome = Run::gather(&json!([endpoint(&server)])).run();
        assert_eq!(outcome.document()["pool"].as_ref().expect("complete").len(), 4);
        String::from_utf8(outcome.stdout).expect("ASCII")
    });
    assert_eq!(printed[0], printed[1]);
}
