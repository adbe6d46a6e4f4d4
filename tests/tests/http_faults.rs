//! The module File over HTTP against a misbehaving server: each fault is reported as the right kind of
//! error, within the endpoint's deadline, and without credentials.

use std::time::Duration;

use gatherer_tests::fault_server::{
    Authority, DOCUMENT, Fault, FaultServer, FullPort, closed_port, gzip,
};
use gatherer_tests::{Outcome, Run, assert_message, inventory_endpoint};
use regex::Regex;
use serde_json::{Value, json};

/// The password and the query of every URL here.
const CANARY: &str = "canary-77";

/// The timeout in seconds for faults that only a deadline ends.
const SHORT: u64 = 4;
/// The timeout in seconds for faults that end without a deadline, on a machine that is busy.
const LONG: u64 = 45;
/// How much later than its deadline an endpoint may finish.
const GRACE: Duration = Duration::from_secs(10);

/// An endpoint with its fault and the expected result.
struct Case {
    name: &'static str,
    url: String,
    timeout: u64,
    options: Value,
    /// The kind of the error, and a value that its message or hint mentions. `None`: no error.
    expected: Option<(&'static str, &'static str)>,
}

/// The cases, and their servers, which must run until the cases are checked.
#[derive(Default)]
struct Table {
    cases: Vec<Case>,
    servers: Vec<FaultServer>,
    options: Value,
}

impl Table {
    fn with_options(options: Value) -> Self {
        Self { options, ..Self::default() }
    }

    fn add(
        &mut self,
        name: &'static str,
        server: FaultServer,
        timeout: u64,
        expected: Option<(&'static str, &'static str)>,
    ) {
        let url = server.url("/a");
        self.servers.push(server);
        self.add_url(name, &url, timeout, expected);
    }

    fn add_url(
        &mut self,
        name: &'static str,
        url: &str,
        timeout: u64,
        expected: Option<(&'static str, &'static str)>,
    ) {
        let url = url.replace("://", &format!("://user:{CANARY}@")) + "?token=" + CANARY;
        self.cases.push(Case { name, url, timeout, options: self.options.clone(), expected });
    }

    /// Adds a case that fails with this kind of error. `mentions` is a value in its message or hint.
    fn fails(
        &mut self,
        name: &'static str,
        fault: Fault,
        kind: &'static str,
        mentions: &'static str,
    ) {
        self.add(name, server(fault), LONG, Some((kind, mentions)));
    }

    fn times_out(&mut self, name: &'static str, fault: Fault, mentions: &'static str) {
        self.add(name, server(fault), SHORT, Some(("timeout", mentions)));
    }

    fn works(&mut self, name: &'static str, fault: Fault) {
        self.add(name, server(fault), LONG, None);
    }

