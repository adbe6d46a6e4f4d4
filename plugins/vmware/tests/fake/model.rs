//! What the module makes of each kind of object.

use gatherer_plugin_api::model::{Guest, GuestState, Host, HostState};
use gatherer_plugin_api::testing::Gathered;
use gatherer_tests::assert_guest_members;
use gatherer_tests::fakes::vcenter::{Quirk, Vcenter};

use super::gather;

fn gathered() -> Gathered {
    gather(Vcenter::default()).expect("a complete answer")
}

fn host<'a>(gathered: &'a Gathered, id: &str) -> &'a Host {
    let is = |host: &&Host| host.identifiers.managed_object.as_deref() == Some(id);
    gathered.hosts.iter().find(is).unwrap_or_else(|| panic!("{id} is missing"))
}

fn guest<'a>(gathered: &'a Gathered, id: &str) -> &'a Guest {
    let on_hosts = gathered.hosts.iter().flat_map(|host| &host.guests);
    let is = |guest: &&Guest| guest.identifiers.managed_object.as_deref() == Some(id);
    let mut all = on_hosts.chain(&gathered.detached_guests);
    all.find(is).unwrap_or_else(|| panic!("{id} is missing"))
}

#[test]
fn a_host_has_everything_that_the_server_reports() {
    let gathered = gathered();
    let mut host = host(&gathered, "host-11").clone();
    host.guests.clear();
    insta::assert_json_snapshot!(host);
}

#[test]
fn a_guest_has_everything_that_the_server_and_the_tools_report() {
    insta::assert_json_snapshot!(guest(&gathered(), "vm-41"));
}

#[test]
fn a_host_that_is_not_reachable_has_what_is_known_of_it() {
    let gathered = gathered();
    let silent = host(&gathered, "host-13");
    assert_eq!(silent.state, Some(HostState::Disconnected));
    assert_eq!(silent.source_state.as_deref(), Some("notResponding"));
    assert_eq!(silent.id, "4c4c4544-0000-1000-8000-000000000003");
    assert_eq!((silent.cpu.sockets, silent.memory_bytes), (Some(2), Some(3 << 34)));
    assert_eq!((silent.cpu.vendor.as_deref(), silent.addresses.len()), (None, 0));
    assert_eq!(silent.guests.len(), 1);
    let maintained = host(&gathered, "host-14");
    assert_eq!(maintained.state, Some(HostState::Maintenance));
}

#[test]
fn the_key_of_a_host_is_the_first_word_of_its_name() {
    let gathered = gathered();
    let name = |id: &str| {
        let host = host(&gathered, id);
        (host.name.clone(), host.short_name.clone())
    };
    assert_eq!(name("host-11"), ("esx1.example.com".to_owned(), None));
    assert_eq!(name("host-12"), ("192.0.2.12".to_owned(), None));
    let short = Some("esx4.example.com".to_owned());
    assert_eq!(name("host-14"), ("esx4.example.com (old)".to_owned(), short));
}

#[test]
fn names_are_decoded_and_folders_have_a_path() {
    let gathered = gathered();
    assert_eq!(guest(&gathered, "vm-51").name, "100% / \\");
    let place = |id: &str| {
        let location = &guest(&gathered, id).location;
        [&location.datacenter, &location.cluster, &location.folder].map(Clone::clone)
    };
    let some = |text: &str| Some(text.to_owned());
    let cluster = "Cluster / A";
    assert_eq!(place("vm-41"), [some("Berlin"), some(cluster), some("web/frontends/inner")]);
    assert_eq!(place("vm-51"), [some("Berlin"), None, None]);
    // A machine in a vApp has no folder, but its host has a place.
    assert_eq!(place("vm-52"), [some("Berlin"), some(cluster), None]);
}

