//! The module File through a forward proxy: which requests use the proxy, which data the proxy receives,
//! and the errors about it.

use gatherer_plugin_support::testing::{
    Action, Authority, ForwardProxy, ScriptedServer, answers, closed_port,
};
use gatherer_tests::{FILE_DOCUMENT, Failure, Outcome, Run, assert_message};
use serde_json::json;

/// `us@er:canary-77`.
const AUTHORIZATION: &str = "Basic dXNAZXI6Y2FuYXJ5LTc3";
const USER_INFO: &str = "us%40er:canary-77";
const CANARY: &str = "canary-77";

/// A run with one endpoint, `a`, which reads this URL.
fn run(url: &str) -> Run {
    let endpoint = json!({"id": "a", "module": "File", "url": url, "timeout": 30, "retries": 0});
    Run::gather(&json!([endpoint])).args(["--format", "inventory", "-vv"])
}

#[track_caller]
fn works(run: Run) -> Outcome {
    let outcome = run.run();
    assert_eq!(outcome.endpoint("a")["hosts"][0]["name"], "h1", "{}", outcome.describe());
    assert_shows_no_credentials(&outcome);
    outcome
}

#[track_caller]
fn fails(run: Run) -> Failure {
    let outcome = run.run();
    assert_shows_no_credentials(&outcome);
    outcome.failure("a")
}

#[track_caller]
fn assert_shows_no_credentials(outcome: &Outcome) {
    assert!(!outcome.messages().contains(CANARY), "{}", outcome.describe());
    assert!(!outcome.stdout_text().contains(CANARY), "{}", outcome.describe());
}

fn server() -> ScriptedServer {
    ScriptedServer::http(|_| Action::answer(200, FILE_DOCUMENT))
}

#[test]
fn plain_http_goes_through_the_proxy_which_resolves_the_name() {
    let server = server();
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let address = format!("http://{USER_INFO}@{}", proxy.address());
    works(run("http://inventory.test/a?b").env("http_proxy", &address));

    let at_proxy = proxy.received();
    assert_eq!(at_proxy.len(), 1);
    assert_eq!(at_proxy[0].target, "http://inventory.test/a?b");
    assert_eq!(at_proxy[0].header("proxy-authorization"), Some(AUTHORIZATION));
    let at_server = server.received();
    assert_eq!(at_server[0].header("proxy-authorization"), None);
    assert_eq!(at_server[0].header("host"), Some("inventory.test"));
}

#[test]
fn https_uses_a_tunnel_and_the_proxy_receives_only_host_and_port() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["inventory.test"]);
    let server = ScriptedServer::https(&identity, |_| Action::answer(200, FILE_DOCUMENT));
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("written");
    let address = format!("http://{USER_INFO}@{}", proxy.address());
    let other = format!("http://{}", closed_port());
    works(
        run("https://user:password@inventory.test:8443/a?b")
            .env("https_proxy", &address)
            .env("http_proxy", &other)
            .env("SSL_CERT_FILE", file.path()),
    );

    let at_proxy = proxy.received();
    assert_eq!(at_proxy.len(), 1);
    assert_eq!(
        (at_proxy[0].method.as_str(), at_proxy[0].target.as_str()),
        ("CONNECT", "inventory.test:8443")
    );
    assert_eq!(at_proxy[0].header("proxy-authorization"), Some(AUTHORIZATION));
    assert_eq!(at_proxy[0].header("authorization"), None);
    let at_server = server.received();
    assert_eq!(at_server[0].header("proxy-authorization"), None);
    assert_eq!(at_server[0].header("authorization"), Some("Basic dXNlcjpwYXNzd29yZA=="));
}

#[test]
fn a_proxy_that_refuses_or_does_not_run_is_named_without_its_credentials() {
    let server = server();
    let proxy = ForwardProxy::with_authentication(server.address(), "Basic other");
    let address = proxy.address().to_string();
    let mut messages = String::new();
    for url in ["http://inventory.test/a", "https://inventory.test/a"] {
        let setting = format!("http://{USER_INFO}@{address}");
        let refused = fails(run(url).env("http_proxy", &setting).env("https_proxy", &setting));
        assert_eq!(refused.kind, "authentication", "{refused}");
        let through = format!("GET {url}: through the proxy http://{address}: 407 ");
        assert!(refused.message.starts_with(&through), "{refused}");

        let closed = closed_port();
        let down = fails(run(url).env("all_proxy", format!("{USER_INFO}@{closed}")));
        assert_eq!(down.kind, "connection", "{down}");
        assert!(down.message.contains(&format!("through the proxy http://{closed}: ")), "{down}");

        let socks = fails(run(url).env("all_proxy", format!("socks5://{USER_INFO}@{closed}")));
        assert_eq!(socks.kind, "connection", "{socks}");
        let through = format!("through the proxy socks5://{closed}: ");
        assert!(socks.message.contains(&through), "{socks}");

        let other = fails(run(url).env("all_proxy", format!("socks4://{USER_INFO}@{closed}")));
        assert_eq!(other.kind, "configuration", "{other}");
        messages = [messages, format!("{refused}\n{down}\n{socks}\n{other}\n")].concat();
    }
    assert_eq!(server.received().len(), 0);
    assert_message!(messages);
}

