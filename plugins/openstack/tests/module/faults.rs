//! Faults between the pages of the list of servers.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_openstack::SuseCloud;
use gatherer_plugin_support::testing::{Action, FaultyServer, PageFaults, Script};
use gatherer_tests::JudgedGuest;
use gatherer_tests::fakes::openstack::{OpenstackFake, OpenstackFault, OpenstackInventory};
use serde_json::json;

use super::{Served, guests, sample, suse_cloud, with};

fn gather(server: &FaultyServer) -> Result<Vec<JudgedGuest>, GatherError> {
    let mut parameters = suse_cloud(server.address.port());
    if server.wrong_password {
        parameters["password"] = json!("wrong");
    }
    let recorder = Recorder::new().options(server.options.clone());
    let gathered = recorder.gather::<SuseCloud>(parameters)?;
    Ok(JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests))
}

#[test]
fn each_fault_between_two_pages_has_its_result() {
    let service = || {
        let fake = with(sample(), |fake| {
            fake.page_size = 8;
        });
        let script: Script = Box::new(move |request| fake.answer(request));
        script
    };
    let policy =
        "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.";
    let forbidden = json!({"forbidden": {"code": 403, "message": policy}});
    let expired = json!({"error": {"code": 401, "title": "Unauthorized", "message": "x"}});
    let report = PageFaults::new(service, |request| request.query("marker").is_some())
        .permission_denied(Action::json(403, &forbidden))
        .session_expired(Action::json(401, &expired), |request| {
            request.path().ends_with("/auth/tokens")
        })
        .check(gather);
    insta::assert_snapshot!(report);
}

#[test]
fn a_marker_that_was_deleted_starts_the_list_again() {
    let fake = with(sample(), |fake| {
        fake.page_size = 3;
    });
    let served = Served::fake(fake.with(OpenstackFault::MarkerDeleted));
    let gathered = served.suse_cloud().expect("a complete answer");
    assert_eq!(guests(&gathered).len(), 10, "the server of the marker does not exist any more");
    let first = served.requests().iter().filter(|it| it.ends_with("?all_tenants=1")).count();
    assert_eq!(first, 2);
}

#[test]
fn a_marker_that_is_always_deleted_fails_the_endpoint() {
    let fake = with(sample(), |fake| {
        fake.page_size = 3;
    });
    let served = Served::script(fake, |fake, request| {
        if request.query("marker").is_some() {
            let message = "marker [x] not found";
            return Action::json(400, &json!({"badRequest": {"code": 400, "message": message}}));
        }
        fake.answer(request)
    });
    let error = served.suse_cloud().expect_err("the list cannot be continued");
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("restarted 3 times"), "{error}");
}

#[test]
fn too_many_requests_are_repeated_after_the_requested_time() {
    let served = Served::fake(sample().with(OpenstackFault::OverLimit));
    let gathered = served.suse_cloud().expect("a complete answer");
    assert_eq!((guests(&gathered).len(), gathered.retries), (11, 1));
}

#[test]
fn a_hypervisor_is_never_requested_with_a_version_that_asks_each_host() {
    let fake = with(sample(), |fake| {
        fake.max_minor = 100;
    });
    let served = Served::fake(fake.with(OpenstackFault::UptimeFails)).without_retries();
    let gathered = served.suse_cloud().expect("a complete answer");
    assert!(gathered.hosts[0].memory_bytes.is_some());
}

#[test]
fn a_version_that_the_server_refuses_is_named() {
    let served = Served::script(sample(), |fake, request| {
        if request.path().ends_with("/servers/detail") {
            let message =
                "Version 2.93 is not supported by the API. Minimum is 2.1 and maximum is 2.90.";
            return Action::json(406, &json!({"computeFault": {"code": 406, "message": message}}));
        }
        fake.answer(request)
    });
    let error = served.suse_cloud().expect_err("a version that is not supported");
    assert!(error.message.contains("maximum is 2.90"), "{error}");
}

#[test]
fn a_thousand_servers_need_one_request_for_each_page() {
    let served = Served::fake(OpenstackFake::new(OpenstackInventory::of_size(2500)));
    let gathered = served.suse_cloud().expect("a complete answer");
    assert_eq!((gathered.hosts.len(), guests(&gathered).len()), (50, 2500));
    assert_eq!(served.requests().len(), 7);
}
