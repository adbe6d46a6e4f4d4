//! As many pods as are asked for, of the size and with the company that pods have in real clusters.
//!
//! [`REPLICAS`] pods are an application: they have a controller, which for six of ten is a Deployment
//! with its ReplicaSet, a service, a config map and a secret. [`APPS`] applications share a
//! namespace and its service account.

use serde_json::{Value, json};

use super::super::Cluster;
use super::super::nodes::{self, dashed, hex};
use super::Planned;
use super::objects::{controlled_by, controller, object, path, service};

/// How many pods an application has.
pub const REPLICAS: usize = 10;
/// How many applications a namespace has.
pub const APPS: usize = 20;

/// The namespace of an application.
pub fn namespace(app: usize) -> String {
    format!("team-{:04}", app / APPS)
}

/// How an application is called: the label `app` of its pods, its service and its controllers.
pub fn app_name(app: usize) -> String {
    format!("app-{app:05}")
}

/// How pod and controller of an application are called.
pub fn pod_name(pod: usize) -> String {
    let app = app_name(pod / REPLICAS);
    format!("{app}-{}-{}", &hex(pod / REPLICAS, "set")[..9], &hex(pod, "pod")[..5])
}

/// What controls the pods of an application, from the top down.
fn chain(app: usize) -> &'static [&'static str] {
    match app % 10 {
        0..=5 => &["Deployment", "ReplicaSet"],
        6 => &["StatefulSet"],
        7 => &["DaemonSet"],
        8 => &["CronJob", "Job"],
        _ => &["ReplicationController"],
    }
}

/// Whether a pod waits for a node.
pub fn unscheduled(pod: usize) -> bool {
    pod % 50 == 49
}

pub(super) fn create(cluster: &Cluster, first: usize, pods: usize, nodes: usize) {
    let apps = first.div_ceil(REPLICAS)..(first + pods).div_ceil(REPLICAS);
    let spaces = apps.start.div_ceil(APPS)..apps.end.div_ceil(APPS);
    cluster.make_all(spaces.clone().map(|space| {
        let name = namespace(space * APPS);
        let labels = json!({"team": name, "stage": "production"});
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels},
        });
        ("/api/v1/namespaces".to_owned(), namespace)
    }));
    cluster.make_all(spaces.map(|space| {
        let namespace = namespace(space * APPS);
        (path("ServiceAccount", &namespace), object("ServiceAccount", "runner", "runner"))
    }));
    cluster.make_all(apps.clone().flat_map(company));
    // Their UIDs are needed one level below: the upper ones of all first.
    let tops = cluster.make_all(apps.clone().map(|app| {
        let kind = chain(app)[0];
        (path(kind, &namespace(app)), set(kind, app))
    }));
    let two: Vec<(usize, &String)> =
        apps.clone().zip(&tops).filter(|(app, _)| chain(*app).len() > 1).collect();
    let below = cluster.make_all(two.iter().map(|&(app, top)| {
        let &[upper, lower] = chain(app) else { unreachable!("two were asked for") };
        let mut object = set(lower, app);
        object["metadata"]["name"] = json!(set_name(app));
        object["metadata"]["ownerReferences"] = json!([controlled_by(upper, &app_name(app), top)]);
        (path(lower, &namespace(app)), object)
    }));
    let mut below = two.iter().map(|(app, _)| *app).zip(&below).peekable();
    let makers: Vec<(usize, Value)> = apps
        .zip(&tops)
        .map(|(app, top)| match below.next_if(|(other, _)| *other == app) {
            Some((_, uid)) => (app, controlled_by(chain(app)[1], &set_name(app), uid)),
            None => (app, controlled_by(chain(app)[0], &app_name(app), top)),
        })
        .collect();
    cluster.make_all(makers.iter().flat_map(|(app, maker)| {
        (app * REPLICAS..(app + 1) * REPLICAS)
            .map(|number| (path("Pod", &namespace(*app)), pod(number, maker, nodes)))
    }));
}

fn set_name(app: usize) -> String {
    format!("{}-{}", app_name(app), &hex(app, "set")[..9])
}

fn set(kind: &str, app: usize) -> Value {
    let name = app_name(app);
    controller(kind, &name, &name, REPLICAS, REPLICAS)
}

/// What stands beside the pods of an application.
fn company(app: usize) -> Planned {
    let (namespace, name) = (namespace(app), app_name(app));
    let mut service = service(&name, "ClusterIP", &json!({"app": name}));
    if !app.is_multiple_of(10) {
        // Addresses are given out one after the other, which takes long.
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

fn pod(number: usize, maker: &Value, nodes: usize) -> Value {
    let app = app_name(number / REPLICAS);
    let node = nodes::name(number % nodes.max(1));
    let scheduled = !unscheduled(number) && nodes > 0;
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
            "ownerReferences": [maker],
        },
        "spec": {
            "serviceAccountName": "runner",
            "restartPolicy": if maker["kind"] == "Job" { "Never" } else { "Always" },
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

/// The status of a pod that runs, as a kubelet writes it.
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

/// The image of this number: one of 200, from the registries that clusters pull from.
fn image_name(number: usize) -> String {
    format!("registry.example.com:5000/team-{}/service-{number}:v1.{number}.0", number % 5)
}

fn image_id(number: usize) -> String {
    let digest = hex(number, "image-a") + &hex(number, "image-b");
    format!("registry.example.com:5000/team-{}/service-{number}@sha256:{digest}", number % 5)
}

/// A UUID of this number, as firmware has it.
pub(super) fn uuid(number: usize, kind: &str) -> String {
    dashed(&hex(number, kind))
}
