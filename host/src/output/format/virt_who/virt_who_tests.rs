//! Tests of the rules of the format `virt-who`.

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointStatus, Evidence, EvidenceKind, Guest,
    GuestState, Host, Hypervisor, Inventory, Link, LinkKind, LinkedObject, ObjectKind, Software,
};
use gatherer_plugin_api::{ErrorKind, GatherError};
use serde_json::{Value, json};

use super::render;
use crate::output::format::HypervisorId::{self, Hostname, Hwuuid, Uuid};
use crate::output::inventory::assemble;

const WEB: &str = "9a8cd5ea-55e2-4b1c-8d1e-0f5c0e3c1a01";
const HARDWARE: &str = "4c4c4544-0042-3510-8051-b4c04f4d3132";

fn guest(uuid: &str, state: Option<GuestState>) -> Guest {
    Guest { uuid: Some(uuid.to_owned()), state, ..Guest::new(uuid, "web") }
}

fn host(id: &str, name: &str) -> Host {
    let hypervisor = Some(Hypervisor { kind: "qemu".to_owned(), version: None });
    Host { hypervisor, ..Host::new(id, name) }
}

/// A guest whose UUID ends with this number.
fn numbered(number: u32) -> Guest {
    guest(&format!("9a8cd5ea-55e2-4b1c-8d1e-{number:012x}"), Some(GuestState::Running))
}

fn endpoint(id: &str, hosts: Vec<Host>) -> EndpointResult {
    let status = EndpointStatus::Complete;
    EndpointResult { status, hosts, ..EndpointResult::new(id.to_owned(), None, None) }
}

/// The hypervisors, and the notes.
fn of_inventory(inventory: &Inventory, chosen: HypervisorId) -> (Value, Vec<String>) {
    let rendered = render(inventory, chosen);
    let mut document: Value = serde_json::from_str(&rendered.text).expect("JSON");
    let notes = rendered.notes.iter().map(|note| {
        format!("{}: {}: {}", note.endpoint, note.warning.object, note.warning.message)
    });
    (document["hypervisors"].take(), notes.collect())
}

fn printed(endpoints: Vec<EndpointResult>, chosen: HypervisorId) -> (Value, Vec<String>) {
    of_inventory(&assemble(endpoints, None), chosen)
}

fn ids(hypervisors: &Value) -> Vec<&str> {
    let hypervisors = hypervisors.as_array().expect("a list").iter();
    hypervisors.map(|one| one["hypervisorId"]["hypervisorId"].as_str().expect("a text")).collect()
}

#[test]
fn prints_a_hypervisor_in_the_layout_of_virt_who() {
    let mut host = host(HARDWARE, "esx1.é");
    host.hypervisor = Some(Hypervisor { kind: "vmware".into(), version: Some("8.0.2".into()) });
    host.identifiers.uuid = Some(HARDWARE.to_owned());
    host.cpu.sockets = Some(2);
    host.location.cluster = Some("Cluster 1".to_owned());
    host.guests = vec![guest(WEB, Some(GuestState::Running))];
    let rendered = render(&assemble(vec![endpoint("vc", vec![host])], None), Uuid);
    let expected = r#"{
    "hypervisors": [
        {
            "hypervisorId": {
                "hypervisorId": "4c4c4544-0042-3510-8051-b4c04f4d3132"
            },
            "name": "esx1.\u00e9",
            "guestIds": [
                {
                    "guestId": "9a8cd5ea-55e2-4b1c-8d1e-0f5c0e3c1a01",
                    "state": 1,
                    "attributes": {
                        "virtWhoType": "esx",
                        "active": 1
                    }
                }
            ],
            "facts": {
                "cpu.cpu_socket(s)": "2",
                "hypervisor.type": "vmware",
                "hypervisor.version": "8.0.2",
                "hypervisor.cluster": "Cluster 1",
                "dmi.system.uuid": "4c4c4544-0042-3510-8051-b4c04f4d3132"
            }
        }
    ]
}
"#;
    assert_eq!(rendered.text, expected);
    assert_eq!(rendered.notes, []);
    assert_eq!(render(&assemble(Vec::new(), None), Uuid).text, "{\n    \"hypervisors\": []\n}\n");
}

