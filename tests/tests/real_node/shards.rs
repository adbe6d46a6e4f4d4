//! The manifests of packaging/kubernetes on the node: a pod for each shard with the container image of the program, and one
//! that merges their inventories.
//!
//! Kubernetes 1.20 has no Indexed Jobs, so there is a Job for each shard, with the variable that an Indexed Job would set.
//! It has no CronJob of `batch/v1` and no Pod Security admission, and the cluster has no service network and no storage
//! class. So the pods use the node's network, which the restricted standard would refuse, and a folder of the node.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatherer_tests::manifest_judges;
use gatherer_tests::servers::node::{NODE_NAME, Node};
use serde_json::{Value, json};

use crate::workloads::await_service_account;
use crate::{items, text, world};

const NAMESPACE: &str = "virtual-host-gatherer";
const SHARDS: usize = 4;

/// The objects of the base.
fn base() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/kubernetes/base");
    let kubectl = manifest_judges().unwrap_or_else(|reason| panic!("{reason}")).join("kubectl");
    let output = Command::new(kubectl).arg("kustomize").arg(folder).output().expect("kubectl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    serde_saphyr::from_multiple(&text).expect("YAML")
}

/// The request: the cluster several times, and files that are beside it in the Secret.
fn request() -> Value {
    let mut endpoints = vec![
        json!({"id": "nodes", "module": "Kubernetes", "kubeconfig": "in-cluster"}),
        json!({"id": "shop", "module": "Kubernetes", "kubeconfig": "in-cluster",
            "collect": "services,service-accounts,controllers", "namespaces": "shop"}),
        json!({"id": "all-services", "module": "Kubernetes", "kubeconfig": "in-cluster", "collect": "services"}),
        json!({"id": "not-found", "module": "File", "url": "none.data"}),
    ];
    for number in 0..8 {
        endpoints
            .push(json!({"id": format!("file-{number}"), "module": "File", "url": "hosts.data"}));
    }
    json!(endpoints)
}

/// The cluster's Jobs of this test.
struct Jobs<'a> {
    node: &'a Node,
    image: String,
    volume: PathBuf,
}

impl Jobs<'_> {
    /// Creates a Job from a CronJob of the base with these arguments and variables, and waits for its end. Returns its pod.
    fn run(&self, name: &str, cron_job: &Value, change: impl FnOnce(&mut Value)) -> Value {
        let mut template = cron_job["spec"]["jobTemplate"]["spec"]["template"].clone();
        let spec = &mut template["spec"];
        spec["nodeName"] = json!(NODE_NAME);
        spec["hostNetwork"] = json!(true);
        for volume in spec["volumes"].as_array_mut().expect("a list") {
            if volume["name"] == "results" {
                *volume = json!({"name": "results", "hostPath": {"path": self.volume}});
            }
        }
        let address = self.node.cluster().address();
        let container = &mut spec["containers"][0];
        container["image"] = json!(self.image);
        if container["env"].is_null() {
            container["env"] = json!([]);
        }
        for (name, value) in [
            ("KUBERNETES_SERVICE_HOST", address.ip().to_string()),
            ("KUBERNETES_SERVICE_PORT", address.port().to_string()),
        ] {
            container["env"]
                .as_array_mut()
                .expect("a list")
                .push(json!({"name": name, "value": value}));
        }
        change(container);
        self.node.create(&[json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"backoffLimit": 0, "template": template},
        })]);
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
        let pod = self.node.wait_until("the pod of a Job has ended", |node| {
            let pods = node.cluster().list(&path);
            let pod =
                pods.into_iter().find(|pod| pod["metadata"]["labels"]["job-name"] == *name)?;
            ["Succeeded", "Failed"]
                .iter()
                .any(|phase| pod["status"]["phase"] == **phase)
                .then_some(pod)
        });
        let namespace = format!("--namespace={NAMESPACE}");
        let log = self.node.kubectl(&[&namespace, "logs", text(&pod["metadata"]["name"])], "");
        assert_eq!(pod["status"]["phase"], "Succeeded", "{name}: {log:?}: {}", pod["status"]);
        pod
    }

    fn document(&self, path: &str) -> Value {
        let path = self.volume.join(path);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).expect("JSON")
    }
}

fn add_variable(container: &mut Value, name: &str, value: &str) {
    container["env"].as_array_mut().expect("a list").push(json!({"name": name, "value": value}));
}

fn add_argument(container: &mut Value, argument: &str) {
    container["args"].as_array_mut().expect("a list").push(json!(argument));
}

