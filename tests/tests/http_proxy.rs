//! Module File through a forward proxy: which requests go through it, what it learns, and what is
//! said when it refuses.

use gatherer_tests::fault_server::{
    Authority, DOCUMENT, Fault, FaultServer, ForwardProxy, closed_port,
};
use gatherer_tests::{Outcome, Run};
use serde_json::json;

/// `us@er:canary-77`.
const AUTHORIZATION: &str = "Basic dXNAZXI6Y2FuYXJ5LTc3";
const USER_INFO: &str = "us%40er:canary-77";
const CANARY: &str = "canary-77";

/// A run with one endpoint `a` that reads this URL.
fn run(url: &str) -> Run {
    let endpoint = json!({"id": "a", "module": "File", "url": url, "timeout": 30, "retries": 0});
    Run::gather(&json!([endpoint])).args(["--format", "inventory", "-vv"])
}

#[track_caller]
fn works(run: Run) -> Outcome {
    let outcome = run.run();
    assert_eq!(outcome.endpoint("a")["hosts"][0]["name"], "h1", "{}", outcome.describe());
    assert_silent(&outcome);
    outcome
}

/// The error's kind, message and hint.
#[track_caller]
fn fails(run: Run) -> (String, String) {
    let outcome = run.run();
    let error = outcome.endpoint("a")["error"].clone();
    assert_silent(&outcome);
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("kind"), format!("{} ({})", text("message"), text("hint")))
}

#[track_caller]
fn assert_silent(outcome: &Outcome) {
    assert!(!outcome.messages().contains(CANARY), "{}", outcome.describe());
    assert!(!outcome.stdout_text().contains(CANARY), "{}", outcome.describe());
}

fn server() -> FaultServer {
    FaultServer::http(Fault::None, DOCUMENT.as_bytes())
}

#[test]
fn plain_http_goes_through_the_proxy_which_looks_the_name_up() {
    let server = server();
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let address = format!("http://{USER_INFO}@{}", proxy.address());
    works(run("http://inventory.test/a?b").env("http_proxy", &address));

    let asked = proxy.received();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].target, "http://inventory.test/a?b");
    assert_eq!(asked[0].header("proxy-authorization"), Some(AUTHORIZATION));
    let arrived = server.received();
    assert_eq!(arrived[0].header("proxy-authorization"), None);
    assert_eq!(arrived[0].header("host"), Some("inventory.test"));
}

#[test]
fn https_goes_through_a_tunnel_and_the_proxy_learns_host_and_port_alone() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["inventory.test"]);
    let server = FaultServer::https(Fault::None, DOCUMENT.as_bytes(), &identity);
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

    let asked = proxy.received();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].method.as_str(), asked[0].target.as_str()),
        ("CONNECT", "inventory.test:8443")
    );
    assert_eq!(asked[0].header("proxy-authorization"), Some(AUTHORIZATION));
    assert_eq!(asked[0].header("authorization"), None);
    let arrived = server.received();
    assert_eq!(arrived[0].header("proxy-authorization"), None);
    assert_eq!(arrived[0].header("authorization"), Some("Basic dXNlcjpwYXNzd29yZA=="));
}

#[test]
fn a_proxy_that_refuses_or_is_not_there_is_named_without_its_credentials() {
    let server = server();
    let proxy = ForwardProxy::with_authentication(server.address(), "Basic other");
    let address = proxy.address().to_string();
    for url in ["http://inventory.test/a", "https://inventory.test/a"] {
        let setting = format!("http://{USER_INFO}@{address}");
        let run_here = run(url).env("http_proxy", &setting).env("https_proxy", &setting);
        let (kind, said) = fails(run_here);
        assert_eq!(kind, "authentication", "{said}");
        let expected = format!("through the proxy http://{address}: 407 Proxy Authentication");
        assert!(said.starts_with(&format!("GET {url}: {expected}")), "{said}");

        let closed = closed_port();
        let (kind, said) = fails(run(url).env("all_proxy", format!("{USER_INFO}@{closed}")));
        assert_eq!(kind, "connection", "{said}");
        let expected = format!("through the proxy http://{closed}: connection refused");
        assert!(said.contains(&expected), "{said}");

        let (kind, said) = fails(run(url).env("all_proxy", format!("socks5://{USER_INFO}@h:1")));
        assert_eq!(kind, "configuration", "{said}");
        assert!(said.contains("socks5"), "{said}");
    }
    assert_eq!(server.received().len(), 0);
}

