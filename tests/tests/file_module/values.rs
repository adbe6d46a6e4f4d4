//! How the values of a document are read: types, impossible numbers, states, and what cannot be read.

use gatherer_tests::assert_message;
use serde_json::json;

use super::{Documents, host};

#[test]
fn reads_values_of_wrong_types_as_earlier_gatherers_printed_them() {
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
fn ignores_invalid_values_with_a_warning() {
    let mut host = host("h1");
    host["totalCpuCores"] = json!("hunter2");
    host["rack"] = json!("hunter2");
    host["optionalVmData"] = json!({"gone": {"vmState": "running"}});
    let outcome = Documents::new().with("e", json!({"kvm1": host}).to_string()).gather("inventory");
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
fn guest_ids_can_be_numbers_and_unreadable_optional_values_are_ignored() {
    let guests = r#""vms": {"a": 1.0, "b": 123456789012345678901234567890, "c": -1}"#;
    let outcome = Documents::new()
        .with("ids", format!(r#"{{"kvm1": {{"hostIdentifier": 12, {guests}}}}}"#))
        .with(
            "optional",
            r#"{"kvm1": {"hostIdentifier": "h", "vms": {}, "cpuMhz": NaN, "os": "\ud800"}}"#,
        )
        .with("lost id", r#"{"kvm1": {"hostIdentifier": "h", "vms": {"web": "\udc00"}}}"#)
        .with("lost host", r#"{"m": {"kvm1": Infinity}}"#)
        .gather("inventory");
    let host = outcome.endpoint("ids")["hosts"][0].clone();
    assert_eq!(host["id"], "12");
    let guests = host["guests"].as_array().expect("guests").iter();
    let ids: Vec<_> = guests.map(|guest| guest["id"].as_str().expect("a text")).collect();
    assert_eq!(ids, ["-1", "1.0", "123456789012345678901234567890"]);
    let optional = outcome.endpoint("optional");
    assert_eq!(optional["status"], "complete");
    assert_eq!(optional["warnings"].as_array().map(Vec::len), Some(2));
    for id in ["lost id", "lost host"] {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, "protocol");
        assert!(failure.message.contains("line 1"), "{failure}");
    }
}

#[test]
fn impossible_numbers_are_ignored_with_a_warning_and_absent() {
    let members = ["totalCpuSockets", "totalCpuCores", "totalCpuThreads", "cpuMhz", "ramMb"];
    let numbers = ["-1", "1e308", "4294967295", "18446744073709551615"];
    let mut documents = Documents::new();
    for number in &numbers {
        let members = members.map(|member| format!("\"{member}\": {number}")).join(", ");
        let document =
            format!("{{\"kvm1\": {{\"hostIdentifier\": \"h\", \"vms\": {{}}, {members}}}}}");
        documents = documents.with(number, document);
    }
    let outcome = documents.gather("inventory");
    let mut messages = Vec::new();
    for number in &numbers {
        let endpoint = outcome.endpoint(number);
        assert_eq!(endpoint["status"], "complete");
        let host = endpoint["hosts"][0].as_object().expect("a host");
        assert!(!host.contains_key("cpu") && !host.contains_key("memoryBytes"), "{host:?}");
        let warnings = endpoint["warnings"].as_array().expect("warnings");
        let warnings: Vec<_> =
            warnings.iter().map(|warning| warning["message"].as_str().expect("a text")).collect();
        messages.push(format!("{number}:\n    {}", warnings.join("\n    ")));
    }
    assert_message!(messages.join("\n"));
}

#[test]
fn words_of_any_source_become_labels_of_the_manager_and_stay_in_the_inventory() {
    let words = [
        ("shut off", "stopped", "stopped"),
        ("in shutdown", "shuttingDown", "shutting_down"),
        ("idle", "blocked", "running"),
        ("pmsuspended", "suspended", "suspended"),
        ("SHUTTING DOWN", "shuttingDown", "shutting_down"),
        ("poweredOn", "running", "running"),
        ("POWEROFF", "stopped", "stopped"),
        ("dancing", "unknown", "unknown"),
    ];
    let mut host = host("h1");
    for (word, ..) in words {
        host["vms"][word] = json!(format!("id of {word}"));
        host["optionalVmData"][word] = json!({"vmState": word});
    }
    let documents = Documents::new().with("e", json!({"kvm1": host}).to_string());
    let endpoint = documents.gather("inventory").endpoint("e");
    let guests = endpoint["hosts"][0]["guests"].as_array().expect("guests");
    let document = documents.gather("gatherer").document();
    let printed = &document["e"].as_ref().expect("complete")["kvm1"];
    let data = printed.optional_vm_data.as_ref().expect("states");
    for (word, state, label) in words {
        let guest = guests.iter().find(|guest| guest["name"] == word).expect(word);
        assert_eq!((&guest["state"], &guest["sourceState"]), (&json!(state), &json!(word)));
        assert_eq!(guest.get("attributes"), None);
        assert_eq!(data[word]["vmState"], label, "{word}");
    }
}
