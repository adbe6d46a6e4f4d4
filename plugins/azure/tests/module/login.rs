//! Logging in: the kinds of errors, certificates, and the renewal of the token.

use std::sync::atomic::{AtomicUsize, Ordering};

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::{Value, json};

use super::{Cloud, SECRET, Served, failure, name, names, token, vm, warnings};

const KEY: &str = include_str!("../../../../plugin-support/src/http/test_keys/rsa2048-pkcs8.key");
const OTHER_KEY: &str = include_str!("../fixtures/other.key");
const CERTIFICATE: &str = include_str!("../fixtures/certificate.crt");
const EXPIRING_CERTIFICATE: &str = include_str!("../fixtures/expiring.crt");
/// What `openssl x509 -fingerprint -sha1` prints about the certificate, as Base64 for URLs.
const THUMBPRINT: &str = "CD2iwm4gwzftTriUTxQIIudEbL4";

fn refusal(status: u16, word: &str, description: &str) -> Action {
    let body = json!({
        "error": word, "error_description": description, "error_codes": [7_000_215],
        "trace_id": "2f9a6d0e-0000-4000-8000-000000000001",
    });
    Action::json(status, &body)
}

#[test]
fn the_kind_of_a_refused_login_follows_the_word_and_not_the_description() {
    let mut messages = Vec::new();
    for (status, word, kind) in [
        (401, "invalid_client", ErrorKind::Authentication),
        (400, "unauthorized_client", ErrorKind::Authentication),
        (400, "invalid_grant", ErrorKind::Authentication),
        (400, "interaction_required", ErrorKind::Authentication),
        (400, "invalid_request", ErrorKind::Configuration),
        (400, "invalid_scope", ErrorKind::Configuration),
        (400, "invalid_tenant", ErrorKind::Configuration),
        (401, "invalid_resource", ErrorKind::Configuration),
        (400, "access_denied", ErrorKind::Permission),
        (400, "temporarily_unavailable", ErrorKind::Unavailable),
        (401, "new_word", ErrorKind::Authentication),
        (400, "new_word", ErrorKind::Configuration),
        (503, "new_word", ErrorKind::Unavailable),
        (503, "invalid_request", ErrorKind::Unavailable),
        (429, "invalid_grant", ErrorKind::RateLimited),
    ] {
        // The numbers in the description are those of other errors.
        let description = "AADSTS700016: some text.\r\nTrace ID: 1\r\nTimestamp: 2";
        let served = Cloud::new().with("login", refusal(status, word, description)).serve();
        let error = served.gather().expect_err(word);
        assert_eq!(error.kind, kind, "{status} {word}: {error}");
        assert_eq!(served.requests(), ["login"], "a refused login is not repeated");
        let (_, message) = error.message.split_once("/token: ").expect("the URL first");
        messages.push(format!("{}: {message} ({})", error.kind, error.hint.unwrap_or_default()));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_login_that_answers_something_else_is_an_error() {
    for (answer, kind) in [
        (Action::json(200, &json!({})), ErrorKind::Protocol),
        (Action::json(200, &json!({"access_token": ""})), ErrorKind::Protocol),
        (Action::json(200, &json!({"access_token": 7})), ErrorKind::Protocol),
        (Action::json(200, &json!({"access_token": "a\nb"})), ErrorKind::Protocol),
        (Action::answer(200, "<html></html>"), ErrorKind::Protocol),
        (Action::answer(401, "<html></html>"), ErrorKind::Authentication),
        (Action::json(400, &json!({"error": ["x"]})), ErrorKind::Configuration),
        (Action::json(400, &json!("x")), ErrorKind::Configuration),
        (Action::answer(429, ""), ErrorKind::RateLimited),
    ] {
        let error = Cloud::new().with("login", answer).serve().gather().expect_err("no token");
        assert_eq!(error.kind, kind, "{error}");
    }
}

#[test]
fn numbers_in_the_answer_of_a_login_may_be_texts() {
    let body = json!({"token_type": "Bearer", "expires_in": "3599", "expires_on": "1541523153", "access_token": "t"});
    Cloud::new().with_json("login", body).serve().gather().expect("a complete answer");
}

/// A cloud with two pages of machines, which accepts the token of the last login only. Its second login happens because the
/// first token ends before the second page.
fn with_expiry(expired: Action, always: bool) -> Served {
    let logins = AtomicUsize::new(0);
    let second = AtomicUsize::new(0);
    let first_page = json!({"value": [vm("web", "eastus", 1)], "nextLink": "BASE/x?page=p2"});
    let cloud = Cloud::new()
        .with_json("machines", first_page)
        .with_list("p2", json!([vm("db", "westeurope", 2)]));
    Served::script(move |request| match name(request).as_str() {
        "login" => {
            let number = logins.fetch_add(1, Ordering::SeqCst) + 1;
            token(&format!("token-{number}"))
        }
        "p2" if always || second.fetch_add(1, Ordering::SeqCst) == 0 => expired.clone(),
        "p2" => {
            assert_eq!(request.header("authorization"), Some("Bearer token-2"));
            cloud.answer(request)
        }
        _ => cloud.answer(request),
    })
}

#[test]
fn a_token_that_ends_in_the_middle_is_renewed_and_the_same_page_repeated() {
    for code in ["ExpiredAuthenticationToken", "InvalidAuthenticationToken"] {
        let served = with_expiry(failure(401, code, "The access token expired"), false);
        let gathered = served.gather().expect("a complete answer");
        assert_eq!(names(&gathered), ["db", "pool_0", "web"]);
        let requests = served.requests();
        let number = |wanted: &str| requests.iter().filter(|name| *name == wanted).count();
        assert_eq!((number("login"), number("p2"), number("machines")), (2, 2, 1));
    }
}

#[test]
fn a_token_that_is_never_accepted_is_an_authentication_error_after_two_logins() {
    let answer = failure(
        401,
        "InvalidAuthenticationTokenTenant",
        "The access token is from the wrong issuer",
    );
    let served = with_expiry(answer, true);
    let error = served.gather().expect_err("never accepted");
    assert_eq!(error.kind, ErrorKind::Authentication);
    assert!(error.message.contains("wrong issuer"), "{error}");
    assert!(error.hint.expect("a hint").contains("tenant_id"));
    assert_eq!(served.requests().iter().filter(|name| *name == "login").count(), 2);
}

/// The header and the claims of the assertion in a login.
fn assertion(login: &ReceivedRequest) -> (Value, Value) {
    let body = String::from_utf8(login.body.clone()).expect("UTF-8");
    let form = ReceivedRequest { target: format!("/?{body}"), ..ReceivedRequest::default() };
    assert_eq!(form.query("client_secret"), None);
    assert_eq!(
        form.query("client_assertion_type").as_deref(),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    let assertion = form.query("client_assertion").expect("an assertion");
    let parts: Vec<_> = assertion.split('.').map(decode).collect();
    let json = |part: &[u8]| serde_json::from_slice(part).expect("JSON");
    let public = ring::rsa::PublicKeyComponents { n: modulus(), e: vec![1, 0, 1] };
    let signed = assertion.rsplit_once('.').expect("a signature").0;
    public
        .verify(&ring::signature::RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &parts[2])
        .expect("the signature is that of the certificate's key");
    (json(&parts[0]), json(&parts[1]))
}

fn decode(part: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("Base64")
}

/// The modulus of the certificate's key: the 257 bytes of its INTEGER, without the leading zero.
fn modulus() -> Vec<u8> {
    let blocks = gatherer_plugin_support::http::PemBlocks::parse(CERTIFICATE.as_bytes()).blocks;
    let der = &blocks[0].der;
    let start =
        der.windows(5).position(|bytes| bytes == [2, 0x82, 1, 1, 0]).expect("a modulus") + 5;
    der[start..start + 256].to_vec()
}

#[test]
fn a_certificate_signs_an_assertion_with_its_thumbprint() {
    let text = format!("{KEY}{CERTIFICATE}");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &text).expect("the file is writable");
    let path = file.path().display().to_string();
    for certificate in [text, path] {
        let served = Cloud::new().serve();
        let changes = json!({"secret_key": null, "certificate": certificate});
        served.gather_with(changes).expect("a complete answer");
        let received = served.server.received();
        let login = received.iter().find(|request| request.method == "POST").expect("a login");
        let (header, claims) = assertion(login);
        assert_eq!(header["x5t"], json!(THUMBPRINT));
        assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
        assert_eq!(claims["aud"], json!(served.server.url("/example.com/oauth2/v2.0/token")));
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!(super::APPLICATION), &json!(super::APPLICATION))
        );
        let seconds = |claim: &str| claims[claim].as_u64().expect("seconds");
        assert_eq!(seconds("exp") - seconds("nbf"), 600);
        assert_eq!(claims["jti"].as_str().expect("an id").len(), 36);
    }
}

