//! The output of the format gatherer is the same, byte for byte, if the real program reads it with the
//! module File and prints it again.

use std::fmt::Write as _;

use gatherer_tests::{PluginFolder, Run};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// The number of documents in each run of the program. Each is one endpoint.
const DOCUMENTS: usize = 60;

/// A text of at most `limit` UTF-16 units. It does not contain U+0000, which a Manager cannot store.
fn text(limit: usize) -> impl Strategy<Value = String> {
    let special = vec![
        "",
        " ",
        "1",
        "(unknown)",
        "a",
        "a (b)",
        "a (b) (c)",
        "a-b",
        "vms",
        "null",
        "esx1",
        "café",
        "東京",
        "😀",
        "\u{202e}\u{1b}[31m\t\u{7f}",
        "\"\\/",
        "'vim.HostSystem:host-182'",
    ];
    let long = (0..9_u8, select(vec!["x", "é", "😀"]))
        .prop_map(|(tail, part)| format!("{tail}{}", part.repeat(140)));
    prop_oneof![
        4 => select(special).prop_map(String::from),
        4 => "[a-z0-9.-]{1,20}",
        1 => any::<String>(),
        1 => long,
    ]
    .prop_map(move |text| {
        let mut units = 0;
        text.replace('\0', "")
            .chars()
            .take_while(|character| {
                units += character.len_utf16();
                units <= limit
            })
            .collect()
    })
}

fn name() -> impl Strategy<Value = String> {
    text(128).prop_filter("a name is not empty", |name| !name.is_empty())
}

/// A number of processors. The program leaves out larger ones.
fn count() -> impl Strategy<Value = i32> {
    prop_oneof![select(vec![0, 1, 2, 1_000_000]), 0..=1_000_000]
}

fn mebibytes() -> impl Strategy<Value = i32> {
    prop_oneof![select(vec![0, 1, 2, i32::MAX]), 0..=i32::MAX]
}

fn frequency() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(vec![json!(0), json!(0.0), json!(2400), json!(2400.0), json!(2_593.997)]),
        (0..=10_000_000).prop_map(|mhz| json!(mhz)),
        (0.001..1e7_f64).prop_map(|mhz| json!(mhz)),
    ]
}

fn guests() -> impl Strategy<Value = (Map<String, Value>, Map<String, Value>)> {
    let word = select(vec!["running", "stopped", "crashed", "paused", "unknown", "shutting_down"]);
    let data = prop_oneof![
        2 => word.prop_map(|word| Map::from_iter([("vmState".to_owned(), json!(word))])),
        1 => btree_map(text(200), text(200), 1..3).prop_map(|data| {
            data.into_iter().map(|(name, value)| (name, json!(value))).collect()
        }),
    ];
    let id = prop_oneof![
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}",
        "i-[0-9a-f]{8}",
        name(),
    ];
    btree_map(name(), (id, prop::option::of(data)), 0..5).prop_map(|guests| {
        let (mut vms, mut optional) = (Map::new(), Map::new());
        for (name, (id, data)) in guests {
            if let Some(data) = data {
                optional.insert(name.clone(), Value::Object(data));
            }
            vms.insert(name, json!(id));
        }
        (vms, optional)
    })
}

/// A name, a host without `hostIdentifier`, and a prefix for the identifier, which must be unique.
fn host() -> impl Strategy<Value = (Option<String>, Map<String, Value>, String)> {
    let types = prop_oneof![
        select(vec!["qemu", "vmware", "kubernetes", "aws", "azure", "gce", "nutanix"])
            .prop_map(String::from),
        name(),
    ];
    let architectures =
        select(vec!["x86_64", "aarch64", "ppc64le", "s390x", "i686", "armv7l", "cloud"]);
    let counts = prop_oneof![
        1 => Just([0, 0, 0, 0]),
        3 => (mebibytes(), count(), count(), count())
            .prop_map(|(memory, cores, sockets, threads)| [memory, cores, sockets, threads]),
    ];
    let texts = (text(64), text(64), text(64), text(32));
    let previous = text(200).prop_filter("a previous id is not empty", |text| !text.is_empty());
    (
        (prop::option::of(name()), text(60), prop::option::of(previous)),
        (types, architectures, texts),
        (counts, frequency()),
        guests(),
    )
        .prop_map(
            |((name, id, previous), (kind, architecture, texts), (counts, mhz), guests)| {
                let Value::Object(mut host) = json!({
                    "cpuArch": architecture, "cpuDescription": texts.0, "cpuMhz": mhz,
                    "cpuVendor": texts.3, "optionalVmData": guests.1, "os": texts.1,
                    "osVersion": texts.2, "ramMb": counts[0], "totalCpuCores": counts[1],
                    "totalCpuSockets": counts[2], "totalCpuThreads": counts[3], "type": kind,
                    "vms": guests.0,
                }) else {
                    unreachable!("the literal is an object")
                };
                if let Some(previous) = previous {
                    host.insert("fallbackHostIdentifier".into(), json!(previous));
                }
                (name, host, id)
            },
        )
}

