//! Answers that are valid and say less than the truth.

use gatherer_plugin_api::testing::Gathered;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::proxmox::{Change, FakeProxmox, Release};
use serde_json::{Value, json};

use super::{Served, gather};

fn cluster() -> FakeProxmox {
    FakeProxmox::cluster(Release::Nine)
}

/// Answers one path with this data, and the others correctly.
fn with_data(path: &'static str, data: Value) -> Result<Gathered, GatherError> {
    let fake = cluster();
    let served = Served::script(move |request| match request.path().strip_prefix("/api2/json") {
        Some(asked) if asked == path => Action::json(200, &json!({ "data": data })),
        _ => fake.answer(request),
    });
    served.gather()
}

#[test]
fn a_node_that_is_listed_twice_does_not_stand_for_a_missing_one() {
    let node = json!({"node": "pve-a", "status": "online"});
    let error = with_data("/nodes", json!([node, node])).expect_err("a node is missing");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

#[test]
fn every_member_of_the_cluster_is_in_the_list_of_nodes() {
    let member = |name: &str| json!({"type": "node", "name": name, "online": 1});
    // Without a number of nodes, and with a number that is too small.
    for cluster in
        [json!({"type": "cluster", "name": "lab"}), json!({"type": "cluster", "nodes": 1})]
    {
        let status = json!([cluster, member("pve-a"), member("pve-b"), member("pve-c")]);
        let error = with_data("/cluster/status", status).expect_err("a node is missing");
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert!(error.message.contains("pve-c"), "{error}");
    }
}

#[test]
fn a_cluster_without_members_is_an_error() {
    for status in [json!([]), json!([{"type": "cluster", "name": "lab", "nodes": 2}])] {
        let error = with_data("/cluster/status", status).expect_err("no member");
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    }
}

#[test]
fn a_second_list_that_lacks_guests_that_were_read_does_not_confirm_a_deletion() {
    for second in [json!([]), json!([{"type": "qemu", "vmid": 100, "node": "pve-a"}])] {
        let mut fake = cluster();
        fake.change = Some(Change::Deleted(101));
        let lists = std::sync::atomic::AtomicUsize::new(0);
        let served = Served::script(move |request| {
            if request.path() == "/api2/json/cluster/resources"
                && lists.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0
            {
                return Action::json(200, &json!({ "data": second }));
            }
            fake.answer(request)
        });
        let error = served.gather().expect_err("most guests are missing");
        assert_eq!((error.kind, error.retryable), (ErrorKind::Unavailable, true), "{error}");
    }
}

/// A node lists its own guests from its own files.
#[test]
fn an_empty_list_is_an_error_if_a_node_has_guests() {
    let error = with_data("/cluster/resources", json!([])).expect_err("there are guests");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
}

/// A configuration has at least its checksum. Without it, the guest would have another identity.
#[test]
fn an_empty_configuration_is_an_error() {
    let error = with_data("/nodes/pve-a/qemu/100/config", json!({})).expect_err("empty");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.contains("/nodes/pve-a/qemu/100/config"), "{error}");
}

/// The details of a guest, answered in ways that no real server does.
#[test]
fn a_configuration_that_is_cut_compressed_or_redirected_is_an_error() {
    let gzip = Action::gzip(br#"{"data":{"digest":"1"}}"#);
    let Action::Answer { mut body, headers, .. } = gzip else { panic!("an answer") };
    body.truncate(body.len() - 9);
    for answer in [
        Action::Answer { status: 200, headers, body },
        Action::truncated_chunks(br#"{"data":{"#),
        Action::with_length(1000, br#"{"data":{"digest":"1"}}"#),
        Action::redirect("https://127.0.0.1:1/login"),
        Action::answer(200, "<!DOCTYPE html>"),
        Action::json(200, &json!({"data": null, "errors": {"x": "y"}})),
        Action::json(404, &json!({"data": null})),
        Action::json(403, &json!({"data": null})),
    ] {
        let text = format!("{answer:?}");
        let fake = cluster();
        let served = Served::script(move |request| match request.path() {
            "/api2/json/nodes/pve-a/qemu/100/config" => answer.clone(),
            _ => fake.answer(request),
        });
        let error = served.gather().expect_err(&text);
        assert!(
            ["/qemu/100/config", "/login"].iter().any(|path| error.message.contains(path)),
            "{error}"
        );
    }
}

#[test]
fn guests_without_an_smbios_uuid_are_one_warning() {
    let mut fake = cluster();
    let first = fake.guests[0].clone();
    fake.guests.extend((1000..1200).map(|vmid| gatherer_tests::fakes::proxmox::FakeGuest {
        vmid,
        config: json!({}),
        ..first.clone()
    }));
    let gathered = gather(fake).expect("a complete answer");
    assert_eq!(gathered.warnings.len(), 1);
    assert!(gathered.warnings[0].message.contains("200 other"), "{:?}", gathered.warnings);
}

#[test]
fn the_order_of_the_lists_does_not_matter() {
    let expected = gather(cluster()).expect("a complete answer");
    let fake = cluster();
    let served = Served::script(move |request| {
        let mut answer = fake.answer(request);
        if let Action::Answer { body, .. } = &mut answer
            && let Ok(mut reply) = serde_json::from_slice::<Value>(body)
            && let Some(list) = reply["data"].as_array_mut()
        {
            list.reverse();
            *body = reply.to_string().into_bytes();
        }
        answer
    });
    assert_eq!(served.gather().expect("a complete answer"), expected);
}
