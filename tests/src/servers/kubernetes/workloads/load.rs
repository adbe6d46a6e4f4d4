//! Any number of pods, with the size and the related objects of pods in real clusters.
//!
//! [`REPLICAS`] pods form an application, with a controller, a service, a config map and a secret. The
//! controller of six applications in ten is a Deployment with its ReplicaSet. [`APPS`] applications
//! share a namespace and its service account.

use serde_json::{Value, json};

use super::super::Cluster;
use super::super::cluster_nodes::{self, dashed, hex};
use super::PlannedObjects;
use super::objects::{controlled_by, controller, object, path, service};

/// The number of pods of an application.
pub const REPLICAS: usize = 10;
/// The number of applications in a namespace.
pub const APPS: usize = 20;

/// The namespace of an application.
pub fn namespace(app: usize) -> String {
    format!("team-{:04}", app / APPS)
}

/// The name of an application: the label `app` of its pods, and the name of its service and its controllers.
pub fn app_name(app: usize) -> String {
    format!("app-{app:05}")
}

/// The name of a pod.
pub fn pod_name(pod: usize) -> String {
    let app = app_name(pod / REPLICAS);
    format!("{app}-{}-{}", &hex(pod / REPLICAS, "set")[..9], &hex(pod, "pod")[..5])
}

/// The kinds of the controllers of an application, from the top down.
fn controller_kinds(app: usize) -> &'static [&'static str] {
    match app % 10 {
        0..=5 => &["Deployment", "ReplicaSet"],
        6 => &["StatefulSet"],
        7 => &["DaemonSet"],
        8 => &["CronJob", "Job"],
        _ => &["ReplicationController"],
    }
}

/// Whether a pod has no node yet.
pub fn is_unscheduled(pod: usize) -> bool {
    pod % 50 == 49
}

pub(super) fn create(cluster: &Cluster, first: usize, pods: usize, nodes: usize) {
    let apps = first.div_ceil(REPLICAS)..(first + pods).div_ceil(REPLICAS);
    let spaces = apps.start.div_ceil(APPS)..apps.end.div_ceil(APPS);
    cluster.create_all_with_status(spaces.clone().map(|space| {
        let name = namespace(space * APPS);
        let labels = json!({"team": name, "stage": "production"});
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
        });
        ("/api/v1/namespaces".to_owned(), namespace)
    }));
    cluster.create_all_with_status(spaces.map(|space| {
        let namespace = namespace(space * APPS);
        (path("ServiceAccount", &namespace), object("ServiceAccount", "runner", "runner"))
    }));
    cluster.create_all_with_status(apps.clone().flat_map(related_objects));
    // Owner references need the UID of the owner, so the upper controllers of all applications come first.
    let tops = cluster.create_all_with_status(apps.clone().map(|app| {
        let kind = controller_kinds(app)[0];
        (path(kind, &namespace(app)), set(kind, app))
    }));
    let two: Vec<(usize, &String)> =
        apps.clone().zip(&tops).filter(|(app, _)| controller_kinds(*app).len() > 1).collect();
    let below = cluster.create_all_with_status(two.iter().map(|&(app, top)| {
        let &[upper, lower] = controller_kinds(app) else {
            unreachable!("only applications with two controllers")
        };
        let mut object = set(lower, app);
        object["metadata"]["name"] = json!(set_name(app));
        object["metadata"]["ownerReferences"] = json!([controlled_by(upper, &app_name(app), top)]);
        (path(lower, &namespace(app)), object)
    }));
    let mut below = two.iter().map(|(app, _)| *app).zip(&below).peekable();
    let owners: Vec<(usize, Value)> = apps
        .zip(&tops)
        .map(|(app, top)| match below.next_if(|(other, _)| *other == app) {
            Some((_, uid)) => (app, controlled_by(controller_kinds(app)[1], &set_name(app), uid)),
            None => (app, controlled_by(controller_kinds(app)[0], &app_name(app), top)),
        })
        .collect();
    cluster.create_all_with_status(owners.iter().flat_map(|(app, owner)| {
        (app * REPLICAS..(app + 1) * REPLICAS)
            .map(|number| (path("Pod", &namespace(*app)), pod(number, owner, nodes)))
    }));
}

fn set_name(app: usize) -> String {
    format!("{}-{}", app_name(app), &hex(app, "set")[..9])
}

fn set(kind: &str, app: usize) -> Value {
    let name = app_name(app);
    controller(kind, &name, &name, REPLICAS, REPLICAS)
}

/// The service, the config map and the secret of an application.
fn related_objects(app: usize) -> PlannedObjects {
    let (namespace, name) = (namespace(app), app_name(app));
    let mut service = service(&name, "ClusterIP", &json!({"app": name}));
    if !app.is_multiple_of(10) {
        // API servers allocate addresses one after the other, which takes long.
        service["spec"]["clusterIP"] = json!("None");
    }
    let mut settings = object("ConfigMap", &format!("{name}-settings"), &name);
    let lines: Vec<String> =
        (0..20).map(|line| format!("key.{line} = {}", hex(line, "value"))).collect();
    settings["data"] = json!({"application.properties": lines.join("\n"), "LOG_LEVEL": "info"});
    let mut login = object("Secret", &format!("{name}-login"), &name);
    login["type"] = json!("Opaque");
    login["stringData"] = json!({"username": name, "password": hex(app, "password"),
        "token": hex(app, "token-a") + &hex(app, "token-b")});
    vec![
        (path("Service", &namespace), service),
        (path("ConfigMap", &namespace), settings),
        (path("Secret", &namespace), login),
    ]
}

