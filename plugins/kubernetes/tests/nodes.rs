//! Nodes become hosts: the fixtures of `fixtures/nodes/`, and each rule on its own.

#![expect(clippy::disallowed_methods, reason = "fixtures of this repository")]

use std::fs;
use std::path::Path;

use gatherer_plugin_kubernetes::map::{self, Mapped};
use gatherer_plugin_kubernetes::objects::node::Node;
use serde_json::{Value, json};

fn map_text(text: &[u8]) -> Mapped {
    map::host(serde_json::from_slice::<Node<'_>>(text).expect("a node"))
}

fn mapped(node: &Value) -> Mapped {
    map_text(node.to_string().as_bytes())
}

fn mapped_fixture(name: &str) -> Mapped {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nodes").join(name);
    map_text(&fs::read(path).expect("a fixture"))
}

#[test]
fn maps_every_fixture_as_its_snapshot_shows() {
    insta::glob!("fixtures/nodes/*.json", |path| {
        let Mapped { host, warnings } = map_text(&fs::read(path).expect("a fixture"));
        insta::assert_json_snapshot!("node", json!({"host": host, "warnings": warnings}));
    });
}

#[test]
fn the_complete_node_of_the_api_gives_the_same_host() {
    insta::glob!("fixtures/nodes/*.json", |path| {
        let text = fs::read(path).expect("a fixture");
        let complete: k8s_openapi::api::core::v1::Node =
            serde_json::from_slice(&text).expect("a node");
        let complete = serde_json::to_vec(&complete).expect("JSON");
        assert_eq!(map_text(&complete), map_text(&text), "{}", path.display());
    });
}

#[test]
fn cloned_nodes_keep_their_common_machine_id() {
    let (a, b) = (mapped_fixture("clone-a.json").host, mapped_fixture("clone-b.json").host);
    assert_eq!(a.id, b.id);
    assert_ne!(a.identifiers.kubernetes_uid, b.identifiers.kubernetes_uid);
}

#[test]
fn the_identity_is_the_first_that_the_node_tells() {
    let node = |machine: &str, system: &str, uid: &str| {
        let node = json!({
            "metadata": {"name": "n1", "uid": uid},
            "status": {"nodeInfo": {"machineID": machine, "systemUUID": system}},
        });
        let Mapped { host, warnings } = mapped(&node);
        (host.id, warnings.into_iter().map(|(_, sentence)| sentence).collect::<String>())
    };
    let id = |id: &str, sentence: &str| (id.to_owned(), sentence.to_owned());
    assert_eq!(node("93CE9D1D", "S", "u"), id("93CE9D1D", ""));
    assert_eq!(node("", "S", "u"), id("S", "it tells no machineID; its system UUID stands for it"));
    assert_eq!(
        node(" ", "", "u"),
        id("u", "it tells no machineID; its Kubernetes UID stands for it")
    );
    assert_eq!(node("", "", ""), id("n1", "it tells no machineID; its name stands for it"));
    // Which ids are junk is for the formats to say.
    assert_eq!(node(&"0".repeat(32), "S", "u"), id(&"0".repeat(32), ""));
}

#[test]
fn the_state_is_what_kubectl_prints() {
    for (status, cordoned, state, word) in [
        (Some("True"), false, Some("up"), "Ready"),
        (Some("True"), true, Some("maintenance"), "Ready,SchedulingDisabled"),
        (Some("False"), false, Some("down"), "NotReady"),
        (Some("False"), true, Some("down"), "NotReady,SchedulingDisabled"),
        (Some("Unknown"), false, Some("disconnected"), "NotReady"),
        (Some("Unknown"), true, Some("disconnected"), "NotReady,SchedulingDisabled"),
        (Some("Perhaps"), false, None, "NotReady"),
        (None, false, None, "Unknown"),
        (None, true, None, "Unknown,SchedulingDisabled"),
    ] {
        let ready = status.map(|status| json!({"type": "Ready", "status": status}));
        let node = json!({
            "metadata": {"name": "n1"},
            "spec": {"unschedulable": cordoned},
            "status": {"conditions": [{"type": "DiskPressure", "status": "True"}, ready]},
        });
        let host = serde_json::to_value(mapped(&node).host).expect("JSON");
        assert_eq!(host["state"].as_str(), state, "{status:?} {cordoned}");
        assert_eq!(host["sourceState"], word, "{status:?} {cordoned}");
    }
}

#[test]
fn architectures_are_named_as_uname_does_and_unknown_ones_as_the_node_does() {
    for (own, expected) in [
        ("amd64", "x86_64"),
        ("arm64", "aarch64"),
        ("arm", "armv7l"),
        ("386", "i686"),
        ("ppc64le", "ppc64le"),
        ("s390x", "s390x"),
        ("riscv64", "riscv64"),
        ("loong64", "loongarch64"),
        ("sparc64", "sparc64"),
        ("AMD64", "AMD64"),
    ] {
        let said = json!({"status": {"nodeInfo": {"architecture": own}}});
        let labelled = json!({"metadata": {"labels": {"kubernetes.io/arch": own}}});
        let long_ago = json!({"metadata": {"labels": {"beta.kubernetes.io/arch": own}}});
        for node in [said, labelled, long_ago] {
            assert_eq!(mapped(&node).host.cpu.architecture.as_deref(), Some(expected), "{node}");
        }
    }
}

#[test]
fn bad_times_are_left_out_with_a_warning_that_quotes_nothing() {
    let node = json!({
        "metadata": {"name": "n1", "creationTimestamp": "yesterday"},
        "status": {
            "nodeInfo": {"machineID": "m"},
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-13-01"}],
        },
    });
    let Mapped { host, warnings } = mapped(&node);
    assert_eq!((host.created_at, host.conditions[0].last_transition_time), (None, None));
    let expected = [
        "the lastTransitionTime of its condition \"Ready\" is left out, because it is no time",
        "its creationTimestamp is left out, because it is no time",
    ];
    assert_eq!(warnings, expected.map(|sentence| ("n1".to_owned(), sentence.to_owned())));
}

#[test]
fn amounts_above_64_bits_and_below_0_are_left_out() {
    for (resource, text, why) in [
        ("memory", "16Ei", "it is larger than anything can be"),
        ("memory", "1e999999999", "it is larger than anything can be"),
        ("memory", "-1Gi", "it is negative"),
        ("memory", "", "it is no quantity: it is empty"),
        ("cpu", "1E18", "it is larger than anything can be"),
        ("cpu", "many", "it is no quantity: it does not begin with a number"),
        ("cpu", "4 ", "it is no quantity: what follows its number is no suffix of quantities"),
    ] {
        let node = json!({
            "metadata": {"name": "n1"},
            "status": {"nodeInfo": {"machineID": "m"}, "capacity": {resource: text}},
        });
        let Mapped { host, warnings } = mapped(&node);
        assert_eq!((host.memory_bytes, host.cpu.millicores), (None, None), "{resource} {text}");
        assert_eq!(host.capacity[resource], text);
        let sentence = format!("its capacity of {resource} is left out, because {why}");
        assert_eq!(warnings, [("n1".to_owned(), sentence)]);
    }
}

#[test]
fn conditions_come_in_one_order_whatever_the_sources() {
    let conditions =
        [json!({"type": "Ready", "status": "True"}), json!({"type": "A", "status": "x"})];
    let host =
        |conditions: Vec<&Value>| mapped(&json!({"status": {"conditions": conditions}})).host;
    let in_order = host(conditions.iter().collect());
    assert_eq!(in_order, host(conditions.iter().rev().collect()));
    assert_eq!(in_order.conditions[0].kind, "A");
}
