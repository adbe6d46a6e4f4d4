//! Tests of failing identity providers, and of the errors about them.

use std::collections::HashSet;
use std::sync::Mutex;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, ScriptedServer, closed_port};
use serde_json::{Value, json};

use super::oidc::{
    CLIENT_SECRET, REFRESH, config, discovery, id_token, issue, issuer, renewals, user,
};
use super::{Setup, assert_fails, assert_no_leak, assert_works};

#[test]
fn sends_a_refresh_token_to_no_other_host_and_never_without_tls() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let new = json!({"id_token": id_token(3600, "canary-signature-2")});
    let elsewhere = ScriptedServer::https(&setup.identity, move |_| Action::json(200, &new));
    let plain = ScriptedServer::http(|_| Action::json(200, &json!({})));
    // A provider with this token endpoint, which redirects to this location.
    let provider = |endpoint: String, location: String| {
        ScriptedServer::https(&setup.identity, move |request| match request.target.as_str() {
            "/.well-known/openid-configuration" => {
                let host = request.header("host").unwrap_or_default();
                discovery("", &endpoint.replace("SELF", &format!("https://{host}")))
            }
            "/moved" => issue_moved(request),
            _ => Action::answer(307, "").header("location", &location),
        })
    };
    let own = "SELF/token".to_owned();
    let away = provider(own.clone(), elsewhere.url("/token"));
    let downgraded = provider(own.clone(), plain.url("/token"));
    let moved = provider(own, "/moved".to_owned());
    let insecure = provider(plain.url("/token"), String::new());
    let with_user = provider("https://u:canary-55@127.0.0.1:1/token".to_owned(), String::new());
    let relative = provider("/token".to_owned(), String::new());
    let old = id_token(-60, "canary-signature-1");
    let with =
        |issuer: &ScriptedServer| setup.kubeconfig(&server, &user(&setup, &issuer.url(""), &old));
    let outcome = setup
        .run([
            ("away", with(&away)),
            ("downgraded", with(&downgraded)),
            ("moved", with(&moved)),
            ("insecure", with(&insecure)),
            ("with a user", with(&with_user)),
            ("relative", with(&relative)),
        ])
        .run();
    let post = format!("renewing the id-token: POST {}: the redirect to", away.url("/token"));
    assert_fails(&outcome, "away", "protocol", &[&post, "must stay on its host"]);
    assert_fails(&outcome, "downgraded", "protocol", &["from https to http"]);
    assert_works(&outcome, "moved");
    for id in ["insecure", "with a user", "relative"] {
        assert_fails(&outcome, id, "protocol", &["GET https://", "token_endpoint"]);
    }
    assert_eq!((elsewhere.connections(), plain.connections()), (0, 0));
    assert_no_leak(&outcome, &["canary-55", REFRESH, CLIENT_SECRET, "canary-signature-2"]);
}

/// The new location of the token endpoint, which needs the same request as the old one.
fn issue_moved(request: &ReceivedRequest) -> Action {
    let new = json!({"id_token": id_token(3600, "canary-signature-2")});
    let there = ReceivedRequest { target: "/token".to_owned(), ..request.clone() };
    issue(&there, &|_| Action::json(200, &new))
}

