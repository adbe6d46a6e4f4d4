//! What the module makes of clusters, single nodes, nodes that do not answer, and guests that change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::model::{GuestState, HostState};
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::proxmox::{Change, FakeGuest, FakeProxmox, Release, refusal};
use serde_json::json;

use super::{Served, gather, guest, guests, host, warnings};

fn cluster() -> FakeProxmox {
    FakeProxmox::cluster(Release::Nine)
}

#[test]
fn reads_hosts_and_guests_of_a_cluster() {
    let gathered = gather(cluster()).expect("a complete answer");
    insta::assert_json_snapshot!(gathered.hosts);
    assert_eq!(warnings(&gathered).len(), 1, "the guest without an SMBIOS UUID");
}

#[test]
fn old_and_new_releases_give_the_same_guests() {
    let of = |release| {
        let mut hosts = gather(FakeProxmox::cluster(release)).expect("a complete answer").hosts;
        hosts.iter_mut().flat_map(|host| std::mem::take(&mut host.guests)).collect::<Vec<_>>()
    };
    let guests = of(Release::Six);
    assert_eq!(guests.len(), 6);
    assert_eq!(guests, of(Release::Nine));
}

#[test]
fn reads_a_single_node_whose_containers_are_named_after_it() {
    let gathered = gather(FakeProxmox::standalone(Release::Six)).expect("a complete answer");
    assert_eq!((gathered.hosts.len(), guests(&gathered)), (1, 3));
    let node = &gathered.hosts[0];
    assert_eq!(node.location.cluster, None);
    assert_eq!(node.os.as_ref().and_then(|os| os.version.as_deref()), Some("6.4-13"));
    assert_eq!(guest(&gathered, 102).0.id.as_deref(), Some("pve-a/102"));
}

#[test]
fn the_identity_is_the_smbios_uuid_else_the_vmgenid_else_the_id_in_the_cluster() {
    let gathered = gather(cluster()).expect("a complete answer");
    for (vmid, id, uuid) in [
        (100, "aaaaaaaa-0000-4000-8000-000000000100", true),
        (101, "aaaaaaaa-0000-4000-8000-000000000101", true),
        (103, "bbbbbbbb-0000-4000-8000-000000000103", false),
        (104, "lab/104", false),
    ] {
        let (guest, _) = guest(&gathered, vmid);
        assert_eq!((guest.id.as_deref(), guest.uuid.is_some()), (Some(id), uuid), "{vmid}");
    }
}

#[test]
fn keeps_the_guests_of_an_offline_node_without_asking_it() {
    let served = Served::new(cluster().with_offline("pve-b"));
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(guests(&gathered), 6);
    assert_eq!(host(&gathered, "pve-b").state, Some(HostState::Down));
    assert_eq!(host(&gathered, "pve-b").cpu.threads, None);
    for (vmid, name) in [(101, "VM 101"), (103, "VM 103"), (104, "CT104")] {
        let (guest, host) = guest(&gathered, vmid);
        let id = format!("lab/{vmid}");
        assert_eq!((guest.name.as_str(), host, guest.id.as_deref()), (name, "pve-b", Some(&*id)));
        assert_eq!(guest.state, Some(GuestState::Unknown));
        assert_eq!((guest.cpus, guest.memory_bytes), (None, None));
    }
    assert!(served.paths().iter().all(|path| !path.contains("pve-b")));
    insta::assert_snapshot!(warnings(&gathered).join("\n"));
}

#[test]
fn a_node_that_cannot_be_reached_costs_only_its_details() {
    let mut fake = cluster();
    fake.nodes[1].reachable = false;
    let served = Served::new(fake);
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(guests(&gathered), 6);
    assert_eq!(host(&gathered, "pve-b").state, Some(HostState::Disconnected));
    // The list still has names, states and numbers.
    let (db, _) = guest(&gathered, 101);
    assert_eq!((db.name.as_str(), db.state, db.cpus), ("db", Some(GuestState::Stopped), Some(8)));
    assert_eq!(db.id.as_deref(), Some("lab/101"));
    let asked = served.paths().iter().filter(|path| path.contains("pve-b")).count();
    assert_eq!(asked, 1, "the node is not asked for each guest");
    insta::assert_snapshot!(warnings(&gathered).join("\n"));
}

