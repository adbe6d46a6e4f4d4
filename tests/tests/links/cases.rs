//! Machines that are not linked, each with the reason in the inventory and in the log. The documents are those of module
//! File.

use gatherer_tests::{Outcome, PluginFolder, Run, assert_message};
use serde_json::{Value, json};

use crate::{links_of, warnings_of};

const UUID: &str = "4c4c4544-0042-3510-8051-b4c04f4d3132";
const OTHER: &str = "7b2f5c1e-08d3-4f4e-9a52-1d3c6b7e8f90";

/// Gathers documents, each the hosts of an endpoint.
fn gather(documents: &[(&str, &str, Value)]) -> Outcome {
    let plugins = PluginFolder::with(&["file"]);
    let endpoints = documents
        .iter()
        .map(|(id, ..)| json!({"id": id, "module": "File", "url": format!("{id}.json")}));
    let endpoints: Vec<_> = endpoints.collect();
    let run = Run::gather(&json!(endpoints)).plugins(plugins.path()).args([
        "-v",
        "--format",
        "inventory",
    ]);
    for (id, status, hosts) in documents {
        let mut endpoint = json!({"id": id, "status": status, "hosts": hosts});
        if *status == "failed" {
            endpoint["error"] =
                json!({"kind": "unavailable", "message": "the connection was closed"});
        }
        let document =
            json!({"schemaVersion": "1.7", "generator": {"name": "test"}, "endpoints": [endpoint]});
        let path = run.home().join(format!("{id}.json"));
        std::fs::write(path, document.to_string()).expect("a file can be written");
    }
    run.run().expect_code(0)
}

/// The only node of a cluster.
fn node(identifiers: &Value) -> (&'static str, &'static str, Value) {
    ("k8s", "complete", json!([{"id": "id-n1", "name": "n1", "identifiers": identifiers}]))
}

/// The hosts of a platform, each with its guests: name and UUID.
fn platform(
    id: &'static str,
    hosts: &[(&str, &[(&str, &str)])],
) -> (&'static str, &'static str, Value) {
    let hosts = hosts.iter().map(|(name, guests)| {
        let guests =
            guests.iter().map(|(name, uuid)| json!({"id": uuid, "name": name, "uuid": uuid}));
        json!({"id": format!("id-{name}"), "name": name, "guests": guests.collect::<Vec<_>>()})
    });
    (id, "complete", hosts.collect())
}

#[test]
fn a_node_without_doubts_is_linked() {
    let outcome = gather(&[
        node(&json!({"systemUuid": UUID})),
        platform("vms", &[("kvm1", &[("web", UUID)])]),
    ]);
    assert_eq!(
        links_of(&outcome.inventory(), "k8s", "n1"),
        [
            format!("same guest vms/web ({UUID}) by systemUuid {UUID}"),
            format!("runs-on host vms/kvm1 (id-kvm1) by systemUuid {UUID}"),
        ]
    );
    assert_eq!(warnings_of(&outcome, "k8s", "n1"), [""; 0]);
}

#[test]
fn a_placeholder_of_firmware_links_nothing_and_warns_about_nothing() {
    for junk in ["00000000-0000-0000-0000-000000000000", "03000200-0400-0500-0006-000700080009"] {
        let outcome = gather(&[
            node(&json!({"systemUuid": junk, "uuid": junk})),
            platform("vms", &[("kvm1", &[("web", junk)])]),
        ]);
        assert_eq!(outcome.inventory().get("links"), None, "{junk}");
        assert_eq!(warnings_of(&outcome, "k8s", "n1"), [""; 0], "{junk}");
    }
}

/// Asserts that the node is not linked, and returns its only warning.
#[track_caller]
fn warning_of_unlinked(outcome: &Outcome) -> String {
    let inventory = outcome.inventory();
    assert_eq!(inventory.get("links"), None, "{inventory:#}");
    let warnings = warnings_of(outcome, "k8s", "n1");
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    warning.clone()
}

#[test]
fn two_guests_with_the_uuid_of_a_node_are_ambiguous() {
    let node = || node(&json!({"systemUuid": UUID}));
    let (web, copy) = (("web", UUID), ("copy", UUID));
    let outcome = gather(&[node(), platform("vms", &[("kvm1", &[web, copy])])]);
    let same_host = warning_of_unlinked(&outcome);
    let outcome = gather(&[node(), platform("vms", &[("kvm1", &[web]), ("kvm2", &[copy])])]);
    let two_hosts = warning_of_unlinked(&outcome);
    let outcome =
        gather(&[node(), platform("a", &[("kvm1", &[web])]), platform("b", &[("kvm2", &[copy])])]);
    let two_endpoints = warning_of_unlinked(&outcome);
    assert_message!([same_host, two_hosts, two_endpoints].join("\n"));
}

#[test]
fn identifiers_of_a_node_that_lead_to_different_guests_disagree() {
    let outcome = gather(&[
        node(&json!({"providerId": format!("openstack:///{OTHER}"), "systemUuid": UUID})),
        platform("nova", &[("compute1", &[("api", OTHER)])]),
        platform("vms", &[("kvm1", &[("web", UUID)])]),
    ]);
    assert_message!(warning_of_unlinked(&outcome));
}

#[test]
fn a_failed_endpoint_has_no_links() {
    let (id, _, hosts) = platform("vms", &[("kvm1", &[("web", UUID)])]);
    let outcome = gather(&[node(&json!({"systemUuid": UUID})), (id, "failed", hosts)]);
    outcome.failure("vms");
    assert_eq!(outcome.inventory().get("links"), None);
    assert_eq!(warnings_of(&outcome, "k8s", "n1"), [""; 0]);
    assert!(
        outcome.log.lines().any(|line| line.contains("ERROR") && line.contains("[vms]")),
        "{}",
        outcome.log
    );
}

#[test]
fn the_log_escapes_names_and_identifiers_in_its_warnings() {
    let hostile = "we\u{1b}[2Jb\nERROR: [k8s] forged\u{202e}";
    let outcome = gather(&[
        node(&json!({"systemUuid": UUID})),
        platform("vms", &[("kvm1", &[(hostile, UUID), ("copy", UUID)])]),
    ]);
    let warning = warning_of_unlinked(&outcome);
    assert!(warning.contains("copy"), "{warning}");
    for text in [&outcome.log, &outcome.stderr, &warning] {
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert!(text.lines().all(|line| !line.starts_with("ERROR: [k8s] forged")), "{text:?}");
    }
}
