//! Credentials that are not just read: from programs, identity providers and files that change.

use base64::Engine as _;
use gatherer_plugin_api::{ErrorKind, Options, Policy};
use gatherer_plugin_support::run;
use gatherer_tests::fault_server::{Action, Authority, ScriptedServer, base64, closed_port};
use serde_json::{Value, json};

use super::{gather, kubeconfig as document};
use crate::client::oidc::Identity;
use crate::client::testing::{Recorder, Server, nodes, ok, page};
use crate::kubeconfig;

/// A user whose credentials this shell script gives.
fn program(script: &str) -> Value {
    json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh",
        "args": ["-c", script], "interactiveMode": "Never"}})
}

fn allowed(timeout_ms: u64) -> Options {
    let policy = Policy { allow_exec: true, ..Policy::default() };
    Options { policy, timeout_ms: Some(timeout_ms), ..Options::default() }
}

#[test]
fn a_programs_token_is_sent_and_told_as_a_secret() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let script = "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\
                  \"ExecCredential\",\"status\":{\"token\":\"from-the-program\"}}'";
    let recorder = Recorder::new(allowed(10_000));
    let text = document(&json!({"server": server.url()}), &program(script));
    assert_eq!(nodes(&text, &recorder.context()).expect("a list").len(), 1);
    assert!(server.asked()[0].head.contains("authorization: bearer from-the-program"));
    let told = "secret {\"text\":\"from-the-program\"}".to_owned();
    assert!(recorder.said().contains(&told), "{:?}", recorder.said());
}

#[test]
fn a_program_that_does_not_work_is_named_and_what_it_prints_is_not() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    for (script, timeout, kind, why) in [
        (
            "echo hunter2; echo hunter2 >&2; exit 3",
            10_000,
            ErrorKind::Authentication,
            "failed: exit status: 3",
        ),
        ("echo hunter2", 10_000, ErrorKind::Authentication, "printed something else"),
        ("echo '{\"kind\": \"hunter2\"}'", 10_000, ErrorKind::Authentication, "no credentials"),
        // It ends by itself soon after, so that nothing is left behind.
        (
            "exec sleep 3",
            500,
            ErrorKind::Timeout,
            "gave no credentials within the endpoint's timeout of 0.5 s",
        ),
    ] {
        let text = document(&json!({"server": server.url()}), &program(script));
        let context = Recorder::new(allowed(timeout)).context();
        let error = nodes(&text, &context).map(|_| ()).expect_err("no credentials");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.starts_with("the kubeconfig's program \"/bin/sh\" "), "{error}");
        assert!(error.message.contains(why), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn a_program_that_hangs_when_it_is_asked_again_is_named() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mark = folder.path().join("ran");
    let script = format!(
        "[ -e {0} ] && exec sleep 3; touch {0}; echo '{{\"status\": {{\"token\": \"a-token\", \
         \"expirationTimestamp\": \"2020-01-01T00:00:00Z\"}}}}'",
        mark.display()
    );
    let text = document(&json!({"server": server.url()}), &program(&script));
    let context = Recorder::new(allowed(1000)).context();
    let error = nodes(&text, &context).map(|_| ()).expect_err("no credentials");
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.message.starts_with("the kubeconfig's program \"/bin/sh\" gave no"), "{error}");
    assert!(mark.exists());
}

#[test]
fn a_gcp_providers_program_gives_a_token_where_its_keys_say() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let printed = folder.path().join("printed");
    let printed = printed.to_str().expect("UTF-8");
    let answer = |expiry: &str| {
        json!({"credential": {"access_token": "from-gcp", "token_expiry": expiry}}).to_string()
    };
    let keys = ("{.credential.access_token}", "{.credential.token_expiry}");
    let future = "2100-01-01T00:00:00Z";
    for (text, keys, outcome) in [
        (answer(future), Some(keys), Ok(())),
        ("from-gcp\n".to_owned(), None, Ok(())),
        (answer("soon"), Some(keys), Err("time of expiry")),
        (answer(future), Some(("{.none}", keys.1)), Err("printed something else")),
        ("hunter2".to_owned(), Some(keys), Err("printed something else")),
    ] {
        std::fs::write(printed, &text).expect("written");
        let mut config = json!({"cmd-path": "cat", "cmd-args": printed, "access-token": "too-old",
            "expiry": "2020-01-01T00:00:00Z"});
        if let Some((token, expiry)) = keys {
            (config["token-key"], config["expiry-key"]) = (token.into(), expiry.into());
        }
        let user = json!({"auth-provider": {"name": "gcp", "config": config}});
        let document = document(&json!({"server": server.url()}), &user);
        let asked = server.asked().len();
        let listed = nodes(&document, &Recorder::new(allowed(10_000)).context());
        match outcome {
            Ok(()) => {
                assert_eq!(listed.expect(&text).len(), 1);
                let head = &server.asked()[asked].head;
                assert!(head.contains("authorization: bearer from-gcp\r\n"), "{head}");
            }
            Err(why) => {
                let error = listed.map(|_| ()).expect_err(&text);
                assert_eq!(error.kind, ErrorKind::Authentication);
                assert!(error.message.contains(why), "{error}");
                assert!(!error.to_string().contains("hunter2"), "{error}");
            }
        }
    }
}

