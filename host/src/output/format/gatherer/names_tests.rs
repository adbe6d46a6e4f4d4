//! Tests of names, ids and states in the Manager's format.

use gatherer_plugin_api::model::{EndpointStatus, Guest, GuestState, Host, Hypervisor};
use serde_json::{Value, json};

use super::gatherer_tests::{endpoint, inventory, keys, kvm1, one, printed};

#[test]
fn hosts_with_the_same_name_get_their_id_in_the_key_and_keep_the_name() {
    let (hosts, notes) = printed(vec![Host::new("1", "esx"), Host::new("2", "esx"), kvm1()]);
    assert_eq!(keys(&hosts), ["esx (1)", "esx (2)", "kvm1"]);
    assert_eq!(hosts["esx (1)"]["name"], "esx");
    assert_eq!(notes.iter().filter(|note| note.contains("has this name")).count(), 2);
}

#[test]
fn uses_the_short_name_as_key() {
    let mut host = kvm1();
    host.short_name = Some("kvm".into());
    let (hosts, _) = printed(vec![host]);
    assert_eq!(hosts["kvm"]["name"], "kvm1");
}

#[test]
fn hosts_with_the_same_id_get_their_next_identifier_and_a_note() {
    let mut one = Host::new("m", "a");
    one.identifiers.system_uuid = Some("s1".into());
    let mut two = Host::new("m", "b");
    two.identifiers.system_uuid = Some("s2".into());
    let (hosts, notes) = printed(vec![one, two]);
    assert_eq!(hosts["a"]["hostIdentifier"], "m-s1");
    assert_eq!(hosts["b"]["hostIdentifier"], "m-s2");
    assert_eq!(notes.iter().filter(|note| note.contains("has this id")).count(), 2);
}

#[test]
fn replaces_empty_names_by_ids() {
    let mut host = Host::new("h", "");
    host.guests = vec![Guest::new("1", ""), Guest::new("2", "")];
    let (hosts, notes) = printed(vec![host, Host::new("", "")]);
    assert_eq!(keys(&hosts), ["h", "unknown"]);
    assert_eq!(hosts["h"]["name"], "h");
    assert_eq!(keys(&hosts["h"]["vms"]), ["1", "2"]);
    assert_eq!(notes.iter().filter(|note| note.contains("has no name")).count(), 4, "{notes:?}");
}

