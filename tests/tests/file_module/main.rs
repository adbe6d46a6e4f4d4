//! The module File with the real program: the formats of a document, which documents are rejected, and
//! that no data are lost.

mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

/// Documents in a folder. Each is an endpoint whose id is the name of the file.
struct Documents {
    folder: tempfile::TempDir,
    plugins: PluginFolder,
    endpoints: Vec<Value>,
}

impl Documents {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
            plugins: PluginFolder::with(&["file"]),
            endpoints: Vec::new(),
        }
    }

    fn with(mut self, id: &str, document: impl AsRef<[u8]>) -> Self {
        let path = self.path(id);
        std::fs::write(&path, document).expect("a file can be written");
        self.endpoints.push(json!({"id": id, "module": "File", "url": path}));
        self
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.path().join(id)
    }

    fn gather(&self, format: &str) -> Outcome {
        Run::gather(&json!(self.endpoints))
            .plugins(self.plugins.path())
            .args(["--format", format])
            .run()
    }
}

fn host(id: &str) -> Value {
    json!({
        "name": "kvm1", "hostIdentifier": id, "type": "qemu", "os": "libvirt", "osVersion": "9.0",
        "totalCpuSockets": 2, "totalCpuCores": 16, "totalCpuThreads": 32, "cpuMhz": 2400,
        "cpuArch": "x86_64", "cpuVendor": "Intel", "cpuDescription": "Skylake", "ramMb": 65536,
        "vms": {"web": "4c4c4544-0042-3510-8052-b4c04f4e4e31"},
        "optionalVmData": {"web": {"vmState": "running"}},
    })
}

fn inventory_of(status: &str, hosts: &Value) -> String {
    json!({
        "schemaVersion": "1.0", "generator": {"name": "another program"},
        "endpoints": [{"id": "vc1", "status": status, "hosts": hosts}],
    })
    .to_string()
}

#[test]
fn the_three_formats_give_the_same_hosts() {
    let hosts = json!({"kvm1": host("h1")});
    let plain = Documents::new()
        .with("hosts", hosts.to_string())
        .with("managers", json!({"m": hosts}).to_string());
    let inventory = plain.gather("inventory").inventory();
    let hosts_of_managers = inventory["endpoints"][1]["hosts"].clone();
    assert_eq!(hosts_of_managers[0]["cpu"]["cores"], 16);

    let all = plain.with("inventory", inventory_of("complete", &hosts_of_managers));
    let document = all.gather("gatherer").document();
    let expected = document["hosts"].as_ref().expect("complete");
    assert_eq!(expected["kvm1"].vms["web"], "4c4c4544-0042-3510-8052-b4c04f4e4e31");
    assert_eq!(document["managers"].as_ref(), Some(expected));
    assert_eq!(document["inventory"].as_ref(), Some(expected));
}

