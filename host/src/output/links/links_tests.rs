//! Which machines are linked, and which are not, each with the reason.

use std::slice::from_ref;

use gatherer_plugin_api::model::{Inventory, LinkedObject};
use serde_json::{Value, json};

use super::add_links;

/// A UUID as a node reports it, and the one with the bytes of its first groups swapped.
pub const UUID: &str = "4c4c4544-0042-3510-8051-b4c04f4d3132";
const SWAPPED: &str = "44454c4c-4200-1035-8051-b4c04f4d3132";
const OTHER: &str = "7b2f5c1e-08d3-4f4e-9a52-1d3c6b7e8f90";

pub fn inventory(endpoints: &Value) -> Inventory {
    serde_json::from_value(json!({
        "schemaVersion": "1.7", "generator": {"name": "t"}, "endpoints": endpoints,
    }))
    .expect("an inventory")
}

/// An endpoint whose hosts these are.
pub fn endpoint(id: &str, hosts: &[Value]) -> Value {
    json!({"id": id, "module": "M", "status": "complete", "hosts": hosts})
}

/// A node of a cluster with these identifiers.
pub fn node(name: &str, identifiers: &Value) -> Value {
    json!({"id": format!("id-{name}"), "name": name, "identifiers": identifiers})
}

/// A hypervisor with these guests.
pub fn hypervisor(name: &str, guests: &[Value]) -> Value {
    json!({"id": format!("id-{name}"), "name": name, "hypervisor": {"type": "qemu"}, "guests": guests})
}

/// The pseudo-host of a cloud with these guests.
fn cloud(name: &str, kind: &str, guests: &[Value]) -> Value {
    json!({"id": name, "name": name, "hypervisor": {"type": kind}, "synthetic": true, "guests": guests})
}

pub fn guest(name: &str, uuid: &str) -> Value {
    json!({"id": uuid, "name": name, "uuid": uuid})
}

/// The links, and the warnings, one text each.
pub fn linked(endpoints: &Value) -> (Vec<String>, Vec<String>) {
    let mut inventory = inventory(endpoints);
    let notes = add_links(&mut inventory);
    let object = |object: &LinkedObject| format!("{}/{}", object.endpoint, object.name);
    let links = inventory.links.iter().map(|link| {
        let word = |value: Value| value.as_str().expect("a word").to_owned();
        let kind = word(serde_json::to_value(link.kind).expect("JSON"));
        let by = word(serde_json::to_value(link.evidence.by).expect("JSON"));
        format!(
            "{} {kind} {} by {by} {}",
            object(&link.from),
            object(&link.to),
            link.evidence.value
        )
    });
    let warnings = inventory.endpoints.iter().flat_map(|endpoint| {
        endpoint
            .warnings
            .iter()
            .map(|warning| format!("{}: {}: {}", endpoint.id, warning.object, warning.message))
    });
    let warnings: Vec<_> = warnings.collect();
    assert_eq!(notes.len(), warnings.len());
    (links.collect(), warnings)
}

/// The links of a node with these identifiers to a guest, which is on a real host.
fn links_of(identifiers: &Value, guest: Value) -> Vec<String> {
    let endpoints = [
        endpoint("k8s", &[node("n1", identifiers)]),
        endpoint("vms", &[hypervisor("kvm", &[guest])]),
    ];
    let (links, warnings) = linked(&json!(endpoints));
    assert_eq!(warnings, [] as [&str; 0]);
    links
}

/// Both links of a node to the guest `web` and its host.
fn both(evidence: &str) -> [String; 2] {
    [format!("k8s/n1 same vms/web by {evidence}"), format!("k8s/n1 runs-on vms/kvm by {evidence}")]
}

