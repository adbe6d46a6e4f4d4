//! `check` of real clusters: with each kubeconfig, and with one right taken away at a time.

use std::fmt::Write as _;
use std::time::Duration;

use gatherer_tests::servers::kubernetes::{Cluster, KUBECONFIGS, base64_file, kubeconfig_yaml};
use gatherer_tests::{Outcome, PluginFolder, Run, assert_message, cluster_or_skip};
use http::Method;
use serde_json::{Value, json};

use crate::{endpoint, without_addresses};

/// Everything that can be collected.
const EVERYTHING: [&str; 3] = ["all", "secrets", "config-maps"];

/// Checks endpoints with this content of the operator's file.
fn check_with(config: &str, endpoints: &[Value], format: &str) -> Outcome {
    let plugins = PluginFolder::with(&["kubernetes"]);
    let run = Run::new()
        .args(["check", "--infile", "-", "--format", format, "--config", "config.toml"])
        .plugins(plugins.path())
        .stdin(json!(endpoints).to_string())
        .within(Duration::from_mins(3));
    std::fs::write(run.home().join("config.toml"), config).expect("a file can be written");
    run.run()
}

/// The checks of the endpoints as JSON, in the order of the endpoints.
fn check(config: &str, endpoints: &[Value]) -> Vec<Value> {
    let outcome = check_with(config, endpoints, "json");
    let document: Value = serde_json::from_slice(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}; {}", outcome.describe()));
    document["endpoints"].as_array().expect("a list").clone()
}

/// The steps of an endpoint that are not `ok`: `NAME: STATUS: MESSAGE (HINT)`.
fn problems(endpoint: &Value) -> String {
    let mut text = String::new();
    for step in endpoint["steps"].as_array().expect("a list of steps") {
        let word = |member: &str| step[member].as_str().unwrap_or_default();
        if word("status") == "ok" {
            continue;
        }
        let hint =
            if word("hint").is_empty() { String::new() } else { format!(" ({})", word("hint")) };
        let _ = writeln!(text, "{}: {}: {}{hint}", word("name"), word("status"), word("message"));
    }
    text
}

/// The step with this name.
fn step<'a>(endpoint: &'a Value, name: &str) -> &'a Value {
    let steps = endpoint["steps"].as_array().expect("a list of steps");
    let found = steps.iter().find(|step| step["name"] == name);
    found.unwrap_or_else(|| panic!("there is no step {name}: {endpoint:#}"))
}

/// The names of the steps with a status.
fn named(endpoint: &Value, status: &str) -> Vec<String> {
    let steps = endpoint["steps"].as_array().expect("a list of steps").iter();
    let steps = steps.filter(|step| step["status"] == status);
    steps.map(|step| step["name"].as_str().expect("a name").to_owned()).collect()
}

/// Replaces what differs from run to run, and days.
fn stable(text: &str, cluster: &Cluster) -> String {
    let text = without_addresses(text, cluster);
    let days = regex_days();
    days(&text)
}

/// A function that replaces the number in `NUMBER days`.
fn regex_days() -> impl Fn(&str) -> String {
    |text: &str| {
        let words: Vec<&str> = text.split(' ').collect();
        let mut replaced = Vec::new();
        for (index, word) in words.iter().enumerate() {
            let next = words.get(index + 1).copied().unwrap_or_default();
            let is_number = word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty();
            let is_days = next.starts_with("days");
            replaced.push(if is_number && is_days { "[number]" } else { word });
        }
        replaced.join(" ")
    }
}

