//! Tests of guest ids that are numbers, and of values that are not JSON or cannot be represented.

use gatherer_plugin_api::ErrorKind;

use super::{Document, read};

/// What cannot be read, in the notation of a document.
const UNREADABLE: [&str; 5] = ["NaN", "Infinity", "-Infinity", "1e999", r#""x\ud800""#];

fn document(text: &str) -> Document {
    read(text.as_bytes()).expect(text)
}

fn warnings(document: &Document) -> String {
    let warnings = document.summary.warnings.iter();
    let lines = warnings.map(|warning| format!("{}: {}", warning.object, warning.message));
    lines.collect::<Vec<_>>().join("\n")
}

fn inventory(members: &str) -> String {
    format!(
        r#"{{"schemaVersion": "1.0", "endpoints": [{{"id": "e", "status": "complete", {members}}}]}}"#
    )
}

#[test]
fn an_id_that_is_a_number_is_its_text_as_it_is_written() {
    for id in ["123", "-5", "0", "1.0", "1e3", "123456789012345678901234567890"] {
        let text = format!(
            r#"{{"m": {{"kvm1": {{"hostIdentifier": {id}, "name": {id}, "vms": {{"web": {id}}}}}}}}}"#
        );
        let host = &document(&text).hosts[0];
        assert_eq!((&*host.id, &*host.name), (id, id));
        assert_eq!(host.guests[0].id.as_deref(), Some(id));
    }
}

#[test]
fn ignores_optional_values_that_cannot_be_read_with_a_warning() {
    let mut all = Vec::new();
    for value in UNREADABLE {
        let document = document(&format!(
            r#"{{"kvm1": {{"hostIdentifier": "h", "vms": {{"web": "1"}}, "cpuMhz": {value}, "os": {value},
                "totalCpuCores": 4, "rack": {value}, "\udc00": 1,
                "optionalVmData": {{"web": {{"vmState": {value}, "\ud800": "x", "a": "b"}}, "\ud801": {{}}}}}}}}"#
        ));
        let host = &document.hosts[0];
        assert_eq!((host.cpu.cores, &host.cpu.frequency_mhz, &host.os), (Some(4), &None, &None));
        let guest = &host.guests[0];
        assert_eq!((guest.state, guest.attributes.len()), (None, 1));
        all.push(format!("{value}\n{}", warnings(&document)));
    }
    let lost = document(r#"{"kvm1": {"hostIdentifier": "h", "vms": {}, "optionalVmData": NaN}}"#);
    all.push(format!("optionalVmData\n{}", warnings(&lost)));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn ignores_optional_members_of_an_inventory_that_cannot_be_read_with_a_warning() {
    let mut all = Vec::new();
    for value in UNREADABLE {
        let document = document(&inventory(&format!(
            r#""hosts": [{{"id": "h", "name": "n", "memoryBytes": {value}, "cpu": {{"cores": 4,
                "frequencyMhz": {value}}}, "roles": ["a", {value}], "labels": {{"\ud800": "x", "a": "b"}},
                "guests": [{{"id": "1", "name": "web", "cpus": {value}}}]}}],
               "warnings": [{{"object": "n", "message": {value}}}, {{"object": "n", "message": "m"}}],
               "collections": {{"pods": {{"status": "complete"}}}},
               "workloads": {{"pods": [{{"namespace": "n", "name": "p", "uid": "u", "phase": {value}}}]}}"#
        )));
        let host = &document.hosts[0];
        assert_eq!(
            (host.cpu.cores, &host.cpu.frequency_mhz, host.memory_bytes),
            (Some(4), &None, None)
        );
        assert!(host.roles.is_empty() && host.labels.len() == 1 && host.guests[0].cpus.is_none());
        assert_eq!(document.items.len(), 1);
        all.push(format!("{value}\n{}", warnings(&document)));
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_lost_id_name_or_list_fails_the_document() {
    let mut messages = Vec::new();
    let maps = [
        r#"{"a": {"vms": {"w": X}}}"#,
        r#"{"a": {"vms": X}}"#,
        r#"{"a": {"vms": {}, "name": X}}"#,
        r#"{"a": {"vms": {}, "hostIdentifier": X}}"#,
        r#"{"a": {"vms": {}, "fallbackHostIdentifier": X}}"#,
        r#"{"a": {"vms": {}, "type": X}}"#,
        r#"{"a": {"vms": {}}, "b": X}"#,
        r#"{"m": {"a": {"vms": {}}}, "n": X}"#,
        r#"{"m": {"a": {"vms": {"w": X}}}}"#,
        "X",
    ];
    let inventories = [
        r#""hosts": X"#,
        r#""hosts": [X]"#,
        r#""hosts": [{"id": X, "name": "n"}]"#,
        r#""hosts": [{"id": "1", "name": X}]"#,
        r#""hosts": [{"id": "1", "name": "n", "identifiers": X}]"#,
        r#""hosts": [{"id": "1", "name": "n", "identifiers": {"systemUuid": X}}]"#,
        r#""hosts": [{"id": "1", "name": "n", "identifiers": {"uuid": [X]}}]"#,
        r#""hosts": [{"id": "1", "name": "n", "guests": [{"uuid": X, "name": "g"}]}]"#,
        r#""hosts": [{"id": "1", "name": "n", "guests": [{"id": [X], "name": "g"}]}]"#,
        r#""hosts": [], "collections": {"pods": {"status": "complete"}},
           "workloads": {"pods": [{"namespace": "n", "name": "p", "uid": "u", "containers": [[X]]}]}"#,
        r#""hosts": [], "collections": {"pods": {"status": "complete"}},
           "workloads": {"pods": [{"namespace": "n", "name": "p", "uid": "u", "imageVolumes": [X]}]}"#,
        r#""hosts": [], "collections": {"pods": {"status": "complete"}},
           "workloads": {"pods": [{"namespace": "n", "name": "p", "uid": "u", "containers": X}]}"#,
        r#""hosts": [], "collections": {"pods": {"status": "complete"}},
           "workloads": {"pods": [{"namespace": "n", "name": "p", "uid": "u", "containers": [X]}]}"#,
        r#""hosts": [{"id": "1", "name": "n", "guests": X}]"#,
        r#""hosts": [{"id": "1", "name": "n", "guests": [{"id": X, "name": "g"}]}]"#,
        r#""hosts": [], "collections": X"#,
        r#""hosts": [], "detachedGuests": X"#,
        r#""hosts": [], "collections": {"pods": {"status": "complete"}},
           "workloads": {"pods": [{"namespace": "n", "name": "p", "uid": X}]}"#,
    ];
    let names = [
        r#"{"\ud800": {"vms": {}}}"#,
        r#"{"a": {"vms": {"\ud800": "1"}}}"#,
        r#"{"m": {"\ud800": {"vms": {}}}}"#,
        r#"{"\ud800": {}}"#,
    ];
    let documents = maps.map(str::to_owned).into_iter().chain(inventories.map(inventory));
    for text in documents.chain(names.map(str::to_owned)) {
        for value in UNREADABLE {
            let error = read(text.replace('X', value)).expect_err(&text);
            assert_eq!(error.kind, ErrorKind::Protocol, "{text}");
            assert!(error.message.contains("(line "), "{text}: {error}");
        }
        let error = read(text.replace('X', "NaN")).expect_err(&text);
        messages.push(format!("{text}\n    {}", error.message));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn names_that_cannot_be_read_are_neither_duplicates_nor_one_member() {
    let document = document(&inventory(
        r#""hosts": [{"id": "h", "name": "n", "\ud800": 1, "\ud801": 2, "labels": {"\ud800": "x", "\ud801": "y"}}]"#,
    ));
    let all = warnings(&document);
    assert_eq!(all.lines().count(), 4, "{all}");
    assert!(!all.contains("other host"), "{all}");
    let document = self::document(
        r#"{"k": {"hostIdentifier": "h", "vms": {"�": "1"}, "\ud800": 1, "\ud801": 2,
            "optionalVmData": {"�": {"vmState": "running"}, "\ud800": {"vmState": "paused"}}}}"#,
    );
    let state = document.hosts[0].guests[0].state;
    assert_eq!(state, Some(gatherer_plugin_api::model::GuestState::Running));
    let all = warnings(&document);
    assert_eq!((all.lines().count(), all.contains("other host")), (3, false), "{all}");
}
