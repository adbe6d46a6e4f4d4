//! Recorded answers, which are not part of the repository.

use std::path::Path;

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::file;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory};
use gatherer_tests::skip;
use serde_json::{Value, json};

use super::{Served, count, method};

/// The text of a recording with the result of one call, in which `Infinity` can stand.
fn result(folder: &Path, name: &str, call: &str) -> String {
    let bytes = file::read(&folder.join(name), 1024 * 1024).expect("the answer was recorded");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let start = text.find("\"expected_result\"").expect("a result");
    let start = start + text[start..].find(&format!("\"{call}\": {{")).expect(call);
    let start = start + text[start..].find('{').expect("an object");
    let mut depth = 0;
    let end = text[start..].char_indices().find(|(_, character)| {
        depth += match character {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        depth == 0
    });
    text[start..=start + end.expect("the end of the object").0].to_owned()
}

/// Answers the list of virtual machines with this, in a pool whose only host has the reference that it uses.
fn gather(
    answer: String,
) -> Result<gatherer_plugin_api::testing::Gathered, gatherer_plugin_api::GatherError> {
    let mut inventory = XapiInventory::sample();
    inventory.vms.clear();
    inventory.hosts.truncate(1);
    let served = Served::script(XapiFake::new(inventory), move |fake, request| {
        let records = match method(request).as_str() {
            "VM.get_all_records" => return Action::answer(200, answer.as_bytes()),
            "host.get_all_records" => json!({
                "OpaqueRef:4a0fde9c-5709-4f66-9968-64fb6162bd97": {"uuid": "h", "name_label": "host0"},
            }),
            "pool.get_all_records" => json!({
                "OpaqueRef:p": {"master": "OpaqueRef:4a0fde9c-5709-4f66-9968-64fb6162bd97"},
            }),
            _ => return fake.answer(request),
        };
        Action::json(200, &json!({"result": records}))
    });
    served.gather()
}

#[test]
fn reads_the_recorded_answers() {
    let Some(folder) = gatherer_tests::recorded("xapi") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let answer = result(&folder, "vm_get_all_records.json", "VM.get_all_records");
    let gathered = gather(answer).expect("a complete answer");
    assert_eq!(count(&gathered), 2);
    let guests = &gathered.hosts[0].guests;
    let known = |value: Option<u64>| value.is_some_and(|value| value > 0);
    assert!(guests.iter().all(|guest| known(guest.memory_bytes)), "{guests:?}");
    assert_eq!(guests.iter().filter(|guest| guest.cpus.is_some()).count(), 1);
    assert_eq!(guests.iter().filter(|guest| guest.uuid.is_some()).count(), 2);

    // Records with infinite numbers, and without a UUID.
    let answer = result(&folder, "vm_special_value.json", "VM.get_all_records");
    assert!(answer.contains("Infinity,"), "{answer}");
    let error = gather(answer).expect_err("records without a UUID");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.contains("uuid"), "{error}");

    for (name, call, kind) in [
        ("xapi_error.json", "VM.get_record", ErrorKind::Unavailable),
        ("rpc_error.json", "VM.get_record", ErrorKind::Protocol),
    ] {
        let error = gather(result(&folder, name, call)).expect_err(name);
        assert_eq!(error.kind, kind, "{name}: {error}");
    }
}

/// The names and types of the fake's members are those of the class schema.
#[test]
fn the_fake_has_every_member_of_the_classes() {
    let Some(folder) = gatherer_tests::recorded("xapi") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let bytes = file::read(&folder.join("fields-of-the-classes.json"), 1024 * 1024);
    let bytes = bytes.expect("the schema");
    let classes: Value = serde_json::from_slice(&bytes).expect("JSON");
    let served = Served::fake(XapiFake::new(XapiInventory::sample()));
    for class in ["pool", "host", "host_metrics", "VM", "VM_guest_metrics"] {
        let records = served.fake.records(class);
        assert!(!records.is_empty(), "{class}");
        let members = classes[class].as_object().expect("a class");
        for record in records {
            let record = record.as_object().expect("a record");
            for (name, kind) in members {
                let kind = kind.as_str().expect("a type");
                let value = record.get(name).unwrap_or_else(|| panic!("{class}.{name} is missing"));
                let fits = match kind {
                    _ if kind.ends_with(" set") => value.is_array(),
                    _ if kind.ends_with(" map") => value.is_object(),
                    "int" => value.is_u64() || value.is_i64(),
                    "float" => value.is_f64(),
                    "bool" => value.is_boolean(),
                    _ => value.is_string(),
                };
                assert!(fits, "{class}.{name} is {value}, not of type {kind}");
            }
            assert_eq!(record.len(), members.len(), "{class} has other members too");
        }
    }
}
