//! Pure: what becomes of the answers in `tests/fixtures`.

use gatherer_plugin_ec2::map::{instance_type, replies};
use gatherer_plugin_support::xml::{self, Document, Limits};

const INSTANCES: &str = include_str!("../fixtures/DescribeInstances.xml");
const TYPES: &str = include_str!("../fixtures/DescribeInstanceTypes.xml");
const HOSTS: &str = include_str!("../fixtures/DescribeHosts.xml");

fn parse(text: &str) -> Document<'_> {
    xml::parse(text, Limits::default()).expect("valid XML")
}

fn types() -> Vec<instance_type::InstanceType> {
    let page = replies::types(parse(TYPES).root_element()).expect("types");
    page.items.expect("a list")
}

#[test]
fn every_member_of_an_instance_has_its_place() {
    let page = replies::instances(parse(INSTANCES).root_element()).expect("instances");
    assert_eq!(page.next, None, "an empty token ends the list");
    let types = types();
    let instances = page.items.expect("a list");
    let is_terminated: Vec<bool> = instances.iter().map(|it| it.is_terminated).collect();
    assert_eq!(is_terminated, [false, true, false, false]);
    let guests: Vec<_> = instances
        .into_iter()
        .filter(|instance| !instance.is_terminated)
        .map(|instance| {
            let of_type = types.iter().find(|it| Some(&it.name) == instance.type_name.as_ref());
            instance.into_guest(of_type)
        })
        .collect();
    insta::assert_json_snapshot!(guests);
}

#[test]
fn every_member_of_a_dedicated_host_has_its_place() {
    let page = replies::dedicated_hosts(parse(HOSTS).root_element()).expect("hosts");
    let hosts = page.items.expect("a list");
    let is_released: Vec<bool> = hosts.iter().map(|host| host.is_released).collect();
    assert_eq!(is_released, [false, false, true]);
    let types = types();
    let hosts: Vec<_> = hosts
        .into_iter()
        .map(|host| {
            let of_type = types.iter().find(|it| Some(&it.name) == host.type_name.as_ref());
            host.into_host("eu-central-1", of_type)
        })
        .collect();
    insta::assert_json_snapshot!(hosts);
}

#[test]
fn a_type_for_two_architectures_has_that_of_64_bits() {
    let types = types();
    assert_eq!(types[2].name, "t2.nano");
    assert_eq!(types[2].architecture.as_deref(), Some("x86_64"));
    assert_eq!((types[2].cpus, types[2].memory_bytes), (None, None));
}

#[test]
fn an_answer_without_its_list_is_not_an_empty_page() {
    for (name, list) in [("Instances", "reservationSet"), ("Hosts", "hostSet")] {
        let empty = format!("<Describe{name}Response><{list}/></Describe{name}Response>");
        let without = format!("<Describe{name}Response/>");
        let (empty, without) = (parse(&empty), parse(&without));
        let lengths = [empty.root_element(), without.root_element()].map(|root| match name {
            "Instances" => replies::instances(root).expect("a page").items.map(|it| it.len()),
            _ => replies::dedicated_hosts(root).expect("a page").items.map(|it| it.len()),
        });
        assert_eq!(lengths, [Some(0), None], "{name}");
    }
    let damaged = "<R><reservationSet><item><ownerId>1</ownerId></item></reservationSet></R>";
    let error = replies::instances(parse(damaged).root_element()).expect_err("no instances");
    assert_eq!(error.message, "a reservation has no list of instances");
}
