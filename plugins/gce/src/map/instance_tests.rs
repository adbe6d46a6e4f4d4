//! Tests of instances.

use gatherer_plugin_support::json;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn parse(instance: &Value) -> Result<Instance, String> {
    let json = json::parse(instance.to_string().as_bytes(), "x").expect("JSON");
    Instance::parse(&json, "europe-west3-a")
}

/// Every state of the API, with what it means.
#[test]
fn every_state_has_its_meaning() {
    for (status, state) in [
        ("PENDING", GuestState::PoweringOn),
        ("PROVISIONING", GuestState::PoweringOn),
        ("STAGING", GuestState::PoweringOn),
        ("RUNNING", GuestState::Running),
        ("PENDING_STOP", GuestState::ShuttingDown),
        ("STOPPING", GuestState::PoweringOff),
        ("STOPPED", GuestState::Stopped),
        ("TERMINATED", GuestState::Stopped),
        ("SUSPENDING", GuestState::Suspending),
        ("SUSPENDED", GuestState::Suspended),
        ("REPAIRING", GuestState::Crashed),
        ("DEPROVISIONING", GuestState::PoweringOff),
        ("SOMETHING_NEW", GuestState::Unknown),
    ] {
        let guest = parse(&json!({"id": "1", "name": "vm", "status": status})).expect(status).guest;
        assert_eq!(guest.state, Some(state), "{status}");
        assert_eq!(guest.source_state.as_deref(), Some(status));
    }
    assert_eq!(parse(&json!({"id": "1", "name": "vm"})).expect("an instance").guest.state, None);
}

#[test]
fn a_machine_type_is_the_end_of_a_url() {
    let of =
        |url: &str| machine_type(url, "own").map(|found| format!("{} {}", found.zone, found.name));
    for (url, expected) in [
        (
            "https://www.googleapis.com/compute/v1/projects/p/zones/z/machineTypes/n1-standard-1",
            Some("z n1-standard-1"),
        ),
        ("zones/z/machineTypes/e2-custom-2-4096", Some("z e2-custom-2-4096")),
        ("machineTypes/custom-1-1024-ext", Some("own custom-1-1024-ext")),
        ("https://www.googleapis.com/compute/v1/projects", None),
        ("n1-standard-1", None),
        ("zones/z/machineTypes/", None),
        ("zones/z/machineTypes/..", None),
        ("zones/z/machineTypes/a%2fb", None),
        ("zones/../machineTypes/a", Some("own a")),
        ("", None),
    ] {
        assert_eq!(of(url).as_deref(), expected, "{url}");
    }
}

#[test]
fn an_instance_with_everything() {
    let instance = json!({
        "kind": "compute#instance",
        "id": "9223372036854775808",
        "creationTimestamp": "2026-02-03T04:05:06.789-08:00",
        "name": "web-1",
        "hostname": "web1.example.com",
        "status": "RUNNING",
        "cpuPlatform": "Intel Ice Lake",
        "machineType": "https://www.googleapis.com/compute/v1/projects/p/zones/europe-west3-a/machineTypes/e2-medium",
        "tags": {"items": ["http-server", "both"], "fingerprint": "42WmSpB8rSM="},
        "labels": {"env": "test", "both": "label"},
        "scheduling": {"preemptible": true, "provisioningModel": "SPOT"},
        "networkInterfaces": [
            {
                "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/front",
                "subnetwork": "https://www.googleapis.com/compute/v1/projects/p/regions/r/subnetworks/front-r",
                "networkIP": "192.0.2.10", "ipv6Address": "2001:db8::10",
                "accessConfigs": [{"natIP": "198.51.100.10"}, {}],
                "ipv6AccessConfigs": [{"externalIpv6": "2001:db8:1::10"}],
            },
            {"subnetwork": "regions/r/subnetworks/back", "networkIP": "192.0.2.11"},
            {},
        ],
        "disks": [
            {"deviceName": "data", "diskSizeGb": "200", "boot": false, "licenses": ["x/licenses/other"]},
            {
                "deviceName": "boot", "diskSizeGb": "10", "boot": true, "architecture": "ARM64",
                "licenses": ["https://www.googleapis.com/compute/v1/projects/suse-cloud/global/licenses/sles-15"],
            },
            {"type": "SCRATCH", "deviceName": "local-ssd-0", "diskSizeGb": 375},
        ],
    });
    insta::assert_json_snapshot!(parse(&instance).expect("an instance").guest);
}

#[test]
fn members_of_another_type_are_unknown() {
    let plain = parse(&json!({"id": 1, "name": "vm"})).expect("an instance");
    for name in [
        "creationTimestamp",
        "hostname",
        "status",
        "cpuPlatform",
        "machineType",
        "tags",
        "labels",
        "scheduling",
        "networkInterfaces",
        "disks",
    ] {
        for value in
            [json!(null), json!(7), json!(""), json!(true), json!([7]), json!({"items": 7})]
        {
            if name == "labels" && value.is_object() || name.ends_with('s') && value.is_array() {
                continue;
            }
            let read = parse(&json!({"id": 1, "name": "vm", name: value})).expect("an instance");
            assert_eq!(read, plain, "{name}: {value}");
        }
    }
}

proptest! {
    /// Any answer is either an instance with its id, or an error.
    #[test]
    fn no_instance_makes_the_parser_panic(text in "\\PC{0,40}", number in any::<u64>(), depth in 0_usize..4) {
        let mut value = json!([text, number, null]);
        for _ in 0..depth {
            value = json!([{"items": value, "natIP": text, "reason": value, "boot": true, "licenses": [text]}]);
        }
        let instance = json!({
            "id": number, "name": format!("a{text}"), "status": text, "machineType": text, "tags": value,
            "labels": {&text: text}, "networkInterfaces": value, "disks": value, "scheduling": value,
            "creationTimestamp": text,
        });
        let read = parse(&instance).expect("an instance");
        prop_assert_eq!(read.id, number.to_string());
    }
}
