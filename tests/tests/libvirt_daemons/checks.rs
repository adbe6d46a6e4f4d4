//! `check` with real daemons: good, and with one thing wrong at a time, each with its sentence.

use gatherer_tests::assert_message;
use gatherer_tests::servers::libvirt::{Libvirtd, LibvirtdOptions, Mechanism, PASSWORD, USER};
use serde_json::{Value, json};

use crate::{daemon, endpoint, with};

/// The steps of each endpoint: `STATUS NAME: MESSAGE (HINT)`, under its id, and the names of the failed steps.
fn check(endpoints: &[Value]) -> (String, Vec<Vec<String>>) {
    let plugins = gatherer_tests::PluginFolder::with(&["libvirt"]);
    let run = gatherer_tests::Run::new()
        .args(["check", "--infile", "-", "--format", "json"])
        .plugins(plugins.path())
        .stdin(json!(endpoints).to_string());
    let outcome = run.run();
    let document: Value = serde_json::from_slice(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}; {}", outcome.describe()));
    let (mut text, mut failed) = (String::new(), Vec::new());
    for endpoint in document["endpoints"].as_array().expect("a list") {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        text.extend(["[", &word(&endpoint["id"]), "]\n"]);
        let mut names = Vec::new();
        for step in endpoint["steps"].as_array().expect("a list").iter().skip(1) {
            let (name, status) = (word(&step["name"]), word(&step["status"]));
            let hint = word(&step["hint"]);
            let hint = if hint.is_empty() { hint } else { format!(" ({hint})") };
            text.extend([&*status, " ", &*name, ": ", &*word(&step["message"]), &*hint, "\n"]);
            if status == "failed" {
                names.push(name);
            }
        }
        failed.push(names);
    }
    (text, failed)
}

/// Asserts which steps of each endpoint failed, and returns the text without what differs from run to run.
fn check_all(daemon: &Libvirtd, endpoints: &[(Value, &[&str])]) -> String {
    let values: Vec<Value> = endpoints.iter().map(|(endpoint, _)| endpoint.clone()).collect();
    let (text, failed) = check(&values);
    for ((endpoint, expected), failed) in endpoints.iter().zip(&failed) {
        assert_eq!(failed, expected, "{}: {text}", endpoint["id"]);
    }
    let folder = daemon.folder().display().to_string();
    let text = text.replace(&folder, "<folder>");
    // The name of this machine, and the version of its libvirt.
    let lines = text.lines().map(|line| {
        if line.starts_with("ok product: ") {
            return "ok product: <product>".to_owned();
        }
        match line.strip_prefix("ok right: connect.read: the host ") {
            Some(_) => "ok right: connect.read: the host <name> can be read".to_owned(),
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_thing_that_is_wrong_fails_its_step() {
    let daemon = daemon!(&LibvirtdOptions { guests: 3, ..LibvirtdOptions::default() });
    let closed_port = gatherer_tests::servers::free_port();
    let closed = format!("qemu+tcp://127.0.0.1:{closed_port}/system");
    let missing_socket = daemon.unix_uri().replace("libvirt-sock", "missing-sock");
    let pki = |folder: &str| daemon.tls_uri("127.0.0.1", folder);
    let text = check_all(
        &daemon,
        &[
            (endpoint("test driver", "test:///default"), &[]),
            (endpoint("unix", &daemon.unix_uri()), &[]),
            (endpoint("tcp", &daemon.tcp_uri()), &[]),
            (endpoint("tls", &pki("pki")), &[]),
            (endpoint("wrong authority", &pki("other-pki")), &["login"]),
            (endpoint("no authority", &pki("nowhere")), &["login"]),
            (with(endpoint("insecure", &pki("other-pki")), "insecure", "true"), &[]),
            (endpoint("closed port", &closed), &["port"]),
            (endpoint("no such socket", &missing_socket), &["login"]),
            (endpoint("no such file", "test:///nonexistent/test.xml"), &["login"]),
            (endpoint("not allowed", "qemu+ext:///system?command=sh"), &["uri"]),
            (with(endpoint("ca_file", "test:///default"), "ca_file", "/ca.pem"), &[]),
        ],
    );
    assert!(text.contains("ok objects: guests: 3"), "{text}");
    assert_message!(text.replace(&format!("port {closed_port}"), "port <closed>"));
}

#[test]
fn a_wrong_password_and_a_missing_client_certificate_fail_the_login() {
    let sasl = Some(Mechanism::Plain);
    let options = LibvirtdOptions { sasl, client_certificate: true, ..LibvirtdOptions::default() };
    let daemon = daemon!(&options);
    let login = |id: &str, folder: &str, user: &str, password: &str| {
        let endpoint = endpoint(id, &daemon.tls_uri("127.0.0.1", folder));
        with(with(endpoint, "sasl_username", user), "sasl_password", password)
    };
    let text = check_all(
        &daemon,
        &[
            (login("good", "client-pki", USER, PASSWORD), &[]),
            (login("wrong password", "client-pki", USER, "hunter2-is-wrong"), &["login"]),
            (endpoint("no user", &daemon.tls_uri("127.0.0.1", "client-pki")), &["login"]),
            (login("no certificate", "pki", USER, PASSWORD), &["login"]),
        ],
    );
    assert!(!text.contains(PASSWORD) && !text.contains("hunter2"), "{text}");
    assert_message!(text);
}

#[test]
fn a_wrong_parameter_fails_the_first_step() {
    let details = with(endpoint("details", "test:///default"), "details", "maybe");
    let plugins = gatherer_tests::PluginFolder::with(&["libvirt"]);
    let run = gatherer_tests::Run::new().args(["check", "--infile", "-"]).plugins(plugins.path());
    let outcome = run.stdin(json!([details]).to_string()).run().expect_code(1);
    assert!(outcome.stdout_text().contains("failed     parameters"), "{}", outcome.describe());
}
