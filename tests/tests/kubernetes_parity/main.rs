//! Parity with kubectl: for each form of a kubeconfig, its credentials and certificates, module Kubernetes
//! lists the nodes of a real API server if kubectl does. Each exception is a row of the table in
//! `docs/modules/Kubernetes.md`.

mod certificates;
mod clusters;
mod differences;
mod documents;
mod keys;
mod servers;
mod users;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatherer_tests::servers::kubernetes::{Cluster, base64_file, kubeconfig_yaml};
use gatherer_tests::{Failure, PluginFolder, Run, cluster_or_skip, inventory_endpoint};
use serde_json::{Value, json};

use certificates::Certificates;
use differences::{DIFFERENCES, Difference};

/// How many nodes the cluster has.
const NODES: usize = 3;

/// One form of a kubeconfig.
struct Row {
    /// What is special about it, in a few words. Unique.
    form: String,
    kubeconfig: Vec<u8>,
    /// Files in the kubeconfig's folder: name and content.
    files: Vec<(&'static str, Vec<u8>)>,
    is_allowed_by_operator: bool,
}

impl Row {
    fn new(form: impl Into<String>, kubeconfig: impl Into<Vec<u8>>) -> Self {
        Self {
            form: form.into(),
            kubeconfig: kubeconfig.into(),
            files: Vec::new(),
            is_allowed_by_operator: false,
        }
    }

    fn file(mut self, name: &'static str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name, content.into()));
        self
    }

    fn allowed_by_operator(mut self) -> Self {
        self.is_allowed_by_operator = true;
        self
    }

    fn write(&self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).expect("a new folder");
        for (name, content) in &self.files {
            let path = folder.join(name);
            std::fs::write(&path, content).expect("a new file");
            gatherer_tests::plugins::set_mode(&path, 0o700);
        }
        let path = folder.join("config");
        std::fs::write(&path, &self.kubeconfig).expect("a new file");
        gatherer_tests::plugins::set_mode(&path, 0o600);
        path
    }
}

/// What the rows are made of.
struct Parts {
    url: String,
    /// `127.0.0.1:port` of a server of the same API that speaks http.
    http_address: String,
    certificates: Certificates,
}

impl Parts {
    /// A kubeconfig for the API server, with these lines of its cluster and its user.
    fn kubeconfig(&self, cluster: &str, user: &str) -> String {
        kubeconfig_yaml(&self.url, cluster, user)
    }

    /// The line with the authority of the API server.
    fn authority(&self) -> String {
        let path = self.certificates.folder().join("ca.crt");
        format!("certificate-authority-data: {}", base64_file(&path))
    }

