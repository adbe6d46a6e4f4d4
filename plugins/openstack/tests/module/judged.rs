//! OpenStack's own client reads the fake completely, and agrees with both modules.

use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackInventory};
use gatherer_tests::{Judge, JudgedGuest, skip};
use serde_json::json;

use super::{PASSWORD, Served, sample, with};

#[test]
fn openstacks_own_client_agrees_guest_by_guest() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let of_size = |size| OpenstackFake::new(OpenstackInventory::of_size(size));
    for (fake, count) in [
        (sample(), 11),
        (
            with(sample(), |fake| {
                fake.page_size = 3;
            }),
            11,
        ),
        (
            with(sample(), |fake| {
                fake.project_in_url = true;
                fake.max_minor = 87;
            }),
            11,
        ),
        (of_size(1200), 1200),
    ] {
        let served = Served::fake(fake);
        let url = format!("https://localhost:{}/v3", served.server.port());
        let ca_file = served.server.ca_file().to_str().expect("a UTF-8 path");
        let login = ["admin", "Default", PASSWORD, "admin", "Default"];
        let arguments: Vec<&str> =
            [&*url, ca_file, "RegionOne", ""].into_iter().chain(login).collect();
        let read = judge.read("openstack.py", &arguments);
        assert_eq!(read.len(), count);
        let of_suse_cloud = served.suse_cloud().expect("a complete answer");
        let of_open_stack = served.open_stack(&json!({})).expect("a complete answer");
        for gathered in [of_suse_cloud, of_open_stack] {
            let ours = JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests);
            assert_eq!(ours, read);
        }
    }
}
