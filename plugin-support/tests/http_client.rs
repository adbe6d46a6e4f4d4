//! What the HTTP client promises to plugins, against a server that misbehaves. The faults that
//! module File can meet are tested through the real program instead.

use std::sync::Mutex;
use std::time::Duration;

use gatherer_plugin_api::__private::abi_stable::std_types::{RErr, RResult, RStr, RString};
use gatherer_plugin_api::abi::Callbacks;
use gatherer_plugin_api::{Context, ErrorKind, GatherError, Options, ProxySettings, Secret};
use gatherer_plugin_support::http::{
    Advice, Client, Limits, Method, Request, Response, StatusCode,
};
use gatherer_plugin_support::run;
use gatherer_tests::fault_server::{Authority, Fault, FaultServer, gzip};
use url::Url;

/// What was emitted in this process, with the endpoint's id in it. Tests look for their own.
static RECORDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

extern "C" fn emit(_: usize, record: RStr<'_>) -> i32 {
    RECORDS.lock().expect("no test panicked here").push(record.to_string());
    0
}

extern "C" fn log(_: usize, _: u8, _: RStr<'_>, _: RStr<'_>) {}

extern "C" fn cancelled(_: usize) -> u8 {
    0
}

extern "C" fn call(_: usize, _: RStr<'_>, _: RStr<'_>) -> RResult<RString, RString> {
    RErr(RString::new())
}

fn context(endpoint: &str, options: Options) -> Context {
    let callbacks = Callbacks { context: 0, emit, log, cancelled, call };
    Context::new(callbacks, endpoint.to_owned(), "Module".to_owned(), options)
}

fn url(server: &FaultServer) -> Url {
    server.url("/a?b").parse().expect("a URL")
}

fn send(context: &Context, request: Request) -> Result<Response, GatherError> {
    let client = Client::new(context)?;
    run::block_on(context, client.send(request))
}

fn failure(outcome: Result<Response, GatherError>) -> GatherError {
    outcome.map(|answer| answer.status()).expect_err("the server misbehaves")
}

