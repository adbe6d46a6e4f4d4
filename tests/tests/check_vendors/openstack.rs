//! Modules SUSECloud and OpenStack, with a fake of OpenStack.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer};
use gatherer_tests::assert_message;
use gatherer_tests::fakes::openstack::{
    OpenstackFake, OpenstackFault, OpenstackInventory, OpenstackPolicy,
};
use serde_json::{Value, json};

use super::{Cases, with};

fn endpoint(server: &TlsServer) -> Value {
    json!({
        "id": "cloud1", "module": "SUSECloud", "hostname": "127.0.0.1",
        "port": server.port().to_string(), "username": "admin", "password": "pa55-of-keystone",
        "tenant": "admin", "ca_file": server.ca_file(), "retries": "0",
    })
}

fn cloud(change: impl FnOnce(&mut OpenstackFake)) -> OpenstackFake {
    let mut fake = OpenstackFake::new(OpenstackInventory::sample());
    change(&mut fake);
    fake
}

/// A cloud whose administrator lacks a policy.
fn without(policy: OpenstackPolicy) -> OpenstackFake {
    cloud(|fake| fake.inventory.users[0].policies.retain(|own| *own != policy))
}

/// The steps after those of the connection: the login, the product, three rights, the cells, the last right and the objects.
fn steps(statuses: [&str; 8]) -> String {
    let names = [
        "login",
        "product",
        "right: os_compute_api:servers:detail:get_all_tenants",
        "right: os_compute_api:os-extended-server-attributes",
        "right: os_compute_api:os-services:list",
        "cells",
        "right: os_compute_api:os-hypervisors:list-detail",
        "objects",
    ];
    let steps = names.iter().zip(statuses).map(|(name, status)| format!("{name} {status}"));
    steps.collect::<Vec<_>>().join(", ")
}

const NO: &str = "not-tried";

#[test]
fn each_right_or_setting_that_is_missing_has_its_step() {
    let mut cases = Cases::new("openstack");
    let sample = || cloud(|_| ());
    let down = |fake: &mut OpenstackFake| fake.down_cells = vec!["cell2".to_owned()];
    let two = |fake: &mut OpenstackFake| {
        fake.second_region = Some(OpenstackInventory::of_size(1));
    };
    let no_login = ["failed", NO, NO, NO, NO, NO, NO, NO];
    let no_compute = no_login;
    let no_tls = format!("tls failed, {}", steps([NO; 8]));
    for (case, fake, members, expected) in [
        ("good", sample(), json!({}), steps(["ok"; 8])),
        ("the authority of the certificate", sample(), json!({"ca_file": null}), no_tls),
        ("the password", sample(), json!({"password": "wrong"}), steps(no_login)),
        ("the project", sample(), json!({"tenant": "other"}), steps(no_login)),
        ("a region", cloud(two), json!({}), steps(no_compute)),
        ("a catalog", sample().with(OpenstackFault::NoCatalog), json!({}), steps(no_compute)),
        (
            "the right to list all projects",
            without(OpenstackPolicy::AllTenants),
            json!({}),
            steps(["ok", "ok", "failed", NO, "ok", NO, "ok", NO]),
        ),
        (
            "the right to see hosts",
            without(OpenstackPolicy::ServerAttributes),
            json!({}),
            steps(["ok", "ok", "ok", "failed", "ok", "ok", "ok", NO]),
        ),
        (
            "the right to list services",
            without(OpenstackPolicy::Services),
            json!({}),
            steps(["ok", "ok", "ok", "ok", "failed", NO, "ok", NO]),
        ),
        (
            "the right to list hypervisors",
            without(OpenstackPolicy::Hypervisors),
            json!({}),
            steps(["ok", "ok", "ok", "ok", "ok", "ok", "failed", NO]),
        ),
        ("a cell", cloud(down), json!({}), steps(["ok", "ok", "ok", "ok", "ok", "failed", NO, NO])),
        (
            "a version that reports cells",
            cloud(|fake| fake.max_minor = 65),
            json!({}),
            steps(["ok", "ok", "ok", "ok", "ok", "warning", "ok", "ok"]),
        ),
        (
            "a hypervisor",
            sample().with(OpenstackFault::HypervisorMissing),
            json!({}),
            steps(["ok", "ok", "ok", "ok", "ok", "ok", "ok", "warning"]),
        ),
        (
            "every hypervisor",
            sample().with(OpenstackFault::NoHypervisors),
            json!({}),
            steps(["ok", "ok", "ok", "ok", "ok", "ok", "ok", "failed"]),
        ),
    ] {
        let server = TlsServer::start(move |request| fake.answer(request));
        cases.add(case, &with(&endpoint(&server), members), &expected);
    }

    let not_keystone = |_: &ReceivedRequest| Action::answer(404, "not found");
    let server = TlsServer::start(not_keystone);
    cases.add("Keystone at this port", &endpoint(&server), &steps(no_login));
    assert_message!(cases.table);
}

#[test]
fn a_project_needs_only_the_right_to_list_its_servers() {
    let mut cases = Cases::new("openstack");
    let fake = Arc::new(cloud(|_| ()));
    let server = TlsServer::start(move |request| fake.answer(request));
    let reader = json!({"username": "reader", "tenant": "shop", "tenant_only": "true"});
    let expected =
        "login ok, product ok, right: os_compute_api:servers:detail ok, cells ok, objects ok";
    cases.add("a reader", &with(&endpoint(&server), reader), expected);
    assert_message!(cases.table);
}
