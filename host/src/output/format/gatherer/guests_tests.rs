//! Tests of endpoints whose guests are not all known or have no host.

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointStatus, Guest, Host,
};
use gatherer_plugin_api::{Collection, ErrorKind, GatherError};
use serde_json::Value;

use super::super::Rendered;
use super::gatherer_tests::{endpoint, inventory};

fn kvm1() -> Host {
    let mut host = Host::new("h1", "kvm1");
    host.cpu.architecture = Some("x86_64".into());
    host
}

/// The output for endpoint `e`, and the notes as `object: message`.
fn printed_of(endpoint: EndpointResult) -> (Value, Vec<String>) {
    let Rendered { text, notes } = super::render(&inventory(vec![endpoint]));
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    let notes = notes.into_iter().map(|note| note.warning);
    let notes = notes.map(|warning| format!("{}: {}", warning.object, warning.message)).collect();
    (value["e"].take(), notes)
}

#[test]
fn an_endpoint_is_null_only_if_its_virtual_machines_failed() {
    let with_failed = |collection: Collection| {
        let mut endpoint = endpoint("e", EndpointStatus::Complete, vec![kvm1()]);
        let error = Some(GatherError::new(ErrorKind::Permission, "GET /vmis: 403"));
        let status = CollectionStatus { status: Completeness::Failed, error };
        endpoint.collections.insert(collection.into(), status);
        printed_of(endpoint)
    };
    let (hosts, notes) = with_failed(Collection::VirtualMachines);
    assert_eq!(hosts, Value::Null);
    let note = "e: its virtual-machines could not be read completely (permission: GET /vmis: 403); \
                printed as failed";
    assert_eq!(notes, [note]);
    let (hosts, notes) = with_failed(Collection::Pods);
    assert!(hosts["kvm1"].is_object(), "{hosts}");
    assert!(notes.is_empty(), "{notes:?}");

    let mut complete = endpoint("e", EndpointStatus::Complete, vec![kvm1()]);
    let status = CollectionStatus { status: Completeness::Complete, error: None };
    complete.collections.insert(Collection::VirtualMachines.into(), status);
    assert!(printed_of(complete).0["kvm1"].is_object());
}

#[test]
fn guests_without_a_host_are_left_out_and_counted_in_one_note() {
    let with = |guests: Vec<Guest>| {
        let mut endpoint = endpoint("e", EndpointStatus::Complete, vec![kvm1()]);
        endpoint.detached_guests = guests;
        printed_of(endpoint)
    };
    let (none, notes) = with(Vec::new());
    assert!(notes.is_empty(), "{notes:?}");
    let (hosts, notes) = with(vec![Guest::new("1", "a")]);
    assert_eq!((hosts, notes), (none, vec!["e: 1 guest has no host; not printed".to_owned()]));
    let (_, notes) = with(vec![Guest::new("1", "a"), Guest::new("1", "a")]);
    assert_eq!(notes, ["e: 2 guests have no host; not printed"]);
}
