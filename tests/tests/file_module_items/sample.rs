//! A sample endpoint of an inventory with all kinds of items.

use serde_json::{Value, json};

fn pod(name: &str, uid: &str) -> Value {
    json!({
        "namespace": "shop", "name": name, "uid": uid, "phase": "Running",
        "host": {"id": "h1", "name": "node1"}, "podIPs": ["10.0.0.7"], "hostIPs": ["192.0.2.1"],
        "serviceAccount": "default", "labels": {"app": "web"}, "createdAt": "2026-01-02T03:04:05Z",
        "controller": {"kind": "Deployment", "name": "web", "uid": "d"},
        "owners": [{"kind": "ReplicaSet", "name": "web-1", "uid": "r"},
            {"kind": "Deployment", "name": "web", "uid": "d"}],
        "deletionTimestamp": "2026-01-02T03:04:35Z", "bare": true, "static": true,
        "imageVolumes": [{"name": "model", "requestedImage": {"text": "model"}}],
        "containers": [{
            "name": "web", "kind": "app", "image": "registry.example.com:5000/web:1",
            "requestedImage": {"text": "web:1@sha256:aa", "repository": "docker.io/library/web",
                "tag": "1", "digest": "sha256:aa"},
            "imageId": "docker-pullable://registry.example.com:5000/web@sha256:aa",
            "imageDigest": "sha256:aa", "imageConfigDigest": "sha256:bb",
            "imageRepository": "registry.example.com:5000/web", "imageTag": "1",
            "containerId": "c1", "runtime": "docker", "state": "running", "ready": true,
            "restartCount": 3,
        }],
    })
}

/// An endpoint with every list. The items have all members of their types.
pub fn endpoint(id: &str) -> Value {
    let used_by = json!([{"pod": {"name": "a", "uid": "u1"}, "container": "web",
        "mountPath": "/etc/web", "subPath": "web.conf"}, {"pod": {"name": "b", "uid": "u2"}, "env": "*"}]);
    let lists = json!({
        "namespaces": [{"name": "shop", "uid": "n", "labels": {"a": "b"}, "phase": "Active",
            "createdAt": "2026-01-02T03:04:05Z"}],
        "serviceAccounts": [{"namespace": "shop", "name": "default", "uid": "s"}],
        "controllers": [{"namespace": "shop", "name": "web-1", "uid": "r", "kind": "ReplicaSet",
            "desiredReplicas": 2, "readyReplicas": 0,
            "owner": {"kind": "Deployment", "name": "web", "uid": "d"}}],
        "pods": [pod("a", "u1"), pod("b", "u2"), {"namespace": "shop", "name": "b", "uid": "u3"}],
        "services": [{"namespace": "shop", "name": "web", "uid": "v", "type": "NodePort",
            "clusterIPs": ["10.1.0.1"], "externalIPs": ["192.0.2.9"],
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "web",
                "nodePort": 30080}],
            "selector": {"app": "web"}, "pods": [{"name": "a", "uid": "u1"}]}],
        "configMaps": [{"namespace": "shop", "name": "web", "uid": "c", "keys": ["web.conf"],
            "usedBy": used_by}],
        "secrets": [{"namespace": "shop", "name": "web", "uid": "k", "type": "Opaque",
            "keys": ["password"], "usedBy": []}],
    });
    let whole = json!({"status": "complete"});
    let collections = [
        "config-maps",
        "configMaps",
        "controllers",
        "detachedGuests",
        "namespaces",
        "pods",
        "secrets",
        "service-accounts",
        "serviceAccounts",
        "services",
        "virtual-machines",
    ];
    let collections: serde_json::Map<_, _> =
        collections.into_iter().map(|name| (name.to_owned(), whole.clone())).collect();
    json!({
        "id": id, "status": "complete", "hosts": [{"id": "h1", "name": "node1"}],
        "detachedGuests": [{"id": "1", "name": "vm", "state": "poweringOn"}],
        "workloads": lists, "collections": collections,
    })
}
