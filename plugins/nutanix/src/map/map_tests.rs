//! Tests of the mapping with recorded shapes of replies, and of the checks of an answer.

use std::path::Path;

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::{Guest, GuestState, Host, HostState};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::v2::{HostV2, ListV2, VmV2};
use super::v3::{ClusterV3, EntityV3, HostV3, ListV3, VmV3};
use super::v4::{ClusterV4, HostV4, ListV4, VmV4};
use super::{
    Answer, DETACHED_HOST, Found, FoundCluster, FoundGuest, FoundHost, answer, v2, v3, v4,
};

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let bytes = gatherer_plugin_support::file::read(&path, 1 << 20).expect("a fixture");
    serde_json::from_slice(&bytes).expect("the fixture has the reply's type")
}

fn items<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let list: ListV4 = fixture(name);
    serde_json::from_value(list.data.expect("a list")).expect("items")
}

fn found_v4() -> Found {
    let mut found = Found { lists_esxi_guests: true, ..Found::default() };
    for cluster in items::<ClusterV4>("v4-clusters.json") {
        found.clusters.push(v4::cluster(cluster).expect("visible"));
    }
    for host in items::<HostV4>("v4-hosts.json") {
        found.hosts.push(v4::host(host, &found.clusters).expect("visible"));
    }
    for name in ["v4-vms.json", "v4-esxi-vms.json"] {
        for vm in items::<VmV4>(name) {
            found.guests.push(v4::guest(vm, &found.clusters).expect("visible"));
        }
    }
    found
}

fn found_v3() -> Found {
    let mut found = Found::default();
    let list: ListV3<EntityV3<ClusterV3>> = fixture("v3-clusters.json");
    found.clusters = list.entities.expect("a list").into_iter().filter_map(v3::cluster).collect();
    let list: ListV3<EntityV3<HostV3>> = fixture("v3-hosts.json");
    for host in list.entities.expect("a list") {
        if !host.is_prism_central(&found.clusters) {
            let uuid = host.uuid().expect("a UUID").to_owned();
            found.hosts.push(v3::host(uuid, host, &found.clusters));
        }
    }
    let list: ListV3<EntityV3<VmV3>> = fixture("v3-vms.json");
    for vm in list.entities.expect("a list") {
        let uuid = vm.uuid().expect("a UUID").to_owned();
        found.guests.push(v3::guest(&uuid, vm));
    }
    found
}

fn found_v2() -> Found {
    let hosts: ListV2<HostV2> = fixture("v2-hosts.json");
    let vms: ListV2<VmV2> = fixture("v2-vms.json");
    Found {
        hosts: hosts.entities.expect("a list").into_iter().map(v2::host).collect(),
        guests: vms.entities.expect("a list").into_iter().map(v2::guest).collect(),
        ..Found::default()
    }
}

#[test]
fn every_version_is_mapped_to_the_model() {
    for (name, found) in [("v2", found_v2()), ("v3", found_v3()), ("v4", found_v4())] {
        let Answer { hosts, warnings } = answer(found).expect("a complete answer");
        insta::assert_json_snapshot!(name, json!({"hosts": hosts, "warnings": warnings}));
    }
}

fn host(number: u32, reported_guests: u64) -> FoundHost {
    FoundHost {
        uuid: format!("h{number}"),
        cluster: Some("c".to_owned()),
        reported_guests: Some(reported_guests),
        is_esxi: false,
        host: Host::new(format!("host{number}"), format!("host{number}")),
    }
}

fn guest(name: &str, host: Option<&str>) -> FoundGuest {
    FoundGuest {
        host: host.map(str::to_owned),
        cluster: Some("c".to_owned()),
        guest: Guest::new(name, name),
    }
}

fn cluster() -> FoundCluster {
    FoundCluster {
        id: "c".to_owned(),
        name: "harbour".to_owned(),
        has_hosts: true,
        is_available: Some(true),
        architecture: None,
        nodes: Some(2),
        reported_guests: None,
    }
}

/// Two hosts with a guest on each, and one that is off.
fn plausible() -> Found {
    Found {
        clusters: vec![cluster()],
        hosts: vec![host(1, 2), host(2, 2)],
        guests: vec![guest("a", Some("h1")), guest("b", Some("h2")), guest("off", None)],
        lists_esxi_guests: true,
        ..Found::default()
    }
}

fn guests_of(answer: &Answer, host: &str) -> Vec<String> {
    let host = answer.hosts.iter().find(|known| known.name == host).expect("the host");
    host.guests.iter().map(|guest| guest.name.clone()).collect()
}

#[test]
fn each_guest_is_on_its_host_or_on_the_pseudo_host() {
    let mut found = plausible();
    found.guests.push(guest("blank", Some(" ")));
    found.guests.push(guest("upper", Some("H1")));
    let answer = answer(found).expect("complete");
    assert_eq!(guests_of(&answer, "host1"), ["a", "upper"]);
    assert_eq!(guests_of(&answer, "host2"), ["b"]);
    assert_eq!(guests_of(&answer, DETACHED_HOST), ["off", "blank"]);
    assert_eq!(answer.warnings.len(), 0);
    let synthetic: Vec<_> = answer.hosts.iter().filter(|host| host.synthetic).collect();
    assert_eq!(synthetic.len(), 1);
    assert_eq!(synthetic[0].id, DETACHED_HOST);
}

