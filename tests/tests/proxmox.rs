//! Module Proxmox in the program, as a Manager calls it.

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::fakes::fakepve::{
    FAKEPVE_GUESTS, FAKEPVE_PASSWORD, FAKEPVE_TOKEN_SECRET, FAKEPVE_USER, FakePve,
};
use gatherer_tests::fakes::proxmox::{
    FakeProxmox, PASSWORD, Release, TOKEN_ID, TOKEN_SECRET, USER,
};
use gatherer_tests::{Judge, Run, assert_no_guest_is_lost, skip};
use serde_json::{Value, json};

/// An endpoint whose values are texts, as a Manager sends them.
fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "lab", "module": "Proxmox", "host": "127.0.0.1",
        "port": server.port().to_string(), "username": USER, "password": PASSWORD,
        "api_token_id": "", "api_token_secret": null, "verify_ssl": "", "retries": 0,
        "ca_file": server.ca_file(),
    })
}

#[test]
fn a_manager_gets_nodes_with_the_smbios_uuids_of_their_guests() {
    let fake = FakeProxmox::cluster(Release::Nine);
    let server = TlsServer::start(move |request| fake.answer(request));
    let endpoints = json!([endpoint(&server)]);
    let outcome = Run::gather(&endpoints).run();
    let document = outcome.document();
    let hosts = document["lab"].as_ref().expect("the endpoint is complete");
    assert_eq!(hosts.keys().collect::<Vec<_>>(), ["pve-a", "pve-b"]);
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    insta::assert_json_snapshot!(printed["lab"]);
}

#[test]
fn no_guest_is_lost_on_the_way_to_a_manager() {
    for fake in [
        FakeProxmox::cluster(Release::Six),
        FakeProxmox::cluster(Release::Nine).with_offline("pve-b"),
    ] {
        let server = TlsServer::start(move |request| fake.answer(request));
        assert_no_guest_is_lost(endpoint(&server), 6);
    }
}

#[test]
fn no_guest_of_fakepve_is_lost_on_the_way_to_a_manager() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    for offline in [false, true] {
        let pve = FakePve::start(&judge, offline);
        for credentials in [
            json!({"username": FAKEPVE_USER, "password": FAKEPVE_PASSWORD}),
            json!({"username": FAKEPVE_USER, "api_token_id": "inventory",
                "api_token_secret": FAKEPVE_TOKEN_SECRET}),
        ] {
            let mut endpoint = json!({"module": "Proxmox", "host": "127.0.0.1", "port": pve.port(),
                "ca_file": pve.ca_file()});
            let members = endpoint.as_object_mut().expect("an object");
            members.extend(credentials.as_object().expect("an object").clone());
            assert_no_guest_is_lost(endpoint, FAKEPVE_GUESTS);
        }
    }
}

/// A server that repeats these secrets wherever it can.
fn repeats(secrets: &str, request: &ReceivedRequest) -> Value {
    match request.path() {
        "/api2/json/access/ticket" => json!({ "ticket": TICKET }),
        "/api2/json/access/permissions" => json!({"/": {"VM.Audit": 1, "Sys.Audit": 1}}),
        "/api2/json/access/acl" => json!([]),
        "/api2/json/version" => json!({ "version": secrets }),
        "/api2/json/cluster/status" => {
            json!([{"type": "cluster", "name": secrets, "quorate": 0}, {"type": "node", "name": "pve-a"}])
        }
        "/api2/json/cluster/resources" => json!([
            {"type": "qemu", "vmid": 100, "node": "pve-a", "name": secrets, "status": secrets,
                "tags": secrets, "pool": secrets},
        ]),
        "/api2/json/nodes" => json!([{"node": "pve-a", "status": secrets}]),
        "/api2/json/nodes/pve-a/status" => {
            json!({"cpuinfo": {"model": secrets}, "kversion": secrets, "pveversion": secrets})
        }
        _ => json!({"ostype": secrets, "net0": format!("virtio=x,bridge={secrets}")}),
    }
}

const TICKET: &str = "PVE:gatherer@pve:6558AAAA::dGlja2V0LW9mLXRoZS1jYW5hcnk=";

