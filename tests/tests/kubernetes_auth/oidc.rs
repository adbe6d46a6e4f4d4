//! Id tokens of an identity provider, and how an expired one is renewed. What goes wrong with that
//! is in `oidc_failures`.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use gatherer_tests::fault_server::{
    Action, Authority, ForwardProxy, Identity, NodeServer, Received, ScriptedServer, Source,
    base64, closed_port, kubeconfig,
};
use serde_json::{Value, json};

use super::{NAMES, Place, assert_fails, assert_silent, assert_works, wants};

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
    issuer_by(&place.identity, move |_| answer())
}

/// One that has these certificates, and an answer for each refresh token that it is asked with.
fn issuer_by(
    identity: &Identity,
    answer: impl Fn(&str) -> Action + Send + Sync + 'static,
) -> ScriptedServer {
    ScriptedServer::https(identity, move |request| issue(request, &answer))
}

/// What a provider does with a request.
pub(super) fn issue(request: &Received, answer: &impl Fn(&str) -> Action) -> Action {
    if request.target == "/.well-known/openid-configuration" {
        let host = request.header("host").unwrap_or_default();
        return discovery(&format!("https://{host}"), "/token");
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let fields: HashMap<&str, &str> =
        body.split('&').filter_map(|field| field.split_once('=')).collect();
    let basic = format!("Basic {}", base64(&format!("the-client:{CLIENT_SECRET}")));
    let in_head = request.header("authorization") == Some(&basic);
    let in_body = fields.get("client_id") == Some(&"the-client")
        && fields.get("client_secret") == Some(&CLIENT_SECRET);
    // Never both, RFC 6749 section 2.3.
    let known = in_head != in_body && request.method == "POST";
    let asks = fields.get("grant_type") == Some(&"refresh_token")
        && request.header("content-type") == Some("application/x-www-form-urlencoded");
    match fields.get("refresh_token") {
        Some(token) if request.target == "/token" && known && asks => answer(token),
        _ => {
            let echo = json!({"error": "invalid_grant", "error_description": body});
            Action::json(400, &echo)
        }
    }
}

/// Where a provider says that tokens are to be had.
pub(super) fn discovery(address: &str, endpoint: &str) -> Action {
    let endpoint = format!("{address}{endpoint}");
    Action::json(200, &json!({"issuer": address, "token_endpoint": endpoint}))
}

/// How often a provider was asked for tokens.
pub(super) fn renewals(issuer: &ScriptedServer) -> usize {
    issuer.received().iter().filter(|request| request.target == "/token").count()
}

/// A user whose tokens come from there.
pub(super) fn user(place: &Place, issuer: &str, id_token: &str) -> Value {
    json!({"auth-provider": {"name": "oidc", "config": {
        "idp-issuer-url": issuer, "client-id": "the-client", "client-secret": CLIENT_SECRET,
        "id-token": id_token, "refresh-token": REFRESH,
        "idp-certificate-authority-data": base64(place.authority.pem()),
    }}})
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
fn an_expired_or_missing_id_token_is_renewed_once_for_all_pages() {
    let place = Place::new();
    let (old, new) = (id_token(-60, "canary-signature-1"), id_token(3600, "canary-signature-2"));
    for missing in [false, true] {
        let server = place.server(wants(&format!("Bearer {new}")));
        let answer = json!({"id_token": new, "refresh_token": NEW_REFRESH, "access_token": "a"});
        let issuer = issuer(&place, move || Action::json(200, &answer));
        let mut user = user(&place, &issuer.url(""), &old);
        if missing {
            config(&mut user).remove("id-token");
        }
        let outcome = place.run([("e", place.kubeconfig(&server, &user))]).run();
        let endpoint = assert_works(&outcome, "e");
        assert_eq!(endpoint.get("warnings"), None);
        assert_eq!(renewals(&issuer), 1);
        let secrets =
            ["canary-signature-1", "canary-signature-2", &new, REFRESH, CLIENT_SECRET, NEW_REFRESH];
        assert_silent(&outcome, &secrets);
    }
}

/// The provider's configuration of such a user.
pub(super) fn config(user: &mut Value) -> &mut serde_json::Map<String, Value> {
    user["auth-provider"]["config"].as_object_mut().expect("an object")
}

#[test]
fn a_client_that_is_not_known_by_its_head_is_by_its_body() {
    let place = Place::new();
    let new = id_token(3600, "canary-signature-2");
    let server = place.server(wants(&format!("Bearer {new}")));
    let answer = json!({ "id_token": new });
    let with_body = issuer(&place, move || Action::json(200, &answer));
    // It leads what comes by its body to the other one's answer.
    let head_refused = {
        let answer = json!({ "id_token": new });
        ScriptedServer::https(&place.identity, move |request| {
            if request.header("authorization").is_some() {
                return Action::json(401, &json!({"error": "invalid_client"}));
            }
            issue(request, &|_| Action::json(200, &answer))
        })
    };
    let old = id_token(-60, "canary-signature-1");
    let mut public = user(&place, &with_body.url(""), &old);
    config(&mut public).remove("client-secret");
    let outcome = place
        .run([
            ("head refused", place.kubeconfig(&server, &user(&place, &head_refused.url(""), &old))),
            ("public", place.kubeconfig(&server, &public)),
        ])
        .run();
    assert_works(&outcome, "head refused");
    assert_eq!(renewals(&head_refused), 2);
    // The provider here knows none without a secret; what counts is how it was asked.
    assert_fails(&outcome, "public", "authentication", &["400 Bad Request: invalid_grant"]);
    let asked = with_body.received().pop().expect("asked");
    assert_eq!(asked.header("authorization"), None);
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    assert!(body.ends_with("&client_id=the-client"), "{body}");
    assert_silent(&outcome, &["canary-signature-2", REFRESH, CLIENT_SECRET]);
}

/// The provider has nothing to do with the cluster: each has its own authority, and neither's is
/// good for the other.
#[test]
fn a_provider_is_verified_with_its_own_authority_alone() {
    let place = Place::new();
    let new = id_token(3600, "canary-signature-2");
    let server = place.server(wants(&format!("Bearer {new}")));
    let own = Authority::new("The authority of the provider");
    let answer = json!({ "id_token": new });
    let good = issuer_by(&own.identity(&["127.0.0.1"]), {
        let answer = answer.clone();
        move |_| Action::json(200, &answer)
    });
    let clusters = issuer(&place, move || Action::json(200, &answer));
    let document = |issuer: &ScriptedServer, field: &str, value: &str| {
        let mut user = user(&place, &issuer.url(""), &id_token(-60, "canary-signature-1"));
        let config = config(&mut user);
        config.remove("idp-certificate-authority-data");
        if !field.is_empty() {
            config.insert(field.to_owned(), value.into());
        }
        place.kubeconfig(&server, &user)
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("idp.crt"), own.pem()).expect("writable");
    let file = folder.path().join("kubeconfig");
    let named = document(&good, "idp-certificate-authority", "idp.crt");
    std::fs::write(&file, named.to_string()).expect("writable");
    let data = "idp-certificate-authority-data";
    // What the system trusts does not count beside it.
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, place.authority.pem()).expect("writable");
    let outcome = place
        .run([
            ("data", document(&good, data, &base64(own.pem()))),
            ("file", json!(file)),
            ("system", document(&clusters, "", "")),
            ("untrusted", document(&good, "", "")),
            ("another's", document(&clusters, data, &base64(own.pem()))),
        ])
        .env("SSL_CERT_FILE", roots)
        .run();
    for id in ["data", "file", "system"] {
        assert_eq!(assert_works(&outcome, id).get("warnings"), None, "{id}");
    }
    for id in ["untrusted", "another's"] {
        let texts =
            ["renewing the id-token: GET https://", "UnknownIssuer", "idp-certificate-authority"];
        assert_fails(&outcome, id, "tls", &texts);
    }
}

#[test]
fn a_provider_is_asked_through_the_requests_proxy_and_never_through_the_clusters() {
    let place = Place::new();
    let new = id_token(3600, "canary-signature-2");
    let server = place.server(wants(&format!("Bearer {new}")));
    let identity = place.authority.identity(&["idp.test"]);
    let answer = json!({ "id_token": new });
    let issuer = issuer_by(&identity, move |_| Action::json(200, &answer));
    let proxy = ForwardProxy::with_authentication(issuer.address(), "Basic dTpjYW5hcnktNzc=");
    let url = format!("http://u:canary-77@{}", proxy.address());
    let of_cluster = ForwardProxy::open(server.address());
    let user = user(&place, "https://idp.test:8443", &id_token(-60, "canary-signature-1"));
    let mut cluster = place.trust();
    cluster["proxy-url"] = format!("http://{}", of_cluster.address()).into();
    let through = kubeconfig("https://cluster.test:6443", &cluster, &user);
    let run = |document: &Value| place.run([("e", document.clone())]).env("https_proxy", &url);
    let outcome = run(&through).run();
    assert_works(&outcome, "e");
    assert_silent(&outcome, &["canary-77", REFRESH, CLIENT_SECRET, "canary-signature-2"]);
    let asked = |proxy: &ForwardProxy| {
        let mut targets: Vec<String> =
            proxy.received().into_iter().map(|request| request.target).collect();
        targets.dedup();
        targets
    };
    assert_eq!(asked(&proxy), ["idp.test:8443"]);
    assert_eq!(asked(&of_cluster), ["cluster.test:6443"]);

    // Its own host is what no_proxy is about.
    let outcome = run(&through).env("no_proxy", "cluster.test").run();
    assert_works(&outcome, "e");
    let outcome = run(&through).env("no_proxy", "idp.test").run();
    assert_fails(
        &outcome,
        "e",
        "connection",
        &["renewing the id-token: GET https://idp.test:8443/"],
    );
    let nobody = closed_port();
    let outcome = run(&through).env("https_proxy", format!("http://u:canary-77@{nobody}")).run();
    let texts = ["GET https://idp.test:8443/", &format!("through the proxy http://{nobody}: ")];
    assert_fails(&outcome, "e", "connection", &texts);
    assert_silent(&outcome, &["canary-77", REFRESH]);
}

#[test]
fn a_token_that_expires_between_two_pages_is_renewed_with_the_newest_refresh_token() {
    let place = Place::new();
    let server = NodeServer::of(&Source::canned(&NAMES))
        .guarded(|request| {
            let later = request.target.contains("continue=");
            let signature = if later { ".canary-signature-3" } else { ".canary-signature-2" };
            request.header("authorization").is_some_and(|token| token.ends_with(signature))
        })
        .https(&place.identity);
    // Each refresh token is good once; the second id token is good, but not for long enough.
    let issuer = issuer_by(&place.identity, |refresh| match refresh {
        REFRESH => {
            let token = id_token(9, "canary-signature-2");
            Action::json(200, &json!({"id_token": token, "refresh_token": NEW_REFRESH}))
        }
        NEW_REFRESH => {
            Action::json(200, &json!({"id_token": id_token(3600, "canary-signature-3")}))
        }
        _ => Action::json(400, &json!({"error": "invalid_grant"})),
    });
    let old = id_token(-60, "canary-signature-1");
    let document = place.kubeconfig(&server, &user(&place, &issuer.url(""), &old));
    let outcome = place.run([("e", document)]).run();
    assert_works(&outcome, "e");
    let bodies: Vec<String> = issuer
        .received()
        .iter()
        .filter(|request| request.target == "/token")
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert!(bodies[0].contains(REFRESH) && bodies[1].contains(NEW_REFRESH), "{bodies:?}");
    let secrets = ["canary-signature-2", "canary-signature-3", REFRESH, NEW_REFRESH, CLIENT_SECRET];
    assert_silent(&outcome, &secrets);
}