    /// Gathers all endpoints in one run, and checks the result of each.
    fn check(&self) -> Outcome {
        let endpoints: Vec<Value> = self
            .cases
            .iter()
            .map(|case| {
                let mut endpoint = json!({
                    "id": case.name, "module": "File", "url": case.url,
                    "timeout": case.timeout, "retries": 1,
                });
                let members = endpoint.as_object_mut().expect("an object");
                members.extend(case.options.as_object().cloned().unwrap_or_default());
                endpoint
            })
            .collect();
        let outcome = Run::gather(&Value::from(endpoints))
            .args(["--format", "inventory", "--jobs", "64", "-vv"])
            .within(Duration::from_mins(3))
            .run();
        let inventory = outcome.inventory();
        let wrong: Vec<String> = self
            .cases
            .iter()
            .filter_map(|case| {
                let endpoint = inventory_endpoint(&inventory, case.name);
                let why = case.wrong(&endpoint)?;
                Some(format!("{}: {why}: {endpoint}", case.name))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(!outcome.messages().contains(CANARY), "{}", outcome.describe());
        assert!(!outcome.stdout_text().contains(CANARY), "{}", outcome.describe());
        outcome
    }
}

impl Case {
    /// How the result differs from the expected one.
    fn wrong(&self, endpoint: &Value) -> Option<String> {
        let took = Duration::from_millis(endpoint["run"]["durationMs"].as_u64()?);
        if took > Duration::from_secs(self.timeout) + GRACE {
            return Some(format!("took {took:?}"));
        }
        let error = &endpoint["error"];
        let Some((kind, mentions)) = self.expected else {
            let whole = endpoint["status"] == "complete" && endpoint["hosts"][0]["name"] == "h1";
            return (!whole).then(|| "is not complete".to_owned());
        };
        if error["kind"] != kind || endpoint["status"] != "failed" {
            return Some(format!("is not a {kind} error"));
        }
        let text = format!(
            "{} ({})",
            error["message"].as_str().unwrap_or_default(),
            error["hint"].as_str().unwrap_or_default()
        );
        (!text.contains(mentions)).then(|| format!("does not mention {mentions:?}"))
    }
}

fn server(fault: Fault) -> FaultServer {
    FaultServer::http(fault, DOCUMENT.as_bytes())
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
    let mut table = Table::default();
    let refuses = format!("http://{}/a", closed_port());
    table.add_url("refuses", &refuses, LONG, Some(("connection", "")));
    let unknown = "http://nonexistent.invalid/a";
    table.add_url("unknown name", unknown, LONG, Some(("connection", "nonexistent.invalid")));

    table.fails("resets", Fault::Reset, "connection", "(after 1 retry)");
    table.fails("hangs up", Fault::Hangup, "connection", "");

    table.fails("401", Fault::Status(401, None), "authentication", "401 Unauthorized");
    table.fails("403", Fault::Status(403, None), "permission", "403 Forbidden");
    table.fails("404", Fault::Status(404, None), "configuration", "404 Not Found");
    table.fails("400", Fault::Status(400, None), "configuration", "400 Bad Request");
    table.fails("403 endless", Fault::StatusEndless(403), "permission", "403 Forbidden");
    table.fails("407", Fault::Status(407, None), "authentication", "407 Proxy Authentication");
    table.fails("429 soon", Fault::Status(429, Some("1")), "rate-limited", "(after 1 retry)");
    table.fails("429 late", Fault::Status(429, Some("1000")), "rate-limited", "1000 s");
    let dated = Fault::Status(429, Some("Sat, 06 Nov 2094 08:49:37 GMT"));
    table.fails("429 at a date", dated, "rate-limited", "429 Too Many Requests");
    table.fails("500", Fault::Status(500, None), "unavailable", "500 Internal Server Error");
    table.fails("304", Fault::Status(304, None), "protocol", "304 Not Modified");

    table.fails("endless", Fault::Endless, "protocol", "256 MiB");
    table.fails("endless head", Fault::EndlessHead, "protocol", "");
    table.fails("announces 1 TiB", Fault::Announces(1 << 40), "protocol", "256 MiB");
    table.fails("truncated", Fault::Announces(10_000), "connection", "(after ");
    table.fails("truncated chunks", Fault::TruncatedChunked, "connection", "(after ");
    table.fails("gzip bomb", Fault::GzipBomb, "protocol", "256 MiB");
    table.fails("truncated gzip", Fault::TruncatedGzip, "protocol", "gzip");
    table.fails("damaged gzip", Fault::DamagedGzip, "protocol", "gzip");
    table.fails("brotli", Fault::Brotli, "protocol", " br ");
    table.fails("not HTTP", Fault::NotHttp, "protocol", "HTTP");

    table.fails("invalid UTF-8", Fault::InvalidUtf8, "protocol", "UTF-8");
    table.fails("nested 10,000 deep", Fault::DeeplyNested, "protocol", "127");
    table.fails("half a document", Fault::HalfDocument, "protocol", "");
    table.fails("empty", Fault::Empty, "protocol", "");

    table.fails("redirect loop", Fault::RedirectLoop, "protocol", " -> http://");
    table.fails("redirect chain", Fault::RedirectChain, "protocol", "10 redirects");
    let elsewhere = Fault::RedirectTo("file:///etc/passwd".to_owned());
    table.fails("redirect to a file", elsewhere, "protocol", "file:///etc/passwd");

    table.works("fine", Fault::None);
    table.works("fine, compressed", Fault::NoneGzip);
    table.works("500 once", Fault::StatusOnce(500));
    table.works("truncated once", Fault::TruncatedOnce);

    let outcome = table.check();
    for (name, retries) in [("fine", 0), ("500 once", 1), ("truncated once", 1)] {
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
        table.fails(name, Fault::Answer(status, "", DOCUMENT.into()), "protocol", text);
    }
    let part = Fault::Answer(206, "content-range: bytes 0-1/5000\r\n", b"{}".to_vec());
    table.fails("a part that parses", part, "protocol", "206 Partial Content");
    table.works("200", Fault::Answer(200, "", DOCUMENT.into()));
    assert_message!(failures(&table.check()));
}

#[test]
fn gzip_is_read_to_the_end_of_its_last_member() {
    let answer = |body: Vec<u8>| Fault::Answer(200, "content-encoding: gzip\r\n", body);
    let document = DOCUMENT.as_bytes();
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

    for (name, headers) in [
        ("upper case", "content-encoding: GZIP\r\n"),
        ("old name", "content-encoding: x-gzip\r\n"),
        ("identity too", "content-encoding: identity\r\ncontent-encoding: gzip\r\n"),
    ] {
        table.works(name, Fault::Answer(200, headers, gzip(document)));
    }
    let second = "content-encoding: identity\r\ncontent-encoding: br\r\n";
    let second = Fault::Answer(200, second, document.to_vec());
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
        table.fails(name, Fault::Raw(head), "protocol", "");
    }
    table.fails("not HTTP", Fault::Raw("220 ready\r\n\r\n"), "protocol", "");
    for (name, headers) in [
        ("HTML", "content-type: text/html\r\n"),
        ("HTML with more", "content-type: Text/HTML ; charset=utf-8\r\n"),
        ("XHTML", "content-type: application/xhtml+xml\r\n"),
    ] {
        let page = Fault::Answer(200, headers, DOCUMENT.into());
        table.fails(name, page, "protocol", "HTML");
    }
    let plain = "content-type: text/plain; x=text/html\r\n";
    table.works("plain text", Fault::Answer(200, plain, DOCUMENT.into()));
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
    table.times_out("black hole", Fault::BlackHole, "timeout of 4 s");
    table.times_out("drips", Fault::Drip, "timeout of 4 s");
    table.times_out("drips its head", Fault::DripHead, "timeout of 4 s");
    table.times_out("falls silent", Fault::Pause, "1 bytes");
    assert_message!(failures(&table.check()));
}

#[test]
fn each_fault_of_a_certificate_has_its_error() {
    let authority = Authority::new("The authority of this test");
    let other = Authority::new("Another authority");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("written");
    let here = ["127.0.0.1"];
    let serve = |identity, fault| FaultServer::https(fault, DOCUMENT.as_bytes(), &identity);

    let mut table = Table::with_options(json!({ "ca_file": file.path() }));
    let good = |fault| serve(authority.identity(&here), fault);
    table.add("good", good(Fault::None), LONG, None);
    let untrusted = serve(other.identity(&here), Fault::None);
    table.add("wrong authority", untrusted, LONG, Some(("tls", "ca_file")));
    let expired = serve(authority.expired_identity(&here), Fault::None);
    table.add("expired", expired, LONG, Some(("tls", "expired")));
    let nameless = serve(authority.identity(&[]), Fault::None);
    table.add("nameless", nameless, LONG, Some(("tls", "subjectAltName")));
    let misnamed = serve(authority.identity(&["b.example"]), Fault::None);
    table.add("wrong name", misnamed, LONG, Some(("tls", "b.example")));

    let plain = server(Fault::NotHttp);
    let url = plain.url("/a").replace("http:", "https:");
    table.add_url("not TLS", &url, LONG, Some(("tls", "")));
    let hole = server(Fault::BlackHole);
    let url = format!("https://{}/a", hole.address());
    table.add_url("black hole before TLS", &url, SHORT, Some(("timeout", "TLS")));
    let timed_out = Some(("timeout", "timeout of 4 s"));
    table.add("black hole after TLS", good(Fault::BlackHole), SHORT, timed_out);
    table.add("reset after TLS", good(Fault::Reset), LONG, Some(("connection", "reset")));
    table.add("hangs up after TLS", good(Fault::Hangup), LONG, Some(("connection", "")));
    table.add("truncated", good(Fault::Announces(10_000)), LONG, Some(("connection", "")));
    let open = server(Fault::None);
    let down = good(Fault::RedirectTo(open.url("/")));
    table.add("redirect to http", down, LONG, Some(("protocol", "http://")));
    let outcome = table.check();
    assert_eq!(open.connections(), 0, "the redirect from https to http was followed");
    assert_message!(failures(&outcome));

    let mut table = Table::with_options(json!({ "insecure": true }));
    let expired = serve(other.expired_identity(&["b.example"]), Fault::None);
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
    let server = FaultServer::https(Fault::None, DOCUMENT.as_bytes(), &identity);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("written");
    let endpoints = json!([{"id": "a", "module": "File", "url": server.url("/")}]);
    let document = Run::gather(&endpoints).env("SSL_CERT_FILE", file.path()).run().document();
    assert!(document["a"].as_ref().is_some_and(|hosts| hosts.contains_key("h1")), "{document:?}");
}

#[test]
fn a_redirect_to_another_host_drops_the_credentials() {
    let elsewhere = server(Fault::None);
    let guarded = server(Fault::RequiresAuthorization("Basic dXNlcjpjYW5hcnktNzc="));
    let mut table = Table::default();
    // The encoded credentials `user:canary-77` of the table's URLs.
    let own = server(Fault::RequiresAuthorization("Basic dXNlcjpjYW5hcnktNzc="));
    table.add("user info is used", own, LONG, None);
    let url = elsewhere.url("/b").replace("http://", "http://other:password@");
    table.add("redirect", server(Fault::RedirectTo(url)), LONG, None);
    let redirected = server(Fault::RedirectTo(guarded.url("/")));
    table.add("redirect to 401", redirected, LONG, Some(("authentication", "redirect")));
    assert_message!(failures(&table.check()));

    for request in elsewhere.received().iter().chain(&guarded.received()) {
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert!(!names.contains(&"authorization") && !names.contains(&"cookie"), "{names:?}");
        assert!(!names.contains(&"referer"), "{names:?}");
        assert!(!request.target.contains(CANARY), "{}", request.target);
    }
    assert_eq!((elsewhere.received().len(), guarded.received().len()), (1, 1));
}

#[test]
fn rejects_a_url_that_is_too_long_without_a_retry() {
    let server = FaultServer::http(Fault::None, DOCUMENT.as_bytes());
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
