//! Failures of a web service and of a proxy in front of it.

use base64::Engine as _;
use gatherer_plugin_support::testing::{
    Action, Authority, ForwardProxy, FullPort, ScriptedServer, answers, closed_port,
};
use gatherer_tests::scripted_cluster::{NodeServer, Source, base64, faults, kubeconfig};
use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

use super::{Failures, endpoint};

fn run(endpoint: &Value) -> Run {
    // The folder must exist until the run ends, so it is never removed by this process.
    let plugins = Box::leak(Box::new(PluginFolder::with(&["file", "kubernetes"])));
    Run::gather(&json!([endpoint])).plugins(plugins.path())
}

fn file(url: &str) -> Value {
    endpoint("File", json!({"url": url, "timeout": 4}))
}

#[test]
fn failures_of_a_web_service_name_the_credential_the_date_and_the_proxy() {
    let mut failures = Failures::default();
    let wrong = ScriptedServer::http(|_| Action::answer(401, ""));
    let url = wrong.url("/hosts.json").replace("http://", "http://inventory:hunter2@");
    failures.add("wrong password", || run(&file(&url)), &["password of the user inventory"]);

    let unknown = file("http://inventory.invalid/hosts.json");
    failures.add("unknown name", || run(&unknown), &["inventory.invalid"]);

    let authority = Authority::new("The authority of this test");
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).expect("written");
    let expired = authority.expired_identity(&["127.0.0.1"]);
    let expired = ScriptedServer::https(&expired, |_| Action::answer(200, "[]"));
    let mut expired = file(&expired.url("/hosts.json"));
    expired["ca_file"] = ca.to_str().expect("the path is text").into();
    failures.add("expired server certificate", || run(&expired), &["2020-01-01T00:00:00Z"]);

    let url = "https://inventory.test/hosts.json";
    let through = |proxy: String| run(&file(url)).env("https_proxy", proxy);
    let proxy = ForwardProxy::with_authentication(closed_port(), "Basic other");
    let proxy = format!("http://me:hunter2@{}", proxy_address(&proxy));
    failures.add("proxy 407", || through(proxy.clone()), &["407", "no_proxy"]);
    for (case, status) in [("proxy 403", 403), ("proxy 503", 503)] {
        let proxy = ScriptedServer::http(move |_| Action::answer(status, "no"));
        let address = proxy.url("");
        let text = status.to_string();
        let texts = [text.as_str(), address.as_str(), "no_proxy", "\"proxy\": \"none\""];
        failures.add(case, || through(address.clone()), &texts);
        assert_eq!(proxy.received().len(), 2, "{case}: a refusal is not retried");
    }
    let dead = format!("http://{}", closed_port());
    failures.add("dead proxy", || through(dead.clone()), &["connection refused", "no_proxy"]);
    let nameless = "http://proxy.invalid:3128".to_owned();
    failures.add("unknown proxy", || through(nameless.clone()), &["proxy.invalid", "no_proxy"]);
    let plain = ScriptedServer::http(answers([Action::answer(403, ""), Action::answer(403, "")]));
    let plain_proxy = plain.url("");
    let through_plain =
        || run(&file("http://inventory.test/hosts.json")).env("http_proxy", &plain_proxy);
    failures.add("403 of a plain proxy", through_plain, &["403", "no_proxy"]);
    failures.check("web");
}

fn proxy_address(proxy: &ForwardProxy) -> String {
    proxy.address().to_string()
}

/// An unsigned JSON Web Token that expired in 2023.
fn expired_token() -> String {
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000}"#);
    format!("e30.{claims}.c2ln")
}

#[test]
fn failures_of_a_scripted_cluster_name_the_token_the_firewall_and_how_far_the_list_got() {
    let mut failures = Failures::default();
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let trust = json!({"certificate-authority-data": base64(authority.pem())});
    let nodes = Source::canned(&["n1", "n2", "n3", "n4", "n5", "n6"]);
    let cluster = |url: &str, user: &Value| {
        let document = kubeconfig(url, &trust, user).to_string();
        run(&endpoint(
            "Kubernetes",
            json!({"kubeconfig": document, "timeout": 4, "page_size": 2, "retries": 0}),
        ))
    };
    let server = NodeServer::of(&nodes).guarded(|_| false).https(&identity);
    let user = json!({"token": expired_token()});
    let run = || cluster(&server.url(""), &user);
    failures.add("expired token", run, &["401", "the token of", "expired at"]);

    let full = FullPort::open();
    let run = || cluster(&format!("https://{}", full.address()), &json!({"token": "t0ken"}));
    failures.add("packets dropped", run, &["within", "firewall"]);

    let slow = NodeServer::of(&nodes).wrong(3, 99, faults::action(Action::BlackHole));
    let slow = slow.https(&identity);
    let run = || cluster(&slow.url(""), &json!({"token": "t0ken"}));
    failures.add(
        "slow cluster",
        run,
        &["4 of 6 nodes were read in", "raise the endpoint's `timeout`"],
    );
    failures.check("scripted_cluster");
}