#[test]
fn a_certificate_takes_precedence_over_a_secret_with_a_warning() {
    let served = Cloud::new().serve();
    let changes = json!({"certificate": format!("{CERTIFICATE}{KEY}")});
    let gathered = served.gather_with(changes).expect("a complete answer");
    assert!(warnings(&gathered).iter().any(|text| text.contains("the certificate is used")));
    let received = served.server.received();
    let bodies: Vec<_> =
        received.iter().map(|request| String::from_utf8_lossy(&request.body)).collect();
    assert!(bodies.iter().any(|body| body.contains("client_assertion=")));
    assert!(!bodies.iter().any(|body| body.contains(SECRET)));
}

/// The certificate was made for one day, so it expires soon or has expired.
#[test]
fn a_certificate_that_expires_soon_is_a_warning() {
    let served = Cloud::new().serve();
    let changes =
        json!({"secret_key": null, "certificate": format!("{EXPIRING_CERTIFICATE}{KEY}")});
    let gathered = served.gather_with(changes).expect("a complete answer");
    let warnings = warnings(&gathered);
    let is_about_it = |text: &String| {
        text.contains("the certificate of the application expire") && text.contains("replace it")
    };
    assert!(warnings.iter().any(is_about_it), "{warnings:?}");
    // The other one is valid for a century.
    let changes = json!({"secret_key": null, "certificate": format!("{CERTIFICATE}{KEY}")});
    let gathered = served.gather_with(changes).expect("a complete answer");
    assert_eq!(gathered.warnings.len(), 1, "{:?}", gathered.warnings);
}

