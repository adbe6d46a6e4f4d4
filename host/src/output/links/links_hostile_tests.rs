//! Identifiers that are wrong, duplicated very often, or made to confuse.

use std::time::{Duration, Instant};

use gatherer_plugin_api::model::{Inventory, LinkKind};
use serde_json::{Value, json};

use super::links_tests::{endpoint, guest, hypervisor, inventory, linked, node};
use super::{add_links, links_tests::UUID};

const OTHER: &str = "7b2f5c1e-08d3-4f4e-9a52-1d3c6b7e8f90";
const SWAPPED: &str = "44454c4c-4200-1035-8051-b4c04f4d3132";

/// A host with this UUID and guests.
fn host(name: &str, uuid: &str, guests: &[Value]) -> Value {
    let mut host = hypervisor(name, guests);
    host["identifiers"] = json!({ "uuid": uuid });
    host
}

/// Links an inventory in which every machine has the same identifiers. A loop over all pairs would take minutes.
#[track_caller]
fn links_in_time(endpoints: &Value) -> Inventory {
    let mut inventory = inventory(endpoints);
    let start = Instant::now();
    add_links(&mut inventory);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    inventory
}

#[test]
fn does_not_slow_down_if_very_many_machines_have_one_uuid() {
    let guests: Vec<_> = (0..50_000).map(|number| guest(&format!("g{number}"), UUID)).collect();
    let nodes: Vec<_> = (0..20_000)
        .map(|number| {
            // No guest has this machine id, because its bytes are in the other order.
            let identifiers = match number % 2 {
                0 => json!({"systemUuid": UUID}),
                _ => json!({"machineId": SWAPPED.replace('-', "")}),
            };
            node(&format!("n{number}"), &identifiers)
        })
        .collect();
    let inventory = links_in_time(&json!([
        endpoint("k8s", &nodes),
        endpoint("vms", &[hypervisor("kvm", &guests)])
    ]));
    assert_eq!(inventory.links, []);
    let warnings = &inventory.endpoints[0].warnings;
    assert_eq!(warnings.len(), 1001);
    let of_first = warnings.iter().find(|warning| warning.object == "n0").expect("a warning");
    assert!(of_first.message.ends_with("and 59994 more"), "{}", of_first.message);
    assert!(warnings.iter().any(|warning| warning.message.starts_with("9000 more")));
}

#[test]
fn does_not_link_guests_on_hosts_whose_names_only_look_alike() {
    for (one, other, is_linked) in [
        ("kvm1", "kvm1.example.com", true),
        ("KVM1.example.com.", "kvm1.EXAMPLE.com", true),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("192", "192.0.2.2", false),
        ("kvm1.munich.example.com", "kvm1.berlin.example.com", false),
        ("localhost.localdomain", "localhost", false),
        ("", "", false),
        (".example.com", ".example.com", false),
    ] {
        let endpoints = json!([
            endpoint("a", &[hypervisor(one, &[guest("web", UUID)])]),
            endpoint("b", &[hypervisor(other, &[guest("web", UUID)])]),
        ]);
        let (links, warnings) = linked(&endpoints);
        assert_eq!(
            (links.len(), warnings.len()),
            (usize::from(is_linked), usize::from(!is_linked)),
            "{one:?} {other:?}: {warnings:?}"
        );
    }
}

#[test]
fn does_not_link_guests_on_hosts_of_one_name_with_different_hardware() {
    let web = [guest("web", UUID)];
    let on = |id: &str, uuid: &str| endpoint(id, &[host("esx1", uuid, &web)]);
    let own = "99999999-0042-3510-8051-b4c04f4d3132";
    let (links, warnings) = linked(&json!([on("a", OTHER), on("b", own)]));
    assert_eq!((links.len(), warnings.len()), (0, 1), "{links:?}");
    let (links, warnings) = linked(&json!([on("a", OTHER), on("b", OTHER)]));
    assert_eq!((links.len(), warnings.len()), (2, 0), "{links:?} {warnings:?}");
}

#[test]
fn does_not_confuse_nodes_of_providers_that_name_them_like_the_node() {
    let nodes = |id: &str| {
        let mut node = node("server1", &json!({"providerId": "k3s://server1"}));
        node["identifiers"]["kubernetesUid"] = format!("uid-{id}").into();
        endpoint(id, &[node])
    };
    assert_eq!(linked(&json!([nodes("k1"), nodes("k2")])), (vec![], vec![]));
}

