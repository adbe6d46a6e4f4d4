//! XenServer's own client reads the fake completely, and agrees with the module.

use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory, XapiVm};
use gatherer_tests::{Judge, JudgedGuest, skip};

use super::Served;

/// The guests of the inventory, sorted.
fn expected(inventory: &XapiInventory) -> Vec<JudgedGuest> {
    let judged = |vm: &XapiVm| JudgedGuest {
        name: vm.name.clone(),
        id: Some(vm.uuid.clone()),
        host: vm.host.map(|host| inventory.hosts[host].name.clone()),
        state: Some(vm.power_state.to_owned()),
        cpus: Some(vm.cpus()),
        memory_bytes: Some(vm.memory_bytes),
    };
    let mut all: Vec<_> = inventory.guests().map(judged).collect();
    all.sort();
    all
}

#[test]
fn xenservers_own_client_agrees_guest_by_guest() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    for (inventory, count) in [(XapiInventory::sample(), 9), (XapiInventory::of_size(500), 500)] {
        let served = Served::fake(XapiFake::new(inventory));
        let port = served.server.address().port().to_string();
        let ca_file = served.server.ca_file().to_str().expect("a UTF-8 path");
        let fake = &served.fake;
        let arguments = ["localhost", &port, &fake.username, &fake.password, ca_file];
        let read = judge.read("xen.py", &arguments);
        let gathered = served.gather().expect("a complete answer");
        let ours = JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests);
        assert_eq!(read.len(), count);
        assert_eq!(read, expected(&fake.inventory));
        assert_eq!(ours, read);
    }
}
