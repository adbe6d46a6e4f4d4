//! Complete answers: what is requested, and what becomes of it.

use gatherer_plugin_api::model::{GuestState, HostState};
use gatherer_plugin_support::testing::Action;
use gatherer_tests::assert_guest_members;
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackFault, OpenstackInventory};
use serde_json::{Value, json};

use super::{Served, guest, guests, sample, with};

#[test]
fn reads_hypervisors_and_servers() {
    let served = Served::fake(sample());
    let gathered = served.suse_cloud().expect("a complete answer");
    insta::assert_json_snapshot!(gathered.hosts);
    let detached: Vec<_> =
        gathered.detached_guests.iter().map(|guest| (guest.name.as_str(), guest.state)).collect();
    assert_eq!(
        detached,
        [
            ("web", Some(GuestState::PoweringOn)),
            ("broken", Some(GuestState::Crashed)),
            ("shelved", Some(GuestState::Stopped)),
        ]
    );
    assert_eq!(gathered.warnings, []);
}

#[test]
fn the_first_request_for_servers_has_no_parameter_but_all_tenants() {
    let served = Served::fake(sample());
    served.suse_cloud().expect("a complete answer");
    assert_eq!(
        served.requests(),
        [
            "POST /v3/auth/tokens",
            "GET /compute/v2.1/",
            "GET /compute/v2.1/servers/detail?all_tenants=1",
            "GET /compute/v2.1/os-services?binary=nova-compute",
            "GET /compute/v2.1/os-hypervisors/detail?with_servers=true",
            // It is soft-deleted: its hypervisor has it, and no list.
            "GET /compute/v2.1/servers/11111111-0000-4000-8000-000000000001",
        ]
    );
    let versions: Vec<_> = served
        .server
        .received()
        .iter()
        .map(|request| {
            let header = |name| request.header(name).map(str::to_owned);
            (header("openstack-api-version"), header("x-openstack-nova-api-version"))
        })
        .collect();
    let version = |version: &str| (Some(format!("compute {version}")), Some(version.to_owned()));
    assert_eq!(versions[2..5], [version("2.93"), version("2.93"), version("2.87")]);
}

#[test]
fn every_microversion_gives_the_same_servers() {
    let of = |max_minor: u32, min_minor: u32| {
        let served = Served::fake(with(sample(), |fake| {
            fake.max_minor = max_minor;
            fake.min_minor = min_minor;
        }));
        let gathered = served.suse_cloud().expect("a complete answer");
        let guests = guests(&gathered).into_iter().map(|(host, guest)| {
            (host.map(str::to_owned), guest.id.clone(), guest.state, guest.cpus, guest.memory_bytes)
        });
        let hosts = gathered.hosts.iter().map(|host| (host.name.clone(), host.cpu.clone()));
        (guests.collect::<Vec<_>>(), hosts.collect::<Vec<_>>(), gathered.warnings.len())
    };
    let (guests, hosts, warnings) = of(93, 1);
    assert_eq!((guests.len(), hosts.len(), warnings), (11, 4, 0));
    for max_minor in [1, 27, 28, 32, 33, 46, 47, 52, 53, 68, 69, 75, 87, 88, 90, 96, 98, 100, 130] {
        let (older_guests, older_hosts, warnings) = of(max_minor, 1);
        assert_eq!(older_hosts, hosts, "2.{max_minor}");
        assert_eq!(warnings, usize::from(max_minor < 69), "2.{max_minor}");
        if max_minor >= 47 {
            assert_eq!(older_guests, guests, "2.{max_minor}");
        } else {
            // One server has a flavor that was deleted.
            let unknown = |guests: &[(_, _, _, Option<u32>, _)]| {
                guests.iter().filter(|guest| guest.3.is_none()).count()
            };
            assert_eq!((older_guests.len(), unknown(&older_guests)), (11, 1), "2.{max_minor}");
        }
    }
}

#[test]
fn a_version_that_cannot_report_cells_is_a_warning() {
    let served = Served::fake(with(sample(), |fake| {
        fake.max_minor = 65;
    }));
    let gathered = served.suse_cloud().expect("a complete answer");
    insta::assert_snapshot!(gathered.warnings[0].message);
}

#[test]
fn pages_of_every_size_are_read_completely() {
    let all = |fake: OpenstackFake| {
        let gathered = Served::fake(fake).suse_cloud().expect("a complete answer");
        let mut names: Vec<_> =
            guests(&gathered).into_iter().map(|(_, guest)| guest.id.clone()).collect();
        names.sort();
        (gathered.hosts.len(), names)
    };
    let inventory = || OpenstackInventory::of_size(120);
    let complete = all(OpenstackFake::new(inventory()));
    assert_eq!((complete.0, complete.1.len()), (3, 120));
    for page_size in [1, 7, 40, 119, 120, 121] {
        for faults in [
            &[][..],
            &[OpenstackFault::InternalLinks],
            &[OpenstackFault::EmptyPageInBetween],
            &[OpenstackFault::SameObjectTwice],
        ] {
            let fake = with(OpenstackFake::new(inventory()), |fake| {
                fake.page_size = page_size;
            });
            let fake = faults.iter().fold(fake, |fake, fault| fake.with(*fault));
            assert_eq!(all(fake), complete, "{page_size} {faults:?}");
        }
    }
}

