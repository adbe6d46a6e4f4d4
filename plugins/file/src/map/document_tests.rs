//! Tests of the document formats: which documents are rejected, and how each member is mapped.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::{Guest, GuestState, Host};

use super::{Document, read};

fn document(text: &str) -> Document {
    read(text.as_bytes()).expect("a valid document")
}

fn error(text: &str) -> (ErrorKind, String) {
    let error = read(text.as_bytes()).expect_err("an invalid document");
    (error.kind, error.message)
}

/// A host with these members, and the messages of the document's warnings.
fn host(members: &str) -> (Host, Vec<String>) {
    let text = format!(r#"{{"kvm1": {{"hostIdentifier": "h", "vms": {{}}, {members}}}}}"#);
    let mut document = document(&text);
    let warnings = document.summary.warnings.into_iter().map(|warning| warning.message);
    (document.hosts.remove(0), warnings.collect())
}

fn guest(data: &str) -> Guest {
    let text = format!(
        r#"{{"kvm1": {{"hostIdentifier": "h", "vms": {{"web": "1"}}, "optionalVmData": {{"web": {data}}}}}}}"#
    );
    document(&text).hosts.remove(0).guests.remove(0)
}

fn names(document: &Document) -> Vec<&str> {
    document.hosts.iter().map(|host| host.name.as_str()).collect()
}

#[test]
fn reads_a_map_of_hosts() {
    let document = document(r#"{"a": {"vms": {"web": "1"}}, "b": {"vms": {}}}"#);
    assert_eq!(names(&document), ["a", "b"]);
    assert_eq!(document.hosts[0].guests[0], Guest::new("1", "web"));
}

#[test]
fn reads_the_hosts_of_all_managers() {
    let document = document(
        r#"{"m1": {"a": {"vms": {}}}, "m2": {"a": {"vms": {}}, "b": {"vms": {}}}, "m3": {}}"#,
    );
    assert_eq!(names(&document), ["a", "a", "b"]);
}

#[test]
fn a_manager_can_have_a_host_named_vms() {
    assert_eq!(names(&document(r#"{"m1": {"vms": {"vms": {"web": "1"}}}}"#)), ["vms"]);
}

#[test]
fn reads_all_endpoints_of_an_inventory() {
    let document = document(
        r#"{"schemaVersion": "1.7", "generator": {"name": "x"}, "later": 1, "endpoints": [
            {"id": "e1", "status": "complete", "hosts": [
                {"id": "h", "name": "a", "cpu": {"millicores": 3920}, "later": true,
                 "guests": [{"name": "web", "state": "blocked"}]}],
             "collections": {"pods": {"status": "complete"}},
             "warnings": [{"object": "a", "message": "w"}]},
            {"id": "e2", "status": "complete", "hosts": [{"id": "h", "name": "b"}],
             "collections": {"pods": {"status": "failed",
                "error": {"kind": "permission", "message": "403"}}}}]}"#,
    );
    assert_eq!(names(&document), ["a", "b"]);
    assert_eq!(document.hosts[0].cpu.millicores, Some(3920));
    assert_eq!(document.hosts[0].guests[0].state, Some(GuestState::Blocked));
    assert_eq!(document.summary.warnings[0].message, "w");
    let (name, result) = &document.summary.collections[0];
    assert_eq!(name, "pods");
    assert_eq!(result.as_ref().map_err(|error| error.kind), Err(ErrorKind::Permission));
}

#[test]
fn an_empty_object_has_no_hosts() {
    assert_eq!(document("{}"), Document::default());
}

#[test]
fn a_null_manager_fails_the_document_and_is_named() {
    let (kind, message) = error(r#"{"m1": {"a": {"vms": {}}}, "m2": null}"#);
    assert_eq!(kind, ErrorKind::Unavailable);
    assert!(message.contains("\"m2\"") && !message.contains("\"m1\""), "{message}");
    assert!(error(r#"{"m": null}"#).1.contains("\"m\""));
}

#[test]
fn an_incomplete_endpoint_fails_the_document_and_is_named() {
    for status in
        [r#""status": "failed""#, r#""status": "someday""#, r#""status": null"#, r#""x": 1"#]
    {
        let (kind, message) = error(&format!(
            r#"{{"schemaVersion": "1.0", "endpoints": [{{"id": "e1", "status": "complete"}}, {{"id": "e2", {status}}}]}}"#
        ));
        assert_eq!(kind, ErrorKind::Unavailable, "{status}");
        assert!(message.contains("\"e2\"") && !message.contains("\"e1\""), "{message}");
    }
}

#[test]
fn a_later_major_version_of_the_schema_is_unsupported() {
    let (kind, message) = error(r#"{"schemaVersion": "2.0", "endpoints": []}"#);
    assert_eq!(kind, ErrorKind::Unsupported);
    assert!(message.contains("version 2"), "{message}");
    for version in ["1", r#""one""#] {
        let document = format!(r#"{{"schemaVersion": {version}, "endpoints": []}}"#);
        let error = read(document).expect_err("not a version");
        assert_eq!(error.kind, ErrorKind::Protocol);
        assert!(error.hint.is_some(), "{error}");
    }
}

#[test]
fn rejects_invalid_documents_and_names_the_first_invalid_value() {
    let mut messages = Vec::new();
    for (text, named) in [
        ("[]", "the document"),
        ("\"hunter2\"", "the document"),
        (r#"{"a": 1}"#, "\"a\""),
        (r#"{"a": {"b": 1}}"#, "the host \"b\" of the manager \"a\""),
        (r#"{"m": {"b": {}}}"#, "the host \"b\" of the manager \"m\""),
        (r#"{"a": {"vms": {}}, "b": {}}"#, "the host \"b\""),
        (r#"{"a": {"vms": {}}, "b": null}"#, "the host \"b\""),
        (r#"{"a": {"vms": []}}"#, "`vms` of the host \"a\""),
        (r#"{"a": {"vms": {"w": null}}}"#, "`vms` of the host \"a\": the id of \"w\""),
        (r#"{"a": {"vms": {"w": true}}}"#, "`vms` of the host \"a\": the id of \"w\""),
        (
            r#"{"m": {"a": {"vms": {"w": null}}}}"#,
            "host \"a\" of the manager \"m\": the id of \"w\"",
        ),
        (r#"{"schemaVersion": "one", "endpoints": []}"#, "`schemaVersion`"),
        (r#"{"schemaVersion": "1.0", "endpoints": [1]}"#, "endpoint 1 of the inventory"),
        (
            r#"{"schemaVersion": "1.0", "endpoints": [{"id": "e", "status": "complete"}]}"#,
            "the endpoint \"e\"",
        ),
        (
            r#"{"schemaVersion": "1.0", "endpoints": [{"id": "e", "status": "complete", "hosts": [{"id": 1}]}]}"#,
            "host 1 of the endpoint \"e\"",
        ),
    ] {
        let (kind, message) = error(text);
        assert_eq!(kind, ErrorKind::Protocol, "{text}");
        assert!(message.contains(named), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
        messages.push(format!("{text}\n    {message}"));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn rejects_duplicate_hosts_and_guests() {
    for text in [
        r#"{"a": {"vms": {}}, "a": {"vms": {"w": "1"}}}"#,
        r#"{"m": {"a": {"vms": {"w": "1", "w": "2"}}}}"#,
        r#"{"m": {}, "m": {}}"#,
    ] {
        let (kind, message) = error(text);
        assert_eq!(kind, ErrorKind::Protocol);
        assert!(message.contains("duplicate key"), "{message}");
    }
}

#[test]
fn a_key_that_is_not_the_name_is_the_short_name() {
    let (named, _) = host(r#""name": "kvm1.example.com""#);
    assert_eq!((&*named.name, named.short_name.as_deref()), ("kvm1.example.com", Some("kvm1")));
    let (same, _) = host(r#""name": "kvm1""#);
    assert_eq!(same.short_name, None);
}

#[test]
fn reads_a_kubernetes_node_as_earlier_gatherers_printed_it() {
    let (node, warnings) = host(
        r#""type": "kubernetes", "os": "SLES 15", "osVersion": 1, "totalCpuCores": "4",
           "totalCpuSockets": "4", "totalCpuThreads": 1, "cpuMhz": "2400", "cpuArch": "amd64",
           "cpuVendor": "(unknown)", "cpuDescription": "(unknown)", "ramMb": 2048.0"#,
    );
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!((node.cpu.cores, node.cpu.sockets), (Some(4), Some(4)));
    assert_eq!((node.cpu.vendor, node.cpu.model), (None, None));
    assert_eq!(node.memory_bytes, Some(2048 << 20));
    assert_eq!(node.identifiers.machine_id.as_deref(), Some("h"));
    let os = node.os.expect("an operating system");
    assert_eq!((os.name.as_deref(), os.version), (Some("SLES 15"), None));
}

#[test]
fn ignores_invalid_values_with_a_warning_that_does_not_quote_them() {
    let (host, warnings) = host(r#""totalCpuCores": "hunter2", "os": ["hunter2"], "ramMb": -5"#);
    assert_eq!((host.cpu.cores, host.os, host.memory_bytes), (None, None, None));
    assert!(warnings.iter().all(|warning| !warning.contains("hunter2")), "{warnings:?}");
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn the_zeros_of_a_pseudo_host_mean_unknown() {
    let (cloud, _) = host(
        r#""totalCpuCores": 0, "totalCpuSockets": 0, "totalCpuThreads": 0, "cpuMhz": 0,
           "ramMb": 0, "cpuArch": "cloud""#,
    );
    assert!(cloud.synthetic && cloud.cpu.is_empty() && cloud.memory_bytes.is_none());
}

#[test]
fn an_unknown_member_causes_one_warning_for_all_hosts() {
    let document = document(r#"{"a": {"vms": {}, "x": 1}, "b": {"vms": {}, "x": 1}}"#);
    let warnings = document.summary.warnings.iter();
    let about_x = warnings.filter(|warning| warning.message.contains("\"x\""));
    assert_eq!(about_x.count(), 1);
}

#[test]
fn reads_states_as_manager_labels_and_as_words_of_any_source() {
    let paused = guest(r#"{"vmState": "paused"}"#);
    assert_eq!((paused.state, paused.source_state), (Some(GuestState::Paused), None));
    for (word, state) in [
        ("shut off", GuestState::Stopped),
        ("in shutdown", GuestState::ShuttingDown),
        ("idle", GuestState::Blocked),
        ("Running", GuestState::Running),
        ("poweredOn", GuestState::Running),
        ("dancing", GuestState::Unknown),
    ] {
        let guest = guest(&format!(r#"{{"vmState": "{word}"}}"#));
        assert_eq!(guest.state, Some(state), "{word}");
        assert_eq!(guest.source_state.as_deref(), Some(word));
        assert!(guest.attributes.is_empty());
    }
    assert_eq!(guest(r#"{"vmState": ""}"#).state, None);
}

#[test]
fn other_optional_data_of_a_guest_become_attributes() {
    let guest = guest(r#"{"vmware_uuid": "X", "n": 4, "nothing": null, "": ""}"#);
    assert_eq!(guest.attributes.len(), 3);
    assert_eq!((&*guest.attributes["vmware_uuid"], &*guest.attributes["n"]), ("X", "4"));
}

#[test]
fn optional_data_of_an_unknown_guest_cause_a_warning() {
    let (_, warnings) = host(r#""optionalVmData": {"gone": {"vmState": "running"}}"#);
    assert!(matches!(&warnings[..], [warning] if warning.contains("\"gone\"")), "{warnings:?}");
}

#[test]
fn a_guests_id_is_verbatim_and_its_uuid_canonical() {
    let raw = "4C4C4544-0042-3510-8052-B4C04F4E4E31";
    let document = document(&format!(r#"{{"a": {{"vms": {{"w": "{raw}", "e": "i-0abc"}}}}}}"#));
    let guests = &document.hosts[0].guests;
    assert_eq!(guests[0].id.as_deref(), Some(raw));
    assert_eq!(guests[0].uuid, Some(raw.to_lowercase()));
    assert_eq!(guests[0].identifiers.other["rawUuid"], raw);
    assert_eq!((guests[1].id.as_deref(), &guests[1].uuid), (Some("i-0abc"), &None));
}

fn inventory(endpoints: &str) -> String {
    format!(r#"{{"schemaVersion": "1.0", "endpoints": [{endpoints}]}}"#)
}

#[test]
fn rejects_guests_under_a_wrong_name() {
    for name in ["vms", "VMs", "Guests", "guest", "optionalVmData"] {
        for beside in ["", r#""guests": [], "#] {
            let (kind, message) = error(&inventory(&format!(
                r#"{{"id": "a", "status": "complete", "hosts": [
                    {{"id": "1", "name": "n", {beside}"{name}": {{"w": "1"}}}}]}}"#
            )));
            assert_eq!(kind, ErrorKind::Protocol);
            assert!(message.contains("host 1 of the endpoint \"a\""), "{message}");
            assert!(message.contains(&format!("\"{name}\"")), "{message}");
        }
    }
}

#[test]
fn unknown_members_of_an_inventory_cause_one_warning_each() {
    let document = document(&inventory(
        r#"{"id": "a", "status": "complete", "rack": 1, "hosts": [
            {"id": "1", "name": "n", "rack": "x", "guests": [{"name": "w", "disk": 1}]},
            {"id": "2", "name": "o", "rack": "y", "guests": [{"name": "v", "disk": {}}]}]}"#,
    ));
    assert_eq!(document.hosts[1].guests.len(), 1);
    let warnings = document.summary.warnings.iter();
    let warnings = warnings.map(|warning| format!("{}: {}", warning.object, warning.message));
    insta::assert_snapshot!(warnings.collect::<Vec<_>>().join("\n"));
}

#[test]
fn rejects_a_complete_endpoint_with_an_error_and_names_it() {
    let with = |error: &str| {
        inventory(&format!(
            r#"{{"id": "e7", "status": "complete", "hosts": [], "error": {error}}}"#
        ))
    };
    for value in [r#"{"kind": "timeout", "message": "hunter2"}"#, r#""hunter2""#, "{}"] {
        let (kind, message) = error(&with(value));
        assert_eq!(kind, ErrorKind::Protocol);
        assert!(message.contains("\"e7\"") && !message.contains("hunter2"), "{message}");
    }
    assert!(document(&with("null")).hosts.is_empty());
}

#[test]
fn a_complete_collection_with_an_error_is_incomplete() {
    let document = document(&inventory(
        r#"{"id": "e", "status": "complete", "hosts": [], "collections": {"pods": {
            "status": "complete", "error": {"kind": "permission", "message": "403"}}}}"#,
    ));
    let (_, result) = &document.summary.collections[0];
    assert_eq!(result.as_ref().map_err(|error| error.kind), Err(ErrorKind::Permission));
}

#[test]
fn managers_without_hosts_cause_a_warning() {
    for (text, mentions) in
        [(r#"{"m": {}}"#, "1 manager "), (r#"{"items": {}, "meta": {}}"#, "2 managers ")]
    {
        let document = document(text);
        assert!(document.hosts.is_empty());
        assert_eq!(document.summary.warnings.len(), 1);
        let message = &document.summary.warnings[0].message;
        assert!(message.contains(mentions), "{message}");
    }
    let document = document(r#"{"m": {}, "n": {"a": {"hostIdentifier": "1", "vms": {}}}}"#);
    assert!(document.summary.warnings.is_empty());
}

#[test]
fn rejects_documents_that_look_like_an_error_response() {
    for name in ["error", "Errors", "message"] {
        let (kind, message) = error(&format!(r#"{{"meta": {{}}, "{name}": {{}}}}"#));
        assert_eq!(kind, ErrorKind::Protocol);
        assert!(message.contains(&format!("{name:?}")), "{message}");
    }
    let host = r#"{"a": {"hostIdentifier": "1", "vms": {}}}"#;
    assert_eq!(document(&format!(r#"{{"error": {{}}, "m": {host}}}"#)).hosts.len(), 1);
}

#[test]
fn hosts_get_the_name_of_their_manager_only_if_there_are_several() {
    let manager = |document: &Document| -> Vec<Option<String>> {
        document.hosts.iter().map(|h| h.identifiers.other.get("manager").cloned()).collect()
    };
    let host = r#"{"a": {"hostIdentifier": "1", "vms": {}}}"#;
    let two = document(&format!(r#"{{"m1": {host}, "m2": {host}}}"#));
    assert_eq!(manager(&two), [Some("m1".to_owned()), Some("m2".to_owned())]);
    assert_eq!(manager(&document(&format!(r#"{{"m1": {host}}}"#))), [None]);
    assert_eq!(manager(&document(host)), [None]);

    let endpoint = |id: &str, more: &str| {
        format!(
            r#"{{"id": "{id}", "status": "complete", "hosts": [{{"id": "1", "name": "a"{more}}}]}}"#
        )
    };
    let nested = endpoint("e2", r#", "identifiers": {"manager": "m"}"#);
    let two = document(&inventory(&format!("{}, {nested}", endpoint("e1", ""))));
    assert_eq!(manager(&two), [Some("e1".to_owned()), Some("e2/m".to_owned())]);
    assert_eq!(manager(&document(&inventory(&endpoint("e1", "")))), [None]);
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    let guest = r#"{"id": "u", "name": "web", "uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f",
        "identifiers": {"instanceId": "i"}, "state": "running", "sourceState": "on", "cpus": 1,
        "desiredCpus": 2, "memoryBytes": 1048576, "desiredMemoryBytes": 2097152,
        "addresses": [{"address": "192.0.2.7"}],
        "interfaces": [{"mac": "52:54:00:ab:cd:01", "addresses": ["192.0.2.7"], "network": "br0"}],
        "disks": [{"name": "vda", "capacityBytes": 1048576}],
        "architecture": "x86_64", "os": {"name": "openSUSE Leap", "version": "15.6"}, "hostName": "web.example.com",
        "location": {"datacenter": "d", "cluster": "c", "folder": "f"}, "labels": {"tier": "web"},
        "template": true, "agent": true, "createdAt": "2026-11-01T00:00:00Z",
        "attributes": {"vmware_uuid": "x"}}"#;
    let endpoint = format!(
        r#"{{"id": "e", "status": "complete", "hosts": [{{"id": "h", "name": "h", "guests": [{guest}]}}]}}"#
    );
    let document = document(&inventory(&endpoint));
    gatherer_tests::assert_guest_members("File", &document.hosts, &[]);
}
