//! The hosts of `fixtures/` give exactly the model beside them.

#![expect(clippy::disallowed_methods, reason = "fixtures of this repository")]

use std::fs;
use std::path::{Path, PathBuf};

use gatherer_plugin_api::model::Host;
use gatherer_plugin_libvirt::map::{self, HostFacts};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn check(name: &str) {
    let read = |suffix: &str| fs::read_to_string(fixture(&format!("{name}.{suffix}")));
    let facts = read("facts.json").expect("the facts");
    let mut facts: HostFacts = serde_json::from_str(&facts).expect("facts");
    facts.capabilities = read("xml").ok();
    let expected: Host =
        serde_json::from_str(&read("host.json").expect("the host")).expect("a host");
    let host = map::host(&facts).expect("mapped");
    assert_eq!(
        serde_json::to_string_pretty(&host).expect("JSON"),
        serde_json::to_string_pretty(&expected).expect("JSON"),
    );
}

#[test]
fn sockets_cores_and_threads_are_totals_over_all_cells() {
    check("qemu-two-sockets");
}

#[test]
fn core_ids_that_repeat_on_each_die_count_twice_and_offline_cpus_do_not_count() {
    check("qemu-two-dies");
}

#[test]
fn core_ids_that_repeat_in_each_cluster_count_in_each() {
    check("qemu-aarch64");
}

#[test]
fn without_a_topology_nodeinfo_is_multiplied() {
    check("xen");
}

#[test]
fn a_processors_name_is_no_architecture() {
    check("esx");
}

#[test]
fn a_host_without_a_uuid_goes_by_its_name() {
    check("test-default");
}

#[test]
fn what_a_driver_does_not_tell_stays_absent() {
    check("nothing-known");
}
