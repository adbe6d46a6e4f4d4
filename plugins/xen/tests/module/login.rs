//! The session: whom the module logs in to, how often, and that it logs out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{ErrorKind, GatherError, Options};
use gatherer_plugin_support::testing::{Action, Authority, ScriptedServer};
use gatherer_plugin_xen::Xen;
use gatherer_tests::fakes::xapi::{XapiFake, XapiFault, XapiInventory};
use serde_json::json;

use super::{Served, count, method, parameters, recorder};

const LOGIN: &str = "session.login_with_password";

fn sample() -> XapiFake {
    XapiFake::new(XapiInventory::sample())
}

#[test]
fn logs_in_once_and_logs_out() {
    let served = Served::fake(sample());
    served.gather().expect("a complete answer");
    assert_eq!((served.fake.logins(), served.fake.open_sessions()), (1, 0));
    let methods = served.methods();
    assert_eq!(methods.first().map(String::as_str), Some(LOGIN));
    assert_eq!(methods.last().map(String::as_str), Some("session.logout"));
    assert_eq!(methods.len(), 12);
}

#[test]
fn logs_out_after_an_error_too() {
    let served = Served::script(sample(), |fake, request| match method(request).as_str() {
        "VM.get_all_records" => XapiFake::permission_denied(),
        _ => fake.answer(request),
    });
    let error = served.gather().expect_err("no permission");
    assert_eq!(error.kind, ErrorKind::Permission, "{error}");
    assert_eq!((served.fake.logins(), served.fake.open_sessions()), (1, 0));
}

#[test]
fn a_failed_logout_does_not_fail_the_answer() {
    let served = Served::script(sample(), |fake, request| match method(request).as_str() {
        "session.logout" => Action::answer(500, ""),
        _ => fake.answer(request),
    });
    let gathered = served.gather().expect("a complete answer");
    assert_eq!((count(&gathered), gathered.retries), (9, 0));
}

#[test]
fn a_logout_that_is_never_answered_does_not_delay_the_answer_for_long() {
    let served = Served::script(sample(), |fake, request| match method(request).as_str() {
        "session.logout" => Action::BlackHole,
        _ => fake.answer(request),
    });
    let options = Options {
        ca_file: Some(served.server.ca_file().display().to_string()),
        timeout_ms: Some(20_000),
        ..Options::default()
    };
    let recorder = Recorder::new().options(options);
    let started = Instant::now();
    let gathered = recorder.gather::<Xen>(parameters(served.server.port())).expect("complete");
    assert_eq!(count(&gathered), 9);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}

#[test]
fn a_wrong_password_is_sent_once() {
    let mut fake = sample();
    fake.password = "another".to_owned();
    let served = Served::fake(fake);
    let error = served.gather().expect_err("a wrong password");
    assert_eq!(error.kind, ErrorKind::Authentication, "{error}");
    assert_eq!(served.methods(), [LOGIN]);
}

#[test]
fn a_host_that_is_still_starting_is_asked_again() {
    let served = Served::fake(sample().with(XapiFault::StillBooting));
    let error = served.gather().expect_err("still starting");
    assert_eq!((error.kind, error.retryable), (ErrorKind::Unavailable, true), "{error}");
    assert_eq!(served.methods(), [LOGIN, LOGIN]);
}

#[test]
fn password_and_session_are_secret() {
    let served = Served::fake(sample());
    let recorder = recorder(&served.server, 1).record_every_log_line();
    recorder.gather::<Xen>(parameters(served.server.port())).expect("complete");
    let secrets = recorder.secrets();
    assert!(secrets.iter().any(|it| it.starts_with("OpaqueRef:5e551041-")), "{secrets:?}");
    for line in recorder.log_lines() {
        let is_secret = |secret: &&str| line.message.contains(*secret);
        let found = ["pa55-of-xapi", "5e551041"].iter().find(|secret| is_secret(secret));
        assert_eq!(found, None, "{}", line.message);
    }
}

