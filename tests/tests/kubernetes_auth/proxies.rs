//! Through which proxy an API server is asked: the kubeconfig's own, else the request's.

use gatherer_tests::fault_server::{ForwardProxy, NodeServer, Source, closed_port, kubeconfig};
use serde_json::{Value, json};

use super::{NAMES, Place, assert_fails, assert_silent, assert_works, wants};

const TOKEN: &str = "canary-token-7f3a91";
/// `us@er:canary-77`.
const AUTHORIZATION: &str = "Basic dXNAZXI6Y2FuYXJ5LTc3";
const USER_INFO: &str = "us%40er:canary-77";
/// Whom only a proxy finds.
const CLUSTER: &str = "https://cluster.test:6443";

fn user() -> Value {
    json!({ "token": TOKEN })
}

fn document(place: &Place, server: &str, proxy: Option<&str>) -> Value {
    let mut cluster = place.trust();
    if let Some(proxy) = proxy {
        cluster["proxy-url"] = proxy.into();
    }
    kubeconfig(server, &cluster, &user())
}

/// What a proxy may learn of a request that goes through it: nothing but host and port.
#[track_caller]
fn assert_tunnels(proxy: &ForwardProxy) {
    let asked = proxy.received();
    assert!(!asked.is_empty(), "the proxy was not asked");
    for request in asked {
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("CONNECT", "cluster.test:6443")
        );
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn the_kubeconfigs_proxy_is_used_with_its_credentials_whatever_the_request_says() {
    let place = Place::new();
    let server = place.server(wants(&format!("Bearer {TOKEN}")));
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let url = format!("http://{USER_INFO}@{}", proxy.address());
    let nobody = format!("http://{}", closed_port());
    let run = || place.run([("e", document(&place, CLUSTER, Some(&url)))]);
    for run in [
        run(),
        run().env("https_proxy", &nobody).env("HTTPS_PROXY", &nobody),
        run().env("no_proxy", "*").env("NO_PROXY", "cluster.test,"),
    ] {
        let outcome = run.run();
        assert_works(&outcome, "e");
        assert_silent(&outcome, &["canary-77", TOKEN]);
    }
    assert_tunnels(&proxy);
}

#[test]
fn the_requests_proxy_is_used_where_the_kubeconfig_names_none() {
    let place = Place::new();
    let server = place.server(wants(&format!("Bearer {TOKEN}")));
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let url = format!("http://{USER_INFO}@{}", proxy.address());
    for (name, other) in [("https_proxy", "http_proxy"), ("all_proxy", "ftp_proxy")] {
        let outcome = place
            .run([("e", document(&place, CLUSTER, None))])
            .env(name, &url)
            .env(other, "http://192.0.2.1:1")
            .run();
        assert_works(&outcome, "e");
        assert_silent(&outcome, &["canary-77", TOKEN]);
    }
    assert_tunnels(&proxy);
}

#[test]
fn what_no_proxy_lists_is_asked_directly() {
    let place = Place::new();
    let server = place.server(|_| true);
    let nobody = format!("http://{}", closed_port());
    let address = server.url("");
    for exempt in ["127.0.0.1", "127.0.0.0/8,", ".test,127.0.0.1"] {
        let outcome = place
            .run([("e", document(&place, &address, None))])
            .env("https_proxy", &nobody)
            .env("no_proxy", exempt)
            .run();
        assert_works(&outcome, "e");
    }
    let outcome = place
        .run([("e", document(&place, &address, None))])
        .env("https_proxy", &nobody)
        .env("no_proxy", "10.0.0.0/8,cluster.test")
        .run();
    assert_fails(&outcome, "e", "connection", &["through the proxy", "connection refused"]);
}

#[test]
fn a_proxy_that_refuses_or_is_not_there_is_named_without_its_credentials() {
    let place = Place::new();
    let server = place.server(|_| true);
    let proxy = ForwardProxy::with_authentication(server.address(), "Basic other");
    let closed = closed_port();
    let (refuses, nobody) = (proxy.address().to_string(), closed.to_string());
    let url = |address: &str| format!("http://{USER_INFO}@{address}");
    let outcome = place
        .run([
            ("407", document(&place, CLUSTER, Some(&url(&refuses)))),
            ("refused", document(&place, CLUSTER, Some(&url(&nobody)))),
            ("ftp", document(&place, CLUSTER, Some("ftp://user:canary-77@proxy.test"))),
            ("no URL", document(&place, CLUSTER, Some("user:canary-77@proxy.test:1"))),
            ("plain 407", document(&place, "http://cluster.test", Some(&url(&refuses)))),
        ])
        .run();
    let through = format!("through the proxy http://{refuses}");
    for id in ["407", "plain 407"] {
        let texts = [&through, "407 Proxy Authentication Required"];
        assert_fails(&outcome, id, "authentication", &texts);
    }
    let through = format!("through the proxy http://{nobody}");
    assert_fails(&outcome, "refused", "connection", &[&through, "connection refused"]);
    assert_fails(&outcome, "ftp", "configuration", &["proxy-url"]);
    assert_fails(&outcome, "no URL", "configuration", &["proxy-url"]);
    assert_eq!(server.connections(), 0);
    assert_silent(&outcome, &["canary-77", TOKEN]);
}

#[test]
fn a_server_without_tls_is_asked_through_a_proxy_too() {
    let place = Place::new();
    let server = NodeServer::of(&Source::canned(&NAMES)).http();
    let proxy = ForwardProxy::with_authentication(server.address(), AUTHORIZATION);
    let url = format!("http://{USER_INFO}@{}", proxy.address());
    let outcome =
        place.run([("e", document(&place, "http://cluster.test:8080", Some(&url)))]).run();
    assert_works(&outcome, "e");
    for request in server.received() {
        assert_eq!(request.header("proxy-authorization"), None);
    }
    assert_silent(&outcome, &["canary-77", TOKEN]);
}
