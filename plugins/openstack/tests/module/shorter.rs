//! Answers that are valid and say less than the truth.

use gatherer_plugin_api::ErrorKind;
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackFault, OpenstackPolicy};
use serde_json::json;

use super::{Served, guests, sample, with};

fn fails(fake: OpenstackFake, kind: ErrorKind) -> String {
    let error = Served::fake(fake).suse_cloud().expect_err("not complete");
    assert_eq!(error.kind, kind, "{error}");
    error.to_string()
}

#[test]
fn lists_that_are_shorter_than_the_truth_are_errors() {
    let short_pages = || {
        with(sample(), |fake| {
            fake.page_size = 3;
        })
    };
    let mut messages = vec![
        fails(sample().with(OpenstackFault::NoServers), ErrorKind::Unavailable),
        // Before 2.53 hypervisors report only the number of their servers.
        fails(
            with(sample().with(OpenstackFault::NoServers), |fake| fake.max_minor = 52),
            ErrorKind::Protocol,
        ),
        fails(sample().with(OpenstackFault::NoHypervisors), ErrorKind::Protocol),
        fails(short_pages().with(OpenstackFault::NoList), ErrorKind::Protocol),
        fails(short_pages().with(OpenstackFault::SelfLink), ErrorKind::Protocol),
        fails(sample().with(OpenstackFault::NoCatalog), ErrorKind::Configuration),
    ];
    for message in &mut messages {
        // The address is another one each time.
        *message =
            message.split_once("/compute").map_or(message.clone(), |(_, rest)| rest.to_owned());
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_hypervisor_that_nova_lost_is_kept_with_its_servers_and_a_warning() {
    let served = Served::fake(sample().with(OpenstackFault::HypervisorMissing));
    let gathered = served.suse_cloud().expect("a complete answer");
    assert_eq!((gathered.hosts.len(), guests(&gathered).len()), (4, 11));
    let lost = gathered.hosts.iter().find(|host| host.name == "compute1.example.com");
    assert_eq!(lost.expect("the host").guests.len(), 3);
    let objects: Vec<_> = gathered.warnings.iter().map(|it| it.object.as_str()).collect();
    assert_eq!(objects, ["compute1", "compute1.example.com"]);
}

#[test]
fn each_policy_that_does_not_allow_a_request_is_named() {
    let mut messages = Vec::new();
    for policy in OpenstackPolicy::ADMIN {
        let mut fake = sample();
        fake.inventory.users[0].policies.retain(|own| *own != policy);
        let served = Served::fake(fake);
        let error = served.suse_cloud().expect_err("a right is missing");
        assert_eq!(error.kind, ErrorKind::Permission, "{error}");
        let origin = format!("https://127.0.0.1:{}", served.server.port());
        messages.push(error.to_string().replace(&origin, "[server]"));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn one_server_whose_host_is_not_reported_fails_the_endpoint() {
    let served = Served::changed(sample(), "/servers/detail", |reply| {
        let server = reply["servers"][4].as_object_mut().expect("a server");
        server.retain(|name, _| !name.starts_with("OS-EXT-SRV-ATTR"));
    });
    let error = served.suse_cloud().expect_err("a host is not reported");
    assert_eq!(error.kind, ErrorKind::Permission, "{error}");
}

#[test]
fn a_member_without_its_list_is_an_error() {
    for (path, member) in [
        ("/servers/detail", "servers"),
        ("/os-services", "services"),
        ("/os-hypervisors/detail", "hypervisors"),
    ] {
        for value in [json!(null), json!({}), json!("x"), json!([7])] {
            let changed = value.clone();
            let served = Served::changed(sample(), path, move |reply| {
                reply[member] = changed.clone();
            });
            let error = served.suse_cloud().expect_err("not a list");
            assert_eq!(error.kind, ErrorKind::Protocol, "{path}: {value}: {error}");
        }
    }
}

#[test]
fn a_region_is_chosen_only_if_it_is_the_only_one() {
    let two = || {
        with(sample(), |fake| {
            fake.second_region =
                Some(gatherer_tests::fakes::openstack::OpenstackInventory::of_size(5));
        })
    };
    let error = Served::fake(two()).suse_cloud().expect_err("two regions");
    assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    assert!(error.message.contains("RegionOne, RegionTwo"), "{error}");
    let served = Served::fake(two());
    for (region, number) in [("RegionOne", 11), ("RegionTwo", 5)] {
        let gathered = served.open_stack(&json!({"region": region})).expect("a complete answer");
        assert_eq!(guests(&gathered).len(), number);
        assert_eq!(gathered.hosts[0].location.datacenter.as_deref(), Some(region));
    }
    served.open_stack(&json!({"region": "RegionTwo", "interface": "internal"})).expect("complete");
    let last = served.requests().pop().expect("a request");
    assert!(last.starts_with("GET /two/internal/compute/"), "{last}");
}