fn pod(number: usize, owner: &Value, nodes: usize) -> Value {
    let app = app_name(number / REPLICAS);
    let node = cluster_nodes::name(number % nodes.max(1));
    let scheduled = !is_unscheduled(number) && nodes > 0;
    let image = number / REPLICAS % 200;
    let mounts = json!([
        {"name": "settings", "mountPath": "/etc/app", "readOnly": true},
        {"name": "login", "mountPath": "/var/run/login", "readOnly": true},
        {"name": "scratch", "mountPath": "/tmp"},
    ]);
    let probe = json!({
        "httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 5, "periodSeconds": 10,
    });
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": pod_name(number),
            "labels": {"app": app, "pod-template-hash": hex(number / REPLICAS, "set")[..9],
                "app.kubernetes.io/part-of": namespace(number / REPLICAS)},
            "annotations": {"checksum/config": hex(number / REPLICAS, "a") + &hex(number, "b"),
                "prometheus.io/scrape": "true", "prometheus.io/port": "9102"},
            "ownerReferences": [owner],
        },
        "spec": {
            "serviceAccountName": "runner",
            "restartPolicy": if owner["kind"] == "Job" { "Never" } else { "Always" },
            "initContainers": [
                {"name": "migrate", "image": image_name(image), "command": ["/bin/migrate", "--wait"],
                    "volumeMounts": mounts},
            ],
            "containers": [
                {"name": "app", "image": image_name(image), "args": ["--listen=:8080", "--verbose"],
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "env": [
                        {"name": "LOG_LEVEL", "valueFrom": {"configMapKeyRef":
                            {"name": format!("{app}-settings"), "key": "LOG_LEVEL"}}},
                        {"name": "PASSWORD", "valueFrom": {"secretKeyRef":
                            {"name": format!("{app}-login"), "key": "password"}}},
                        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                    ],
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"},
                        "limits": {"cpu": "1", "memory": "512Mi"}},
                    "livenessProbe": probe, "readinessProbe": probe, "volumeMounts": mounts},
                {"name": "metrics", "image": "quay.io/prometheus/statsd-exporter:v0.22.4",
                    "ports": [{"name": "metrics", "containerPort": 9102}],
                    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}},
            ],
            "volumes": [
                {"name": "settings", "configMap": {"name": format!("{app}-settings")}},
                {"name": "login", "secret": {"secretName": format!("{app}-login")}},
                {"name": "scratch", "emptyDir": {}},
            ],
        },
        "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "lastTransitionTime": "2026-01-02T03:04:05Z"},
        ]},
    });
    if scheduled {
        pod["spec"]["nodeName"] = json!(node);
        pod["status"] = running(number, number % nodes, image);
    }
    pod
}

/// The status of a running pod, as a kubelet writes it.
fn running(number: usize, node: usize, image: usize) -> Value {
    let address = |first: &str, number: usize| {
        format!("{first}.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255)
    };
    let own = address("100", number);
    let since = "2026-01-02T03:04:05Z";
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": since});
    let status = |name: &str, image: &str, id: &str, state: Value| {
        json!({
            "name": name, "image": image, "imageID": id, "ready": true, "restartCount": number % 3,
            "started": true, "state": state, "lastState": {},
            "containerID": format!("containerd://{}{}", hex(number, name), hex(number, "container")),
        })
    };
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    let now = json!({"running": {"startedAt": since}});
    let done = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": since, "finishedAt": since}});
    let (name, id) = (image_name(image), image_id(image));
    let metrics = "quay.io/prometheus/statsd-exporter";
    json!({
        "phase": "Running", "startTime": since, "qosClass": "Burstable",
        "hostIP": address("10", node), "podIP": own,
        "podIPs": [{"ip": own}, {"ip": format!("fd01::{:x}:{:x}", number >> 16, number & 0xffff)}],
        "conditions": conditions,
        "initContainerStatuses": [status("migrate", &name, &id, done)],
        "containerStatuses": [
            status("app", &name, &id, now.clone()),
            status("metrics", &format!("{metrics}:v0.22.4"),
                &format!("{metrics}@sha256:{}{}", hex(1, "metrics"), hex(2, "metrics")), now),
        ],
    })
}

/// The name of one of 200 images.
fn image_name(number: usize) -> String {
    format!("registry.example.com:5000/team-{}/service-{number}:v1.{number}.0", number % 5)
}

fn image_id(number: usize) -> String {
    let digest = hex(number, "image-a") + &hex(number, "image-b");
    format!("registry.example.com:5000/team-{}/service-{number}@sha256:{digest}", number % 5)
}

/// A UUID that depends on the number and the kind.
pub(super) fn uuid(number: usize, kind: &str) -> String {
    dashed(&hex(number, kind))
}
