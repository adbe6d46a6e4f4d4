//! Tests of the proxy for an API server: the kubeconfig's own, or else the request's.

use gatherer_plugin_support::testing::{ForwardProxy, closed_port};
use gatherer_tests::scripted_cluster::{NodeServer, Source, kubeconfig};
use serde_json::{Value, json};

use super::{NAMES, Setup, assert_fails, assert_no_leak, assert_works, requires};

const TOKEN: &str = "canary-token-7f3a91";
/// `us@er:canary-77`.
const AUTHORIZATION: &str = "Basic dXNAZXI6Y2FuYXJ5LTc3";
const USER_INFO: &str = "us%40er:canary-77";
/// A server whose name only the test proxy resolves.
const CLUSTER: &str = "https://cluster.test:6443";

fn user() -> Value {
    json!({ "token": TOKEN })
}

fn document(setup: &Setup, server: &str, proxy: Option<&str>) -> Value {
    let mut cluster = setup.trust();
    if let Some(proxy) = proxy {
        cluster["proxy-url"] = proxy.into();
    }
    kubeconfig(server, &cluster, &user())
}

/// Panics unless the proxy received only CONNECT requests with host and port.
#[track_caller]
fn assert_tunnels(proxy: &ForwardProxy) {
    let requests = proxy.received();
    assert!(!requests.is_empty(), "the proxy was not used");
    for request in requests {
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("CONNECT", "cluster.test:6443")
        );
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn the_kubeconfigs_proxy_takes_precedence_over_the_environment() {
    let setup = Setup::new();
    let server = setup.server(requires(&format!("Bearer {TOKEN}")));
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let url = format!("http://{USER_INFO}@{}", proxy.address());
    let closed = format!("http://{}", closed_port());
    let run = || setup.run([("e", document(&setup, CLUSTER, Some(&url)))]);
    for run in [
        run(),
        run().env("https_proxy", &closed).env("HTTPS_PROXY", &closed),
        run().env("no_proxy", "*").env("NO_PROXY", "cluster.test,"),
    ] {
        let outcome = run.run();
        assert_works(&outcome, "e");
        assert_no_leak(&outcome, &["canary-77", TOKEN]);
    }
    assert_tunnels(&proxy);
}

#[test]
fn uses_the_requests_proxy_if_the_kubeconfig_names_none() {
    let setup = Setup::new();
    let server = setup.server(requires(&format!("Bearer {TOKEN}")));
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let url = format!("http://{USER_INFO}@{}", proxy.address());
    for (name, other) in [("https_proxy", "http_proxy"), ("all_proxy", "ftp_proxy")] {
        let outcome = setup
            .run([("e", document(&setup, CLUSTER, None))])
            .env(name, &url)
            .env(other, "http://192.0.2.1:1")
            .run();
        assert_works(&outcome, "e");
        assert_no_leak(&outcome, &["canary-77", TOKEN]);
    }
    assert_tunnels(&proxy);
}

#[test]
fn connects_directly_to_hosts_in_no_proxy() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let closed = format!("http://{}", closed_port());
    let address = server.url("");
    for exempt in ["127.0.0.1", "127.0.0.0/8,", ".test,127.0.0.1"] {
        let outcome = setup
            .run([("e", document(&setup, &address, None))])
            .env("https_proxy", &closed)
            .env("no_proxy", exempt)
            .run();
        assert_works(&outcome, "e");
    }
    let outcome = setup
        .run([("e", document(&setup, &address, None))])
        .env("https_proxy", &closed)
        .env("no_proxy", "10.0.0.0/8,cluster.test")
        .run();
    assert_fails(&outcome, "e", "connection", &["through the proxy", "connection refused"]);
}

#[test]
fn the_error_of_an_unusable_proxy_names_it_without_credentials() {
    let setup = Setup::new();
    let server = setup.server(|_| true);
    let proxy = ForwardProxy::with_authentication(server.address(), "Basic other");
    let (refuses, closed) = (proxy.address().to_string(), closed_port().to_string());
    let url = |address: &str| format!("http://{USER_INFO}@{address}");
    let outcome = setup
        .run([
            ("407", document(&setup, CLUSTER, Some(&url(&refuses)))),
            ("refused", document(&setup, CLUSTER, Some(&url(&closed)))),
            ("ftp", document(&setup, CLUSTER, Some("ftp://user:canary-77@proxy.test"))),
            ("no URL", document(&setup, CLUSTER, Some("user:canary-77@proxy.test:1"))),
            ("plain 407", document(&setup, "http://cluster.test", Some(&url(&refuses)))),
        ])
        .run();
    let through = format!("through the proxy http://{refuses}");
    for id in ["407", "plain 407"] {
        let texts = [&through, "407 Proxy Authentication Required"];
        assert_fails(&outcome, id, "authentication", &texts);
    }
    let through = format!("through the proxy http://{closed}");
    assert_fails(&outcome, "refused", "connection", &[&through, "connection refused"]);
    assert_fails(&outcome, "ftp", "configuration", &["proxy-url"]);
    assert_fails(&outcome, "no URL", "configuration", &["proxy-url"]);
    assert_eq!(server.connections(), 0);
    assert_no_leak(&outcome, &["canary-77", TOKEN]);
}

#[test]
fn uses_a_proxy_for_a_server_without_tls() {
    let setup = Setup::new();
    let server = NodeServer::of(&Source::canned(&NAMES)).http();
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let url = format!("http://{USER_INFO}@{}", proxy.address());
    let outcome =
        setup.run([("e", document(&setup, "http://cluster.test:8080", Some(&url)))]).run();
    assert_works(&outcome, "e");
    for request in server.received() {
        assert_eq!(request.header("proxy-authorization"), None);
    }
    assert_no_leak(&outcome, &["canary-77", TOKEN]);
}
