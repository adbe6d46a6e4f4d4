//! Property tests: a strict parser of the text format reads every output, and no host or guest is lost.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{
    CollectionStatus, Completeness, EndpointResult, EndpointStatus, Guest, GuestState, Host,
};
use proptest::prelude::*;

use super::render;
use crate::output::exposition::shown;
use crate::output::inventory::assemble;

/// A metric: its type, and its samples by their labels.
#[derive(Default)]
struct ParsedFamily {
    kind: String,
    samples: BTreeMap<BTreeMap<String, String>, f64>,
}

/// Parses the text format. Fails where node_exporter refuses a file: samples without a type before them, metrics that are
/// in two places, and samples with equal labels.
fn parse(text: &str) -> Result<BTreeMap<String, ParsedFamily>, String> {
    let mut families: BTreeMap<String, ParsedFamily> = BTreeMap::new();
    let mut current = String::new();
    for line in text.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or("no help")?;
            if help.is_empty() || families.contains_key(name) {
                return Err(format!("{name} is in two places or has no help"));
            }
            name.clone_into(&mut current);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("no type")?;
            if name != current {
                return Err(format!("the type of {name} is not after its help"));
            }
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if !line.starts_with('#') {
            let end = line.find(['{', ' ']).ok_or("no value")?;
            let (name, rest) = line.split_at(end);
            let (labels, value) = labels(rest)?;
            let value = value.trim().parse().map_err(|error| format!("{error}: {line}"))?;
            let family = families.get_mut(name).filter(|_| name == current);
            let family = family.ok_or_else(|| format!("{name} has no type"))?;
            if family.samples.insert(labels, value).is_some() {
                return Err(format!("two samples have equal labels: {line}"));
            }
        }
    }
    Ok(families)
}

/// Parses labels, and returns what follows them.
fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Ok((labels, text)) };
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("no value of a label")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return Err(format!("not a name of a label: {name}"));
        }
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().ok_or("a label has no end")? {
                (at, '"') => break at,
                (_, '\\') => match characters.next().map(|(_, character)| character) {
                    Some('n') => value.push('\n'),
                    Some(character @ ('\\' | '"')) => value.push(character),
                    other => return Err(format!("not an escape: {other:?}")),
                },
                (_, character) => value.push(character),
            }
        };
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("the label {name} is there twice"));
        }
        let after = &after[end + 1..];
        match after.strip_prefix('}') {
            Some(after) => return Ok((labels, after)),
            None => rest = after.strip_prefix(',').ok_or("no comma")?,
        }
    }
}

/// Texts that are often equal, possibly only after they are cut, and unusual texts.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "a", "b", "\"", "\\", "\\n", "a\nb", "a\\nb", "}", "{a=\"b\"}"])
            .prop_map(String::from),
        1 => (0..3_usize, 250..260_usize).prop_map(|(tail, length)| {
            format!("{}{tail}", "x".repeat(length))
        }),
        1 => prop::sample::select(vec!["é😀\0\u{202e}", "\r\n", "\u{85}\u{2028}"]).prop_map(String::from),
        1 => any::<String>(),
    ]
}

fn guest() -> impl Strategy<Value = Guest> {
    let state = prop::option::of(prop::sample::select(GuestState::ALL.to_vec()));
    let numbers = (prop::option::of(0..1_000_000_u32), prop::option::of(0..1_u64 << 51));
    (prop::option::of(text()), text(), prop::option::of(text()), state, numbers).prop_map(
        |(id, name, uuid, state, (cpus, memory_bytes))| Guest {
            id,
            name,
            uuid,
            state,
            cpus,
            memory_bytes,
            ..Guest::default()
        },
    )
}

fn host() -> impl Strategy<Value = Host> {
    let guests = prop::collection::vec(guest(), 0..5);
    (text(), text(), prop::option::of(text()), guests).prop_map(|(id, name, node, guests)| {
        let mut host = Host { guests, ..Host::new(id, name) };
        host.identifiers.kubernetes_uid.clone_from(&node);
        host.versions.extend(node.map(|version| ("kubelet".to_owned(), version)));
        host
    })
}

fn endpoint() -> impl Strategy<Value = EndpointResult> {
    let hosts = prop::collection::vec(host(), 0..5);
    let lists = (hosts, prop::collection::vec(guest(), 0..3));
    let missing = prop::collection::btree_set(text(), 0..3);
    (text(), prop::option::of(text()), any::<bool>(), lists, missing).prop_map(
        |(id, module, is_complete, (hosts, detached_guests), missing)| {
            let mut endpoint = EndpointResult::new(id, module, None);
            if is_complete {
                endpoint.status = EndpointStatus::Complete;
            }
            (endpoint.hosts, endpoint.detached_guests) = (hosts, detached_guests);
            let failed = CollectionStatus { status: Completeness::Failed, error: None };
            endpoint.collections.extend(missing.into_iter().map(|name| (name, failed.clone())));
            endpoint
        },
    )
}