#[test]
fn links_a_node_by_the_provider_id_of_each_cloud() {
    let azure = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/web";
    let azure_guest =
        json!({"id": OTHER, "name": "web", "identifiers": {"resourceId": azure.to_uppercase()}});
    let gce = json!({"id": "7", "name": "web", "identifiers": {
        "instanceId": "7", "resourceId": "projects/shop/zones/europe-west1-b/instances/web"}});
    let aws = json!({"id": "i-0a1", "name": "web", "identifiers": {"instanceId": "i-0a1"}});
    let proxmox = json!({"id": "pve/101", "name": "web", "identifiers": {"proxmoxId": "pve/101"}});
    let nutanix = json!({"id": "x", "name": "web", "identifiers": {"extId": OTHER}});
    let upper = UUID.to_uppercase();
    for (kind, provider_id, guest) in [
        ("openstack", format!("openstack:///{OTHER}"), guest("web", OTHER)),
        ("openstack", format!("openstack://RegionOne/{OTHER}"), guest("web", OTHER)),
        ("aws", "aws:///eu-west-1b/i-0a1".to_owned(), aws.clone()),
        ("aws", "aws:////i-0a1".to_owned(), aws),
        ("azure", format!("azure://{azure}"), azure_guest),
        ("gce", "gce://shop/europe-west1-b/web".to_owned(), gce),
        ("vmware", format!("vsphere://{upper}"), self::guest("web", UUID)),
        ("vmware", format!("vsphere://{upper}"), self::guest("web", SWAPPED)),
        ("nutanix", format!("nutanix://{OTHER}"), nutanix),
        ("proxmox", format!("proxmox://{OTHER}"), self::guest("web", OTHER)),
        ("proxmox", "proxmox://pve/101".to_owned(), proxmox),
    ] {
        let mut host = hypervisor("kvm", &[guest]);
        host["hypervisor"]["type"] = kind.into();
        let node = node("n1", &json!({"providerId": provider_id, "instanceId": "web"}));
        let (links, warnings) =
            linked(&json!([endpoint("k8s", &[node]), endpoint("vms", &[host])]));
        assert_eq!(
            (links, warnings),
            (both(&format!("providerId {provider_id}")).to_vec(), vec![])
        );
    }
}

#[test]
fn does_not_link_a_provider_id_to_an_instance_of_another_provider() {
    for (kind, provider_id, id) in [
        ("gce", "hcloud://7", "7"),
        ("aws", "gce://shop/europe-west1-b/i-0a1", "i-0a1"),
        ("gce", "gce://shop/europe-west1-b/7", "7"),
        ("aws", "aws:///eu-west-1b/i-0a2", "i-0a1"),
        ("aws", "i-0a1", "i-0a1"),
    ] {
        let guest = json!({"id": id, "name": "web", "identifiers": {"instanceId": id}});
        let node = node("n1", &json!({"providerId": provider_id, "instanceId": id}));
        let (links, warnings) = linked(&json!([
            endpoint("k8s", &[node]),
            endpoint("c", &[cloud("c", kind, &[guest])])
        ]));
        assert_eq!((links, warnings), (vec![], vec![]), "{provider_id}");
    }
}

#[test]
fn links_a_node_by_its_hardware_in_any_spelling_and_byte_order() {
    for own in [UUID.to_owned(), UUID.to_uppercase(), UUID.replace('-', ""), SWAPPED.to_owned()] {
        for other in [UUID, SWAPPED, &SWAPPED.to_uppercase()] {
            assert_eq!(
                links_of(&json!({"systemUuid": own}), guest("web", other)),
                both(&format!("systemUuid {own}"))
            );
            assert_eq!(
                links_of(&json!({"uuid": own}), guest("web", other)),
                both(&format!("uuid {own}"))
            );
        }
    }
}

#[test]
fn links_by_machine_id_only_if_the_uuid_of_the_guest_is_the_same() {
    let machine_id = UUID.replace('-', "");
    let evidence = format!("machineId {machine_id}");
    assert_eq!(links_of(&json!({"machineId": machine_id}), guest("web", UUID)), both(&evidence));
    assert_eq!(links_of(&json!({"machineId": machine_id}), guest("web", SWAPPED)), [""; 0]);
    // A machine id of another host is not the UUID of its hardware.
    let hosts = [
        endpoint("a", &[node("n1", &json!({"machineId": machine_id}))]),
        endpoint("b", &[node("n2", &json!({"systemUuid": UUID}))]),
        endpoint("c", &[node("n3", &json!({"machineId": machine_id}))]),
    ];
    assert_eq!(linked(&json!(hosts)), (vec![], vec![]));
}

#[test]
fn prefers_the_strongest_evidence() {
    let all = json!({
        "providerId": format!("openstack:///{UUID}"), "uuid": UUID, "systemUuid": UUID,
        "machineId": UUID.replace('-', ""),
    });
    assert_eq!(
        links_of(&all, guest("web", UUID)),
        both(&format!("providerId openstack:///{UUID}"))
    );
}