#[test]
fn does_not_link_guests_that_only_have_the_same_number_in_clusters_of_one_name() {
    let pve = |id: &str, uuid: Option<&str>| {
        let guest = json!({"id": uuid, "name": "web", "identifiers": {"proxmoxId": "pve/100"}});
        endpoint(id, &[hypervisor("pve", &[guest])])
    };
    let n1 = || endpoint("k8s", &[node("n1", &json!({"providerId": "proxmox://pve/100"}))]);
    for (one, other, is_linked) in [
        (Some(UUID), Some(OTHER), false),
        // Containers have no UUID.
        (None, None, false),
        (Some(UUID), None, false),
        (Some(UUID), Some(SWAPPED), true),
    ] {
        let (links, warnings) = linked(&json!([pve("a", one), pve("b", other)]));
        assert_eq!((links.len(), warnings.len()), (usize::from(is_linked), 0), "{one:?} {other:?}");
        let (links, warnings) = linked(&json!([n1(), pve("a", one), pve("b", other)]));
        assert_eq!(links.is_empty(), !is_linked, "{one:?} {other:?}: {links:?}");
        assert_eq!(warnings.len(), usize::from(!is_linked), "{one:?} {other:?}: {warnings:?}");
    }
}

#[test]
fn a_hypervisor_runs_on_what_the_node_runs_on_that_is_the_same_machine() {
    let mut rented = hypervisor(
        "h-1",
        &[json!({"id": "i-1", "name": "vm", "identifiers": {"instanceId": "i-1"}})],
    );
    rented["hypervisor"]["type"] = "aws".into();
    let endpoints = json!([
        endpoint("ec2", &[rented]),
        endpoint(
            "k8s",
            &[node("n1", &json!({"providerId": "aws:///zone/i-1", "systemUuid": UUID}))]
        ),
        endpoint("kvm", &[host("n1", UUID, &[guest("web", OTHER)])]),
    ]);
    let (links, warnings) = linked(&endpoints);
    assert_eq!(warnings, [""; 0]);
    assert_eq!(
        links,
        [
            "k8s/n1 same ec2/vm by providerId aws:///zone/i-1".to_owned(),
            format!("k8s/n1 same kvm/n1 by systemUuid {UUID}"),
            "k8s/n1 runs-on ec2/h-1 by providerId aws:///zone/i-1".to_owned(),
            format!("kvm/n1 runs-on ec2/h-1 by uuid {UUID}"),
        ]
    );
}

#[test]
fn does_not_link_hosts_whose_identifiers_lead_to_two_hosts_of_one_endpoint() {
    let both = |name: &str| {
        let mut both = host(name, UUID, &[]);
        both["identifiers"]["systemUuid"] = OTHER.into();
        both
    };
    // The first two are one machine by both identifiers, the others each by one.
    let endpoints = json!([
        endpoint("a", &[both("h1")]),
        endpoint("b", &[both("h2")]),
        endpoint("c", &[host("h3", UUID, &[]), host("h4", OTHER, &[])]),
    ]);
    let (links, warnings) = linked(&endpoints);
    assert_eq!((links, warnings.len()), (vec![], 6), "{warnings:?}");
    insta::assert_snapshot!(warnings[0]);
}

