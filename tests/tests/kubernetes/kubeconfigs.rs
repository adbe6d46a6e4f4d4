//! Every kubeconfig of the cluster by name: what it takes, how it ends, and in which words.

use std::fmt::Write as _;

use gatherer_tests::inventory_endpoint;
use gatherer_tests::servers::kubernetes::{
    ADMIN_TOKEN, Cluster, NAMES, NOBODY_TOKEN, credential_program, data, document,
};
use serde_json::Value;

use crate::{cluster, endpoint, filtered, gather, gather_with, names};

/// What is tried of one kubeconfig.
struct Case {
    name: &'static str,
    /// What the operator has to allow for it.
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
    /// All nodes, and as many warnings as there are words, which they contain.
    Complete(&'static [&'static str]),
    /// Kind and sentence of the error.
    Failed(&'static str, &'static str),
}

use Expected::{Complete, Failed};

/// What the API server answers to a token that it does not know, and to a client certificate that has
/// expired.
const UNAUTHORIZED: Expected =
    Failed("authentication", "GET <server>/api/v1/nodes: 401 Unauthorized");

const CASES: [Case; 17] = [
    case("admin", Policy::None, Complete(&[])),
    case("admin-pkcs8", Policy::None, Complete(&[])),
    case("admin-ec", Policy::None, Complete(&[])),
    case("admin-files", Policy::CredentialFolders, Complete(&[])),
    case("admin-relpaths", Policy::CredentialFolders, Complete(&[])),
    case("token", Policy::None, Complete(&[])),
    case("token-file", Policy::CredentialFolders, Complete(&[])),
    case("exec", Policy::AllowExec, Complete(&[])),
    case(
        "insecure",
        Policy::None,
        Complete(&["the server's certificate is not verified (insecure-skip-tls-verify)"]),
    ),
    case(
        "bad-ca",
        Policy::None,
        Failed(
            "tls",
            "GET <server>/api/v1/nodes: the certificate's issuer is not trusted (UnknownIssuer): \
             CN=kube-apiserver",
        ),
    ),
    case("expired", Policy::None, UNAUTHORIZED),
    case(
        "server-expired",
        Policy::None,
        Failed("tls", "GET <server>/api/v1/nodes: the certificate has expired: CN=expired"),
    ),
    case("tls-server-name", Policy::None, Complete(&[])),
    case(
        "wrong-name",
        Policy::None,
        Failed(
            "tls",
            "GET <server>/api/v1/nodes: the certificate is for 127.0.0.1, localhost, kubernetes, \
             kubernetes.default.svc, not for wrong.test: CN=kube-apiserver",
        ),
    ),
    case(
        "noaccess",
        Policy::None,
        Failed(
            "permission",
            "GET <server>/api/v1/nodes: 403 Forbidden: nodes is forbidden: User \"nobody\" cannot \
             list resource \"nodes\" in API group \"\" at the cluster scope",
        ),
    ),
    case(
        "noaccess-token",
        Policy::None,
        Failed(
            "permission",
            "GET <server>/api/v1/nodes: 403 Forbidden: nodes is forbidden: User \"token-nobody\" \
             cannot list resource \"nodes\" in API group \"\" at the cluster scope",
        ),
    ),
    case("bad-token", Policy::None, UNAUTHORIZED),
];

const fn case(name: &'static str, policy: Policy, expected: Expected) -> Case {
    Case { name, policy, expected }
}

/// The operator's file that allows what the cases need.
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
    NAMES.iter().map(|name| endpoint(name, cluster.kubeconfig(name))).collect()
}

/// The endpoint's warnings, a line each.
fn warnings(endpoint: &Value, cluster: &Cluster) -> String {
    let mut text = String::new();
    for warning in endpoint["warnings"].as_array().into_iter().flatten() {
        let _ = writeln!(text, "{}", filtered(&warning.to_string(), cluster));
    }
    text
}

