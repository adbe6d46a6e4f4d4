//! What the module makes of a pool.

use std::fmt::Write as _;

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::{GuestState, HostState};
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::xapi::{XapiFake, XapiFault, XapiInventory};
use serde_json::{Value, json};

use super::{Served, count, guest, method};

fn sample() -> XapiFake {
    XapiFake::new(XapiInventory::sample())
}

#[test]
fn reads_hosts_and_guests() {
    let served = Served::fake(sample());
    let gathered = served.gather().expect("a complete answer");
    insta::assert_json_snapshot!(gathered);
}

#[test]
fn a_guest_on_no_host_is_on_the_pseudo_host() {
    let gathered = Served::fake(sample()).gather().expect("a complete answer");
    let detached = gathered.hosts.iter().find(|host| host.synthetic).expect("a pseudo-host");
    assert_eq!(detached.name, "Xen-DetachedVMs");
    let names: Vec<_> = detached.guests.iter().map(|guest| guest.name.as_str()).collect();
    assert_eq!(names, ["suspended", "mail", "mail", "golden image", "Debian Bookworm 12"]);
    assert_eq!(gathered.detached_guests, []);
}

#[test]
fn a_pool_in_which_all_guests_run_has_the_pseudo_host_too() {
    let mut inventory = XapiInventory::sample();
    inventory.vms.retain(|vm| vm.host.is_some());
    let gathered = Served::fake(XapiFake::new(inventory)).gather().expect("a complete answer");
    let detached = gathered.hosts.iter().find(|host| host.synthetic).expect("a pseudo-host");
    assert_eq!(detached.guests, []);
}

#[test]
fn control_domains_and_snapshots_are_no_guests_and_templates_are_marked() {
    let gathered = Served::fake(sample()).gather().expect("a complete answer");
    let guests: Vec<_> = gathered.hosts.iter().flat_map(|host| &host.guests).collect();
    assert_eq!(guests.len(), 9);
    let hidden = ["Control domain", "before the update"];
    assert!(!guests.iter().any(|guest| hidden.iter().any(|text| guest.name.contains(text))));
    let templates: Vec<_> =
        guests.iter().filter(|guest| guest.template).map(|guest| guest.name.as_str()).collect();
    assert_eq!(templates, ["golden image", "Debian Bookworm 12"]);
}

#[test]
fn the_guests_of_a_lost_host_have_an_unknown_state() {
    let gathered = Served::fake(sample()).gather().expect("a complete answer");
    let states: Vec<_> =
        gathered.hosts.iter().map(|host| (host.name.as_str(), host.state)).collect();
    let expected = [
        ("xcp1", Some(HostState::Up)),
        ("xcp2", Some(HostState::Maintenance)),
        ("xcp3", Some(HostState::Disconnected)),
        ("Xen-DetachedVMs", None),
    ];
    assert_eq!(states, expected);
    let (host, lost) = guest(&gathered, "lost");
    assert_eq!((host, lost.state), ("xcp3", Some(GuestState::Unknown)));
    assert_eq!(lost.source_state.as_deref(), Some("Running"));
    let warnings: Vec<_> = gathered.warnings.iter().map(|it| it.object.as_str()).collect();
    assert_eq!(warnings, ["xcp3"]);
}

#[test]
fn whole_numbers_may_be_texts_and_other_numbers_infinite() {
    let expected = Served::fake(sample()).gather().expect("a complete answer");
    for fault in [XapiFault::IntegersAsText, XapiFault::Infinity, XapiFault::Version1] {
        let gathered = Served::fake(sample().with(fault)).gather().expect("a complete answer");
        assert_eq!(gathered, expected, "{fault:?}");
    }
}

#[test]
fn reads_again_if_a_guest_is_destroyed_while_the_pool_is_read() {
    let served = Served::fake(sample().with(XapiFault::VmDestroyedInBetween));
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(count(&gathered), 8);
    let reads = served.methods().iter().filter(|it| *it == "VM.get_all_records").count();
    assert_eq!(reads, 2);
}

/// Answers that are valid and say less than the truth.
#[test]
fn lists_that_are_shorter_than_the_truth_are_errors() {
    let mut messages = String::new();
    for fault in [
        XapiFault::NoVms,
        XapiFault::VmMissing,
        XapiFault::NoControlDomains,
        XapiFault::NoHosts,
        XapiFault::CoordinatorMissing,
        XapiFault::HostMissing,
    ] {
        let served = Served::fake(sample().with(fault));
        let error = served.gather().expect_err("an incomplete list");
        assert_eq!(error.kind, ErrorKind::Protocol, "{fault:?}: {error}");
        writeln!(messages, "{fault:?}: {error}").expect("a string");
        assert_eq!(served.fake.open_sessions(), 0, "{fault:?}");
    }
    insta::assert_snapshot!(messages);
}

/// Older versions have fewer members. References lead to objects that are gone, and the multiplier is infinite.
#[test]
fn records_with_few_members_are_read() {
    let pool = include_str!("../fixtures/sparse-pool.json");
    let pool: Value = serde_json::from_str(pool).expect("JSON");
    let served = Served::script(sample(), move |fake, request| {
        let method = method(request);
        let Some(class) = method.strip_suffix(".get_all_records") else {
            return fake.answer(request);
        };
        let records = pool.get(class).cloned().unwrap_or(json!({}));
        let reply = json!({"result": records}).to_string();
        Action::answer(200, reply.replace("\"Infinity\"", "Infinity"))
    });
    let gathered = served.gather().expect("a complete answer");
    insta::assert_json_snapshot!(gathered);
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    let gathered = Served::fake(sample()).gather().expect("a complete answer");
    gatherer_tests::assert_guest_members("Xen", &gathered.hosts, &gathered.detached_guests);
}
