//! Answers, names and credentials that are unusual, and other services that answer in the place of Prism.

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, Options};
use gatherer_plugin_nutanix::NutanixAhv;
use gatherer_plugin_support::testing::{Action, ReceivedRequest, TlsServer, gzip};
use gatherer_tests::fakes::nutanix::NutanixInventory;
use serde_json::{Value, json};

use super::lists::{changed, fake, fake_of, is_list_of_vms};
use super::{gather, gather_from};

/// The parts of the paths of all requests of a version.
fn requests(api: &str) -> &'static [&'static str] {
    match api {
        "v2" => &["/hosts", "/vms"],
        "v3" => &["/clusters/list", "/hosts/list", "/vms/list"],
        _ => &[
            "vmm/unversioned/info",
            "clustermgmt/unversioned/info",
            "/config/clusters",
            "/config/hosts",
            "/ahv/config/vms",
            "/esxi/config/vms",
            "/cvms",
        ],
    }
}

#[test]
fn any_request_that_is_answered_by_another_service_fails_the_endpoint_and_is_not_quoted() {
    let cases = [
        (Action::answer(200, "<html>hunter2 log in</html>"), ErrorKind::Protocol),
        (Action::answer(200, ""), ErrorKind::Protocol),
        (Action::answer(302, "").header("location", "/console/"), ErrorKind::Configuration),
        (Action::answer(401, "hunter2"), ErrorKind::Authentication),
        (Action::answer(500, "hunter2"), ErrorKind::Unavailable),
        (Action::answer(204, ""), ErrorKind::Protocol),
        (
            Action::json(
                200,
                &json!({"state": "ERROR", "code": 403, "message_list": [{"message": "hunter2"}]}),
            ),
            ErrorKind::Protocol,
        ),
        (
            Action::json(200, &json!({"data": {"error": [{"message": "hunter2"}]}})),
            ErrorKind::Protocol,
        ),
        (
            Action::json(
                200,
                &json!({"data": null, "entities": null, "metadata": {"totalAvailableResults": 9, "total_matches": 9, "grand_total_entities": 9}}),
            ),
            ErrorKind::Protocol,
        ),
    ];
    for api in ["v2", "v3", "v4"] {
        for part in requests(api) {
            for (action, kind) in &cases {
                let (fake, own) = (fake(api), action.clone());
                let gathering = gather_from(api, move |request| {
                    if request.path().ends_with(part) { own.clone() } else { fake.answer(request) }
                });
                let error = gathering.error();
                assert_eq!(error.kind, *kind, "{api} {part} {action:?}: {error}");
                assert!(!error.to_string().contains("hunter2"), "{api} {part}: {error}");
                let needs_hint = *kind != ErrorKind::Unavailable;
                assert!(error.hint.is_some() || !needs_hint, "{api} {part}: {error}");
            }
        }
    }
}

/// The bytes of an answer with a change.
fn with_bytes(action: Action, change: impl Fn(Vec<u8>) -> Vec<u8>) -> Action {
    let Action::Answer { status, headers, body } = action else { panic!("not an answer") };
    Action::Answer { status, headers, body: change(body) }
}

#[test]
fn truncated_answers_and_other_encodings_fail_the_endpoint() {
    type Change = fn(Action) -> Action;
    let half: Change = |action| with_bytes(action, |body| body[..body.len() / 2].to_vec());
    let utf_16: Change = |action| {
        with_bytes(action, |body| {
            let text = String::from_utf8(body).expect("UTF-8");
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        })
    };
    let half_gzip: Change = |action| {
        with_bytes(action, |body| {
            let compressed = gzip(&body);
            compressed[..compressed.len() - 9].to_vec()
        })
        .header("content-encoding", "gzip")
    };
    for (case, change) in [("half", half), ("UTF-16", utf_16), ("half gzip", half_gzip)] {
        for api in ["v2", "v3", "v4"] {
            let fake = fake(api);
            let gathering = gather_from(api, move |request| {
                let answer = fake.answer(request);
                if is_list_of_vms(request) { change(answer) } else { answer }
            });
            let kind = gathering.error().kind;
            assert!(
                matches!(kind, ErrorKind::Protocol | ErrorKind::Connection),
                "{case} {api}: {}",
                gathering.error()
            );
        }
    }
}

