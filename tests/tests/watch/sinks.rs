//! Sinks: web services that receive the events.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatherer_plugin_support::testing::{Action, Authority, ReceivedRequest, ScriptedServer};
use gatherer_tests::event_consumer::EventConsumer;
use gatherer_tests::{Run, assert_message};
use rustix::process::Signal;
use serde_json::Value;

use super::{WatchFolder, document};

fn folder_with_an_endpoint() -> WatchFolder {
    let folder = WatchFolder::new();
    folder.write_infile(&["e"]);
    folder.write("e.json", &document(&[("h1", &["a", "b"]), ("h2", &[])]));
    folder
}

/// A run that sends events to a service.
fn send(folder: &WatchFolder, url: &str, arguments: &[&str]) -> Run {
    folder.watch(&["--sink", url]).args(arguments).env("no_proxy", "*")
}

/// What a consumer knows after the requests that the service accepted.
fn consumer(bodies: &Mutex<Vec<Vec<u8>>>) -> EventConsumer {
    let mut consumer = EventConsumer::default();
    for body in bodies.lock().expect("not poisoned").iter() {
        let batch: Vec<Value> = serde_json::from_slice(body).expect("a batch is a JSON array");
        for event in &batch {
            consumer.receive(event);
        }
    }
    consumer
}

/// A service that answers the first requests with these actions and accepts the rest. Returns it with the bodies that it
/// accepted.
fn service(first: Vec<Action>) -> (ScriptedServer, Arc<Mutex<Vec<Vec<u8>>>>) {
    let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let first = Mutex::new(first.into_iter());
    let accepted = Arc::clone(&bodies);
    let server = ScriptedServer::http(move |request: &ReceivedRequest| {
        if let Some(action) = first.lock().expect("not poisoned").next() {
            return action;
        }
        accepted.lock().expect("not poisoned").push(request.body.clone());
        Action::answer(202, "")
    });
    (server, bodies)
}

#[test]
fn events_are_sent_in_batches() {
    let folder = folder_with_an_endpoint();
    let (server, bodies) = service(Vec::new());
    let outcome = send(&folder, &server.url("/events"), &["--rounds", "1"]).run().expect_code(0);
    assert_eq!(outcome.stdout_text(), "");
    let requests = server.received();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((request.method.as_str(), request.path()), ("POST", "/events"));
    assert_eq!(request.header("content-type"), Some("application/cloudevents-batch+json"));
    let consumer = consumer(&bodies);
    assert_eq!(consumer.types.len(), 6);
    assert_eq!(consumer.endpoints["e"].objects.len(), 4);
}

#[test]
fn a_batch_is_repeated_until_the_service_accepts_it() {
    let failures = || {
        vec![
            Action::answer(500, "no"),
            Action::answer(404, "no"),
            Action::answer(429, "no").header("retry-after", "1"),
            Action::Hangup,
            Action::Reset,
        ]
    };
    let folder = folder_with_an_endpoint();
    let (server, bodies) = service(failures());
    let outcome = send(&folder, &server.url("/"), &["--rounds", "1"]).run().expect_code(0);
    assert_eq!(server.received().len(), failures().len() + 1, "{}", outcome.describe());
    let consumer = consumer(&bodies);
    assert_eq!((consumer.types.len(), consumer.repeated), (6, 0));
    for text in ["500", "404", "429", "accepts events again"] {
        assert!(outcome.log.contains(text), "{text}: {}", outcome.describe());
    }
}

#[test]
fn events_that_the_service_never_accepted_are_sent_after_the_next_start() {
    let folder = folder_with_an_endpoint();
    let refusing = ScriptedServer::http(|_| Action::answer(503, "no"));
    let running = send(&folder, &refusing.url("/"), &["--interval", "0.1"]).start();
    running.wait_until("a request", |_| (!refusing.received().is_empty()).then_some(()));
    running.signal(Signal::TERM);
    let outcome = running.finish().expect_code(143);
    assert!(outcome.log.contains("after the next start"), "{}", outcome.describe());
    assert!(!folder.path("state/endpoints/e.json").exists());
    folder.write("e.json", &document(&[("h1", &["a"])]));
    let (server, bodies) = service(Vec::new());
    send(&folder, &server.url("/"), &["--rounds", "1"]).run().expect_code(0);
    let consumer = consumer(&bodies);
    // First what was found before, and then what changed since.
    let types: Vec<_> = consumer.types.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(types[5..], ["endpoint.snapshot.end", "host.deleted", "guest.deleted"]);
    assert_eq!(consumer.endpoints["e"].objects.len(), 2);
}

#[test]
fn a_batch_that_is_too_large_is_divided() {
    let folder = folder_with_an_endpoint();
    let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let accepted = Arc::clone(&bodies);
    let server = ScriptedServer::http(move |request: &ReceivedRequest| {
        let batch: Vec<Value> = serde_json::from_slice(&request.body).expect("JSON");
        if batch.len() > 2 {
            return Action::answer(413, "");
        }
        accepted.lock().expect("not poisoned").push(request.body.clone());
        Action::answer(200, "")
    });
    send(&folder, &server.url("/"), &["--rounds", "1"]).run().expect_code(0);
    let consumer = consumer(&bodies);
    assert_eq!((consumer.types.len(), consumer.repeated), (6, 0));
}

