//! The shapes, what makes a document refused, and what each member becomes.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::{Guest, GuestState, Host};

use super::{Document, read};

fn document(text: &str) -> Document {
    read(text.as_bytes()).expect("a good document")
}

fn error(text: &str) -> (ErrorKind, String) {
    let error = read(text.as_bytes()).expect_err("a refused document");
    (error.kind, error.message)
}

fn host(members: &str) -> (Host, Vec<String>) {
    let text = format!(r#"{{"kvm1": {{"hostIdentifier": "h", "vms": {{}}, {members}}}}}"#);
    let Document { mut hosts, warnings, .. } = document(&text);
    (hosts.remove(0), warnings.into_iter().map(|warning| warning.message).collect())
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
fn a_map_of_hosts_is_read() {
    let document = document(r#"{"a": {"vms": {"web": "1"}}, "b": {"vms": {}}}"#);
    assert_eq!(names(&document), ["a", "b"]);
    assert_eq!(document.hosts[0].guests[0], Guest::new("1", "web"));
}

#[test]
fn a_gatherers_output_is_read_with_all_its_managers_and_no_host_is_lost() {
    let document = document(
        r#"{"m1": {"a": {"vms": {}}}, "m2": {"a": {"vms": {}}, "b": {"vms": {}}}, "m3": {}}"#,
    );
    assert_eq!(names(&document), ["a", "a", "b"]);
}

#[test]
fn a_manager_with_a_host_that_is_named_vms_is_a_manager() {
    assert_eq!(names(&document(r#"{"m1": {"vms": {"vms": {"web": "1"}}}}"#)), ["vms"]);
}

#[test]
fn an_inventory_is_read_with_all_its_endpoints() {
    let document = document(
        r#"{"schemaVersion": "1.7", "generator": {"name": "x"}, "later": 1, "endpoints": [
            {"id": "e1", "status": "complete", "hosts": [
                {"id": "h", "name": "a", "cpu": {"millicores": 3920}, "later": true,
                 "guests": [{"name": "web", "state": "blocked"}]}],
             "collections": {"pods": {"status": "complete"}},
             "warnings": [{"object": "a", "message": "odd"}]},
            {"id": "e2", "status": "complete", "hosts": [{"id": "h", "name": "b"}],
             "collections": {"pods": {"status": "failed",
                "error": {"kind": "permission", "message": "403"}}}}]}"#,
    );
    assert_eq!(names(&document), ["a", "b"]);
    assert_eq!(document.hosts[0].cpu.millicores, Some(3920));
    assert_eq!(document.hosts[0].guests[0].state, Some(GuestState::Blocked));
    assert_eq!(document.warnings[0].message, "odd");
    let (name, result) = &document.collections[0];
    assert_eq!(name, "pods");
    assert_eq!(result.as_ref().map_err(|error| error.kind), Err(ErrorKind::Permission));
}

#[test]
fn an_empty_object_is_no_hosts() {
    assert_eq!(document("{}"), Document::default());
}

#[test]
fn a_manager_that_is_null_fails_the_document_and_is_named() {
    let (kind, message) = error(r#"{"m1": {"a": {"vms": {}}}, "m2": null}"#);
    assert_eq!(kind, ErrorKind::Unavailable);
    assert!(message.contains("manager \"m2\""), "{message}");
    assert!(error(r#"{"m": null}"#).1.contains("\"m\""));
}

#[test]
fn an_endpoint_that_is_not_complete_fails_the_document_and_is_named() {
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
    assert_eq!(error(r#"{"schemaVersion": 1, "endpoints": []}"#).0, ErrorKind::Protocol);
}

#[test]
fn what_has_no_shape_is_refused_and_the_first_place_named() {
    for (text, part) in [
        ("[]", "the document should be an object, but is an array"),
        ("\"hunter2\"", "the document should be an object, but is a text"),
        (r#"{"a": 1}"#, "\"a\" should be a host"),
        (r#"{"a": {"b": 1}}"#, "the host \"b\" of the manager \"a\" should be an object"),
        (r#"{"m": {"b": {}}}"#, "the host \"b\" of the manager \"m\" has no `vms`"),
        (r#"{"a": {"vms": {}}, "b": {}}"#, "the host \"b\" has no `vms`"),
        (r#"{"a": {"vms": {}}, "b": null}"#, "the host \"b\" should be an object"),
        (r#"{"a": {"vms": []}}"#, "`vms` of the host \"a\" should be an object"),
        (r#"{"a": {"vms": {"w": null}}}"#, "`vms` of the host \"a\": the id of \"w\""),
        (r#"{"a": {"vms": {"w": 1}}}"#, "`vms` of the host \"a\": the id of \"w\""),
        (
            r#"{"m": {"a": {"vms": {"w": null}}}}"#,
            "host \"a\" of the manager \"m\": the id of \"w\"",
        ),
        (r#"{"schemaVersion": "1.0", "endpoints": [1]}"#, "endpoint 1 of the inventory"),
        (
            r#"{"schemaVersion": "1.0", "endpoints": [{"id": "e", "status": "complete"}]}"#,
            "the endpoint \"e\" is complete and has no `hosts`",
        ),
        (
            r#"{"schemaVersion": "1.0", "endpoints": [{"id": "e", "status": "complete", "hosts": [{"id": 1}]}]}"#,
            "host 1 of the endpoint \"e\"",
        ),
    ] {
        let (kind, message) = error(text);
        assert_eq!(kind, ErrorKind::Protocol, "{text}");
        assert!(message.contains(part), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_host_or_guest_that_stands_twice_is_refused() {
    for text in [
        r#"{"a": {"vms": {}}, "a": {"vms": {"w": "1"}}}"#,
        r#"{"m": {"a": {"vms": {"w": "1", "w": "2"}}}}"#,
        r#"{"m": {}, "m": {}}"#,
    ] {
        let (kind, message) = error(text);
        assert_eq!(kind, ErrorKind::Protocol);
        assert!(message.contains("stands twice"), "{message}");
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
fn what_the_classic_gatherer_printed_for_a_node_is_understood() {
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
fn a_value_of_a_wrong_type_is_absent_and_said_without_the_value() {
    let (host, warnings) = host(r#""totalCpuCores": "hunter2", "os": ["x"], "ramMb": -5"#);
    assert_eq!((host.cpu.cores, host.os, host.memory_bytes), (None, None, None));
    assert_eq!(
        warnings,
        [
            "os should be a text, but is an array; left out",
            "totalCpuCores is not a count; left out",
            "ramMb is not a number of MiB; left out",
        ]
    );
}

#[test]
fn the_zeros_of_a_pseudo_host_are_unknown() {
    let (cloud, _) = host(
        r#""totalCpuCores": 0, "totalCpuSockets": 0, "totalCpuThreads": 0, "cpuMhz": 0,
           "ramMb": 0, "cpuArch": "cloud""#,
    );
    assert!(cloud.synthetic && cloud.cpu.is_empty() && cloud.memory_bytes.is_none());
}

#[test]
fn a_members_name_that_means_nothing_is_said_once() {
    let document = document(r#"{"a": {"vms": {}, "x": 1}, "b": {"vms": {}, "x": 1}}"#);
    let messages: Vec<_> = document.warnings.iter().map(|warning| &*warning.message).collect();
    assert!(
        messages.contains(&"the member \"x\" means nothing; left out, here and on 1 further hosts"),
        "{messages:?}"
    );
}

#[test]
fn states_are_known_by_the_managers_labels_and_by_libvirts_words() {
    assert_eq!(guest(r#"{"vmState": "paused"}"#).state, Some(GuestState::Paused));
    assert!(guest(r#"{"vmState": "paused"}"#).attributes.is_empty());
    for (word, state) in [
        ("shut off", Some(GuestState::Stopped)),
        ("in shutdown", Some(GuestState::ShuttingDown)),
        ("idle", Some(GuestState::Blocked)),
        ("Running", Some(GuestState::Running)),
        ("dancing", None),
    ] {
        let guest = guest(&format!(r#"{{"vmState": "{word}"}}"#));
        assert_eq!(guest.state, state, "{word}");
        assert_eq!(guest.source_state.as_deref(), Some(word));
        assert_eq!(guest.attributes["vmState"], word);
    }
}

#[test]
fn further_data_of_a_guest_are_its_attributes_and_of_none_a_warning() {
    let guest = guest(r#"{"vmware_uuid": "X", "n": 4, "nothing": null, "": ""}"#);
    assert_eq!(guest.attributes.len(), 3);
    assert_eq!((&*guest.attributes["vmware_uuid"], &*guest.attributes["n"]), ("X", "4"));
    let (_, warnings) = host(r#""optionalVmData": {"gone": {"vmState": "running"}}"#);
    assert_eq!(warnings, ["optionalVmData has \"gone\", which is none of vms; left out"]);
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
