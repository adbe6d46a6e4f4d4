//! The rights that the module's document asks an administrator to give are enough, and no more.

use gatherer_tests::inventory_endpoint;
use gatherer_tests::servers::kubernetes::{Cluster, Method, document};
use serde_json::{Value, json};

use crate::{cluster, endpoint, gather, names};

/// Where objects of a kind are made.
fn path(object: &Value) -> &'static str {
    match object["kind"].as_str().expect("an object has a kind") {
        "ClusterRole" => "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "ClusterRoleBinding" => "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "ServiceAccount" => "/api/v1/namespaces/kube-system/serviceaccounts",
        "Secret" => "/api/v1/namespaces/kube-system/secrets",
        other => panic!("the document has a {other}"),
    }
}

#[test]
fn the_role_of_the_document_lets_nodes_be_listed_and_nothing_else() {
    let cluster = cluster!(Cluster::start());
    cluster.create_nodes(3, 2_000);
    let text = include_str!("../../../docs/modules/Kubernetes.md");
    let yaml = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(yaml.expect("the document has YAML")).expect("YAML");
    assert_eq!(objects.len(), 4);
    for object in &objects {
        cluster.create(path(object), object);
    }

    // What `kubectl create token` asks for. The other way needs a controller, which is not here.
    let accounts = "/api/v1/namespaces/kube-system/serviceaccounts/virtual-host-gatherer";
    let wanted = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600, "audiences": []}});
    let token = cluster.create(&format!("{accounts}/token"), &wanted);
    let token = token["status"]["token"].as_str().expect("a token").to_owned();
    let authority = cluster.pki().join("ca.crt");
    let authority = format!(
        "certificate-authority-data: {}",
        gatherer_tests::servers::kubernetes::data(&authority)
    );
    let kubeconfig = document(cluster.url(), &authority, &format!("token: {token}"));
    let outcome = gather("inventory", &[endpoint("gatherer", &kubeconfig)]).expect_code(0);
    let found = inventory_endpoint(&outcome.inventory(), "gatherer");
    assert_eq!(found["status"], "complete", "{found}");
    assert_eq!(names(&found), cluster.node_names());

    // What else it may do, by the server's own word.
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
            cluster.request(Method::POST, path, Some(&review)).expect("the server answers");
        assert_eq!(status, 201, "{text}");
        let said: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(said["status"]["allowed"], allowed, "{verb} {resource}");
    }
}
