//! The key, the assertion, the token, and where each is sent.

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::testing::{Action, TlsServer};
use gatherer_tests::fakes::gce::{GceFake, GceFault, GceInventory};
use serde_json::json;

use super::{Served, count, is_list};

fn fake() -> GceFake {
    GceFake::new(GceInventory::sample())
}

#[test]
fn a_key_in_pem_format_needs_the_account_and_the_token_url() {
    for pem in [GceFake::key_pkcs8(), GceFake::key_pkcs1()] {
        let served = Served::fake(fake());
        served.write_key(pem);
        let email = served.fake.email.clone();
        let token_url = format!("{}/token", served.base());
        let gathered = served
            .gather_with(&json!({"service_account_email": email, "token_url": token_url}))
            .expect("a complete answer");
        assert_eq!(count(&gathered), 12);
    }
}

/// The error with the URL of the server replaced. The wrong key is sent once.
fn failure(fake: GceFake) -> GatherError {
    let served = Served::fake(fake).retries(3);
    let mut error = served.gather().expect_err("no token");
    error.message = error.message.replace(&served.base(), "https://token.example.com");
    assert_eq!(served.server.received().len(), 1, "{error}");
    error
}

#[test]
fn a_refused_key_is_sent_once_and_the_reason_is_shown() {
    let mut skewed = Vec::new();
    for seconds in [-7200, 7200] {
        let mut fake = fake();
        fake.clock_ahead = seconds;
        skewed.push(fake);
    }
    let mut messages = Vec::new();
    for fake in [fake().with(GceFault::KeyDeleted), fake().with(GceFault::AccountDeleted)]
        .into_iter()
        .chain(skewed)
    {
        let error = failure(fake);
        assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
        messages.push(error.to_string());
    }
    // The seconds depend on the moment.
    for message in &mut messages[2..] {
        let (before, after) = message.split_once("this machine is ").expect("the skew");
        let (seconds, after) = after.split_once(' ').expect("a number");
        assert!((7195..=7205).contains(&seconds.parse().expect("a number")), "{message}");
        *message = format!("{before}this machine is N {after}");
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_clock_that_is_a_little_wrong_does_not_matter() {
    for seconds in [-200, -20, 20, 200] {
        let mut fake = fake();
        fake.clock_ahead = seconds;
        assert_eq!(count(&Served::fake(fake).gather().expect("a complete answer")), 12);
    }
}

#[test]
fn a_token_that_expires_in_the_middle_is_renewed_and_the_same_page_is_read() {
    let fake = fake().with_page_size(5);
    let served = Served::script(fake, |fake, request| {
        // Once before the second page, and once before a machine type.
        let is_first = |what: bool, logins| what && fake.logins() == logins;
        if is_first(request.query("pageToken").is_some(), 1)
            || is_first(request.path().contains("/machineTypes/"), 2)
        {
            fake.revoke_tokens();
        }
        fake.answer(request)
    });
    let gathered = served.gather().expect("a complete answer");
    assert_eq!(count(&gathered), 12);
    assert_eq!(served.fake.logins(), 3);
    let pages: Vec<_> =
        served.targets().into_iter().filter(|target| target.contains("/instances")).collect();
    assert_eq!(pages.len(), 4);
    assert_eq!(pages[1], pages[2], "the same page");
}

#[test]
fn answers_without_a_token_fail() {
    for (answer, kind) in [
        (Action::json(200, &json!({})), ErrorKind::Protocol),
        (Action::json(200, &json!({"id_token": "a.b.c"})), ErrorKind::Protocol),
        (Action::json(200, &json!({"access_token": 7})), ErrorKind::Protocol),
        (Action::json(200, &json!({"access_token": "a\r\nx-evil: 1"})), ErrorKind::Protocol),
        (Action::answer(200, "<html>"), ErrorKind::Protocol),
        (Action::answer(404, "<html>"), ErrorKind::Configuration),
        (Action::answer(503, "<html>"), ErrorKind::Unavailable),
        (Action::json(429, &json!({"error": "rate_limit_exceeded"})), ErrorKind::RateLimited),
        (Action::json(400, &json!({"error": "invalid_scope"})), ErrorKind::Authentication),
        (Action::json(401, &json!({"error": "invalid_client"})), ErrorKind::Authentication),
        (Action::json(400, &json!({"error": {"code": 400}})), ErrorKind::Configuration),
    ] {
        let served = Served::script(fake(), move |fake, request| {
            if request.path() == "/token" { answer.clone() } else { fake.answer(request) }
        });
        let error = served.retries(0).gather().expect_err("no token");
        assert_eq!(error.kind, kind, "{error}");
        assert!(served_requests(&error).is_empty(), "{error}");
    }
}

/// Words of the answers that must not be in the sentence.
fn served_requests(error: &GatherError) -> Vec<&'static str> {
    ["x-evil", "a.b.c"].into_iter().filter(|word| error.to_string().contains(word)).collect()
}

#[test]
fn a_token_service_that_fails_once_is_asked_again() {
    let failed = std::sync::atomic::AtomicBool::new(false);
    let served = Served::script(fake(), move |fake, request| {
        if !failed.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return Action::answer(503, "");
        }
        fake.answer(request)
    });
    assert_eq!(count(&served.gather().expect("a complete answer")), 12);
}

