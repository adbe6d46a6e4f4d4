//! Tests of the mapping of servers.

#![expect(clippy::needless_pass_by_value, reason = "values are written where they are passed")]

use gatherer_plugin_api::ErrorKind;
use serde_json::json;

use super::*;

fn found(value: Value) -> FoundServer {
    let listed = listed(&value, Some("One"), &Flavors::new()).expect("a server");
    *listed.found.expect("not of a cell that is down")
}

fn server(members: Value) -> Value {
    let mut server =
        json!({"id": "27556ff3-725b-4dce-832f-c5bf972d47c1", "name": "vm", "status": "ACTIVE"});
    for (name, value) in members.as_object().expect("an object") {
        server[name] = value.clone();
    }
    server
}

/// Every status that Nova's documentation lists.
#[test]
fn every_status_has_a_state() {
    for (status, state) in [
        ("ACTIVE", GuestState::Running),
        ("BUILD", GuestState::PoweringOn),
        ("DELETED", GuestState::Stopped),
        ("ERROR", GuestState::Crashed),
        ("HARD_REBOOT", GuestState::Resetting),
        ("MIGRATING", GuestState::Migrating),
        ("PASSWORD", GuestState::Running),
        ("PAUSED", GuestState::Paused),
        ("REBOOT", GuestState::Resetting),
        ("REBUILD", GuestState::PoweringOn),
        ("RESCUE", GuestState::Running),
        ("RESIZE", GuestState::Migrating),
        ("REVERT_RESIZE", GuestState::PoweringOn),
        ("SHELVED", GuestState::Stopped),
        ("SHELVED_OFFLOADED", GuestState::Stopped),
        ("SHUTOFF", GuestState::Stopped),
        ("SOFT_DELETED", GuestState::Stopped),
        ("SUSPENDED", GuestState::Suspended),
        ("VERIFY_RESIZE", GuestState::Running),
        ("DANCING", GuestState::Unknown),
    ] {
        let guest = found(server(json!({"status": status}))).guest;
        assert_eq!((guest.state, guest.source_state.as_deref()), (Some(state), Some(status)));
    }
}

#[test]
fn a_server_of_a_cell_that_is_down_has_only_an_id() {
    let value =
        json!({"id": "a", "status": "UNKNOWN", "tenant_id": "t", "created": "x", "links": []});
    let listed = listed(&value, None, &Flavors::new()).expect("a server");
    assert!(listed.id == "a" && listed.found.is_none());
}

#[test]
fn a_server_without_id_or_status_is_an_error() {
    for value in [
        json!({}),
        json!({"id": 7, "status": "ACTIVE"}),
        json!({"id": "a"}),
        json!("a"),
        Value::Null,
    ] {
        let error = listed(&value, None, &Flavors::new()).expect_err("not a server");
        assert_eq!(error.kind, ErrorKind::Protocol, "{value}");
    }
}

#[test]
fn the_place_is_the_hypervisor_or_else_the_host() {
    let on = |name: &str, host: Option<&str>| Place::Hypervisor {
        name: name.to_owned(),
        service_host: host.map(str::to_owned),
    };
    let (hypervisor, host) = ("OS-EXT-SRV-ATTR:hypervisor_hostname", "OS-EXT-SRV-ATTR:host");
    for (members, expected) in [
        (json!({hypervisor: "c1.example.com", host: "c1"}), on("c1.example.com", Some("c1"))),
        (json!({hypervisor: "c1.example.com"}), on("c1.example.com", None)),
        (json!({hypervisor: null, host: "c1"}), on("c1", Some("c1"))),
        (json!({host: "c1"}), on("c1", Some("c1"))),
        (json!({hypervisor: null, host: null}), Place::None),
        (json!({hypervisor: "", host: ""}), Place::None),
        (json!({host: null}), Place::None),
        (json!({}), Place::NotReported),
    ] {
        assert_eq!(found(server(members.clone())).place, expected, "{members}");
    }
}