#[test]
fn the_pseudo_host_is_sent_without_guests_too() {
    let mut found = plausible();
    found.guests.pop();
    let answer = answer(found).expect("complete");
    assert_eq!(guests_of(&answer, DETACHED_HOST), <[String; 0]>::default());
}

#[test]
fn a_controller_vm_is_on_its_host_once_and_does_not_count_as_a_listed_vm() {
    let mut found = plausible();
    found.guests.push(guest("NTNX-2-CVM", Some("h2")));
    found.controllers = vec![
        guest("NTNX-1-CVM", Some("h1")),
        guest("NTNX-2-CVM", Some("h2")),
        guest("NTNX-9-CVM", Some("h9")),
    ];
    let controllers = found.controllers.clone();
    let complete = answer(found).expect("complete");
    assert_eq!(guests_of(&complete, "host1"), ["a", "NTNX-1-CVM"]);
    assert_eq!(guests_of(&complete, "host2"), ["b", "NTNX-2-CVM"]);
    assert_eq!(guests_of(&complete, DETACHED_HOST), ["off", "NTNX-9-CVM"]);

    let empty = Found { guests: Vec::new(), controllers, ..plausible() };
    assert_eq!(answer(empty).expect_err("no VM is listed").kind, ErrorKind::Protocol);
}

/// Each answer is shorter than the truth, although the server reported no error.
#[test]
fn an_answer_that_lacks_hosts_or_guests_fails() {
    let mut sentences = Vec::new();
    let mut fails = |kind: ErrorKind, change: fn(&mut Found)| {
        let mut found = plausible();
        change(&mut found);
        let error = answer(found).expect_err("not complete");
        assert_eq!(error.kind, kind, "{error}");
        sentences.push(format!("{}: {error}", error.kind));
    };
    fails(ErrorKind::Permission, |found| found.hosts.clear());
    fails(ErrorKind::Permission, |found| {
        found.clusters.clear();
        found.hosts.clear();
    });
    fails(ErrorKind::Permission, |found| {
        found.clusters.push(FoundCluster {
            id: "d".to_owned(),
            name: "quay".to_owned(),
            ..cluster()
        });
    });
    fails(ErrorKind::Permission, |found| found.clusters[0].nodes = Some(3));
    fails(ErrorKind::Permission, |found| found.guests.push(guest("lost", Some("h9"))));
    fails(ErrorKind::Permission, |found| {
        let (id, name) = ("d".to_owned(), "quay".to_owned());
        found.clusters.push(FoundCluster { id, name, nodes: Some(1), ..cluster() });
        found.hosts.push(FoundHost { cluster: Some("d".to_owned()), ..host(3, 4) });
    });
    fails(ErrorKind::Unavailable, |found| found.clusters[0].is_available = Some(false));
    fails(ErrorKind::Protocol, |found| found.guests.clear());
    fails(ErrorKind::Protocol, |found| {
        found.guests.clear();
        found.hosts.iter_mut().for_each(|host| host.reported_guests = None);
        found.clusters[0].reported_guests = Some(3);
    });
    insta::assert_snapshot!(sentences.join("\n"));
}

#[test]
fn impossible_numbers_of_reported_guests_are_added_up_to_the_largest() {
    let mut found = plausible();
    found.hosts = vec![host(1, u64::MAX), host(2, u64::MAX)];
    found.clusters[0].reported_guests = Some(u64::MAX);
    assert!(answer(found).is_ok());
}

#[test]
fn a_cluster_whose_hosts_run_only_controller_vms_may_have_no_guests() {
    let mut found = plausible();
    found.guests.clear();
    found.hosts = vec![host(1, 1), host(2, 1)];
    found.clusters[0].reported_guests = Some(2);
    let answer = answer(found).expect("complete");
    assert_eq!((answer.hosts.len(), answer.warnings.len()), (3, 0));
}

#[test]
fn a_cluster_without_hosts_of_its_own_needs_none() {
    let mut found = plausible();
    found.clusters.push(FoundCluster {
        id: "pc".to_owned(),
        has_hosts: false,
        is_available: Some(false),
        ..cluster()
    });
    assert!(answer(found).is_ok());
}

#[test]
fn warns_about_an_esxi_host_whose_guests_are_in_no_list() {
    let mut found = plausible();
    found.clusters.push(FoundCluster {
        id: "e".to_owned(),
        name: "mole".to_owned(),
        nodes: Some(1),
        ..cluster()
    });
    found.hosts.push(FoundHost { cluster: Some("e".to_owned()), is_esxi: true, ..host(4, 4) });
    found.lists_esxi_guests = false;
    let warnings = answer(found).expect("complete").warnings;
    let objects: Vec<_> = warnings.iter().map(|warning| warning.object.as_str()).collect();
    assert_eq!(objects, ["host4"]);
    insta::assert_snapshot!(warnings[0].message);
}

