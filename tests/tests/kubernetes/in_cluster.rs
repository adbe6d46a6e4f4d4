//! `in-cluster` on a real API server: tokens of service accounts, and roles.

use std::path::Path;

use gatherer_tests::servers::kubernetes::Cluster;
use gatherer_tests::{Outcome, PluginFolder, Run, cluster_or_skip, inventory_endpoint};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{items, names};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// Creates a service account, and the volume that a kubelet would mount into its pods.
fn service_account(cluster: &Cluster, name: &str) -> TempDir {
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    cluster.create(accounts, &json!({"metadata": {"name": name}}));
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600, "audiences": []}});
    let token = cluster.create(&format!("{accounts}/{name}/token"), &request);
    let volume = tempfile::tempdir().expect("a temporary folder");
    let put = |name: &str, text: &str| {
        std::fs::write(volume.path().join(name), text).expect("the file can be written");
    };
    put("token", token["status"]["token"].as_str().expect("a token"));
    put("ca.crt", cluster.ca_pem());
    volume
}

/// Creates a role with the verb `list`, and binds it to a service account; a ClusterRole without a namespace.
fn allow(cluster: &Cluster, account: &str, namespace: Option<&str>, resources: &[&str]) {
    let (path, kind) = match namespace {
        None => (RBAC.to_owned(), "ClusterRole"),
        Some(namespace) => (format!("{RBAC}/namespaces/{namespace}"), "Role"),
    };
    let plural = kind.to_lowercase();
    let rules =
        json!([{"apiGroups": ["", "apps", "batch"], "resources": resources, "verbs": ["list"]}]);
    let name = format!("{account}-lists");
    cluster
        .create(&format!("{path}/{plural}s"), &json!({"metadata": {"name": name}, "rules": rules}));
    cluster.create(
        &format!("{path}/{plural}bindings"),
        &json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "default"}],
        }),
    );
}

/// Runs a command with the endpoint `pod` in a pod with this volume.
fn run(cluster: &Cluster, volume: &Path, parameters: &Value, args: &[&str]) -> Outcome {
    let mut endpoint = json!({"id": "pod", "module": "Kubernetes", "kubeconfig": "in-cluster"});
    for (name, value) in parameters.as_object().expect("parameters are an object") {
        endpoint[name] = value.clone();
    }
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::new()
        .args(args)
        .args(["--infile", "-", "--config", "config.toml"])
        .stdin(json!([endpoint]).to_string())
        .plugins(plugins.path())
        .env("KUBERNETES_SERVICE_HOST", cluster.address().ip().to_string())
        .env("KUBERNETES_SERVICE_PORT", cluster.address().port().to_string())
        .env("GATHERER_SERVICE_ACCOUNT_FOLDER", volume);
    let config = "[policy]\nallow_machine_identity = true\n";
    std::fs::write(run.home().join("config.toml"), config).expect("a file can be written");
    run.run()
}

#[test]
fn a_service_account_sees_what_its_roles_allow() {
    let cluster = cluster_or_skip!(Cluster::start());
    cluster.create_nodes(3, 2_000);
    let gather = |volume: &TempDir, parameters: Value| {
        let outcome = run(&cluster, volume.path(), &parameters, &["--format", "inventory"]);
        inventory_endpoint(&outcome.inventory(), "pod")
    };
    let without = service_account(&cluster, "without-rights");
    let endpoint = gather(&without, json!({}));
    assert_eq!(endpoint["error"]["kind"], "permission", "{endpoint}");
    let message = endpoint["error"]["message"].as_str().expect("a message");
    assert!(message.contains("system:serviceaccount:default:without-rights"), "{message}");

    // A ClusterRole for the nodes, and a Role in the one namespace that the endpoint names.
    let some = service_account(&cluster, "some-rights");
    allow(&cluster, "some-rights", None, &["nodes"]);
    let resources = ["pods", "services"];
    allow(&cluster, "some-rights", Some("default"), &resources);
    let endpoint = gather(&some, json!({"collect": "services", "namespaces": "default"}));
    assert_eq!(endpoint["status"], "complete", "{endpoint}");
    assert_eq!(names(&endpoint), cluster.node_names());
    let services = items(&endpoint["workloads"]["services"]);
    assert_eq!(services.iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["kubernetes"]);
    let endpoint = gather(&some, json!({"collect": "services"}));
    assert_eq!(endpoint["collections"]["services"]["status"], "failed", "{endpoint}");

    let checked = |volume: &TempDir| {
        let parameters = json!({"collect": "services", "namespaces": "default"});
        run(&cluster, volume.path(), &parameters, &["check", "--format", "table"])
    };
    let table = checked(&some).expect_code(0);
    let text = String::from_utf8_lossy(&table.stdout).into_owned();
    for part in [
        "the service account of this pod",
        "the server accepts the token of the pod's service account",
        "granted in the namespaces default",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = checked(&without);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("cannot list resource \"nodes\""), "{text}");
}