/// Neither the assertion nor the token follows a redirect, and no other server gets either.
#[test]
fn credentials_stay_where_they_belong() {
    for of_tokens in [true, false] {
        let thief = TlsServer::start(|_| Action::answer(200, "{}"));
        let to = format!("https://127.0.0.1:{}/token", thief.port());
        let served = Served::script(fake(), move |fake, request| {
            if (request.path() == "/token") == of_tokens {
                return Action::answer(307, "").header("location", &to);
            }
            fake.answer(request)
        });
        let error = served.gather().expect_err("a redirect");
        assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
        assert!(thief.received().is_empty());
    }
    // A file with another token_uri: its server gets an assertion for itself, and no token of Google's.
    let thief = TlsServer::start(|_| Action::json(200, &json!({"access_token": "stolen"})));
    let served = Served::fake(fake());
    let other = format!("https://127.0.0.1:{}", thief.port());
    served.write_key(served.fake.key_file(&other).to_string());
    let error = served.gather().expect_err("the certificate is of another authority");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(thief.received().is_empty());
}

#[test]
fn the_token_is_in_a_header_and_every_secret_is_known_to_the_program() {
    let served = Served::fake(fake());
    served.gather().expect("a complete answer");
    let secrets = served.recorder.secrets();
    assert_eq!(secrets.len(), 3, "the key, the assertion and the token");
    let received = served.server.received();
    let login = String::from_utf8_lossy(&received[0].body).into_owned();
    assert!(login.ends_with(&format!("&assertion={}", secrets[1])), "{login}");
    for request in received.iter().filter(|request| is_list(request)) {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {}", secrets[2])));
        assert!(!request.target.contains(&secrets[2]));
    }
    let lines = served.recorder.log_lines();
    for secret in &secrets {
        assert!(lines.iter().all(|line| !line.message.contains(secret.as_str())));
    }
}

#[test]
fn parameters_that_cannot_be_used_send_nothing() {
    let served = Served::fake(fake());
    for (name, value) in [
        ("cert_path", json!("/nowhere/key.json")),
        ("service_account_email", json!("other@example.com")),
        ("project_id", json!("a/b")),
        ("zone", json!("a/b")),
        ("endpoint_url", json!("http://compute.example.com")),
        ("token_url", json!("http://token.example.com")),
    ] {
        let error = served.gather_with(&json!({name: value})).expect_err(name);
        assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
        assert!(error.message.contains(name), "{error}");
    }
    assert!(served.server.received().is_empty());
}

/// A request may name any key that the program can read, so a token for it must not get to a server of the request's choice.
#[test]
fn a_token_of_googles_is_sent_to_googles_servers_only() {
    let served = Served::fake(fake());
    let google = "https://oauth2.googleapis.com/token";
    let private = "https://oauth2-inventory.p.googleapis.com/token";
    for (token_uri, token_url) in [(Some(google), ""), (None, ""), (Some(google), private)] {
        let mut key = served.fake.key_file(&served.base());
        key["token_uri"] = json!(token_uri);
        served.write_key(key.to_string());
        for url in [served.base(), "http://127.0.0.1:1".to_owned()] {
            let parameters = json!({"endpoint_url": url, "token_url": token_url});
            let error = served.gather_with(&parameters).expect_err("not Google's server");
            assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
            assert!(error.message.starts_with("the parameter endpoint_url "), "{error}");
            assert!(error.hint.is_some_and(|hint| hint.contains("token_url")));
        }
    }
    assert!(served.server.received().is_empty());
}