#[test]
fn a_token_file_is_read_before_each_request() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "the-first-one\n").expect("written");
    let renewed = file.clone();
    let server = Server::new(move |asked| {
        std::fs::write(&renewed, " the-next-one \n").expect("written");
        let next = if asked.number == 0 { "b" } else { "" };
        ok(&page(&[&format!("n{}", asked.number)], next, "7"))
    });
    let text = document(&json!({"server": server.url()}), &json!({"tokenFile": "token"}));
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, text).expect("written");
    let recorder = Recorder::new(Options::default());
    let path = path.to_str().expect("UTF-8");
    assert_eq!(nodes(path, &recorder.context()).expect("a list").len(), 2);
    let asked = server.asked();
    assert!(asked[0].head.contains("authorization: bearer the-first-one\r\n"));
    assert!(asked[1].head.contains("authorization: bearer the-next-one\r\n"));
    let told = "secret {\"text\":\"the-next-one\"}".to_owned();
    assert!(recorder.said().contains(&told), "{:?}", recorder.said());
}

/// A user with an id token that expires then.
fn oidc(expiry: i64, more: &Value) -> Value {
    let claims =
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json!({"exp": expiry}).to_string());
    let mut config = more.clone();
    config["id-token"] = json!(format!("e30.{claims}.c2ln"));
    json!({"auth-provider": {"name": "oidc", "config": config}})
}

#[test]
fn an_id_token_is_sent_while_it_is_valid() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let cluster = json!({"server": server.url()});
    assert_eq!(gather(&cluster, &oidc(4_000_000_000, &json!({})), Options::default()), Ok(1));
    assert!(server.asked()[0].head.contains("authorization: bearer e30."));
}

#[test]
fn an_expired_id_token_is_renewed_where_its_provider_is_or_the_error_names_that() {
    let server = Server::new(|_| ok(&page(&["n0"], "", "7")));
    let issuer = format!("https://{}", closed_port());
    let user = oidc(
        1000,
        &json!({"idp-issuer-url": issuer, "client-id": "a-client-id",
        "client-secret": "a-client-secret", "refresh-token": "a-refresh-token"}),
    );
    let cluster = json!({"server": server.url()});
    let options = Options { retries: Some(0), ..Options::default() };
    let error = gather(&cluster, &user, options).expect_err("nobody renews it");
    assert_eq!(error.kind, ErrorKind::Connection, "{error}");
    let url = format!("{issuer}/.well-known/openid-configuration");
    let expected = format!("renewing the id-token: GET {url}: connection refused");
    assert_eq!(error.message, expected);
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn what_a_provider_gives_is_told_as_secrets_in_each_form_in_which_it_is_sent() {
    let renewed = |expiry| {
        let user = oidc(expiry, &json!({}));
        user["auth-provider"]["config"]["id-token"].as_str().expect("a text").to_owned()
    };
    let new = renewed(4_000_000_000);
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
    let recorder = Recorder::new(Options::default());
    let text = document(&json!({"server": server.url()}), &user);
    assert_eq!(nodes(&text, &recorder.context()).expect("a list").len(), 1);
    let sent = issuer.received().pop().expect("asked");
    // Both are encoded as in a form before they are put together: RFC 6749 section 2.3.1.
    let basic = base64("a%2Bclient:a%20secret");
    assert_eq!(sent.header("authorization"), Some(format!("Basic {basic}").as_str()));
    assert_eq!(sent.body, b"grant_type=refresh_token&refresh_token=the%20first%2Fone");
    let said = recorder.said();
    for secret in [&new, "the next/one", "the first/one", "the%20first%2Fone", "a%20secret", &basic]
    {
        let told = format!("secret {}", json!({ "text": secret }));
        assert!(said.contains(&told), "{secret}: {said:?}");
    }
}

#[test]
fn a_renewal_that_failed_for_good_is_not_tried_again_for_another_page() {
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
    let context = Recorder::new(Options::default()).context();
    let text = document(&json!({"server": "https://cluster.invalid"}), &user);
    let access = kubeconfig::read(&text, None, &context).expect("a kubeconfig");
    let identity = Identity::new(&access.oidc.expect("an identity"), &context);
    let errors = run::block_on(&context, async {
        let first = identity.authorization().await.expect_err("the provider is broken");
        Ok((first, identity.authorization().await.expect_err("it was asked once")))
    });
    let (first, second) = errors.expect("both came");
    assert!(first.message.contains("502 Bad Gateway"), "{first}");
    assert_eq!(first, second);
    assert_eq!(issuer.received().iter().filter(|request| request.target == "/t").count(), 1);
}
