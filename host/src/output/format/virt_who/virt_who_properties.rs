//! Property tests: every output has unique ids, and notes count each host and guest that is missing.

use std::collections::HashSet;

use gatherer_plugin_api::model::{
    EndpointResult, EndpointStatus, Guest, GuestState, Host, Hypervisor,
};
use proptest::prelude::*;
use serde_json::Value;

use super::render;
use crate::output::format::HypervisorId;
use crate::output::inventory::assemble;

/// Texts that are often equal, and unusual ones.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec!["", " ", "a", "A", "b", "qemu", "kubernetes", "\0"])
            .prop_map(String::from),
        3 => prop::sample::select(vec![
            "4c4c4544-0042-3510-8051-b4c04f4d3132",
            "4C4C4544-0042-3510-8051-B4C04F4D3132",
            "00000000-0000-0000-0000-000000000000",
        ]).prop_map(String::from),
        1 => (254..258_usize).prop_map(|length| "😀".repeat(length)),
        1 => "[\"\\\\\u{1}\r\n\u{202e}\u{2028}x]{0,6}",
        2 => any::<u128>().prop_map(|bits| uuid::Uuid::from_u128(bits).to_string()),
        1 => any::<String>(),
    ]
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    prop::option::of(text())
}

fn guest() -> impl Strategy<Value = Guest> {
    let state = prop::option::of(prop::sample::select(GuestState::ALL.to_vec()));
    (text(), maybe(), state).prop_map(|(name, uuid, state)| Guest {
        uuid,
        state,
        ..Guest::new("i", name)
    })
}

fn host() -> impl Strategy<Value = Host> {
    let texts = (text(), text(), maybe(), maybe(), maybe(), maybe());
    let guests = prop::collection::vec(guest(), 0..4);
    (texts, prop::option::of(any::<u32>()), any::<bool>(), guests).prop_map(
        |(texts, sockets, synthetic, guests)| {
            let mut host = Host::new(texts.0, texts.1);
            host.identifiers.uuid = texts.2;
            host.identifiers.system_uuid = texts.3.clone();
            host.hypervisor = texts.4.map(|kind| Hypervisor { kind, version: texts.3 });
            host.location.cluster = texts.5;
            host.cpu.sockets = sockets;
            host.synthetic = synthetic;
            // Some real hosts are represented by a synthetic one.
            host.represented_by = sockets.filter(|sockets| sockets % 5 == 0).map(|_| "a".into());
            host.guests = guests;
            host
        },
    )
}

fn endpoints() -> impl Strategy<Value = Vec<EndpointResult>> {
    let endpoint = (prop::collection::vec(host(), 0..4), any::<bool>());
    prop::collection::vec(endpoint, 0..4).prop_map(|endpoints| {
        let results = endpoints.into_iter().enumerate().map(|(number, (hosts, is_complete))| {
            let mut result = EndpointResult::new(number.to_string(), None, None);
            if is_complete {
                (result.status, result.hosts) = (EndpointStatus::Complete, hosts);
            }
            result
        });
        results.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_output_has_unique_ids_and_what_is_missing_has_a_note(
        endpoints in endpoints(),
        chosen in prop::sample::select(vec![HypervisorId::Uuid, HypervisorId::Hwuuid, HypervisorId::Hostname]),
    ) {
        let inventory = assemble(endpoints, None);
        let rendered = render(&inventory, chosen);
        prop_assert!(rendered.text.is_ascii());
        let document: Value = serde_json::from_str(&rendered.text).expect("JSON");
        let hypervisors = document["hypervisors"].as_array().expect("a list");
        let mut ids = HashSet::new();
        let mut system_uuids = HashSet::new();
        let mut guests = 0;
        for hypervisor in hypervisors {
            let id = hypervisor["hypervisorId"]["hypervisorId"].as_str().expect("a text");
            prop_assert!(!id.trim().is_empty() && id.encode_utf16().count() <= 255);
            prop_assert!(ids.insert(id.to_lowercase()), "{id:?} is repeated");
            if let Some(uuid) = hypervisor["facts"]["dmi.system.uuid"].as_str() {
                prop_assert!(system_uuids.insert(uuid), "{uuid} is repeated");
            }
            for guest in hypervisor["guestIds"].as_array().expect("a list") {
                let uuid = guest["guestId"].as_str().expect("a text");
                let canonical = uuid::Uuid::parse_str(uuid).map(|uuid| uuid.to_string());
                prop_assert_eq!(canonical.as_deref(), Ok(uuid));
                prop_assert!(guest["state"].as_u64() <= Some(7));
                guests += 1;
            }
        }
        let complete = inventory.endpoints.iter().filter(|one| one.error.is_none());
        let hosts: Vec<_> = complete.flat_map(|one| &one.hosts).collect();
        let all: usize = hosts.iter().map(|host| host.guests.len()).sum();
        let (mut missing_hosts, mut missing_guests) = (0, 0);
        for note in &rendered.notes {
            let words: Vec<_> = note.warning.message.split(' ').collect();
            let number = |index: usize| words[index].parse::<usize>().expect("a number");
            match words[..] {
                ["left", "out", "with", _, ..] => {
                    (missing_hosts, missing_guests) = (missing_hosts + 1, missing_guests + number(3));
                }
                [_, "host" | "hosts", "with", _, ..] => {
                    missing_hosts += number(0);
                    missing_guests += number(3);
                }
                [_, _, "without", "a", "UUID", ..] => missing_guests += number(0),
                _ => {}
            }
        }
        prop_assert_eq!(hypervisors.len() + missing_hosts, hosts.len());
        prop_assert_eq!(guests + missing_guests, all);
        let failed = inventory.endpoints.iter().filter(|one| one.status == EndpointStatus::Failed);
        for endpoint in failed {
            prop_assert!(rendered.notes.iter().any(|note| note.endpoint == endpoint.id));
        }
    }
}
