//! Every kubeconfig of the test cluster: whether its endpoint is complete or fails, and with which error.

use std::fmt::Write as _;

use gatherer_tests::servers::kubernetes::{
    ADMIN_TOKEN, Cluster, KUBECONFIGS, UNKNOWN_TOKEN, UNPRIVILEGED_TOKEN, base64_file,
    credential_program, kubeconfig_yaml,
};
use gatherer_tests::{Failure, assert_message, cluster_or_skip, inventory_endpoint};
use serde_json::Value;

use crate::{endpoint, gather, gather_with, names, without_addresses};

/// A kubeconfig and its expected result.
struct KubeconfigCase {
    name: &'static str,
    /// What the operator must allow for it.
    policy: Policy,
    expected: Expected,
}

#[derive(PartialEq)]
enum Policy {
    None,
    AllowExec,
    CredentialFolders,
}

enum Expected {
    /// All nodes, and this number of warnings.
    Complete { warnings: usize },
    /// An error of this kind, whose message contains this text.
    Failed { kind: &'static str, text: &'static str },
}

const COMPLETE: Expected = Expected::Complete { warnings: 0 };

const fn failed(kind: &'static str, text: &'static str) -> Expected {
    Expected::Failed { kind, text }
}

const CASES: [KubeconfigCase; 17] = [
    case("admin", Policy::None, COMPLETE),
    case("admin-pkcs8", Policy::None, COMPLETE),
    case("admin-ec", Policy::None, COMPLETE),
    case("admin-files", Policy::CredentialFolders, COMPLETE),
    case("admin-relpaths", Policy::CredentialFolders, COMPLETE),
    case("token", Policy::None, COMPLETE),
    case("token-file", Policy::CredentialFolders, COMPLETE),
    case("exec", Policy::AllowExec, COMPLETE),
    case("insecure", Policy::None, Expected::Complete { warnings: 1 }),
    case("bad-ca", Policy::None, failed("tls", "issuer is not trusted")),
    case("expired", Policy::None, failed("authentication", "401 Unauthorized")),
    case("server-expired", Policy::None, failed("tls", "CN=expired")),
    case("tls-server-name", Policy::None, COMPLETE),
    case("wrong-name", Policy::None, failed("tls", "wrong.test")),
    case("noaccess", Policy::None, failed("permission", "User \"unprivileged\"")),
    case("noaccess-token", Policy::None, failed("permission", "User \"token-unprivileged\"")),
    case("bad-token", Policy::None, failed("authentication", "401 Unauthorized")),
];

const fn case(name: &'static str, policy: Policy, expected: Expected) -> KubeconfigCase {
    KubeconfigCase { name, policy, expected }
}

/// The operator's file that allows everything that the cases need.
fn config(cluster: &Cluster) -> String {
    let ids: Vec<&str> = CASES
        .iter()
        .filter(|case| case.policy == Policy::AllowExec)
        .map(|case| case.name)
        .collect();
    let folder = cluster.pki();
    let folder = folder.display();
    format!("[policy]\nallow_exec = {ids:?}\ncredential_folders = [\"{folder}\"]\n")
}

fn endpoints(cluster: &Cluster) -> Vec<Value> {
    KUBECONFIGS.iter().map(|name| endpoint(name, cluster.kubeconfig(name))).collect()
}

#[test]
fn each_kubeconfig_gives_all_nodes_or_an_error_with_a_hint() {
    let cluster = cluster_or_skip!(Cluster::shared());
    assert_eq!(KUBECONFIGS, CASES.map(|case| case.name), "each kubeconfig has a case");
    let outcome = gather_with(&config(cluster), "inventory", &endpoints(cluster));
    let inventory = outcome.inventory();
    let nodes = cluster.node_names();
    let mut messages = String::new();
    for KubeconfigCase { name, expected, .. } in &CASES {
        let endpoint = inventory_endpoint(&inventory, name);
        match expected {
            Expected::Complete { warnings } => {
                assert_eq!(endpoint["status"], "complete", "{name}: {}", endpoint["error"]);
                assert_eq!(names(&endpoint), nodes, "{name}");
                let found = endpoint["warnings"].as_array().map_or(&[][..], Vec::as_slice);
                assert_eq!(found.len(), *warnings, "{name}: {found:?}");
                for warning in found {
                    let _ = writeln!(messages, "[{name}] warning: {}", warning["message"]);
                }
            }
            Expected::Failed { kind, text } => {
                assert_eq!(endpoint["status"], "failed", "{name}");
                let failure = Failure::of(&endpoint["error"]);
                assert_eq!(failure.kind, *kind, "{name}: {failure}");
                assert!(failure.message.contains(text), "{name}: {failure}");
                assert!(failure.hint.is_some(), "{name}: {failure}");
                let _ = writeln!(messages, "[{name}] {failure}");
            }
        }
    }
    assert_message!(without_addresses(&messages, cluster));
}

#[test]
fn a_kubeconfig_that_is_not_allowed_fails_with_the_key_of_the_operators_file() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let outcome = gather("inventory", &endpoints(cluster));
    let inventory = outcome.inventory();
    for KubeconfigCase { name, policy, expected } in &CASES {
        let endpoint = inventory_endpoint(&inventory, name);
        let key = match policy {
            Policy::None => {
                let is_complete = matches!(expected, Expected::Complete { .. });
                assert_eq!(
                    endpoint["status"] == "complete",
                    is_complete,
                    "{name}: {endpoint:.500}"
                );
                continue;
            }
            Policy::AllowExec => "allow_exec",
            Policy::CredentialFolders => "credential_folders",
        };
        let error = &endpoint["error"];
        assert_eq!(error["kind"], "configuration", "{name}: {error}");
        let hint = error["hint"].as_str().unwrap_or_default();
        assert!(hint.contains(key) && hint.contains("config.toml"), "{name}: {error}");
    }
}