#[test]
fn an_answer_that_came_through_a_proxy_says_so_because_it_may_be_the_proxys_own() {
    let page = Fault::Answer(200, "content-type: text/html\r\n", b"{}".to_vec());
    let coded = Fault::Answer(200, "content-encoding: br\r\n", b"{}".to_vec());
    let part = Fault::Answer(206, "", b"{}".to_vec());
    for (fault, kind, why) in [
        (Fault::Status(502, None), "unavailable", "502 Bad Gateway"),
        (Fault::Status(403, None), "permission", "403 Forbidden"),
        (part, "protocol", "206 Partial Content"),
        (page, "protocol", "answers with an HTML page"),
        (coded, "protocol", "the answer is encoded as br"),
    ] {
        let proxy = FaultServer::http(fault, b"");
        let address = proxy.url("").replace("http://", &format!("http://{USER_INFO}@"));
        let (got, said) = fails(run("http://inventory.test/a").env("http_proxy", &address));
        assert_eq!(got, kind, "{said}");
        let place = format!("GET http://inventory.test/a: through the proxy {}", proxy.url(""));
        assert!(said.starts_with(&format!("{place}: {why}")), "{said}");
    }
}

#[test]
fn what_no_proxy_lists_is_asked_directly() {
    let server = server();
    let port = server.address().port();
    let nobody = format!("http://{}", closed_port());
    let url = server.url("/a");
    for exempt in [
        "*".to_owned(),
        "127.0.0.1".to_owned(),
        "other.test, 127.0.0.0/8,".to_owned(),
        format!(" ,, 127.0.0.1:{port} "),
    ] {
        works(run(&url).env("http_proxy", &nobody).env("no_proxy", &exempt));
    }
    works(
        run(&format!("http://localhost:{port}/a"))
            .env("http_proxy", &nobody)
            .env("no_proxy", "localhost"),
    );

    let proxy = ForwardProxy::open(server.address());
    let address = format!("http://{}", proxy.address());
    for (number, through) in [
        "127.0.0.1:1".to_owned(),
        "10.0.0.0/8,localhost,.0.0.1".to_owned(),
        // The proxy's own address is not what is matched.
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
fn an_endpoints_own_proxy_stands_before_the_environments() {
    let server = server();
    let proxy = ForwardProxy::open(server.address());
    let nobody = format!("http://{}", closed_port());
    let gather = |endpoint_proxy: String| {
        let endpoint = json!({
            "id": "a", "module": "File", "url": server.url("/a"), "proxy": endpoint_proxy,
            "retries": 0,
        });
        Run::gather(&json!([endpoint]))
            .args(["--format", "inventory"])
            .env("http_proxy", &nobody)
            .env("no_proxy", "*")
    };
    works(gather(format!("http://{}", proxy.address())));
    assert_eq!(proxy.received().len(), 1);
    works(gather("none".to_owned()));
    assert_eq!(proxy.received().len(), 1);
}

#[test]
fn a_redirect_is_asked_for_anew_whether_it_needs_the_proxy() {
    let direct = server();
    let first = FaultServer::http(Fault::RedirectTo(direct.url("/b")), b"");
    let proxy = ForwardProxy::with_authentication(first.address(), AUTHORIZATION);
    let address = format!("http://{USER_INFO}@{}", proxy.address());
    works(run("http://inventory.test/a").env("http_proxy", &address).env("no_proxy", "127.0.0.1"));
    assert_eq!(proxy.received().len(), 1);
    assert_eq!(direct.received()[0].header("proxy-authorization"), None);
}
