//! Which nodes come: all of the cluster that is meant, however many pages they take.

use std::sync::Arc;

use gatherer_tests::fault_server::{
    Authority, NodeServer, Received, Source, Upstream, base64, misdeed,
};
use gatherer_tests::inventory_endpoint;
use gatherer_tests::servers::kubernetes::{ADMIN_TOKEN, Cluster, SHARED_NODES, data, document};
use serde_json::{Value, json};

use crate::{cluster, endpoint, gather, names};

fn with_pages_of(size: usize, cluster: &Cluster) -> Value {
    let mut endpoint = endpoint(&format!("pages of {size}"), cluster.kubeconfig("admin"));
    // A Manager sends text.
    endpoint["page_size"] = json!(size.to_string());
    endpoint
}

#[test]
fn the_size_of_a_page_changes_nothing() {
    let cluster = cluster!(Cluster::shared());
    // A rest of one page, none, all in one, and one less and more than all.
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
        assert!(endpoint["hosts"] == first["hosts"], "{size}: the same nodes in the same order");
    }
}

#[test]
fn a_page_size_that_no_server_should_be_asked_for_is_refused() {
    let cluster = cluster!(Cluster::shared());
    for size in [0, 5001] {
        let outcome = gather("inventory", &[with_pages_of(size, cluster)]);
        let inventory = outcome.inventory();
        let error = &inventory_endpoint(&inventory, &format!("pages of {size}"))["error"];
        assert_eq!(error["kind"], "configuration", "{error}");
        let said = error.to_string();
        assert!(said.contains("page_size") && said.contains("1 to 5000"), "{error}");
    }
}

#[test]
fn a_cluster_without_nodes_is_complete_and_empty_and_one_with_a_node_has_that_node() {
    let cluster = cluster!(Cluster::start());
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

/// What the API server says then is its own, and so is the token with which it goes on.
#[test]
fn a_list_that_a_real_api_server_forgot_is_read_again_from_its_beginning() {
    let cluster = Arc::new(cluster!(Cluster::start()));
    cluster.create_nodes(20, 0);
    let source = Source::Upstream(Upstream::new(cluster.address(), cluster.ca_pem()));
    let changing = Arc::clone(&cluster);
    let change_and_forget = misdeed::after(move || {
        changing.delete_node("node-000015");
        changing.create_nodes_from(20, 1, 0);
        changing.forget_the_past();
    });
    let authority = Authority::new("The authority of this test");
    let server = NodeServer::of(&source)
        .wrong(2, 1, change_and_forget)
        .https(&authority.identity(&["127.0.0.1"]));
    let ca = format!("certificate-authority-data: {}", base64(authority.pem()));
    let text = document(&server.url(""), &ca, &format!("token: {ADMIN_TOKEN}"));
    let mut endpoint = endpoint("cluster", text);
    endpoint["page_size"] = json!("7");
    // No request is repeated here: reading again is something else.
    endpoint["retries"] = json!("0");
    let outcome = gather("inventory", &[endpoint]);

    let endpoint = outcome.endpoint("cluster");
    assert_eq!(endpoint["status"], "complete", "{}", outcome.describe());
    let now = cluster.node_names();
    assert!(now.contains("node-000020") && !now.contains("node-000015"), "{now:?}");
    assert_eq!(names(&endpoint), now);
    let beginnings = |request: &&Received| {
        request.target.starts_with("/api/v1/nodes?") && !request.target.contains("continue=")
    };
    assert_eq!(server.received().iter().filter(beginnings).count(), 2, "it began twice");
}

/// A kubeconfig of two clusters and three contexts, of which the first is the current one.
fn three_contexts(cluster: &Cluster) -> String {
    let ca = format!("certificate-authority-data: {}", data(&cluster.pki().join("ca.crt")));
    let one = document(cluster.url(), &ca, &format!("token: {ADMIN_TOKEN}"));
    let mut document = one.replace(
        "users:\n",
        "- name: elsewhere\n  cluster: {server: \"http://127.0.0.1:1\"}\nusers:\n\
         - name: stranger\n  user: {token: a-token-of-nobody}\n",
    );
    document.push_str("- name: as-stranger\n  context: {cluster: test, user: stranger}\n");
    document.push_str("- name: elsewhere\n  context: {cluster: elsewhere, user: test}\n");
    document
}

#[test]
fn the_context_says_which_cluster_is_asked_and_as_whom() {
    let cluster = cluster!(Cluster::shared());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("config");
    std::fs::write(&path, three_contexts(cluster)).expect("it is new");
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
        assert!(missing.to_string().contains(name), "it tells which there are: {missing}");
    }
}

#[test]
fn the_document_itself_does_as_well_as_its_path() {
    let cluster = cluster!(Cluster::shared());
    let yaml = std::fs::read_to_string(cluster.kubeconfig("token")).expect("it is there");
    let json = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {
            "server": cluster.url(),
            "certificate-authority-data": data(&cluster.pki().join("ca.crt")),
        }}],
        "users": [{"name": "u", "user": {"token": ADMIN_TOKEN}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    let files = std::fs::read_to_string(cluster.kubeconfig("token-file")).expect("it is there");
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
    assert_eq!(error["kind"], "configuration", "an uploaded document names no files: {error}");
    assert!(!outcome.messages().contains(ADMIN_TOKEN), "{}", outcome.describe());
}