/// The hosts of one manager.
fn manager() -> impl Strategy<Value = Map<String, Value>> {
    btree_map(name(), host(), 0..5).prop_map(|hosts| {
        let mut manager = Map::new();
        for (index, (key, (name, mut host, id))) in hosts.into_iter().enumerate() {
            host.insert("name".into(), json!(name.unwrap_or_else(|| key.clone())));
            let id = json!(format!("{id}{index}"));
            // The program leaves out an older identity that is the current one.
            if host.get("fallbackHostIdentifier") == Some(&id) {
                host.remove("fallbackHostIdentifier");
            }
            host.insert("hostIdentifier".into(), id);
            manager.insert(key, Value::Object(host));
        }
        manager
    })
}

/// The document as the format gatherer prints it: four spaces, sorted keys, ASCII.
fn to_gatherer_format(document: &Map<String, Value>) -> String {
    let mut text = Vec::new();
    let layout = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut writer = serde_json::Serializer::with_formatter(&mut text, layout);
    serde::Serialize::serialize(document, &mut writer).expect("a document is JSON");
    let mut ascii = String::new();
    for character in String::from_utf8(text).expect("JSON is UTF-8").chars() {
        if character.is_ascii() && character != '\u{7f}' {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(ascii, "\\u{unit:04x}").expect("writing to a String cannot fail");
            }
        }
    }
    ascii + "\n"
}

/// Writes one document for each manager and reads all of them in one run. Returns the output and the
/// expected output.
fn round_trip(
    managers: &[(String, Map<String, Value>)],
    plugins: &PluginFolder,
) -> (String, String) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut endpoints = Vec::new();
    let mut expected = Map::new();
    for (index, (label, hosts)) in managers.iter().enumerate() {
        let path = folder.path().join(format!("{index}.json"));
        let document = Map::from_iter([(label.clone(), Value::Object(hosts.clone()))]);
        std::fs::write(&path, to_gatherer_format(&document)).expect("a file can be written");
        let id = format!("endpoint-{index}");
        endpoints.push(json!({"id": id, "module": "File", "url": path}));
        expected.insert(id, Value::Object(hosts.clone()));
    }
    let outcome = Run::gather(&json!(endpoints)).plugins(plugins.path()).run().expect_code(0);
    (String::from_utf8(outcome.stdout).expect("ASCII"), to_gatherer_format(&expected))
}

/// A name or an identifier without meaning: blank, or a placeholder of firmware.
fn placeholder() -> impl Strategy<Value = String> {
    select(vec![
        " ",
        "  ",
        "\t",
        "\u{a0}",
        "\u{3000}",
        "0",
        "unknown",
        "None",
        "Not Specified",
        "To be filled by O.E.M.",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
        "a",
        "a-b",
    ])
    .prop_map(String::from)
}

/// The hosts of one manager whose names, keys and identifiers are duplicated, placeholders or missing.
fn neglected_manager() -> impl Strategy<Value = Map<String, Value>> {
    let optional = || prop::option::of(prop_oneof![6 => placeholder(), 1 => text(300)]);
    btree_map(prop_oneof![placeholder(), name()], (host(), optional(), optional()), 0..4).prop_map(
        |hosts| {
            let hosts = hosts.into_iter().map(|(key, ((_, mut host, _), name, id))| {
                for (member, text) in [("name", name), ("hostIdentifier", id)] {
                    if let Some(text) = text {
                        host.insert(member.into(), json!(text));
                    }
                }
                (key, Value::Object(host))
            });
            hosts.collect()
        },
    )
}

