//! Nodes become hosts: the fixtures of `fixtures/nodes/`, and each rule on its own.

#![expect(clippy::disallowed_methods, reason = "fixtures of this repository")]

use std::fs;
use std::path::Path;

use gatherer_plugin_kubernetes::map::{
    self, IgnoredBecause, MappedHost, ObjectWarning, Problem, Warnings,
};
use gatherer_plugin_kubernetes::objects::Node;
use gatherer_plugin_kubernetes::quantity::{OutOfRange, ParseError};
use serde_json::{Value, json};

fn map_text(text: &[u8]) -> MappedHost {
    map::host(serde_json::from_slice::<Node<'_>>(text).expect("a node"), true)
}

fn mapped(node: &Value) -> MappedHost {
    map_text(node.to_string().as_bytes())
}

fn mapped_fixture(name: &str) -> MappedHost {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nodes").join(name);
    map_text(&fs::read(path).expect("a fixture"))
}

#[test]
fn maps_every_fixture_as_its_snapshot_shows() {
    insta::glob!("fixtures/nodes/*.json", |path| {
        let MappedHost { host, warnings } = map_text(&fs::read(path).expect("a fixture"));
        let warnings: Vec<[String; 2]> = warnings
            .into_iter()
            .map(|warning| [warning.object, format!("{:?}", warning.problem)])
            .collect();
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

fn warning(problem: Problem) -> ObjectWarning {
    ObjectWarning { object: "n1".to_owned(), problem }
}

fn ignored(field: &str, because: IgnoredBecause) -> ObjectWarning {
    warning(Problem::Ignored { field: field.to_owned(), because })
}

#[test]
fn the_id_is_the_first_identifier_of_the_node() {
    let node = |machine: &str, system: &str, uid: &str| -> (String, Warnings) {
        let node = json!({
            "metadata": {"name": "n1", "uid": uid},
            "status": {"nodeInfo": {"machineID": machine, "systemUUID": system}},
        });
        let MappedHost { host, warnings } = mapped(&node);
        (host.id, warnings)
    };
    let substitute =
        |id: &str, field| (id.to_owned(), vec![warning(Problem::NoMachineId(Some(field)))]);
    assert_eq!(node("93CE9D1D", "S", "u"), ("93CE9D1D".to_owned(), vec![]));
    assert_eq!(node("", "S", "u"), substitute("S", "system UUID"));
    assert_eq!(node(" ", "", "u"), substitute("u", "Kubernetes UID"));
    assert_eq!(node("", "", ""), substitute("n1", "name"));
    // Unusable ids, like this one, are left to the output formats.
    assert_eq!(node(&"0".repeat(32), "S", "u"), ("0".repeat(32), vec![]));
    let nameless = mapped(&json!({}));
    assert_eq!(nameless.host.id, "");
    assert_eq!(nameless.warnings[0].problem, Problem::NoMachineId(None));
}

#[test]
fn the_state_follows_kubectl() {
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
fn architectures_have_the_names_of_uname_and_unknown_ones_are_kept() {
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
        let reported = json!({"status": {"nodeInfo": {"architecture": own}}});
        let labelled = json!({"metadata": {"labels": {"kubernetes.io/arch": own}}});
        let labelled_in_beta = json!({"metadata": {"labels": {"beta.kubernetes.io/arch": own}}});
        for node in [reported, labelled, labelled_in_beta] {
            assert_eq!(mapped(&node).host.cpu.architecture.as_deref(), Some(expected), "{node}");
        }
    }
}

#[test]
fn ignores_invalid_timestamps_with_a_warning() {
    let node = json!({
        "metadata": {"name": "n1", "creationTimestamp": "yesterday"},
        "status": {
            "nodeInfo": {"machineID": "m"},
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-13-01"}],
        },
    });
    let MappedHost { host, warnings } = mapped(&node);
    assert_eq!((host.created_at, host.conditions[0].last_transition_time), (None, None));
    let expected = [
        ignored("condition \"Ready\": lastTransitionTime", IgnoredBecause::NotATimestamp),
        ignored("creationTimestamp", IgnoredBecause::NotATimestamp),
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn ignores_unusable_quantities_with_a_warning() {
    let too_large = IgnoredBecause::QuantityOutOfRange(OutOfRange::TooLarge);
    for (resource, text, because) in [
        ("memory", "16Ei", too_large),
        ("memory", "1e999999999", too_large),
        ("memory", "-1Gi", IgnoredBecause::QuantityOutOfRange(OutOfRange::Negative)),
        ("memory", "", IgnoredBecause::NotAQuantity(ParseError::Empty)),
        ("cpu", "1E18", too_large),
        ("cpu", "many", IgnoredBecause::NotAQuantity(ParseError::NoNumber)),
        ("cpu", "4 ", IgnoredBecause::NotAQuantity(ParseError::UnknownSuffix)),
    ] {
        let node = json!({
            "metadata": {"name": "n1"},
            "status": {"nodeInfo": {"machineID": "m"}, "capacity": {resource: text}},
        });
        let MappedHost { host, warnings } = mapped(&node);
        assert_eq!((host.memory_bytes, host.cpu.millicores), (None, None), "{resource} {text}");
        assert_eq!(host.capacity[resource], text);
        assert_eq!(warnings, [ignored(&format!("capacity.{resource}"), because)]);
    }
}

#[test]
fn conditions_are_sorted_by_type() {
    let conditions =
        [json!({"type": "Ready", "status": "True"}), json!({"type": "A", "status": "x"})];
    let host =
        |conditions: Vec<&Value>| mapped(&json!({"status": {"conditions": conditions}})).host;
    let in_order = host(conditions.iter().collect());
    assert_eq!(in_order, host(conditions.iter().rev().collect()));
    assert_eq!(in_order.conditions[0].kind, "A");
}

#[test]
fn every_problem_has_its_message() {
    let ignored = |because| Problem::Ignored { field: "capacity.memory".to_owned(), because };
    let messages = [
        Problem::NoMachineId(Some("system UUID")),
        Problem::NoMachineId(None),
        Problem::NoProvider,
        Problem::NoInstance,
        Problem::NamespaceNotFound,
        Problem::NodeNotFound("worker-9".to_owned()),
        ignored(IgnoredBecause::NumberOutOfRange),
        ignored(IgnoredBecause::NotATimestamp),
        ignored(IgnoredBecause::NotAQuantity(ParseError::NoNumber)),
        ignored(IgnoredBecause::QuantityOutOfRange(OutOfRange::Negative)),
    ]
    .map(|problem| problem.to_string());
    insta::assert_snapshot!(messages.join("\n"));
}