#[test]
fn unknown_members_are_absent_and_a_host_without_guests_has_an_empty_list() {
    let (hypervisors, notes) = printed(vec![endpoint("e", vec![Host::new("h1", "")])], Uuid);
    assert_eq!(hypervisors, json!([{"hypervisorId": {"hypervisorId": "h1"}, "guestIds": []}]));
    assert_eq!(notes, [""; 0]);
}

#[test]
fn every_state_has_its_number_and_only_1_and_3_are_active() {
    let expected = [
        (GuestState::Unknown, 0),
        (GuestState::Running, 1),
        (GuestState::Blocked, 2),
        (GuestState::Paused, 3),
        (GuestState::ShuttingDown, 4),
        (GuestState::Stopped, 5),
        (GuestState::Crashed, 6),
        (GuestState::Suspended, 7),
        (GuestState::PoweringOn, 1),
        (GuestState::PoweringOff, 4),
        (GuestState::Pausing, 1),
        (GuestState::Suspending, 1),
        (GuestState::Resuming, 3),
        (GuestState::Resetting, 1),
        (GuestState::Migrating, 1),
    ];
    assert_eq!(expected.map(|(state, _)| state), GuestState::ALL);
    let states = expected.map(|(state, number)| (Some(state), number));
    for (state, number) in states.into_iter().chain([(None, 0)]) {
        let host = Host { guests: vec![guest(WEB, state)], ..host("h1", "kvm1") };
        let (hypervisors, _) = printed(vec![endpoint("e", vec![host])], Uuid);
        let active = u8::from(matches!(number, 1 | 3));
        let expected = json!({"guestId": WEB, "state": number,
            "attributes": {"virtWhoType": "libvirt", "active": active}});
        assert_eq!(hypervisors[0]["guestIds"], json!([expected]), "{state:?}");
    }
}

#[test]
fn the_type_follows_from_the_hypervisor_and_from_libvirt() {
    let libvirt = || Some(Software { name: "libvirt".to_owned(), version: None });
    for (kind, software, virt_who_type, fact) in [
        ("qemu", None, "libvirt", "qemu"),
        ("kvm", None, "libvirt", "kvm"),
        ("vmware", None, "esx", "vmware"),
        ("hyperv", None, "hyperv", "hyperv"),
        ("xen", None, "xen", "xen"),
        ("nutanix", None, "ahv", "nutanix"),
        ("proxmox", None, "proxmox", "proxmox"),
        ("xen", libvirt(), "libvirt", "xen"),
        ("test", libvirt(), "libvirt", "test"),
    ] {
        let mut host = host("h1", "kvm1");
        host.hypervisor = Some(Hypervisor { kind: kind.to_owned(), version: None });
        host.software = software;
        host.guests = vec![guest(WEB, None)];
        let (hypervisors, _) = printed(vec![endpoint("e", vec![host])], Uuid);
        let attributes = &hypervisors[0]["guestIds"][0]["attributes"];
        assert_eq!(attributes["virtWhoType"], virt_who_type, "{kind}");
        assert_eq!(hypervisors[0]["facts"], json!({"hypervisor.type": fact}), "{kind}");
    }
    let unknown = Host { hypervisor: None, guests: vec![guest(WEB, None)], ..host("h1", "kvm1") };
    let (hypervisors, _) = printed(vec![endpoint("e", vec![unknown])], Uuid);
    assert_eq!(hypervisors[0]["guestIds"][0]["attributes"], json!({"active": 0}));
}

