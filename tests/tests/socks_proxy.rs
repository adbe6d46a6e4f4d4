//! The module File through a SOCKS 5 proxy that requires a user and a password. Only the proxy can resolve the names
//! of the servers.

use std::process::Command;

use gatherer_plugin_support::testing::{
    Action, Authority, ForwardProxy, KeyForm, ScriptedServer, closed_port,
};
use gatherer_tests::{FILE_DOCUMENT, Failure, Outcome, Run, assert_message, skip};
use serde_json::json;

const USER: &str = "us@er";
const PASSWORD: &str = "canary-77";
const USER_INFO: &str = "us%40er:canary-77";

fn server() -> ScriptedServer {
    ScriptedServer::http(|_| Action::answer(200, FILE_DOCUMENT))
}

/// A proxy in front of the server.
fn proxy(server: &ScriptedServer) -> ForwardProxy {
    ForwardProxy::socks5(server.address(), USER, PASSWORD)
}

fn url_of(proxy: &ForwardProxy) -> String {
    format!("socks5://{USER_INFO}@{}", proxy.address())
}

/// A run with one endpoint, `a`, which reads this URL.
fn run(url: &str) -> Run {
    let endpoint = json!({"id": "a", "module": "File", "url": url, "timeout": 30, "retries": 0});
    Run::gather(&json!([endpoint])).args(["--format", "inventory", "-vv"])
}

#[track_caller]
fn assert_shows_no_password(outcome: &Outcome) {
    assert!(!outcome.messages().contains(PASSWORD), "{}", outcome.describe());
    assert!(!outcome.stdout_text().contains(PASSWORD), "{}", outcome.describe());
}

#[track_caller]
fn assert_works(run: Run) {
    let outcome = run.run();
    assert_eq!(outcome.endpoint("a")["hosts"][0]["name"], "h1", "{}", outcome.describe());
    assert_shows_no_password(&outcome);
}

#[track_caller]
fn fails(run: Run) -> Failure {
    let outcome = run.run();
    assert_shows_no_password(&outcome);
    outcome.failure("a")
}

#[test]
fn the_proxy_resolves_the_name_of_the_server() {
    let server = server();
    let proxy = proxy(&server);
    for variable in ["http_proxy", "all_proxy"] {
        assert_works(run("http://cluster.invalid/a?b").env(variable, url_of(&proxy)));
    }
    let at_proxy: Vec<_> = proxy.received().into_iter().map(|request| request.target).collect();
    assert_eq!(at_proxy, ["cluster.invalid:80", "cluster.invalid:80"]);
    let at_server = server.received();
    assert_eq!((at_server.len(), at_server[0].target.as_str()), (2, "/a?b"));
    assert_eq!(at_server[0].header("host"), Some("cluster.invalid"));
    assert_eq!(at_server[0].header("proxy-authorization"), None);
}

#[test]
fn https_with_a_client_certificate_works_through_the_proxy() {
    let authority = Authority::new("The authority of this test");
    let clients = Authority::new("An authority for clients");
    let client = clients.client(KeyForm::Pkcs8).expect("openssl is not needed");
    let identity = authority.identity(&["cluster.invalid"]).demanding(&clients);
    let server = ScriptedServer::https(&identity, |_| Action::answer(200, FILE_DOCUMENT));
    let proxy = proxy(&server);
    let gather = |options: serde_json::Value| {
        let mut endpoint = json!({
            "id": "a", "module": "File", "url": "https://cluster.invalid:8443/a", "retries": 0,
            "ca_file": "ca.pem", "client_cert": client.certificate, "client_key": client.key,
        });
        let options = options.as_object().expect("options are an object").clone();
        endpoint.as_object_mut().expect("an endpoint is an object").extend(options);
        let run = Run::gather(&json!([endpoint])).args(["--format", "inventory", "-vv"]);
        std::fs::write(run.home().join("ca.pem"), authority.pem()).expect("written");
        run
    };
    assert_works(gather(json!({"proxy": url_of(&proxy)})));
    assert_works(gather(json!({})).env("https_proxy", url_of(&proxy)));
    assert_works(gather(json!({})).env("all_proxy", url_of(&proxy)));
    let at_proxy: Vec<_> = proxy.received().into_iter().map(|request| request.target).collect();
    assert_eq!(at_proxy, ["cluster.invalid:8443"; 3]);

    let failure =
        fails(gather(json!({"proxy": url_of(&proxy), "client_cert": null, "client_key": null})));
    assert_eq!(failure.kind, "tls", "{failure}");
}

#[test]
fn a_proxy_that_refuses_or_does_not_run_is_named_without_its_credentials() {
    let server = server();
    let proxy = proxy(&server);
    let address = proxy.address();
    let mut messages = String::new();
    for url in ["http://cluster.invalid/a", "https://cluster.invalid/a"] {
        let wrong = format!("socks5://{USER_INFO}-wrong@{address}");
        let refused = fails(run(url).env("all_proxy", wrong));
        assert_eq!(refused.kind, "authentication", "{refused}");
        let anonymous = fails(run(url).env("all_proxy", format!("socks5://{address}")));
        assert_eq!(anonymous.kind, "authentication", "{anonymous}");
        let closed = closed_port();
        let down = fails(run(url).env("all_proxy", format!("socks5://{USER_INFO}@{closed}")));
        assert_eq!(down.kind, "connection", "{down}");
        for (failure, address) in [(&refused, address), (&anonymous, address), (&down, closed)] {
            let through = format!("GET {url}: through the proxy socks5://{address}: ");
            assert!(failure.message.starts_with(&through), "{failure}");
        }
        messages = [messages, format!("{refused}\n{anonymous}\n{down}\n")].concat();
    }
    assert_eq!(server.received().len(), 0);
    assert_message!(messages);
}

#[test]
fn a_proxy_that_does_not_speak_socks_is_a_connection_error() {
    let server = server();
    let setting = format!("socks5://{USER_INFO}@{}", server.address());
    let failure = fails(run("http://cluster.invalid/a").env("all_proxy", setting));
    assert_eq!(failure.kind, "connection", "{failure}");
    assert_message!(failure);
}

#[test]
fn the_program_and_curl_read_the_same_through_the_proxy() {
    let server = server();
    let proxy = proxy(&server);
    for (password, works) in [(PASSWORD, true), ("another", false)] {
        let output = Command::new("curl")
            .args(["--silent", "--fail", "--noproxy", "", "--socks5-hostname"])
            .arg(proxy.address().to_string())
            .args(["--proxy-user", &format!("{USER}:{password}"), "http://cluster.invalid/a"])
            .output();
        let Ok(output) = output else { skip!("curl is not installed") };
        assert_eq!(output.stdout == FILE_DOCUMENT.as_bytes(), works, "{output:?}");
        let setting = format!("socks5://us%40er:{password}@{}", proxy.address());
        let outcome = run("http://cluster.invalid/a").env("all_proxy", setting).run();
        let is_complete = outcome.endpoint("a")["status"] == "complete";
        assert_eq!(is_complete, works, "{}", outcome.describe());
    }
}
