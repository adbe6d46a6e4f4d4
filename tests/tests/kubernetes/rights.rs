//! The rights in the module's documentation are sufficient and minimal.

use gatherer_tests::servers::kubernetes::{Cluster, Method, base64_file, kubeconfig_yaml};
use gatherer_tests::{cluster_or_skip, inventory_endpoint};
use serde_json::{Value, json};

use crate::{endpoint, gather, names};

/// The path for creating an object.
fn path(object: &Value) -> &'static str {
    match object["kind"].as_str().expect("an object has a kind") {
        "ClusterRole" => "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "ClusterRoleBinding" => "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "ServiceAccount" => "/api/v1/namespaces/kube-system/serviceaccounts",
        "Secret" => "/api/v1/namespaces/kube-system/secrets",
        other => panic!("the documentation has an unexpected {other}"),
    }
}

#[test]
fn the_documented_role_allows_listing_nodes_and_nothing_else() {
    let cluster = cluster_or_skip!(Cluster::start());
    cluster.create_nodes(3, 2_000);
    let text = include_str!("../../../docs/modules/Kubernetes.md");
    let yaml = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(yaml.expect("a block of YAML")).expect("YAML");
    assert_eq!(objects.len(), 4);
    for object in &objects {
        cluster.create(path(object), object);
    }

    // The request of `kubectl create token`. A token in a secret would need a controller, which this cluster lacks.
    let accounts = "/api/v1/namespaces/kube-system/serviceaccounts/virtual-host-gatherer";
    let token_request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600, "audiences": []}});
    let token = cluster.create(&format!("{accounts}/token"), &token_request);
    let token = token["status"]["token"].as_str().expect("a token").to_owned();
    let authority = base64_file(&cluster.pki().join("ca.crt"));
    let authority = format!("certificate-authority-data: {authority}");
    let kubeconfig = kubeconfig_yaml(cluster.url(), &authority, &format!("token: {token}"));
    let outcome = gather("inventory", &[endpoint("gatherer", &kubeconfig)]).expect_code(0);
    let found = inventory_endpoint(&outcome.inventory(), "gatherer");
    assert_eq!(found["status"], "complete", "{found}");
    assert_eq!(names(&found), cluster.node_names());

    // The API server reports which other rights the account has.
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"});
    for (verb, resource, allowed) in [
        ("list", "nodes", true),
        ("get", "nodes", false),
        ("watch", "nodes", false),
        ("delete", "nodes", false),
        ("list", "pods", false),
        ("list", "secrets", false),
    ] {
        let mut review = review.clone();
        review["spec"] = json!({
            "user": "system:serviceaccount:kube-system:virtual-host-gatherer",
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "resourceAttributes": {"verb": verb, "resource": resource},
        });
        let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let (status, text) =
            cluster.request(Method::POST, path, Some(&review)).expect("a response");
        assert_eq!(status, 201, "{text}");
        let review: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(review["status"]["allowed"], allowed, "{verb} {resource}");
    }
}