#[test]
fn addresses_of_one_interface_are_together() {
    let address = |addr: &str, kind: &str, mac: &str| {
        json!({
            "addr": addr, "version": 4, "OS-EXT-IPS:type": kind, "OS-EXT-IPS-MAC:mac_addr": mac,
        })
    };
    let guest = found(server(json!({"addresses": {
        "private": [
            address("198.51.100.7", "fixed", "FA:16:3E:00:00:01"),
            address("203.0.113.7", "floating", "fa:16:3e:00:00:01"),
            address("198.51.100.8", "fixed", "fa:16:3e:00:00:02"),
        ],
        "storage": [{"addr": "192.0.2.7"}, {"addr": null}, 7],
    }})))
    .guest;
    let interfaces: Vec<_> = guest
        .interfaces
        .iter()
        .map(|it| (it.mac.as_deref(), it.network.as_deref(), it.addresses.len()))
        .collect();
    assert_eq!(
        interfaces,
        [
            (Some("fa:16:3e:00:00:01"), Some("private"), 2),
            (Some("fa:16:3e:00:00:02"), Some("private"), 1),
            (None, Some("storage"), 1),
        ]
    );
    let kinds: Vec<_> = guest.addresses.iter().map(|it| it.kind.as_deref()).collect();
    assert_eq!(kinds, [Some("fixed"), Some("floating"), Some("fixed"), None]);
}

#[test]
fn the_size_is_that_of_the_flavor() {
    let flavor = json!({"vcpus": 2, "ram": 4096, "disk": 20, "ephemeral": 5, "swap": 512});
    let guest = found(server(json!({"flavor": flavor, "image": {"id": "i"}}))).guest;
    assert_eq!((guest.cpus, guest.memory_bytes), (Some(2), Some(4096 * MIB)));
    let disks: Vec<_> =
        guest.disks.iter().map(|it| (it.name.as_deref().unwrap(), it.capacity_bytes)).collect();
    assert_eq!(
        disks,
        [("root", Some(20 * GIB)), ("ephemeral", Some(5 * GIB)), ("swap", Some(512 * MIB)),]
    );

    // Older versions have only the id of the flavor, which may be deleted.
    let flavors = flavor::by_id(&[
        json!({"id": 1, "vcpus": 4, "ram": 8192, "disk": 0, "swap": "", "OS-FLV-EXT-DATA:ephemeral": 1}),
        json!({"name": "without an id"}),
    ]);
    for (id, cpus, disks) in
        [(json!("1"), Some(4), 1), (json!(1), Some(4), 1), (json!("2"), None, 0)]
    {
        let server = server(json!({"flavor": {"id": id}, "image": ""}));
        let listed = listed(&server, None, &flavors).expect("a server");
        let guest = listed.found.expect("found").guest;
        assert_eq!((guest.cpus, guest.disks.len()), (cpus, disks), "{id}");
    }
}

#[test]
fn a_server_that_was_started_from_a_volume_has_the_volume_as_its_disk() {
    let guest = found(server(json!({
        "flavor": {"vcpus": 1, "ram": 512, "disk": 20}, "image": "",
        "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
        "os-extended-volumes:volumes_attached": [{"id": "v1"}, {"id": "v2", "delete_on_termination": true}],
    }))).guest;
    let disks: Vec<_> =
        guest.disks.iter().map(|it| (it.name.as_deref(), it.capacity_bytes)).collect();
    assert_eq!(disks, [(Some("v1"), None), (Some("v2"), None)]);
}

#[test]
fn metadata_and_tags_are_labels() {
    let guest = found(server(json!({
        "metadata": {"role": "web", "count": 7}, "tags": ["production", "role"],
    })))
    .guest;
    let labels: Vec<_> = guest.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(labels, [("count", "7"), ("production", ""), ("role", "web")]);
}

#[test]
fn the_rest_is_where_nova_has_it() {
    let guest = found(server(json!({
        "created": "2026-11-20T07:50:24Z", "tenant_id": "0a1b", "OS-EXT-AZ:availability_zone": "nova",
        "OS-EXT-SRV-ATTR:instance_name": "instance-00000034", "OS-EXT-SRV-ATTR:hostname": "vm21",
        "image": {"id": "i", "properties": {"os_distro": "sles", "os_version": "15.6", "architecture": "aarch64"}},
    }))).guest;
    insta::assert_json_snapshot!(guest);
}

#[test]
fn values_of_other_types_are_unknown() {
    for value in
        [Value::Null, json!(7), json!("x"), json!([]), json!({}), json!([7]), json!({"a": 7})]
    {
        let members = json!({
            "name": value, "flavor": value, "addresses": value, "metadata": value, "tags": value,
            "image": value, "created": value, "tenant_id": value,
            "os-extended-volumes:volumes_attached": value, "OS-EXT-AZ:availability_zone": value,
        });
        let guest = found(server(members)).guest;
        assert_eq!((guest.cpus, guest.created_at), (None, None), "{value}");
        assert!(!guest.name.is_empty());
    }
}
