//! Tests of id tokens, and of renewing an expired one at its identity provider. Tests of failing
//! renewals are in `oidc_failures`.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use gatherer_plugin_support::testing::{
    Action, Authority, ForwardProxy, Identity, ReceivedRequest, ScriptedServer, closed_port,
};
use gatherer_tests::scripted_cluster::{NodeServer, Source, base64, kubeconfig};
use serde_json::{Value, json};

use super::{NAMES, Setup, assert_fails, assert_no_leak, assert_works, requires};

pub(super) const REFRESH: &str = "canary-refresh-7f3a91";
pub(super) const CLIENT_SECRET: &str = "canary-client-7f3a91";
const NEW_REFRESH: &str = "canary-renewed-7f3a91";

/// An id token that expires this many seconds from now. The signature is any text.
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

/// An identity provider with the setup's certificate that returns this response to each valid renewal.
pub(super) fn issuer(
    setup: &Setup,
    answer: impl Fn() -> Action + Send + Sync + 'static,
) -> ScriptedServer {
    issuer_by(&setup.identity, move |_| answer())
}

/// An identity provider with this certificate. `answer` gets the refresh token of each valid renewal.
fn issuer_by(
    identity: &Identity,
    answer: impl Fn(&str) -> Action + Send + Sync + 'static,
) -> ScriptedServer {
    ScriptedServer::https(identity, move |request| issue(request, &answer))
}

/// The identity provider's response to a request.
pub(super) fn issue(request: &ReceivedRequest, answer: &impl Fn(&str) -> Action) -> Action {
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
    // Only one of them is allowed: RFC 6749 section 2.3.
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

/// A discovery document with this token endpoint.
pub(super) fn discovery(address: &str, endpoint: &str) -> Action {
    let endpoint = format!("{address}{endpoint}");
    Action::json(200, &json!({"issuer": address, "token_endpoint": endpoint}))
}

/// How many token requests the provider received.
pub(super) fn renewals(issuer: &ScriptedServer) -> usize {
    issuer.received().iter().filter(|request| request.target == "/token").count()
}

/// A user with the auth-provider `oidc` and this issuer.
pub(super) fn user(setup: &Setup, issuer: &str, id_token: &str) -> Value {
    json!({"auth-provider": {"name": "oidc", "config": {
        "idp-issuer-url": issuer, "client-id": "the-client", "client-secret": CLIENT_SECRET,
        "id-token": id_token, "refresh-token": REFRESH,
        "idp-certificate-authority-data": base64(setup.authority.pem()),
    }}})
}

#[test]
fn a_valid_id_token_is_not_renewed() {
    let setup = Setup::new();
    let token = id_token(3600, "canary-signature-1");
    let server = setup.server(requires(&format!("Bearer {token}")));
    let issuer = issuer(&setup, || Action::json(500, &json!({})));
    let document = setup.kubeconfig(&server, &user(&setup, &issuer.url(""), &token));
    let outcome = setup.run([("e", document)]).run();
    assert_works(&outcome, "e");
    assert_eq!(issuer.connections(), 0);
    assert_no_leak(&outcome, &["canary-signature-1", &token, REFRESH, CLIENT_SECRET]);
}

#[test]
fn renews_an_expired_or_missing_id_token_once_for_all_pages() {
    let setup = Setup::new();
    let (old, new) = (id_token(-60, "canary-signature-1"), id_token(3600, "canary-signature-2"));
    for missing in [false, true] {
        let server = setup.server(requires(&format!("Bearer {new}")));
        let answer = json!({"id_token": new, "refresh_token": NEW_REFRESH, "access_token": "a"});
        let issuer = issuer(&setup, move || Action::json(200, &answer));
        let mut user = user(&setup, &issuer.url(""), &old);
        if missing {
            config(&mut user).remove("id-token");
        }
        let outcome = setup.run([("e", setup.kubeconfig(&server, &user))]).run();
        let endpoint = assert_works(&outcome, "e");
        assert_eq!(endpoint.get("warnings"), None);
        assert_eq!(renewals(&issuer), 1);
        let secrets =
            ["canary-signature-1", "canary-signature-2", &new, REFRESH, CLIENT_SECRET, NEW_REFRESH];
        assert_no_leak(&outcome, &secrets);
    }
}

/// The auth-provider's configuration of a user.
pub(super) fn config(user: &mut Value) -> &mut serde_json::Map<String, Value> {
    user["auth-provider"]["config"].as_object_mut().expect("an object")
}

#[test]
fn sends_the_client_secret_in_the_body_if_the_provider_rejects_the_head() {
    let setup = Setup::new();
    let new = id_token(3600, "canary-signature-2");
    let server = setup.server(requires(&format!("Bearer {new}")));
    let answer = json!({ "id_token": new });
    let with_body = issuer(&setup, move || Action::json(200, &answer));
    // A provider that rejects credentials in the head.
    let head_refused = {
        let answer = json!({ "id_token": new });
        ScriptedServer::https(&setup.identity, move |request| {
            if request.header("authorization").is_some() {
                return Action::json(401, &json!({"error": "invalid_client"}));
            }
            issue(request, &|_| Action::json(200, &answer))
        })
    };
    let old = id_token(-60, "canary-signature-1");
    let mut public = user(&setup, &with_body.url(""), &old);
    config(&mut public).remove("client-secret");
    let outcome = setup
        .run([
            ("head refused", setup.kubeconfig(&server, &user(&setup, &head_refused.url(""), &old))),
            ("public", setup.kubeconfig(&server, &public)),
        ])
        .run();
    assert_works(&outcome, "head refused");
    assert_eq!(renewals(&head_refused), 2);
    // The test provider rejects public clients. The test checks the request that it received.
    assert_fails(&outcome, "public", "authentication", &["400 Bad Request: invalid_grant"]);
    let request = with_body.received().pop().expect("a request");
    assert_eq!(request.header("authorization"), None);
    let body = String::from_utf8_lossy(&request.body).into_owned();
    assert!(body.ends_with("&client_id=the-client"), "{body}");
    assert_no_leak(&outcome, &["canary-signature-2", REFRESH, CLIENT_SECRET]);
}

/// The provider and the cluster are independent: each has its own authority, which is not trusted for
/// the other.
#[test]
fn verifies_a_provider_only_with_its_own_authority() {
    let setup = Setup::new();
    let new = id_token(3600, "canary-signature-2");
    let server = setup.server(requires(&format!("Bearer {new}")));
    let own = Authority::new("The authority of the provider");
    let answer = json!({ "id_token": new });
    let good = issuer_by(&own.identity(&["127.0.0.1"]), {
        let answer = answer.clone();
        move |_| Action::json(200, &answer)
    });
    let clusters = issuer(&setup, move || Action::json(200, &answer));
    let document = |issuer: &ScriptedServer, field: &str, value: &str| {
        let mut user = user(&setup, &issuer.url(""), &id_token(-60, "canary-signature-1"));
        let config = config(&mut user);
        config.remove("idp-certificate-authority-data");
        if !field.is_empty() {
            config.insert(field.to_owned(), value.into());
        }
        setup.kubeconfig(&server, &user)
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("idp.crt"), own.pem()).expect("the file can be written");
    let file = folder.path().join("kubeconfig");
    let named = document(&good, "idp-certificate-authority", "idp.crt");
    std::fs::write(&file, named.to_string()).expect("the file can be written");
    let data = "idp-certificate-authority-data";
    // The system's roots are used only if the kubeconfig names no authority.
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, setup.authority.pem()).expect("the file can be written");
    let outcome = setup
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
        let texts = [
            "renewing the id-token: GET https://",
            "issuer is not trusted",
            "idp-certificate-authority",
        ];
        assert_fails(&outcome, id, "tls", &texts);
    }
}

