//! Module Xen, with a fake of XAPI.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::assert_message;
use gatherer_tests::fakes::xapi::{XapiFake, XapiFault, XapiInventory};
use serde_json::{Value, json};

use super::{Cases, with};

fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "pool", "module": "Xen", "hostname": "127.0.0.1",
        "port": server.port().to_string(), "username": "inventory",
        "password": "pa55-of-xapi", "ca_file": server.ca_file(), "retries": "0",
    })
}

fn calls(request: &ReceivedRequest, method: &str) -> bool {
    String::from_utf8_lossy(&request.body).contains(&format!("\"{method}\""))
}

/// What a server answers instead of the fake.
type Instead = fn(&ReceivedRequest) -> Option<Action>;

#[test]
fn each_right_or_setting_that_is_missing_has_its_step_and_every_session_ends() {
    let mut cases = Cases::new("xen");
    let pool = |faults: &[XapiFault]| {
        faults.iter().fold(XapiFake::new(XapiInventory::sample()), |fake, fault| fake.with(*fault))
    };
    let no_right: Instead =
        |request| calls(request, "pool.get_all_records").then(XapiFake::permission_denied);
    let no_right_on_vms: Instead =
        |request| calls(request, "VM.get_all_records").then(XapiFake::permission_denied);
    let no_metrics: Instead = |request| {
        let result = json!({"jsonrpc": "2.0", "result": {}, "id": 1}).to_string();
        calls(request, "host_metrics.get_all_records").then(|| Action::answer(200, result))
    };
    let fake_answers: Instead = |_| None;
    let not_xapi: Instead = |_| Some(Action::answer(404, "not found"));
    let good = "login ok, right: read-only ok, coordinator ok, product ok, objects ok";
    let no_login = "login failed, right: read-only not-tried, coordinator not-tried, product not-tried, \
                    objects not-tried";
    let no_objects = "login ok, right: read-only ok, coordinator ok, product ok, objects failed";
    let no_coordinator =
        "login ok, right: read-only ok, coordinator failed, product not-tried, objects not-tried";
    let no_tls = format!("tls failed, {}", no_login.replace("failed", "not-tried"));
    for (case, fake, instead, members, expected) in [
        ("good", pool(&[]), fake_answers, json!({}), good),
        (
            "the authority of the certificate",
            pool(&[]),
            fake_answers,
            json!({"ca_file": null}),
            &*no_tls,
        ),
        ("the password", pool(&[]), fake_answers, json!({"password": "wrong"}), no_login),
        ("XAPI at this port", pool(&[]), not_xapi, json!({}), no_login),
        (
            "a host that has started",
            pool(&[XapiFault::StillBooting]),
            fake_answers,
            json!({}),
            no_login,
        ),
        (
            "the role",
            pool(&[]),
            no_right,
            json!({}),
            "login ok, right: read-only failed, coordinator not-tried, product not-tried, objects not-tried",
        ),
        ("the right to list virtual machines", pool(&[]), no_right_on_vms, json!({}), no_objects),
        ("the metrics of the hosts", pool(&[]), no_metrics, json!({}), no_objects),
        (
            "the coordinator in the list",
            pool(&[XapiFault::CoordinatorMissing]),
            fake_answers,
            json!({}),
            no_coordinator,
        ),
        (
            "every host in the list",
            pool(&[XapiFault::NoHosts]),
            fake_answers,
            json!({}),
            no_coordinator,
        ),
        (
            "a host in the list",
            pool(&[XapiFault::HostMissing]),
            fake_answers,
            json!({}),
            no_objects,
        ),
        (
            "every virtual machine in the list",
            pool(&[XapiFault::NoVms]),
            fake_answers,
            json!({}),
            no_objects,
        ),
        (
            "a virtual machine in the list",
            pool(&[XapiFault::VmMissing]),
            fake_answers,
            json!({}),
            no_objects,
        ),
    ] {
        let fake = Arc::new(fake);
        let server = TlsServer::start({
            let fake = Arc::clone(&fake);
            move |request| instead(request).unwrap_or_else(|| fake.answer(request))
        });
        cases.add(case, &with(&endpoint(&server), members), expected);
        assert_eq!(fake.open_sessions(), 0, "{case}");
    }

    // Another host of the pool names the coordinator, which has the same port.
    let mut other = pool(&[]);
    other.coordinator = Some("127.0.0.1".to_owned());
    let server = TlsServer::start(move |request| other.answer(request));
    cases.add("the coordinator, because it names itself", &endpoint(&server), no_login);
    assert_message!(cases.table);
}
