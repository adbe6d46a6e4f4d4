//! The module File over HTTP against a misbehaving server: each fault is reported as the right kind of
//! error, within the endpoint's deadline, and without credentials.

mod fault_table;

use std::net::TcpListener;

use gatherer_plugin_support::testing::{
    Action, Authority, FullPort, ReceivedRequest, ScriptedServer, answers, closed_port, gzip,
};
use gatherer_tests::{FILE_DOCUMENT, Outcome, Run, assert_message};
use regex::Regex;
use serde_json::json;

use fault_table::{LONG, SHORT, Table, server};

/// The password and the query of every URL here.
const CANARY: &str = "canary-77";

/// The document, with this status.
fn document(status: u16) -> Action {
    Action::answer(status, FILE_DOCUMENT)
}

fn status(status: u16) -> Action {
    Action::answer(status, "no document here")
}

/// A script that answers with the document if the request has the credentials of the table's URLs.
fn guarded(request: &ReceivedRequest) -> Action {
    // `user:canary-77`.
    match request.header("authorization") {
        Some("Basic dXNlcjpjYW5hcnktNzc=") => document(200),
        _ => status(401).header("www-authenticate", "Basic realm=\"x\""),
    }
}

/// All failed endpoints of a run, for a snapshot. Replaces what depends on timing and on the resolver.
fn failures(outcome: &Outcome) -> String {
    let mut text = outcome.failures();
    for (pattern, replacement) in [
        (r"\b\d+(\.\d+)? s\b", "[number] s"),
        (r"\d+ bytes (of the response|received)", "[number] bytes $1"),
        (r"(damaged or truncated after) \d+ bytes", "$1 [number] bytes"),
        (r"(failed to lookup address information): [ -~]*", "$1: [reason]"),
    ] {
        // Without Unicode classes, which take ten times as long to compile.
        let pattern = Regex::new(&format!("(?-u){pattern}")).expect("the pattern is valid");
        text = pattern.replace_all(&text, replacement).into_owned();
    }
    text
}

