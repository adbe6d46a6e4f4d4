//! Tests of the module against a scripted server, with a recorded reply.

use gatherer_plugin_api::model::GuestState;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{CheckStep, ErrorKind, Options};
use gatherer_plugin_support::testing::{Action, ScriptedServer, answers};
use serde_json::{Value, json};

use super::Example;

const FIRST_PAGE: &str = include_str!("../tests/fixtures/guests.json");
const LAST_PAGE: &str = r#"{"guests": [{"uuid": "7", "name": "mail", "status": "down"}]}"#;

/// The parameters as the program passes them: with the defaults of the manifest.
fn parameters(url: &str) -> Value {
    json!({"hostname": "kvm1", "guests": 2, "delay_ms": 0, "url": url, "token": "a-token"})
}

#[test]
fn reads_every_page_and_repeats_a_failed_request() {
    let server = ScriptedServer::http(answers([
        Action::answer(503, ""),
        Action::answer(200, FIRST_PAGE),
        Action::answer(200, LAST_PAGE),
    ]));
    let recorder = Recorder::new();
    let gathered = recorder.gather::<Example>(parameters(&server.url("/v1/guests")));
    let gathered = gathered.expect("a complete answer");
    let guests = &gathered.hosts[0].guests;
    let names: Vec<&str> = guests.iter().map(|guest| guest.name.as_str()).collect();
    assert_eq!(names, ["web", "db", "mail"]);
    assert_eq!(guests[0].state, Some(GuestState::Running));
    assert_eq!(guests[0].memory_bytes, Some(2 << 30));
    assert_eq!((guests[1].state, guests[1].memory_bytes), (None, None));
    assert_eq!(gathered.warnings[0].object, "db");

    let requests = server.received();
    let markers: Vec<_> = requests.iter().map(|request| request.query("after")).collect();
    assert_eq!(markers, [None, None, Some("0b9d0c55".to_owned())]);
    assert_eq!(requests[2].header("authorization"), Some("Bearer a-token"));
}

#[test]
fn a_truncated_page_fails_the_whole_list() {
    let truncated = Action::with_length(1000, LAST_PAGE.as_bytes());
    let server = ScriptedServer::http(answers([Action::answer(200, FIRST_PAGE), truncated]));
    let recorder = Recorder::new().options(Options { retries: Some(0), ..Options::default() });
    let error = recorder.gather::<Example>(parameters(&server.url("/"))).expect_err("truncated");
    assert_eq!(error.kind, ErrorKind::Connection, "{error}");
}

#[test]
fn an_invalid_url_is_a_configuration_error() {
    let error = Recorder::new().gather::<Example>(parameters("kvm1")).expect_err("not a URL");
    assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
}

#[test]
fn makes_up_guests_without_a_url() {
    let parameters = json!({"hostname": "kvm1", "guests": 3, "delay_ms": 0});
    let gathered = Recorder::new().gather::<Example>(parameters).expect("a complete answer");
    assert_eq!(gathered.hosts[0].id, "id-of-kvm1");
    assert_eq!(gathered.hosts[0].guests[2].name, "guest3");
}

#[test]
fn a_check_reports_every_step_and_fails_at_the_first_that_does_not_work() {
    let steps = |actions: &[Action], parameters: fn(&ScriptedServer) -> Value| {
        let server = ScriptedServer::http(answers(actions.to_vec()));
        let recorder = Recorder::new().options(Options { retries: Some(0), ..Options::default() });
        let steps = recorder.check::<Example>(parameters(&server));
        let text = |step: &CheckStep| format!("{} {}", step.name, step.status.as_str());
        steps.iter().map(text).collect::<Vec<_>>().join(", ")
    };
    let with_service = |server: &ScriptedServer| parameters(&server.url("/"));
    assert_eq!(
        steps(&[Action::answer(200, LAST_PAGE)], with_service),
        "parameters ok, name ok, port ok, login ok, objects ok"
    );
    assert_eq!(
        steps(&[Action::answer(401, "")], with_service),
        "parameters ok, name ok, port ok, login failed, objects not-tried"
    );
    assert_eq!(
        steps(&[Action::answer(200, "{}")], with_service),
        "parameters ok, name ok, port ok, login ok, objects failed"
    );
    let without_service = |_: &ScriptedServer| json!({"hostname": "h", "guests": 2, "delay_ms": 0});
    assert_eq!(steps(&[Action::answer(401, "")], without_service), "parameters ok, objects ok");
    let wrong_url = |_: &ScriptedServer| parameters("kvm1");
    assert_eq!(steps(&[Action::answer(401, "")], wrong_url), "parameters failed, rest not-tried");
}
