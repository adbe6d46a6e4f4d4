//! The list of nodes: all nodes of the selected cluster, on any number of pages.

use std::sync::Arc;

use gatherer_plugin_support::testing::{Authority, ReceivedRequest};
use gatherer_tests::scripted_cluster::{NodeServer, Source, Upstream, base64, faults};
use gatherer_tests::servers::kubernetes::{
    ADMIN_TOKEN, Cluster, SHARED_NODES, base64_file, kubeconfig_yaml,
};
use gatherer_tests::{cluster_or_skip, inventory_endpoint};
use serde_json::{Value, json};

use crate::{endpoint, gather, names};

fn with_pages_of(size: usize, cluster: &Cluster) -> Value {
    let mut endpoint = endpoint(&format!("pages of {size}"), cluster.kubeconfig("admin"));
    // A Manager sends numbers as text.
    endpoint["page_size"] = json!(size.to_string());
    endpoint
}

#[test]
fn the_page_size_does_not_change_the_result() {
    let cluster = cluster_or_skip!(Cluster::shared());
    // The last page is incomplete, complete or the only one; all nodes are one more or less than a page.
    let sizes = [7, 500, SHARED_NODES - 1, SHARED_NODES, SHARED_NODES + 1, 5000];
    let endpoints: Vec<Value> = sizes.iter().map(|size| with_pages_of(*size, cluster)).collect();
    let outcome = gather("inventory", &endpoints);
    let inventory = outcome.inventory();
    let expected = cluster.node_names();
    let first = inventory_endpoint(&inventory, "pages of 7");
    for size in sizes {
        let endpoint = inventory_endpoint(&inventory, &format!("pages of {size}"));
        assert_eq!(endpoint["status"], "complete", "{size}: {}", endpoint["error"]);
        assert_eq!(names(&endpoint), expected, "{size}");
        assert!(endpoint["hosts"] == first["hosts"], "{size}: other nodes or another order");
    }
}

#[test]
fn rejects_a_page_size_out_of_range() {
    let cluster = cluster_or_skip!(Cluster::shared());
    for size in [0, 5001] {
        let outcome = gather("inventory", &[with_pages_of(size, cluster)]);
        let inventory = outcome.inventory();
        let error = &inventory_endpoint(&inventory, &format!("pages of {size}"))["error"];
        assert_eq!(error["kind"], "configuration", "{error}");
        let error = error.to_string();
        assert!(error.contains("page_size") && error.contains("1 to 5000"), "{error}");
    }
}

#[test]
fn a_cluster_without_nodes_is_complete_and_empty() {
    let cluster = cluster_or_skip!(Cluster::start());
    let endpoints = [endpoint("cluster", cluster.kubeconfig("admin"))];
    let outcome = gather("gatherer", &endpoints);
    assert_eq!(outcome.stdout_text(), "{\n    \"cluster\": {}\n}\n");
    let empty = gather("inventory", &endpoints).endpoint("cluster");
    assert_eq!((&empty["status"], &empty["hosts"]), (&json!("complete"), &json!([])), "{empty}");

    cluster.create_nodes(2, 0);
    cluster.delete_node("node-000000");
    let one = gather("inventory", &endpoints).endpoint("cluster");
    assert_eq!(names(&one).into_iter().collect::<Vec<_>>(), ["node-000001"]);
}

/// The response 410 and its continue token come from the real API server.
#[test]
fn restarts_a_list_that_the_api_server_no_longer_has() {
    let cluster = Arc::new(cluster_or_skip!(Cluster::start()));
    cluster.create_nodes(20, 0);
    let source = Source::Upstream(Upstream::new(cluster.address(), cluster.ca_pem()));
    let changing = Arc::clone(&cluster);
    let change_and_compact = faults::after(move || {
        changing.delete_node("node-000015");
        changing.create_nodes_from(20, 1, 0);
        changing.compact();
    });
    let authority = Authority::new("The authority of this test");
    let server = NodeServer::of(&source)
        .wrong(2, 1, change_and_compact)
        .https(&authority.identity(&["127.0.0.1"]));
    let ca = format!("certificate-authority-data: {}", base64(authority.pem()));
    let text = kubeconfig_yaml(&server.url(""), &ca, &format!("token: {ADMIN_TOKEN}"));
    let mut endpoint = endpoint("cluster", text);
    endpoint["page_size"] = json!("7");
    // The restart of a list is not a repeated request.
    endpoint["retries"] = json!("0");
    let outcome = gather("inventory", &[endpoint]);

    let endpoint = outcome.endpoint("cluster");
    assert_eq!(endpoint["status"], "complete", "{}", outcome.describe());
    let now = cluster.node_names();
    assert!(now.contains("node-000020") && !now.contains("node-000015"), "{now:?}");
    assert_eq!(names(&endpoint), now);
    let is_first_page = |request: &&ReceivedRequest| {
        request.target.starts_with("/api/v1/nodes?") && !request.target.contains("continue=")
    };
    assert_eq!(server.received().iter().filter(is_first_page).count(), 2, "the list started twice");
}