/// A pool member at 127.0.0.1, and its coordinator under another name, which is the same server, since both have the same
/// port: the header `host` distinguishes them.
struct Pool {
    server: ScriptedServer,
    coordinator: Arc<XapiFake>,
    recorder: Recorder,
    _ca_file: tempfile::NamedTempFile,
}

impl Pool {
    /// The member names this address of the coordinator. The certificate is valid for `names`.
    fn new(address: &str, coordinator: XapiFake, names: &[&str]) -> Self {
        let authority = Authority::new("XAPI");
        let identity = authority.identity(names);
        let ca_file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(ca_file.path(), authority.pem()).expect("the file is writable");
        let coordinator = Arc::new(coordinator);
        let mut member = sample();
        member.coordinator = Some(address.to_owned());
        let shared = Arc::clone(&coordinator);
        let server = ScriptedServer::https(&identity, move |request| {
            let host = request.header("host").unwrap_or_default();
            if host.starts_with("127.0.0.1") {
                return member.answer(request);
            }
            shared.answer(request)
        });
        let options = Options {
            ca_file: Some(ca_file.path().display().to_string()),
            retries: Some(0),
            ..Options::default()
        };
        let recorder = Recorder::new().options(options);
        Self { server, coordinator, recorder, _ca_file: ca_file }
    }

    fn gather(&self) -> Result<Gathered, GatherError> {
        self.recorder.gather::<Xen>(parameters(self.server.address().port()))
    }

    /// The hosts that were called, in order.
    fn hosts(&self) -> Vec<String> {
        let received = self.server.received();
        let host = |host: &str| host.split(':').next().unwrap_or_default().to_owned();
        received.iter().map(|it| host(it.header("host").unwrap_or_default())).collect()
    }
}

const BOTH: [&str; 2] = ["127.0.0.1", "localhost"];

#[test]
fn logs_in_to_the_coordinator_that_a_pool_member_names() {
    let pool = Pool::new("localhost", sample(), &BOTH);
    let gathered = pool.gather().expect("a complete answer");
    assert_eq!(count(&gathered), 9);
    let hosts = pool.hosts();
    assert_eq!(hosts[0], "127.0.0.1");
    assert!(hosts[1..].iter().all(|host| host == "localhost"), "{hosts:?}");
    assert_eq!((pool.coordinator.logins(), pool.coordinator.open_sessions()), (1, 0));
}

#[test]
fn never_follows_a_second_coordinator() {
    let mut second = sample();
    second.coordinator = Some("127.0.0.1".to_owned());
    let pool = Pool::new("localhost", second, &BOTH);
    let error = pool.gather().expect_err("two members");
    assert_eq!((error.kind, error.retryable), (ErrorKind::Unavailable, false), "{error}");
    assert_eq!(pool.hosts(), ["127.0.0.1", "localhost"]);
}

#[test]
fn an_invalid_address_of_a_coordinator_is_never_called() {
    for address in ["", "http://localhost", "user@localhost", "localhost:80", "a/b"] {
        let pool = Pool::new(address, sample(), &BOTH);
        let error = pool.gather().expect_err(address);
        assert_eq!(error.kind, ErrorKind::Protocol, "{address}: {error}");
        assert_eq!(pool.hosts(), ["127.0.0.1"], "{address}");
    }
}

#[test]
fn a_coordinator_may_have_an_address_of_ipv6() {
    for address in ["::1", "[::1]"] {
        let pool = Pool::new(address, sample(), &BOTH);
        let error = pool.gather().expect_err("nothing listens there");
        assert!(error.message.contains("https://[::1]:"), "{error}");
        assert_eq!(pool.hosts(), ["127.0.0.1"]);
    }
    let pool = Pool::new("fe80::1%eth0", sample(), &BOTH);
    assert_eq!(pool.gather().expect_err("a zone").kind, ErrorKind::Protocol);
}

