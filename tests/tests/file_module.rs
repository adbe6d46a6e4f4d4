//! Module File through the real program: the shapes of a document, what refuses one, and that
//! nothing of it is lost.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gatherer_tests::{Outcome, PluginFolder, Run};
use serde_json::{Value, json};

/// Documents in a folder, each an endpoint that is named as its file.
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
        "schemaVersion": "1.0", "generator": {"name": "somebody"},
        "endpoints": [{"id": "vc1", "status": status, "hosts": hosts}],
    })
    .to_string()
}

#[test]
fn a_map_of_hosts_a_gatherers_output_and_an_inventory_say_the_same() {
    let hosts = json!({"kvm1": host("h1")});
    let plain = Documents::new()
        .with("hosts", hosts.to_string())
        .with("managers", json!({"m": hosts}).to_string());
    let inventory = plain.gather("inventory").inventory();
    let of_managers = inventory["endpoints"][1]["hosts"].clone();
    assert_eq!(of_managers[0]["cpu"]["cores"], 16);

    let all = plain.with("inventory", inventory_of("complete", &of_managers));
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
fn the_hosts_of_all_managers_are_merged_and_none_is_lost() {
    let document = json!({"m1": {"kvm1": host("h1")}, "m2": {"kvm1": host("h2")}, "m3": {}});
    let outcome = Documents::new().with("e", document.to_string()).gather("gatherer");
    let document = outcome.document();
    let hosts = document["e"].as_ref().expect("complete");
    let keys: Vec<_> = hosts.keys().collect();
    assert_eq!(keys, ["kvm1 (h1)", "kvm1 (h2)"]);
    assert!(hosts.values().all(|host| host.name == "kvm1"));
}

#[test]
fn one_host_in_two_managers_stays_two_and_each_can_be_told_apart() {
    let document = json!({"m1": {"kvm1": host("h1")}, "m2": {"kvm1": host("h1")}});
    let outcome = Documents::new().with("e", document.to_string()).gather("gatherer");
    let document = outcome.document();
    let hosts = document["e"].as_ref().expect("complete");
    let mut identities: Vec<_> = hosts.values().map(|host| &host.host_identifier).collect();
    identities.dedup();
    assert_eq!(identities.len(), 2, "{identities:?}");
}

#[test]
fn a_null_manager_or_an_incomplete_endpoint_fails_its_own_endpoint_alone_and_is_named() {
    let documents = Documents::new()
        .with("good", json!({"kvm1": host("h1")}).to_string())
        .with("null", json!({"m1": {"kvm1": host("h1")}, "m2": null}).to_string())
        .with("incomplete", inventory_of("failed", &json!([])));
    let document = documents.gather("gatherer").document();
    assert_eq!(document["good"].as_ref().map(BTreeMap::len), Some(1));
    assert!(document["null"].is_none() && document["incomplete"].is_none());

    let outcome = documents.gather("inventory");
    for (id, name) in [("null", "m2"), ("incomplete", "vc1")] {
        let error = &outcome.endpoint(id)["error"];
        assert_eq!(error["kind"], "unavailable", "{error}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(name)), "{error}");
    }
}

#[test]
fn what_is_no_document_is_an_error_of_the_right_kind_that_does_not_quote_it() {
    let cases: [(&str, Vec<u8>, &str, &str); 12] = [
        ("no JSON", b"{\"a\": hunter2}".to_vec(), "protocol", "line 1"),
        (
            "cut off",
            b"{\"a\": {\"vms\": {\"w\": \"hunter2".to_vec(),
            "protocol",
            "ends in the middle",
        ),
        ("nothing", Vec::new(), "protocol", "empty"),
        ("a list", b"[\"hunter2\"]".to_vec(), "protocol", "an array"),
        ("no hosts", b"{\"kvm9\": \"hunter2\"}".to_vec(), "protocol", "kvm9"),
        ("no vms", br#"{"m": {"kvm9": {"name": "hunter2"}}}"#.to_vec(), "protocol", "kvm9"),
        ("null id", br#"{"kvm9": {"vms": {"web": null}}}"#.to_vec(), "protocol", "web"),
        ("twice", br#"{"kvm9": {"vms": {}}, "kvm9": {"vms": {}}}"#.to_vec(), "protocol", "kvm9"),
        ("guest twice", br#"{"k": {"vms": {"w": "1", "w": "2"}}}"#.to_vec(), "protocol", "\"w\""),
        ("bytes", b"{\"\xff\": null}".to_vec(), "protocol", "UTF-8"),
        (
            "deep",
            format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into(),
            "protocol",
            "nested",
        ),
        ("future", br#"{"schemaVersion": "2.0", "endpoints": []}"#.to_vec(), "unsupported", "2"),
    ];
    let documents =
        cases.iter().fold(Documents::new(), |documents, (id, bytes, ..)| documents.with(id, bytes));
    let outcome = documents.gather("inventory");
    for (id, _, kind, part) in &cases {
        let error = &outcome.endpoint(id)["error"];
        assert_eq!(error["kind"], *kind, "{id}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(part)), "{id}: {error}");
    }
    assert!(!outcome.stdout_text().contains("hunter2"));
    assert!(!outcome.messages().contains("hunter2"), "{}", outcome.messages());
}

#[test]
fn what_would_be_complete_and_empty_by_mistake_is_refused() {
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
        .with("misnamed", inventory(misnamed))
        .with("contradiction", inventory(contradiction))
        .with("envelope", r#"{"error": {}}"#)
        .gather("inventory");
    for (id, part) in
        [("misnamed", "\"vms\""), ("contradiction", "\"vc1\""), ("envelope", "\"error\"")]
    {
        let error = &outcome.endpoint(id)["error"];
        assert_eq!(error["kind"], "protocol", "{id}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(part)), "{error}");
    }
    assert!(!outcome.messages().contains("hunter2"), "{}", outcome.messages());
}

#[test]
fn a_collection_that_is_complete_and_has_an_error_is_a_failed_one() {
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
fn managers_without_any_host_are_complete_with_a_warning() {
    let outcome = Documents::new().with("e", r#"{"k1": {}, "k2": {}}"#).gather("inventory");
    let endpoint = outcome.endpoint("e");
    assert_eq!(endpoint["status"], "complete");
    let message = "it lists 2 managers and no host at all";
    assert_eq!(endpoint["warnings"], json!([{"object": "document", "message": message}]));
}

#[test]
fn which_of_two_twins_has_which_identity_does_not_depend_on_their_guests() {
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
fn a_file_that_is_not_there_is_an_error_of_its_endpoint() {
    let documents = Documents::new().with("e", "{}");
    std::fs::remove_file(documents.path("e")).expect("the file can be removed");
    let error = documents.gather("inventory").endpoint("e")["error"].clone();
    assert_eq!(error["kind"], "configuration", "{error}");
}

#[test]
fn a_byte_order_mark_and_a_file_url_are_fine() {
    let mut documents = Documents::new().with("e", "\u{feff}{\"kvm1\": {\"vms\": {}}}");
    let url = format!("file://{}", documents.path("e").display());
    documents.endpoints[0]["url"] = json!(url);
    let document = documents.gather("gatherer").document();
    assert!(document["e"].as_ref().is_some_and(|hosts| hosts.contains_key("kvm1")));
}

#[test]
fn what_the_classic_gatherer_got_wrong_is_understood() {
    let node = json!({
        "name": "node1", "hostIdentifier": "0a1b2c", "type": "kubernetes", "os": "SLES 15",
        "osVersion": 1, "totalCpuSockets": "4", "totalCpuCores": "4", "totalCpuThreads": 1,
        "cpuMhz": "4", "cpuArch": "amd64", "cpuVendor": "(unknown)", "cpuDescription": null,
        "ramMb": 2048.0, "vms": {},
    });
    let document = json!({"m": {"node1": node}}).to_string();
    let outcome = Documents::new().with("e", document).gather("gatherer");
    let document = outcome.document();
    let node = &document["e"].as_ref().expect("complete")["node1"];
    assert_eq!((node.total_cpu_sockets, node.total_cpu_cores, node.ram_mb), (4, 4, 2048));
    assert_eq!((node.os_version.as_str(), node.cpu_arch.as_str()), ("1", "x86_64"));
}

#[test]
fn what_cannot_be_understood_is_left_out_with_a_warning() {
    let mut odd = host("h1");
    odd["totalCpuCores"] = json!("hunter2");
    odd["rack"] = json!("hunter2");
    odd["optionalVmData"] = json!({"gone": {"vmState": "running"}});
    let outcome = Documents::new().with("e", json!({"kvm1": odd}).to_string()).gather("inventory");
    let endpoint = outcome.endpoint("e");
    assert_eq!(endpoint["status"], "complete");
    assert_eq!(endpoint["hosts"][0]["cpu"].get("cores"), None);
    let warnings = endpoint["warnings"].to_string();
    for part in ["totalCpuCores", "rack", "gone"] {
        assert!(warnings.contains(part), "{warnings}");
    }
    assert!(!warnings.contains("hunter2"), "{warnings}");
}

#[test]
fn libvirts_own_words_are_states_and_are_printed_as_they_were() {
    let mut odd = host("h1");
    odd["optionalVmData"] = json!({"web": {"vmState": "shut off"}});
    let documents = Documents::new().with("e", json!({"kvm1": odd}).to_string());
    let guest = documents.gather("inventory").endpoint("e")["hosts"][0]["guests"][0].clone();
    assert_eq!((&guest["state"], &guest["sourceState"]), (&json!("stopped"), &json!("shut off")));
    let outcome = documents.gather("gatherer").expect_code(0);
    assert!(outcome.stdout_text().contains("\"vmState\": \"shut off\""));
}

#[test]
fn an_inventory_that_is_read_back_is_the_same_with_its_warnings_and_collections() {
    let hosts = json!([
        {"id": "h1", "name": "a", "cpu": {"millicores": 3920, "frequencyMhz": 2400.0},
         "labels": {"zone": "1"}, "taints": [{"key": "k", "effect": "NoSchedule"}],
         "identifiers": {"machineId": "h1", "rawUuid": "X"}, "createdAt": "2024-05-01T10:00:00Z",
         "guests": [
             {"id": "1", "name": "web", "state": "blocked", "sourceState": "idle", "cpus": 2},
             {"name": "web", "template": true}]},
        {"id": "h1", "name": "a", "synthetic": true},
    ]);
    let warnings = json!([{"object": "a", "message": "odd"}]);
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
    // The two hosts of one id and name stand in an order of the program's own.
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
