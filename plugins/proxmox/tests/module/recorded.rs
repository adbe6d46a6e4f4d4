//! Replays recorded answers of real systems, if they are present.

use std::path::Path;

use gatherer_plugin_api::model::GuestState;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::proxmox::refusal;
use gatherer_tests::recorded;
use serde_json::{Value, json};

use super::{Served, guest, guests, warnings};

fn read(folder: &Path, name: &str) -> Value {
    let text = gatherer_plugin_support::file::read(&folder.join(name), 1024 * 1024);
    let text = text.expect("the answer was recorded");
    serde_json::from_slice(&text).expect("JSON")
}

const EVERYTHING: &str = r#"{"data": {"/": {"VM.Audit": 1, "Sys.Audit": 1}}}"#;

/// The cluster of two nodes of Proxmox VE 9. The configurations of most guests were not recorded: each has another UUID then.
fn version_9(folder: &Path, request: &ReceivedRequest) -> Action {
    let path = request.path().replace("/api2/json/", "");
    let parts: Vec<&str> = path.split('/').collect();
    let name = match parts[..] {
        ["access", "ticket"] => "access-ticket.json".to_owned(),
        ["access", "permissions"] => return Action::answer(200, EVERYTHING),
        ["access", "acl"] => return Action::answer(200, r#"{"data": []}"#),
        ["version"] => "nodes-version.json".to_owned(),
        ["cluster", "status"] => "cluster-status.json".to_owned(),
        ["cluster", "resources"] => {
            let mut list = read(folder, "cluster-resources.json");
            list["data"]
                .as_array_mut()
                .expect("a list")
                .retain(|entry| entry.get("vmid").is_some());
            return Action::json(200, &list);
        }
        ["nodes"] => {
            let status = read(folder, "cluster-status.json");
            let members = status["data"].as_array().expect("a list").iter();
            let nodes: Value = members
                .filter(|member| member["type"] == "node")
                .map(|member| json!({"node": member["name"], "status": "online", "type": "node"}))
                .collect();
            return Action::json(200, &json!({ "data": nodes }));
        }
        ["nodes", node, "status"] => {
            format!("nodes-status-{}.json", if node.ends_with('2') { 2 } else { 1 })
        }
        ["nodes", _, "lxc", vmid, "config"] => {
            return Action::json(200, &json!({"data": {"hostname": format!("CT{vmid}")}}));
        }
        ["nodes", _, "qemu", vmid, "config"] => {
            let name = format!("qemu-{vmid}-config.json");
            if !folder.join(&name).exists() {
                let uuid = format!("uuid=dddddddd-0000-4000-8000-{vmid:0>12}");
                return Action::json(200, &json!({"data": {"smbios1": uuid, "memory": "1024"}}));
            }
            name
        }
        _ => return refusal(501, "Method not implemented"),
    };
    Action::json(200, &read(folder, &name))
}

#[test]
fn reads_the_recorded_cluster_of_version_9() {
    let Some(folder) = recorded("proxmox") else {
        gatherer_tests::skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let list = read(&folder, "cluster-resources.json");
    let listed: Vec<Value> = list["data"].as_array().expect("a list").clone();
    let is_guest = |entry: &&Value| entry.get("vmid").is_some();
    let templates = listed.iter().filter(is_guest).filter(|entry| entry["template"] == 1).count();
    let expected = listed.iter().filter(is_guest).count();

    let answers = folder.clone();
    let served = Served::script(move |request| version_9(&answers, request));
    let gathered = served.gather().expect("a complete answer");
    assert_eq!((gathered.hosts.len(), guests(&gathered), expected), (2, 21, 21));
    let all = || gathered.hosts.iter().flat_map(|host| &host.guests);
    assert_eq!((all().filter(|guest| guest.template).count(), templates), (14, 14));
    assert!(all().all(|guest| guest.cpus.is_some() && guest.memory_bytes.is_some()));
    let without_uuid: Vec<_> = all().filter(|guest| guest.uuid.is_none()).collect();
    assert!(without_uuid.iter().all(|guest| guest.attributes["proxmoxType"] == "lxc"));
    assert!(
        without_uuid
            .iter()
            .all(|guest| guest.id.as_deref().is_some_and(|id| id.starts_with("pvetest/")))
    );
    for host in &gathered.hosts {
        let cpu = &host.cpu;
        assert_eq!((cpu.sockets, cpu.cores, cpu.threads), (Some(1), Some(8), Some(8)));
        assert_eq!(cpu.frequency_mhz.as_ref().and_then(serde_json::Number::as_f64), Some(2794.749));
        assert_eq!(host.os.as_ref().and_then(|os| os.version.as_deref()), Some("9.1.5"));
        assert_eq!(host.versions["kernel"], "6.17.9-1-pve");
        assert!(host.memory_bytes.is_some());
    }
    let (first, _) = guest(&gathered, 100);
    let config = read(&folder, "qemu-100-config.json")["data"].clone();
    assert!(
        config["smbios1"].as_str().expect("text").contains(first.uuid.as_deref().expect("a UUID"))
    );
    assert_eq!((first.state, first.disks.len()), (Some(GuestState::Running), 3));
    assert_eq!(first.interfaces.len(), 1);
    assert!(warnings(&gathered).is_empty(), "{:?}", warnings(&gathered));
}

#[test]
fn reads_the_recorded_containers_of_version_6() {
    let Some(folder) = recorded("proxmox") else {
        gatherer_tests::skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let served = Served::script(move |request| {
        let path = request.path().replace("/api2/json/", "");
        let name = match path.split('/').collect::<Vec<_>>()[..] {
            ["access", "ticket"] => "access-ticket.json".to_owned(),
            ["access", "permissions"] => return Action::answer(200, EVERYTHING),
            ["access", "acl"] => return Action::answer(200, r#"{"data": []}"#),
            ["version"] => "nodes-version.json".to_owned(),
            ["cluster", "status"] => {
                return Action::json(
                    200,
                    &json!({"data": [{"type": "node", "name": "pve", "online": 1}]}),
                );
            }
            ["cluster", "resources"] => {
                // The list of one node was recorded, which has another name for the CPUs.
                let mut list = read(&folder, "fog-nodes-pve-lxc.json");
                for entry in list["data"].as_array_mut().expect("a list") {
                    entry["node"] = json!("pve");
                    entry["maxcpu"] = entry["cpus"].take();
                }
                return Action::json(200, &list);
            }
            ["nodes"] => "fog-nodes.json".to_owned(),
            ["nodes", "pve", "status"] => "nodes-status-1.json".to_owned(),
            ["nodes", "pve", "lxc", vmid, "config"] => {
                format!("fog-nodes-pve-lxc-{vmid}-config.json")
            }
            _ => return refusal(501, "Method not implemented"),
        };
        Action::json(200, &read(&folder, &name))
    });
    let gathered = served.gather().expect("a complete answer");
    let (container, host) = guest(&gathered, 100);
    assert_eq!((container.name.as_str(), host), ("CT100", "pve"));
    assert_eq!(container.id.as_deref(), Some("pve/100"));
    assert_eq!((container.cpus, container.template), (Some(2), false));
    assert_eq!(container.os.as_ref().and_then(|os| os.name.as_deref()), Some("alpine"));
    assert_eq!(container.disks[0].capacity_bytes, Some(1 << 30));
}

/// The permissions that were recorded are those of users that may not read guests.
#[test]
fn the_recorded_permissions_are_not_enough() {
    let Some(folder) = recorded("proxmox") else {
        gatherer_tests::skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    for name in ["fog-access-permissions-1.json", "fog-access-permissions-2.json"] {
        let answers = folder.clone();
        let served = Served::script(move |request| {
            if request.path().ends_with("/access/permissions") {
                return Action::json(200, &read(&answers, name));
            }
            version_9(&answers, request)
        });
        let error = served.gather().expect_err("a filtered view");
        assert_eq!(error.kind, gatherer_plugin_api::ErrorKind::Permission);
    }
}