#[test]
fn an_empty_document_is_complete_and_has_no_hosts() {
    let documents = Documents::new()
        .with("empty", "{}")
        .with("empty manager", r#"{"m": {}}"#)
        .with("empty inventory", r#"{"schemaVersion": "1.0", "endpoints": []}"#);
    for (id, hosts) in documents.gather("gatherer").document() {
        assert_eq!(hosts.map(|hosts| hosts.len()), Some(0), "{id}");
    }
}

#[test]
fn the_hosts_of_all_managers_are_merged_without_loss() {
    let document = json!({"m1": {"kvm1": host("h1")}, "m2": {"kvm1": host("h2")}, "m3": {}});
    let outcome = Documents::new().with("e", document.to_string()).gather("gatherer");
    let document = outcome.document();
    let hosts = document["e"].as_ref().expect("complete");
    let keys: Vec<_> = hosts.keys().collect();
    assert_eq!(keys, ["kvm1 (h1)", "kvm1 (h2)"]);
    assert!(hosts.values().all(|host| host.name == "kvm1"));
}

#[test]
fn one_host_in_two_managers_stays_two_hosts_with_different_identifiers() {
    let document = json!({"m1": {"kvm1": host("h1")}, "m2": {"kvm1": host("h1")}});
    let outcome = Documents::new().with("e", document.to_string()).gather("gatherer");
    let document = outcome.document();
    let hosts = document["e"].as_ref().expect("complete");
    let mut identities: Vec<_> = hosts.values().map(|host| &host.host_identifier).collect();
    identities.dedup();
    assert_eq!(identities.len(), 2, "{identities:?}");
}

#[test]
fn guests_with_one_id_are_kept_and_each_has_a_warning_in_every_format() {
    let guests = |name: &str| {
        let mut host = host(name);
        host["name"] = json!(name);
        host["vms"] = json!({"web": "4c4c4544-0042", "db": format!("of {name}")});
        host
    };
    let document = json!({"h1": guests("h1"), "h2": guests("h2")});
    let documents = Documents::new().with("e", document.to_string());
    let outcome = documents.gather("gatherer");
    let hosts = outcome.document()["e"].clone().expect("complete");
    assert!(hosts.values().all(|host| host.vms["web"] == "4c4c4544-0042"), "{hosts:?}");
    assert_message!(outcome.stderr);
    for format in ["inventory", "ndjson"] {
        let text = documents.gather(format).stdout_text().to_owned();
        let document: Value = serde_json::from_str(&text).expect("one line or one document");
        let endpoint = document.pointer("/endpoints/0").unwrap_or(&document);
        let warnings = endpoint["warnings"].as_array().expect("warnings");
        let of_guest = warnings.iter().filter(|warning| warning["object"] == "web");
        assert_eq!(of_guest.count(), 2, "{warnings:?}");
    }
}

#[test]
fn a_null_manager_or_an_incomplete_endpoint_fails_only_its_document_and_is_named() {
    let documents = Documents::new()
        .with("good", json!({"kvm1": host("h1")}).to_string())
        .with("null", json!({"m1": {"kvm1": host("h1")}, "m2": null}).to_string())
        .with("incomplete", inventory_of("failed", &json!([])));
    let document = documents.gather("gatherer").document();
    assert_eq!(document["good"].as_ref().map(BTreeMap::len), Some(1));
    assert!(document["null"].is_none() && document["incomplete"].is_none());

    let outcome = documents.gather("inventory");
    for (id, name) in [("null", "m2"), ("incomplete", "vc1")] {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, "unavailable", "{failure}");
        assert!(failure.message.contains(name), "{failure}");
    }
    assert_message!(outcome.failures());
}

#[test]
fn rejects_invalid_documents_without_quoting_them() {
    let duplicate_host = r#"{"kvm9": {"vms": {}}, "kvm9": {"vms": {}}}"#;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [(&str, &[u8], &str, &str); 12] = [
        ("not JSON", b"{\"a\": hunter2}", "protocol", "line 1"),
        ("truncated", b"{\"a\": {\"vms\": {\"w\": \"hunter2", "protocol", "column 28"),
        ("empty", b"", "protocol", ""),
        ("an array", b"[\"hunter2\"]", "protocol", ""),
        ("no hosts", b"{\"kvm9\": \"hunter2\"}", "protocol", "kvm9"),
        ("no vms", br#"{"m": {"kvm9": {"name": "hunter2"}}}"#, "protocol", "kvm9"),
        ("null id", br#"{"kvm9": {"vms": {"web": null}}}"#, "protocol", "web"),
        ("duplicate host", duplicate_host.as_bytes(), "protocol", "kvm9"),
        ("duplicate guest", br#"{"k": {"vms": {"w": "1", "w": "2"}}}"#, "protocol", "\"w\""),
        ("not UTF-8", b"{\"\xff\": null}", "protocol", "UTF-8"),
        ("deep", deep.as_bytes(), "protocol", "127"),
        ("future", br#"{"schemaVersion": "2.0", "endpoints": []}"#, "unsupported", "2"),
    ];
    let documents =
        cases.iter().fold(Documents::new(), |documents, (id, bytes, ..)| documents.with(id, bytes));
    let outcome = documents.gather("inventory");
    for (id, _, kind, mentions) in &cases {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, *kind, "{id}: {failure}");
        assert!(failure.message.contains(mentions), "{id}: {failure}");
    }
    assert!(!outcome.stdout_text().contains("hunter2"));
    assert!(!outcome.messages().contains("hunter2"), "{}", outcome.messages());
    assert_message!(outcome.failures());
}

#[test]
fn rejects_documents_that_would_be_complete_and_empty_by_mistake() {
    let inventory = |members: Value| {
        let mut endpoint = json!({"id": "vc1", "status": "complete", "hosts": []});
        for (name, value) in members.as_object().expect("members") {
            endpoint[name] = value.clone();
        }
        json!({"schemaVersion": "1.0", "endpoints": [endpoint]}).to_string()
    };
    let misnamed = json!({"hosts": [{"id": "1", "name": "n", "vms": {"w": "1"}}]});
    let contradiction = json!({"error": {"kind": "timeout", "message": "hunter2"}});
    let outcome = Documents::new()
        .with("misnamed guests", inventory(misnamed))
        .with("complete with error", inventory(contradiction))
        .with("error response", r#"{"error": {}}"#)
        .gather("inventory");
    for (id, mentions) in [
        ("misnamed guests", "\"vms\""),
        ("complete with error", "\"vc1\""),
        ("error response", "\"error\""),
    ] {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, "protocol", "{id}");
        assert!(failure.message.contains(mentions), "{failure}");
    }
    assert!(!outcome.messages().contains("hunter2"), "{}", outcome.messages());
    assert_message!(outcome.failures());
}

#[test]
fn a_complete_collection_with_an_error_is_a_failed_one() {
    let document = json!({"schemaVersion": "1.0", "endpoints": [{
        "id": "vc1", "status": "complete", "hosts": [], "collections": {"pods": {
            "status": "complete", "error": {"kind": "permission", "message": "403"}}}}]});
    let outcome = Documents::new().with("e", document.to_string()).gather("inventory");
    let endpoint = outcome.endpoint("e");
    assert_eq!(endpoint["status"], "complete");
    assert_eq!(endpoint["collections"]["pods"]["status"], "failed");
    assert_eq!(endpoint["collections"]["pods"]["error"]["kind"], "permission");
}

#[test]
fn managers_without_hosts_are_complete_with_a_warning() {
    let outcome = Documents::new().with("e", r#"{"k1": {}, "k2": {}}"#).gather("inventory");
    let endpoint = outcome.endpoint("e");
    assert_eq!(endpoint["status"], "complete");
    assert_eq!(endpoint["warnings"].as_array().map(Vec::len), Some(1));
    let warning = &endpoint["warnings"][0];
    assert_eq!(warning["object"], "document");
    assert!(warning["message"].as_str().is_some_and(|text| text.contains("2 managers")));
    assert_message!(warning);
}

#[test]
fn the_identifiers_of_two_equal_hosts_do_not_depend_on_their_guests() {
    let identity_of = |first: &str, second: &str| {
        let (mut one, mut other) = (host("h1"), host("h1"));
        one["vms"] = json!({first: "1"});
        other["vms"] = json!({second: "2"});
        let document = json!({"m1": {"kvm1": one}, "m2": {"kvm1": other}});
        let outcome = Documents::new().with("e", document.to_string()).gather("gatherer");
        let document = outcome.document();
        let hosts = document["e"].as_ref().expect("complete");
        let found = hosts.values().find(|host| host.vms.contains_key(first));
        found.expect("the host of m1").host_identifier.clone()
    };
    assert_eq!(identity_of("a", "b"), identity_of("b", "a"));
}

#[test]
fn the_placeholder_id_of_one_host_is_its_fallback_and_that_of_several_is_not() {
    let document = |id: &str, kind: &str| {
        let mut host = host(id);
        host["type"] = json!(kind);
        json!({"kvm1": host}).to_string()
    };
    let (zeros, fs) =
        ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff");
    let fallback = |documents: &Documents, id: &str| {
        let document = documents.gather("gatherer").document();
        let host = &document[id].as_ref().expect("complete")["kvm1"];
        assert_eq!(host.host_identifier, "kvm1");
        host.fallback_host_identifier.clone()
    };
    let documents = Documents::new().with("a", document(zeros, "qemu"));
    assert_eq!(fallback(&documents, "a").as_deref(), Some(zeros));
    let documents = documents.with("b", document(zeros, "qemu"));
    assert_eq!((fallback(&documents, "a"), fallback(&documents, "b")), (None, None));
    let documents = documents.with("c", document(fs, "qemu"));
    assert_eq!(fallback(&documents, "c").as_deref(), Some(fs));
    let node = Documents::new().with("n", document(zeros, "kubernetes"));
    assert_eq!(fallback(&node, "n"), None);
}

#[test]
fn a_missing_file_is_a_configuration_error() {
    let documents = Documents::new().with("e", "{}");
    std::fs::remove_file(documents.path("e")).expect("the file can be removed");
    let failure = documents.gather("inventory").failure("e");
    assert_eq!(failure.kind, "configuration", "{failure}");
}

#[test]
fn accepts_a_byte_order_mark_and_a_file_url() {
    let mut documents = Documents::new().with("e", "\u{feff}{\"kvm1\": {\"vms\": {}}}");
    let url = format!("file://{}", documents.path("e").display());
    documents.endpoints[0]["url"] = json!(url);
    let document = documents.gather("gatherer").document();
    assert!(document["e"].as_ref().is_some_and(|hosts| hosts.contains_key("kvm1")));
}

#[test]
fn a_file_url_can_have_one_slash_and_a_question_mark_in_its_path() {
    let mut documents = Documents::new().with("hosts.json?v=2", r#"{"kvm1": {"vms": {}}}"#);
    let path = documents.path("hosts.json?v=2");
    for url in [format!("file:{}", path.display()), format!("file://localhost{}#x", path.display())]
    {
        documents.endpoints[0]["url"] = json!(url);
        let document = documents.gather("gatherer").document();
        assert!(document["hosts.json?v=2"].is_some(), "{url}");
    }
}

#[test]
fn an_inventory_keeps_its_hosts_warnings_and_collections() {
    let hosts = json!([
        {"id": "h1", "name": "a", "cpu": {"millicores": 3920, "frequencyMhz": 2400.0},
         "labels": {"zone": "1"}, "taints": [{"key": "k", "effect": "NoSchedule"}],
         "identifiers": {"machineId": "h1", "rawUuid": "X"}, "createdAt": "2024-05-01T10:00:00Z",
         "guests": [
             {"id": "1", "name": "web", "state": "blocked", "sourceState": "idle", "cpus": 2},
             {"name": "web", "template": true}]},
        {"id": "h1", "name": "a", "synthetic": true},
    ]);
    let warnings = json!([{"object": "a", "message": "w"}]);
    let collections = json!({
        "pods": {"status": "failed", "error":
            {"kind": "permission", "message": "403", "hint": "ask", "retryable": false}},
        "services": {"status": "complete"},
    });
    let document = json!({
        "schemaVersion": "1.9", "generator": {"name": "later"}, "memberOfALaterVersion": [],
        "endpoints": [{"id": "x", "status": "complete", "hosts": hosts, "warnings": warnings,
            "collections": collections}],
    });
    let outcome = Documents::new().with("e", document.to_string()).gather("inventory");
    let endpoint = outcome.endpoint("e");
    let mut read: Vec<Value> = endpoint["hosts"].as_array().expect("hosts").clone();
    // The program decides the order of the two hosts, which have the same id and name.
    read.sort_by_key(|host| host.get("synthetic").is_some());
    for host in &mut read {
        if let Some(guests) = host.get_mut("guests").and_then(Value::as_array_mut) {
            guests.sort_by_key(|guest| guest.get("template").is_some());
        }
    }
    assert_eq!(json!(read), hosts);
    assert_eq!(endpoint["warnings"], warnings);
    assert_eq!(endpoint["collections"], collections);
}
