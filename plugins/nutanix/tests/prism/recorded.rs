//! Recorded answers of real systems, where they are present.

use std::path::Path;

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::GuestState;
use gatherer_plugin_support::file;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::skip;
use serde_json::{Number, Value, json};

use super::{Gathering, gather_from};

const REASON: &str = "GATHERER_RECORDED names no folder of recorded answers";

fn recorded(folder: &Path, name: &str) -> Value {
    let bytes = file::read(&folder.join(name), 1 << 20).expect("a recorded answer");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Answers with these documents by the end of the path. A page after the first is empty.
fn replay(api: &str, documents: Vec<(&'static str, Value)>) -> Gathering {
    gather_from(api, move |request: &ReceivedRequest| {
        if request.path().ends_with("/unversioned/info") {
            return Action::json(200, &json!({"data": "v4.0"}));
        }
        let document = documents.iter().find(|(path, _)| request.path().ends_with(path));
        document.map_or(Action::answer(404, ""), |(_, document)| Action::json(200, document))
    })
}

/// The answers of v4, with the total of the VMs changed to the number of those that were kept.
fn v4(folder: &Path) -> Vec<(&'static str, Value)> {
    let mut vms = recorded(folder, "v4.0-vms.json");
    let kept = vms["data"].as_array().expect("a list").len();
    vms["metadata"]["totalAvailableResults"] = json!(kept);
    vec![
        ("/config/clusters", recorded(folder, "v4.0-clusters.json")),
        ("/config/hosts", recorded(folder, "v4.0-hosts.json")),
        ("/ahv/config/vms", vms),
    ]
}

#[test]
fn a_recorded_prism_central_v4_is_read_completely() {
    let Some(folder) = gatherer_tests::recorded("nutanix") else { skip!("{REASON}") };
    let documents = v4(&folder);
    let kept = documents[2].1["data"].as_array().expect("a list").len();
    let gathering = replay("auto", documents);
    let hosts = gathering.hosts();
    assert_eq!((hosts.len(), gathering.guests().len()), (5, kept));
    for host in &hosts[..4] {
        assert_eq!(host.cpu.frequency_mhz.as_ref().and_then(Number::as_u64), Some(2100));
        assert_eq!(
            (host.cpu.sockets, host.cpu.cores, host.cpu.threads),
            (Some(2), Some(40), Some(80))
        );
        assert_eq!(host.hypervisor.as_ref().and_then(|it| it.version.as_deref()), Some("10.0.1"));
    }
    let off = hosts[4].guests.iter().filter(|guest| guest.state == Some(GuestState::Stopped));
    assert_eq!(off.count(), hosts[4].guests.len());
    assert!(
        gathering.guests().iter().all(|guest| guest.cpus > Some(0) && guest.memory_bytes.is_some())
    );
    assert!(gathering.result.as_ref().expect("complete").warnings.is_empty());
}

#[test]
fn a_recorded_list_with_its_own_total_is_not_complete() {
    let Some(folder) = gatherer_tests::recorded("nutanix") else { skip!("{REASON}") };
    let mut documents = v4(&folder);
    documents[2].1 = recorded(&folder, "v4.0-vms.json");
    assert_eq!(replay("auto", documents).error().kind, ErrorKind::Protocol);
}

#[test]
fn a_recorded_prism_element_is_read_completely() {
    let Some(folder) = gatherer_tests::recorded("nutanix") else { skip!("{REASON}") };
    let documents = vec![
        ("/v2.0/hosts", recorded(&folder, "v2.0-hosts.json")),
        ("/v2.0/vms", recorded(&folder, "v2.0-vms.json")),
    ];
    let gathering = replay("v2", documents);
    assert_eq!((gathering.hosts().len(), gathering.guests().len()), (2, 1));
    let host = &gathering.hosts()[0];
    assert_eq!(host.guests.len(), 1);
    // The total capacity is ten times as much.
    assert_eq!(host.cpu.frequency_mhz.as_ref().and_then(Number::as_u64), Some(2200));
    let version = host.hypervisor.as_ref().and_then(|hypervisor| hypervisor.version.as_deref());
    assert_eq!(version, Some("20170830.122"));
}

#[test]
fn recorded_answers_of_v3_are_read_and_prism_central_is_not_a_host() {
    let Some(folder) = gatherer_tests::recorded("nutanix") else { skip!("{REASON}") };
    let one = |name: &str| {
        let mut document = recorded(&folder, name);
        document["metadata"]["total_matches"] = json!(1);
        document
    };
    let documents = || {
        vec![
            ("/hosts/list", one("v3-hosts-list-of-prism-central-itself.json")),
            ("/vms/list", one("v3-vms-list.json")),
            ("/clusters/list", json!({"metadata": {"total_matches": 0}, "entities": []})),
        ]
    };
    // The only recorded host is Prism Central itself, so the answer has no host.
    assert_eq!(replay("v3", documents()).error().kind, ErrorKind::Permission);

    let mut with_host = documents();
    let host =
        with_host[1].1["entities"][0]["status"]["resources"]["host_reference"]["uuid"].clone();
    let own = json!({
        "metadata": {"kind": "host", "uuid": host},
        "status": {"name": "our host", "resources": {"num_cpu_cores": 4}},
    });
    with_host[0].1["entities"].as_array_mut().expect("a list").push(own);
    with_host[0].1["metadata"]["total_matches"] = json!(2);
    let gathering = replay("v3", with_host);
    assert_eq!((gathering.hosts().len(), gathering.guests().len()), (2, 1));
    let guest = gathering.guests()[0];
    assert_eq!((guest.cpus, guest.memory_bytes), (Some(1), Some(4 << 30)));
    assert_eq!((guest.interfaces.len(), guest.addresses.len()), (1, 1));
    assert_eq!(guest.state, Some(GuestState::Running));
    assert_eq!(gathering.hosts()[0].guests.len(), 1);
}