#[test]
fn never_links_by_a_placeholder() {
    for uuid in [
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "Not Settable",
        "",
    ] {
        let identifiers = json!({
            "systemUuid": uuid, "uuid": uuid, "machineId": uuid.replace('-', ""),
            "providerId": format!("vsphere://{uuid}"),
        });
        assert_eq!(links_of(&identifiers, guest("web", uuid)), [""; 0], "{uuid}");
    }
}

#[test]
fn links_a_server_of_a_cloud_with_the_guest_of_its_hypervisor() {
    let endpoints = [
        endpoint(
            "k8s",
            &[node(
                "n1",
                &json!({"providerId": format!("openstack:///{UUID}"), "systemUuid": UUID}),
            )],
        ),
        endpoint("kvm", &[hypervisor("kvm1.example.com", &[guest("instance-1", UUID)])]),
        endpoint("nova", &[hypervisor("kvm1", &[guest("web", UUID)])]),
    ];
    insta::assert_snapshot!(linked(&json!(endpoints)).0.join("\n"));
    // Without the node, too.
    insta::assert_snapshot!(linked(&json!(endpoints[1..])).0.join("\n"));
}

#[test]
fn links_a_hypervisor_that_is_a_guest_down_to_the_physical_host() {
    let nested = json!({"id": "inner", "name": "inner", "identifiers": {"uuid": SWAPPED},
        "guests": [guest("web", OTHER)]});
    let outer = json!({"id": "outer", "name": "outer", "identifiers": {"uuid": "99999999-0042-3510-8051-b4c04f4d3132"},
        "guests": [guest("inner-vm", UUID)]});
    let node = endpoint("k8s", &[node("n1", &json!({"systemUuid": OTHER}))]);
    // Both hypervisors in one endpoint, and in two.
    for endpoints in [
        json!([node, endpoint("vc", &[nested.clone(), outer.clone()])]),
        json!([node, endpoint("vc", from_ref(&nested)), endpoint("vc2", from_ref(&outer))]),
    ] {
        let (links, warnings) = linked(&endpoints);
        let links: Vec<_> = links.iter().map(|link| link.replace("vc2/", "vc/")).collect();
        assert_eq!(warnings, [] as [&str; 0]);
        assert_eq!(
            links,
            [
                format!("k8s/n1 same vc/web by systemUuid {OTHER}"),
                format!("k8s/n1 runs-on vc/inner by systemUuid {OTHER}"),
                format!("vc/inner same vc/inner-vm by uuid {SWAPPED}"),
                format!("vc/inner runs-on vc/outer by uuid {SWAPPED}"),
            ]
        );
    }
}

#[test]
fn links_a_node_with_the_hypervisor_that_is_the_same_host() {
    let host = json!({"id": "h", "name": "metal1", "identifiers": {"uuid": UUID}});
    let endpoints =
        [endpoint("k8s", &[node("n1", &json!({"systemUuid": UUID}))]), endpoint("kvm", &[host])];
    let (links, _) = linked(&json!(endpoints));
    assert_eq!(links, [format!("k8s/n1 same kvm/metal1 by systemUuid {UUID}")]);
}

