//! The Nodes of `fixtures/` give exactly the hosts and warnings beside them.

#![expect(clippy::disallowed_methods, reason = "fixtures of this repository")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gatherer_plugin_api::model::Host;
use gatherer_plugin_kubernetes::map::{self, Mapped};
use gatherer_plugin_kubernetes::objects::node::Node;
use serde_json::{Value, json};

type Warnings = Vec<(String, String)>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn text(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.node.json"))).expect("the node")
}

fn host(text: &[u8]) -> Mapped {
    map::host(serde_json::from_slice::<Node<'_>>(text).expect("a node"))
}

fn expected(name: &str) -> (Value, Warnings) {
    let host = fs::read(folder().join(format!("{name}.host.json"))).expect("the host");
    let warnings = match fs::read(folder().join(format!("{name}.warnings.json"))) {
        Ok(text) => serde_json::from_slice(&text).expect("warnings"),
        Err(_) => Warnings::new(),
    };
    (serde_json::from_slice(&host).expect("a document"), warnings)
}

fn check(name: &str) -> Host {
    let Mapped { host, warnings } = host(&text(name));
    let (expected, expected_warnings) = expected(name);
    let found = serde_json::to_value(&host).expect("JSON");
    let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
    assert_eq!(pretty(&found), pretty(&expected), "{name}");
    assert_eq!(warnings, expected_warnings, "{name}");
    host
}

/// A host of a Node that is told by its parts alone.
fn mapped(node: &Value) -> Mapped {
    host(node.to_string().as_bytes())
}

/// The members of a file's name before `.node.json`.
fn names() -> BTreeSet<String> {
    let files = fs::read_dir(folder()).expect("the folder").map(|file| file.expect("a file"));
    let name = |file: fs::DirEntry| {
        file.file_name().to_str()?.strip_suffix(".node.json").map(str::to_owned)
    };
    files.filter_map(name).collect()
}

#[test]
fn a_kubeadm_control_plane_has_roles_and_taints() {
    check("kubeadm");
}

#[test]
fn a_role_stands_for_itself_whatever_the_value_of_its_label() {
    check("k3s");
}

#[test]
fn an_aws_node_is_an_instance_of_a_zone() {
    check("eks");
}

#[test]
fn a_gce_node_is_an_instance_of_a_zone() {
    check("gke");
}

#[test]
fn an_azure_node_is_an_instance_by_its_path() {
    check("aks");
}

#[test]
fn an_openstack_node_may_tell_its_region() {
    check("openstack");
}

#[test]
fn a_vsphere_node_has_one_uuid_by_its_provider_and_one_by_its_firmware() {
    check("vsphere");
}

#[test]
fn addresses_keep_their_order_and_a_system_uuid_need_not_be_one() {
    check("dual-stack");
}

#[test]
fn a_windows_node_goes_by_its_own_machine_id_which_is_its_name() {
    check("windows");
}

#[test]
fn a_provider_that_nobody_knows_keeps_its_own_name() {
    check("kind");
}

#[test]
fn a_cordoned_node_takes_no_new_guests() {
    check("cordoned");
}

#[test]
fn a_node_that_says_no_is_down_though_it_is_cordoned() {
    check("not-ready");
}

#[test]
fn a_node_that_stopped_answering_is_disconnected() {
    check("lost");
}

#[test]
fn a_node_that_has_just_registered_is_reported_with_what_there_is() {
    check("just-registered");
}

#[test]
fn a_node_without_a_status_is_reported() {
    check("no-status");
    check("nothing-but-nulls");
}

#[test]
fn odd_quantities_are_exact() {
    check("odd-quantities");
}

#[test]
fn what_is_no_amount_is_left_out_with_a_warning() {
    check("bad-quantities");
}

#[test]
fn cloned_nodes_share_a_machine_id_and_nothing_is_done_about_it() {
    let (a, b) = (check("clone-a"), check("clone-b"));
    assert_eq!(a.id, b.id);
    assert_ne!(a.identifiers.kubernetes_uid, b.identifiers.kubernetes_uid);
}

#[test]
fn the_full_node_of_the_api_gives_the_same_host_as_ours() {
    for name in names() {
        let text = text(&name);
        let full: k8s_openapi::api::core::v1::Node = serde_json::from_slice(&text).expect("a node");
        let full = serde_json::to_vec(&full).expect("JSON");
        assert_eq!(host(&full), host(&text), "{name}");
    }
}

/// What the table cannot say of itself: that every file of the folder was checked.
#[test]
fn every_fixture_has_its_host_and_its_test() {
    let source = include_str!("map.rs");
    for name in names() {
        assert!(folder().join(format!("{name}.host.json")).is_file(), "{name}");
        assert!(source.contains(&format!("check(\"{name}\")")), "{name}");
    }
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
