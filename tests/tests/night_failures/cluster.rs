//! Failures at a real API server.

use base64::Engine as _;
use gatherer_tests::servers::kubernetes::{Cluster, base64_file, kubeconfig_yaml};
use gatherer_tests::{PluginFolder, Run, cluster_or_skip};
use serde_json::{Value, json};

use super::{Failures, endpoint};

#[test]
fn failures_of_a_cluster_name_the_credential_the_context_and_the_missing_right() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = |members: Value| {
        let endpoints = json!([endpoint("Kubernetes", members)]);
        Run::gather(&endpoints).plugins(plugins.path())
    };
    let path = |path: std::path::PathBuf| path.to_str().expect("the path is text").to_owned();
    let mut failures = Failures::default();

    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000}"#);
    let ca = format!("certificate-authority-data: {}", base64_file(&cluster.pki().join("ca.crt")));
    let document =
        kubeconfig_yaml(cluster.url(), &ca, &format!("token: e30.{claims}.c2lnbmF0dXJl"));
    failures.add(
        "expired token",
        || run(json!({"kubeconfig": document})),
        &["401 Unauthorized", "2023-11-14T22:13:20Z"],
    );

    let expired = path(cluster.kubeconfig("expired"));
    failures.add(
        "expired client certificate",
        || run(json!({"kubeconfig": expired})),
        &["401 Unauthorized", "client certificate", "expired at"],
    );

    let admin = path(cluster.kubeconfig("token"));
    failures.add(
        "wrong context",
        || run(json!({"kubeconfig": admin, "context": "tests"})),
        &["there is no context", "test"],
    );

    let reader = path(cluster.reader("one-namespace"));
    failures.add(
        "no right for pods",
        || run(json!({"kubeconfig": reader, "collect": ["pods"]})),
        &["pods", "kubectl create clusterrole"],
    );
    let mut text = failures;
    text.rows = text
        .rows
        .replace(&cluster.folder().display().to_string(), "<folder>")
        .replace(cluster.url(), "<server>");
    text.check("cluster");
}
