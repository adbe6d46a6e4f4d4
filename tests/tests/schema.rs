//! The schemas in `docs/schema`: the program prints them, they are valid, and real documents are valid with
//! them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gatherer_plugin_api::model::GuestState;
use gatherer_tests::{PluginFolder, Run};
use jsonschema::Validator;
use serde_json::{Value, json};

#[path = "file_module_items/sample.rs"]
mod sample;

const NAMES: [&str; 8] =
    ["inventory", "ndjson", "found", "matches", "diff", "virt-who", "manifest", "request"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn committed(name: &str) -> PathBuf {
    repository().join("docs/schema").join(format!("{name}.json"))
}

fn read_json(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn validator(name: &str) -> Validator {
    jsonschema::options()
        .should_validate_formats(true)
        .build(&read_json(&committed(name)))
        .unwrap_or_else(|error| panic!("docs/schema/{name}.json: {error}"))
}

/// Panics unless a document is valid.
#[track_caller]
fn assert_fits(validator: &Validator, document: &Value) {
    let problems: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}\n{document:#}");
}

#[test]
fn the_committed_schemas_are_those_of_the_program() {
    for name in NAMES {
        let printed = Run::new().args(["schema", name]).run().expect_code(0);
        let committed = std::fs::read_to_string(committed(name));
        assert!(
            committed.is_ok_and(|text| text == printed.stdout_text()),
            "docs/schema/{name}.json is out of date: run `make docs`"
        );
    }
}

#[test]
fn the_schemas_conform_to_2020_12_and_describe_every_member() {
    for name in NAMES {
        let schema = read_json(&committed(name));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        jsonschema::draft202012::meta::validate(&schema)
            .unwrap_or_else(|error| panic!("docs/schema/{name}.json: {error}"));
        assert!(schema["title"].is_string(), "{name} lacks a title");
        let definitions = schema["$defs"].as_object().into_iter().flatten();
        for (type_name, definition) in definitions.chain([(&name.to_owned(), &schema)]) {
            let described = |value: &Value| {
                value["description"].as_str().is_some_and(|text| {
                    // Text for readers of the source code does not belong in a schema.
                    !text.is_empty() && !text.contains("```") && !text.contains("crate::")
                })
            };
            assert!(described(definition), "{type_name} in {name} lacks a plain description");
            for (member, value) in definition["properties"].as_object().into_iter().flatten() {
                assert!(described(value), "{type_name}.{member} in {name} lacks a description");
            }
        }
    }
}

#[test]
fn the_differences_of_documents_are_valid() {
    let guest = |id: &str, labels: Value| json!({"id": id, "name": "web", "labels": labels});
    let inventory = |guests: Value, pod: &str| {
        json!({"schemaVersion": "1.4", "generator": {"name": "test"}, "endpoints": [
            {"id": "e", "status": "complete", "hosts": [
                {"id": "1", "name": "h", "guests": guests}, {"id": "2", "name": "i"}],
             "collections": {"pods": {"status": "complete"}},
             "workloads": {"pods": [{"namespace": "n", "name": pod, "uid": pod}]}},
            {"id": "failed", "status": "failed",
             "error": {"kind": "tls", "message": "expired", "retryable": false}}]})
    };
    let manager = |id: &str| {
        let host = json!({"hostIdentifier": id, "vms": {"web": "a", "db": "b"}});
        json!({"e": {"h": host}, "gone": {}, "failed": null})
    };
    let documents = [
        inventory(json!([guest("a", json!({})), guest("b", json!({}))]), "p1"),
        inventory(json!([guest("a", json!({"x": "y"})), guest("c", json!({}))]), "p2"),
        manager("1"),
        manager("3"),
        json!({}),
    ];
    let validator = validator("diff");
    for old in &documents {
        for new in &documents {
            let run = Run::new().args(["diff", "old.json", "new.json", "--format", "json"]);
            std::fs::write(run.home().join("old.json"), old.to_string()).expect("writable");
            std::fs::write(run.home().join("new.json"), new.to_string()).expect("writable");
            let outcome = run.run().expect_code(0);
            let report = serde_json::from_slice(&outcome.stdout).expect("JSON");
            assert_fits(&validator, &report);
        }
    }
}

/// One endpoint for each kind of result.
fn endpoints(inventory_file: &Path) -> Value {
    json!([
        {"id": "good", "module": "Example", "hostname": "kvm1", "guests": "3"},
        {"id": "empty", "module": "File", "url": "empty.json"},
        {"id": "warned", "module": "Example", "hostname": "kvm2", "no_such_parameter": "x"},
        {"id": "collections", "module": "File", "url": inventory_file},
        {"id": "workloads", "module": "File", "url": "workloads.json"},
        {"id": "libvirt", "module": "Libvirt", "uri": "test:///default"},
        {"id": "missing parameter", "module": "Example"},
        {"id": "no such file", "module": "File", "url": "/nonexistent/hosts.json"},
        {"id": "late", "module": "Example", "hostname": "kvm3", "delay_ms": 60_000, "timeout": 0.2},
        {"id": "no module"},
    ])
}

/// An inventory of another program with every member that a plugin may deliver for hosts.
fn rich_inventory() -> Value {
    let images = json!([{"names": ["docker.io/library/nginx:1"]}]);
    let mut inventory = json!({
        "schemaVersion": "1.1",
        "generator": {"name": "another program", "version": "1"},
        "endpoints": [{
            "id": "cluster",
            "status": "complete",
            "hosts": [{
                "id": "d1bf9f0f6e0a4ad1a3a1c7a1b7f4a921",
                "name": "node1",
                "shortName": "n1",
                "hypervisor": {"type": "kubernetes", "version": "1.33"},
                "software": {"name": "Kubernetes", "version": "1.33"},
                "os": {"name": "SLES", "version": "15"},
                "identifiers": {
                    "machineId": "d1bf9f0f6e0a4ad1a3a1c7a1b7f4a921",
                    "previous": "node1",
                    "rawUuid": "4C4C4544",
                },
                "state": "maintenance",
                "sourceState": "SchedulingDisabled",
                "cpu": {"architecture": "x86_64", "frequencyMhz": 2400.5, "millicores": 7500},
                "memoryBytes": 2_251_799_813_685_248_u64,
                "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
                "location": {"datacenter": "d", "cluster": "c", "folder": "/f"},
                "provider": {"name": "aws", "instanceId": "i-1", "region": "r", "zone": "z"},
                "labels": {"a": "b"},
                "taints": [{"key": "k", "effect": "NoSchedule"}],
                "roles": ["worker"],
                "conditions": [{
                    "type": "Ready",
                    "status": "True",
                    "lastTransitionTime": "2026-01-02T03:04:05Z",
                }],
                "capacity": {"memory": "16Gi"},
                "allocatable": {"memory": "15Gi"},
                "versions": {"kernel": "6.4"},
                "createdAt": "2026-01-02T03:04:05Z",
                "synthetic": true,
                "guests": [{
                    "name": "no id",
                    "state": "shuttingDown",
                    "template": true,
                    "createdAt": "2026-01-02T03:04:05Z",
                    "attributes": {"vmware_uuid": "x"},
                }],
            }],
            "collections": {
                "pods": {
                    "status": "failed",
                    "error": {
                        "kind": "rate-limited", "message": "GET /api/v1/pods: 429",
                        "hint": "wait", "retryable": true, "retryAfterMs": 1000,
                    },
                },
                "namespaces": {"status": "complete"},
            },
        }],
    });
    inventory["endpoints"][0]["hosts"][0]["images"] = images;
    inventory
}

/// An inventory of another program with every member besides hosts.
fn rich_workloads() -> Value {
    json!({
        "schemaVersion": "1.1", "generator": {"name": "another program"},
        "endpoints": [sample::endpoint("cluster")],
    })
}

fn gathered(more: &[&str]) -> Value {
    let plugins = PluginFolder::with(&["example", "file", "libvirt"]);
    let run = Run::new().args(["--infile", "-", "--format", "inventory"]).args(more);
    let inventory_file = run.home().join("inventory.json");
    for (path, text) in [
        (inventory_file.clone(), rich_inventory().to_string()),
        (run.home().join("empty.json"), "{}".to_owned()),
        (run.home().join("workloads.json"), rich_workloads().to_string()),
    ] {
        std::fs::write(path, text).expect("the file can be written");
    }
    let endpoints = endpoints(&inventory_file);
    run.plugins(plugins.path()).stdin(endpoints.to_string()).run().inventory()
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

#[test]
fn every_inventory_is_valid_and_omits_unknown_values() {
    let schema = validator("inventory");
    for more in [&[][..], &["--no-run-info"][..]] {
        let document = gathered(more);
        assert_fits(&schema, &document);
        assert!(!has_null(&document), "an unknown value is absent, not null: {document:#}");

        let endpoint = |id: &str| gatherer_tests::inventory_endpoint(&document, id);
        assert_eq!(endpoint("good")["hosts"][0]["guests"].as_array().map(Vec::len), Some(3));
        assert_eq!(endpoint("empty")["status"], "complete");
        assert_eq!(endpoint("warned")["warnings"].as_array().map(Vec::len), Some(1));
        let cluster = endpoint("collections");
        assert_eq!(cluster["status"], "complete", "a failed collection does not fail the endpoint");
        assert_eq!(cluster["collections"]["pods"]["error"]["kind"], "rate-limited");
        assert_eq!(
            cluster["hosts"],
            rich_inventory()["endpoints"][0]["hosts"],
            "module File changes nothing"
        );
        let workloads = endpoint("workloads");
        assert_eq!(
            workloads["workloads"],
            sample::endpoint("x")["workloads"],
            "module File changes nothing"
        );
        assert_eq!(workloads["detachedGuests"].as_array().map(Vec::len), Some(1));
        assert_eq!(endpoint("missing parameter")["error"]["kind"], "configuration");
        assert_eq!(endpoint("late")["error"]["kind"], "timeout");
        assert_eq!(document["run"].is_object(), more.is_empty());
    }
}

#[test]
fn rejects_wrong_inventories() {
    let schema = validator("inventory");
    let good = rich_inventory();
    assert_fits(&schema, &good);
    for (pointer, wrong) in [
        ("/schemaVersion", json!(1.0)),
        ("/endpoints", json!({})),
        ("/endpoints/0/status", json!("partial")),
        ("/endpoints/0/hosts/0/memoryBytes", json!("16Gi")),
        ("/endpoints/0/hosts/0/memoryBytes", json!(-1)),
        ("/endpoints/0/hosts/0/cpu/sockets", json!(1.5)),
        ("/endpoints/0/hosts/0/createdAt", json!("yesterday")),
        ("/endpoints/0/hosts/0/guests/0/state", json!("shut off")),
        ("/endpoints/0/hosts/0/labels", json!({"a": 1})),
        ("/endpoints/0/collections/pods/error/kind", json!("bad luck")),
    ] {
        let mut document = good.clone();
        let (parent, member) = pointer.rsplit_once('/').expect("a pointer has a slash");
        document.pointer_mut(parent).expect(pointer)[member] = wrong;
        assert!(!schema.is_valid(&document), "{pointer}");
    }
    let good = rich_workloads();
    assert_fits(&schema, &good);
    for (pointer, wrong) in [
        ("/endpoints/0/detachedGuests", json!({})),
        ("/endpoints/0/workloads", json!([])),
        ("/endpoints/0/workloads/pods/0/uid", json!(1)),
        ("/endpoints/0/workloads/pods/0/host/name", json!(null)),
        ("/endpoints/0/workloads/pods/0/createdAt", json!("yesterday")),
        ("/endpoints/0/workloads/pods/0/containers/0/kind", json!("helper")),
        ("/endpoints/0/workloads/pods/0/containers/0/state", json!("Running")),
        ("/endpoints/0/workloads/controllers/0/desiredReplicas", json!(-1)),
        ("/endpoints/0/workloads/services/0/ports/0/port", json!(70_000)),
        ("/endpoints/0/workloads/secrets/0/keys", json!({"password": "x"})),
        ("/endpoints/0/collections/pods/status", json!("partial")),
    ] {
        let mut document = good.clone();
        *document.pointer_mut(pointer).expect(pointer) = wrong;
        assert!(!schema.is_valid(&document), "{pointer}");
    }
}

#[test]
fn accepts_the_manifest_of_every_plugin_and_rejects_wrong_ones() {
    let schema = validator("manifest");
    let mut found = 0;
    for entry in std::fs::read_dir(repository().join("plugins")).expect("plugins/ can be listed") {
        let path = entry.expect("plugins/ can be listed").path().join("manifest.json");
        assert_fits(&schema, &read_json(&path));
        found += 1;
    }
    assert!(found >= 3, "{found} plugins");

    let mut good = read_json(&repository().join("plugins/example/manifest.json"));
    good["version"] = json!("1");
    assert_fits(&schema, &good);
    for (pointer, wrong) in [
        ("/version", json!(1)),
        ("/modules", json!([])),
        ("/modules/0/name", json!("")),
        ("/modules/0/name", json!("a b")),
        ("/modules/0/parameters/0/name", json!("a.b")),
        ("/modules/0/parameters/0/type", json!("text")),
        ("/modules/0/parameters/0/default", json!(true)),
        ("/modules/0/parameters/0/default", json!([])),
        ("/modules/0/parameters/0/required", json!("yes")),
    ] {
        let mut document = good.clone();
        *document.pointer_mut(pointer).expect(pointer) = wrong;
        assert!(!schema.is_valid(&document), "{pointer}: {document:#}");
    }
}

/// Collects every `const` and the name of every member in a schema.
fn words(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Array(items) => items.iter().for_each(|item| self::words(item, words)),
        Value::Object(members) => {
            words.extend(members.get("const").and_then(Value::as_str).map(str::to_owned));
            words.extend(
                members
                    .get("properties")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flat_map(|properties| properties.keys().cloned()),
            );
            members.values().for_each(|member| self::words(member, words));
        }
        _ => {}
    }
}

#[test]
fn the_page_about_the_inventory_has_every_member_and_every_state() {
    let page = repository().join("docs/inventory.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    let mut all = BTreeSet::new();
    words(&read_json(&committed("inventory")), &mut all);
    assert!(all.len() > 100, "{all:?}");
    for word in all {
        assert!(page.contains(&format!("`{word}`")), "{word} is missing in docs/inventory.md");
    }
    let (_, example) = page.split_once("```json\n").expect("the page has an example");
    let (example, _) = example.split_once("```").expect("the code block is closed");
    let example = serde_json::from_str(example).expect("the example is JSON");
    assert_fits(&validator("inventory"), &example);
    for state in GuestState::ALL {
        let word = serde_json::to_value(state).expect("a state is a word");
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", text(&word))))
            .filter(|row| {
                let ending =
                    format!("| `{}` | {} |", state.manager_label(), state.virt_who_number());
                row.ends_with(&ending)
            });
        assert!(row.is_some(), "docs/inventory.md has a wrong label or number for {word}");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("the value is a string")
}

#[test]
fn accepts_requests_of_a_manager_and_of_people_and_rejects_wrong_ones() {
    let schema = validator("request");
    let good = [
        json!([]),
        json!({"module": "File", "url": "/srv/hosts.json"}),
        json!([{"id": "1", "module": "VMware", "hostname": "v", "port": "443", "username": null}]),
        json!([{"id": 7, "module": "Example", "hostname": "h", "guests": 3, "timeout": "1.5"}]),
        json!([{"id": null, "module": "M", "retries": 3, "insecure": true, "proxy": "none"}]),
        json!([{"module": "M", "password": {"file": "/run/secrets/p"}, "user": {"env": "U"}}]),
        json!([{"module": "M", "names": ["a", 1], "ca_file": "~/ca.pem"}]),
    ];
    for document in &good {
        assert_fits(&schema, document);
    }
    assert_fits(&schema, &read_json(&repository().join("demo/request.json")));

    for wrong in [
        json!("text"),
        json!([1]),
        json!([{}]),
        json!([{"module": 1}]),
        json!([{"id": true, "module": "M"}]),
        json!([{"module": "M", "password": {"file": "a", "env": "b"}}]),
        json!([{"module": "M", "password": {"vault": "a"}}]),
        json!([{"module": "M", "names": [["a"]]}]),
    ] {
        assert!(!schema.is_valid(&wrong), "{wrong}");
    }
}