#[test]
fn links_are_followed_with_our_own_scheme_host_and_path() {
    let fake = with(sample(), |fake| {
        fake.page_size = 5;
        fake.project_in_url = true;
    });
    let served = Served::fake(fake.with(OpenstackFault::InternalLinks));
    served.suse_cloud().expect("a complete answer");
    let project = &served.fake.inventory.projects[0].id;
    let pages: Vec<_> =
        served.requests().into_iter().filter(|it| it.contains("/servers/detail")).collect();
    assert_eq!(pages.len(), 3);
    let own = format!("GET /compute/v2.1/{project}/servers/detail?all_tenants=1");
    assert!(pages.iter().all(|page| page.starts_with(&own)), "{pages:?}");
    assert!(pages[1].contains("marker="));
}

#[test]
fn a_link_that_loses_all_tenants_still_gets_the_servers_of_all_projects() {
    let fake = with(sample(), |fake| {
        fake.page_size = 5;
    });
    let served = Served::changed(fake, "/servers/detail", |reply| {
        if let Some(href) = reply["servers_links"][0]["href"].as_str() {
            reply["servers_links"][0]["href"] = json!(href.replace("all_tenants=1&", ""));
        }
    });
    let gathered = served.suse_cloud().expect("a complete answer");
    assert_eq!(guests(&gathered).len(), 11);
}

#[test]
fn numbers_may_be_texts() {
    let of = |fake| Served::fake(fake).suse_cloud().expect("a complete answer");
    let numbers = of(sample());
    let texts = of(sample().with(OpenstackFault::NumbersAsText));
    assert_eq!(texts.hosts, numbers.hosts);
}

#[test]
fn counts_of_processors_are_those_of_the_host() {
    let gathered = Served::fake(sample()).suse_cloud().expect("a complete answer");
    let cpu = &gathered.hosts[0].cpu;
    assert_eq!([cpu.sockets, cpu.cores, cpu.threads], [Some(2), Some(32), Some(64)]);
    let ironic = gathered.hosts.iter().find(|host| host.memory_bytes.is_none());
    let cpu = &ironic.expect("a bare-metal node").cpu;
    assert_eq!([cpu.sockets, cpu.cores, cpu.threads], [None; 3]);
}

#[test]
fn a_hypervisor_whose_service_is_down_is_kept_with_its_servers() {
    let mut fake = sample();
    fake.inventory.hypervisors[0].is_up = false;
    let gathered = Served::fake(fake).suse_cloud().expect("a complete answer");
    let host = &gathered.hosts[0];
    assert_eq!(host.state, Some(HostState::Disconnected));
    assert_eq!(host.guests.len(), 3);
    assert!(host.guests.iter().all(|guest| guest.state == Some(GuestState::Unknown)));
    assert_eq!(gathered.warnings.len(), 1);
}

#[test]
fn an_endpoint_without_a_version_is_used_with_version_2_1() {
    let strip = |fake: &OpenstackFake, request: &_| -> Action {
        let mut answer = fake.answer(request);
        if let Action::Answer { body, .. } = &mut answer {
            let text = String::from_utf8_lossy(body).replace("/compute/v2.1\"", "/compute\"");
            *body = text.into_bytes();
        }
        answer
    };
    let served = Served::script(sample(), strip);
    served.suse_cloud().expect("a complete answer");
    assert_eq!(served.requests()[1], "GET /compute/");
    assert_eq!(served.requests()[2], "GET /compute/v2.1/servers/detail?all_tenants=1");
}

#[test]
fn an_empty_cloud_is_complete() {
    let mut inventory = OpenstackInventory::sample();
    inventory.servers.clear();
    let gathered = Served::fake(OpenstackFake::new(inventory)).suse_cloud().expect("complete");
    assert_eq!((gathered.hosts.len(), guests(&gathered).len()), (4, 0));
}

#[test]
fn the_members_of_guests_are_those_that_the_documentation_lists() {
    let fake = with(sample(), |fake| {
        fake.max_minor = 100;
    });
    let served = Served::changed(fake, "/servers/detail", |reply| {
        for server in reply["servers"].as_array_mut().expect("servers") {
            if server["image"].is_object() {
                server["image"]["properties"] = json!({"os_distro": "sles", "os_version": "15.6"});
            }
        }
    });
    let gathered = served.suse_cloud().expect("a complete answer");
    assert_guest_members("OpenStack", &gathered.hosts, &gathered.detached_guests);
}

#[test]
fn tags_and_metadata_are_labels() {
    let gathered = Served::fake(sample()).suse_cloud().expect("a complete answer");
    let web = guests(&gathered).into_iter().map(|(_, guest)| guest);
    let web = web.into_iter().find(|guest| !guest.labels.is_empty()).expect("a guest with labels");
    let labels: Value = json!({"production": "", "role": "frontend", "web": ""});
    assert_eq!(json!(web.labels), labels);
    assert_eq!(guest(&gathered, "metal").1.cpus, Some(16));
}