#[test]
fn secrets_that_a_server_repeats_are_not_logged() {
    let token = json!({"api_token_id": TOKEN_ID, "api_token_secret": TOKEN_SECRET});
    let password = json!({});
    for (credentials, secrets) in [(password, vec![PASSWORD, TICKET]), (token, vec![TOKEN_SECRET])]
    {
        let repeated = secrets.join(" ");
        let server = TlsServer::start(move |request| {
            Action::json(200, &json!({"data": repeats(&repeated, request)}))
        });
        let mut endpoint = endpoint(&server);
        let members = endpoint.as_object_mut().expect("an object");
        members.extend(credentials.as_object().expect("an object").clone());
        for format in ["gatherer", "inventory", "table"] {
            let arguments = ["-v", "-v", "--format", format];
            let outcome = Run::gather(&json!([endpoint])).args(arguments).run().expect_code(0);
            for text in [&outcome.stderr, &outcome.log] {
                assert!(secrets.iter().all(|secret| !text.contains(secret)), "{format}: {text}");
            }
            if format == "inventory" {
                let gathered = outcome.endpoint("lab");
                assert_eq!(gathered["status"], "complete");
                let warnings = gathered["warnings"].to_string();
                assert!(secrets.iter().all(|secret| !warnings.contains(secret)), "{warnings}");
                assert!(warnings.contains("***"), "{warnings}");
            }
        }
    }
}

#[test]
fn a_request_may_be_unverified_with_a_warning() {
    let fake = FakeProxmox::cluster(Release::Nine);
    let server = TlsServer::start(move |request| fake.answer(request));
    let mut endpoint = endpoint(&server);
    endpoint["ca_file"] = Value::Null;
    let outcome = Run::gather(&json!([endpoint])).args(["--format", "inventory"]).run();
    assert_eq!(outcome.endpoint("lab")["error"]["kind"], "tls");
    endpoint["verify_ssl"] = json!("false");
    let outcome = Run::gather(&json!([endpoint])).args(["--format", "inventory"]).run();
    let gathered = outcome.endpoint("lab");
    assert_eq!(gathered["status"], "complete");
    let warnings = gathered["warnings"].as_array().expect("a list");
    let messages = warnings.iter().filter_map(|warning| warning["message"].as_str());
    let mut unverified = messages.filter(|message| message.contains("not verified"));
    insta::assert_snapshot!(unverified.next().expect("a warning"));
    assert_eq!(unverified.next(), None);
}

/// The answer with the unusual guests that a test needs, in this order or the reverse one.
fn odd_answer(fake: &FakeProxmox, is_reversed: bool, request: &ReceivedRequest) -> Action {
    let mut answer = fake.answer(request);
    let Action::Answer { body, .. } = &mut answer else { return answer };
    let Ok(mut reply) = serde_json::from_slice::<Value>(body) else { return answer };
    if request.path().ends_with("/config") {
        reply["data"]["smbios1"] = json!("uuid=00000000-0000-0000-0000-000000000000");
    }
    if let Some(list) = reply["data"].as_array_mut() {
        if request.path() == "/api2/json/cluster/resources" {
            let names = ["a\nb\u{7}", "same", "same", "\u{1f600}\u{202e}", " "].map(str::to_owned);
            let names = names.into_iter().chain(["x".repeat(10_000)]);
            for (guest, name) in list.iter_mut().zip(names) {
                guest["name"] = json!(name);
                guest["maxcpu"] = json!(u64::MAX);
                guest["maxmem"] = json!(u64::MAX);
                guest["status"] = json!("prelaunch");
            }
        }
        if is_reversed {
            list.reverse();
        }
    }
    *body = reply.to_string().into_bytes();
    answer
}

#[test]
fn odd_guests_reach_a_manager_in_any_order_of_the_lists() {
    let printed = [false, true].map(|is_reversed| {
        let fake = FakeProxmox::cluster(Release::Nine);
        let server = TlsServer::start(move |request| odd_answer(&fake, is_reversed, request));
        assert_no_guest_is_lost(endpoint(&server), 6);
        let outcome = Run::gather(&json!([endpoint(&server)])).run();
        outcome.document();
        String::from_utf8(outcome.stdout).expect("ASCII")
    });
    assert_eq!(printed[0], printed[1]);
}