#[test]
fn each_kubeconfig_passes_or_fails_at_the_step_that_is_wrong() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let folder = cluster.pki();
    let config = format!(
        "[policy]\nallow_exec = [\"exec\"]\ncredential_folders = [\"{}\"]\n",
        folder.display()
    );
    let endpoints: Vec<Value> =
        KUBECONFIGS.iter().map(|name| endpoint(name, cluster.kubeconfig(name))).collect();
    let checks = check(&config, &endpoints);
    let mut text = String::new();
    for (name, check) in KUBECONFIGS.iter().zip(&checks) {
        assert_eq!(check["id"], *name);
        let failed = match *name {
            "bad-ca" | "server-expired" | "wrong-name" => &["tls"][..],
            "expired" | "bad-token" => &["login"],
            "noaccess" | "noaccess-token" => &["right: list nodes"],
            _ => &[],
        };
        assert_eq!(named(check, "failed"), failed, "{name}: {check:#}");
        let status = match *name {
            "insecure" => "warning",
            _ if failed.is_empty() => "ok",
            _ => "failed",
        };
        assert_eq!(check["status"], status, "{name}: {check:#}");
        let _ = write!(text, "[{name}]\n{}", problems(check));
    }
    assert_message!(stable(&text, cluster));
}

#[test]
fn a_good_cluster_shows_its_steps_and_how_many_objects_there_are() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let mut everything = endpoint("everything", cluster.kubeconfig("admin"));
    everything["collect"] = json!(EVERYTHING);
    let outcome = check_with("", &[everything], "table").expect_code(0);
    let objects = outcome.stdout_text().lines().find(|line| line.contains("objects"));
    let objects = objects.expect("a line about objects");
    assert!(objects.contains(&format!("nodes: {}", cluster.node_names().len())), "{objects}");
    let pods = cluster.count("/api/v1/pods");
    let text = outcome.stdout_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&format!("pods: {pods}")), "{text}");
    let text = text.split("objects nodes").next().unwrap_or_default();
    assert_message!(stable(&text.replace(" ok ", "\nok "), cluster));
}

#[test]
fn a_user_with_some_rights_lacks_exactly_the_others() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let everything = |name: &str, namespaces: &[&str]| {
        let mut endpoint = endpoint(name, cluster.reader(name));
        endpoint["collect"] = json!(EVERYTHING);
        endpoint["namespaces"] = json!(namespaces);
        endpoint
    };
    let namespace = gatherer_tests::servers::kubernetes::workloads::cases::NAMESPACE;
    let endpoints = [
        everything("nodes-and-pods", &[]),
        everything("no-secrets", &[]),
        everything("one-namespace", &[namespace]),
    ];
    let checks = check("", &endpoints);
    let ok = |check: &Value| -> Vec<String> {
        let ok = named(check, "ok").into_iter();
        ok.filter_map(|name| name.strip_prefix("right: list ").map(str::to_owned)).collect()
    };
    assert_eq!(ok(&checks[0]), ["nodes", "pods"]);
    assert_eq!(named(&checks[1], "failed"), ["right: list secrets"]);
    assert_eq!(named(&checks[2], "failed"), ["right: list namespaces"]);
}

#[test]
fn a_run_reports_when_certificates_expire() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let outcome = crate::gather("inventory", &[endpoint("e", cluster.kubeconfig("admin"))]);
    let run = &outcome.endpoint("e")["run"];
    let expiries = run["expiries"].as_array().unwrap_or_else(|| panic!("no expiries: {run:#}"));
    let what: Vec<_> = expiries.iter().filter_map(|expiry| expiry["what"].as_str()).collect();
    assert_eq!(what.len(), 2, "{what:?}");
    assert_eq!(what[0], "the certificate of 127.0.0.1");
    assert!(what[1].starts_with("the client certificate CN=kubernetes-admin"), "{what:?}");
}