#[test]
fn each_kubeconfig_gives_all_nodes_or_the_one_sentence_that_says_why_not() {
    let cluster = cluster!(Cluster::shared());
    assert_eq!(NAMES, CASES.map(|case| case.name), "each is tried once");
    let outcome = gather_with(&config(cluster), "inventory", &endpoints(cluster));
    let inventory = outcome.inventory();
    let expected = cluster.node_names();
    let mut wrong = String::new();
    for Case { name, expected: outcome_of, .. } in &CASES {
        let endpoint = inventory_endpoint(&inventory, name);
        let said = filtered(&endpoint["error"].to_string(), cluster);
        let warned = warnings(&endpoint, cluster);
        let right = match outcome_of {
            Complete(words) => {
                endpoint["status"] == "complete"
                    && names(&endpoint) == expected
                    && warned.lines().count() == words.len()
                    && words.iter().all(|words| warned.contains(words))
            }
            Failed(kind, sentence) => {
                let message = endpoint["error"]["message"].as_str().unwrap_or_default();
                let hint = endpoint["error"]["hint"].as_str().unwrap_or_default();
                assert!(!hint.is_empty(), "{name}: nothing says what to do: {said}");
                endpoint["error"]["kind"] == *kind && filtered(message, cluster) == *sentence
            }
        };
        if !right {
            let _ = writeln!(wrong, "{name}: {} {said} {warned}", endpoint["status"]);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_the_operator_did_not_allow_is_a_configuration_error_that_names_file_and_key() {
    let cluster = cluster!(Cluster::shared());
    let outcome = gather("inventory", &endpoints(cluster));
    let inventory = outcome.inventory();
    for Case { name, policy, expected } in &CASES {
        let endpoint = inventory_endpoint(&inventory, name);
        let key = match policy {
            Policy::None => {
                let fine = matches!(expected, Complete(_));
                assert_eq!(endpoint["status"] == "complete", fine, "{name}: {endpoint:.500}");
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
fn a_manager_gets_null_for_each_endpoint_that_failed_and_all_nodes_of_the_others() {
    let cluster = cluster!(Cluster::shared());
    let outcome = gather_with(&config(cluster), "gatherer", &endpoints(cluster));
    let document = outcome.document();
    let expected = cluster.node_names();
    for Case { name, expected: outcome_of, .. } in &CASES {
        let hosts = document[*name].as_ref();
        match outcome_of {
            Complete(_) => {
                let hosts = hosts.unwrap_or_else(|| panic!("{name} failed"));
                assert!(hosts.keys().eq(expected.iter()), "{name}: {} hosts", hosts.len());
            }
            Failed(..) => assert!(hosts.is_none(), "{name} is not null"),
        }
    }
}

#[test]
fn no_credential_of_any_kubeconfig_reaches_the_log_or_an_answer() {
    let cluster = cluster!(Cluster::shared());
    let plugins = gatherer_tests::PluginFolder::with(&["kubernetes"]);
    let run = gatherer_tests::Run::gather(&Value::Array(endpoints(cluster)))
        .plugins(plugins.path())
        .args(["--format", "inventory", "--config", "config.toml", "-vv"]);
    std::fs::write(run.home().join("config.toml"), config(cluster)).expect("a file can be written");
    let outcome = run.run().expect_code(0);
    let said = format!("{}{}", outcome.messages(), outcome.stdout_text());
    let mut canaries = vec![ADMIN_TOKEN.to_owned(), NOBODY_TOKEN.to_owned()];
    canaries.push("nonsense-token-0123456789".to_owned());
    for key in ["admin.key", "admin-pkcs8.key", "admin-ec.key", "nobody.key"] {
        let path = cluster.pki().join(key);
        let pem = std::fs::read_to_string(&path).expect("it is there");
        // In each of the two encodings in which it may be seen: a line of the PEM, a part of the data.
        canaries.push(pem.lines().nth(1).expect("a key has lines").to_owned());
        canaries.push(data(&path)[100..160].to_owned());
    }
    assert!(outcome.log.lines().count() > NAMES.len(), "something is logged");
    for canary in canaries {
        assert!(!said.contains(&canary), "{canary} was said");
    }
}

#[test]
fn files_beside_the_kubeconfig_and_below_need_nobodys_word() {
    let cluster = cluster!(Cluster::shared());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let below = folder.path().join("certificates");
    std::fs::create_dir(&below).expect("it is new");
    for name in ["ca.crt", "admin.crt", "admin.key"] {
        std::fs::copy(cluster.pki().join(name), below.join(name)).expect("it can be copied");
    }
    // Editors end files with a line break.
    std::fs::write(folder.path().join("token"), format!("{ADMIN_TOKEN}\n")).expect("it is new");
    let ca = "certificate-authority: certificates/ca.crt";
    let write = |name: &str, user: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, document(cluster.url(), ca, user)).expect("it is new");
        endpoint(name, path)
    };
    let certificate = "client-certificate: ./certificates/admin.crt\n\
                       client-key: certificates/../certificates/admin.key";
    let outcome = gather(
        "inventory",
        &[
            write("certificate", certificate),
            write("token-file", "tokenFile: token"),
            // An empty token does not hide the file.
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
fn an_allowed_program_that_fails_or_gives_a_bad_token_fails_its_endpoint_alone() {
    let cluster = cluster!(Cluster::shared());
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let ca = format!("certificate-authority-data: {}", data(&cluster.pki().join("ca.crt")));
    let write = |name: &str, script: &str| {
        let program = folder.path().join(format!("{name}.sh"));
        std::fs::write(&program, script).expect("it is new");
        gatherer_tests::plugins::set_mode(&program, 0o755);
        let version = "client.authentication.k8s.io/v1beta1";
        let user = format!("exec: {{apiVersion: {version}, command: {}}}", program.display());
        let path = folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, document(cluster.url(), &ca, &user)).expect("it is new");
        endpoint(name, path)
    };
    let outcome = gather_with(
        "[policy]\nallow_exec = \"all\"\n",
        "inventory",
        &[
            write("good", &credential_program(ADMIN_TOKEN)),
            write("wrong-token", &credential_program("a-token-of-nobody")),
            write("fails", "#!/bin/sh\necho 'the session of anna has expired' >&2\nexit 3\n"),
            write("says-nothing", "#!/bin/sh\n"),
        ],
    );
    let inventory = outcome.inventory();
    assert_eq!(names(&inventory_endpoint(&inventory, "good")), cluster.node_names());
    for id in ["wrong-token", "fails", "says-nothing"] {
        let error = &inventory_endpoint(&inventory, id)["error"];
        assert_eq!(error["kind"], "authentication", "{id}: {error}");
    }
    assert!(!outcome.messages().contains("a-token-of-nobody"), "{}", outcome.describe());
}
