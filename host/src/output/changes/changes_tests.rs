//! Tests of the rules by which two results are compared.

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointStatus, Guest, Host, Pod,
};
use gatherer_plugin_api::{Collection, GatherError};
use serde_json::{Value, json};

use super::{Change, compare};

fn complete(hosts: Vec<Host>) -> EndpointResult {
    EndpointResult {
        status: EndpointStatus::Complete,
        hosts,
        ..EndpointResult::new("e".into(), None, None)
    }
}

fn host(id: &str, name: &str, guests: Vec<Guest>) -> Host {
    Host { guests, ..Host::new(id, name) }
}

fn guest(id: &str, name: &str) -> Guest {
    Guest::new(id, name)
}

/// The changes as `kind change id`.
fn summary(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| {
        let json = serde_json::to_value(change).expect("JSON");
        let word = |member: &str| json[member].as_str().expect("a word").to_owned();
        format!("{} {} {}", word("object"), word("change"), word("id"))
    };
    changes.iter().map(line).collect()
}

fn found(before: Vec<Host>, after: Vec<Host>) -> Vec<String> {
    summary(&compare(&complete(before), &complete(after)))
}

/// With the collection in this state.
fn with(mut result: EndpointResult, collection: Collection, is_complete: bool) -> EndpointResult {
    let error = (!is_complete).then(|| GatherError::protocol("not JSON"));
    let status = if is_complete { Completeness::Complete } else { Completeness::Failed };
    let status = CollectionStatus { status, error };
    result.collections.insert(collection.as_str().to_owned(), status);
    result
}

#[test]
fn each_kind_of_change_is_one_change() {
    let before = complete(vec![
        host("h1", "a", vec![guest("g1", "x"), guest("g2", "y"), guest("g3", "z")]),
        host("h2", "b", vec![]),
        host("h3", "c", vec![]),
    ]);
    let mut renamed = guest("g2", "new name");
    renamed.labels.insert("team/a".into(), "one".into());
    let after = complete(vec![
        host("h1", "a2", vec![renamed, guest("g4", "new")]),
        host("h2", "b", vec![guest("g1", "x")]),
        host("h4", "d", vec![]),
    ]);
    insta::assert_json_snapshot!(compare(&before, &after));
}

#[test]
fn a_failed_result_gives_no_changes() {
    let good = complete(vec![host("h1", "a", vec![])]);
    let failed = EndpointResult::new("e".into(), None, None);
    assert_eq!(compare(&good, &failed), vec![]);
    assert_eq!(compare(&failed, &good), vec![]);
}

#[test]
fn a_guest_that_moves_is_one_change_wherever_it_is() {
    let g = || vec![guest("g1", "x")];
    let (on_a, on_b) = (
        vec![host("h1", "a", g()), host("h2", "b", vec![])],
        vec![host("h1", "a", vec![]), host("h2", "b", g())],
    );
    assert_eq!(found(on_a.clone(), on_b), ["guest migrated g1"]);
    let mut detached = complete(vec![host("h1", "a", vec![]), host("h2", "b", vec![])]);
    detached.detached_guests = g();
    assert_eq!(summary(&compare(&detached, &complete(on_a.clone()))), ["guest migrated g1"]);
    assert_eq!(summary(&compare(&complete(on_a.clone()), &detached)), ["guest migrated g1"]);
    let replaced = vec![host("h9", "a", g()), host("h2", "b", vec![])];
    let expected = ["host deleted h1", "host created h9", "guest migrated g1"];
    assert_eq!(found(on_a, replaced), expected);
}

#[test]
fn a_renamed_host_keeps_its_guests() {
    let named = |name: &str| vec![host("h1", name, vec![guest("g1", "x")])];
    assert_eq!(found(named("a"), named("b")), ["host updated h1"]);
}

#[test]
fn objects_with_the_same_id_are_paired_by_name() {
    let clones =
        |names: &[&str]| names.iter().map(|name| host("m", name, vec![])).collect::<Vec<_>>();
    assert_eq!(found(clones(&["a", "b", "c"]), clones(&["c", "a", "b"])), [] as [&str; 0]);
    let before = complete(clones(&["a", "b", "c"]));
    let changes = compare(&before, &complete(clones(&["a", "c"])));
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].name.as_str(), &*summary(&changes)[0]), ("b", "host deleted m"));
    // The one that is left is the same machine with another name.
    let changes = compare(&before, &complete(clones(&["a", "d", "b"])));
    assert_eq!((changes[0].name.as_str(), &*summary(&changes)[0]), ("d", "host updated m"));
    assert_eq!(changes.len(), 1);
}

