//! Which config maps and secrets a pod uses, and where.

use gatherer_plugin_api::model::{PodReference, Use};
use gatherer_plugin_kubernetes::map::{self, KeyedKind, ObjectUse};
use gatherer_plugin_kubernetes::objects::Pod;
use serde_json::{Value, json};

/// The uses of a pod with this specification.
fn uses(spec: &Value) -> Vec<ObjectUse> {
    let text = json!({"metadata": {"name": "p", "uid": "u"}, "spec": spec}).to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).expect("a pod");
    map::uses(&pod, |_, name| !name.is_empty()).expect("not too many uses")
}

/// A place of the pod. Empty texts are absent members.
fn place(container: &str, mount_path: &str, sub_path: &str, env: &str) -> Use {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Use {
        pod: PodReference { name: "p".into(), uid: "u".into() },
        container: text(container),
        mount_path: text(mount_path),
        sub_path: text(sub_path),
        env: text(env),
    }
}

fn secret(name: &str, place: Use) -> ObjectUse {
    (KeyedKind::Secret, name.to_owned(), place)
}

fn config_map(name: &str, place: Use) -> ObjectUse {
    (KeyedKind::ConfigMap, name.to_owned(), place)
}

#[test]
fn a_volume_is_used_at_each_of_its_mounts() {
    let found = uses(&json!({
        "volumes": [
            {"name": "s", "secret": {"secretName": "tls"}},
            {"name": "m", "configMap": {"name": "site"}},
            {"name": "other", "emptyDir": {}},
        ],
        "initContainers": [{"name": "i", "volumeMounts": [{"name": "s", "mountPath": "/i"}]}],
        "containers": [{"name": "c", "volumeMounts": [
            {"name": "m", "mountPath": "/a", "subPath": "a.conf"},
            {"name": "m", "mountPath": "/b", "subPathExpr": "$(NODE)"},
            {"name": "s", "mountPath": "/c"},
            {"name": "other", "mountPath": "/d"},
            {"name": "gone", "mountPath": "/e"},
        ]}],
        "ephemeralContainers": [{"name": "e", "volumeMounts": [{"name": "s", "mountPath": "/e"}]}],
    }));
    let expected = [
        secret("tls", place("i", "/i", "", "")),
        secret("tls", place("c", "/c", "", "")),
        secret("tls", place("e", "/e", "", "")),
        config_map("site", place("c", "/a", "a.conf", "")),
        config_map("site", place("c", "/b", "$(NODE)", "")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_volume_uses_the_secret_for_the_login_to_its_storage() {
    let reference = |name: &str| json!({"secretRef": {"name": name}});
    let volumes = json!([
        {"name": "1", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
        {"name": "2", "azureFile": {"shareName": "x", "secretName": "azure"}},
        {"name": "3", "cephfs": reference("cephfs")},
        {"name": "4", "cinder": reference("cinder")},
        {"name": "5", "flexVolume": reference("flex")},
        {"name": "6", "iscsi": reference("iscsi")},
        {"name": "7", "rbd": reference("rbd")},
        {"name": "8", "scaleIO": reference("scale")},
        {"name": "9", "storageos": reference("storage")},
        {"name": "10", "csi": {"driver": "without"}},
    ]);
    let full: Vec<k8s_openapi::api::core::v1::Volume> =
        serde_json::from_value(volumes.clone()).expect("volumes by the complete types of the API");
    let serialized = full.iter().map(|volume| serde_json::to_string(volume).expect("JSON"));
    let with_secret = serialized.filter(|text| text.contains("ecret")).count();
    assert_eq!(with_secret, 9, "the API knows each of these members");
    let mounts: Vec<Value> =
        (1..=10).map(|n| json!({"name": n.to_string(), "mountPath": format!("/{n}")})).collect();
    let found = uses(&json!({
        "volumes": volumes, "containers": [{"name": "c", "volumeMounts": mounts}],
    }));
    let names = ["csi", "azure", "cephfs", "cinder", "flex", "iscsi", "rbd", "scale", "storage"];
    let expected: Vec<_> = (1..)
        .zip(names)
        .map(|(n, name)| secret(name, place("c", &format!("/{n}"), "", "")))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_projected_volume_uses_each_source_once_per_mount() {
    let found = uses(&json!({
        "volumes": [{"name": "v", "projected": {"sources": [
            {"serviceAccountToken": {"path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt"}},
            {"secret": {"name": "s", "items": [{"key": "a", "path": "a"}]}},
            {"secret": {"name": "s", "items": [{"key": "b", "path": "b"}]}},
        ]}}],
        "containers": [{"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
    }));
    let expected = [
        config_map("kube-root-ca.crt", place("c", "/v", "", "")),
        secret("s", place("c", "/v", "", "")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_volume_that_no_container_mounts_is_used_by_the_pod_as_a_whole() {
    let found = uses(&json!({
        "volumes": [{"name": "s", "secret": {"secretName": "tls"}}],
        "containers": [{"name": "c"}],
    }));
    assert_eq!(found, [secret("tls", place("", "", "", ""))]);
}

#[test]
fn a_variable_uses_the_source_of_its_value() {
    let container = |name: &str| {
        json!({"name": name, "env": [
            {"name": "PLAIN", "value": "v"},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}},
        ]})
    };
    let found = uses(&json!({
        "initContainers": [container("i")],
        "containers": [container("c")],
        "ephemeralContainers": [container("e")],
    }));
    let of = |name: &str| {
        [
            config_map("settings", place(name, "", "", "MODE")),
            secret("db", place(name, "", "", "PASSWORD")),
        ]
    };
    assert_eq!(found, [of("i"), of("c"), of("e")].concat());
}

#[test]
fn env_from_uses_the_whole_object() {
    let found = uses(&json!({"containers": [{"name": "c", "envFrom": [
        {"prefix": "A_", "configMapRef": {"name": "settings"}},
        {"secretRef": {"name": "db", "optional": true}},
    ]}]}));
    let expected =
        [config_map("settings", place("c", "", "", "*")), secret("db", place("c", "", "", "*"))];
    assert_eq!(found, expected);
}

#[test]
fn image_pull_secrets_are_used_by_the_pod_as_a_whole() {
    let found = uses(&json!({"imagePullSecrets": [{"name": "registry"}, {"name": ""}, null]}));
    assert_eq!(found, [secret("registry", place("", "", "", ""))]);
}

#[test]
fn rejects_too_many_uses_and_counts_only_listed_objects() {
    let sources: Vec<Value> =
        (0..1000).map(|n| json!({"secret": {"name": format!("s{n}")}})).collect();
    let mounts: Vec<Value> =
        (0..1000).map(|n| json!({"name": "v", "mountPath": format!("/{n}")})).collect();
    let text = json!({"metadata": {"name": "p", "uid": "u"}, "spec": {
        "volumes": [{"name": "v", "projected": {"sources": sources}}],
        "containers": [{"name": "c", "volumeMounts": mounts}]}})
    .to_string();
    let pod: Pod<'_> = serde_json::from_str(&text).expect("a pod");
    assert_eq!(map::uses(&pod, |_, _| true), Err(map::TooManyUses));
    assert_eq!(map::uses(&pod, |_, _| false), Ok(Vec::new()));
    let one = map::uses(&pod, |_, name| name == "s7").expect("not too many uses");
    assert_eq!(one.len(), 1000);
}