/// The first VM of the fixture with these members.
fn vm(changes: &Value) -> Result<FoundGuest, gatherer_plugin_api::GatherError> {
    let mut vm: Value = items("v4-vms.json").remove(0);
    for (name, value) in changes.as_object().expect("an object") {
        vm[name] = value.clone();
    }
    v4::guest(serde_json::from_value(vm).expect("a VM"), &[])
}

#[test]
fn a_redacted_word_is_a_permission_error() {
    for changes in [json!({"powerState": "$REDACTED"}), json!({"name": "$REDACTED"})] {
        let error = vm(&changes).expect_err("hidden");
        assert_eq!(error.kind, ErrorKind::Permission, "{error}");
    }
    let change = |pointer: &str| {
        let mut host: Value = items("v4-hosts.json").remove(0);
        *host.pointer_mut(pointer).expect("the member") = json!("$REDACTED");
        v4::host(serde_json::from_value(host).expect("a host"), &[]).expect_err("hidden").kind
    };
    for pointer in [
        "/hostName",
        "/hypervisor/type",
        "/hypervisor/state",
        "/hypervisor/acropolisConnectionState",
    ] {
        assert_eq!(change(pointer), ErrorKind::Permission, "{pointer}");
    }
    let mut cluster: Value = items("v4-clusters.json").remove(0);
    cluster["config"]["clusterFunction"] = json!(["$REDACTED"]);
    let cluster = v4::cluster(serde_json::from_value(cluster).expect("a cluster"));
    assert_eq!(cluster.expect_err("hidden").kind, ErrorKind::Permission);
}

#[test]
fn unknown_words_of_a_state_are_kept_and_unknown() {
    for (word, state) in [
        ("ON", GuestState::Running),
        ("OFF", GuestState::Stopped),
        ("PAUSED", GuestState::Paused),
        ("SUSPENDED", GuestState::Suspended),
        ("UNDETERMINED", GuestState::Unknown),
        ("$UNKNOWN", GuestState::Unknown),
        ("LEVITATING", GuestState::Unknown),
    ] {
        let guest = vm(&json!({"powerState": word})).expect("a VM").guest;
        assert_eq!((guest.state, guest.source_state.as_deref()), (Some(state), Some(word)));
    }
}

#[test]
fn agents_and_controller_vms_are_marked() {
    for (name, is_agent_vm, agent) in [
        ("web", json!(false), false),
        ("web", json!(true), true),
        ("web", Value::Null, false),
        ("NTNX-15SM60210038-A-CVM", json!(false), true),
        ("NTNX-notes", json!(false), false),
    ] {
        let guest = vm(&json!({"name": name, "isAgentVm": is_agent_vm})).expect("a VM").guest;
        assert_eq!(guest.agent, agent, "{name} {is_agent_vm}");
    }
}

#[test]
fn the_version_of_the_hypervisor_is_in_both_forms_of_its_name() {
    for (full_name, version) in [
        (json!("Nutanix 20220304.480"), Some("20220304.480")),
        (json!("AHV 10.0.1"), Some("10.0.1")),
        (json!("AHV"), None),
        (json!(" "), None),
        (Value::Null, None),
    ] {
        let mut host: Value = items("v4-hosts.json").remove(0);
        host["hypervisor"]["fullName"] = full_name.clone();
        let found = v4::host(serde_json::from_value(host).expect("a host"), &[]).expect("visible");
        let hypervisor = found.host.hypervisor.expect("a hypervisor");
        assert_eq!((hypervisor.kind.as_str(), hypervisor.version.as_deref()), ("nutanix", version));
        let os = found.host.os.expect("an operating system");
        assert_eq!(os.name.as_deref(), Some("Nutanix AHV"));
        let text = full_name.as_str().filter(|text| !text.trim().is_empty());
        assert_eq!(os.version.as_deref(), text);
    }
}

#[test]
fn the_state_of_a_host_follows_from_its_connection_and_its_maintenance() {
    for (state, connection, maintenance, expected) in [
        ("ACROPOLIS_NORMAL", "CONNECTED", "normal", Some(HostState::Up)),
        ("ACROPOLIS_NORMAL", "DISCONNECTED", "normal", Some(HostState::Disconnected)),
        ("ENTERING_MAINTENANCE_MODE", "CONNECTED", "normal", Some(HostState::Maintenance)),
        ("ACROPOLIS_NORMAL", "CONNECTED", "in_maintenance", Some(HostState::Maintenance)),
        ("HA_FAILOVER_SOURCE", "CONNECTED", "normal", None),
    ] {
        let mut host: Value = items("v4-hosts.json").remove(0);
        host["hypervisor"]["state"] = json!(state);
        host["hypervisor"]["acropolisConnectionState"] = json!(connection);
        host["maintenanceState"] = json!(maintenance);
        let found = v4::host(serde_json::from_value(host).expect("a host"), &[]).expect("visible");
        assert_eq!(found.host.state, expected, "{state} {connection} {maintenance}");
    }
}