#[test]
fn each_fault_of_a_web_server_has_its_kind_and_ends_before_the_deadline() {
    let half = &FILE_DOCUMENT[..FILE_DOCUMENT.len() / 2];
    let mut table = Table::default();
    let refuses = format!("http://{}/a", closed_port());
    table.add_url("refuses", &refuses, LONG, Some(("connection", "")));
    let unknown = "http://nonexistent.invalid/a";
    table.add_url("unknown name", unknown, LONG, Some(("connection", "nonexistent.invalid")));

    table.fails("resets", Action::Reset, "connection", "(after 1 retry)");
    table.fails("hangs up", Action::Hangup, "connection", "");

    table.fails("401", status(401), "authentication", "401 Unauthorized");
    table.fails("403", status(403), "permission", "403 Forbidden");
    table.fails("404", status(404), "configuration", "404 Not Found");
    table.fails("400", status(400), "configuration", "400 Bad Request");
    table.fails("403 endless", Action::Endless(403), "permission", "403 Forbidden");
    table.fails("407", status(407), "authentication", "407 Proxy Authentication");
    let retry_after = |when| status(429).header("retry-after", when);
    table.fails("429 soon", retry_after("1"), "rate-limited", "(after 1 retry)");
    table.fails("429 late", retry_after("1000"), "rate-limited", "1000 s");
    let dated = retry_after("Sat, 06 Nov 2094 08:49:37 GMT");
    table.fails("429 at a date", dated, "rate-limited", "429 Too Many Requests");
    table.fails("500", status(500), "unavailable", "500 Internal Server Error");
    table.fails("304", status(304), "protocol", "304 Not Modified");

    let with_length = |length| Action::with_length(length, FILE_DOCUMENT.as_bytes());
    table.fails("endless", Action::Endless(200), "protocol", "256 MiB");
    table.fails("endless head", Action::EndlessHead, "protocol", "");
    table.fails("announces 1 TiB", with_length(1 << 40), "protocol", "256 MiB");
    table.fails("truncated", with_length(10_000), "connection", "(after ");
    let chunks = Action::truncated_chunks(FILE_DOCUMENT.as_bytes());
    table.fails("truncated chunks", chunks, "connection", "(after ");
    table.fails("gzip bomb", Action::gzip_bomb(), "protocol", "256 MiB");
    let gzipped = gzip(FILE_DOCUMENT.as_bytes());
    let truncated = Action::answer(200, &gzipped[..gzipped.len() / 2]);
    let truncated = truncated.header("content-encoding", "gzip");
    table.fails("truncated gzip", truncated, "protocol", "gzip");
    let damaged = document(200).header("content-encoding", "gzip");
    table.fails("damaged gzip", damaged, "protocol", "gzip");
    let brotli = document(200).header("content-encoding", "br");
    table.fails("brotli", brotli, "protocol", " br ");
    table.add("not HTTP", ScriptedServer::not_http(), LONG, Some(("protocol", "HTTP")));

    let invalid = [half.as_bytes(), b"\xff", FILE_DOCUMENT.as_bytes()].concat();
    table.fails("invalid UTF-8", Action::answer(200, invalid), "protocol", "UTF-8");
    let nested = "[".repeat(10_000) + &"]".repeat(10_000);
    table.fails("nested 10,000 deep", Action::answer(200, nested), "protocol", "127");
    table.fails("half a document", Action::answer(200, half), "protocol", "");
    table.fails("empty", Action::answer(200, ""), "protocol", "");

    let redirects = ScriptedServer::http(|request| {
        Action::redirect(if request.target == "/a" { "/b" } else { "/a" })
    });
    table.add("redirect loop", redirects, LONG, Some(("protocol", " -> http://")));
    let redirects = ScriptedServer::http(|request| {
        let step: u32 = request.target.trim_start_matches('/').parse().unwrap_or(0);
        Action::redirect(&format!("/{}", step + 1))
    });
    table.add("redirect chain", redirects, LONG, Some(("protocol", "10 redirects")));
    let elsewhere = Action::redirect("file:///etc/passwd");
    table.fails("redirect to a file", elsewhere, "protocol", "file:///etc/passwd");

    table.works("fine", document(200));
    table.works("fine, compressed", Action::gzip(FILE_DOCUMENT.as_bytes()));
    let once = |action| ScriptedServer::http(answers([action, document(200)]));
    table.add("500 once", once(status(500)), LONG, None);
    let length = FILE_DOCUMENT.len() as u64;
    let truncated = Action::with_length(length, half.as_bytes());
    table.add("truncated once", once(truncated), LONG, None);

    let outcome = table.check();
    for (name, retries) in [
        ("fine", 0),
        ("500 once", 1),
        ("truncated once", 1),
        ("401", 0),
        ("500", 1),
        ("resets", 1),
        ("429 late", 0),
    ] {
        assert_eq!(outcome.endpoint(name)["run"]["retries"], retries, "{name}");
    }
    assert_message!(failures(&outcome));
}

#[test]
fn accepts_a_document_only_with_status_200() {
    let mut table = Table::default();
    for (name, status, text) in [
        ("201", 201, "201 Created"),
        ("202", 202, "202 Accepted"),
        ("203", 203, "203 Non Authoritative Information"),
        ("204", 204, "204 No Content"),
        ("205", 205, "205 Reset Content"),
        ("206", 206, "206 Partial Content"),
        ("207", 207, "207 Multi-Status"),
        ("208", 208, "208 Already Reported"),
        ("226", 226, "226 IM Used"),
        ("299", 299, "299 "),
        ("300", 300, "300 Multiple Choices"),
        ("304", 304, "304 Not Modified"),
    ] {
        table.fails(name, document(status), "protocol", text);
    }
    let part = Action::answer(206, "{}").header("content-range", "bytes 0-1/5000");
    table.fails("a part that parses", part, "protocol", "206 Partial Content");
    table.works("200", document(200));
    assert_message!(failures(&table.check()));
}

