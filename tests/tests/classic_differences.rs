//! Differences from the classic program (docs/manager-differences.md lists all of them) that no test of a single part shows.

use std::collections::BTreeMap;
use std::time::Duration;

use gatherer_plugin_support::testing::{Action, ScriptedServer, answers};
use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

/// A kubeconfig with this server and user.
fn kubeconfig(server: &str, user: &Value) -> String {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    });
    kubeconfig.to_string()
}

#[test]
fn a_connection_that_breaks_fails_its_endpoint_although_hosts_have_arrived() {
    let plugins = PluginFolder::with(&["file", "kubernetes"]);
    let hosts = br#"{"kvm1": {"hostIdentifier": "1", "name": "kvm1", "vms": {}}"#;
    let file = ScriptedServer::http(|_| Action::with_length(1 << 20, hosts));
    let page = json!({
        "kind": "NodeList", "apiVersion": "v1",
        "metadata": {"resourceVersion": "1", "continue": "next"},
        "items": [{"metadata": {"name": "node1", "uid": "u1"}}],
    });
    for second in [Action::Reset, Action::Hangup, Action::with_length(1 << 20, b"{")] {
        let cluster = ScriptedServer::http(answers([Action::json(200, &page), second]));
        let run = Run::gather(&json!([
            {"id": "document", "module": "File", "url": file.url("/hosts.json"), "retries": 0},
            {"id": "cluster", "module": "Kubernetes", "kubeconfig": "config", "retries": 0},
            {"id": "good", "module": "File", "url": "empty.json"},
        ]));
        std::fs::write(run.home().join("config"), kubeconfig(&cluster.url(""), &json!({})))
            .expect("writable");
        std::fs::write(run.home().join("empty.json"), "{}").expect("writable");
        let outcome = run.plugins(plugins.path()).run();
        assert_eq!(cluster.received().len(), 2, "{}", outcome.describe());
        let document = outcome.document();
        assert!(document["document"].is_none() && document["cluster"].is_none());
        assert!(document["good"].as_ref().is_some_and(BTreeMap::is_empty));
    }
}

#[test]
fn endpoints_are_queried_at_the_same_time() {
    let plugins = PluginFolder::with(&["example"]);
    let endpoints: Value = (0..30)
        .map(|number| {
            let name = format!("e{number}");
            json!({"id": name, "module": "Example", "hostname": name, "delay_ms": 1000})
        })
        .collect();
    let outcome = Run::gather(&endpoints).plugins(plugins.path()).run();
    assert_eq!(outcome.document().len(), 30);
    assert!(outcome.took < Duration::from_secs(20), "one after another takes at least 30 s");
}

#[test]
fn a_run_without_an_infile_is_exit_status_2() {
    let plugins = PluginFolder::with(&["example"]);
    let outcome = Run::new().args(["--outfile", "result.json"]).plugins(plugins.path()).run();
    assert_eq!(outcome.code(), 2, "{}", outcome.describe());
    assert!(outcome.stderr.contains("--infile"), "{}", outcome.describe());
    assert!(!outcome.home().join("result.json").exists());
}

#[test]
fn a_guest_id_that_is_a_number_is_printed_as_text() {
    let plugins = PluginFolder::with(&["file"]);
    let run = Run::gather(&json!({"id": "e", "module": "File", "url": "hosts.json"}));
    let hosts = json!({"kvm9": {"name": "kvm9", "hostIdentifier": "id", "vms": {"web": 4711}}});
    std::fs::write(run.home().join("hosts.json"), hosts.to_string()).expect("writable");
    let outcome = run.plugins(plugins.path()).run();
    let document = outcome.document();
    assert_eq!(document["e"].as_ref().expect("complete")["kvm9"].vms["web"], "4711");
}

#[test]
fn a_kubeconfig_with_the_provider_azure_fails_only_its_endpoint() {
    let plugins = PluginFolder::with(&["kubernetes"]);
    let user = json!({"auth-provider": {"name": "azure", "config": {"apiserver-id": "x"}}});
    let kubeconfig = kubeconfig("https://127.0.0.1:1", &user);
    let run = Run::gather(&json!({"id": "e", "module": "Kubernetes", "kubeconfig": "config"}));
    std::fs::write(run.home().join("config"), &kubeconfig).expect("writable");
    let outcome = run.plugins(plugins.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.failure("e").kind, "unsupported");
    assert!(outcome.failure("e").message.contains("azure"), "{}", outcome.describe());
}

#[test]
fn the_managers_proxy_is_used_for_kubernetes_unless_no_proxy_has_the_api_server() {
    let plugins = PluginFolder::with(&["kubernetes"]);
    let kubeconfig = kubeconfig("https://127.0.0.1:1", &json!({"token": "sesame77"}));
    for (no_proxy, uses_proxy) in [("other.example.com", true), ("127.0.0.1", false)] {
        let endpoint =
            json!({"id": "e", "module": "Kubernetes", "kubeconfig": "config", "retries": 0});
        let run = Run::gather(&endpoint).plugins(plugins.path()).args(["--format", "inventory"]);
        std::fs::write(run.home().join("config"), &kubeconfig).expect("writable");
        // As a Manager sets them.
        let outcome = run
            .env("https_proxy", "http://user:password@localhost:2")
            .env("http_proxy", "http://user:password@localhost:2")
            .env("no_proxy", no_proxy)
            .run();
        let failure = outcome.failure("e");
        assert_eq!(failure.kind, "connection", "{}", outcome.describe());
        let text = format!("{failure}");
        assert_eq!(text.contains("localhost:2"), uses_proxy, "{no_proxy}: {text}");
    }
}
