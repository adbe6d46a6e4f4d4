//! Complete answers: each version agrees with the fake's inventory, and v4 with Nutanix's own client.

use std::sync::Arc;

use gatherer_plugin_api::Options;
use gatherer_plugin_api::model::HostState;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_nutanix::NutanixAhv;
use gatherer_plugin_support::testing::{Action, TlsServer};
use gatherer_tests::fakes::nutanix::{
    NutanixFake, NutanixGuestKind, NutanixHypervisor, NutanixInventory, NutanixPower,
};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::{Number, json};

use super::lists::{changed, fake_of as fake};
use super::{Gathering, PASSWORD, USERNAME, gather, gather_from, parameters};

/// The guests that this version of the API lists, with its words of states, sorted.
fn expected(inventory: &NutanixInventory, api: &str) -> Vec<JudgedGuest> {
    let mut all = Vec::new();
    for guest in &inventory.guests {
        let is_esxi = inventory.hypervisor(&guest.cluster) == Some(NutanixHypervisor::Esxi);
        let is_of_element = guest.cluster == inventory.clusters[0].id;
        let is_listed = match api {
            "v2" => is_of_element,
            "v3" => !is_esxi,
            _ => true,
        };
        // Only v4.2 has a list of controller VMs.
        let is_controller = guest.kind == NutanixGuestKind::ControllerVm;
        if !is_listed || (is_controller && api != "v4") {
            continue;
        }
        let state = match guest.power {
            NutanixPower::On => "ON",
            NutanixPower::Off => "OFF",
            NutanixPower::Paused if is_esxi => "SUSPENDED",
            NutanixPower::Paused => "PAUSED",
            NutanixPower::Undetermined => "UNDETERMINED",
        };
        let host = inventory.hosts.iter().find(|host| Some(&host.id) == guest.host.as_ref());
        all.push(JudgedGuest {
            name: guest.name.clone(),
            id: Some(guest.id.clone()),
            host: host.map(|host| host.name.clone()),
            state: match api {
                "v2" => Some(state.to_ascii_lowercase()),
                _ => (!is_controller).then(|| state.to_owned()),
            },
            cpus: Some(guest.cpus()),
            memory_bytes: Some(guest.memory_bytes),
        });
    }
    all.sort();
    all
}

fn read(gathering: &Gathering) -> Vec<JudgedGuest> {
    JudgedGuest::all_of(gathering.hosts(), &[])
}

#[test]
fn every_version_reads_the_whole_inventory() {
    for api in ["v2", "v3", "v4"] {
        let inventory = NutanixInventory::sample();
        let gathering = gather("auto", fake(api, inventory.clone()));
        assert_eq!(read(&gathering), expected(&inventory, api), "{api}");
        let mut names: Vec<_> = inventory
            .hosts
            .iter()
            .filter(|host| api != "v2" || host.cluster == inventory.clusters[0].id)
            .map(|host| host.name.as_str())
            .collect();
        names.push("Nutanix-AHV-DetachedVMs");
        let read: Vec<_> = gathering.hosts().iter().map(|host| host.name.as_str()).collect();
        assert_eq!(read, names, "{api}: Prism Central itself is not a host");
    }
}

#[test]
fn every_version_reads_many_guests_whatever_the_length_of_its_pages() {
    for api in ["v2", "v3", "v4"] {
        for page_size in [7, 100, 1000] {
            let inventory = NutanixInventory::of_size(230);
            let mut fake = fake(api, inventory.clone());
            fake.page_size = page_size;
            let gathering = gather("auto", fake);
            assert_eq!(gathering.guests().len(), 230, "{api} {page_size}");
            assert_eq!(read(&gathering), expected(&inventory, api), "{api} {page_size}");
        }
    }
}

