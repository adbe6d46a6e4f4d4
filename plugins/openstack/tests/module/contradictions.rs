//! Answers with status 200 that are shorter than the truth, or hide whether they are.

use gatherer_plugin_api::ErrorKind;
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackInventory};
use serde_json::{Value, json};

use super::{Served, guests, sample, with};

/// The members of the lists.
const LISTS: [(&str, &str); 3] = [
    ("/servers/detail", "servers"),
    ("/os-services", "services"),
    ("/os-hypervisors/detail", "hypervisors"),
];

#[test]
fn a_cloud_without_hypervisors_services_and_servers_fails_the_endpoint() {
    let served = Served::script(sample(), |fake, request| {
        let list = LISTS.iter().find(|(path, _)| request.path().ends_with(path));
        match list {
            Some((_, member)) => {
                gatherer_plugin_support::testing::Action::json(200, &json!({*member: []}))
            }
            None => fake.answer(request),
        }
    });
    let error = served.suse_cloud().expect_err("nothing at all");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.hint.expect("a hint").contains("region"));
}

#[test]
fn a_link_that_asks_for_one_project_only_still_gets_the_servers_of_all() {
    for value in ["0", "False", "no"] {
        let fake = with(sample(), |fake| fake.page_size = 4);
        let served = Served::changed(fake, "/servers/detail", move |reply| {
            if let Some(href) = reply["servers_links"][0]["href"].as_str() {
                let other = href.replace("all_tenants=1", &format!("all_tenants={value}"));
                reply["servers_links"][0]["href"] = json!(other);
            }
        });
        let gathered = served.suse_cloud().expect("a complete answer");
        assert_eq!(guests(&gathered).len(), 11, "{value}");
    }
}

/// A host with a wrong type must not make a guest on no host, which a Manager unlinks.
#[test]
fn a_host_that_is_not_a_text_fails_the_endpoint() {
    for name in ["hypervisor_hostname", "host"] {
        for value in [json!(7), json!(["compute1"]), json!({"name": "compute1"}), json!(true)] {
            let changed = value.clone();
            let served = Served::changed(sample(), "/servers/detail", move |reply| {
                for server in reply["servers"].as_array_mut().expect("servers") {
                    server[format!("OS-EXT-SRV-ATTR:{name}")] = changed.clone();
                }
            });
            let error = served.suse_cloud().expect_err(name);
            assert_eq!(error.kind, ErrorKind::Protocol, "{name}: {value}: {error}");
        }
    }
}

/// The status is the only sign that a cell is down if the servers of the others fill the first page.
#[test]
fn a_service_whose_status_or_host_is_missing_fails_the_endpoint() {
    for name in ["status", "host"] {
        for value in [Value::Null, json!(""), json!(7)] {
            let changed = value.clone();
            let served = Served::changed(sample(), "/os-services", move |reply| {
                reply["services"][1][name] = changed.clone();
            });
            let error = served.suse_cloud().expect_err(name);
            assert_eq!(error.kind, ErrorKind::Protocol, "{name}: {value}: {error}");
        }
    }
    // Other services are of no interest.
    let served = Served::changed(sample(), "/os-services", |reply| {
        let services = reply["services"].as_array_mut().expect("services");
        services.push(json!({"binary": "nova-scheduler"}));
    });
    served.suse_cloud().expect("a complete answer");
}

/// The servers of hypervisors show whether the list of servers lacks some, so they must be readable.
#[test]
fn a_hypervisor_whose_servers_are_not_valid_fails_the_endpoint() {
    for servers in [json!(7), json!({}), json!([7]), json!([{"name": "x"}]), json!([{"uuid": 7}])] {
        let changed = servers.clone();
        let served = Served::changed(sample(), "/os-hypervisors/detail", move |reply| {
            reply["hypervisors"][0]["servers"] = changed.clone();
        });
        let error = served.suse_cloud().expect_err("not valid");
        assert_eq!(error.kind, ErrorKind::Protocol, "{servers}: {error}");
    }
}

/// Members of a project may not list the compute services, and the servers of other cells fill the first page.
#[test]
fn a_project_with_several_pages_has_a_warning_that_servers_of_a_down_cell_may_be_missing() {
    let reader = json!({"username": "reader", "project": "shop", "tenant_only": true});
    let gather = |page_size, down_cells: &[&str]| {
        let fake = with(sample(), |fake| {
            fake.page_size = page_size;
            fake.down_cells = down_cells.iter().map(|&cell| cell.to_owned()).collect();
            // A server of the project in the second cell.
            fake.inventory.servers[10].project = fake.inventory.projects[1].id.clone();
        });
        Served::fake(fake).open_stack(&reader)
    };
    let one_page = gather(1000, &[]).expect("a complete answer");
    assert_eq!((guests(&one_page).len(), one_page.warnings.len()), (8, 0));
    let error = gather(1000, &["cell2"]).expect_err("Nova shows the server");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    // Nova does not show it.
    let hidden = gather(4, &["cell2"]).expect("it cannot be noticed");
    assert_eq!((guests(&hidden).len(), hidden.warnings.len()), (7, 1));
    assert!(hidden.warnings[0].message.contains("cell"), "{:?}", hidden.warnings);
}

/// Many cells, each with compute hosts of the same name.
#[test]
fn hypervisors_with_the_same_name_keep_their_own_servers() {
    let mut inventory = OpenstackInventory::of_size(100);
    let second = &mut inventory.hypervisors[1];
    second.name = String::from("compute1.example.com");
    second.cell = String::from("cell2");
    for server in &mut inventory.servers {
        if let Some(place) = &mut server.host {
            place.hypervisor = String::from("compute1.example.com");
        }
    }
    let gathered = Served::fake(OpenstackFake::new(inventory)).suse_cloud().expect("complete");
    let counts: Vec<_> = gathered.hosts.iter().map(|host| host.guests.len()).collect();
    assert_eq!(counts, [50, 50]);
}
