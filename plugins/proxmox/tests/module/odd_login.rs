//! Credentials and tickets with characters that have a meaning in a form, a header or a message.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_proxmox::Proxmox;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::proxmox::{FakeProxmox, Release, TOKEN_ID};
use serde_json::{Value, json};

use super::{Served, parameters};

#[test]
fn a_password_of_any_characters_arrives_unchanged() {
    for password in
        ["a&b=c", "100%", "%41+ ", "\"'`\\", "pässwört €", "two\nlines\r\n", "\u{1f600}"]
    {
        let expected = password.to_owned();
        let served = Served::script(move |request| {
            let target = format!("/?{}", String::from_utf8_lossy(&request.body));
            let form = ReceivedRequest { target, ..ReceivedRequest::default() };
            assert_eq!(form.query("password").as_deref(), Some(expected.as_str()));
            Action::json(401, &json!({"data": null}))
        });
        let mut parameters = parameters(served.port());
        parameters["password"] = json!(password);
        let error = served.recorder().gather::<Proxmox>(parameters).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
        assert!(!format!("{error:?}").contains(password), "{error:?}");
    }
}

#[test]
fn a_token_that_no_header_can_have_is_a_configuration_error() {
    for secret in ["line\nbreak", "trailing\n", "nul\0"] {
        let served = Served::new(FakeProxmox::cluster(Release::Nine));
        let parameters = json!({"host": "127.0.0.1", "port": served.port(),
            "api_token_id": TOKEN_ID, "api_token_secret": secret});
        let error = served.recorder().gather::<Proxmox>(parameters).expect_err("not a token");
        assert!(error.message.contains("api_token_secret"), "{error:?}");
        assert!(!format!("{error:?}").contains(secret.trim()), "{error:?}");
        assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    }
}

#[test]
fn a_name_with_a_line_break_is_a_configuration_error() {
    for (user, token) in [("a\nb@pve", ""), ("a@pve", "a\nb!c")] {
        let parameters = json!({"host": "127.0.0.1", "port": 1, "username": user, "password": "p",
            "api_token_id": token, "api_token_secret": token});
        let error = Recorder::new().gather::<Proxmox>(parameters).expect_err("not a name");
        assert_eq!(error.kind, ErrorKind::Configuration, "{error:?}");
        assert!(!error.message.contains('\n'), "{error:?}");
    }
}

#[test]
fn a_ticket_that_no_header_can_have_is_a_protocol_error() {
    for ticket in
        [json!("PVE:a\nb"), json!("PVE:\u{e9}"), json!(7), json!(""), Value::Null, json!("a; b")]
    {
        let served = Served::script(move |request| match request.path() {
            "/api2/json/access/ticket" => Action::json(200, &json!({"data": {"ticket": ticket}})),
            _ => Action::json(401, &json!({"data": null})),
        });
        let error = served.gather().expect_err("not a ticket");
        assert!(matches!(error.kind, ErrorKind::Protocol | ErrorKind::Authentication), "{error:?}");
    }
}
