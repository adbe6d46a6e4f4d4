//! Tests of what a Manager does with the newer of two documents.

use serde_json::{Value, json};

use super::documents::{self, Document};
use super::report::DiffReport;
use super::table;
use crate::output::format::TableStyle;
use crate::output::terminal::UNLIMITED;

fn document(value: &Value) -> Document {
    documents::read(value.to_string().as_bytes()).unwrap_or_else(|problem| panic!("{problem}"))
}

fn report(old: &Value, new: &Value) -> DiffReport {
    DiffReport::new(document(old), document(new), &[])
}

fn shown(report: &DiffReport) -> String {
    let mut text = Vec::new();
    let style = TableStyle { width: UNLIMITED, color: false };
    table::write(report, style, &mut text).expect("writable");
    String::from_utf8(text).expect("text")
}

/// The actions of the only endpoint, each as `action object name id`.
fn actions(report: &DiffReport) -> Vec<String> {
    let json = serde_json::to_value(report).expect("JSON");
    let actions = json["endpoints"][0]["manager"]["actions"].as_array().expect("a list").clone();
    let word = |action: &Value, member: &str| action[member].as_str().expect("a text").to_owned();
    let line = |action: &Value| {
        ["action", "object", "name", "id"].map(|member| word(action, member)).join(" ")
    };
    actions.iter().map(line).collect()
}

/// A host with more members.
fn host(id: &str, more: &Value) -> Value {
    let mut host = json!({
        "name": "h", "hostIdentifier": id, "type": "qemu", "os": "libvirt", "osVersion": "9.0",
        "totalCpuSockets": 1, "totalCpuCores": 8, "totalCpuThreads": 16, "cpuMhz": 2400,
        "cpuArch": "x86_64", "ramMb": 32000, "vms": {}, "optionalVmData": {},
    });
    for (name, value) in more.as_object().expect("members") {
        host[name] = value.clone();
    }
    host
}

/// A document with one host in the endpoint `e`.
fn one(id: &str, more: &Value) -> Value {
    json!({"e": {"h": host(id, more)}})
}

fn inventory(endpoint: &Value) -> Value {
    let version = gatherer_plugin_api::model::SCHEMA_VERSION;
    json!({"schemaVersion": version, "generator": {"name": "test"}, "endpoints": [endpoint]})
}

#[test]
fn each_thing_that_a_manager_does_is_an_action() {
    let guests = |names: &[(&str, &str)]| -> Value {
        names.iter().map(|(name, id)| ((*name).to_owned(), json!(id))).collect()
    };
    let old = json!({"e": {
        "h1": host("1", &json!({"vms": guests(&[("web", "a"), ("db", "b"), ("old", "c")]),
                               "optionalVmData": {"web": {"vmState": "running"}}})),
        "h2": host("2", &json!({"vms": guests(&[("twin", "t1")])})),
        "h3": host("3", &json!({})),
        "h5": host("5", &json!({})),
    }});
    let new = json!({"e": {
        "h1": host("1", &json!({"ramMb": 64000, "vms": guests(&[("web2", "a"), ("new", "d")]),
                               "optionalVmData": {"web2": {"vmState": "stopped"}}})),
        "h2": host("2", &json!({"vms": guests(&[("db", "b"), ("twin", "t2")])})),
        "renamed": host("3", &json!({})),
        "h5": host("6", &json!({})),
    }});
    let report = report(&old, &new);
    insta::assert_snapshot!("actions_table", shown(&report));
    insta::assert_json_snapshot!("actions", report);
}