#[test]
fn totals_of_another_type_fail_the_endpoint() {
    for (api, pointer) in [
        ("v2", "/metadata/grand_total_entities"),
        ("v3", "/metadata/total_matches"),
        ("v4", "/metadata/totalAvailableResults"),
    ] {
        for total in [json!("12"), json!(-1), json!(1.5), json!([12]), json!(u64::MAX)] {
            let (fake, own) = (fake(api), total.clone());
            let gathering = gather_from(api, move |request| {
                let answer = fake.answer(request);
                if !is_list_of_vms(request) {
                    return answer;
                }
                changed(answer, |body| *body.pointer_mut(pointer).expect("a total") = own.clone())
            });
            assert_eq!(
                gathering.error().kind,
                ErrorKind::Protocol,
                "{api} {total}: {}",
                gathering.error()
            );
        }
    }
}

#[test]
fn unusual_names_are_kept() {
    let long = "n".repeat(10_000);
    for api in ["v2", "v3", "v4"] {
        for name in ["a\tb\nc", "a%2fb", " x ", "\u{202e}\u{0}", "日本", "<&>\"'\\", &long] {
            let mut inventory = NutanixInventory::of_size(3);
            inventory.guests[0].name = name.to_owned();
            inventory.guests[1].name = name.to_owned();
            inventory.hosts[0].name = name.to_owned();
            let gathering = gather(api, fake_of(api, inventory));
            let count = gathering.guests().iter().filter(|guest| guest.name == name).count();
            assert_eq!(count, 2, "{api} {name:.50}");
            assert_eq!(gathering.hosts()[0].name, name, "{api} {name:.50}");
        }
    }
}

#[test]
fn blank_names_become_the_uuid() {
    for api in ["v2", "v3", "v4"] {
        for name in ["", " ", "\n"] {
            let mut inventory = NutanixInventory::of_size(3);
            inventory.guests[0].name = name.to_owned();
            let uuid = inventory.guests[0].id.clone();
            let gathering = gather(api, fake_of(api, inventory));
            assert!(gathering.guests().iter().any(|guest| guest.name == uuid), "{api} {name:?}");
        }
    }
}

/// Two clones with one BIOS UUID, in upper case, are two guests.
#[test]
fn guests_with_the_same_uuid_are_all_kept() {
    for uuid in [
        "00000000-0000-0000-0000-000000000000",
        "4C4C4544-0042-3510-8051-B4C04F4D3132",
        "no UUID",
        "",
    ] {
        let fake = fake("v4");
        let gathering = gather_from("v4", move |request: &ReceivedRequest| {
            let answer = fake.answer(request);
            if !is_list_of_vms(request) {
                return answer;
            }
            changed(answer, |body| {
                for item in body["data"].as_array_mut().into_iter().flatten() {
                    item["biosUuid"] = json!(uuid);
                }
            })
        });
        assert_eq!(gathering.guests().len(), 12, "{uuid}");
        for guest in gathering.guests() {
            let id = guest.id.as_deref().expect("an id");
            assert!(!id.is_empty() && id != "00000000-0000-0000-0000-000000000000", "{uuid}");
            assert_eq!(id, id.to_lowercase().replace("no uuid", "no UUID"), "{uuid}");
        }
    }
}

#[test]
fn credentials_with_special_characters_are_sent_unchanged() {
    for (username, password) in
        [("a&b<c>%41", "p\"'&<%41>:ä€ "), ("domain\\user", ":"), ("ü@example.com", "日本")]
    {
        let mut fake = fake("v4");
        (fake.username, fake.password) = (username.to_owned(), password.to_owned());
        let server = TlsServer::start(move |request| fake.answer(request));
        let options =
            Options { ca_file: Some(server.ca_file().display().to_string()), ..Options::default() };
        let recorder = Recorder::new().options(options);
        let mut parameters: Value = super::parameters(server.port(), password, "auto");
        parameters["username"] = json!(username);
        let result = recorder.gather::<NutanixAhv>(parameters);
        result.unwrap_or_else(|error| panic!("{username} {password}: {error}"));
    }
}

/// The second page is sent instead of the first one.
#[test]
fn a_page_that_is_sent_twice_instead_of_another_one_fails_the_endpoint() {
    let mut fake = fake("v4");
    fake.page_size = 5;
    let gathering = gather_from("v4", move |request| {
        if !is_list_of_vms(request) {
            return fake.answer(request);
        }
        let mut other = request.clone();
        other.target = request.target.replace("page=0", "page=1");
        fake.answer(&other)
    });
    assert_eq!(gathering.error().kind, ErrorKind::Protocol, "{}", gathering.error());
}