    fn read(&self, name: &str) -> String {
        let path = self.certificates.folder().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

fn base64(text: impl AsRef<str>) -> String {
    gatherer_tests::scripted_cluster::base64(text.as_ref())
}

/// `kubectl proxy`: the API over http, without credentials.
struct KubectlProxy {
    process: Child,
    address: String,
}

impl KubectlProxy {
    fn start(kubectl: &Path, kubeconfig: &Path) -> Self {
        let mut process = Command::new(kubectl)
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["proxy", "--port=0"])
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is a pipe");
        BufReader::new(output).read_line(&mut line).expect("kubectl prints a line");
        let (_, address) = line.trim_end().rsplit_once(' ').expect("the line ends in an address");
        Self { process, address: address.to_owned() }
    }
}

impl Drop for KubectlProxy {
    fn drop(&mut self) {
        self.process.kill().expect("the process runs");
        self.process.wait().expect("the process was started");
    }
}

/// Whether kubectl lists the nodes.
fn kubectl_lists(kubectl: &Path, kubeconfig: &Path, home: &Path) -> bool {
    let output = Command::new(kubectl)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["get", "nodes", "-o", "name", "--request-timeout=20s"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .expect("kubectl runs");
    let nodes = String::from_utf8_lossy(&output.stdout).lines().count();
    assert!(nodes == NODES || !output.status.success(), "kubectl succeeds with {nodes} nodes");
    output.status.success()
}

/// The error of the module, or `None` if it listed the nodes.
fn error_of(endpoint: &Value) -> Option<Failure> {
    if endpoint["status"] == "complete" {
        assert_eq!(endpoint["hosts"].as_array().map_or(0, Vec::len), NODES, "{endpoint}");
        return None;
    }
    Some(Failure::of(&endpoint["error"]))
}

fn gather(rows: &[(&Row, PathBuf)]) -> Vec<Option<Failure>> {
    let allowed: Vec<&str> = rows
        .iter()
        .filter(|(row, _)| row.is_allowed_by_operator)
        .map(|(row, _)| row.form.as_str())
        .collect();
    let endpoints: Vec<Value> = rows
        .iter()
        .map(|(row, path)| {
            json!({"id": row.form, "module": "Kubernetes", "retries": 0, "kubeconfig": path})
        })
        .collect();
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::gather(&json!(endpoints))
        .plugins(plugins.path())
        .args(["--format", "inventory", "--config", "config.toml"])
        .within(Duration::from_mins(3));
    let config = format!("[policy]\nallow_exec = {allowed:?}\n");
    std::fs::write(run.home().join("config.toml"), config).expect("a file can be written");
    let inventory = run.run().inventory();
    rows.iter().map(|(row, _)| error_of(&inventory_endpoint(&inventory, &row.form))).collect()
}

#[test]
fn module_kubernetes_lists_nodes_if_kubectl_does_except_in_documented_cases() {
    let cluster = cluster_or_skip!(Cluster::start_with_certificates(&servers::write));
    let kubectl = Cluster::kubectl().expect("the cluster was started");
    cluster.create_nodes(NODES, 2000);
    let proxy = KubectlProxy::start(&kubectl, &cluster.kubeconfig("token"));
    let parts = Parts {
        url: cluster.url().to_owned(),
        http_address: proxy.address.clone(),
        certificates: Certificates::new(
            cluster.make_more_certificates().expect("the cluster was started"),
        ),
    };
    let rows: Vec<Row> = [keys::rows, users::rows, clusters::rows, servers::rows, documents::rows]
        .iter()
        .flat_map(|rows| rows(&parts))
        .collect();
    let forms: BTreeSet<&str> = rows.iter().map(|row| row.form.as_str()).collect();
    assert_eq!(forms.len(), rows.len(), "two rows have the same form");

    let home = tempfile::tempdir().expect("a temporary folder");
    let written: Vec<(&Row, PathBuf)> = rows
        .iter()
        .zip(0..)
        .map(|(row, number)| (row, row.write(&home.path().join(format!("row-{number}/kube")))))
        .collect();
    let documentation = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/modules/Kubernetes.md"
    ))
    .expect("the page exists");
    let mut table = String::from("| form | kubectl | module | its message |\n|---|---|---|---|\n");
    let mut faults = String::new();
    for ((row, path), failure) in written.iter().zip(gather(&written)) {
        let form = &row.form;
        let is_listed = kubectl_lists(&kubectl, path, home.path());
        let mut fault = |text: &str| {
            let _ = writeln!(faults, "{form}: {text}: {failure:?}");
        };
        let difference = DIFFERENCES.iter().find(|(known, _)| known == form).map(|(_, why)| *why);
        match (is_listed, &failure, difference) {
            (true, None, None)
            | (false, Some(_), None)
            | (false, None, Some(Difference::Lenient(_))) => {}
            (true, Some(failure), Some(Difference::Policy(_))) => {
                if failure.kind != "configuration" {
                    fault("a policy is an error of kind configuration");
                }
            }
            (true, Some(failure), Some(Difference::Library(_))) => {
                if failure.kind != "unsupported" {
                    fault("a limit is an error of kind unsupported");
                }
            }
            (true, Some(_), _) => fault("only kubectl lists the nodes"),
            (false, None, _) => fault("only the module lists the nodes"),
            (_, _, Some(_)) => fault("there is no difference"),
        }
        let verdict = |is_listed| if is_listed { "lists" } else { "fails" };
        let kind = failure.as_ref().map_or("lists", |failure| &failure.kind);
        let folder = path.parent().expect("a folder").display().to_string();
        let sentence = failure.as_ref().map_or(String::new(), |failure| {
            let hint =
                failure.hint.as_deref().map_or(String::new(), |hint| format!("; hint: {hint}"));
            format!("{}{hint}", failure.message).replace(&folder, "<folder>")
        });
        let _ = writeln!(table, "| {form} | {} | {kind} | {sentence} |", verdict(is_listed));
    }
    for (form, difference) in DIFFERENCES {
        let (Difference::Policy(text) | Difference::Library(text) | Difference::Lenient(text)) =
            difference;
        if !documentation.contains(&format!("| {text} |")) {
            let _ = writeln!(faults, "{form}: the documentation has no row {text:?}");
        }
        if !forms.contains(form) {
            let _ = writeln!(faults, "{form}: there is no such row");
        }
    }
    assert!(faults.is_empty(), "{faults}\n{table}");
    let table = table
        .replace(cluster.url(), "<server>")
        .replace(&cluster.folder().display().to_string(), "<cluster>")
        .replace(&cluster.address().to_string(), "<address>");
    gatherer_tests::assert_message!(table);
}