#[test]
fn ignores_values_that_a_manager_stores_alike() {
    let uuid = "8C4B8B6E-0D21-4C0F-9F3F-0000000000AB";
    let classic = one(
        "1",
        &json!({
            "totalCpuCores": "8", "osVersion": 9, "cpuMhz": 2399.6, "fallbackHostIdentifier": "x",
            "vms": {"web": uuid}, "optionalVmData": {"web": {"uptime": "7"}},
        }),
    );
    let ours = one(
        "1",
        &json!({
            "totalCpuCores": 8, "osVersion": "9", "cpuMhz": 2400.0,
            "vms": {"web": uuid.replace('-', "")}, "optionalVmData": {"web": {"uptime": "8"}},
        }),
    );
    let same = report(&classic, &ours);
    assert!(!same.has_differences(), "{}", shown(&same));
    // A Manager distinguishes upper and lower case.
    let lower = one("1", &json!({"vms": {"web": uuid.to_lowercase()}}));
    let report = report(&ours, &lower);
    let lines = actions(&report);
    assert!(lines.iter().any(|line| line.starts_with("unlink guest web 8C4B")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("create guest web 8c4b")), "{lines:?}");
}

#[test]
fn a_uuid_in_the_other_byte_order_is_another_identity() {
    let guest = |uuid: &str| one("1", &json!({"vms": {"web": uuid}}));
    let old = guest("42301a3c-0001-4000-8000-0000000000ab");
    for (uuid, is_swapped) in [
        ("3c1a3042-0100-0040-8000-0000000000ab", true),
        ("42301a3c-0001-4000-8000-0000000000ac", false),
        ("i-0123", false),
    ] {
        let report = report(&old, &guest(uuid));
        assert_eq!(actions(&report).len(), 2, "{uuid}");
        assert_eq!(shown(&report).contains("other byte order"), is_swapped, "{uuid}");
    }
}

#[test]
fn a_host_is_found_by_its_fallback_identity() {
    let old = one("'vim.HostSystem:host-1'", &json!({}));
    let new = one("uuid", &json!({"fallbackHostIdentifier": "'vim.HostSystem:host-1'"}));
    let found = report(&old, &new);
    assert_eq!(actions(&found), ["update host h 'vim.HostSystem:host-1'"]);
    let json = serde_json::to_value(&found).expect("JSON");
    let members = &json["endpoints"][0]["manager"]["actions"][0]["members"];
    let expected =
        json!([{"path": "/hostIdentifier", "before": "'vim.HostSystem:host-1'", "after": "uuid"}]);
    assert_eq!(*members, expected);
    // Without it, the host is another one.
    let other = report(&old, &one("uuid", &json!({})));
    assert_eq!(actions(&other), ["unlink host h 'vim.HostSystem:host-1'", "create host h uuid"]);
    // The Manager looks up the identity first, and has a host with it.
    let both = json!({"e": {"h": host("1", &json!({})), "i": host("2", &json!({}))}});
    let new = json!({"e": {"h": host("2", &json!({"fallbackHostIdentifier": "1"}))}});
    let lines = actions(&report(&both, &new));
    assert!(lines.contains(&"unlink host h 1".to_owned()), "{lines:?}");
}

#[test]
fn a_failed_or_missing_endpoint_keeps_everything_and_an_empty_one_unlinks_everything() {
    let good = || json!({"h": host("1", &json!({"vms": {"web": "a"}}))});
    let old =
        json!({"failed": good(), "missing": good(), "empty": good(), "back": null, "still": null});
    let new = json!({"failed": null, "empty": {}, "new": good(), "back": good(), "still": null});
    let report = report(&old, &new);
    let json = serde_json::to_value(&report).expect("JSON");
    let does: Vec<_> = json["endpoints"].as_array().expect("a list").iter().collect();
    let does: Vec<_> = does
        .iter()
        .map(|endpoint| {
            let actions = endpoint["manager"]["actions"].as_array().map_or(0, Vec::len);
            format!("{} {} {actions}", endpoint["id"], endpoint["manager"]["does"])
        })
        .collect();
    let expected = [
        r#""back" "storesOverUnknown" 0"#,
        r#""empty" "stores" 2"#,
        r#""failed" "keeps" 0"#,
        r#""missing" "skips" 0"#,
        r#""new" "stores" 2"#,
        r#""still" "keeps" 0"#,
    ];
    assert_eq!(does, expected);
    insta::assert_snapshot!(shown(&report));
}