/// What containerd gave to the container of a pod: the OCI runtime's specification.
fn runtime_spec(node: &Node, pod: &Value) -> Value {
    let id = text(&pod["status"]["containerStatuses"][0]["containerID"]);
    let id = id.strip_prefix("containerd://").expect("a container of containerd");
    let info = node.ctr(&["containers", "info", id]).unwrap_or_else(|error| panic!("{error}"));
    let info: Value = serde_json::from_str(&info).expect("ctr prints JSON");
    info["Spec"].clone()
}

/// The process has no rights, and cannot write to the root file system.
fn assert_restricted(spec: &Value) {
    assert_eq!(spec["root"]["readonly"], true);
    let process = &spec["process"];
    assert_eq!((&process["user"]["uid"], &process["user"]["gid"]), (&json!(65532), &json!(65532)));
    assert_eq!(process["noNewPrivileges"], true);
    for set in ["bounding", "effective", "permitted", "inheritable", "ambient"] {
        assert!(items(&process["capabilities"][set]).is_empty(), "{set}");
    }
    assert_eq!(process["args"][0], "/usr/bin/virtual-host-gatherer");
}

#[test]
#[ignore = "needs the namespaces of make test-node"]
fn pods_of_shards_and_a_merge_give_the_inventory_of_a_single_run() {
    let node = &world().node;
    let objects = base();
    let cron_job = |name: &str| {
        let is_it =
            |object: &&Value| object["kind"] == "CronJob" && object["metadata"]["name"] == name;
        objects.iter().find(is_it).expect("a CronJob of the base")
    };
    let (gather, merge) =
        (cron_job("virtual-host-gatherer"), cron_job("virtual-host-gatherer-merge"));
    let (namespace, mut others): (Vec<Value>, Vec<Value>) = objects
        .iter()
        .filter(|object| !["CronJob", "PersistentVolumeClaim"].contains(&text(&object["kind"])))
        .cloned()
        .partition(|object| object["kind"] == "Namespace");
    for object in &mut others {
        if object["kind"] == "Secret" {
            let hosts = json!({"esx1": {"name": "esx1", "vms": {"vm1": "4230c60f-3f98-2a65-f7c3-600b26b79c22"}}});
            object["data"] = Value::Null;
            object["stringData"] =
                json!({"request.json": request().to_string(), "hosts.data": hosts.to_string()});
        }
    }
    node.create(&namespace);
    node.create(&others);
    for account in ["default", "virtual-host-gatherer"] {
        await_service_account(node, NAMESPACE, account);
    }
    let jobs =
        Jobs { node, image: node.load_program_image(), volume: node.create_folder("results") };

    for index in 0..SHARDS {
        let pod = jobs.run(&format!("shard-{index}"), gather, |container| {
            // The variable of an Indexed Job.
            add_variable(container, "JOB_COMPLETION_INDEX", &index.to_string());
        });
        assert_restricted(&runtime_spec(node, &pod));
        let inventory = jobs.document(&format!("shards/shard-{index}.json"));
        assert_eq!(inventory["shard"], json!({"index": index, "count": SHARDS}));
    }
    let single = |name: &str| {
        jobs.run(name, gather, |container| {
            let args = container["args"].as_array_mut().expect("a list");
            args.retain(|arg| {
                !text(arg).starts_with("--shard") && !text(arg).starts_with("--outfile")
            });
            add_argument(container, &format!("--outfile=/results/{name}.json"));
            add_argument(container, "--no-run-info");
            let mounts = container["volumeMounts"].as_array_mut().expect("a list").iter_mut();
            for mount in mounts.filter(|mount| mount["name"] == "results") {
                mount["subPath"] = json!("single");
            }
        });
        jobs.document(&format!("single/{name}.json"))
    };
    let pod = jobs.run("merge", merge, |container| add_argument(container, "--no-run-info"));
    assert_restricted(&runtime_spec(node, &pod));
    let merged = jobs.document("merged/inventory.json");
    let single = single("whole");

    let endpoints = items(&merged["endpoints"]);
    assert_eq!(endpoints.len(), items(&request()).len());
    for endpoint in endpoints {
        let expected = if endpoint["id"] == "not-found" { "failed" } else { "complete" };
        assert_eq!(endpoint["status"], expected, "{endpoint}");
    }
    let nodes = endpoints.iter().find(|one| one["id"] == "nodes").expect("the endpoint");
    assert_eq!(nodes["hosts"][0]["name"], NODE_NAME);
    assert!(merged["shard"].is_null() && merged["run"].is_null());
    // The order of the members, too.
    assert_eq!(
        serde_json::to_string_pretty(&merged).expect("JSON"),
        serde_json::to_string_pretty(&single).expect("JSON")
    );
}