#[test]
fn a_host_that_names_itself_as_coordinator_is_asked_twice() {
    let pool = Pool::new("127.0.0.1", sample(), &BOTH);
    let error = pool.gather().expect_err("no coordinator");
    assert_eq!((error.kind, error.retryable), (ErrorKind::Unavailable, false), "{error}");
    assert_eq!(pool.hosts(), ["127.0.0.1", "127.0.0.1"]);
}

#[test]
fn a_session_that_ends_at_any_call_is_renewed_once() {
    let served = Served::fake(sample());
    let expected = served.gather().expect("a complete answer");
    let classes = served.methods().into_iter().filter(|it| it.ends_with(".get_all_records"));
    for class in classes {
        let has_ended = AtomicBool::new(false);
        let served = Served::script(sample(), move |fake, request| {
            if method(request) == class && !has_ended.swap(true, Ordering::SeqCst) {
                return XapiFake::session_invalid();
            }
            fake.answer(request)
        });
        assert_eq!(served.gather().expect("a complete answer"), expected);
        assert_eq!(served.fake.logins(), 2);
    }
}

#[test]
fn logs_out_after_each_kind_of_error() {
    for answer in [
        Action::answer(403, ""),
        Action::answer(500, "<html>"),
        Action::answer(200, "<html>"),
        Action::answer(204, ""),
        Action::redirect("https://127.0.0.1:1/login"),
        Action::truncated_chunks(b"{\"result\""),
        Action::answer(200, "\u{1f}\u{8b}").header("content-encoding", "gzip"),
        XapiFake::permission_denied(),
    ] {
        let text = format!("{answer:?}");
        let served =
            Served::script(sample(), move |fake, request| match method(request).as_str() {
                "VM.get_all_records" => answer.clone(),
                _ => fake.answer(request),
            });
        served.gather().expect_err(&text);
        assert_eq!(served.fake.open_sessions(), 0, "{text}");
    }
}

#[test]
fn a_user_who_may_not_log_in_is_asked_once() {
    for code in ["RBAC_PERMISSION_DENIED", "SESSION_AUTHORIZATION_FAILED"] {
        let served = Served::script(sample(), move |_, _| {
            Action::json(200, &json!({"error": {"code": 1, "message": code, "data": ["x"]}}))
        });
        let error = served.gather().expect_err(code);
        assert_eq!((error.kind, error.retryable), (ErrorKind::Permission, false), "{error}");
        assert_eq!(served.methods(), [LOGIN]);
    }
}

#[test]
fn a_password_of_any_characters_arrives_unchanged() {
    for password in ["a&b=%41", "\"'\\", "pässwört €", "two\nlines", "\u{1f600}"] {
        let mut fake = sample();
        fake.password = password.to_owned();
        let served = Served::fake(fake);
        let mut parameters = parameters(served.server.port());
        parameters["password"] = json!(password);
        let gathered = served.recorder.gather::<Xen>(parameters).expect("a complete answer");
        assert_eq!(count(&gathered), 9);
    }
}

#[test]
fn the_certificate_of_the_coordinator_must_be_valid_for_its_address() {
    let pool = Pool::new("localhost", sample(), &["127.0.0.1"]);
    let error = pool.gather().expect_err("a certificate for another name");
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.message.contains("localhost"), "{error}");
    insta::assert_snapshot!(error.hint.expect("a hint"));
    assert_eq!(pool.hosts(), ["127.0.0.1"]);
}

#[test]
fn a_hostname_that_is_a_url_is_a_configuration_error() {
    let mut parameters = parameters(443);
    parameters["hostname"] = json!("http://xcp1");
    let error = Recorder::new().gather::<Xen>(parameters).expect_err("a URL");
    assert_eq!(error.kind, ErrorKind::Configuration);
    insta::assert_snapshot!(error);
}