/// The members of a host that do not depend on other hosts, as text.
fn without_identity(host: &Value) -> String {
    let mut host = host.clone();
    for member in ["hostIdentifier", "fallbackHostIdentifier", "name"] {
        host.as_object_mut().expect("a host is an object").remove(member);
    }
    host.to_string()
}

fn first_difference(printed: &str, expected: &str) -> String {
    printed
        .lines()
        .zip(expected.lines())
        .enumerate()
        .find(|(_, (one, other))| one != other)
        .map_or("the number of lines differs".to_owned(), |(line, (one, other))| {
            format!("line {}:\n  printed  {one}\n  expected {other}", line + 1)
        })
}

#[test]
fn printed_documents_are_read_and_printed_again_byte_for_byte() {
    let plugins = PluginFolder::with(&["file"]);
    let config =
        Config { cases: 10, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&vec((text(100), manager()), DOCUMENTS), |managers| {
            let (printed, expected) = round_trip(&managers, &plugins);
            prop_assert!(printed == expected, "{}", first_difference(&printed, &expected));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn hosts_of_several_managers_are_merged_without_loss_and_then_stay_the_same() {
    let plugins = PluginFolder::with(&["file"]);
    let config =
        Config { cases: 6, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let document = btree_map("[a-z]{1,8}", neglected_manager(), 1..4);
    TestRunner::new(config)
        .run(&vec(document, DOCUMENTS), |documents| {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let mut endpoints = Vec::new();
            for (index, document) in documents.iter().enumerate() {
                let path = folder.path().join(format!("{index}.json"));
                std::fs::write(&path, json!(document).to_string()).expect("a file can be written");
                endpoints.push(json!({
                    "id": format!("endpoint-{index}"), "module": "File", "url": path,
                }));
            }
            let outcome = Run::gather(&json!(endpoints)).plugins(plugins.path()).run();
            let outcome = outcome.expect_code(0);
            let printed: Map<String, Value> =
                serde_json::from_slice(&outcome.stdout).expect("the format is JSON");

            let mut merged = Vec::new();
            for (index, document) in documents.iter().enumerate() {
                let hosts = printed[&format!("endpoint-{index}")].as_object().expect("complete");
                let mut before: Vec<_> =
                    document.values().flat_map(Map::values).map(without_identity).collect();
                let mut after: Vec<_> = hosts.values().map(without_identity).collect();
                before.sort();
                after.sort();
                prop_assert_eq!(before, after);
                let mut ids: Vec<_> =
                    hosts.values().map(|host| host["hostIdentifier"].to_string()).collect();
                ids.sort();
                ids.dedup();
                prop_assert_eq!(ids.len(), hosts.len());
                merged.push(("m".to_owned(), hosts.clone()));
            }
            let (again, expected) = round_trip(&merged, &plugins);
            prop_assert!(again == expected, "{}", first_difference(&again, &expected));
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_generated_documents_contain_special_cases() {
    let mut runner = TestRunner::deterministic();
    let strategy = vec((text(100), manager()), 400);
    let tree = strategy.new_tree(&mut runner).expect("documents can be made");
    let all: String = tree.current().iter().map(|(_, hosts)| to_gatherer_format(hosts)).collect();
    for part in [
        "\\ud83d\\ude00",
        "\\u202e",
        "\"vmState\": \"shutting_down\"",
        "fallbackHostIdentifier",
        ": 2147483647",
        "\"cpuMhz\": 2400.0",
        "\"cpuMhz\": 2400,",
        "\"os\": \"\"",
        "\"cpuVendor\": \"\"",
        "\"cpuVendor\": \"(unknown)\"",
        "\"a (b)\"",
        "\"totalCpuCores\": 0,",
        "\"vms\": {}",
    ] {
        assert!(all.contains(part), "no document contains {part}");
    }
}