#[test]
fn the_id_is_the_chosen_one_and_a_host_without_it_is_left_out() {
    let mut full = host("H1-Own", "kvm1.example.com");
    full.identifiers.uuid = Some(HARDWARE.to_uppercase());
    let mut node = host("m1", "node1");
    node.identifiers.system_uuid = Some("5d5d4544-0042-3510-8051-b4c04f4d3132".to_owned());
    let mut nameless = host("m2", " ");
    nameless.guests = vec![guest(WEB, None)];
    let hosts = || vec![endpoint("e", vec![full.clone(), node.clone(), nameless.clone()])];

    assert_eq!(ids(&printed(hosts(), Uuid).0), ["H1-Own", "m1", "m2"]);
    let (hypervisors, notes) = printed(hosts(), Hwuuid);
    assert_eq!(ids(&hypervisors), [HARDWARE, "5d5d4544-0042-3510-8051-b4c04f4d3132"]);
    assert_eq!(
        notes,
        [
            "e:  : left out with 1 guest: it has no UUID of its hardware; choose another --hypervisor-id"
        ]
    );
    let (hypervisors, notes) = printed(hosts(), Hostname);
    assert_eq!(ids(&hypervisors), ["kvm1.example.com", "node1"]);
    assert_eq!(
        notes,
        ["e:  : left out with 1 guest: it has no name; choose another --hypervisor-id"]
    );
}

#[test]
fn a_host_that_managers_know_by_its_name_has_its_uuid_as_the_id() {
    let mut ahv = host("ahv1", "ahv1");
    ahv.identifiers.uuid = Some(HARDWARE.to_owned());
    let plain = host("pve1", "pve1");
    let (hypervisors, notes) = printed(vec![endpoint("e", vec![ahv, plain])], Uuid);
    assert_eq!((ids(&hypervisors), notes.len()), (vec![HARDWARE, "pve1"], 0));
}

#[test]
fn placeholder_uuids_are_no_ids_of_hosts_and_guests() {
    let zeros = "00000000-0000-0000-0000-000000000000";
    let mut host = host(zeros, "kvm1");
    host.identifiers.uuid = Some("03000200-0400-0500-0006-000700080009".to_owned());
    host.guests = vec![guest(zeros, None), guest("i-0abc", None), guest(WEB, None)];
    host.guests.push(Guest { uuid: None, ..Guest::new(WEB, "no UUID") });
    for chosen in [Uuid, Hwuuid] {
        let (hypervisors, notes) = printed(vec![endpoint("e", vec![host.clone()])], chosen);
        assert_eq!((ids(&hypervisors).len(), notes.len()), (0, 1), "{notes:?}");
        assert!(notes[0].starts_with("e: kvm1: left out with 4 guests: it"), "{notes:?}");
    }
    let (hypervisors, notes) = printed(vec![endpoint("e", vec![host])], Hostname);
    assert_eq!(hypervisors[0]["guestIds"].as_array().map(Vec::len), Some(1));
    assert_eq!(hypervisors[0]["facts"], json!({"hypervisor.type": "qemu"}));
    assert_eq!(notes, ["e: kvm1: 3 guests without a UUID left out"]);
}

#[test]
fn a_host_whose_guests_all_lack_a_uuid_is_left_out_because_it_would_look_empty() {
    let nameless = Guest::new("i-0abc", "instance");
    let host = |name: &str, guests: &[&Guest]| Host {
        guests: guests.iter().map(|guest| (*guest).clone()).collect(),
        ..host(name, name)
    };
    let hosts = vec![
        host("h1", &[&nameless, &nameless]),
        host("h2", &[&nameless, &numbered(1)]),
        host("h3", &[]),
    ];
    let (hypervisors, notes) = printed(vec![endpoint("e", hosts)], Uuid);
    assert_eq!(ids(&hypervisors), ["h2", "h3"]);
    assert_eq!(
        notes,
        [
            "e: h1: left out with 2 guests: none of its guests has a UUID",
            "e: h2: 1 guest without a UUID left out",
        ]
    );
}

#[test]
fn a_uuid_in_another_notation_is_printed_in_lower_case_with_dashes() {
    let upper = format!("{{{}}}", WEB.to_uppercase());
    let host = Host { guests: vec![guest(&upper, None)], ..host("h1", "kvm1") };
    let (hypervisors, _) = printed(vec![endpoint("e", vec![host])], Uuid);
    assert_eq!(hypervisors[0]["guestIds"][0]["guestId"], WEB);
}