#[test]
fn gzip_is_read_to_the_end_of_its_last_member() {
    let answer = |body: Vec<u8>| Action::answer(200, body).header("content-encoding", "gzip");
    let document = FILE_DOCUMENT.as_bytes();
    let (begin, rest) = document.split_at(20);
    let empty_first = [gzip(b"{}"), gzip(document)].concat();
    let mut table = Table::default();
    table.works("two members", answer([gzip(begin), gzip(rest)].concat()));
    table.works("an empty member", answer([gzip(b""), gzip(document), gzip(b"")].concat()));
    table.fails("two documents", answer(empty_first.clone()), "protocol", "");
    let garbage = answer([gzip(b"{}"), b"garbage".to_vec()].concat());
    table.fails("trailing garbage", garbage, "protocol", "gzip");
    let truncated = answer(empty_first[..empty_first.len() - 20].to_vec());
    table.fails("truncated second member", truncated, "protocol", "gzip");
    let truncated_head = answer(empty_first[..gzip(b"{}").len() + 5].to_vec());
    table.fails("truncated second head", truncated_head, "protocol", "gzip");

    let encoded =
        |encoding, body: Vec<u8>| Action::answer(200, body).header("content-encoding", encoding);
    for encoding in ["GZIP", "x-gzip"] {
        table.works(encoding, encoded(encoding, gzip(document)));
    }
    let identity_too = encoded("identity", gzip(document)).header("content-encoding", "gzip");
    table.works("identity too", identity_too);
    let second = encoded("identity", document.to_vec()).header("content-encoding", "br");
    table.fails("second encoding", second, "protocol", " br ");
    table.check();
}

#[test]
fn rejects_an_invalid_response_head_and_an_html_page() {
    let mut table = Table::default();
    for (name, head) in [
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
        ("negative", "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}"),
        ("folded", "HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\ncontent-length: 2\r\n\r\n{}"),
        ("no name", "HTTP/1.1 200 OK\r\n: b\r\ncontent-length: 2\r\n\r\n{}"),
    ] {
        table.fails(name, Action::Raw(head.into()), "protocol", "");
    }
    table.fails("not HTTP", Action::Raw("220 ready\r\n\r\n".into()), "protocol", "");
    for (name, content_type) in [
        ("HTML", "text/html"),
        ("HTML with more", "Text/HTML ; charset=utf-8"),
        ("XHTML", "application/xhtml+xml"),
    ] {
        let page = document(200).header("content-type", content_type);
        table.fails(name, page, "protocol", "HTML");
    }
    let plain = document(200).header("content-type", "text/plain; x=text/html");
    table.works("plain text", plain);
    assert_message!(failures(&table.check()));
}

/// A test of its own, without faults that keep the machine busy: the errors must be those of the client,
/// which gives up shortly before the runner does.
#[test]
fn a_slow_server_times_out_and_the_error_says_what_the_client_waited_for() {
    let mut table = Table::default();
    let full = FullPort::open();
    let silent = format!("http://{}/a", full.address());
    table.add_url("accepts no connection", &silent, SHORT, Some(("timeout", "connection")));
    table.times_out("black hole", Action::BlackHole, "timeout of 4 s");
    table.times_out("drips", Action::Drip, "timeout of 4 s");
    table.times_out("drips its head", Action::DripHead, "timeout of 4 s");
    table.times_out("falls silent", Action::Pause, "1 bytes");
    assert_message!(failures(&table.check()));
}

