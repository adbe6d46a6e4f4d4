//! Faults between two pages of each version's list of VMs.

use gatherer_plugin_api::model::Host;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_nutanix::NutanixAhv;
use gatherer_plugin_support::testing::{Action, FaultyServer, PageFaults, ReceivedRequest, Script};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixFault, NutanixInventory};
use serde_json::Value;

use super::{PASSWORD, gather, gather_from, parameters};

/// A fake with seven guests and pages of three.
fn fake(api: &str) -> NutanixFake {
    let inventory = NutanixInventory::of_size(7);
    match api {
        "v2" => NutanixFake::element(inventory),
        "v3" => NutanixFake::central_v3(inventory),
        _ => NutanixFake::central_v4(inventory, 2),
    }
}

fn is_second_page_of_v2(request: &ReceivedRequest) -> bool {
    request.path().ends_with("/vms") && request.query("offset").as_deref() == Some("3")
}

fn is_second_page_of_v3(request: &ReceivedRequest) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    request.path().ends_with("/vms/list") && body["offset"] == 3
}

fn is_second_page_of_v4(request: &ReceivedRequest) -> bool {
    request.path().ends_with("/vms") && request.query("$page").as_deref() == Some("1")
}

fn matcher(api: &str) -> fn(&ReceivedRequest) -> bool {
    match api {
        "v2" => is_second_page_of_v2,
        "v3" => is_second_page_of_v3,
        _ => is_second_page_of_v4,
    }
}

fn gather_faulty(server: &FaultyServer) -> Result<Vec<Host>, GatherError> {
    let password = if server.wrong_password { "wrong" } else { PASSWORD };
    let recorder = Recorder::new().options(server.options.clone());
    let parameters = parameters(server.address.port(), password, "auto");
    recorder.gather::<NutanixAhv>(parameters).map(|gathered| gathered.hosts)
}

/// A fault between two pages never makes the answer shorter.
fn check(api: &'static str) -> String {
    let service = move || -> Script {
        let fake = fake(api);
        Box::new(move |request| fake.answer(request))
    };
    PageFaults::new(service, matcher(api))
        .permission_denied(Action::answer(403, r#"{"message": "not allowed"}"#))
        .check(gather_faulty)
}

#[test]
fn a_fault_between_two_pages_of_v2_never_makes_the_answer_shorter() {
    insta::assert_snapshot!(check("v2"));
}

#[test]
fn a_fault_between_two_pages_of_v3_never_makes_the_answer_shorter() {
    insta::assert_snapshot!(check("v3"));
}

#[test]
fn a_fault_between_two_pages_of_v4_never_makes_the_answer_shorter() {
    insta::assert_snapshot!(check("v4"));
}

/// There is no session that could expire: each request has the password. So it is not sent again after a 401.
#[test]
fn a_401_in_the_middle_of_a_list_is_an_authentication_error_after_one_request() {
    for api in ["v2", "v3", "v4"] {
        let (fake, is_second) = (fake(api), matcher(api));
        let gathering = gather_from("auto", move |request| {
            if is_second(request) { Action::answer(401, "") } else { fake.answer(request) }
        });
        assert_eq!(gathering.error().kind, ErrorKind::Authentication, "{api}");
        assert!(matcher(api)(gathering.requests.last().expect("a request")), "{api}");
    }
}

/// An object that appears or disappears moves others to another page.
#[test]
fn a_list_that_changes_while_it_is_read_is_read_again() {
    for api in ["v2", "v3", "v4"] {
        for fault in [NutanixFault::TotalChanges, NutanixFault::SameObjectTwice] {
            let gathering = gather("auto", fake(api).with_times(fault, 1));
            assert_eq!(gathering.guests().len(), 7, "{api} {fault:?}");
            let restarts = gathering.log.iter().filter(|line| line.message.contains("restarting"));
            assert_eq!(restarts.count(), 1, "{api} {fault:?}");

            let gathering = gather("auto", fake(api).with(fault));
            assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{api} {fault:?}");
        }
    }
}

#[test]
fn a_service_that_cannot_list_500_items_in_time_is_asked_for_fewer() {
    let gathering = gather("auto", fake("v3").with(NutanixFault::GatewayTimeoutAtLength500));
    assert_eq!(gathering.guests().len(), 7);
    let lengths: Vec<_> = gathering
        .requests
        .iter()
        .filter(|request| request.path().ends_with("/vms/list"))
        .map(|request| {
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            body["length"].as_u64().expect("a length")
        })
        .collect();
    // The smaller length is kept for the later lists.
    assert_eq!(lengths, [250, 250, 250]);
}

#[test]
fn a_service_that_never_answers_in_time_fails_after_a_few_lengths() {
    let gathering = gather_from("v3", |_| Action::answer(504, ""));
    assert_eq!(gathering.error().kind, ErrorKind::Timeout);
    assert_eq!(gathering.requests.len(), 5);
}
