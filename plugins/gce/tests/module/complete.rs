//! Complete answers: hosts, guests, and the requests for them.

use gatherer_plugin_api::model::Cpu;
use gatherer_tests::fakes::gce::{GceFake, GceInventory};
use serde_json::json;

use super::{Served, count, guest};

fn sample() -> Served {
    Served::fake(GceFake::new(GceInventory::sample()))
}

#[test]
fn each_zone_with_instances_is_a_host() {
    let gathered = sample().gather().expect("a complete answer");
    let mut hosts: Vec<_> =
        gathered.hosts.iter().map(|host| (host.id.as_str(), host.guests.len())).collect();
    hosts.sort_unstable();
    assert_eq!(
        hosts,
        [("cloud/europe-west1-b", 4), ("cloud/europe-west1-c", 4), ("cloud/us-central1-a", 4)]
    );
    assert!(gathered.warnings.is_empty(), "{:?}", gathered.warnings);
    for host in &gathered.hosts {
        assert_eq!((&host.id, host.synthetic), (&host.name, true));
        assert_eq!(host.hypervisor.as_ref().expect("a type").kind, "gce");
        let software = host.software.as_ref().expect("software");
        assert_eq!((&*software.name, software.version.as_deref()), ("Google", Some("GCE")));
        let cloud = Cpu { architecture: Some("cloud".to_owned()), ..Cpu::default() };
        assert_eq!((&host.cpu, host.memory_bytes), (&cloud, None));
    }
}

#[test]
fn a_zone_is_one_host_with_the_id_of_the_endpoint_also_without_instances() {
    for (zone, guests) in [("europe-west1-b", 4), (" Europe-West1-B ", 4), ("asia-east1-a", 0)] {
        let served = sample();
        let gathered = served.gather_with(&json!({"zone": zone})).expect("a complete answer");
        let [host] = &gathered.hosts[..] else { panic!("{:?}", gathered.hosts) };
        assert_eq!((&*host.id, &*host.name, host.guests.len()), ("cloud", "cloud", guests));
        let list = format!("/zones/{}/instances?", zone.trim().to_lowercase());
        assert!(served.targets()[0].contains(&list), "{:?}", served.targets());
    }
}

#[test]
fn a_project_without_instances_is_complete_and_empty() {
    let served = Served::fake(GceFake::new(GceInventory::of_size(0)));
    let gathered = served.gather().expect("a complete answer");
    assert!(gathered.hosts.is_empty());
}

#[test]
fn ids_are_exact_and_names_may_repeat() {
    let gathered = sample().gather().expect("a complete answer");
    let (host, first) = guest(&gathered, "18446744073709551615");
    assert_eq!((host, first.name.as_str()), ("cloud/europe-west1-b", "web"));
    assert_eq!(first.identifiers.instance_id.as_deref(), Some("18446744073709551615"));
    let (host, second) = guest(&gathered, "9007199254740993");
    assert_eq!((host, second.name.as_str()), ("cloud/europe-west1-c", "web"));
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    let gathered = sample().gather().expect("a complete answer");
    gatherer_tests::assert_guest_members("GoogleCE", &gathered.hosts, &gathered.detached_guests);
}

/// The guest with everything that the fake has.
#[test]
fn a_guest_has_everything_that_its_instance_and_machine_type_say() {
    let gathered = sample().gather().expect("a complete answer");
    insta::assert_json_snapshot!(guest(&gathered, "18446744073709551615").1);
}

/// One token, pages of 500, and each machine type of a zone once.
#[test]
fn the_requests_are_those_of_the_documentation() {
    let served = sample();
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(count(&gathered), 12);
    assert_eq!(served.fake.logins(), 1);
    let targets = served.targets();
    let (path, query) = targets[0].split_once('?').expect("a query");
    assert_eq!(path, "/compute/v1/projects/example-project/aggregated/instances");
    assert!(query.starts_with("fields=kind%2C") && query.ends_with("&maxResults=500"), "{query}");
    assert!(!query.contains("metadata"), "{query}");
    let mut types = targets[1..].to_vec();
    let all = types.len();
    types.sort();
    types.dedup();
    assert_eq!(types.len(), all, "each machine type is read once: {targets:?}");
    let used: std::collections::BTreeSet<_> = served
        .fake
        .inventory
        .instances
        .iter()
        .map(|instance| (&instance.zone, &instance.machine_type))
        .collect();
    assert_eq!(types.len(), used.len());
    for target in &targets {
        assert!(!target.contains("returnPartialSuccess"), "{target}");
        assert!(!target.contains("filter"), "{target}");
    }
}

#[test]
fn a_project_can_be_named_by_its_number() {
    let number = GceInventory::sample().project_number.to_string();
    let gathered = sample().gather_with(&json!({"project_id": number})).expect("a complete answer");
    assert_eq!(count(&gathered), 12);
}