#[test]
fn a_manager_gets_null_for_failed_endpoints_and_all_nodes_of_complete_ones() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let outcome = gather_with(&config(cluster), "gatherer", &endpoints(cluster));
    let document = outcome.document();
    let nodes = cluster.node_names();
    for KubeconfigCase { name, expected, .. } in &CASES {
        let hosts = document[*name].as_ref();
        match expected {
            Expected::Complete { .. } => {
                let hosts = hosts.unwrap_or_else(|| panic!("{name} failed"));
                assert!(hosts.keys().eq(nodes.iter()), "{name}: {} hosts", hosts.len());
            }
            Expected::Failed { .. } => assert!(hosts.is_none(), "{name} is not null"),
        }
    }
}

#[test]
fn no_credential_is_logged_or_printed() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let plugins = gatherer_tests::PluginFolder::with(&["kubernetes"]);
    let run = gatherer_tests::Run::gather(&Value::Array(endpoints(cluster)))
        .plugins(plugins.path())
        .args(["--format", "inventory", "--config", "config.toml", "-vv"]);
    std::fs::write(run.home().join("config.toml"), config(cluster)).expect("the operator's file");
    let outcome = run.run().expect_code(0);
    let output = format!("{}{}", outcome.messages(), outcome.stdout_text());
    let mut canaries = [ADMIN_TOKEN, UNPRIVILEGED_TOKEN, UNKNOWN_TOKEN].map(str::to_owned).to_vec();
    for key in ["admin.key", "admin-pkcs8.key", "admin-ec.key", "unprivileged.key"] {
        let path = cluster.pki().join(key);
        let pem = std::fs::read_to_string(&path).expect("a readable file");
        // The key in both of its encodings: a line of the PEM text, and a part of the base64 data.
        canaries.push(pem.lines().nth(1).expect("a second line").to_owned());
        canaries.push(base64_file(&path)[100..160].to_owned());
    }
    assert!(
        outcome.log.lines().count() > KUBECONFIGS.len(),
        "the log is too short to prove anything"
    );
    for canary in canaries {
        assert!(!output.contains(&canary), "{canary} is in the output or the log");
    }
}

#[test]
fn files_in_the_folder_of_the_kubeconfig_need_no_permission() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let subfolder = folder.path().join("certificates");
    std::fs::create_dir(&subfolder).expect("a new folder");
    for name in ["ca.crt", "admin.crt", "admin.key"] {
        std::fs::copy(cluster.pki().join(name), subfolder.join(name)).expect("a copy");
    }
    // Editors add a line break at the end of a file.
    std::fs::write(folder.path().join("token"), format!("{ADMIN_TOKEN}\n")).expect("a new file");
    let ca = "certificate-authority: certificates/ca.crt";
    let write = |name: &str, user: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, kubeconfig_yaml(cluster.url(), ca, user)).expect("a new file");
        endpoint(name, path)
    };
    let certificate = "client-certificate: ./certificates/admin.crt\n\
                       client-key: certificates/../certificates/admin.key";
    let outcome = gather(
        "inventory",
        &[
            write("certificate", certificate),
            write("token-file", "tokenFile: token"),
            // An empty token does not take precedence over the file.
            write("empty-token", "token: \"\"\ntokenFile: token"),
        ],
    );
    let inventory = outcome.inventory();
    for id in ["certificate", "token-file", "empty-token"] {
        let endpoint = inventory_endpoint(&inventory, id);
        assert_eq!(endpoint["status"], "complete", "{id}: {}", endpoint["error"]);
        assert_eq!(names(&endpoint), cluster.node_names(), "{id}");
    }
}

#[test]
fn a_credential_program_that_fails_or_prints_a_bad_token_fails_only_its_endpoint() {
    let cluster = cluster_or_skip!(Cluster::shared());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ca = format!("certificate-authority-data: {}", base64_file(&cluster.pki().join("ca.crt")));
    let write = |name: &str, script: &str| {
        let program = folder.path().join(format!("{name}.sh"));
        std::fs::write(&program, script).expect("a new file");
        gatherer_tests::plugins::set_mode(&program, 0o755);
        let version = "client.authentication.k8s.io/v1beta1";
        let user = format!("exec: {{apiVersion: {version}, command: {}}}", program.display());
        let path = folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, kubeconfig_yaml(cluster.url(), &ca, &user)).expect("a new file");
        endpoint(name, path)
    };
    let outcome = gather_with(
        "[policy]\nallow_exec = \"all\"\n",
        "inventory",
        &[
            write("good", &credential_program(ADMIN_TOKEN)),
            write("wrong-token", &credential_program("an-unknown-token")),
            write("fails", "#!/bin/sh\necho 'the session of anna has expired' >&2\nexit 3\n"),
            write("prints-nothing", "#!/bin/sh\n"),
        ],
    );
    let inventory = outcome.inventory();
    assert_eq!(names(&inventory_endpoint(&inventory, "good")), cluster.node_names());
    for id in ["wrong-token", "fails", "prints-nothing"] {
        let error = &inventory_endpoint(&inventory, id)["error"];
        assert_eq!(error["kind"], "authentication", "{id}: {error}");
    }
    assert!(!outcome.messages().contains("an-unknown-token"), "{}", outcome.describe());
}