#[test]
fn does_not_link_ambiguous_machines() {
    let n1 = || node("n1", &json!({"systemUuid": UUID}));
    let two = [guest("web", UUID), guest("copy", SWAPPED)];
    let cases = [
        (
            "two guests of one host",
            json!([endpoint("k8s", &[n1()]), endpoint("vms", &[hypervisor("kvm", &two)])]),
        ),
        (
            "guests on two hosts",
            json!([
                endpoint("k8s", &[n1()]),
                endpoint("vms", &[hypervisor("kvm1", &two[..1]), hypervisor("kvm2", &two[1..])])
            ]),
        ),
        (
            "guests of two endpoints on different hosts",
            json!([
                endpoint("k8s", &[n1()]),
                endpoint("a", &[hypervisor("kvm1", &two[..1])]),
                endpoint("b", &[hypervisor("kvm2", &two[1..])])
            ]),
        ),
        (
            "two nodes of a cluster",
            json!([
                endpoint("k8s", &[n1(), node("n2", &json!({"systemUuid": SWAPPED}))]),
                endpoint("vms", &[hypervisor("kvm", &two[..1])])
            ]),
        ),
        (
            "nodes of two clusters",
            json!([
                endpoint("k8s", &[node("n1", &json!({"systemUuid": UUID, "kubernetesUid": "u1"}))]),
                endpoint("k9s", &[node("n1", &json!({"systemUuid": UUID, "kubernetesUid": "u2"}))]),
                endpoint("vms", &[hypervisor("kvm", &two[..1])])
            ]),
        ),
        (
            "a guest on itself",
            json!([endpoint(
                "k8s",
                &[json!({
            "id": "h", "name": "h", "identifiers": {"uuid": UUID}, "guests": [guest("web", UUID)]})]
            )]),
        ),
        (
            "guests without a node",
            json!([
                endpoint("a", &[hypervisor("kvm1", &two[..1])]),
                endpoint("b", &[hypervisor("kvm2", &two[1..])])
            ]),
        ),
    ];
    let mut all = String::new();
    for (name, endpoints) in cases {
        let (links, warnings) = linked(&endpoints);
        assert_eq!(links, [] as [&str; 0], "{name}");
        assert_ne!(warnings, [] as [&str; 0], "{name}");
        all.extend([name, ":\n  ", &warnings.join("\n  "), "\n"]);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn does_not_link_by_evidence_that_disagrees() {
    let n1 = node(
        "n1",
        &json!({"providerId": "aws:///eu-west-1b/i-0a1", "systemUuid": UUID, "machineId": OTHER.replace('-', "")}),
    );
    let aws = json!({"id": "i-0a1", "name": "api", "identifiers": {"instanceId": "i-0a1"}});
    let endpoints = [
        endpoint("cloud", &[cloud("cloud", "aws", &[aws])]),
        endpoint("k8s", &[n1]),
        endpoint("vms", &[hypervisor("kvm", &[guest("web", UUID), guest("db", OTHER)])]),
    ];
    let (links, warnings) = linked(&json!(endpoints));
    assert_eq!(links, [""; 0]);
    insta::assert_snapshot!(warnings.join("\n"));
    // A guest, too, can be claimed by two nodes in different ways.
    let by_provider =
        node("n1", &json!({"providerId": "azure:///subscriptions/s/virtualMachines/web"}));
    let by_hardware = node("n2", &json!({"systemUuid": UUID}));
    let web = json!({"id": UUID, "name": "web", "uuid": UUID, "identifiers": {"resourceId": "/subscriptions/s/virtualMachines/web"}});
    let endpoints = [
        endpoint("cloud", &[cloud("cloud", "azure", &[web])]),
        endpoint("k8s", &[by_provider, by_hardware]),
    ];
    let (links, warnings) = linked(&json!(endpoints));
    assert_eq!(links, [""; 0]);
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn an_instance_without_its_cloud_is_linked_by_its_hardware() {
    let identifiers = json!({"providerId": "aws:///eu-west-1b/i-0a1", "systemUuid": UUID});
    assert_eq!(links_of(&identifiers, guest("web", UUID)), both(&format!("systemUuid {UUID}")));
}

#[test]
fn does_not_link_to_an_endpoint_that_is_not_complete() {
    let mut failed = endpoint("vms", &[hypervisor("kvm", &[guest("web", UUID)])]);
    failed["status"] = "failed".into();
    let (links, warnings) =
        linked(&json!([endpoint("k8s", &[node("n1", &json!({"systemUuid": UUID}))]), failed]));
    assert_eq!((links, warnings), (vec![], vec![]));
}

#[test]
fn a_guest_of_a_cloud_has_no_physical_host() {
    let guest = guest("web", UUID);
    let endpoints = [
        endpoint("cloud", &[cloud("cloud", "azure", &[guest])]),
        endpoint("k8s", &[node("n1", &json!({"systemUuid": UUID}))]),
    ];
    assert_eq!(
        linked(&json!(endpoints)).0,
        [format!("k8s/n1 same cloud/web by systemUuid {UUID}")]
    );
}

#[test]
fn limits_the_warnings_of_an_endpoint() {
    let nodes: Vec<_> = (0..2400_u32)
        .map(|number| {
            let uuid = format!("4c4c4544-0042-3510-8051-{:012}", number / 2);
            node(&format!("n{number:04}"), &json!({"systemUuid": uuid}))
        })
        .collect();
    let (links, warnings) = linked(&json!([endpoint("k8s", &nodes)]));
    assert_eq!((links.len(), warnings.len()), (0, 1001));
    assert!(
        warnings.iter().any(|line| line == "k8s: links: 1400 more hosts and guests are not linked")
    );
}
