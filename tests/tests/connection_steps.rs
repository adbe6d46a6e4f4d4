//! The steps of a connection in the log at `-vv`: the proxy, the address, TLS, the credentials, the request, its response.

use gatherer_plugin_support::testing::{
    Action, Authority, ForwardProxy, ReceivedRequest, ScriptedServer,
};
use gatherer_tests::scripted_cluster::{base64, kubeconfig};
use gatherer_tests::{FILE_DOCUMENT, Outcome, PluginFolder, Run};
use serde_json::json;

const PASSWORD: &str = "canary-55";

/// Asserts that the log has lines with these texts, in this order, with a time at the end if they end in ` ms)`.
#[track_caller]
fn assert_steps(outcome: &Outcome, steps: &[&str]) {
    let mut lines = outcome.log.lines();
    for step in steps {
        assert!(lines.any(|line| line.contains(step)), "{step}: {}", outcome.describe());
    }
    assert!(!outcome.messages().contains(PASSWORD), "{}", outcome.describe());
}

fn file(url: &str) -> Run {
    Run::gather(&json!([{"id": "a", "module": "File", "url": url}])).arg("-vv")
}

#[test]
fn a_direct_connection_shows_its_reason_address_credentials_and_response() {
    let server = ScriptedServer::http(|_| Action::answer(200, FILE_DOCUMENT));
    let address = server.address();
    let run = file(&format!("http://inventory:{PASSWORD}@{address}/a?b=c"));
    let outcome = run.env("http_proxy", "http://192.0.2.1:1").env("no_proxy", "127.0.0.1").run();
    let origin = format!("http://{address}");
    assert_steps(
        &outcome.expect_code(0),
        &[
            &format!("GET {origin}/a: sending with authorization: Basic"),
            &format!("{origin}: connecting directly, because no_proxy contains the host"),
            &format!("{origin}: connected to {address} ("),
            &format!("GET {origin}/a: 200 OK ("),
            &format!("GET {origin}/a: {} bytes read (", FILE_DOCUMENT.len()),
        ],
    );
}

#[test]
fn a_connection_through_a_proxy_shows_the_proxy_and_tls() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["inventory.test"]);
    let server = ScriptedServer::https(&identity, |_| Action::answer(200, FILE_DOCUMENT));
    let proxy = ForwardProxy::open(server.address());
    let run = file("https://inventory.test/a");
    std::fs::write(run.home().join("ca.pem"), authority.pem()).expect("writable");
    let certificates = run.home().join("ca.pem");
    let run = run.env("SSL_CERT_FILE", certificates);
    let run = run.env("https_proxy", format!("http://user:{PASSWORD}@{}", proxy.address()));
    let outcome = run.run().expect_code(0);
    let address = proxy.address();
    assert_steps(
        &outcome,
        &[
            "GET https://inventory.test/a: sending with no credentials",
            &format!("https://inventory.test: connecting through the proxy http://{address}"),
            &format!("http://{address}: connected to {address} ("),
            &format!("https://inventory.test: the proxy http://{address} is connected to it ("),
            "inventory.test: TLS 1.3, the certificate is for ",
            &format!("GET https://inventory.test/a: through the proxy http://{address}: 200 OK ("),
        ],
    );
}

#[test]
fn kubernetes_shows_each_page_and_the_source_of_its_credentials() {
    let authority = Authority::new("The authority of this test");
    let respond = |request: &ReceivedRequest| {
        let (name, next) = match request.query("continue") {
            None => ("n1", "more"),
            Some(_) => ("n2", ""),
        };
        let list = json!({
            "kind": "NodeList", "apiVersion": "v1", "metadata": {"resourceVersion": "7", "continue": next},
            "items": [{"metadata": {"name": name, "uid": name}}],
        });
        match request.path() {
            "/api/v1/nodes" => {
                Action::answer(200, list.to_string()).header("content-type", "application/json")
            }
            _ => Action::json(404, &json!({"kind": "Status", "code": 404})),
        }
    };
    let server = ScriptedServer::https(&authority.identity(&["127.0.0.1"]), respond);
    let plugins = PluginFolder::with(&["kubernetes"]);
    let trust = json!({"certificate-authority-data": base64(authority.pem())});
    let kubeconfig = kubeconfig(&server.url(""), &trust, &json!({"token": PASSWORD}));
    let endpoint = json!({"id": "k", "module": "Kubernetes", "kubeconfig": kubeconfig.to_string()});
    let outcome = Run::gather(&json!([endpoint])).plugins(plugins.path()).arg("-vv").run();
    let outcome = outcome.expect_code(0);
    let url = server.url("");
    assert_steps(
        &outcome,
        &[
            "GET /api/v1/nodes: sending with authorization: Bearer of the kubeconfig's user",
            "connecting directly, because no proxy is set",
            "127.0.0.1: TLS 1.3, the certificate is for ",
            &format!("GET {url}/api/v1/nodes: 200 OK ("),
            &format!("GET {url}/api/v1/nodes, page 2: 200 OK ("),
        ],
    );
}
