//! Id tokens of an identity provider, and how an expired one is renewed.

use std::time::{SystemTime, UNIX_EPOCH};

use gatherer_tests::Run;
use gatherer_tests::fault_server::{Action, Authority, Fault, Received, ScriptedServer, base64};
use serde_json::{Value, json};

use super::{Place, assert_fails, assert_silent, assert_works, wants, write};

pub(super) const REFRESH: &str = "canary-refresh-7f3a91";
pub(super) const CLIENT_SECRET: &str = "canary-client-7f3a91";
const NEW_REFRESH: &str = "canary-renewed-7f3a91";

/// An id token that expires so many seconds from now. What is signed with is its own matter.
pub(super) fn id_token(seconds: i64, signature: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let expiry = i64::try_from(now).expect("a time") + seconds;
    let part = |value: Value| {
        base64(&value.to_string()).trim_end_matches('=').replace('+', "-").replace('/', "_")
    };
    format!(
        "{}.{}.{signature}",
        part(json!({"alg": "none"})),
        part(json!({"exp": expiry, "sub": "u"}))
    )
}

/// An identity provider that renews the refresh token of these tests as this answer says.
pub(super) fn issuer(
    place: &Place,
    answer: impl Fn() -> Action + Send + Sync + 'static,
) -> ScriptedServer {
    ScriptedServer::https(&place.identity, move |request| issue(request, &answer))
}

fn issue(request: &Received, answer: &impl Fn() -> Action) -> Action {
    let host = request.header("host").unwrap_or_default();
    if request.target == "/.well-known/openid-configuration" {
        let endpoint = format!("https://{host}/token");
        return Action::json(
            200,
            &json!({"issuer": format!("https://{host}"), "token_endpoint": endpoint}),
        );
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let basic = format!("Basic {}", base64(&format!("the-client:{CLIENT_SECRET}")));
    let known = request.header("authorization") == Some(&basic)
        || body.contains(&format!("client_secret={CLIENT_SECRET}"));
    let asks = body.contains("grant_type=refresh_token")
        && body.contains(&format!("refresh_token={REFRESH}"));
    if request.target == "/token" && known && asks {
        answer()
    } else {
        let echo = json!({"error": "invalid_grant", "error_description": body});
        Action::json(400, &echo)
    }
}

pub(super) fn user(place: &Place, issuer: &str, id_token: &str) -> Value {
    json!({"auth-provider": {"name": "oidc", "config": {
        "idp-issuer-url": issuer, "client-id": "the-client", "client-secret": CLIENT_SECRET,
        "id-token": id_token, "refresh-token": REFRESH,
        "idp-certificate-authority-data": base64(place.authority.pem()),
    }}})
}

/// Lets the provider's certificate be trusted as the system's own are.
fn trusting(run: Run, place: &Place) -> Run {
    let roots = write(&run, "roots.pem", place.authority.pem());
    run.env("SSL_CERT_FILE", roots)
}

#[test]
fn an_id_token_that_is_still_good_is_used_and_nobody_asked_for_another() {
    let place = Place::new();
    let token = id_token(3600, "canary-signature-1");
    let server = place.server(wants(&format!("Bearer {token}")));
    let issuer = issuer(&place, || Action::json(500, &json!({})));
    let document = place.kubeconfig(&server, &user(&place, &issuer.url(""), &token));
    let outcome = place.run([("e", document)]).run();
    assert_works(&outcome, "e");
    assert_eq!(issuer.connections(), 0);
    assert_silent(&outcome, &["canary-signature-1", &token, REFRESH, CLIENT_SECRET]);
}

#[test]
fn an_expired_id_token_is_renewed() {
    let place = Place::new();
    let (old, new) = (id_token(-60, "canary-signature-1"), id_token(3600, "canary-signature-2"));
    let server = place.server(wants(&format!("Bearer {new}")));
    let answer = json!({"id_token": new, "refresh_token": NEW_REFRESH, "access_token": "a"});
    let issuer = issuer(&place, move || Action::json(200, &answer));
    let document = place.kubeconfig(&server, &user(&place, &issuer.url(""), &old));
    let outcome = trusting(place.run([("e", document)]), &place).run();
    assert_works(&outcome, "e");
    let renewals = issuer.received().iter().filter(|request| request.target == "/token").count();
    assert_eq!(renewals, 1, "once for all pages");
    let secrets =
        ["canary-signature-1", "canary-signature-2", &new, REFRESH, CLIENT_SECRET, NEW_REFRESH];
    assert_silent(&outcome, &secrets);
}

#[test]
fn a_renewal_that_fails_is_told_from_a_cluster_that_does() {
    let place = Place::new();
    let server = place.server(|_| true);
    let old = id_token(-60, "canary-signature-1");
    let foreign = Authority::new("Another authority").identity(&["127.0.0.1"]);
    let stranger = ScriptedServer::https(&foreign, |_| Action::json(200, &json!({})));
    let refused = gatherer_tests::fault_server::closed_port();
    let refusing = issuer(&place, || Action::json(401, &json!({"error": REFRESH})));
    let empty = issuer(&place, || Action::json(200, &json!({"access_token": "a"})));
    let rubbish = issuer(&place, || Action::Answer {
        status: 200,
        headers: String::new(),
        body: REFRESH.into(),
    });
    let hanging_up = issuer(&place, || Action::Fault(Fault::Hangup, Vec::new()));
    let missing = issuer(&place, || Action::json(200, &json!({})));
    let with = |url: &str| place.kubeconfig(&server, &user(&place, url, &old));
    let mut no_refresh = user(&place, &missing.url(""), &old);
    let config = no_refresh["auth-provider"]["config"].as_object_mut().expect("an object");
    config.remove("refresh-token");
    let mut no_token = user(&place, &missing.url(""), "not-a-jwt-canary-55");
    let plain = with("http://127.0.0.1:9");
    let run = place.run([
        ("refusing", with(&refusing.url(""))),
        ("empty", with(&empty.url(""))),
        ("rubbish", with(&rubbish.url(""))),
        ("hanging up", with(&hanging_up.url(""))),
        ("not there", with(&format!("https://{refused}"))),
        ("untrusted", with(&stranger.url(""))),
        ("no discovery", with(&missing.url("/nowhere"))),
        ("no refresh token", place.kubeconfig(&server, &no_refresh)),
        ("no JWT", place.kubeconfig(&server, &std::mem::take(&mut no_token))),
        ("plain", plain),
    ]);
    let outcome = trusting(run, &place).run();
    let expired = "the id-token has expired";
    assert_fails(&outcome, "refusing", "authentication", &[expired, "does not renew it"]);
    assert_fails(&outcome, "empty", "protocol", &["identity provider"]);
    assert_fails(&outcome, "rubbish", "protocol", &["identity provider"]);
    assert_fails(&outcome, "hanging up", "connection", &["renewing the id-token at"]);
    assert_fails(&outcome, "not there", "connection", &["renewing the id-token", "refused"]);
    assert_fails(&outcome, "untrusted", "tls", &["renewing the id-token", "UnknownIssuer"]);
    assert_fails(&outcome, "no discovery", "authentication", &[expired, "400"]);
    assert_fails(&outcome, "no refresh token", "configuration", &["expired", "refresh-token"]);
    assert_fails(&outcome, "no JWT", "configuration", &["id-token"]);
    assert_fails(&outcome, "plain", "configuration", &["idp-issuer-url"]);
    assert_eq!(server.connections(), 0);
    let secrets = ["canary-signature-1", "not-a-jwt-canary-55", REFRESH, CLIENT_SECRET];
    assert_silent(&outcome, &secrets);
}
