//! The collections of module Kubernetes, on a scripted server. A list without a response fails only its collection.
//! The keys of secrets and config maps are reported; their values are not in the output, in the log or in the
//! memory of the worker.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use gatherer_plugin_support::testing::{Action, Authority, ReceivedRequest, ScriptedServer};
use gatherer_tests::scripted_cluster::{base64, kubeconfig};
use gatherer_tests::{Failure, PluginFolder, Run, assert_message};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A text that the values repeat.
const CANARY: &str = "canary-value-5c0ffee5";

/// The name of a key, which is reported.
const KEY: &str = "reported-key-77aa";

fn list(kind: &str, api_version: &str, items: &[Value], next: &str) -> Action {
    let metadata = json!({"resourceVersion": "7", "continue": next});
    // The members have the order of an API server.
    let text = format!(
        r#"{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":{metadata},"items":{}}}"#,
        Value::from(items)
    );
    Action::answer(200, text).header("content-type", "application/json")
}

fn metadata(name: &str, uid: &str) -> Value {
    // `kubectl apply` stores the object in this annotation.
    let applied = json!({"data": {"x": CANARY}}).to_string();
    json!({"name": name, "namespace": "shop", "uid": uid,
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}})
}

fn value() -> String {
    CANARY.repeat(1000)
}

/// The response of a cluster with secrets. With `pods_hang`, the list of pods gets no response.
fn respond(request: &ReceivedRequest, pods_hang: bool) -> Action {
    let path = request.path();
    match path {
        "/api/v1/nodes" => {
            list("Node", "v1", &[json!({"metadata": {"name": "n1", "uid": "n1"}})], "")
        }
        "/api/v1/secrets" if request.query("continue").is_none() => list(
            "Secret",
            "v1",
            &[json!({"metadata": metadata("login", "s1"), "type": "Opaque",
                "data": {KEY: base64(&value()), "x": base64(CANARY)}})],
            "more",
        ),
        "/api/v1/secrets" => list(
            "Secret",
            "v1",
            &[json!({"metadata": metadata("login2", "s2"), "stringData": {"plain": value()}})],
            "",
        ),
        "/api/v1/configmaps" => list(
            "ConfigMap",
            "v1",
            &[json!({"metadata": metadata("settings", "c1"), "data": {"app.conf": value()},
                "binaryData": {"app.bin": base64(&value())}})],
            "",
        ),
        "/api/v1/pods" if pods_hang => Action::BlackHole,
        "/api/v1/pods" => list(
            "Pod",
            "v1",
            &[json!({"metadata": {"name": "p", "namespace": "shop", "uid": "p"}, "spec": {
            "containers": [{"name": "c", "env": [
                {"name": "LITERAL", "value": CANARY},
                {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "login", "key": KEY}}},
            ]}]}})],
            "",
        ),
        "/apis" => {
            Action::json(200, &json!({"kind": "APIGroupList", "groups": [{"name": "batch"}]}))
        }
        "/apis/batch/v1" => {
            let resources =
                json!({"groupVersion": "batch/v1", "resources": [{"name": "cronjobs"}]});
            Action::json(200, &resources)
        }
        _ => {
            let plural = path.rsplit('/').next().unwrap_or_default();
            let kind = match plural {
                "deployments" => "Deployment",
                "statefulsets" => "StatefulSet",
                "daemonsets" => "DaemonSet",
                "replicasets" => "ReplicaSet",
                "jobs" => "Job",
                "cronjobs" => "CronJob",
                "replicationcontrollers" => "ReplicationController",
                _ => return Action::json(404, &json!({"kind": "Status", "code": 404})),
            };
            let api_version = path.trim_start_matches("/apis/").trim_start_matches("/api/");
            list(kind, api_version.rsplit_once('/').map_or("v1", |(group, _)| group), &[], "")
        }
    }
}

fn run(server: &ScriptedServer, authority: &Authority, plugins: &PluginFolder) -> Run {
    run_within(server, authority, plugins, 60)
}

fn run_within(
    server: &ScriptedServer,
    authority: &Authority,
    plugins: &PluginFolder,
    timeout: u32,
) -> Run {
    let trust = json!({"certificate-authority-data": base64(authority.pem())});
    let kubeconfig = kubeconfig(&server.url(""), &trust, &json!({"token": "t0ken"}));
    let endpoint = json!([{"id": "e", "module": "Kubernetes", "kubeconfig": kubeconfig.to_string(),
        "timeout": timeout, "retries": 0, "page_size": 1, "collect": "pods,secrets,config-maps,virtual-machines"}]);
    Run::gather(&endpoint).plugins(plugins.path()).args(["--format", "inventory", "-v", "-v"])
}

/// The spellings of the canary: plain, and in base64, which depends on the position of the canary in the
/// text.
fn spellings() -> Vec<String> {
    let shifted = (0..3).map(|shift| {
        let encoded = base64(&format!("{}{CANARY}", "-".repeat(shift)));
        encoded[4..encoded.len() - 4].to_owned()
    });
    std::iter::once(CANARY.to_owned()).chain(shifted).collect()
}

