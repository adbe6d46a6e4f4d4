//! Tests of the format `ansible`. What Ansible itself makes of it is tested in `tests/tests/ansible/`.

use gatherer_plugin_api::model::{
    Address, CollectionStatus, Completeness, EndpointResult, EndpointStatus, Evidence,
    EvidenceKind, Guest, GuestState, Host, HostState, Hypervisor, Interface, Inventory, Link,
    LinkKind, LinkedObject, Location, ObjectKind, Version,
};
use gatherer_plugin_api::{ErrorKind, GatherError};
use serde_json::{Value, json};

use super::render;
use crate::output::inventory::assemble;

pub fn endpoint(id: &str, hosts: Vec<Host>) -> EndpointResult {
    let status = EndpointStatus::Complete;
    EndpointResult { status, hosts, ..EndpointResult::new(id.into(), Some("File".into()), None) }
}

pub fn document(inventory: &Inventory) -> Value {
    serde_json::from_str(&render(inventory).text).expect("JSON")
}

fn inventory(endpoints: Vec<EndpointResult>) -> Inventory {
    assemble(endpoints, None)
}

fn address(address: &str) -> Address {
    Address { kind: None, address: address.to_owned() }
}

fn labels(labels: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn cluster(name: &str) -> Location {
    Location { cluster: Some(name.to_owned()), ..Location::default() }
}

/// Two hosts and a synthetic one, with guests of each kind.
fn example() -> Inventory {
    let guest =
        |id: &str, name: &str| Guest { state: Some(GuestState::Running), ..Guest::new(id, name) };
    let esx1 = Host {
        state: Some(HostState::Up),
        hypervisor: Some(Hypervisor { kind: "vmware".into(), version: Some("8.0".into()) }),
        location: Location { datacenter: Some("Nuremberg".into()), ..cluster("prod-1") },
        addresses: vec![address("10.0.0.1")],
        guests: vec![
            Guest {
                labels: labels(&[("app", "shop"), ("note", "{{ 7*7 }}"), ("spare", "")]),
                addresses: vec![address("fe80::1"), address("2001:db8::7"), address("192.0.2.7")],
                os: Some(Version { name: Some("SLES 15".into()), version: None }),
                ..guest("g1", "web")
            },
            Guest { state: Some(GuestState::ShuttingDown), ..guest("g2", "web") },
            Guest {
                template: true,
                state: Some(GuestState::Stopped),
                ..guest("g3", "golden image")
            },
            Guest { agent: true, ..guest("g4", "vCLS (1)") },
        ],
        ..Host::new("h1", "esx1.example.com")
    };
    let cloud = Host {
        synthetic: true,
        guests: vec![guest("i-1", "db"), Guest { id: None, ..guest("", "") }],
        ..Host::new("cloud", "eu-west-1")
    };
    let node = Host { roles: vec!["worker".into()], ..Host::new("n1", "node1") };
    inventory(vec![endpoint("vc", vec![esx1, cloud]), endpoint("k8s", vec![node])])
}

#[test]
fn prints_machines_groups_and_variables() {
    insta::assert_snapshot!(render(&example()).text);
    assert!(render(&example()).notes.is_empty());
}

#[test]
fn an_empty_inventory_has_the_groups_that_plays_name() {
    let document = document(&inventory(Vec::new()));
    let empty = json!({"hosts": []});
    let expected = json!({
        "_meta": {"hostvars": {}},
        "all": {"vars": {"vhg_failed_endpoints": []}},
        "vhg_agents": empty, "vhg_guests": empty, "vhg_hosts": empty, "vhg_templates": empty,
    });
    assert_eq!(document, expected);
}

#[test]
fn failed_endpoints_and_guests_are_named_in_a_variable_and_in_notes() {
    let mut failed = endpoint("down", Vec::new());
    failed.status = EndpointStatus::Failed;
    failed.error = Some(GatherError::new(ErrorKind::Connection, "{{ refused }}"));
    let mut without_guests = endpoint("k8s", vec![Host::new("n", "node")]);
    let error = Some(GatherError::new(ErrorKind::Permission, "403"));
    let status = CollectionStatus { status: Completeness::Failed, error };
    without_guests.collections.insert("virtual-machines".into(), status);
    // Only a document of another program can have this.
    let mut contradictory = endpoint("with-error", vec![Host::new("o", "contradictory")]);
    contradictory.error = Some(GatherError::protocol("not JSON"));
    let inventory = inventory(vec![failed, without_guests, contradictory]);
    let document = document(&inventory);
    let expected = json!([
        {"endpoint": "down", "module": "File", "kind": "connection",
            "message": {"__ansible_unsafe": "{{ refused }}"}},
        {"endpoint": "k8s", "module": "File", "collection": "virtual-machines", "kind": "permission", "message": "403"},
        {"endpoint": "with-error", "module": "File", "kind": "protocol", "message": "not JSON"},
    ]);
    assert_eq!(document["all"]["vars"]["vhg_failed_endpoints"], expected);
    let machines = document["_meta"]["hostvars"].as_object().expect("an object");
    assert_eq!(machines.keys().collect::<Vec<_>>(), ["node"]);
    let endpoints = document["vhg_module_File"]["children"].clone();
    assert_eq!(
        endpoints,
        json!(["vhg_endpoint_down", "vhg_endpoint_k8s", "vhg_endpoint_with_error"])
    );
    let notes: Vec<_> =
        render(&inventory).notes.iter().map(|note| note.warning.message.clone()).collect();
    assert_eq!(
        notes,
        [
            "its hosts and guests are missing: the endpoint failed: connection: {{ refused }}",
            "some of its guests are missing: its virtual-machines could not all be read: permission: 403",
            "its hosts and guests are missing: the endpoint failed: protocol: not JSON",
        ]
    );
}

#[test]
fn groups_with_different_texts_have_different_names() {
    let host = |id: &str, location: Location, of: &[(&str, &str)]| Host {
        location,
        labels: labels(of),
        ..Host::new(id, id)
    };
    let document = document(&inventory(vec![
        endpoint(
            "a",
            vec![
                host("1", cluster("c"), &[("tier", "web-1"), ("環境", "生产")]),
                host("2", Location::default(), &[("tier", "web_1"), ("環境", "测试")]),
            ],
        ),
        endpoint("b", vec![host("3", cluster("c"), &[("tier", "web-1")])]),
    ]));
    let groups = document.as_object().expect("an object");
    let members = |start: &str| -> Vec<_> {
        let found = groups.iter().filter(|(name, _)| name.starts_with(start));
        found.map(|(_, group)| group["hosts"].clone()).collect()
    };
    assert_eq!(document["vhg_cluster_c__a"]["hosts"], json!(["1"]));
    assert_eq!(document["vhg_cluster_c__b"]["hosts"], json!(["3"]));
    assert_eq!(members("vhg_cluster_").len(), 2);
    let mut tiers = members("vhg_label_tier__web_1_");
    tiers.sort_by_key(ToString::to_string);
    assert_eq!(tiers, [json!(["1", "3"]), json!(["2"])]);
    let key = groups.values().find(|group| {
        group["children"].as_array().is_some_and(|children| {
            children.len() == 2 && !children[0].as_str().unwrap_or_default().contains("tier")
        })
    });
    assert!(
        key.is_some(),
        "the label without ASCII letters has a group for each value: {document:#}"
    );
}

#[test]
fn the_address_is_the_first_usable_one_and_ipv4_if_possible() {
    for (addresses, of_interface, expected) in [
        (&["127.0.0.1", "169.254.1.1", "fe80::1", "0.0.0.0"][..], None, None),
        (&["2001:db8::1", "10.0.0.2", "10.0.0.3"], None, Some("10.0.0.2")),
        (&["::1", "2001:DB8::1"], Some("10.0.0.9"), Some("10.0.0.9")),
        (&["2001:DB8::1"], None, Some("2001:db8::1")),
        (&["::ffff:10.0.0.2"], None, Some("10.0.0.2")),
        (&["{{ 7*7 }}", "web.example.com", "-oProxyCommand=x"], None, None),
    ] {
        let mut guest = Guest::new("g", "web");
        guest.addresses = addresses.iter().map(|text| address(text)).collect();
        let of_interface: Option<&str> = of_interface;
        guest.interfaces = of_interface
            .map(|text| Interface { addresses: vec![text.to_owned()], ..Interface::default() })
            .into_iter()
            .collect();
        let mut host = Host::new("h", "kvm");
        host.guests = vec![guest];
        let document = document(&inventory(vec![endpoint("e", vec![host])]));
        let variables = &document["_meta"]["hostvars"]["web"];
        assert_eq!(variables["ansible_host"].as_str(), expected, "{addresses:?}");
    }
}

#[test]
fn linked_machines_name_each_other_by_their_names_in_the_inventory() {
    let mut kvm = Host::new("h", "kvm1");
    kvm.guests = vec![Guest::new("g", "node1")];
    let mut inventory = inventory(vec![
        endpoint("k8s", vec![Host::new("n", "node1")]),
        endpoint("virt", vec![kvm]),
    ]);
    let object = |endpoint: &str, kind, id: &str, name: &str| LinkedObject {
        endpoint: endpoint.into(),
        kind,
        id: Some(id.into()),
        name: name.into(),
    };
    let node = object("k8s", ObjectKind::Host, "n", "node1");
    let evidence = Evidence { by: EvidenceKind::SystemUuid, value: "u".into() };
    inventory.links = [
        (LinkKind::Same, object("virt", ObjectKind::Guest, "g", "node1")),
        (LinkKind::RunsOn, object("virt", ObjectKind::Host, "h", "kvm1")),
        (LinkKind::Same, object("virt", ObjectKind::Guest, "gone", "node1")),
    ]
    .map(|(kind, to)| Link { from: node.clone(), kind, to, evidence: evidence.clone() })
    .into();
    let document = document(&inventory);
    let machines = &document["_meta"]["hostvars"];
    assert_eq!(machines["node1_n"]["vhg_same_as"], json!(["node1_g"]));
    assert_eq!(machines["node1_n"]["vhg_runs_on"], json!(["kvm1"]));
    assert_eq!(machines["node1_g"]["vhg_same_as"], json!(["node1_n"]));
    assert_eq!(machines["node1_g"]["vhg_host"], json!("kvm1"));
    assert_eq!(machines["kvm1"].get("vhg_runs_on"), None);
}