#[test]
fn method_headers_and_body_arrive_and_status_and_headers_come_back() {
    let server = FaultServer::http(Fault::Status(418, Some("7")), b"");
    let request = Request::new(Method::POST, url(&server))
        .header("x-auth-token", "secret")
        .basic_auth("user", "password")
        .body(b"hello".to_vec());
    let answer = send(&context("post", Options::default()), request).expect("an answer");
    assert_eq!(answer.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(answer.body(), b"no document here");

    let received = &server.received()[0];
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/a?b"));
    assert_eq!(received.header("x-auth-token"), Some("secret"));
    assert_eq!(received.header("authorization"), Some("Basic dXNlcjpwYXNzd29yZA=="));
    assert_eq!(received.header("content-length"), Some("5"));
}

/// A service's own authority is good for the service alone.
#[test]
fn a_proxy_is_not_verified_with_the_authorities_of_what_lies_behind_it() {
    let own = Authority::new("The service's authority");
    let server = FaultServer::https(Fault::None, b"{}", &own.identity(&["127.0.0.1"]));
    let proxy = FaultServer::https(Fault::None, b"{}", &own.identity(&["localhost"]));
    let port = proxy.address().port();
    let send = |name: &str, settings: ProxySettings| {
        let options = Options { proxy: settings, ..Options::default() };
        let context = context(name, options);
        let pem = Some(own.pem().into());
        let advice = Advice { untrusted: "the advice", ..Advice::default() };
        let client = Client::trusting(&context, Limits::default(), pem, advice);
        run::block_on(&context, client.get(&url(&server)))
    };
    let answer = send("own", ProxySettings::default()).expect("its authority is trusted");
    assert_eq!(answer.body(), b"{}");

    let https = Some(Secret::new(format!("https://localhost:{port}")));
    let error = failure(send("own-proxy", ProxySettings { https, ..ProxySettings::default() }));
    assert_eq!(error.kind, ErrorKind::Tls, "{error}");
    assert!(error.message.contains("UnknownIssuer"), "{error}");
    assert_eq!(proxy.received().len(), 0);

    // One name cannot stand for both.
    let https = Some(Secret::new(format!("https://127.0.0.1:{port}")));
    let error = failure(send("own-host", ProxySettings { https, ..ProxySettings::default() }));
    assert_eq!(error.kind, ErrorKind::Configuration, "{error}");
    assert!(error.message.contains("an https proxy has the same host"), "{error}");
    assert_eq!(proxy.received().len(), 0);

    let foreign = FaultServer::https(
        Fault::None,
        b"{}",
        &Authority::new("Another authority").identity(&["127.0.0.1"]),
    );
    let context = context("own-foreign", Options::default());
    let advice = Advice { untrusted: "the advice", ..Advice::default() };
    let client = Client::trusting(&context, Limits::default(), Some(own.pem().into()), advice);
    let error = failure(run::block_on(&context, client.get(&url(&foreign))));
    assert_eq!((error.kind, error.hint.as_deref()), (ErrorKind::Tls, Some("the advice")));
}

#[test]
fn a_part_is_returned_only_to_who_asked_for_one() {
    let part = Fault::Answer(206, "content-range: bytes 0-1/5000\r\n", b"{}".to_vec());
    let server = FaultServer::http(part, b"");
    let context = context("part", Options::default());
    let error = failure(send(&context, Request::get(url(&server))));
    assert_eq!(error.kind, ErrorKind::Protocol);
    let expected = "206 Partial Content: not the whole document";
    assert!(error.message.ends_with(expected), "{error}");

    let asked = Request::get(url(&server)).header("range", "bytes=0-1");
    let answer = send(&context, asked).expect("as asked");
    assert_eq!((answer.status(), answer.body()), (StatusCode::PARTIAL_CONTENT, &b"{}"[..]));
    let encodings = server.received();
    let encodings = encodings.iter().map(|request| request.header("accept-encoding"));
    assert_eq!(encodings.collect::<Vec<_>>(), [Some("gzip"), None]);
}

#[test]
fn other_successes_are_the_callers_to_judge_and_none_for_who_gets_a_document() {
    for status in [201, 202, 203, 204, 205, 207, 226, 299] {
        let server = FaultServer::http(Fault::Answer(status, "", b"{}".to_vec()), b"");
        let context = context("successes", Options::default());
        let answer = send(&context, Request::get(url(&server))).expect("an answer");
        assert_eq!(answer.status(), status);
        assert!(answer.error_for_status().is_ok(), "{status}");
        let client = Client::new(&context).expect("a client");
        let error = failure(run::block_on(&context, client.get(&url(&server))));
        assert_eq!((error.kind, error.retryable), (ErrorKind::Protocol, false), "{status}");
    }
}

#[test]
fn the_text_of_an_error_is_decompressed_too() {
    let text = b"no such project";
    let headers = "content-encoding: gzip\r\n";
    let server = FaultServer::http(Fault::Answer(404, headers, gzip(text)), b"");
    let answer = send(&context("text", Options::default()), Request::get(url(&server)));
    assert_eq!(answer.expect("an answer").body(), text);
}

#[test]
fn a_large_document_without_compression_is_taken_up_to_the_limit_alone() {
    let server = FaultServer::http(Fault::None, &[b' '; 1000]);
    let context = context("plain size", Options::default());
    let limited = |most| send(&context, Request::get(url(&server)).max_body_bytes(most));
    assert_eq!(limited(1000).expect("small enough").body().len(), 1000);
    let error = failure(limited(999));
    assert!(error.message.ends_with("the answer is more than 999 bytes"), "{error}");
}

#[test]
fn the_size_limit_of_a_request_is_the_requests() {
    let server = FaultServer::http(Fault::NoneGzip, &[b' '; 1000]);
    let context = context("size", Options::default());
    let limited = |most| send(&context, Request::get(url(&server)).max_body_bytes(most));
    assert_eq!(limited(1000).expect("small enough").body().len(), 1000);
    let error = failure(limited(999));
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.ends_with("more than 999 bytes after decompression"), "{error}");
}

