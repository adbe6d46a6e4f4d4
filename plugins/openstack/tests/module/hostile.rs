//! Hostile answers: errors, and never a crash or a part of the truth.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::Action;
use serde_json::json;

use super::{Served, guests, sample};

/// The ends of the paths of all requests.
const PATHS: [&str; 5] = [
    "/v3/auth/tokens",
    "/compute/v2.1/",
    "/servers/detail",
    "/os-services",
    "/os-hypervisors/detail",
];

/// Answers the requests for one path with this.
fn with_answer(path: &'static str, answer: Action) -> ErrorKind {
    let served = Served::script(sample(), move |fake, request| {
        if request.path().ends_with(path) {
            return answer.clone();
        }
        fake.answer(request)
    });
    let error = served.without_retries().suse_cloud().expect_err(path);
    error.kind
}

#[test]
fn answers_that_are_not_the_document_are_protocol_errors() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for path in PATHS {
        let status = if path == "/v3/auth/tokens" { 201 } else { 200 };
        for body in [
            "",
            "null",
            "[]",
            "7",
            "{}",
            "{\"servers\": 7, \"hypervisors\": 7, \"services\": 7, \"token\": 7, \"version\": 7}",
            "{\"a\": 1, \"a\": 2}",
            "\u{feff}<html></html>",
            "{\"error\": {\"code\": 500}}",
            &deep,
        ] {
            let answer = Action::answer(status, body).header("x-subject-token", "gAAAAABx");
            let kind = with_answer(path, answer);
            let is_expected = kind == ErrorKind::Protocol
                || (path == "/v3/auth/tokens" && kind == ErrorKind::Configuration);
            assert!(is_expected, "{path}: {}: {kind}", &body[..body.len().min(40)]);
        }
    }
}

#[test]
fn a_body_that_grows_when_it_is_decompressed_is_an_error() {
    for path in &PATHS[2..] {
        assert_eq!(with_answer(path, Action::gzip_bomb()), ErrorKind::Protocol, "{path}");
    }
}

#[test]
fn endless_pages_end_as_an_error() {
    let served = Served::script(sample(), |fake, request| {
        if !request.path().ends_with("/servers/detail") {
            return fake.answer(request);
        }
        let href = format!("http://x/?marker={}", request.number);
        let links = json!([{"rel": "next", "href": href}]);
        Action::json(200, &json!({"servers": [], "servers_links": links}))
    });
    let error = served.suse_cloud().expect_err("endless");
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.contains("does not end"), "{error}");
}

#[test]
fn a_link_without_a_query_is_an_error() {
    for links in [
        json!([{"rel": "next", "href": "https://attacker.example.com/"}]),
        json!([{"rel": "next"}]),
        json!("next"),
        json!([7]),
    ] {
        let served = Served::changed(sample(), "/servers/detail", move |reply| {
            reply["servers_links"] = links.clone();
        });
        let error = served.suse_cloud().expect_err("a link that is not valid");
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    }
}

#[test]
fn odd_names_and_ids_are_kept() {
    let served = Served::changed(sample(), "/servers/detail", |reply| {
        let names = ["", "same", "same", "a\nb\u{7}", "\u{1f600}\u{202e}"];
        for (index, server) in
            reply["servers"].as_array_mut().expect("servers").iter_mut().enumerate()
        {
            server["name"] =
                json!(names.get(index).map_or("x".repeat(10_000), |it| (*it).to_owned()));
        }
        reply["servers"][1]["id"] = json!("not a uuid");
    });
    let gathered = served.suse_cloud().expect("a complete answer");
    assert_eq!(guests(&gathered).len(), 11);
    let odd = guests(&gathered).into_iter().find(|(_, guest)| guest.uuid.is_none());
    assert_eq!(odd.expect("a guest without a UUID").1.id.as_deref(), Some("not a uuid"));
}

#[test]
fn a_secret_in_a_sentence_of_the_server_is_not_quoted_at_length() {
    let long = "x".repeat(5000);
    let served = Served::script(sample(), move |fake, request| {
        if request.path().ends_with("/os-services") {
            return Action::json(409, &json!({"conflict": {"code": 409, "message": long}}));
        }
        fake.answer(request)
    });
    let error = served.suse_cloud().expect_err("a conflict");
    assert!(error.message.len() < 500, "{error}");
}
