//! Module VMware in the program, as a Manager calls it.

use std::sync::Arc;

use gatherer_plugin_support::testing::{ReceivedRequest, TlsServer};
use gatherer_tests::fakes::vcenter::{PASSWORD, USER, Vcenter, fault_with};
use gatherer_tests::servers::vcsim::{Vcsim, VcsimOptions};
use gatherer_tests::{Run, assert_no_guest_is_lost, skip};
use serde_json::{Value, json};

/// An endpoint whose values are texts, as a Manager sends them.
fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "vcenter1", "module": "VMware", "hostname": "127.0.0.1",
        "port": server.port().to_string(), "username": USER, "password": PASSWORD,
        "retries": 0, "ca_file": server.ca_file(),
    })
}

#[test]
fn a_manager_gets_hosts_and_machines_with_the_classic_identities() {
    let fake = Vcenter::default();
    let server = TlsServer::start(move |request| fake.answer(request));
    let outcome = Run::gather(&json!([endpoint(&server)])).run();
    let document = outcome.document();
    let hosts = document["vcenter1"].as_ref().expect("the endpoint is complete");
    // The key is the first word of the name.
    let keys: Vec<_> = hosts.keys().map(String::as_str).collect();
    assert_eq!(keys, ["192.0.2.12", "esx1.example.com", "esx3.example.com", "esx4.example.com"]);
    let printed: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    insta::assert_json_snapshot!(printed["vcenter1"]);
}

#[test]
fn no_guest_is_lost_on_the_way_to_a_manager() {
    for is_esxi in [false, true] {
        let options = VcsimOptions { is_esxi, ..VcsimOptions::default() };
        let vcsim = match Vcsim::start(&options) {
            Ok(vcsim) => vcsim,
            Err(reason) => skip!("{reason}"),
        };
        assert_no_guest_is_lost(vcsim.endpoint(), vcsim.guests());
    }
}

/// A server whose messages contain what a client sent.
#[test]
fn neither_the_password_nor_the_session_is_printed_or_logged() {
    let fake = Arc::new(Vcenter::default());
    let echo = |request: &ReceivedRequest| {
        let cookie = request.header("cookie").unwrap_or_default().to_owned();
        let key = cookie.split('"').nth(1).unwrap_or_default().to_owned();
        fault_with("SystemError", &format!("for {PASSWORD} in {cookie} of {key}"))
    };
    let server = TlsServer::start(move |request| {
        let body = String::from_utf8_lossy(&request.body);
        if body.contains("<path>view</path>") { echo(request) } else { fake.answer(request) }
    });
    for format in ["gatherer", "inventory", "table"] {
        let outcome =
            Run::gather(&json!([endpoint(&server)])).args(["-v", "-v", "--format", format]).run();
        let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
        for text in [&printed, &outcome.stderr, &outcome.log] {
            for secret in [PASSWORD, "horse", "battery", "52aa0000-0000"] {
                let line = text.lines().find(|line| line.contains(secret));
                assert_eq!(line, None, "{format}: {secret}");
            }
        }
        assert!(outcome.log.contains("SystemError"), "{}", outcome.log);
    }
}