#[test]
fn each_fault_of_a_certificate_has_its_error() {
    let authority = Authority::new("The authority of this test");
    let other = Authority::new("Another authority");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("written");
    let here = ["127.0.0.1"];
    let serve = |identity, action| ScriptedServer::https(&identity, answers([action]));

    let mut table = Table::with_options(json!({ "ca_file": file.path() }));
    let good = |action| serve(authority.identity(&here), action);
    table.add("good", good(document(200)), LONG, None);
    let untrusted = serve(other.identity(&here), document(200));
    table.add("wrong authority", untrusted, LONG, Some(("tls", "ca_file")));
    let expired = serve(authority.expired_identity(&here), document(200));
    table.add("expired", expired, LONG, Some(("tls", "expired")));
    let nameless = serve(authority.identity(&[]), document(200));
    table.add("nameless", nameless, LONG, Some(("tls", "subjectAltName")));
    let misnamed = serve(authority.identity(&["b.example"]), document(200));
    table.add("wrong name", misnamed, LONG, Some(("tls", "b.example")));

    let plain = ScriptedServer::not_http();
    let url = plain.url("/a").replace("http:", "https:");
    table.add_url("not TLS", &url, LONG, Some(("tls", "")));
    // The kernel accepts connections for it.
    let hole = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
    let url = format!("https://{}/a", hole.local_addr().expect("the listener has an address"));
    table.add_url("black hole before TLS", &url, SHORT, Some(("timeout", "TLS")));
    let timed_out = Some(("timeout", "timeout of 4 s"));
    table.add("black hole after TLS", good(Action::BlackHole), SHORT, timed_out);
    table.add("reset after TLS", good(Action::Reset), LONG, Some(("connection", "reset")));
    table.add("hangs up after TLS", good(Action::Hangup), LONG, Some(("connection", "")));
    let truncated = Action::with_length(10_000, FILE_DOCUMENT.as_bytes());
    table.add("truncated", good(truncated), LONG, Some(("connection", "")));
    let open = server(document(200));
    let down = good(Action::redirect(&open.url("/")));
    table.add("redirect to http", down, LONG, Some(("protocol", "http://")));
    let outcome = table.check();
    assert_eq!(open.connections(), 0, "the redirect from https to http was followed");
    assert_message!(failures(&outcome));

    let mut table = Table::with_options(json!({ "insecure": true }));
    let expired = serve(other.expired_identity(&["b.example"]), document(200));
    table.add("insecure", expired, LONG, None);
    let outcome = table.check();
    let warnings = outcome.endpoint("insecure")["warnings"].to_string();
    assert!(warnings.contains("insecure"), "{warnings}");
    assert_message!("insecure", warnings);
}

#[test]
fn trusted_roots_can_come_from_the_environment() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let server = ScriptedServer::https(&identity, |_| document(200));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("written");
    let endpoints = json!([{"id": "a", "module": "File", "url": server.url("/")}]);
    let document = Run::gather(&endpoints).env("SSL_CERT_FILE", file.path()).run().document();
    assert!(document["a"].as_ref().is_some_and(|hosts| hosts.contains_key("h1")), "{document:?}");
}

#[test]
fn a_redirect_to_another_host_drops_the_credentials() {
    let elsewhere = server(document(200));
    let other = ScriptedServer::http(guarded);
    let mut table = Table::default();
    let own = ScriptedServer::http(guarded);
    table.add("user info is used", own, LONG, None);
    let url = elsewhere.url("/b").replace("http://", "http://other:password@");
    table.add("redirect", server(Action::redirect(&url)), LONG, None);
    let redirected = server(Action::redirect(&other.url("/")));
    table.add("redirect to 401", redirected, LONG, Some(("authentication", "redirect")));
    assert_message!(failures(&table.check()));

    for request in elsewhere.received().iter().chain(&other.received()) {
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert!(!names.contains(&"authorization") && !names.contains(&"cookie"), "{names:?}");
        assert!(!names.contains(&"referer"), "{names:?}");
        assert!(!request.target.contains(CANARY), "{}", request.target);
    }
    assert_eq!((elsewhere.received().len(), other.received().len()), (1, 1));
}

#[test]
fn rejects_a_url_that_is_too_long_without_a_retry() {
    let server = server(document(200));
    let url = format!("{}?{}", server.url("/a"), "u".repeat(100_000));
    let endpoints = json!([{"id": "long", "module": "File", "url": url}]);
    let plugins = gatherer_tests::PluginFolder::with(&["file"]);
    let outcome =
        Run::gather(&endpoints).plugins(plugins.path()).args(["--format", "inventory"]).run();
    let endpoint = outcome.endpoint("long");
    assert_eq!(endpoint["error"]["kind"], "configuration", "{endpoint:#}");
    assert_eq!(endpoint["error"]["retryable"], false);
    let message = endpoint["error"]["message"].as_str().expect("a message");
    assert!(message.contains("65534") && message.len() < 200, "{message}");
    assert!(!outcome.messages().contains("trying again"), "{}", outcome.describe());
    assert_message!(outcome.failures());
}
