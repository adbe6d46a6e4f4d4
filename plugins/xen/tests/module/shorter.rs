//! Answers that are valid and say less than the truth, and records whose order or identities change.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::GuestState;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory};
use serde_json::{Value, json};

use super::{Served, count, guest, method};

/// Serves the sample with the records of one class, or of all, changed.
fn with_records(
    class: Option<&'static str>,
    change: impl Fn(&mut serde_json::Map<String, Value>) + Send + Sync + 'static,
) -> Served {
    Served::script(XapiFake::new(XapiInventory::sample()), move |fake, request| {
        let mut answer = fake.answer(request);
        let method = method(request);
        let asked = method.strip_suffix(".get_all_records");
        if let Action::Answer { body, .. } = &mut answer
            && asked.is_some_and(|asked| class.is_none_or(|class| class == asked))
        {
            let mut reply: Value = serde_json::from_slice(body).expect("a reply");
            change(reply["result"].as_object_mut().expect("records"));
            *body = reply.to_string().into_bytes();
        }
        answer
    })
}

#[test]
fn an_empty_list_of_what_every_pool_has_is_an_error() {
    for class in ["pool", "host", "VM", "host_metrics"] {
        let served = with_records(Some(class), serde_json::Map::clear);
        let error = served.gather().expect_err(class);
        assert_eq!(error.kind, ErrorKind::Protocol, "{class}: {error}");
        assert!(error.message.contains(&format!("the list of {class} records")), "{error}");
        assert_eq!(served.fake.open_sessions(), 0, "{class}");
    }
}

#[test]
fn an_empty_list_of_virtual_machines_is_an_error_if_the_hosts_name_none_too() {
    let served = Served::script(XapiFake::new(XapiInventory::sample()), |fake, request| {
        match method(request).as_str() {
            "host.get_all_records" => {
                let host = json!({"uuid": "h", "name_label": "h", "enabled": true});
                Action::json(200, &json!({"result": {"OpaqueRef:h": host}}))
            }
            "pool.get_all_records" => Action::json(200, &json!({"result": {"OpaqueRef:p": {}}})),
            "VM.get_all_records" => Action::json(200, &json!({"result": {}})),
            _ => fake.answer(request),
        }
    });
    let error = served.gather().expect_err("every host has a control domain");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

#[test]
fn the_virtual_machines_of_a_host_are_a_set_of_references() {
    for value in [Value::Null, json!("OpaqueRef:VM0"), json!([7]), json!({})] {
        let served = with_records(Some("host"), move |records| {
            records.values_mut().for_each(|record| record["resident_VMs"] = value.clone());
        });
        let error = served.gather().expect_err("not a set");
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    }
}

#[test]
fn a_frequency_that_is_not_positive_is_unknown() {
    for speed in ["-5", "0", "NaN", "inf", "1e999", "fast", ""] {
        let served = with_records(Some("host"), move |records| {
            records.values_mut().for_each(|record| record["cpu_info"]["speed"] = json!(speed));
        });
        let gathered = served.gather().expect("a complete answer");
        assert_eq!(gathered.hosts[0].cpu.frequency_mhz, None, "{speed}");
    }
}

#[test]
fn an_unknown_power_state_is_unknown() {
    let served = with_records(Some("VM"), |records| {
        records.values_mut().for_each(|record| record["power_state"] = json!("Migrating away"));
    });
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(guest(&gathered, "web").1.state, Some(GuestState::Unknown));
}

#[test]
fn guests_with_one_uuid_are_all_kept() {
    for uuid in
        ["00000000-0000-0000-0000-000000000000", "AAAAAAAA-0000-4000-8000-000000000001", "x"]
    {
        let served = with_records(Some("VM"), move |records| {
            records.values_mut().for_each(|record| record["uuid"] = json!(uuid));
        });
        assert_eq!(count(&served.gather().expect("a complete answer")), 9);
    }
}