#[test]
fn a_refused_certificate_names_a_wrong_clock() {
    let certificate = format!("{CERTIFICATE}{KEY}");
    let refused = refusal(401, "invalid_client", "AADSTS700024: not within its valid time range");
    let served =
        Cloud::new().with("login", refused.header("date", "Sun, 06 Nov 1994 08:49:30 GMT")).serve();
    let error = served.gather_with(json!({ "certificate": certificate })).expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Authentication);
    assert!(error.hint.expect("a hint").starts_with("the clock of this machine is"));
}

#[test]
fn credentials_that_cannot_be_used_are_a_configuration_error() {
    let encrypted = format!("{CERTIFICATE}{}", KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    let mut messages = Vec::new();
    for (case, changes) in [
        ("nothing", json!({"secret_key": null})),
        ("blank", json!({"secret_key": " ", "certificate": ""})),
        ("no key", json!({"certificate": CERTIFICATE})),
        ("no certificate", json!({ "certificate": KEY })),
        ("an encrypted key", json!({ "certificate": encrypted })),
        ("another key", json!({"certificate": format!("{CERTIFICATE}{OTHER_KEY}")})),
        ("no file", json!({"certificate": "/no/such/file.pem"})),
        ("a subscription that is no id", json!({"subscription_id": "a/../b"})),
        ("a tenant that is no id", json!({"tenant_id": ".."})),
        ("an unknown cloud", json!({"cloud": "germany"})),
        ("a server without TLS", json!({"endpoint_url": "http://management.example.com"})),
        ("a login without TLS", json!({"authority_url": "http://login.example.com"})),
        ("a query", json!({"endpoint_url": "https://management.example.com/?a"})),
    ] {
        let served = Cloud::new().serve();
        let error = served.gather_with(changes).expect_err(case);
        assert_eq!(error.kind, ErrorKind::Configuration, "{case}: {error}");
        assert_eq!(served.requests(), [""; 0], "{case}");
        messages.push(format!("{case}: {error}"));
    }
    insta::assert_snapshot!(messages.join("\n"));
}
