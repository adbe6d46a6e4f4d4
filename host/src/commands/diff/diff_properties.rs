//! Property tests: what a Manager has after the actions is what the newer document lists.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::documents;
use super::report::{ActionKind, DiffReport, ManagerAction};
use crate::output::changes::ObjectKind;

/// Hosts by key. There are only few ids and names, so that many are duplicated.
fn answer() -> impl Strategy<Value = Value> {
    let guests = prop::collection::btree_map("[uvwx]", "[abcde]", 0..4);
    let host = ("[1234]", proptest::option::of("[1234]"), 0..3_u8, guests);
    prop::collection::btree_map("[hijk]", host, 0..4).prop_map(|hosts| {
        let host = |(id, fallback, cores, guests): (String, Option<String>, u8, _)| {
            let mut host = json!({"hostIdentifier": id, "totalCpuCores": cores, "vms": guests});
            if let Some(fallback) = fallback {
                host["fallbackHostIdentifier"] = json!(fallback);
            }
            host
        };
        hosts.into_iter().map(|(key, members)| (key, host(members))).collect()
    })
}

/// What a Manager has: how often each host, and each guest on a host with this key.
type Known = BTreeMap<(ObjectKind, String, Option<String>), i32>;

fn known(answer: &Value) -> Known {
    let mut known = Known::new();
    for (key, host) in answer.as_object().expect("hosts") {
        let id = |value: &Value| value.as_str().expect("an id").to_owned();
        *known.entry((ObjectKind::Host, id(&host["hostIdentifier"]), None)).or_default() += 1;
        for guest in host["vms"].as_object().expect("guests").values() {
            *known.entry((ObjectKind::Guest, id(guest), Some(key.clone()))).or_default() += 1;
        }
    }
    known
}

/// The hosts and guests of `known` after the actions. A host with another key takes its guests along.
fn after(known: &Known, actions: &[ManagerAction]) -> Known {
    let mut after = known.clone();
    for action in actions {
        let changed = |path: &str| action.members.iter().find(|member| member.path == path);
        let mut add = |id: &str, host: &Option<String>, number: i32| {
            *after.entry((action.object, id.to_owned(), host.clone())).or_default() += number;
        };
        match action.action {
            ActionKind::Create => add(&action.id, &action.host, 1),
            ActionKind::Unlink => add(&action.id, &action.host, -1),
            ActionKind::Move => {
                add(&action.id, &action.from, -1);
                add(&action.id, &action.host, 1);
            }
            ActionKind::Update => {
                if let Some(member) = changed("/hostIdentifier") {
                    let text = |value: &Option<Value>| {
                        value.as_ref().and_then(Value::as_str).expect("an id").to_owned()
                    };
                    add(&text(&member.before), &None, -1);
                    add(&text(&member.after), &None, 1);
                }
            }
        }
    }
    after.retain(|_, number| *number != 0);
    after
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_actions_make_what_a_manager_has_into_what_the_newer_document_lists(
        old in answer(),
        new in answer(),
    ) {
        let document = |answer: &Value| {
            let text = json!({"e": answer}).to_string();
            documents::read(text.as_bytes()).expect("a document")
        };
        let report = DiffReport::new(document(&old), document(&new), &[]);
        let actions = &report.endpoints[0].manager.actions;
        let hosts = |known: Known| -> Known {
            known.into_iter().filter(|((object, ..), _)| *object == ObjectKind::Host).collect()
        };
        prop_assert_eq!(hosts(after(&known(&old), actions)), hosts(known(&new)), "{:?}", actions);
        // The key of a host can change, so guests are compared without it.
        let guests = |known: Known| {
            let mut guests: BTreeMap<String, i32> = BTreeMap::new();
            for ((object, id, _), number) in known {
                if object == ObjectKind::Guest {
                    *guests.entry(id).or_default() += number;
                }
            }
            guests.retain(|_, number| *number != 0);
            guests
        };
        prop_assert_eq!(guests(after(&known(&old), actions)), guests(known(&new)), "{:?}", actions);
        let same = DiffReport::new(document(&new), document(&new), &[]);
        prop_assert!(!same.has_differences());
    }
}
