//! Differences from the classic program (docs/manager.md lists all of them) that no test of a single part shows.

use std::time::Duration;

use gatherer_tests::{PluginFolder, Run};
use serde_json::{Value, json};

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
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"auth-provider": {"name": "azure", "config": {"apiserver-id": "x"}}}}],
    });
    let run = Run::gather(&json!({"id": "e", "module": "Kubernetes", "kubeconfig": "config"}));
    std::fs::write(run.home().join("config"), kubeconfig.to_string()).expect("writable");
    let outcome = run.plugins(plugins.path()).args(["--format", "inventory"]).run();
    assert_eq!(outcome.failure("e").kind, "unsupported");
    assert!(outcome.failure("e").message.contains("azure"), "{}", outcome.describe());
}

#[test]
fn the_managers_proxy_is_used_for_kubernetes_unless_no_proxy_has_the_api_server() {
    let plugins = PluginFolder::with(&["kubernetes"]);
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "sesame77"}}],
    });
    for (no_proxy, uses_proxy) in [("other.example.com", true), ("127.0.0.1", false)] {
        let endpoint =
            json!({"id": "e", "module": "Kubernetes", "kubeconfig": "config", "retries": 0});
        let run = Run::gather(&endpoint).plugins(plugins.path()).args(["--format", "inventory"]);
        std::fs::write(run.home().join("config"), kubeconfig.to_string()).expect("writable");
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