#[test]
fn does_not_link_machines_that_would_run_on_themselves() {
    let inner = "99999999-0042-3510-8051-b4c04f4d3132";
    // Each host has the other one as a guest; a node on one of them has a machine, but no place for certain.
    let hosts = [
        host("h1", UUID, &[guest("h2-vm", OTHER), guest("web", inner)]),
        host("h2", OTHER, &[guest("h1-vm", UUID)]),
    ];
    let nodes = [node("n1", &json!({"systemUuid": inner}))];
    for endpoints in [
        json!([endpoint("vms", &hosts), endpoint("k8s", &nodes)]),
        json!([endpoint("a", &hosts[..1]), endpoint("b", &hosts[1..]), endpoint("k8s", &nodes)]),
    ] {
        let (links, warnings) = linked(&endpoints);
        assert_eq!((links.len(), warnings.len()), (2, 2), "{links:?} {warnings:?}");
        assert!(links.iter().all(|link| link.starts_with("k8s/n1 ")), "{links:?}");
        assert!(warnings.iter().all(|text| text.contains("run on itself")), "{warnings:?}");
    }
    // A host of one endpoint is a guest of the same host in another.
    let mut one = host("h1", UUID, &[]);
    one["identifiers"]["systemUuid"] = OTHER.into();
    let other = host("h1", OTHER, &[guest("h1-vm", UUID)]);
    let (links, warnings) = linked(&json!([endpoint("a", &[one]), endpoint("b", &[other])]));
    assert_eq!(links, [""; 0]);
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn hosts_that_run_on_each_other_in_a_long_row_are_linked() {
    let uuid = |number: u32| format!("4c4c4544-0042-3510-8051-{number:012}");
    let hosts: Vec<_> = (0..2000)
        .map(|number| host(&format!("h{number}"), &uuid(number), &[guest("vm", &uuid(number + 1))]))
        .collect();
    let inventory = links_in_time(&json!([endpoint("vms", &hosts)]));
    let places = inventory.links.iter().filter(|link| link.kind == LinkKind::RunsOn);
    assert_eq!((places.count(), inventory.links.len()), (1999, 3998));
    // One that closes the ring.
    let mut ring = hosts;
    ring[0]["identifiers"]["uuid"] = uuid(2000).into();
    let inventory = links_in_time(&json!([endpoint("vms", &ring)]));
    assert_eq!(inventory.links, []);
}

#[test]
fn does_not_link_objects_that_the_document_cannot_distinguish() {
    let n1 = || node("n1", &json!({"systemUuid": UUID}));
    let nameless = |uuid: &str| json!({"name": "web", "uuid": uuid});
    // Guests without an id.
    let vms = endpoint("vms", &[hypervisor("kvm", &[nameless(UUID), nameless(OTHER)])]);
    let (links, warnings) = linked(&json!([endpoint("k8s", &[n1()]), vms]));
    assert_eq!(links, ["k8s/n1 runs-on vms/kvm"; 0]);
    assert_eq!(warnings, ["vms: web: not linked, because another guest has the same id and name"]);
    // Hosts.
    let hosts = [hypervisor("kvm", &[guest("web", UUID)]), hypervisor("kvm", &[])];
    let (links, warnings) = linked(&json!([endpoint("k8s", &[n1()]), endpoint("vms", &hosts)]));
    assert_eq!(links, [format!("k8s/n1 same vms/web by systemUuid {UUID}")]);
    assert_eq!(warnings, ["vms: kvm: not linked, because another host has the same id and name"]);
    // Endpoints.
    let twice = endpoint("vms", &[hypervisor("kvm", &[guest("web", UUID)])]);
    let (links, _) = linked(&json!([endpoint("k8s", &[n1()]), twice, twice]));
    assert_eq!(links, [""; 0]);
}

#[test]
fn a_node_is_what_the_other_objects_of_its_machine_are_linked_with() {
    let machine_id = UUID.replace('-', "");
    let endpoints = json!([
        endpoint("k8s", &[node("n1", &json!({"machineId": machine_id}))]),
        endpoint("a", &[host("n1", UUID, &[])]),
        endpoint("vms", &[hypervisor("kvm", &[guest("web", UUID)])]),
    ]);
    let (links, warnings) = linked(&endpoints);
    assert_eq!(warnings, [""; 0]);
    let same: Vec<_> = links.iter().filter(|link| link.contains(" same ")).collect();
    assert!(same.len() == 2 && same.iter().all(|link| link.starts_with("k8s/n1 ")), "{links:?}");
}

#[test]
fn identifiers_with_control_characters_are_compared_and_escaped() {
    let id = "i-0a1\u{1b}[2J\n\u{202e}";
    let instance = |name: &str| {
        let mut host = hypervisor(
            "aws",
            &[json!({"id": name, "name": name, "identifiers": {"instanceId": id}})],
        );
        host["hypervisor"]["type"] = "aws".into();
        host
    };
    let nodes = [node("n\n1", &json!({"providerId": format!("aws:///zone/{id}x")}))];
    let (links, _) = linked(&json!([endpoint("k8s", &nodes), endpoint("ec2", &[instance("web")])]));
    assert_eq!(links, [""; 0]);
    let nodes = [node("n\n1", &json!({"providerId": format!("aws:///zone/{}", &id[..9])}))];
    let mut short = instance("web");
    short["guests"][0]["identifiers"]["instanceId"] = id[..9].into();
    let second = [short.clone(), short];
    let (_, warnings) = linked(&json!([endpoint("k8s", &nodes), endpoint("ec2", &second)]));
    assert!(warnings.iter().all(|text| !text.contains('\u{1b}')), "{warnings:?}");
}
