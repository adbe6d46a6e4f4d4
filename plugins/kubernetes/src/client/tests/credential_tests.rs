//! Tests of credentials from programs, identity providers and token files.

use base64::Engine as _;
use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{ErrorKind, Options, Policy};
use gatherer_plugin_support::run;
use gatherer_plugin_support::testing::{Action, Authority, ScriptedServer, closed_port};
use gatherer_tests::scripted_cluster::base64;
use serde_json::{Value, json};

use super::{gather, kubeconfig as document};
use crate::client::testing::{ApiRequest, Server, nodes, ok, page};
use crate::client::token_renewal::IdTokenSource;
use crate::kubeconfig;

/// A user whose credentials this shell script prints.
fn program(script: &str) -> Value {
    json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh",
        "args": ["-c", script], "interactiveMode": "Never"}})
}

fn allowed(timeout_ms: u64) -> Options {
    let policy = Policy { allow_exec: true, ..Policy::default() };
    Options { policy, timeout_ms: Some(timeout_ms), ..Options::default() }
}

#[test]
fn a_programs_token_is_sent_and_reported_as_a_secret() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let script = "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\
                  \"ExecCredential\",\"status\":{\"token\":\"from-the-program\"}}'";
    let recorder = Recorder::new().options(allowed(10_000));
    let text = document(&json!({"server": server.url()}), &program(script));
    assert_eq!(nodes(&text, &recorder.context()).expect("a list").len(), 1);
    assert!(server.requests()[0].head().contains("authorization: bearer from-the-program"));
    assert!(
        recorder.secrets().contains(&"from-the-program".to_owned()),
        "{:?}",
        recorder.secrets()
    );
}

#[test]
fn the_error_of_a_program_names_it_and_does_not_quote_its_output() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let mut messages = Vec::new();
    for (script, timeout, kind) in [
        ("echo hunter2; echo hunter2 >&2; exit 3", 10_000, ErrorKind::Authentication),
        ("echo hunter2", 10_000, ErrorKind::Authentication),
        ("echo '{\"kind\": \"hunter2\"}'", 10_000, ErrorKind::Authentication),
        // It ends soon after the timeout, so that the test leaves no process behind.
        ("exec sleep 3", 500, ErrorKind::Timeout),
    ] {
        let text = document(&json!({"server": server.url()}), &program(script));
        let context = Recorder::new().options(allowed(timeout)).context();
        let error = nodes(&text, &context).map(|_| ()).expect_err("no credentials");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains("\"/bin/sh\""), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        messages.push(format!("{script}\n    {error}"));
    }
    insta::assert_snapshot!(messages.join("\n"));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_program_that_hangs_when_it_is_run_again_is_named() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mark = folder.path().join("ran");
    let script = format!(
        "[ -e {0} ] && exec sleep 3; touch {0}; echo '{{\"status\": {{\"token\": \"a-token\", \
         \"expirationTimestamp\": \"2020-01-01T00:00:00Z\"}}}}'",
        mark.display()
    );
    let text = document(&json!({"server": server.url()}), &program(&script));
    let context = Recorder::new().options(allowed(1000)).context();
    let error = nodes(&text, &context).map(|_| ()).expect_err("no credentials");
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.message.contains("\"/bin/sh\""), "{error}");
    assert!(mark.exists());
}

#[test]
fn finds_the_token_of_a_gcp_program_by_its_keys() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let printed = folder.path().join("printed");
    let printed = printed.to_str().expect("UTF-8");
    let answer = |expiry: &str| {
        json!({"credential": {"access_token": "from-gcp", "token_expiry": expiry}}).to_string()
    };
    let keys = ("{.credential.access_token}", "{.credential.token_expiry}");
    let future = "2100-01-01T00:00:00Z";
    let mut messages = Vec::new();
    for (name, text, keys, is_valid) in [
        ("JSON", answer(future), Some(keys), true),
        ("plain text", "from-gcp\n".to_owned(), None, true),
        ("an invalid expiry", answer("soon"), Some(keys), false),
        ("another key", answer(future), Some(("{.none}", keys.1)), false),
        ("not JSON", "hunter2".to_owned(), Some(keys), false),
    ] {
        std::fs::write(printed, &text).expect("the file can be written");
        let mut config = json!({"cmd-path": "cat", "cmd-args": printed, "access-token": "too-old",
            "expiry": "2020-01-01T00:00:00Z"});
        if let Some((token, expiry)) = keys {
            (config["token-key"], config["expiry-key"]) = (token.into(), expiry.into());
        }
        let user = json!({"auth-provider": {"name": "gcp", "config": config}});
        let document = document(&json!({"server": server.url()}), &user);
        let requests = server.requests().len();
        let listed = nodes(&document, &Recorder::new().options(allowed(10_000)).context());
        if is_valid {
            assert_eq!(listed.expect(name).len(), 1);
            let head = &server.requests()[requests].head();
            assert!(head.contains("authorization: bearer from-gcp\r\n"), "{head}");
        } else {
            let error = listed.map(|_| ()).expect_err(name);
            assert_eq!(error.kind, ErrorKind::Authentication);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            messages.push(format!("{name}\n    {error}"));
        }
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn reads_a_token_file_before_each_request() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "the-first-one\n").expect("the file can be written");
    let renewed = file.clone();
    let server = Server::new(move |request| {
        std::fs::write(&renewed, " the-next-one \n").expect("the file can be written");
        let next = if request.number == 0 { "b" } else { "" };
        ok(&page(&[&format!("n{}", request.number)], next, "7"))
    });
    let text = document(&json!({"server": server.url()}), &json!({"tokenFile": "token"}));
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, text).expect("the file can be written");
    let recorder = Recorder::new();
    let path = path.to_str().expect("UTF-8");
    assert_eq!(nodes(path, &recorder.context()).expect("a list").len(), 2);
    let requests = server.requests();
    assert!(requests[0].head().contains("authorization: bearer the-first-one\r\n"));
    assert!(requests[1].head().contains("authorization: bearer the-next-one\r\n"));
    assert!(recorder.secrets().contains(&"the-next-one".to_owned()), "{:?}", recorder.secrets());
}