#[test]
fn an_error_names_the_proxy_because_the_response_may_come_from_it() {
    let page = Action::answer(200, "{}").header("content-type", "text/html");
    let encoded = Action::answer(200, "{}").header("content-encoding", "br");
    let part = Action::answer(206, "{}");
    for (action, kind, mentions) in [
        (Action::answer(502, "no document here"), "unavailable", "502 Bad Gateway"),
        (Action::answer(403, "no document here"), "permission", "403 Forbidden"),
        (part, "protocol", "206 Partial Content"),
        (page, "protocol", "HTML"),
        (encoded, "protocol", " br "),
    ] {
        let proxy = ScriptedServer::http(answers([action]));
        let address = proxy.url("").replace("http://", &format!("http://{USER_INFO}@"));
        let failure = fails(run("http://inventory.test/a").env("http_proxy", &address));
        assert_eq!(failure.kind, kind, "{failure}");
        let through = format!("GET http://inventory.test/a: through the proxy {}: ", proxy.url(""));
        assert!(failure.message.starts_with(&through), "{failure}");
        assert!(failure.message.contains(mentions), "{failure}");
    }
}

#[test]
fn hosts_in_no_proxy_are_connected_to_directly() {
    let server = server();
    let port = server.address().port();
    let unused = format!("http://{}", closed_port());
    let url = server.url("/a");
    for exempt in [
        "*".to_owned(),
        "127.0.0.1".to_owned(),
        "other.test, 127.0.0.0/8,".to_owned(),
        format!(" ,, 127.0.0.1:{port} "),
    ] {
        works(run(&url).env("http_proxy", &unused).env("no_proxy", &exempt));
    }
    works(
        run(&format!("http://localhost:{port}/a"))
            .env("http_proxy", &unused)
            .env("no_proxy", "localhost"),
    );

    let proxy = ForwardProxy::open(server.address());
    let address = format!("http://{}", proxy.address());
    for (number, through) in [
        "127.0.0.1:1".to_owned(),
        "10.0.0.0/8,localhost,.0.0.1".to_owned(),
        // The list is not matched against the proxy's own address.
        proxy.address().to_string(),
    ]
    .iter()
    .enumerate()
    {
        works(run(&url).env("http_proxy", &address).env("no_proxy", through));
        assert_eq!(proxy.received().len(), number + 1, "{through}");
    }
}

#[test]
fn an_endpoints_proxy_takes_precedence_over_the_environment() {
    let server = server();
    let proxy = ForwardProxy::open(server.address());
    let unused = format!("http://{}", closed_port());
    let gather = |endpoint_proxy: String| {
        let endpoint = json!({
            "id": "a", "module": "File", "url": server.url("/a"), "proxy": endpoint_proxy,
            "retries": 0,
        });
        Run::gather(&json!([endpoint]))
            .args(["--format", "inventory"])
            .env("http_proxy", &unused)
            .env("no_proxy", "*")
    };
    works(gather(format!("http://{}", proxy.address())));
    assert_eq!(proxy.received().len(), 1);
    works(gather("none".to_owned()));
    assert_eq!(proxy.received().len(), 1);
}

#[test]
fn the_proxy_is_chosen_again_after_a_redirect() {
    let direct = server();
    let first = ScriptedServer::http(answers([Action::redirect(&direct.url("/b"))]));
    let proxy = ForwardProxy::with_authentication(first.address(), AUTHORIZATION);
    let address = format!("http://{USER_INFO}@{}", proxy.address());
    works(run("http://inventory.test/a").env("http_proxy", &address).env("no_proxy", "127.0.0.1"));
    assert_eq!(proxy.received().len(), 1);
    assert_eq!(direct.received()[0].header("proxy-authorization"), None);
}