#[test]
fn every_version_reads_the_same_hosts() {
    let inventory = NutanixInventory::of_size(3);
    for api in ["v2", "v3", "v4"] {
        let gathering = gather("auto", fake(api, inventory.clone()));
        for (host, ours) in inventory.hosts.iter().zip(gathering.hosts()) {
            assert_eq!((&ours.id, &ours.name), (&host.name, &host.name), "{api}");
            assert_eq!(ours.identifiers.uuid.as_deref(), Some(&*host.id), "{api}");
            let frequency = ours.cpu.frequency_mhz.as_ref().and_then(Number::as_u64);
            assert_eq!(frequency, Some(host.cpu_hz / 1_000_000), "{api}");
            assert_eq!(ours.cpu.sockets, Some(host.cpu_sockets), "{api}");
            assert_eq!(ours.cpu.cores, Some(host.cpu_cores), "{api}");
            // v3 does not report threads.
            assert_eq!(ours.cpu.threads, (api != "v3").then_some(host.cpu_threads), "{api}");
            assert_eq!(ours.cpu.architecture.as_deref(), Some("x86_64"), "{api}");
            assert_eq!(ours.memory_bytes, Some(host.memory_bytes), "{api}");
            let os = ours.os.as_ref().and_then(|os| os.version.as_deref());
            assert_eq!(os, Some(&*host.hypervisor_full_name), "{api}");
            assert_eq!(ours.addresses.len(), 1, "{api}");
        }
    }
}

#[test]
fn guests_carry_what_inventories_need() {
    let inventory = NutanixInventory::sample();
    for api in ["v2", "v3", "v4"] {
        let gathering = gather("auto", fake(api, inventory.clone()));
        for guest in gathering.guests() {
            let of_fake =
                inventory.guests.iter().find(|known| Some(&known.id) == guest.id.as_ref());
            let of_fake = of_fake.expect("a guest of the inventory");
            let cluster = inventory.clusters.iter().find(|known| known.id == of_fake.cluster);
            let cluster = cluster.map(|cluster| cluster.name.clone());
            assert_eq!(guest.location.cluster, cluster.filter(|_| api != "v2"), "{api}");
            assert!(!guest.template, "{api}");
            if of_fake.kind == NutanixGuestKind::ControllerVm {
                continue;
            }
            let sizes: Vec<_> = guest.disks.iter().filter_map(|disk| disk.capacity_bytes).collect();
            assert_eq!(sizes, of_fake.disk_bytes, "{api} {}", guest.name);
            assert_eq!(guest.interfaces.len(), of_fake.nics.len(), "{api} {}", guest.name);
            for (interface, nic) in guest.interfaces.iter().zip(&of_fake.nics) {
                assert_eq!(interface.mac.as_deref(), Some(&*nic.mac), "{api}");
                assert_eq!(interface.addresses, nic.addresses, "{api} {}", guest.name);
            }
            let is_agent =
                matches!(of_fake.kind, NutanixGuestKind::Agent | NutanixGuestKind::ControllerVm);
            assert_eq!(guest.agent, is_agent, "{api} {}", guest.name);
        }
    }
}

#[test]
fn esxi_hosts_are_reported_with_their_guests_by_v4_and_with_a_warning_by_v3() {
    let inventory = NutanixInventory::sample();
    let gathering = gather("auto", fake("v4", inventory.clone()));
    let esxi = gathering.hosts().iter().find(|host| host.name == "osprey-1").expect("the host");
    assert_eq!(esxi.hypervisor.as_ref().map(|hypervisor| &*hypervisor.kind), Some("vmware"));
    let names: Vec<_> = esxi.guests.iter().map(|guest| guest.name.as_str()).collect();
    assert_eq!(names, ["payroll", "NTNX-OURS3-CVM"]);
    assert!(gathering.result.as_ref().expect("complete").warnings.is_empty());

    let gathering = gather("auto", fake("v3", inventory));
    let warnings = &gathering.result.as_ref().expect("complete").warnings;
    let objects: Vec<_> = warnings.iter().map(|warning| warning.object.as_str()).collect();
    assert_eq!(objects, ["osprey-1"]);
}

#[test]
fn controller_vms_are_listed_from_v4_2_on_if_the_user_may_view_them() {
    let inventory = NutanixInventory::sample();
    let count = |gathering: &Gathering| {
        gathering.guests().iter().filter(|guest| guest.name.ends_with("-CVM")).count()
    };
    let gathering = gather("auto", fake("v4", inventory.clone()));
    assert_eq!(count(&gathering), 3);
    let gathering = gather("auto", NutanixFake::central_v4(inventory.clone(), 1));
    assert_eq!(count(&gathering), 0);
    assert!(!gathering.requests.iter().any(|request| request.path().ends_with("/cvms")));
    assert!(gathering.result.as_ref().expect("complete").warnings.is_empty());

    let fake = fake("v4", inventory);
    let gathering = gather_from("auto", move |request| match request.path() {
        path if path.ends_with("/cvms") => Action::answer(403, ""),
        _ => fake.answer(request),
    });
    assert_eq!((count(&gathering), gathering.guests().len()), (0, 9));
    let warnings = &gathering.result.as_ref().expect("complete").warnings;
    let objects: Vec<_> = warnings.iter().map(|warning| warning.object.as_str()).collect();
    assert_eq!(objects, ["kestrel", "osprey"]);
}