/// A kubeconfig with two clusters and three contexts. The first context is the current one.
fn three_contexts(cluster: &Cluster) -> String {
    let ca = format!("certificate-authority-data: {}", base64_file(&cluster.pki().join("ca.crt")));
    let one = kubeconfig_yaml(cluster.url(), &ca, &format!("token: {ADMIN_TOKEN}"));
    let mut document = one.replace(
        "users:\n",
        "- name: elsewhere\n  cluster: {server: \"http://127.0.0.1:1\"}\nusers:\n\
         - name: stranger\n  user: {token: an-unknown-token}\n",
    );
    document.push_str("- name: as-stranger\n  context: {cluster: test, user: stranger}\n");
    document.push_str("- name: elsewhere\n  context: {cluster: elsewhere, user: test}\n");
    document
}

#[test]
fn the_context_selects_the_cluster_and_the_user() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("config");
    std::fs::write(&path, three_contexts(cluster)).expect("a new file");
    let contexts = ["", "test", "as-stranger", "elsewhere", "missing"];
    let endpoints = contexts.map(|context| {
        let mut endpoint = endpoint(&format!("context {context}"), &path);
        endpoint["context"] = json!(context);
        endpoint["retries"] = json!("0");
        endpoint
    });
    let outcome = gather("inventory", &endpoints);
    let inventory = outcome.inventory();
    for context in ["", "test"] {
        let endpoint = inventory_endpoint(&inventory, &format!("context {context}"));
        assert_eq!(names(&endpoint), cluster.node_names(), "{context}: {}", endpoint["error"]);
    }
    let kinds = [
        ("as-stranger", "authentication"),
        ("elsewhere", "connection"),
        ("missing", "configuration"),
    ];
    for (context, kind) in kinds {
        let error = &inventory_endpoint(&inventory, &format!("context {context}"))["error"];
        assert_eq!(error["kind"], kind, "{context}: {error}");
    }
    let missing = &inventory_endpoint(&inventory, "context missing")["error"];
    for name in ["missing", "test", "as-stranger", "elsewhere"] {
        assert!(missing.to_string().contains(name), "the error lists the contexts: {missing}");
    }
}

#[test]
fn the_text_of_a_kubeconfig_works_like_its_path() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let yaml = std::fs::read_to_string(cluster.kubeconfig("token")).expect("a readable file");
    let json = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {
            "server": cluster.url(),
            "certificate-authority-data": base64_file(&cluster.pki().join("ca.crt")),
        }}],
        "users": [{"name": "u", "user": {"token": ADMIN_TOKEN}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    let files = std::fs::read_to_string(cluster.kubeconfig("token-file")).expect("a readable file");
    let outcome = gather(
        "inventory",
        &[
            endpoint("path", cluster.kubeconfig("token")),
            endpoint("yaml", yaml),
            endpoint("json", json.to_string()),
            endpoint("files", files),
        ],
    );
    let inventory = outcome.inventory();
    for id in ["path", "yaml", "json"] {
        let endpoint = inventory_endpoint(&inventory, id);
        assert_eq!(names(&endpoint), cluster.node_names(), "{id}: {}", endpoint["error"]);
    }
    let error = &inventory_endpoint(&inventory, "files")["error"];
    assert_eq!(error["kind"], "configuration", "a text must not name files: {error}");
    assert!(!outcome.messages().contains(ADMIN_TOKEN), "{}", outcome.describe());
}