/// A cluster with many guests on `pve-b`.
fn large_cluster() -> FakeProxmox {
    let mut fake = cluster();
    let first = fake.guests[1].clone();
    fake.guests.extend((1000..1200).map(|vmid| {
        let uuid = format!("uuid=aaaaaaaa-0000-4000-8000-{vmid:012}");
        FakeGuest { vmid, config: json!({ "smbios1": uuid }), ..first.clone() }
    }));
    fake
}

/// Whether this is the path of a guest that only the large cluster has.
fn is_of_many(path: &str) -> bool {
    let vmid = path.strip_suffix("/config").and_then(|path| path.rsplit('/').next());
    vmid.is_some_and(|vmid| vmid.len() == 4)
}

#[test]
fn a_node_that_fails_between_two_guests_is_not_asked_again() {
    let fake = large_cluster();
    let served = Served::script(move |request| match request.path() {
        path if is_of_many(path) => refusal(595, "Broken pipe"),
        _ => fake.answer(request),
    });
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(guests(&gathered), 206);
    assert!(guest(&gathered, 101).0.uuid.is_some() && guest(&gathered, 1100).0.uuid.is_none());
    assert_eq!(guest(&gathered, 1100).0.id.as_deref(), Some("lab/1100"));
    let asked = served.paths().iter().filter(|path| is_of_many(path)).count();
    assert!(asked <= 4, "{asked} guests were asked for");
    let reports = warnings(&gathered);
    let reports = reports.iter().filter(|warning| warning.contains("does not answer"));
    assert_eq!(reports.count(), 1);
}

#[test]
fn reads_at_most_four_configurations_at_a_time() {
    let fake = large_cluster();
    let (current, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let largest = Arc::clone(&most);
    let served = Served::script(move |request| {
        let number = current.fetch_add(1, Ordering::SeqCst) + 1;
        largest.fetch_max(number, Ordering::SeqCst);
        let answer = fake.answer(request);
        current.fetch_sub(1, Ordering::SeqCst);
        answer
    });
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(guests(&gathered), 206);
    let ids: BTreeSet<_> =
        gathered.hosts.iter().flat_map(|host| &host.guests).map(|guest| &guest.id).collect();
    assert_eq!(ids.len(), 206);
    assert!(most.load(Ordering::SeqCst) <= 4);
}

#[test]
fn a_cluster_without_quorum_is_read_with_a_warning() {
    let mut fake = cluster();
    fake.quorate = false;
    let gathered = gather(fake).expect("a complete answer");
    assert_eq!(guests(&gathered), 6);
    insta::assert_snapshot!(warnings(&gathered)[0]);
}

#[test]
fn a_guest_without_a_name_in_the_list_has_the_one_of_its_configuration() {
    let mut fake = cluster();
    for guest in &mut fake.guests {
        guest.name = None;
    }
    fake.guests[0].config["name"] = json!("");
    let gathered = gather(fake).expect("a complete answer");
    for (vmid, name) in [(100, "VM 100"), (101, "db"), (102, "proxy")] {
        assert_eq!(guest(&gathered, vmid).0.name, name);
    }
}

#[test]
fn a_guest_that_was_deleted_in_between_is_left_out() {
    let mut fake = cluster();
    fake.change = Some(Change::Deleted(101));
    let served = Served::new(fake);
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(guests(&gathered), 5);
    let lists = served.paths().iter().filter(|path| *path == "/cluster/resources").count();
    assert_eq!(lists, 2, "a second list confirms that the guest is gone");
}

#[test]
fn a_guest_that_moved_in_between_is_on_its_new_node() {
    let mut fake = cluster();
    fake.change = Some(Change::Moved(100, "pve-b"));
    let gathered = gather(fake).expect("a complete answer");
    assert_eq!(guests(&gathered), 6);
    let (web, host) = guest(&gathered, 100);
    assert_eq!((host, web.uuid.is_some()), ("pve-b", true));
}

#[test]
fn a_guest_that_exists_and_cannot_be_read_fails_the_endpoint() {
    let mut fake = cluster();
    fake.change = Some(Change::Broken(101));
    let error = gather(fake).expect_err("the guest is not left out");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("/nodes/pve-b/qemu/101/config"), "{error}");
}