#[test]
fn the_uuid_depends_on_the_version_of_the_virtual_hardware() {
    let gathered = gathered();
    for (id, expected) in [
        // Version 19, 11, and not known.
        ("vm-41", "00000042-2211-4433-5566-000000000029"),
        ("vm-42", "42000000-1122-3344-5566-00000000002a"),
        ("vm-46", "00000042-2211-4433-5566-00000000002e"),
    ] {
        let guest = guest(&gathered, id);
        assert_eq!(guest.id.as_deref(), Some(expected), "{id}");
        assert_eq!(guest.uuid, guest.id);
        assert!(guest.attributes["vmware_uuid"].starts_with("42000000-1122-3344-5566-"));
    }
    let without = guest(&gathered, "vm-48");
    assert_eq!((without.id.as_deref(), &without.uuid), (Some("vm-48"), &None));
    let warnings: Vec<_> =
        gathered.warnings.iter().map(|warning| (&*warning.object, &*warning.message)).collect();
    insta::assert_debug_snapshot!(warnings);
}

#[test]
fn no_machine_is_lost_whatever_its_state_is() {
    let gathered = gathered();
    for (id, state, word) in [
        ("vm-41", GuestState::Running, "poweredOn"),
        ("vm-42", GuestState::Stopped, "poweredOff"),
        ("vm-46", GuestState::Unknown, "inaccessible"),
        ("vm-47", GuestState::Unknown, "orphaned"),
        ("vm-48", GuestState::Unknown, "invalid"),
        ("vm-49", GuestState::Unknown, "disconnected"),
        ("vm-52", GuestState::Suspended, "poweredOn"),
        ("vm-53", GuestState::Unknown, "orphaned"),
    ] {
        let guest = guest(&gathered, id);
        let word = if id == "vm-52" { "suspended" } else { word };
        assert_eq!((guest.state, guest.source_state.as_deref()), (Some(state), Some(word)), "{id}");
    }
    let twins = gathered.hosts.iter().flat_map(|host| &host.guests);
    assert_eq!(twins.filter(|guest| guest.name == "web").count(), 2);
    let detached: Vec<_> = gathered.detached_guests.iter().map(|guest| &guest.name).collect();
    assert_eq!(detached, ["on no host"]);
}

#[test]
fn guests_without_a_host_are_a_complete_collection_also_if_there_are_none() {
    let mut vcenter = Vcenter::default();
    vcenter.objects.retain(|object| object.id != "vm-53");
    let without = gather(vcenter).expect("an answer");
    assert_eq!(without.detached_guests, []);
    for gathered in [gathered(), without] {
        assert!(gathered.collections["virtual-machines"].is_complete());
    }
}

#[test]
fn templates_and_agents_are_marked() {
    let gathered = gathered();
    let marks = |id: &str| (guest(&gathered, id).template, guest(&gathered, id).agent);
    assert_eq!(marks("vm-41"), (false, false));
    assert_eq!(marks("vm-43"), (true, false));
    assert_eq!((marks("vm-44"), marks("vm-45")), ((false, true), (false, true)));
}

#[test]
fn an_interface_in_a_distributed_port_group_has_the_groups_name() {
    let gathered = gathered();
    let interfaces = &guest(&gathered, "vm-42").interfaces;
    assert_eq!(interfaces[0].mac.as_deref(), Some("00:50:56:bb:00:01"));
    assert_eq!(interfaces[0].network.as_deref(), Some("dv % prod"));
}

#[test]
fn an_esxi_host_that_cannot_tell_rights_is_read_like_a_vcenter() {
    let gathered =
        gather(Vcenter { quirks: vec![Quirk::Esxi], ..Vcenter::default() }).expect("an answer");
    assert_eq!(gathered.hosts.len(), 4);
    // It has no custom attributes, so the label has the attribute's number.
    assert_eq!(guest(&gathered, "vm-41").labels["101"], "team <a> & b");
}

#[test]
fn guests_have_the_members_that_the_documentation_lists() {
    let gathered = gathered();
    assert_guest_members("VMware", &gathered.hosts, &gathered.detached_guests);
}