#[test]
fn of_hosts_with_one_id_none_is_printed_unless_they_are_the_same() {
    let with =
        |id: &str, name: &str, number| Host { guests: vec![numbered(number)], ..host(id, name) };
    let a = endpoint("a", vec![with("ID-1", "kvm1", 1), with("other", "kvm3", 3)]);
    let b = endpoint("b", vec![with("id-1", "kvm2", 2)]);
    let (hypervisors, notes) = printed(vec![a.clone(), b], Uuid);
    assert_eq!(ids(&hypervisors), ["other"]);
    assert_eq!(
        notes,
        [
            "a: kvm1: left out with 1 guest: another host has the hypervisor id \"ID-1\" too; choose another --hypervisor-id",
            "b: kvm2: left out with 1 guest: another host has the hypervisor id \"id-1\" too; choose another --hypervisor-id",
        ]
    );
    let again = EndpointResult { id: "b".to_owned(), ..a.clone() };
    let (hypervisors, notes) = printed(vec![a, again], Uuid);
    assert_eq!(ids(&hypervisors), ["ID-1", "other"]);
    assert_eq!(
        notes,
        [
            "b: kvm1: left out with 1 guest: endpoint \"a\" has the same hypervisor",
            "b: kvm3: left out with 1 guest: endpoint \"a\" has the same hypervisor",
        ]
    );
}

#[test]
fn hosts_with_one_hardware_uuid_have_no_fact_that_readers_recognize_them_by() {
    let with_uuid = |id: &str, uuid: &str| {
        let mut host = host(id, id);
        host.identifiers.system_uuid = Some(uuid.to_owned());
        host
    };
    let other = "5d5d4544-0042-3510-8051-b4c04f4d3132";
    let hosts = vec![
        with_uuid("h1", HARDWARE),
        with_uuid("h2", &HARDWARE.to_uppercase()),
        with_uuid("h3", other),
    ];
    let (hypervisors, notes) = printed(vec![endpoint("e", hosts)], Uuid);
    let facts: Vec<_> =
        (0..3).map(|index| &hypervisors[index]["facts"]["dmi.system.uuid"]).collect();
    assert_eq!(facts, [&Value::Null, &Value::Null, &json!(other)]);
    let message = "the fact dmi.system.uuid is left out, because another host has the same UUID";
    assert_eq!(notes, [format!("e: h1: {message}"), format!("e: h2: {message}")]);
}

#[test]
fn notes_guests_that_two_hosts_have_and_guests_on_no_host() {
    let h1 = Host { guests: vec![numbered(1), numbered(2)], ..host("h1", "kvm1") };
    let h2 = Host { guests: vec![numbered(2)], ..host("h2", "kvm2") };
    let mut b = endpoint("b", vec![h2]);
    b.detached_guests = vec![numbered(3), numbered(4)];
    let (hypervisors, notes) = printed(vec![endpoint("a", vec![h1]), b], Uuid);
    assert_eq!(ids(&hypervisors), ["h1", "h2"]);
    let message =
        "1 guest with a UUID that other guests have too: a reader assigns it to one host only";
    let detached = "b: guests: 2 guests on no host left out".to_owned();
    assert_eq!(notes, [format!("a: kvm1: {message}"), detached, format!("b: kvm2: {message}")]);
}

#[test]
fn a_failed_endpoint_and_hosts_of_clouds_have_a_note() {
    let mut failed = EndpointResult::new("failed".to_owned(), None, None);
    failed.error = Some(GatherError::new(ErrorKind::Connection, "refused"));
    let mut cloud = host("cloud", "cloud");
    cloud.synthetic = true;
    cloud.guests = vec![numbered(1)];
    let mut dedicated = host("h-1", "dedicated");
    dedicated.represented_by = Some("cloud".to_owned());
    let hosts = vec![cloud, dedicated];
    let (hypervisors, notes) = printed(vec![failed, endpoint("cloud", hosts)], Uuid);
    assert_eq!(ids(&hypervisors), [""; 0]);
    assert_eq!(
        notes,
        [
            "cloud: cloud: left out with 1 guest: it is not a hypervisor, but groups guests whose host is unknown",
            "cloud: dedicated: left out with 0 guests: it is a host of a cloud, which readers do not know",
            "failed: hosts: all left out, because the endpoint failed (connection: refused); a reader keeps what it \
             knows of them",
        ]
    );
}

