//! Tests of the HTTP client against a misbehaving server. Faults that the module File can encounter are
//! tested with the real program instead.

use std::time::Duration;

use gatherer_plugin_api::testing::Recorder;
use gatherer_plugin_api::{Context, ErrorKind, GatherError, Options, ProxySettings, Secret};
use gatherer_plugin_support::http::{
    CertificateHints, Client, Method, Request, Response, StatusCode, Timeouts,
};
use gatherer_plugin_support::run;
use gatherer_plugin_support::testing::{
    Action, Authority, ReceivedRequest, ScriptedServer, answers, gzip,
};
use url::Url;

fn context(options: Options) -> Context {
    Recorder::new().options(options).context()
}

/// A script that answers with a small document.
fn document(_: &ReceivedRequest) -> Action {
    Action::answer(200, "{}")
}

fn url(server: &ScriptedServer) -> Url {
    server.url("/a?b").parse().expect("a valid URL")
}

fn send(context: &Context, request: Request) -> Result<Response, GatherError> {
    let client = Client::new(context)?;
    run::block_on(context, client.send(request))
}

fn failure(outcome: Result<Response, GatherError>) -> GatherError {
    outcome.map(|response| response.status()).expect_err("the server misbehaves")
}

#[test]
fn sends_method_headers_and_body_and_returns_status_headers_and_body() {
    let server = ScriptedServer::http(|_| {
        Action::answer(418, "no document here").header("retry-after", "7")
    });
    let request = Request::new(Method::POST, url(&server))
        .header("x-auth-token", "secret")
        .basic_auth("user", "password")
        .body(b"hello".to_vec());
    let response = send(&context(Options::default()), request).expect("a response");
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.body(), b"no document here");

    let received = &server.received()[0];
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/a?b"));
    assert_eq!(received.header("x-auth-token"), Some("secret"));
    assert_eq!(received.header("authorization"), Some("Basic dXNlcjpwYXNzd29yZA=="));
    assert_eq!(received.header("content-length"), Some("5"));
}

#[test]
fn a_proxy_is_not_verified_with_the_authorities_of_the_service_behind_it() {
    let own = Authority::new("The service's authority");
    let server = ScriptedServer::https(&own.identity(&["127.0.0.1"]), document);
    let proxy = ScriptedServer::https(&own.identity(&["localhost", "127.0.0.1"]), document);
    let port = proxy.address().port();
    let send = |settings: ProxySettings| {
        let options = Options { proxy: settings, ..Options::default() };
        let context = context(options);
        let pem = Some(own.pem().into());
        let hints = CertificateHints { untrusted: "the service's hint", ..Default::default() };
        let client = Client::with_authorities(&context, Timeouts::default(), pem, hints);
        run::block_on(&context, client.get(&url(&server)))
    };
    let response = send(ProxySettings::default()).expect("the authority is trusted");
    assert_eq!(response.body(), b"{}");

    // Even a proxy of the same name as the service is verified with other authorities.
    for host in ["localhost", "127.0.0.1"] {
        let https = Some(Secret::new(format!("https://{host}:{port}")));
        let error = failure(send(ProxySettings { https, ..ProxySettings::default() }));
        assert_eq!(error.kind, ErrorKind::Tls, "{error}");
        assert!(error.message.contains("issuer is not trusted"), "{error}");
        assert!(error.hint.is_some_and(|hint| hint.contains("ca_file")));
    }
    assert_eq!(proxy.received().len(), 0);
}

#[test]
fn the_hint_about_an_untrusted_certificate_can_be_replaced() {
    let own = Authority::new("The service's authority");
    let other = Authority::new("Another authority").identity(&["127.0.0.1"]);
    let server = ScriptedServer::https(&other, document);
    let context = context(Options::default());
    let hints = CertificateHints { untrusted: "the hint", ..CertificateHints::default() };
    let pem = Some(own.pem().into());
    let client = Client::with_authorities(&context, Timeouts::default(), pem, hints);
    let error = failure(run::block_on(&context, client.get(&url(&server))));
    assert_eq!((error.kind, error.hint.as_deref()), (ErrorKind::Tls, Some("the hint")));
}

#[test]
fn a_partial_response_is_returned_only_if_a_range_was_requested() {
    let server = ScriptedServer::http(|_| {
        Action::answer(206, "{}").header("content-range", "bytes 0-1/5000")
    });
    let context = context(Options::default());
    let error = failure(send(&context, Request::get(url(&server))));
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains("206 Partial Content: "), "{error}");

    let request = Request::get(url(&server)).header("range", "bytes=0-1");
    let response = send(&context, request).expect("a range was requested");
    assert_eq!((response.status(), response.body()), (StatusCode::PARTIAL_CONTENT, &b"{}"[..]));
    let encodings = server.received();
    let encodings = encodings.iter().map(|request| request.header("accept-encoding"));
    assert_eq!(encodings.collect::<Vec<_>>(), [Some("gzip"), None]);
}

#[test]
fn send_returns_every_2xx_status_and_get_only_200() {
    for status in [201, 202, 203, 204, 205, 207, 226, 299] {
        let server = ScriptedServer::http(move |_| Action::answer(status, "{}"));
        let context = context(Options::default());
        let response = send(&context, Request::get(url(&server))).expect("a response");
        assert_eq!(response.status(), status);
        assert!(response.error_for_status().is_ok(), "{status}");
        let client = Client::new(&context).expect("a client");
        let error = failure(run::block_on(&context, client.get(&url(&server))));
        assert_eq!((error.kind, error.retryable), (ErrorKind::Protocol, false), "{status}");
    }
}