/// A user with an id token with this expiry, in seconds since 1970.
fn oidc(expiry: i64, more: &Value) -> Value {
    let claims =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json!({"exp": expiry}).to_string());
    let mut config = more.clone();
    config["id-token"] = json!(format!("e30.{claims}.c2ln"));
    json!({"auth-provider": {"name": "oidc", "config": config}})
}

#[test]
fn sends_an_id_token_that_is_still_valid() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let cluster = json!({"server": server.url()});
    assert_eq!(gather(&cluster, &oidc(4_000_000_000, &json!({})), Options::default()), Ok(1));
    assert!(server.requests()[0].head().contains("authorization: bearer e30."));
}

#[test]
fn the_error_of_a_failed_renewal_names_the_provider() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let issuer = format!("https://{}", closed_port());
    let user = oidc(
        1000,
        &json!({"idp-issuer-url": issuer, "client-id": "a-client-id",
        "client-secret": "a-client-secret", "refresh-token": "a-refresh-token"}),
    );
    let cluster = json!({"server": server.url()});
    let options = Options { retries: Some(0), ..Options::default() };
    let error = gather(&cluster, &user, options).expect_err("the provider is unreachable");
    assert_eq!(error.kind, ErrorKind::Connection, "{error}");
    let url = format!("{issuer}/.well-known/openid-configuration");
    let expected = format!("renewing the id-token: GET {url}: connection refused");
    assert_eq!(error.message, expected);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_providers_tokens_are_reported_as_secrets_in_each_form_that_is_sent() {
    let user = oidc(4_000_000_000, &json!({}));
    let new = user["auth-provider"]["config"]["id-token"].as_str().expect("a text").to_owned();
    let authority = Authority::new("The provider's authority");
    let answer = json!({"id_token": new, "refresh_token": "the next/one"});
    let issuer = ScriptedServer::https(&authority.identity(&["127.0.0.1"]), move |request| {
        let host = request.header("host").unwrap_or_default();
        match request.target.as_str() {
            "/t" => Action::json(200, &answer),
            _ => Action::json(200, &json!({"token_endpoint": format!("https://{host}/t")})),
        }
    });
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let user = oidc(
        1000,
        &json!({"idp-issuer-url": issuer.url("/"), "client-id": "a+client",
            "client-secret": "a secret", "refresh-token": "the first/one",
            "idp-certificate-authority-data": base64(authority.pem())}),
    );
    let recorder = Recorder::new();
    let text = document(&json!({"server": server.url()}), &user);
    assert_eq!(nodes(&text, &recorder.context()).expect("a list").len(), 1);
    let sent = issuer.received().pop().expect("a request");
    // The id and the secret are form-encoded before they are joined: RFC 6749 section 2.3.1.
    let basic = base64("a%2Bclient:a%20secret");
    assert_eq!(sent.header("authorization"), Some(format!("Basic {basic}").as_str()));
    assert_eq!(sent.body, b"grant_type=refresh_token&refresh_token=the%20first%2Fone");
    let secrets = recorder.secrets();
    for secret in [&new, "the next/one", "the first/one", "the%20first%2Fone", "a%20secret", &basic]
    {
        assert!(secrets.iter().any(|known| known == secret), "{secret}: {secrets:?}");
    }
}

#[test]
fn a_permanently_failed_renewal_is_not_repeated_for_another_page() {
    let authority = Authority::new("The provider's authority");
    let issuer = ScriptedServer::https(&authority.identity(&["127.0.0.1"]), move |request| {
        let host = request.header("host").unwrap_or_default();
        match request.target.as_str() {
            "/t" => Action::json(502, &json!({})),
            _ => Action::json(200, &json!({"token_endpoint": format!("https://{host}/t")})),
        }
    });
    let user = oidc(
        1000,
        &json!({"idp-issuer-url": issuer.url(""), "client-id": "a-client",
            "refresh-token": "good-for-one-renewal",
            "idp-certificate-authority-data": base64(authority.pem())}),
    );
    let context = Recorder::new().context();
    let text = document(&json!({"server": "https://cluster.invalid"}), &user);
    let access = kubeconfig::read(&text, None, &context).expect("a kubeconfig");
    let identity = IdTokenSource::new(&access.oidc.expect("an identity"), &context);
    let errors = run::block_on(&context, async {
        let first = identity.authorization().await.expect_err("the provider is broken");
        Ok((first, identity.authorization().await.expect_err("the same error")))
    });
    let (first, second) = errors.expect("both errors");
    assert!(first.message.contains("502 Bad Gateway"), "{first}");
    assert_eq!(first, second);
    assert_eq!(issuer.received().iter().filter(|request| request.target == "/t").count(), 1);
}