#[test]
fn nodes_of_a_cluster_are_hypervisors_only_if_its_virtual_machines_are_known() {
    let mut node = host("m1", "node1");
    node.hypervisor = Some(Hypervisor { kind: "kubernetes".into(), version: Some("v1.34".into()) });
    let cluster = endpoint("k8s", vec![node.clone()]);
    let (hypervisors, notes) = printed(vec![cluster.clone()], Uuid);
    assert_eq!(ids(&hypervisors), [""; 0]);
    let not_gathered = "k8s: hosts: 1 host with 0 guests left out, because the virtual machines were not gathered; \
                        add \"collect\": \"virtual-machines\"";
    assert_eq!(notes, [not_gathered]);

    let with = |error: Option<GatherError>| {
        let mut cluster = cluster.clone();
        let status = match error {
            None => Completeness::Complete,
            Some(_) => Completeness::Failed,
        };
        cluster
            .collections
            .insert("virtual-machines".to_owned(), CollectionStatus { status, error });
        printed(vec![cluster], Uuid)
    };
    let (hypervisors, notes) = with(Some(GatherError::new(ErrorKind::Permission, "403")));
    assert_eq!(ids(&hypervisors), [""; 0]);
    let unread = "k8s: hosts: 1 host with 0 guests left out, because the virtual machines could not all be read \
                  (permission: 403); a reader keeps what it knows of them";
    assert_eq!(notes, [unread]);
    let (hypervisors, notes) = with(None);
    let facts = json!({"hypervisor.type": "qemu", "hypervisor.version": "v1.34"});
    let expected = json!([{"hypervisorId": {"hypervisorId": "m1"}, "name": "node1", "guestIds": [],
        "facts": facts}]);
    assert_eq!((hypervisors, notes.len()), (expected, 0));
    let mut cluster = cluster.clone();
    cluster.hosts[0].guests = vec![guest(WEB, None)];
    let complete = CollectionStatus { status: Completeness::Complete, error: None };
    cluster.collections.insert("virtual-machines".to_owned(), complete);
    let (hypervisors, _) = printed(vec![cluster], Uuid);
    assert_eq!(hypervisors[0]["guestIds"][0]["attributes"]["virtWhoType"], "kubevirt");
}

#[test]
fn notes_a_hypervisor_that_is_itself_a_guest() {
    let nested = Host { guests: vec![numbered(1)], ..host("h2", "nested") };
    let hosts = vec![host("h1", "physical")];
    let mut inventory = assemble(vec![endpoint("a", hosts), endpoint("b", vec![nested])], None);
    let object = |endpoint: &str, id: &str, name: &str| LinkedObject {
        endpoint: endpoint.to_owned(),
        kind: ObjectKind::Host,
        id: Some(id.to_owned()),
        name: name.to_owned(),
    };
    inventory.links = vec![Link {
        from: object("b", "h2", "nested"),
        kind: LinkKind::RunsOn,
        to: object("a", "h1", "physical"),
        evidence: Evidence { by: EvidenceKind::Uuid, value: HARDWARE.to_owned() },
    }];
    let (hypervisors, notes) = of_inventory(&inventory, Uuid);
    assert_eq!(ids(&hypervisors), ["h1", "h2"]);
    assert_eq!(
        notes,
        [
            "b: nested: it is itself a guest, on host \"physical\" of endpoint \"a\"; 1 nested guest listed on it, not there"
        ]
    );
}

#[test]
fn a_text_that_readers_cannot_store_is_changed_but_an_id_is_never_cut() {
    let long = "é".repeat(256);
    let hosts = vec![host("h\0", "a\0b"), host("h2", &long), host(&long, "kvm3")];
    let (hypervisors, notes) = printed(vec![endpoint("e", hosts)], Uuid);
    assert_eq!(ids(&hypervisors), ["h\u{fffd}", "h2"]);
    assert_eq!(hypervisors[0]["name"], "a\u{fffd}b");
    assert_eq!(hypervisors[1]["name"], "é".repeat(255));
    assert_eq!(notes.len(), 3, "{notes:?}");
    let too_long = "kvm3: left out with 0 guests: its id is longer than 255 characters; choose another --hypervisor-id";
    assert!(notes.iter().any(|note| note.ends_with(too_long)), "{notes:?}");
}