/// Creates a ClusterRole with the verb list on these resources, and a user who has it. The kubeconfig of the user: the
/// administrator impersonates it.
fn user_with(cluster: &Cluster, name: &str, resources: &[(&str, &str)]) -> String {
    let rules: Vec<Value> = resources
        .iter()
        .map(|(group, plural)| json!({"apiGroups": [group], "resources": [plural], "verbs": ["list"]}))
        .collect();
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let version = "rbac.authorization.k8s.io/v1";
    cluster.create(
        &format!("{rbac}/clusterroles"),
        &json!({"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}),
    );
    cluster.create(
        &format!("{rbac}/clusterrolebindings"),
        &json!({
            "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        }),
    );
    impersonating(cluster, name)
}

fn impersonating(cluster: &Cluster, name: &str) -> String {
    let part = |file: &str| base64_file(&cluster.pki().join(file));
    let user = format!(
        "client-certificate-data: {}\nclient-key-data: {}\nas: {name}",
        part("admin.crt"),
        part("admin.key")
    );
    let authority = format!("certificate-authority-data: {}", part("ca.crt"));
    kubeconfig_yaml(cluster.url(), &authority, &user)
}

/// The lists that an endpoint with everything asks for, without KubeVirt, which the clusters here do not have.
const LISTS: [(&str, &str); 14] = [
    ("", "nodes"),
    ("", "namespaces"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("", "configmaps"),
    ("", "secrets"),
    ("", "pods"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("", "replicationcontrollers"),
];

#[test]
fn one_missing_right_fails_its_step_and_no_other() {
    let cluster = cluster_or_skip!(Cluster::start());
    cluster.create_nodes(2, 1_000);
    let mut endpoints = Vec::new();
    for (group, plural) in LISTS {
        let others: Vec<_> = LISTS.into_iter().filter(|list| *list != (group, plural)).collect();
        let kubeconfig = user_with(&cluster, &format!("without-{plural}"), &others);
        let mut endpoint = endpoint(plural, &kubeconfig);
        endpoint["collect"] = json!(EVERYTHING);
        endpoints.push(endpoint);
    }
    let with_all = user_with(&cluster, "with-all", &LISTS);
    let mut good = endpoint("good", &with_all);
    good["collect"] = json!(EVERYTHING);
    endpoints.push(good);
    let checks = check("", &endpoints);
    let mut text = String::new();
    for ((group, plural), check) in LISTS.iter().zip(&checks) {
        let dot = if group.is_empty() { "" } else { "." };
        assert_eq!(named(check, "failed"), [format!("right: list {plural}{dot}{group}")]);
        assert_eq!(named(check, "not-tried"), [""; 0], "{plural}");
        let step = step(check, &format!("right: list {plural}{dot}{group}"));
        assert_eq!(step["kind"], "permission");
        let _ = write!(text, "[{plural}]\n{}", problems(check));
    }
    assert_eq!(checks[LISTS.len()]["status"], "ok", "{:#}", checks[LISTS.len()]);
    assert_message!(stable(&text, &cluster));

    // What the check says happens in a run with the same endpoints.
    let outcome = crate::gather("inventory", &endpoints);
    for (_, plural) in LISTS {
        let result = outcome.endpoint(plural);
        if plural == "nodes" {
            assert_eq!(result["status"], "failed", "{plural}");
            continue;
        }
        assert_eq!(result["status"], "complete", "{plural}");
        let collections = result["collections"].as_object().expect("collections");
        let failed = collections.values().any(|status| status["status"] == "failed");
        assert!(failed, "{plural}: {collections:?}");
    }
}

#[test]
fn rights_in_the_selected_namespaces_are_enough() {
    let cluster = cluster_or_skip!(Cluster::start());
    cluster.create_nodes(2, 1_000);
    for namespace in ["one", "two"] {
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        cluster.create("/api/v1/namespaces", &object);
    }
    let kubeconfig = user_with(&cluster, "reader", &[("", "nodes")]);
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/one";
    let version = "rbac.authorization.k8s.io/v1";
    cluster.create(
        &format!("{rbac}/roles"),
        &json!({"apiVersion": version, "kind": "Role", "metadata": {"name": "pods", "namespace": "one"},
            "rules": [{"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["list"]}]}),
    );
    cluster.create(
        &format!("{rbac}/rolebindings"),
        &json!({"apiVersion": version, "kind": "RoleBinding",
            "metadata": {"name": "pods", "namespace": "one"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pods"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}]}),
    );
    let with = |id: &str, kubeconfig: &str, namespaces: &[&str], collect: &str| {
        let mut endpoint = endpoint(id, kubeconfig);
        endpoint["collect"] = json!([collect]);
        endpoint["namespaces"] = json!(namespaces);
        endpoint
    };
    let admin = impersonating(&cluster, "admin").replace("as: admin", "");
    let checks = check(
        "",
        &[
            with("granted", &kubeconfig, &["one"], "services"),
            with("refused", &kubeconfig, &["one", "two"], "services"),
            with("everywhere", &kubeconfig, &[], "services"),
            with("owners", &kubeconfig, &["one"], "pods"),
            with("misspelt", &admin, &["one", "thre"], "services"),
        ],
    );
    let services = "right: list services";
    assert_eq!(step(&checks[0], services)["status"], "ok");
    assert_eq!(step(&checks[1], services)["status"], "failed");
    assert_eq!(step(&checks[2], services)["status"], "failed");
    // Owners are read for the pods only, so the endpoint lacks nothing that it asks for.
    assert_eq!(checks[3]["status"], "warning", "{:#}", checks[3]);
    assert_eq!(step(&checks[4], "objects")["status"], "warning");
    let mut text = String::new();
    for check in &checks {
        let id = check["id"].as_str().expect("an id");
        let granted = step(check, if id == "owners" { "right: list pods" } else { services });
        let message = granted["message"].as_str().unwrap_or_default();
        let _ = write!(text, "[{id}]\n{message}\n{}", problems(check));
    }
    assert_message!(stable(&text, &cluster));
}

#[test]
fn a_server_that_answers_no_reviews_is_asked_for_the_lists() {
    let cluster = cluster_or_skip!(Cluster::start());
    cluster.create_nodes(2, 1_000);
    let kubeconfig = user_with(&cluster, "reader", &[("", "nodes")]);
    // Without these, a user may neither ask for its rights nor read the discovery documents and the version.
    for name in ["system:basic-user", "system:discovery", "system:public-info-viewer"] {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{name}");
        let (status, text) = cluster.request(Method::DELETE, &path, None).expect("a response");
        assert_eq!(status, 200, "{text}");
    }
    let mut endpoint = endpoint("e", &kubeconfig);
    endpoint["collect"] = json!(["virtual-machines", "controllers", "pods"]);
    let checks = check("", &[endpoint]);
    assert_eq!(step(&checks[0], "login")["status"], "ok");
    assert_eq!(step(&checks[0], "product")["status"], "warning");
    assert_eq!(step(&checks[0], "right: list nodes")["status"], "ok");
    assert_eq!(step(&checks[0], "right: list pods")["status"], "failed");
    assert_message!(stable(&problems(&checks[0]), &cluster));
}

#[test]
fn a_check_changes_nothing_in_the_cluster() {
    let cluster = cluster_or_skip!(Cluster::start());
    cluster.create_nodes(2, 1_000);
    let version = |path: &str| {
        let (status, text) = cluster.request(Method::GET, path, None).expect("a response");
        assert_eq!(status, 200, "{text}");
        let list: Value = serde_json::from_str(&text).expect("JSON");
        list["metadata"]["resourceVersion"].as_str().expect("a version").to_owned()
    };
    // The version of a list is the revision of etcd, which every change increments.
    let before = version("/api/v1/configmaps");
    let mut endpoint = endpoint("e", cluster.kubeconfig("admin"));
    endpoint["collect"] = json!(EVERYTHING);
    let checks = check("", &[endpoint]);
    assert_eq!(checks[0]["status"], "ok", "{:#}", checks[0]);
    let after = version("/api/v1/configmaps");
    // The server itself writes a few objects after its start.
    let number = |text: &str| text.parse::<u64>().expect("a number");
    assert!(number(&after) - number(&before) < 5, "{before} -> {after}");
}

#[test]
fn credentials_are_not_shown() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let endpoints: Vec<Value> = ["token", "bad-token", "noaccess-token", "admin"]
        .iter()
        .map(|name| endpoint(name, cluster.kubeconfig(name)))
        .collect();
    for format in ["table", "json"] {
        let outcome = check_with("", &endpoints, format).expect_code(1);
        let text = format!("{}{}", outcome.stdout_text(), outcome.messages());
        assert!(!text.contains("-token-0123456789"), "{text}");
    }
}