#[test]
fn guests_with_the_same_name_get_their_id_in_both_maps() {
    let mut host = kvm1();
    let mut one = Guest::new("1", "web");
    one.state = Some(GuestState::Running);
    let mut two = Guest::new("2", "web");
    two.state = Some(GuestState::Stopped);
    host.guests = vec![one, two];
    let (host, notes) = self::one(host);
    assert_eq!(host["vms"], json!({"web (1)": "1", "web (2)": "2"}));
    assert_eq!(host["optionalVmData"]["web (2)"]["vmState"], "stopped");
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn prints_a_guest_only_if_it_has_an_id_or_uuid() {
    let mut host = kvm1();
    let named = |name: &str| Guest { name: name.into(), ..Guest::default() };
    let mut uuid = named("b");
    uuid.uuid = Some("u".into());
    host.guests = vec![Guest::new("1", "a"), uuid, named("c"), Guest::new("i".repeat(129), "d")];
    let (host, notes) = one(host);
    assert_eq!(host["vms"], json!({"a": "1", "b": "u"}));
    assert_eq!(
        notes,
        [
            "kvm1: its guest \"c\" has no id; not printed",
            "kvm1: its guest \"d\" has no id that a Manager can store; not printed"
        ]
    );
}

#[test]
fn prints_only_labels_of_the_manager_as_the_state_of_a_guest() {
    let labels = [
        "unknown",
        "running",
        "stopped",
        "crashed",
        "paused",
        "powering_on",
        "shutting_down",
        "powering_off",
        "pausing",
        "suspending",
        "suspended",
        "resuming",
        "resetting",
        "migrating",
    ];
    for state in GuestState::ALL {
        let mut host = kvm1();
        let mut guest = Guest::new("1", "web");
        guest.state = Some(state);
        host.guests = vec![guest.clone()];
        let (printed, _) = one(host.clone());
        let label =
            printed["optionalVmData"]["web"]["vmState"].as_str().expect("a text").to_owned();
        assert!(labels.contains(&label.as_str()), "{label}");

        guest.attributes.insert("vmState".into(), "in shutdown".into());
        host.guests = vec![guest.clone()];
        assert_eq!(one(host.clone()).0["optionalVmData"]["web"]["vmState"], *label);

        // Without a state, the word in the attribute is translated.
        for (word, label) in [
            ("in shutdown", json!("shutting_down")),
            ("POWEROFF", json!("stopped")),
            ("dancing", json!("unknown")),
            (" ", Value::Null),
        ] {
            guest.state = None;
            guest.attributes.insert("vmState".into(), word.into());
            host.guests = vec![guest.clone()];
            let (printed, _) = one(host.clone());
            assert_eq!(printed["optionalVmData"]["web"]["vmState"], label, "{word}");
        }
    }
}

/// The `fallbackHostIdentifier` of each host in its order, over all endpoints.
fn fallbacks(endpoints: Vec<Vec<Host>>) -> Vec<Option<String>> {
    let endpoints = endpoints.into_iter().enumerate();
    let endpoints =
        endpoints.map(|(n, hosts)| endpoint(&n.to_string(), EndpointStatus::Complete, hosts));
    let text = super::render(&inventory(endpoints.collect())).text;
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let endpoints = value.as_object().expect("endpoints").values();
    let hosts = endpoints.flat_map(|hosts| hosts.as_object().expect("hosts").values());
    hosts.map(|host| Some(host.get("fallbackHostIdentifier")?.as_str()?.to_owned())).collect()
}

#[test]
fn a_replaced_placeholder_that_no_other_host_has_is_the_fallback() {
    let host = |id: &str, name: &str| {
        let mut host = Host::new(id, name);
        host.identifiers.system_uuid = Some(format!("system-{name}"));
        host
    };
    let zeros = "00000000-0000-0000-0000-000000000000";
    let fs = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";
    let text = |text: &str| Some(text.to_owned());
    for junk in [zeros, fs, "Not Settable", "03000200-0400-0500-0006-000700080009"] {
        assert_eq!(fallbacks(vec![vec![host(junk, "a")]]), [text(junk)]);
    }
    assert_eq!(fallbacks(vec![vec![host(zeros, "a"), host(fs, "b")]]), [text(zeros), text(fs)]);
    // A usable id, no id, a blank one.
    assert_eq!(
        fallbacks(vec![vec![host("h", "a"), host("", "b"), host(" ", "c")]]),
        [None, None, None]
    );
    // The same placeholder in one endpoint, in two endpoints, in another notation, as an older identity.
    assert_eq!(fallbacks(vec![vec![host(zeros, "a"), host(zeros, "b")]]), [None, None]);
    assert_eq!(fallbacks(vec![vec![host(zeros, "a")], vec![host(zeros, "b")]]), [None, None]);
    let digits = zeros.replace('-', "");
    assert_eq!(fallbacks(vec![vec![host(zeros, "a")], vec![host(&digits, "b")]]), [None, None]);
    let mut older = host("h", "b");
    older.identifiers.previous = Some(zeros.into());
    assert_eq!(fallbacks(vec![vec![older.clone()]]), [text(zeros)]);
    assert_eq!(fallbacks(vec![vec![host(zeros, "a")], vec![older]]), [None, None]);

    let mut node = host(zeros, "a");
    node.hypervisor = Some(Hypervisor { kind: "kubernetes".into(), version: None });
    assert_eq!(fallbacks(vec![vec![node]]), [None]);
    let mut named = host(zeros, "a");
    named.identifiers.previous = Some("'vim.HostSystem:host-1'".into());
    assert_eq!(fallbacks(vec![vec![named]]), [text("'vim.HostSystem:host-1'")]);
}

#[test]
fn two_endpoints_with_the_same_id_are_printed_as_failed() {
    let twice = vec![
        endpoint("e", EndpointStatus::Complete, vec![kvm1()]),
        endpoint("e", EndpointStatus::Complete, Vec::new()),
    ];
    let rendered = super::render(&inventory(twice));
    assert_eq!(rendered.text, "{\n    \"e\": null\n}\n");
    assert_eq!(rendered.notes.len(), 1);
}
