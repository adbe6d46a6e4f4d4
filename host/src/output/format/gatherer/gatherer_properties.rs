//! Property tests: for every inventory the Manager can read the output, and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{EndpointStatus, Guest, GuestState, Host, Hypervisor};
use proptest::prelude::*;
use serde::Deserialize;

use super::gatherer_tests::{endpoint, inventory, render};

/// A host with exactly the types that the Manager parses; missing and unknown members are errors.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ParsedHost {
    name: String,
    host_identifier: String,
    #[serde(default)]
    fallback_host_identifier: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    os: String,
    os_version: String,
    total_cpu_sockets: i32,
    total_cpu_cores: i32,
    total_cpu_threads: i32,
    cpu_mhz: f64,
    cpu_arch: String,
    cpu_vendor: String,
    cpu_description: String,
    ram_mb: i32,
    vms: Unique<String>,
    optional_vm_data: Unique<BTreeMap<String, String>>,
}

/// A map that rejects duplicate keys, which a plain map would accept.
struct Unique<T>(BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Unique<T>;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut members: A,
            ) -> Result<Unique<T>, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((key, value)) = members.next_entry::<String, T>()? {
                    if map.insert(key, value).is_some() {
                        return Err(serde::de::Error::custom("duplicate key"));
                    }
                }
                Ok(Unique(map))
            }
        }
        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}

/// Texts that are often equal, possibly only after they are cut or get a suffix, and unusual texts.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "a", "b", "a (a)", "a (b)", "a-b", "a-a", "unknown"])
            .prop_map(String::from),
        1 => prop::sample::select(vec!["00000000-0000-0000-0000-000000000000", "é😀\0\u{202e}"])
            .prop_map(String::from),
        1 => (0..3_usize, 126..131_usize).prop_map(|(tail, length)| {
            format!("{}{tail}", "x".repeat(length))
        }),
        1 => (0..3_u8).prop_map(|tail| format!("{}{tail}", "😀".repeat(100))),
        1 => any::<String>(),
    ]
}

fn maybe<T: std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    prop::option::of(strategy)
}

fn guest() -> impl Strategy<Value = Guest> {
    let state = maybe(prop::sample::select(GuestState::ALL.to_vec()));
    let attributes = prop::collection::btree_map(text(), text(), 0..2);
    (maybe(text()), text(), maybe(text()), state, attributes).prop_map(
        |(id, name, uuid, state, attributes)| Guest {
            id,
            name,
            uuid,
            state,
            attributes,
            ..Guest::default()
        },
    )
}

fn host() -> impl Strategy<Value = Host> {
    let names = (text(), text(), maybe(text()), maybe(text()), maybe(text()), maybe(text()));
    let counts = (maybe(any::<u32>()), maybe(any::<u64>()), maybe(any::<f64>()), any::<bool>());
    let texts = (maybe(text()), maybe(text()), maybe(text()), maybe(text()));
    (names, counts, texts, maybe(text()), prop::collection::vec(guest(), 0..5)).prop_map(
        |(names, counts, texts, represented_by, guests)| {
            let mut host = Host::new(names.0, names.1);
            host.represented_by = represented_by;
            host.short_name = names.2;
            host.identifiers.system_uuid = names.3;
            host.identifiers.kubernetes_uid = names.4;
            host.identifiers.previous = names.5;
            (host.cpu.sockets, host.cpu.cores, host.cpu.threads) = (counts.0, counts.0, counts.0);
            (host.memory_bytes, host.cpu.millicores) = (counts.1, counts.1);
            host.cpu.frequency_mhz = counts.2.and_then(serde_json::Number::from_f64);
            host.synthetic = counts.3;
            host.cpu.architecture = texts.0;
            (host.cpu.vendor, host.cpu.model) = (texts.1.clone(), texts.1);
            host.hypervisor = texts.2.map(|kind| Hypervisor { kind, version: None });
            host.os = texts.3.map(|name| gatherer_plugin_api::model::Version {
                name: Some(name.clone()),
                version: Some(name),
            });
            host.guests = guests;
            host
        },
    )
}

/// Whether exactly one synthetic host represents this one, so that only its guests are printed.
fn is_represented(host: &Host, hosts: &[Host]) -> bool {
    let representatives = hosts.iter().filter(|other| other.synthetic);
    let by = host.represented_by.as_ref();
    !host.synthetic && representatives.filter(|other| Some(&other.id) == by).count() == 1
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_manager_can_read_and_store_every_output(
        hosts in prop::collection::vec(host(), 0..7)
    ) {
        let text = render(hosts.clone()).text;
        prop_assert!(text.is_ascii());
        prop_assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
        prop_assert!(!text.contains("\\u0000"));
        let document: Unique<Unique<ParsedHost>> =
            serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let printed = &document.0["e"].0;
        let listed = hosts.iter().filter(|host| !is_represented(host, &hosts)).count();
        prop_assert_eq!(printed.len(), listed);

        let identities: BTreeSet<_> = printed.values().map(|host| &host.host_identifier).collect();
        prop_assert_eq!(identities.len(), listed, "duplicate identity");
        for (key, host) in printed {
            for (text, limit) in [
                (key, 128),
                (&host.name, 128),
                (&host.os, 64),
                (&host.os_version, 64),
                (&host.cpu_description, 64),
                (&host.cpu_vendor, 32),
            ] {
                prop_assert!(units(text) <= limit, "{text:?} is longer than {limit}");
            }
            prop_assert!(!key.is_empty() && !host.name.is_empty() && !host.kind.is_empty());
            prop_assert!(!host.host_identifier.trim().is_empty() && !host.cpu_arch.is_empty());
            prop_assert!(units(&host.host_identifier) <= 1000 && host.cpu_mhz.abs() < 1e15);
            prop_assert!(host.ram_mb >= 0);
            let counts = [host.total_cpu_sockets, host.total_cpu_cores, host.total_cpu_threads];
            prop_assert!(counts.iter().all(|count| *count >= 0));
            prop_assert!(host.fallback_host_identifier.as_ref().is_none_or(|id| !id.contains('\0')));
            for (name, id) in &host.vms.0 {
                prop_assert!(!name.is_empty() && units(name) <= 128);
                prop_assert!(!id.is_empty() && units(id) <= 128);
            }
            prop_assert!(host.optional_vm_data.0.keys().all(|name| host.vms.0.contains_key(name)));
        }
        let has_id = |guest: &&Guest| {
            let fits = |id: &&String| !id.is_empty() && units(id) <= 128;
            [&guest.id, &guest.uuid].into_iter().flatten().any(|id| fits(&id))
        };
        let guests: usize = hosts.iter().map(|host| host.guests.iter().filter(has_id).count()).sum();
        prop_assert_eq!(printed.values().map(|host| host.vms.0.len()).sum::<usize>(), guests);
    }

    #[test]
    fn the_output_does_not_depend_on_the_order_of_hosts_and_guests(
        hosts in prop::collection::vec(host(), 0..7)
    ) {
        let mut reversed = hosts.clone();
        reversed.reverse();
        for host in &mut reversed {
            host.guests.reverse();
        }
        let (one, other) = (render(hosts.clone()), render(reversed.clone()));
        prop_assert_eq!(one, other);

        let endpoints = |hosts: Vec<Host>, others: Vec<Host>| {
            (endpoint("a", EndpointStatus::Complete, hosts), endpoint("b", EndpointStatus::Failed, others))
        };
        let (a, b) = endpoints(hosts, Vec::new());
        prop_assert_eq!(
            super::render(&inventory(vec![a.clone(), b.clone()])),
            super::render(&inventory(vec![b, a]))
        );
    }
}