#[test]
fn a_server_that_falls_silent_is_given_up_before_the_deadline() {
    for (fault, message) in [
        (Fault::BlackHole, "nothing came for 0.2 s"),
        (Fault::Pause, "nothing came for 0.2 s (after 1 bytes of the answer)"),
    ] {
        let server = FaultServer::http(fault, b"{}");
        let context = context("silent", Options { timeout_ms: Some(30_000), ..Options::default() });
        let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
        let client = Client::with_limits(&context, limits).expect("a client");
        let error = failure(run::block_on(&context, client.get(&url(&server))));
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(error.message.ends_with(message), "{error}");
    }
}

#[test]
fn trusted_roots_are_not_loaded_for_plain_http() {
    let server = FaultServer::http(Fault::None, b"{}");
    let options = Options { ca_file: Some("/nonexistent/ca.pem".to_owned()), ..Options::default() };
    let context = context("plain", options);
    assert!(send(&context, Request::get(url(&server))).is_ok());

    let secure = format!("https://{}/", server.address()).parse().expect("a URL");
    let error = failure(send(&context, Request::get(secure)));
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.contains("/nonexistent/ca.pem"), "{error}");
}

#[test]
fn insecure_is_said_in_one_warning_when_it_first_matters() {
    let warnings = || {
        let records = RECORDS.lock().expect("no test panicked here");
        records.iter().filter(|record| record.contains("insecure-endpoint")).count()
    };
    let identity = Authority::new("nobody's").expired_identity(&["elsewhere.example"]);
    let secure = FaultServer::https(Fault::None, b"{}", &identity);
    let plain = FaultServer::http(Fault::None, b"{}");
    let context = context("insecure-endpoint", Options { insecure: true, ..Options::default() });
    let client = Client::new(&context).expect("a client");
    let get = |server: &FaultServer| {
        let url = url(server);
        let answer = run::block_on(&context, client.get(&url)).expect("nothing is verified");
        assert_eq!(answer.body(), b"{}");
    };
    get(&plain);
    assert_eq!(warnings(), 0);
    get(&secure);
    get(&secure);
    assert_eq!(warnings(), 1);
}

#[test]
fn an_error_status_is_told_even_if_its_body_never_ends() {
    let server = FaultServer::http(Fault::StatusEndless(403), b"");
    let context = context("status", Options::default());
    let client = Client::new(&context).expect("a client");
    let error = failure(run::block_on(&context, client.get(&url(&server))));
    assert_eq!(error.kind, ErrorKind::Permission);
}

fn through_proxy(url: String, ca_file: Option<String>) -> Context {
    let proxy = ProxySettings { all: Some(Secret::new(url)), ..ProxySettings::default() };
    context("proxy", Options { proxy, ca_file, ..Options::default() })
}

#[test]
fn a_proxy_may_be_spoken_to_with_tls() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    // It answers as a server would, which is all that is needed to see what the proxy was asked.
    let proxy = FaultServer::https(Fault::None, b"{}", &identity);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("written");
    let ca_file = file.path().to_str().expect("UTF-8").to_owned();
    let context = through_proxy(proxy.url(""), Some(ca_file));
    let request = Request::get("http://inventory.test/a".parse().expect("a URL"));
    assert_eq!(send(&context, request).expect("an answer").body(), b"{}");
    assert_eq!(proxy.received()[0].target, "http://inventory.test/a");
}

#[test]
fn a_proxy_that_opens_no_tunnel_is_named() {
    let proxy = FaultServer::http(Fault::Status(403, None), b"");
    let context = through_proxy(proxy.url(""), None);
    let request = Request::get("https://inventory.test/a".parse().expect("a URL"));
    let error = failure(send(&context, request));
    assert_eq!(error.kind, ErrorKind::Connection);
    let expected = format!("through the proxy {}: it does not open a tunnel", proxy.url(""));
    assert!(error.message.ends_with(&expected), "{error}");
}