#[test]
fn a_guest_that_is_listed_twice_is_gathered_once() {
    let mut fake = cluster();
    fake.repeats_a_guest = true;
    assert_eq!(guests(&gather(fake).expect("a complete answer")), 6);
}

#[test]
fn guests_on_a_node_that_is_not_listed_have_a_host() {
    let mut fake = cluster();
    fake.nodes.truncate(1);
    let gathered = gather(fake).expect("a complete answer");
    assert_eq!(guests(&gathered), 6);
    assert_eq!(host(&gathered, "pve-b").state, None);
    insta::assert_snapshot!(warnings(&gathered)[0]);
}

#[test]
fn a_list_of_nodes_that_is_shorter_than_the_cluster_is_an_error() {
    let fake = cluster();
    let served = Served::script(move |request| match request.path() {
        "/api2/json/nodes" => {
            Action::json(200, &json!({"data": [{"node": "pve-a", "status": "online"}]}))
        }
        _ => fake.answer(request),
    });
    let error = served.gather().expect_err("a node is missing");
    assert_eq!(error.kind, ErrorKind::Protocol);
    insta::assert_snapshot!(error.message);
}

#[test]
fn a_cluster_without_nodes_is_an_error() {
    let mut fake = cluster();
    (fake.nodes, fake.guests) = (Vec::new(), Vec::new());
    assert_eq!(gather(fake).expect_err("no node").kind, ErrorKind::Protocol);
}

#[test]
fn an_empty_cluster_is_complete() {
    let mut fake = cluster();
    fake.guests.clear();
    let gathered = gather(fake).expect("a complete answer");
    assert_eq!((gathered.hosts.len(), guests(&gathered)), (2, 0));
}

#[test]
fn a_suspended_or_migrating_guest_is_recognized_by_its_lock() {
    let fake = cluster();
    let served = Served::script(move |request| {
        let answer = fake.answer(request);
        if request.path() != "/api2/json/cluster/resources" {
            return answer;
        }
        let list = json!({"data": [
            {"type": "qemu", "vmid": 100, "node": "pve-a", "status": "running", "lock": "migrate"},
            {"type": "qemu", "vmid": 101, "node": "pve-b", "status": "stopped", "lock": "suspended"},
            {"type": "lxc", "vmid": 102, "node": "pve-a", "status": "running", "lock": "backup"},
            {"type": "lxc", "vmid": 104, "node": "pve-b", "status": "stopped", "lock": ""},
        ]});
        Action::json(200, &list)
    });
    let gathered = served.gather().expect("a complete answer");
    let state = |vmid| guest(&gathered, vmid).0.state;
    assert_eq!(state(100), Some(GuestState::Migrating));
    assert_eq!(state(101), Some(GuestState::Suspended));
    assert_eq!(state(102), Some(GuestState::Running));
    assert_eq!(state(104), Some(GuestState::Stopped));
    // Without statistics the numbers are those of the configuration.
    assert_eq!(
        (guest(&gathered, 100).0.cpus, guest(&gathered, 100).0.memory_bytes),
        (Some(4), Some(2 << 30))
    );
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    let gathered = Served::new(cluster()).gather().expect("a complete answer");
    gatherer_tests::assert_guest_members("Proxmox", &gathered.hosts, &gathered.detached_guests);
}
