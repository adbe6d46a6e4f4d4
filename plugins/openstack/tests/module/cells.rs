//! Cells that are down: the endpoint fails, and the error names the hosts and the number of servers.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::openstack::OpenstackInventory;
use serde_json::json;

use super::{Served, sample, with};

#[test]
fn a_cell_that_is_down_fails_the_endpoint_with_its_hosts_and_servers() {
    let mut messages = Vec::new();
    for cell in ["cell1", "cell2"] {
        let fake = with(sample(), |fake| {
            fake.down_cells = vec![cell.to_owned()];
        });
        let served = Served::fake(fake).without_retries();
        let error = served.suse_cloud().expect_err("a cell is down");
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        messages.push(error.to_string());
        // The list of hypervisors would only say that it failed.
        assert!(!served.requests().iter().any(|request| request.contains("os-hypervisors")));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

/// Nova leaves servers of a cell that is down out of a page that the others fill.
#[test]
fn a_cell_that_is_down_is_noticed_by_its_services_alone() {
    let fake = with(sample(), |fake| {
        fake.page_size = 3;
        fake.down_cells = vec!["cell2".to_owned()];
    });
    let error = Served::fake(fake).suse_cloud().expect_err("a cell is down");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("ironic1, vmware1"), "{error}");
}

#[test]
fn a_cell_that_is_down_is_noticed_by_its_servers_alone() {
    let fake = with(sample(), |fake| {
        fake.down_cells = vec!["cell2".to_owned()];
    });
    let served = Served::changed(fake, "/os-services", |reply| {
        reply["services"] = json!([]);
    });
    let error = served.suse_cloud().expect_err("a cell is down");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("2 servers"), "{error}");
}

#[test]
fn one_server_of_unknown_status_is_enough() {
    let served = Served::changed(sample(), "/servers/detail", |reply| {
        reply["servers"][3]["status"] = json!("UNKNOWN");
    });
    let error = served.suse_cloud().expect_err("a cell is down");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("1 server"), "{error}");
}

/// Versions before 2.69 leave the cell out and report success. Then the list of hypervisors fails.
#[test]
fn a_version_that_cannot_report_cells_never_gives_a_part_of_the_cloud() {
    for max_minor in [1, 52, 53, 68] {
        let down_cells = vec!["cell2".to_owned()];
        let fake = with(sample(), |fake| {
            fake.max_minor = max_minor;
            fake.down_cells = down_cells;
        });
        let served = Served::fake(fake).without_retries();
        let error = served.suse_cloud().expect_err("a cell is down");
        assert_eq!(error.kind, ErrorKind::Unavailable, "2.{max_minor}: {error}");
        assert!(error.hint.expect("a hint").contains("cells"));
    }
}

/// A cell that is down only while the second page is read: no list shows it afterwards.
#[test]
fn a_cell_that_was_down_for_one_page_is_noticed_by_the_servers_of_hypervisors() {
    let fake = with(sample(), |fake| {
        fake.page_size = 4;
    });
    let served = Served::script(fake, |fake, request| {
        let mut answer = fake.answer(request);
        if request.query("marker").is_some()
            && request.path().ends_with("/servers/detail")
            && let Action::Answer { body, .. } = &mut answer
        {
            let mut reply: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            let servers = reply["servers"].as_array_mut().expect("servers");
            servers.retain(|server| server["OS-EXT-SRV-ATTR:host"] != "compute2");
            *body = reply.to_string().into_bytes();
        }
        answer
    });
    let error = served.suse_cloud().expect_err("servers are missing");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("compute2.example.com"), "{error}");
    let lists = served.requests().iter().filter(|it| it.ends_with("?all_tenants=1")).count();
    assert_eq!(lists, 3, "all lists are read again before the endpoint fails");
}

/// Servers that are deleted and can be restored are on their hypervisor, and in no list.
#[test]
fn servers_that_were_deleted_are_not_missing() {
    for (status, body) in
        [(404, json!({"itemNotFound": {}})), (200, json!({"server": {"status": "SOFT_DELETED"}}))]
    {
        let served = Served::script(sample(), move |fake, request| {
            if request.path().contains("/servers/1111") {
                return Action::json(status, &body);
            }
            fake.answer(request)
        });
        let gathered = served.suse_cloud().expect("a complete answer");
        assert_eq!(super::guests(&gathered).len(), 11);
    }
}

#[test]
fn a_cell_that_is_down_fails_a_project_too() {
    let fake = with(sample(), |fake| {
        fake.down_cells = vec!["cell1".to_owned()];
    });
    let served = Served::fake(fake);
    let reader = json!({"username": "reader", "project": "shop", "tenant_only": true});
    let error = served.open_stack(&reader).expect_err("a cell is down");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert_eq!(OpenstackInventory::sample().servers_on("compute1.example.com"), 4);
}