#[test]
fn a_provider_is_reached_through_the_requests_proxy_and_not_through_the_clusters() {
    let setup = Setup::new();
    let new = id_token(3600, "canary-signature-2");
    let server = setup.server(requires(&format!("Bearer {new}")));
    let identity = setup.authority.identity(&["idp.test"]);
    let answer = json!({ "id_token": new });
    let issuer = issuer_by(&identity, move |_| Action::json(200, &answer));
    let proxy = ForwardProxy::with_authentication(issuer.address(), "Basic dTpjYW5hcnktNzc=");
    let url = format!("http://u:canary-77@{}", proxy.address());
    let of_cluster = ForwardProxy::open(server.address());
    let user = user(&setup, "https://idp.test:8443", &id_token(-60, "canary-signature-1"));
    let mut cluster = setup.trust();
    cluster["proxy-url"] = format!("http://{}", of_cluster.address()).into();
    let through = kubeconfig("https://cluster.test:6443", &cluster, &user);
    let run = |document: &Value| setup.run([("e", document.clone())]).env("https_proxy", &url);
    let outcome = run(&through).run();
    assert_works(&outcome, "e");
    assert_no_leak(&outcome, &["canary-77", REFRESH, CLIENT_SECRET, "canary-signature-2"]);
    let targets = |proxy: &ForwardProxy| {
        let mut targets: Vec<String> =
            proxy.received().into_iter().map(|request| request.target).collect();
        targets.dedup();
        targets
    };
    assert_eq!(targets(&proxy), ["idp.test:8443"]);
    assert_eq!(targets(&of_cluster), ["cluster.test:6443"]);

    // `no_proxy` is matched against the provider's host.
    let outcome = run(&through).env("no_proxy", "cluster.test").run();
    assert_works(&outcome, "e");
    let outcome = run(&through).env("no_proxy", "idp.test").run();
    assert_fails(
        &outcome,
        "e",
        "connection",
        &["renewing the id-token: GET https://idp.test:8443/"],
    );
    let closed = closed_port();
    let outcome = run(&through).env("https_proxy", format!("http://u:canary-77@{closed}")).run();
    let texts = ["GET https://idp.test:8443/", &format!("through the proxy http://{closed}: ")];
    assert_fails(&outcome, "e", "connection", &texts);
    assert_no_leak(&outcome, &["canary-77", REFRESH]);
}

#[test]
fn renews_between_two_pages_with_the_newest_refresh_token() {
    let setup = Setup::new();
    let server = NodeServer::of(&Source::canned(&NAMES))
        .guarded(|request| {
            let later = request.target.contains("continue=");
            let signature = if later { ".canary-signature-3" } else { ".canary-signature-2" };
            request.header("authorization").is_some_and(|token| token.ends_with(signature))
        })
        .https(&setup.identity);
    // Each refresh token is valid once. The second id token is valid, but expires too soon.
    let issuer = issuer_by(&setup.identity, |refresh| match refresh {
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
    let document = setup.kubeconfig(&server, &user(&setup, &issuer.url(""), &old));
    let outcome = setup.run([("e", document)]).run();
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
    assert_no_leak(&outcome, &secrets);
}
