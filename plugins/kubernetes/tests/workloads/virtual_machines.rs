//! How the fields of KubeVirt's virtual machines are mapped.

use gatherer_plugin_api::model::{Guest, GuestState, Interface, Version};
use gatherer_plugin_kubernetes::map::{self, IgnoredBecause, Warnings};
use gatherer_plugin_kubernetes::objects::VirtualMachine;
use gatherer_plugin_kubernetes::quantity::{OutOfRange, ParseError};
use serde_json::{Value, json};

use super::ignored;

fn mapped(machine: &Value) -> (Option<String>, Guest, Warnings) {
    let text = machine.to_string();
    map::guest(serde_json::from_str::<VirtualMachine<'_>>(&text).expect("a machine"))
}

const UID: &str = "6b0f5d0e-52c1-4a9c-8f0d-0f5a1de1b001";
const UUID: &str = "5d307ca9-b3ef-428c-8861-06e72d69f223";

#[test]
fn the_id_is_the_uuid_of_the_firmware_or_the_uid() {
    let guest_with = |uuid: &str| {
        let firmware = json!({"domain": {"firmware": {"uuid": uuid}}});
        mapped(&json!({"metadata": {"name": "db", "uid": UID}, "spec": firmware})).1
    };
    for (uuid, id, canonical, raw) in [
        (UUID, UUID, Some(UUID), None),
        (&UUID.to_uppercase(), UUID, Some(UUID), Some(UUID.to_uppercase())),
        ("", UID, None, None),
        ("not-a-uuid", UID, None, Some("not-a-uuid".to_owned())),
    ] {
        let guest = guest_with(uuid);
        assert_eq!((guest.id.as_deref(), guest.uuid.as_deref()), (Some(id), canonical), "{uuid}");
        assert_eq!(guest.identifiers.kubernetes_uid.as_deref(), Some(UID));
        assert_eq!(guest.identifiers.other.get("rawUuid"), raw.as_ref());
    }
}

#[test]
fn the_state_follows_from_the_phase_and_the_condition_paused() {
    for (phase, paused, state) in [
        ("Pending", "False", Some(GuestState::PoweringOn)),
        ("Scheduling", "False", Some(GuestState::PoweringOn)),
        ("Scheduled", "False", Some(GuestState::PoweringOn)),
        ("Running", "False", Some(GuestState::Running)),
        ("Running", "True", Some(GuestState::Paused)),
        ("Succeeded", "True", Some(GuestState::Stopped)),
        ("Failed", "False", Some(GuestState::Crashed)),
        ("Unknown", "False", Some(GuestState::Unknown)),
        ("WaitingForSync", "False", None),
    ] {
        let conditions =
            json!([{"type": "Ready", "status": "True"}, {"type": "Paused", "status": paused}]);
        let (_, guest, _) = mapped(&json!({"status": {"phase": phase, "conditions": conditions}}));
        assert_eq!((guest.state, guest.source_state.as_deref()), (state, Some(phase)), "{phase}");
    }
    let (_, guest, _) = mapped(&json!({}));
    assert_eq!((guest.state, guest.source_state), (None, None));
}

#[test]
fn a_scheduled_machine_has_a_node() {
    assert_eq!(mapped(&json!({"status": {"nodeName": "n1"}})).0.as_deref(), Some("n1"));
    assert_eq!(mapped(&json!({"status": {"phase": "Pending"}})).0, None);
}

#[test]
fn the_number_of_cpus_is_the_product_of_the_topology() {
    let cpus = |cpu: Value| {
        let object = json!({"metadata": {"name": "db"}, "spec": {"domain": {"cpu": cpu}}});
        let (_, guest, warnings) = mapped(&object);
        (guest.cpus, warnings)
    };
    assert_eq!(cpus(json!({"sockets": 2, "cores": 3, "threads": 4})), (Some(24), vec![]));
    assert_eq!(cpus(json!({"cores": 3})), (Some(3), vec![]));
    assert_eq!(cpus(json!({"cores": 3, "sockets": 0})), (Some(3), vec![]));
    assert_eq!(cpus(json!({"model": "host-model"})), (None, vec![]));
    assert_eq!(cpus(Value::Null), (None, vec![]));
    let because = IgnoredBecause::NumberOutOfRange;
    let warning = ignored("VirtualMachineInstance db", "domain.cpu", because);
    for cores in [u64::MAX, 1 << 31] {
        assert_eq!(cpus(json!({"cores": cores, "sockets": 2})), (None, warning.clone()));
    }
}

#[test]
fn the_memory_is_that_of_the_guest_or_the_request_of_its_pod() {
    let memory = |guest: Value, request: Value| {
        let domain =
            json!({"memory": {"guest": guest}, "resources": {"requests": {"memory": request}}});
        let (_, guest, warnings) =
            mapped(&json!({"metadata": {"name": "db"}, "spec": {"domain": domain}}));
        (guest.memory_bytes, warnings)
    };
    assert_eq!(memory(json!("4Gi"), json!("5Gi")), (Some(4 << 30), vec![]));
    assert_eq!(memory(Value::Null, json!("64M")), (Some(64_000_000), vec![]));
    assert_eq!(memory(json!(1024), Value::Null), (Some(1024), vec![]));
    assert_eq!(memory(Value::Null, Value::Null), (None, vec![]));
    let warning = |because| ignored("VirtualMachineInstance db", "memory.guest", because);
    let negative = IgnoredBecause::QuantityOutOfRange(OutOfRange::Negative);
    assert_eq!(memory(json!(-1), Value::Null), (None, warning(negative)));
    assert_eq!(memory(json!("-1Gi"), json!("1Gi")), (None, warning(negative)));
    let not_a_number = IgnoredBecause::NotAQuantity(ParseError::NoNumber);
    assert_eq!(memory(json!("much"), Value::Null), (None, warning(not_a_number)));
}

#[test]
fn cpus_and_memory_are_what_the_guest_has_now_and_desired_what_it_should_have() {
    let spec = json!({"domain": {
        "cpu": {"sockets": 4, "cores": 2, "threads": 1, "maxSockets": 8},
        "memory": {"guest": "4Gi", "maxGuest": "8Gi"},
        "resources": {"requests": {"memory": "5Gi", "cpu": "9"}},
    }});
    let sizes = |status: Value| {
        let object = json!({"metadata": {"name": "db"}, "spec": spec, "status": status});
        let (_, guest, warnings) = mapped(&object);
        assert_eq!((guest.desired_cpus, guest.desired_memory_bytes), (Some(8), Some(4 << 30)));
        (guest.cpus, guest.memory_bytes, warnings)
    };
    let topology = json!({"sockets": 1, "cores": 2, "threads": 1});
    let memory = |current: &str| json!({"guestAtBoot": "2Gi", "guestCurrent": current, "guestRequested": "4Gi"});
    let status = json!({"currentCPUTopology": topology, "memory": memory("3Gi")});
    assert_eq!(sizes(status), (Some(2), Some(3 << 30), vec![]));
    assert_eq!(sizes(json!({"memory": {"guestAtBoot": "2Gi"}})), (Some(8), Some(2 << 30), vec![]));
    for absent in [
        json!({}),
        json!({"currentCPUTopology": null, "memory": null}),
        json!({"currentCPUTopology": {"sockets": 0}, "memory": {}}),
    ] {
        assert_eq!(sizes(absent), (Some(8), Some(4 << 30), vec![]));
    }
    let because = IgnoredBecause::NumberOutOfRange;
    let warning = ignored("VirtualMachineInstance db", "status.currentCPUTopology", because);
    let status = json!({"currentCPUTopology": {"sockets": u64::MAX, "cores": 2}});
    assert_eq!(sizes(status), (None, Some(4 << 30), warning));
    let because = IgnoredBecause::NotAQuantity(ParseError::NoNumber);
    let warning = ignored("VirtualMachineInstance db", "status.memory.guestCurrent", because);
    assert_eq!(sizes(json!({"memory": memory("much")})), (Some(8), None, warning));
}

#[test]
fn a_domain_without_cpus_and_memory_has_those_of_its_pod() {
    let sizes = |resources: Value| {
        let (_, guest, warnings) = mapped(&json!({"metadata": {"name": "db"},
            "spec": {"domain": {"resources": resources}},
            "status": {"memory": {"guestRequested": null}}}));
        assert_eq!(
            (guest.cpus, guest.memory_bytes),
            (guest.desired_cpus, guest.desired_memory_bytes)
        );
        (guest.cpus, guest.memory_bytes, warnings)
    };
    let requests = json!({"cpu": "1500m", "memory": "1Gi"});
    let limits = json!({"cpu": 3, "memory": "2Gi"});
    assert_eq!(sizes(json!({"requests": requests})), (Some(2), Some(1 << 30), vec![]));
    assert_eq!(sizes(json!({"limits": limits})), (Some(3), Some(2 << 30), vec![]));
    let both = json!({"requests": requests, "limits": limits});
    assert_eq!(sizes(both), (Some(3), Some(1 << 30), vec![]));
    assert_eq!(sizes(json!({"requests": {"cpu": "0"}})), (None, None, vec![]));
}

#[test]
fn addresses_have_the_name_of_their_interface() {
    let (_, guest, _) = mapped(&json!({"status": {"interfaces": [
        {"name": "default", "ipAddress": "10.0.0.1", "ipAddresses": ["10.0.0.1", "fd00::1"]},
        {"ipAddress": "172.17.0.1"},
        {"name": "off"},
    ]}}));
    let found: Vec<_> =
        guest.addresses.iter().map(|one| (one.kind.as_deref(), &*one.address)).collect();
    let default = Some("default");
    assert_eq!(found, [(default, "10.0.0.1"), (default, "fd00::1"), (None, "172.17.0.1")]);
}

#[test]
fn the_namespace_is_an_attribute_and_an_invalid_creation_time_is_ignored() {
    let metadata =
        json!({"name": "db", "namespace": "vms", "creationTimestamp": "2026-03-02T09:10:11Z"});
    let (_, guest, warnings) = mapped(&json!({"metadata": metadata}));
    assert_eq!((&*guest.name, warnings), ("db", vec![]));
    assert_eq!(guest.attributes, [("namespace".to_owned(), "vms".to_owned())].into());
    assert_eq!(guest.created_at.expect("a time").to_string(), "2026-03-02T09:10:11Z");
    let metadata = json!({"name": "db", "namespace": "vms", "creationTimestamp": "soon"});
    let (_, guest, warnings) = mapped(&json!({"metadata": metadata}));
    assert_eq!(guest.created_at, None);
    let object = "VirtualMachineInstance vms/db";
    assert_eq!(warnings, ignored(object, "creationTimestamp", IgnoredBecause::NotATimestamp));
}

#[test]
fn labels_interfaces_and_operating_system_are_those_of_the_source() {
    let (_, guest, _) = mapped(&json!({
        "metadata": {"name": "db", "labels": {"kubevirt.io/domain": "db"}},
        "status": {
            "guestOSInfo": {"id": "fedora", "name": "Fedora Linux", "version": "41 (Cloud Edition)"},
            "interfaces": [
                {"name": "default", "mac": "52:54:00:AB:cd:01", "ipAddress": "10.42.0.9",
                 "ipAddresses": ["10.42.0.9", "fd00::9"]},
                {"interfaceName": "docker0", "ipAddress": "172.17.0.1"},
            ],
        },
    }));
    assert_eq!(guest.labels, [("kubevirt.io/domain".to_owned(), "db".to_owned())].into());
    let text = |text: &str| Some(text.to_owned());
    let os = Version { name: text("Fedora Linux"), version: text("41 (Cloud Edition)") };
    assert_eq!(guest.os, Some(os));
    let default = Interface {
        mac: text("52:54:00:ab:cd:01"),
        addresses: vec!["10.42.0.9".into(), "fd00::9".into()],
        network: text("default"),
    };
    let inside = Interface { addresses: vec!["172.17.0.1".into()], ..Interface::default() };
    assert_eq!(guest.interfaces, [default, inside]);

    let (_, guest, _) = mapped(&json!({"status": {"guestOSInfo": {}}}));
    assert_eq!(guest.os, None);
}

#[test]
fn machines_have_the_members_that_the_documentation_lists() {
    let (_, guest, warnings) = mapped(&json!({
        "metadata": {
            "name": "db", "namespace": "tenant", "uid": UID, "labels": {"tier": "data"},
            "creationTimestamp": "2026-11-01T00:00:00Z",
        },
        "spec": {"domain": {
            "cpu": {"cores": 2}, "memory": {"guest": "2Gi"}, "firmware": {"uuid": UUID},
        }},
        "status": {
            "phase": "Running",
            "currentCPUTopology": {"cores": 1},
            "guestOSInfo": {"name": "Fedora Linux", "version": "41"},
            "interfaces": [
                {"name": "default", "mac": "52:54:00:ab:cd:01", "ipAddress": "10.42.0.9"},
            ],
        },
    }));
    assert_eq!(warnings, vec![]);
    gatherer_tests::assert_guest_members("Kubernetes", &[], &[guest]);
}
