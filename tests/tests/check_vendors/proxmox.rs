//! Module Proxmox, with a fake cluster.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatherer_plugin_support::testing::{Action, TlsServer};
use gatherer_tests::fakes::fakepve::{
    FAKEPVE_GUESTS, FAKEPVE_PASSWORD, FAKEPVE_TOKEN_SECRET, FAKEPVE_USER, FakePve,
};
use gatherer_tests::fakes::proxmox::{
    FakeProxmox, PASSWORD, Release, TOKEN_ID, TOKEN_SECRET, USER,
};
use gatherer_tests::{Judge, assert_message, skip};
use serde_json::{Value, json};

use super::{Cases, with};

fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "lab", "module": "Proxmox", "host": "127.0.0.1", "port": server.port().to_string(),
        "username": USER, "password": PASSWORD, "retries": 0, "ca_file": server.ca_file(),
    })
}

const GOOD: &str =
    "login ok, right: VM.Audit ok, right: Sys.Audit ok, product ok, cluster ok, objects ok";
const TOKEN: [(&str, &str); 2] = [("api_token_id", TOKEN_ID), ("api_token_secret", TOKEN_SECRET)];

fn token() -> Value {
    json!({"password": null, TOKEN[0].0: TOKEN[0].1, TOKEN[1].0: TOKEN[1].1})
}

fn cluster(change: impl FnOnce(&mut FakeProxmox)) -> FakeProxmox {
    let mut fake = FakeProxmox::cluster(Release::Nine);
    change(&mut fake);
    fake
}

/// Seconds since 1970 in this number of days and a half.
fn in_days(days: u64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    let then = now + Duration::from_secs(days * 86400 + 43200);
    i64::try_from(then.as_secs()).expect("a small number")
}

/// What is missing, the cluster, members of the endpoint, and the statuses of the steps.
type Case = (&'static str, FakeProxmox, Value, &'static str);

const NO_LOGIN: &str = "login failed, right: VM.Audit not-tried, right: Sys.Audit not-tried, product not-tried, \
                        cluster not-tried, objects not-tried";
const NO_VM_AUDIT: &str = "login ok, right: VM.Audit failed, right: Sys.Audit ok, product not-tried, \
                           cluster not-tried, objects not-tried";
const NO_SYS_AUDIT: &str = "login ok, right: VM.Audit ok, right: Sys.Audit failed, product not-tried, \
                            cluster not-tried, objects not-tried";
const NO_RIGHT: &str = "login ok, right: VM.Audit failed, right: Sys.Audit failed, product not-tried, \
                        cluster not-tried, objects not-tried";
const WARNED: &str =
    "login ok, right: VM.Audit ok, right: Sys.Audit ok, product ok, cluster warning, objects ok";

fn good() -> FakeProxmox {
    cluster(|_| {})
}

fn allowed(permissions: Value) -> FakeProxmox {
    cluster(|fake| fake.permissions = permissions)
}

fn cases_of_settings() -> Vec<Case> {
    let wrong_secret = with(&token(), json!({"api_token_secret": "wrong"}));
    let second_factor = cluster(|fake| fake.second_factor = true);
    let unreachable = cluster(|fake| fake.nodes[1].reachable = false);
    vec![
        ("good", good(), json!({}), GOOD),
        ("good, with a token", good(), token(), GOOD),
        ("good, Proxmox VE 6, one node", FakeProxmox::standalone(Release::Six), json!({}), GOOD),
        (
            "the right to read when the user expires",
            cluster(|fake| fake.expiries = None),
            json!({}),
            GOOD,
        ),
        ("the password", good(), json!({"password": "wrong"}), NO_LOGIN),
        ("the secret of the token", good(), wrong_secret, NO_LOGIN),
        ("a user without a second factor", second_factor, json!({}), NO_LOGIN),
        ("the quorum", cluster(|fake| fake.quorate = false), json!({}), WARNED),
        ("a node", good().with_offline("pve-b"), json!({}), WARNED),
        ("the connection to a node", unreachable, json!({}), WARNED),
    ]
}

