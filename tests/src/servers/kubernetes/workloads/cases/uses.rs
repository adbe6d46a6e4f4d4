//! Config maps and secrets, and a pod that uses them in every possible way.

use base64::Engine as _;
use serde_json::json;

use super::super::super::Cluster;
use super::super::objects::{object, path};
use super::{NAMESPACE, pod};

/// The name of the pod.
pub const POD: &str = "uses";
/// A text in every value of every secret.
pub const SECRET_CANARY: &str = "canary-of-a-secret-7f3a9c1e";
/// A text in every value of every config map.
pub const CONFIG_CANARY: &str = "canary-of-a-config-map-b25d80e4";

/// Secrets: name, type, keys.
pub const SECRETS: [(&str, &str, &[&str]); 4] = [
    ("login", "Opaque", &["password", "user"]),
    ("certificate", "kubernetes.io/tls", &["tls.crt", "tls.key"]),
    ("registry", "kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("unused-secret", "example.com/own", &[]),
];

/// Config maps: name, keys. A third key is in `binaryData`.
pub const CONFIG_MAPS: [(&str, &[&str]); 3] = [
    ("settings", &["LOG_LEVEL", "app.conf", "logo.png"]),
    ("features", &["features.json"]),
    ("unused-map", &[]),
];

/// A use by the pod: list, name, container, mount path, sub-path, variable.
pub type ExpectedUse = (
    &'static str,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
);

/// Every use by the pod. The variable `*` means every key of the object.
pub const USES: [ExpectedUse; 14] = [
    ("configMaps", "settings", Some("main"), None, None, Some("LOG_LEVEL")),
    ("secrets", "login", Some("main"), None, None, Some("PASSWORD")),
    ("configMaps", "features", Some("main"), None, None, Some("*")),
    ("secrets", "login", Some("main"), None, None, Some("*")),
    ("configMaps", "settings", Some("main"), Some("/etc/app.conf"), Some("app.conf"), None),
    ("configMaps", "settings", Some("prepare"), Some("/settings"), None, None),
    ("secrets", "certificate", Some("main"), Some("/etc/tls"), None, None),
    ("configMaps", "features", Some("main"), Some("/etc/all"), None, None),
    ("secrets", "login", Some("main"), Some("/etc/all"), None, None),
    ("secrets", "registry", None, None, None, None),
    // A volume that no container mounts.
    ("configMaps", "features", None, None, None, None),
    // A second mount of the same volume.
    ("secrets", "certificate", Some("side"), Some("/tls"), None, None),
    ("secrets", "login", Some("prepare"), None, None, Some("USER")),
    // An object that does not exist can be used, too.
    ("secrets", "absent", Some("side"), Some("/absent"), None, None),
];

pub(super) fn create(cluster: &Cluster) {
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let mut plan = Vec::new();
    for (name, kind, keys) in SECRETS {
        let mut secret = object("Secret", name, name);
        secret["type"] = json!(kind);
        secret["stringData"] = keys
            .iter()
            .map(|&key| {
                let value = match key {
                    ".dockerconfigjson" => {
                        let auth = base64(&format!("user:{SECRET_CANARY}"));
                        json!({"auths": {"registry.example.com": {"auth": auth}}}).to_string()
                    }
                    _ => format!("{SECRET_CANARY} of {key}"),
                };
                (key.to_owned(), json!(value))
            })
            .collect();
        plan.push((path("Secret", NAMESPACE), secret));
    }
    for (name, keys) in CONFIG_MAPS {
        let mut map = object("ConfigMap", name, name);
        for (index, key) in keys.iter().enumerate() {
            let value = format!("{CONFIG_CANARY} of {key}");
            if index == 2 {
                map["binaryData"][key] = json!(base64(&value));
            } else {
                map["data"][key] = json!(value);
            }
        }
        plan.push((path("ConfigMap", NAMESPACE), map));
    }
    plan.push((path("Pod", NAMESPACE), pod_with_uses()));
    cluster.create_all_with_status(plan);
}

fn pod_with_uses() -> serde_json::Value {
    let mut pod = pod(POD, POD, Some("node-000001"));
    let of = |source: &str, name: &str, key: &str| json!({source: {"name": name, "key": key}});
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    let mut conf = mount("settings", "/etc/app.conf");
    conf["subPath"] = json!("app.conf");
    pod["spec"]["imagePullSecrets"] = json!([{"name": "registry"}]);
    pod["spec"]["initContainers"] = json!([{
        "name": "prepare", "image": "busybox",
        "env": [{"name": "USER", "valueFrom": of("secretKeyRef", "login", "user")}],
        "volumeMounts": [mount("settings", "/settings")],
    }]);
    pod["spec"]["containers"] = json!([
        {
            "name": "main", "image": "nginx",
            "env": [
                {"name": "PLAIN", "value": "not a secret"},
                {"name": "LOG_LEVEL", "valueFrom": of("configMapKeyRef", "settings", "LOG_LEVEL")},
                {"name": "PASSWORD", "valueFrom": of("secretKeyRef", "login", "password")},
            ],
            "envFrom": [
                {"configMapRef": {"name": "features"}},
                {"prefix": "LOGIN_", "secretRef": {"name": "login"}},
            ],
            "volumeMounts": [conf, mount("certificate", "/etc/tls"), mount("all", "/etc/all")],
        },
        {
            "name": "side", "image": "busybox",
            "volumeMounts": [mount("certificate", "/tls"), mount("absent", "/absent")],
        },
    ]);
    pod["spec"]["volumes"] = json!([
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "certificate", "secret": {"secretName": "certificate"}},
        {"name": "absent", "secret": {"secretName": "absent", "optional": true}},
        {"name": "spare", "configMap": {"name": "features"}},
        {"name": "all", "projected": {"sources": [
            {"configMap": {"name": "features"}},
            {"secret": {"name": "login"}},
            {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        ]}},
    ]);
    pod
}
