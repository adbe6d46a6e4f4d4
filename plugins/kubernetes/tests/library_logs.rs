//! Test that kube and hyper log no credential at any level. The program also discards their
//! lines below `info`, but safety must not depend on that alone.

use gatherer_plugin_api::testing::{LogLine, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_kubernetes::client::{Client, ItemSink};
use gatherer_plugin_kubernetes::kubeconfig;
use gatherer_plugin_kubernetes::objects::Node;
use gatherer_plugin_kubernetes::objects::kinds::{NODES, NodeList};
use gatherer_plugin_support::run;
use gatherer_plugin_support::testing::{Authority, ForwardProxy};
use gatherer_tests::scripted_cluster::{
    NodeServer, Source, base64, faults, kubeconfig as document,
};
use serde_json::{Value, json};

/// Ignores all nodes.
struct IgnoringSink;

impl ItemSink for IgnoringSink {
    type List = NodeList;

    fn take(&mut self, _: Node<'_>) -> Result<(), GatherError> {
        Ok(())
    }

    fn start_over(&mut self) -> Result<(), GatherError> {
        Ok(())
    }
}

fn gather(
    recorder: &Recorder,
    cluster: &Value,
    user: &Value,
    url: &str,
) -> Result<(), GatherError> {
    let context = recorder.context();
    let access = kubeconfig::read(&document(url, cluster, user).to_string(), None, &context)?;
    run::block_on(&context, async {
        let client = Client::new(&access, 2, &context).await?;
        client.list(&NODES, IgnoringSink).await.map(drop)
    })
}

#[test]
fn no_library_logs_a_credential() {
    let options = Options { timeout_ms: Some(20_000), retries: Some(1), ..Options::default() };
    let recorder = Recorder::new().options(options).record_every_log_line();
    let gather = |cluster: &Value, user: &Value, url: &str| gather(&recorder, cluster, user, url);
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let source = Source::canned(&["n1", "n2", "n3"]);
    let working = NodeServer::of(&source).https(&identity);
    let refusing = NodeServer::of(&source)
        .wrong(2, usize::MAX, faults::status(401, "Unauthorized", "no"))
        .https(&identity);
    let broken = NodeServer::of(&source)
        .wrong(2, 1, faults::status(503, "ServiceUnavailable", "later"))
        .https(&identity);
    let proxy = ForwardProxy::with_authentication(working.address(), "Basic dXM6Y2FuYXJ5");
    let trusted = json!({ "certificate-authority-data": base64(authority.pem()) });
    let through = json!({
        "certificate-authority-data": base64(authority.pem()),
        "proxy-url": format!("http://us:canary@{}", proxy.address()),
    });
    let token = json!({ "token": "canary" });
    let basic = json!({ "username": "user", "password": "canary" });

    for user in [&token, &basic] {
        gather(&trusted, user, &working.url("")).expect("a list");
        gather(&trusted, user, &broken.url("")).expect("a list after a retry");
        gather(&trusted, user, &refusing.url("")).expect_err("no list");
        gather(&through, user, &working.url("")).expect("a list through the proxy");
        gather(&json!({}), user, &working.url("")).expect_err("an untrusted authority");
    }

    let lines = recorder.log_lines();
    // Make sure that lines were recorded at all.
    assert!(lines.iter().any(|line| line.target.starts_with("hyper_util")), "{lines:#?}");
    // The secret itself, and its forms in basic authentication (`user:canary`, `us:canary`).
    for secret in ["canary", "dXNlcjpjYW5hcnk", "dXM6Y2FuYXJ5"] {
        let leaks: Vec<&LogLine> =
            lines.iter().filter(|line| format!("{line:?}").contains(secret)).collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}