fn cases_of_rights() -> Vec<Case> {
    let both = json!({"VM.Audit": 1, "Sys.Audit": 1});
    let only = |privilege: &str| allowed(json!({"/": {privilege: 1}}));
    let not_propagated = allowed(json!({"/": {"VM.Audit": 0, "Sys.Audit": 1}}));
    let other_role = |path: &str| {
        allowed(json!({"/": both, "/vms": both, "/nodes": both, path: {"VM.Console": 1}}))
    };
    let no_access = cluster(|fake| fake.acl = json!([{"path": "/vms/101", "roleid": "NoAccess"}]));
    let not_on_root = allowed(json!({"/vms": {"VM.Audit": 1}, "/nodes": {"Sys.Audit": 1}}));
    vec![
        ("every right", allowed(json!({})), json!({}), NO_RIGHT),
        ("VM.Audit", only("Sys.Audit"), json!({}), NO_VM_AUDIT),
        ("VM.Audit, with a token", only("Sys.Audit"), token(), NO_VM_AUDIT),
        ("the propagation of VM.Audit", not_propagated, json!({}), NO_VM_AUDIT),
        ("VM.Audit on one guest", other_role("/vms/101"), json!({}), NO_VM_AUDIT),
        ("VM.Audit on one guest, by the role NoAccess", no_access, json!({}), NO_VM_AUDIT),
        ("Sys.Audit", only("VM.Audit"), json!({}), NO_SYS_AUDIT),
        ("Sys.Audit on one node", other_role("/nodes/pve-b"), json!({}), NO_SYS_AUDIT),
        ("Sys.Audit on / itself", not_on_root, json!({}), WARNED),
    ]
}

#[test]
fn each_right_or_setting_that_is_missing_has_its_step() {
    let mut cases = Cases::new("proxmox");
    for (case, fake, members, expected) in cases_of_settings().into_iter().chain(cases_of_rights())
    {
        let server = TlsServer::start(move |request| fake.answer(request));
        cases.add(case, &with(&endpoint(&server), members), expected);
    }
    let server = TlsServer::start(move |request| good().answer(request));
    let untrusted = with(&endpoint(&server), json!({"ca_file": null}));
    let no_tls = format!("tls failed, {}", NO_LOGIN.replace("failed", "not-tried"));
    cases.add("the authority of the certificate", &untrusted, &no_tls);
    let other = TlsServer::start(|_| Action::answer(404, "not found"));
    cases.add("Proxmox VE at this port", &endpoint(&other), NO_LOGIN);
    assert_message!(cases.table);
}

#[test]
fn a_user_or_token_that_expires_within_30_days_is_a_warning_and_reported() {
    let mut cases = Cases::new("proxmox");
    let warned = GOOD.replace("login ok", "login warning");
    for (case, expiries, members, expected, reported) in [
        ("neither", (0, 0), token(), GOOD, 0),
        ("both, in a year", (in_days(365), in_days(365)), token(), GOOD, 2),
        ("the token, in 10 days", (0, in_days(10)), token(), &*warned, 1),
        ("the user of the token, in 3 days", (in_days(3), in_days(300)), token(), &warned, 2),
        ("the user, in 29 days", (in_days(29), in_days(1)), json!({}), &warned, 1),
    ] {
        let fake = cluster(|fake| fake.expiries = Some(expiries));
        let server = TlsServer::start(move |request| fake.answer(request));
        let checked = cases.add(case, &with(&endpoint(&server), members), expected);
        let expiries = checked["expiries"].as_array().into_iter().flatten();
        let own = expiries.filter(|expiry| {
            let what = expiry["what"].as_str().unwrap_or_default();
            what.contains("gatherer@pve")
        });
        assert_eq!(own.count(), reported, "{case}: {checked:#}");
    }
    let lines = cases.table.lines();
    let shown: Vec<_> =
        lines.filter(|line| line.contains("login") || !line.starts_with("    ")).collect();
    assert_message!(shown.join("\n"));
}

#[test]
fn the_objects_of_fakepve_are_counted() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let mut cases = Cases::new("proxmox");
    let warned = GOOD.replace("cluster ok", "cluster warning");
    for (offline, expected) in [(false, GOOD), (true, &*warned)] {
        let pve = FakePve::start(&judge, offline);
        for credentials in [
            json!({"username": FAKEPVE_USER, "password": FAKEPVE_PASSWORD}),
            json!({"username": FAKEPVE_USER, "api_token_id": "inventory",
                "api_token_secret": FAKEPVE_TOKEN_SECRET}),
        ] {
            let endpoint = json!({"id": "pve", "module": "Proxmox", "host": "127.0.0.1", "port": pve.port(),
                "ca_file": pve.ca_file()});
            let checked = cases.add("fakepve", &with(&endpoint, credentials), expected);
            let steps = checked["steps"].as_array().expect("a list");
            let objects = steps.iter().find(|step| step["name"] == "objects").expect("the step");
            let guests = format!("{FAKEPVE_GUESTS} guests");
            assert!(
                objects["message"].as_str().is_some_and(|text| text.contains(&guests)),
                "{objects}"
            );
        }
    }
}
