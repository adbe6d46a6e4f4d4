//! Faults between the calls: the "second page" is the list of virtual machines.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::testing::{Action, FaultyServer, PageFaults, Script};
use gatherer_plugin_xen::Xen;
use gatherer_tests::JudgedGuest;
use gatherer_tests::fakes::xapi::{XapiFake, XapiInventory};
use serde_json::{Value, json};

use super::{Served, method, parameters};

fn gather(server: &FaultyServer) -> Result<Vec<JudgedGuest>, GatherError> {
    let mut parameters = parameters(server.address.port());
    if server.wrong_password {
        parameters["password"] = json!("wrong");
    }
    let recorder = Recorder::new().options(server.options.clone());
    let gathered = recorder.gather::<Xen>(parameters)?;
    Ok(JudgedGuest::all_of(&gathered.hosts, &gathered.detached_guests))
}

#[test]
fn each_fault_of_the_list_of_virtual_machines_has_its_result() {
    let service = || {
        let fake = XapiFake::new(XapiInventory::sample());
        let script: Script = Box::new(move |request| fake.answer(request));
        script
    };
    let report = PageFaults::new(service, |request| method(request) == "VM.get_all_records")
        .permission_denied(XapiFake::permission_denied())
        .session_expired(XapiFake::session_invalid(), |request| {
            method(request) == "session.login_with_password"
        })
        .check(gather);
    insta::assert_snapshot!(report);
}

const CALLS: [&str; 4] = [
    "session.login_with_password",
    "host.get_all_records",
    "VM.get_all_records",
    "VDI.get_all_records",
];

/// Answers one call with this body, and the others correctly.
fn with_answer(call: &'static str, body: &str) -> Result<usize, GatherError> {
    let body = body.to_owned();
    let fake = XapiFake::new(XapiInventory::sample());
    let served = Served::script(fake, move |fake, request| {
        if method(request) == call {
            return Action::answer(200, body.as_bytes());
        }
        fake.answer(request)
    });
    served.without_retries().gather().map(|gathered| super::count(&gathered))
}

#[test]
fn a_reply_without_its_result_is_an_error_and_never_an_empty_list() {
    for call in CALLS {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"result":null,"error":null,"id":1}"#,
            r#"{"result":[],"id":1}"#,
            r#"{"result":{"OpaqueRef:1":[]},"id":1}"#,
            r#"{"error":{},"id":1}"#,
            r#"{"error":{"code":"abcd","message":123456,"data":2.0},"id":1}"#,
            r#"{"error":[],"id":1}"#,
            r#"{"error":"SESSION_INVALID","id":1}"#,
        ] {
            let error = with_answer(call, body).expect_err(call);
            assert_eq!(error.kind, ErrorKind::Protocol, "{call}: {body}: {error}");
        }
    }
}

#[test]
fn another_service_is_recognized() {
    let page = Action::answer(200, "<!DOCTYPE html><html></html>");
    let cases = [
        (Action::answer(404, ""), ErrorKind::Configuration),
        (page, ErrorKind::Protocol),
        (Action::answer(200, "[]"), ErrorKind::Protocol),
    ];
    for (answer, kind) in cases {
        let fake = XapiFake::new(XapiInventory::sample());
        let error = Served::script(fake, move |_, _| answer.clone()).gather();
        let error = error.expect_err("another service");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.hint.expect("a hint").contains("hostname and port"));
    }
}

#[test]
fn errors_of_both_versions_have_the_right_kind_and_quote_no_parameters() {
    let mut messages = String::new();
    for (code, kind) in [
        ("RBAC_PERMISSION_DENIED", ErrorKind::Permission),
        ("HOST_STILL_BOOTING", ErrorKind::Unavailable),
        ("MESSAGE_METHOD_UNKNOWN", ErrorKind::Unsupported),
        ("INTERNAL_ERROR", ErrorKind::Unavailable),
        ("HOST_IS_SLAVE", ErrorKind::Unavailable),
    ] {
        let bodies: [Value; 3] = [
            json!({"error": {"code": 1, "message": code, "data": ["hunter2"]}, "id": 1}),
            json!({"error": {"code": 1, "message": code, "data": "hunter2"}, "id": 1}),
            json!({"error": [code, "hunter2"], "result": null, "id": 1}),
        ];
        for body in bodies {
            let body = body.to_string();
            let error = with_answer("VBD.get_all_records", &body).expect_err(code);
            assert_eq!(error.kind, kind, "{body}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
            let message = error.message.split_once(": ").expect("the URL first").1.to_owned();
            let hint = error.hint.unwrap_or_default();
            let line = format!("{message}; {hint}\n");
            if !messages.contains(&line) {
                messages += &line;
            }
        }
    }
    insta::assert_snapshot!(messages);
}