#[test]
fn the_error_of_a_failed_renewal_names_the_provider() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let old = id_token(-60, "canary-signature-1");
    let answers = |action: Action| issuer(&setup, move || action.clone());
    let says = |status: u16, body: Value| issuer(&setup, move || Action::json(status, &body));
    let refusing = says(401, json!({"error": REFRESH}));
    let used_up = says(400, json!({"error": "invalid_grant", "error_description": REFRESH}));
    let empty = says(200, json!({"access_token": "a"}));
    let no_jwt = says(200, json!({"id_token": "not-a-jwt-canary-66"}));
    let stale = says(200, json!({"id_token": id_token(-5, "canary-signature-2")}));
    let broken = says(500, json!({"error": "server_error"}));
    let rubbish = answers(Action::answer(200, REFRESH));
    let huge = answers(Action::answer(200, vec![b' '; (1 << 20) + 1]));
    let bomb = answers(Action::gzip(&vec![b' '; (1 << 20) + 1]));
    let hanging_up = issuer(&setup, || Action::Hangup);
    let endless = ScriptedServer::https(&setup.identity, |_| Action::Endless(200));
    let with = |url: &str| setup.kubeconfig(&server, &user(&setup, url, &old));
    let mut no_refresh = user(&setup, &refusing.url(""), &old);
    config(&mut no_refresh).remove("refresh-token");
    let outcome = setup
        .run([
            ("refusing", with(&refusing.url(""))),
            ("used up", with(&used_up.url(""))),
            ("empty", with(&empty.url(""))),
            ("answer without a JWT", with(&no_jwt.url(""))),
            ("stale", with(&stale.url(""))),
            ("broken", with(&broken.url(""))),
            ("rubbish", with(&rubbish.url(""))),
            ("huge", with(&huge.url(""))),
            ("bomb", with(&bomb.url(""))),
            ("endless", with(&endless.url(""))),
            ("hanging up", with(&hanging_up.url(""))),
            ("not there", with(&format!("https://{}", closed_port()))),
            ("no discovery", with(&refusing.url("/nowhere"))),
            ("no refresh token", setup.kubeconfig(&server, &no_refresh)),
            (
                "no JWT",
                setup.kubeconfig(&server, &user(&setup, &refusing.url(""), "not-a-jwt-canary-55")),
            ),
            ("plain", with("http://127.0.0.1:9")),
        ])
        .run();
    let post = |issuer: &ScriptedServer, rest: &str| {
        format!("renewing the id-token: POST {}: {rest}", issuer.url("/token"))
    };
    let get =
        |url: &str| format!("renewing the id-token: GET {url}/.well-known/openid-configuration: ");
    let log_in = "log in again with kubectl, or use a service account's token";
    let fails = |id: &str, kind: &str, texts: &[&str]| assert_fails(&outcome, id, kind, texts);
    fails("refusing", "authentication", &[&post(&refusing, "401 Unauthorized"), log_in]);
    fails(
        "used up",
        "authentication",
        &[&post(&used_up, "400 Bad Request: invalid_grant"), log_in],
    );
    assert_eq!((renewals(&refusing), renewals(&used_up)), (2, 1));
    fails("empty", "protocol", &[&post(&empty, "the response has no id_token")]);
    fails(
        "answer without a JWT",
        "protocol",
        &[&post(&no_jwt, "its id_token is not a JSON Web Token")],
    );
    fails("stale", "protocol", &[&post(&stale, "its id_token expired at "), "clock"]);
    fails("broken", "unavailable", &[&post(&broken, "500 Internal Server Error")]);
    fails("rubbish", "protocol", &[&post(&rubbish, "the response "), "OpenID Connect"]);
    fails("huge", "protocol", &[&post(&huge, "the response is larger than 1 MiB")]);
    let bombed = post(&bomb, "the response is larger than 1 MiB after decompression");
    fails("bomb", "protocol", &[&bombed]);
    fails("endless", "protocol", &[&get(&endless.url("")), "the response is larger than 1 MiB"]);
    fails("hanging up", "connection", &[&post(&hanging_up, "")]);
    fails(
        "not there",
        "connection",
        &["renewing the id-token: GET https://", "connection refused"],
    );
    let nowhere = get(&refusing.url("/nowhere"));
    fails("no discovery", "configuration", &[&nowhere, "400", "idp-issuer-url"]);
    fails("no refresh token", "authentication", &["without refresh-token", log_in]);
    fails("no JWT", "configuration", &["id-token"]);
    fails("plain", "configuration", &["idp-issuer-url"]);
    assert_eq!(server.connections(), 0);
    let secrets = [
        "canary-signature-1",
        "canary-signature-2",
        "not-a-jwt-canary-55",
        "not-a-jwt-canary-66",
        REFRESH,
        CLIENT_SECRET,
    ];
    assert_no_leak(&outcome, &secrets);
}

#[test]
fn a_hanging_provider_times_out_and_is_named() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let silent = ScriptedServer::https(&setup.identity, |_| Action::BlackHole);
    let drips = issuer(&setup, || Action::DripHead);
    let old = id_token(-60, "canary-signature-1");
    let endpoint = |id: &str, issuer: &ScriptedServer| {
        let document = setup.kubeconfig(&server, &user(&setup, &issuer.url(""), &old));
        json!({"id": id, "module": "Kubernetes", "kubeconfig": document.to_string(), "timeout": 4,
            "retries": 3})
    };
    let outcome = setup.run_of(&[endpoint("silent", &silent), endpoint("drips", &drips)]).run();
    for (id, url) in [
        ("silent", format!("GET {}", silent.url("/.well-known/openid-configuration"))),
        ("drips", format!("POST {}", drips.url("/token"))),
    ] {
        let text = format!("renewing the id-token: {url}: ");
        assert_fails(&outcome, id, "timeout", &[&text, "within the endpoint's timeout of 4 s"]);
    }
    // A renewal is not repeated, because the first request may have used up the refresh token.
    assert_eq!(renewals(&drips), 1);
    assert_eq!(server.connections(), 0);
    assert_no_leak(&outcome, &["canary-signature-1", REFRESH, CLIENT_SECRET]);
}

#[test]
fn retries_a_renewal_only_if_the_provider_has_not_processed_it() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    // A provider that returns 503 to the first request for each path.
    let busy = ScriptedServer::https(&setup.identity, {
        let seen = Mutex::new(HashSet::new());
        move |request| {
            if seen.lock().expect("no thread panicked").insert(request.target.clone()) {
                return Action::json(503, &json!({}));
            }
            let new = json!({"id_token": id_token(3600, "canary-signature-2")});
            issue(request, &|_| Action::json(200, &new))
        }
    });
    let broken = issuer(&setup, || Action::json(502, &json!({})));
    let hanging_up = issuer(&setup, || Action::Hangup);
    let old = id_token(-60, "canary-signature-1");
    let endpoint = |id: &str, issuer: &ScriptedServer| {
        let document = setup.kubeconfig(&server, &user(&setup, &issuer.url(""), &old));
        json!({"id": id, "module": "Kubernetes", "kubeconfig": document.to_string(), "timeout": 30,
            "retries": 2})
    };
    let endpoints =
        [endpoint("busy", &busy), endpoint("broken", &broken), endpoint("cut", &hanging_up)];
    let outcome = setup.run_of(&endpoints).run();
    assert_works(&outcome, "busy");
    assert_eq!(renewals(&busy), 2);
    assert_fails(&outcome, "broken", "unavailable", &["502 Bad Gateway"]);
    assert_fails(&outcome, "cut", "connection", &["renewing the id-token: POST "]);
    assert_eq!((renewals(&broken), renewals(&hanging_up)), (1, 1));
}
