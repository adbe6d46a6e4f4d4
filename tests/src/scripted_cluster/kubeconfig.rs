//! Kubeconfigs for the tests, with one cluster, one user and one context.

use serde_json::{Value, json};

/// A kubeconfig for the server at this URL, with these further members of the cluster and of the user.
pub fn kubeconfig(server: &str, cluster: &Value, user: &Value) -> Value {
    let mut cluster = cluster.clone();
    cluster["server"] = server.into();
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "main",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "main", "context": {"cluster": "cluster", "user": "user"}}],
    })
}

/// Encodes a text for the `-data` members of a kubeconfig.
pub fn base64(text: &str) -> String {
    use base64::Engine as _;

    base64::engine::general_purpose::STANDARD.encode(text)
}