#[test]
fn an_inventory_is_compared_with_the_managers_format_as_a_manager_would_get_it() {
    let endpoint = json!({"id": "e", "status": "complete", "hosts": [
        {"id": "1", "name": "h", "hypervisor": {"type": "qemu"}, "memoryBytes": 34_359_738_368_u64,
         "cpu": {"architecture": "x86_64", "cores": 8}, "guests": [{"id": "a", "name": "web"}]}]});
    let manager = one("1", &json!({"ramMb": 32768, "vms": {"web": "a"}}));
    for (old, new) in [(&manager, &inventory(&endpoint)), (&inventory(&endpoint), &manager)] {
        let report = report(old, new);
        assert_eq!(actions(&report), ["update host h 1"], "{}", shown(&report));
        assert!(report.endpoints[0].changes.is_none());
    }
    let failed = json!({"id": "e", "status": "failed",
        "error": {"kind": "connection", "message": "connection refused", "hint": "start it"}});
    let report = report(&manager, &inventory(&failed));
    assert!(shown(&report).contains("(connection: connection refused (start it))"));
}

#[test]
fn two_inventories_also_show_what_a_manager_does_not_get() {
    let endpoint = |memory: u64, name: &str, pod: &str| {
        inventory(&json!({"id": "e", "status": "complete",
            "hosts": [{"id": "1", "name": name, "guests": [
                {"id": "a", "name": "web", "memoryBytes": memory}]}],
            "collections": {"pods": {"status": "complete"}},
            "workloads": {"pods": [{"namespace": "n", "name": pod, "uid": pod}]}}))
    };
    let report = report(&endpoint(1, "h", "p1"), &endpoint(2, "h2", "p2"));
    let json = serde_json::to_value(&report).expect("JSON");
    let changes = json["endpoints"][0]["changes"].as_array().expect("a list");
    let words: Vec<_> =
        changes.iter().map(|change| format!("{} {}", change["object"], change["change"])).collect();
    let expected =
        [r#""host" "updated""#, r#""guest" "updated""#, r#""pod" "deleted""#, r#""pod" "created""#];
    assert_eq!(words, expected);
    assert_eq!(actions(&report), ["update host h2 1"]);
    insta::assert_snapshot!(shown(&report));
    let same = self::report(&endpoint(1, "h", "p1"), &endpoint(1, "h", "p1"));
    assert!(!same.has_differences());
}

#[test]
fn an_inventory_of_any_version_1_can_be_read() {
    let endpoint = json!({"id": "e", "status": "complete", "later": 1, "hosts": [
        {"id": "1", "name": "h", "later": {}}]});
    for version in ["1.0", "1.4", "1.99"] {
        let mut document = inventory(&endpoint);
        document["schemaVersion"] = json!(version);
        assert_eq!(self::document(&document).results["e"].hosts.len(), 1, "{version}");
    }
}

#[test]
fn a_document_of_another_kind_is_refused_with_its_mistake() {
    let documents = [
        "",
        "[]",
        "{\"e\": ",
        r#"{"schemaVersion": "2.0", "endpoints": []}"#,
        r#"{"schemaVersion": "1.0", "endpoints": 7}"#,
        r#"{"schemaVersion": "1.99", "endpoints": [{"id": "e", "status": "unheard-of"}]}"#,
        r#"{"e": 7}"#,
        r#"{"kvm1": {"hostIdentifier": "1", "vms": {}}}"#,
        r#"{"e": {"kvm1": {"vms": {}}}}"#,
        r#"{"e": {"kvm1": {"hostIdentifier": "1", "vms": []}}}"#,
    ];
    let problems = documents.map(|text| {
        let problem = documents::read(text.as_bytes()).err().unwrap_or_else(|| panic!("{text}"));
        format!("{text}\n    {problem}")
    });
    insta::assert_snapshot!(problems.join("\n"));
}