#[test]
fn a_slow_service_slows_reading() {
    let folder = folder_with_an_endpoint();
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let server = ScriptedServer::http(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(400));
        Action::answer(200, "")
    });
    let running = send(&folder, &server.url("/"), &["--interval", "0.01"]).start();
    running.wait_until("four requests", |_| (requests.load(Ordering::Relaxed) >= 4).then_some(()));
    running.signal(Signal::TERM);
    let outcome = running.finish();
    let rounds = outcome.log.matches("File: 2 hosts").count();
    assert!(rounds <= 8, "{rounds} rounds for 4 requests: {}", outcome.describe());
}

#[test]
fn a_redirect_is_not_taken_for_a_delivery() {
    let folder = folder_with_an_endpoint();
    let (target, bodies) = service(Vec::new());
    let url = target.url("/moved");
    let server = ScriptedServer::http(move |_| Action::redirect(&url));
    let running = send(&folder, &server.url("/"), &["--interval", "600"]).start();
    running.wait_until("an error", |running| running.log().contains("redirected to").then_some(()));
    running.signal(Signal::TERM);
    running.finish().expect_code(143);
    assert!(!folder.path("state/endpoints/e.json").exists());
    assert!(target.received().is_empty(), "{:?}", target.received());
    drop(bodies);
}

#[test]
fn headers_are_read_from_a_file_and_never_shown() {
    let folder = folder_with_an_endpoint();
    let headers = folder.path("headers");
    std::fs::write(&headers, "Authorization: Bearer opensesame\n\nX-Tenant: one\n")
        .expect("writable");
    let (server, _bodies) = service(vec![Action::answer(401, "no")]);
    let run =
        send(&folder, &server.url("/"), &["--rounds", "1", "-vv", "--sink-headers"]).arg(&headers);
    let outcome = run.run().expect_code(0);
    let request = &server.received()[1];
    assert_eq!(request.header("authorization"), Some("Bearer opensesame"));
    assert_eq!(request.header("x-tenant"), Some("one"));
    assert!(!outcome.messages().contains("opensesame"), "{}", outcome.describe());
}

#[test]
fn https_is_verified() {
    let folder = folder_with_an_endpoint();
    let authority = Authority::new("sink");
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let server = ScriptedServer::https(&authority.identity(&["127.0.0.1"]), move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Action::answer(200, "")
    });
    let running = send(&folder, &server.url("/"), &["--interval", "600"]).start();
    running.wait_until("an error", |running| running.log().contains("--sink-ca").then_some(()));
    running.signal(Signal::TERM);
    running.finish().expect_code(143);
    assert_eq!(requests.load(Ordering::Relaxed), 0);
    let ca = folder.path("ca.pem");
    std::fs::write(&ca, authority.pem()).expect("writable");
    let run = send(&folder, &server.url("/"), &["--rounds", "1", "--sink-ca"]).arg(&ca);
    run.run().expect_code(0);
    assert!(requests.load(Ordering::Relaxed) > 0);
}

#[test]
fn an_unusable_url_or_file_of_headers_is_wrong_usage() {
    let folder = folder_with_an_endpoint();
    let headers = folder.path("headers");
    std::fs::write(&headers, "X: 1\nhunter2\n").expect("writable");
    let mut messages = String::new();
    for url in ["broker", "ftp://broker/", "http://user:hunter2@broker/"] {
        let outcome = send(&folder, url, &["--rounds", "1"]).run().expect_code(2);
        messages += &outcome.stderr;
    }
    let run = send(&folder, "http://broker/", &["--rounds", "1", "--sink-headers"]).arg(&headers);
    messages += &run.run().expect_code(2).stderr;
    assert!(!messages.contains("hunter2"), "{messages}");
    assert_message!(messages);
}

#[test]
fn metrics_are_replaced_while_the_program_runs() {
    let folder = folder_with_an_endpoint();
    let metrics = folder.path("m.prom");
    let run = folder.watch_to_file(&["--interval", "0.2"]).arg("--metrics").arg(&metrics);
    let running = run.start();
    let read = || std::fs::read_to_string(&metrics).unwrap_or_default();
    running.wait_until("a success", |_| {
        read().contains("endpoint_up{endpoint=\"e\",module=\"File\"} 1").then_some(())
    });
    folder.write("e.json", &Value::Null);
    running.wait_until("a failure", |_| {
        read().contains("endpoint_up{endpoint=\"e\",module=\"File\"} 0").then_some(())
    });
    running.signal(Signal::TERM);
    running.finish().expect_code(0);
    let text = read();
    assert!(
        text.contains("endpoint_failures_total{endpoint=\"e\",module=\"File\",kind=\""),
        "{text}"
    );
    super::check_metrics(&metrics);
}