#[test]
fn an_unchanged_clone_is_not_mistaken_for_a_changed_one() {
    let sized = |bytes: u64| Host { memory_bytes: Some(bytes), ..host("m", "a", vec![]) };
    let changes = found(vec![sized(1), sized(2)], vec![sized(2), sized(3)]);
    assert_eq!(changes, ["host updated m"]);
}

#[test]
fn an_object_without_an_id_is_identified_by_its_name() {
    let guest = |name: &str| Guest { id: None, ..Guest::new("", name) };
    let changes = found(
        vec![host("h", "a", vec![guest("x"), guest("y")])],
        vec![host("h", "a", vec![guest("y"), guest("z")])],
    );
    assert_eq!(changes, ["guest deleted ", "guest created "]);
    let by_uuid = |uuid: &str| Guest { uuid: Some(uuid.into()), ..guest("x") };
    let uuids = |uuid: &str| vec![host("h", "a", vec![by_uuid(uuid)])];
    assert_eq!(found(uuids("u1"), uuids("u2")), ["guest deleted u1", "guest created u2"]);
}

#[test]
fn passing_time_is_not_a_change() {
    let running = |uptime: &str| {
        let mut guest = guest("g", "x");
        guest.attributes.insert("uptime".into(), uptime.into());
        let mut result = complete(vec![host("h", "a", vec![guest])]);
        result.run = serde_json::from_value(
            json!({"startedAt": "2026-01-01T00:00:00Z", "durationMs": uptime.len()}),
        )
        .expect("run");
        result
    };
    assert_eq!(compare(&running("1"), &running("20")), vec![]);
}

#[test]
fn a_collection_that_is_not_complete_gives_no_changes() {
    let pods = |names: &[&str]| {
        let mut result = complete(vec![]);
        let pod = |name: &&str| Pod { name: (*name).into(), uid: (*name).into(), ..Pod::default() };
        result.workloads.pods = names.iter().map(pod).collect();
        result
    };
    let known = with(pods(&["p1"]), Collection::Pods, true);
    let failed = with(pods(&[]), Collection::Pods, false);
    assert_eq!(compare(&known, &failed), vec![]);
    // The pods were not gathered.
    assert_eq!(compare(&known, &pods(&[])), vec![]);
    let empty = with(pods(&[]), Collection::Pods, true);
    assert_eq!(summary(&compare(&known, &empty)), ["pod deleted p1"]);
    assert_eq!(summary(&compare(&pods(&[]), &known)), ["pod created p1"]);
}

#[test]
fn guests_of_an_incomplete_collection_are_not_deleted() {
    let guests = |guests: Vec<Guest>| complete(vec![host("h", "a", guests)]);
    let collection = Collection::VirtualMachines;
    let known = with(guests(vec![guest("g", "x")]), collection, true);
    assert_eq!(compare(&known, &with(guests(vec![]), collection, false)), vec![]);
    assert_eq!(compare(&known, &guests(vec![])), vec![]);
    let gone = with(guests(vec![]), collection, true);
    assert_eq!(summary(&compare(&known, &gone)), ["guest deleted g"]);
}

#[test]
fn a_pod_has_the_host_that_it_names() {
    let pods = |host: Value| {
        let pod = json!({"namespace": "n", "name": "p", "uid": "u", "host": host});
        let mut result = with(complete(vec![]), Collection::Pods, true);
        result.workloads.pods = vec![serde_json::from_value(pod).expect("a pod")];
        result
    };
    let changes = compare(&pods(Value::Null), &pods(json!({"id": "h", "name": "a"})));
    let json = serde_json::to_value(&changes[0]).expect("JSON");
    assert_eq!((&json["name"], &json["host"]), (&json!("n/p"), &json!({"id": "h", "name": "a"})));
    assert_eq!(json["members"][0]["path"], "/host");
}