/// Labels without those that are empty, which Prometheus takes for absent.
fn identity<const N: usize>(labels: [(&str, &str); N]) -> Vec<(String, String)> {
    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty());
    let mut labels: Vec<_> =
        labels.map(|(name, value)| (name.to_owned(), shown(value).into_owned())).collect();
    labels.sort();
    labels
}

/// The labels with these names of all samples, sorted.
fn identities(family: Option<&ParsedFamily>, names: &[&str]) -> Vec<Vec<(String, String)>> {
    let samples = family.into_iter().flat_map(|family| family.samples.keys());
    let mut identities: Vec<Vec<_>> = samples
        .map(|labels| {
            let labels = labels.iter().filter(|(name, _)| names.contains(&name.as_str()));
            labels.map(|(name, value)| (name.clone(), value.clone())).collect()
        })
        .collect();
    identities.sort();
    identities
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_output_is_parsed_and_has_all_hosts_and_guests(
        endpoints in prop::collection::vec(endpoint(), 0..4)
    ) {
        let inventory = assemble(endpoints, None);
        let rendered = render(&inventory);
        prop_assert!(rendered.text.ends_with('\n') && !rendered.text.ends_with("\n\n"));
        let families = parse(&rendered.text).map_err(TestCaseError::fail)?;
        let named = |name: &str| families.get(&format!("virtual_host_gatherer_{name}"));
        prop_assert!(families.values().all(|family| family.kind == "gauge"));

        let ups: f64 = named("endpoint_up").map_or(0.0, |family| family.samples.values().sum());
        let complete =
            inventory.endpoints.iter().filter(|endpoint| endpoint.status == EndpointStatus::Complete);
        prop_assert_eq!(ups.to_string(), complete.count().to_string());
        let all = named("endpoint_up").map_or(0, |family| family.samples.len());
        prop_assert_eq!(all, inventory.endpoints.len());

        let (mut hosts, mut guests) = (Vec::new(), Vec::new());
        for endpoint in &inventory.endpoints {
            let id = ("endpoint", endpoint.id.as_str());
            for host in &endpoint.hosts {
                hosts.push(identity([id, ("host_id", &host.id), ("host", &host.name)]));
            }
            let on_hosts = endpoint.hosts.iter().flat_map(|host| &host.guests);
            for guest in on_hosts.chain(&endpoint.detached_guests) {
                let guest_id = guest.id.as_deref().unwrap_or_default();
                guests.push(identity([id, ("guest_id", guest_id), ("guest", &guest.name)]));
            }
        }
        hosts.sort();
        guests.sort();
        prop_assert_eq!(identities(named("host_info"), &["endpoint", "host_id", "host"]), hosts);
        prop_assert_eq!(identities(named("guest_info"), &["endpoint", "guest_id", "guest"]), guests);

        // A number joins its object's info by the labels that identify the object.
        let names = ["endpoint", "guest_id", "guest", "duplicate"];
        let known: BTreeSet<_> = identities(named("guest_info"), &names).into_iter().collect();
        for number in ["guest_memory_bytes", "guest_cpus", "guest_state"] {
            let numbers = identities(named(number), &names);
            prop_assert!(numbers.iter().all(|labels| known.contains(labels)));
        }
        let too_long = inventory.endpoints.iter().flat_map(|endpoint| &endpoint.hosts)
            .any(|host| host.id.len() > 256 || host.name.len() > 256);
        prop_assert!(!too_long || !rendered.notes.is_empty(), "a cut id has a note");
    }
}

#[test]
fn the_parser_of_the_property_test_rejects_what_node_exporter_rejects() {
    let head = "# HELP a A.\n# TYPE a gauge\n";
    assert!(parse(&format!("{head}a{{b=\"c\\n\\\\\\\"\"}} 1\na 2\n")).is_ok());
    for wrong in ["a 1\n", "# HELP a A.\n# TYPE b gauge\n"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
    for wrong in
        ["a{b=\"c\"} 1\na{b=\"c\"} 2\n", "a{b=\"\\r\"} 1\n", "a{b=\"c} 1\n", "a x\n", "b 1\n", head]
    {
        assert!(parse(&format!("{head}{wrong}")).is_err(), "{wrong}");
    }
}
