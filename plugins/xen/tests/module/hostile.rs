//! Hostile answers: an error or a complete answer, and never a crash.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Served, count, method};

/// Values of wrong types, references to nothing and to anything, and numbers of any size.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!("18446744073709551616")),
        Just(json!("OpaqueRef:NULL")),
        Just(json!("OpaqueRef:VM0")),
        Just(json!("OpaqueRef:host0")),
        Just(json!("OpaqueRef:VM_guest_metrics0")),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_0/]{1,6}", inner, 0..4)
                .prop_map(|members| json!(members)),
        ]
    })
}

/// A class, and a member of its records that the module reads.
fn member() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("pool", "name_label"),
        ("pool", "master"),
        ("host", "uuid"),
        ("host", "name_label"),
        ("host", "enabled"),
        ("host", "metrics"),
        ("host", "control_domain"),
        ("host", "resident_VMs"),
        ("host", "cpu_info"),
        ("host", "software_version"),
        ("host", "capabilities"),
        ("host_metrics", "live"),
        ("host_metrics", "memory_total"),
        ("VM", "uuid"),
        ("VM", "name_label"),
        ("VM", "power_state"),
        ("VM", "is_control_domain"),
        ("VM", "is_a_snapshot"),
        ("VM", "is_a_template"),
        ("VM", "resident_on"),
        ("VM", "metrics"),
        ("VM", "guest_metrics"),
        ("VM", "VCPUs_at_startup"),
        ("VM", "memory_static_max"),
        ("VM", "tags"),
        ("VM_metrics", "VCPUs_number"),
        ("VM_guest_metrics", "os_version"),
        ("VM_guest_metrics", "networks"),
        ("VIF", "VM"),
        ("VIF", "device"),
        ("VIF", "network"),
        ("VBD", "VM"),
        ("VBD", "VDI"),
        ("VBD", "userdevice"),
        ("VDI", "virtual_size"),
        ("network", "name_label"),
    ])
}

/// Serves the sample with one member of every record of a class replaced.
fn with_member(class: &str, name: &str, value: &Value) -> Served {
    let (call, name, value) = (format!("{class}.get_all_records"), name.to_owned(), value.clone());
    Served::script(XapiFake::new(XapiInventory::sample()), move |fake, request| {
        let mut answer = fake.answer(request);
        if let Action::Answer { body, .. } = &mut answer
            && method(request) == call
        {
            let mut reply: Value = serde_json::from_slice(body).expect("a reply");
            let records = reply["result"].as_object_mut().expect("records");
            for record in records.values_mut() {
                record[&name] = value.clone();
            }
            *body = reply.to_string().into_bytes();
        }
        answer
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_member_of_any_type_is_an_error_or_leaves_every_guest(
        (class, name) in member(),
        value in value(),
    ) {
        let served = with_member(class, name, &value);
        match served.gather() {
            // Only these two members say that a virtual machine is not a guest.
            Ok(_) if ["is_control_domain", "is_a_snapshot"].contains(&name) => {}
            Ok(gathered) => prop_assert_eq!(count(&gathered), 9, "{}.{}: {}", class, name, value),
            Err(error) => prop_assert_eq!(error.kind, ErrorKind::Protocol, "{}", error),
        }
        prop_assert_eq!(served.fake.open_sessions(), 0);
    }
}

#[test]
fn references_in_circles_end() {
    for (class, name, reference) in [
        ("VM", "parent", "OpaqueRef:VM0"),
        ("VM", "snapshot_of", "OpaqueRef:VM0"),
        ("VM", "guest_metrics", "OpaqueRef:VM_guest_metrics0"),
        ("VBD", "VDI", "OpaqueRef:VBD0"),
        ("VIF", "VM", "OpaqueRef:VM0"),
    ] {
        let served = with_member(class, name, &json!(reference));
        let gathered = served.gather().expect("a complete answer");
        assert_eq!(count(&gathered), 9, "{class}.{name}");
    }
}

#[test]
fn a_deeply_nested_or_endless_reply_is_an_error() {
    let nested = format!("{{\"result\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let twice = r#"{"result":{"OpaqueRef:1":{},"OpaqueRef:1":{}}}"#.to_owned();
    for body in [nested, twice, "{\"result\":{\"a\":".to_owned()] {
        let served =
            Served::script(XapiFake::new(XapiInventory::sample()), move |fake, request| {
                match method(request).as_str() {
                    "VM.get_all_records" => Action::answer(200, body.as_bytes()),
                    _ => fake.answer(request),
                }
            });
        let error = served.gather().expect_err("an invalid reply");
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    }
    let served = Served::script(XapiFake::new(XapiInventory::sample()), |fake, request| {
        match method(request).as_str() {
            "VM.get_all_records" => Action::gzip_bomb(),
            _ => fake.answer(request),
        }
    });
    let error = served.gather().expect_err("an endless reply");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}