#[test]
fn a_prism_central_without_the_list_of_esxi_vms_is_read_with_a_warning() {
    let fake = fake("v4", NutanixInventory::sample());
    let gathering = gather_from("auto", move |request| match request.path() {
        path if path.ends_with("/esxi/config/vms") => Action::answer(404, ""),
        _ => fake.answer(request),
    });
    assert_eq!(gathering.guests().len(), 10);
    let warnings = &gathering.result.as_ref().expect("complete").warnings;
    let objects: Vec<_> = warnings.iter().map(|warning| warning.object.as_str()).collect();
    assert_eq!(objects, ["osprey-1"]);
}

#[test]
fn the_list_of_esxi_vms_is_read_only_if_there_is_an_esxi_host() {
    let gathering = gather("auto", fake("v4", NutanixInventory::of_size(3)));
    gathering.hosts();
    assert_eq!(gathering.count("/api/vmm/v4.2/esxi/config/vms"), 0);
}

#[test]
fn a_host_says_whether_it_is_connected_or_in_maintenance() {
    let mut inventory = NutanixInventory::of_size(3);
    inventory.hosts[0].is_in_maintenance = true;
    inventory.hosts[1].is_connected = false;
    let gathering = gather("auto", fake("v4", inventory.clone()));
    let states: Vec<_> = gathering.hosts().iter().map(|host| host.state).collect();
    assert_eq!(states, [Some(HostState::Maintenance), Some(HostState::Disconnected), None]);
    let gathering = gather("auto", fake("v2", inventory));
    let states: Vec<_> = gathering.hosts().iter().map(|host| host.state).collect();
    assert_eq!(states, [Some(HostState::Maintenance), Some(HostState::Up), None]);
}

#[test]
fn nutanixs_own_client_agrees_guest_by_guest() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    for (inventory, guests) in
        [(NutanixInventory::sample(), 12), (NutanixInventory::of_size(240), 240)]
    {
        let mut fake = NutanixFake::central_v4(inventory.clone(), 2);
        fake.page_size = if guests == 12 { 3 } else { 500 };
        let fake = Arc::new(fake);
        let server = TlsServer::start(move |request| fake.answer(request));
        let ca_file = server.ca_file().to_str().expect("a UTF-8 path");
        let port = server.port();
        let port_text = port.to_string();
        let arguments = ["localhost", &port_text, USERNAME, PASSWORD, ca_file, "controller-vms"];
        let judged = judge.read("nutanix_v4.py", &arguments);

        let options = Options { ca_file: Some(ca_file.to_owned()), ..Options::default() };
        let recorder = Recorder::new().options(options);
        let gathered = recorder.gather::<NutanixAhv>(parameters(port, PASSWORD, "auto"));
        let gathered = gathered.expect("a complete answer");
        let ours = JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests);
        assert_eq!(ours, judged);
        assert_eq!(ours.len(), guests);
        assert_eq!(ours, expected(&inventory, "v4"));
    }
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    // What one of the versions says is listed. The fake has no categories and no guest tools.
    let versions = ["v2", "v3", "v4"].map(|api| {
        let fake = fake(api, NutanixInventory::sample());
        let gathering = gather_from(api, move |request| {
            let answer = fake.answer(request);
            match request.path() {
                path if path.ends_with("/v3/vms/list") => changed(answer, |reply| {
                    reply["entities"][0]["metadata"]["categories"] = json!({"Tier": "web"});
                }),
                path if path.ends_with("/ahv/config/vms") => changed(answer, |reply| {
                    let tools = json!({"guestInfo": {"dnsName": {"value": "web.example.com"}}});
                    reply["data"][0]["guestTools"] = tools;
                }),
                _ => answer,
            }
        });
        gathering.result.expect("a complete answer").hosts
    });
    gatherer_tests::assert_guest_members("NutanixAHV", &versions.concat(), &[]);
}
