//! Faults between pages, and what the module makes of them.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_support::testing::{Action, PageFaults, ReceivedRequest};
use gatherer_plugin_vmware::VMware;
use gatherer_tests::fakes::vcenter::{DeletedObject, PASSWORD, Quirk, Vcenter, fault};

use super::{Listening, all_guests, gather, guests, parameters};

fn calls(request: &ReceivedRequest, method: &str) -> bool {
    String::from_utf8_lossy(&request.body).contains(&format!("<{method} "))
}

/// An object of a page of an ended session.
const ENDED: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" \
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><e:Body><ContinueRetrievePropertiesExResponse \
    xmlns=\"urn:vim25\"><returnval><objects><obj type=\"VirtualMachine\">vm-41</obj><missingSet><path>name</path>\
    <fault><fault xsi:type=\"NotAuthenticated\"/></fault></missingSet></objects></returnval>\
    </ContinueRetrievePropertiesExResponse></e:Body></e:Envelope>";

#[test]
fn a_fault_between_pages_is_survived_or_fails_the_endpoint() {
    let service = || -> Box<dyn Fn(&ReceivedRequest) -> Action + Send + Sync> {
        let fake = Vcenter { page_size: 10, ..Vcenter::default() };
        Box::new(move |request| fake.answer(request))
    };
    let report = PageFaults::new(service, |request| calls(request, "ContinueRetrievePropertiesEx"))
        .permission_denied(fault((
            "NoPermission",
            "Permission to perform this operation was denied.",
        )))
        .session_expired(Action::answer(200, ENDED), |request| calls(request, "Login"))
        .check(|server| {
            let password = if server.wrong_password { "wrong" } else { PASSWORD };
            let recorder = Recorder::new().options(server.options.clone());
            let gathered =
                recorder.gather::<VMware>(parameters(server.address.port(), password))?;
            Ok(guests(&gathered))
        });
    insta::assert_snapshot!(report);
}

#[test]
fn a_session_that_ends_between_pages_is_replaced_once_and_everything_is_read_again() {
    for quirks in [vec![], vec![Quirk::EndedSessionIsFault]] {
        let fake = || Vcenter { page_size: 7, quirks: quirks.clone(), ..Vcenter::default() };
        let listening = Listening::new(Vcenter { sessions_end_after: vec![3], ..fake() });
        let gathered = listening.gather().expect("a complete answer");
        assert_eq!(guests(&gathered), all_guests());
        assert_eq!((listening.fake.logins(), listening.fake.open_sessions()), (2, 0));

        let listening = Listening::new(Vcenter { sessions_end_after: vec![3, 6], ..fake() });
        let error = listening.gather().expect_err("the second session ended too");
        assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
        assert_eq!(listening.fake.logins(), 2);
    }
}

#[test]
fn an_object_that_is_deleted_meanwhile_does_not_fail_the_list() {
    let without = |deleted: &[&str]| {
        let mut guests = all_guests();
        guests.retain(|guest| !deleted.contains(&guest.name.as_str()));
        guests
    };
    for how in
        [DeletedObject::FailsTheRequest, DeletedObject::IsInMissingSet, DeletedObject::IsLeftOut]
    {
        for page_size in [4, 1000] {
            let deleted = ["vm-42", "vm-51", "network-30"].map(|id| (id.to_owned(), how));
            let fake = Vcenter { deleted: deleted.into(), page_size, ..Vcenter::default() };
            let gathered = gather(fake).unwrap_or_else(|error| panic!("{how:?}: {error}"));
            assert_eq!(guests(&gathered), without(&["db", "100% / \\"]), "{how:?}");
        }
    }
}

#[test]
fn a_wrong_password_is_sent_once() {
    let listening = Listening::new(Vcenter::default());
    let recorder = Recorder::new().options(listening.options());
    let port = listening.server.port();
    let error = recorder.gather::<VMware>(parameters(port, "wrong")).expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Authentication);
    assert_eq!(listening.fake.logins(), 1);
    let text = error.to_string().replace(&port.to_string(), "[port]");
    insta::assert_snapshot!(text);
}

#[test]
fn the_session_ends_after_an_error_too() {
    let fake =
        Vcenter { page_size: 5, quirks: vec![Quirk::SecondPageDenied], ..Vcenter::default() };
    let listening = Listening::new(fake);
    listening.gather().expect_err("the second page is denied");
    assert_eq!((listening.fake.logins(), listening.fake.open_sessions()), (1, 0));
}

#[test]
fn session_and_key_are_secrets() {
    let listening = Listening::new(Vcenter::default());
    let recorder = Recorder::new().options(listening.options()).record_every_log_line();
    let parameters = parameters(listening.server.port(), PASSWORD);
    recorder.gather::<VMware>(parameters).expect("a complete answer");
    let secrets = recorder.secrets();
    let key = "52aa0000-0000-0000-0000-000000000001";
    assert!(secrets.iter().any(|secret| secret == key), "{secrets:?}");
    for line in recorder.log_lines() {
        assert!(!line.message.contains(PASSWORD), "{line}");
        assert!(!line.message.contains(key), "{line}");
    }
}