/// The writable memory of a process, as far as it can be read.
fn memory(pid: u32) -> Option<Vec<u8>> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let file = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (begin, end) = line.split_once(' ')?.0.split_once('-')?;
        let begin = u64::from_str_radix(begin, 16).ok()?;
        let length = u64::from_str_radix(end, 16).ok()? - begin;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        // Pages that were never used cannot be read.
        if file.read_exact_at(&mut bytes, begin).is_ok() {
            all.extend_from_slice(&bytes);
        }
    }
    Some(all)
}

fn contains(memory: &[u8], text: &str) -> bool {
    memory.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn reports_keys_without_values() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let server = ScriptedServer::https(&identity, |request| respond(request, false));
    let plugins = PluginFolder::with(&["kubernetes"]);
    let outcome = run(&server, &authority, &plugins).run();
    let endpoint = outcome.endpoint("e");
    assert_eq!(endpoint["status"], "complete", "{endpoint}");
    let workloads = &endpoint["workloads"];
    assert_eq!(workloads["secrets"][0]["keys"], json!([KEY, "x"]));
    assert_eq!(workloads["secrets"][0]["type"], "Opaque");
    assert_eq!(workloads["secrets"][1]["keys"], json!(["plain"]));
    assert_eq!(workloads["configMaps"][0]["keys"], json!(["app.bin", "app.conf"]));
    let used_by = json!([{"pod": {"name": "p", "uid": "p"}, "container": "c", "env": "FROM"}]);
    assert_eq!(workloads["secrets"][0]["usedBy"], used_by);
    assert_eq!(workloads["secrets"][1]["usedBy"], json!([]));
    for spelling in spellings() {
        for (what, text) in [
            ("stdout", outcome.stdout_text()),
            ("stderr", &outcome.stderr),
            ("the log", &outcome.log),
        ] {
            assert!(!text.contains(&spelling), "{spelling} is in {what}");
        }
    }
}

#[test]
fn no_value_stays_in_the_memory_of_a_worker() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let server = ScriptedServer::https(&identity, |request| respond(request, true));
    let plugins = PluginFolder::with(&["kubernetes"]);
    let running = run(&server, &authority, &plugins).start();
    running.wait_until("the pods are requested", |_| {
        let requests = server.received();
        requests.iter().any(|request| request.target.starts_with("/api/v1/pods")).then_some(())
    });
    let worker = *running.workers().first().expect("a worker");
    let Some(memory) = memory(worker) else {
        running.signal(Signal::TERM);
        running.finish();
        gatherer_tests::skip!("only root can read the memory of a worker");
    };
    // The keys prove that this is the memory that the values passed through.
    assert!(contains(&memory, KEY), "the keys are not in the memory");
    for spelling in spellings() {
        assert!(!contains(&memory, &spelling), "{spelling} is in the worker's memory");
    }
    running.signal(Signal::TERM);
    running.finish();
}

#[test]
fn a_list_without_a_response_fails_only_its_collection() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let server = ScriptedServer::https(&identity, |request| respond(request, true));
    let plugins = PluginFolder::with(&["kubernetes"]);
    let outcome = run_within(&server, &authority, &plugins, 3).run();
    let endpoint = outcome.endpoint("e");
    assert_eq!(
        (&endpoint["status"], &endpoint["hosts"][0]["name"]),
        (&json!("complete"), &json!("n1"))
    );
    let collections = &endpoint["collections"];
    let failure = |name: &str| Failure::of(&collections[name]["error"]);
    assert_eq!(failure("pods").kind, "timeout", "{collections}");
    // They were read before.
    assert_eq!(collections["virtual-machines"]["status"], "complete", "{collections}");
    assert_message!(failure("pods"));
    assert_eq!(collections["secrets"]["status"], "complete");
    let secrets = &endpoint["workloads"]["secrets"];
    // Without the pods, their uses are unknown.
    assert_eq!((&secrets[0]["keys"], &secrets[0]["usedBy"]), (&json!([KEY, "x"]), &Value::Null));
    let messages = outcome.messages();
    let is_about_pods = |line: &str| line.contains("pods") && line.contains("timeout: ");
    assert!(messages.lines().any(is_about_pods), "{messages}");
}

#[test]
fn a_pod_that_is_too_large_fails_only_the_pods() {
    let authority = Authority::new("The authority of this test");
    let identity = authority.identity(&["127.0.0.1"]);
    let server = ScriptedServer::https(&identity, |request| {
        if request.target.starts_with("/api/v1/pods") {
            let labels: serde_json::Map<String, Value> =
                (0..9000).map(|n| (format!("label-{n:060}"), "x".repeat(63).into())).collect();
            let pod = json!({"metadata": {"name": "p", "namespace": "shop", "uid": "p",
                "labels": labels}});
            return list("Pod", "v1", &[pod], "");
        }
        respond(request, false)
    });
    let plugins = PluginFolder::with(&["kubernetes"]);
    let endpoint = run(&server, &authority, &plugins).run().endpoint("e");
    assert_eq!(endpoint["status"], "complete");
    assert_eq!(endpoint["hosts"][0]["name"], "n1");
    let pods = &endpoint["collections"]["pods"];
    assert_eq!(pods["error"]["kind"], "protocol", "{pods}");
    assert_eq!(endpoint["collections"]["secrets"]["status"], "complete");
}