#[test]
fn the_body_of_an_error_response_is_decompressed_too() {
    let text = b"no such project";
    let server = ScriptedServer::http(|_| {
        Action::answer(404, gzip(text)).header("content-encoding", "gzip")
    });
    let response = send(&context(Options::default()), Request::get(url(&server)));
    assert_eq!(response.expect("a response").body(), text);
}

#[test]
fn rejects_an_uncompressed_document_above_the_limit() {
    let server = ScriptedServer::http(|_| Action::answer(200, [b' '; 1000]));
    let context = context(Options::default());
    let limited = |bytes| send(&context, Request::get(url(&server)).max_body_bytes(bytes));
    assert_eq!(limited(1000).expect("small enough").body().len(), 1000);
    let error = failure(limited(999));
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.ends_with(" 999 bytes"), "{error}");
}

#[test]
fn rejects_a_compressed_document_above_the_limit() {
    let server = ScriptedServer::http(|_| Action::gzip(&[b' '; 1000]));
    let context = context(Options::default());
    let limited = |bytes| send(&context, Request::get(url(&server)).max_body_bytes(bytes));
    assert_eq!(limited(1000).expect("small enough").body().len(), 1000);
    let error = failure(limited(999));
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.message.contains(" 999 bytes after decompression"), "{error}");
}

#[test]
fn a_silent_server_is_given_up_after_the_idle_timeout() {
    for (fault, details) in
        [(Action::BlackHole, " 0.2 s"), (Action::Pause, " 0.2 s (after 1 bytes ")]
    {
        let server = ScriptedServer::http(answers([fault]));
        let context = context(Options { timeout_ms: Some(30_000), ..Options::default() });
        let timeouts = Timeouts { idle: Duration::from_millis(200), ..Timeouts::default() };
        let client = Client::with_timeouts(&context, timeouts).expect("a client");
        let error = failure(run::block_on(&context, client.get(&url(&server))));
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(error.message.contains(details), "{error}");
    }
}

#[test]
fn a_request_on_an_unused_connection_has_the_whole_idle_timeout() {
    let pause = Duration::from_millis(1200);
    let server = ScriptedServer::http(move |request| {
        if request.number == 1 {
            std::thread::sleep(pause);
        }
        Action::answer(200, "{}")
    });
    let context = context(Options::default());
    let timeouts = Timeouts { idle: Duration::from_secs(2), ..Timeouts::default() };
    let client = Client::with_timeouts(&context, timeouts).expect("a client");
    let twice = async {
        client.get(&url(&server)).await?;
        tokio::time::sleep(pause).await;
        client.get(&url(&server)).await
    };
    run::block_on(&context, twice).expect("a response within the idle timeout");
    assert_eq!(server.connections(), 1);
}

#[test]
fn trusted_roots_are_not_loaded_for_plain_http() {
    let server = ScriptedServer::http(document);
    let options = Options { ca_file: Some("/nonexistent/ca.pem".to_owned()), ..Options::default() };
    let context = context(options);
    assert!(send(&context, Request::get(url(&server))).is_ok());

    let secure = format!("https://{}/", server.address()).parse().expect("a valid URL");
    let error = failure(send(&context, Request::get(secure)));
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.contains("/nonexistent/ca.pem"), "{error}");
}

#[test]
fn insecure_causes_one_warning_when_it_is_first_used() {
    let options = Options { insecure: true, ..Options::default() };
    let recorder = Recorder::new().options(options);
    let warnings = || recorder.warnings().len();
    let identity = Authority::new("Untrusted").expired_identity(&["elsewhere.example"]);
    let secure = ScriptedServer::https(&identity, document);
    let plain = ScriptedServer::http(document);
    let context = recorder.context();
    let client = Client::new(&context).expect("a client");
    let get = |server: &ScriptedServer| {
        let url = url(server);
        let response = run::block_on(&context, client.get(&url)).expect("nothing is verified");
        assert_eq!(response.body(), b"{}");
    };
    get(&plain);
    assert_eq!(warnings(), 0);
    get(&secure);
    get(&secure);
    assert_eq!(warnings(), 1);
}

#[test]
fn an_error_status_is_reported_even_if_its_body_never_ends() {
    let server = ScriptedServer::http(|_| Action::Endless(403));
    let context = context(Options::default());
    let client = Client::new(&context).expect("a client");
    let error = failure(run::block_on(&context, client.get(&url(&server))));
    assert_eq!(error.kind, ErrorKind::Permission);
}

fn through_proxy(url: String, ca_file: Option<String>) -> Context {
    let proxy = ProxySettings { all: Some(Secret::new(url)), ..ProxySettings::default() };
    context(Options { proxy, ca_file, ..Options::default() })
}

#[test]
fn a_proxy_can_use_tls() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    // This is not a real proxy, but it records the request and responds to it.
    let proxy = ScriptedServer::https(&identity, document);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("written");
    let ca_file = file.path().to_str().expect("UTF-8").to_owned();
    let context = through_proxy(proxy.url(""), Some(ca_file));
    let request = Request::get("http://inventory.test/a".parse().expect("a valid URL"));
    assert_eq!(send(&context, request).expect("a response").body(), b"{}");
    assert_eq!(proxy.received()[0].target, "http://inventory.test/a");
}

#[test]
fn a_proxy_that_refuses_a_tunnel_is_named() {
    let proxy = ScriptedServer::http(|_| Action::answer(403, "no document here"));
    let context = through_proxy(proxy.url(""), None);
    let request = Request::get("https://inventory.test/a".parse().expect("a valid URL"));
    let error = failure(send(&context, request));
    assert_eq!(error.kind, ErrorKind::Connection);
    assert!(error.message.contains(&format!("through the proxy {}: ", proxy.url(""))), "{error}");
    let agent = concat!("virtual-host-gatherer/", env!("CARGO_PKG_VERSION"));
    assert_eq!(proxy.received()[0].header("user-agent"), Some(agent));
}
