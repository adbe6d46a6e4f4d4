//! The ways to a daemon: unix socket, TCP, TLS, ssh.

use std::path::{Path, PathBuf};

use gatherer_tests::servers::libvirt::{Libvirtd, Options};
use gatherer_tests::{Outcome, skip};
use serde_json::Value;

use crate::{assert_failed, daemon, endpoint, gather, host, run, with, with_policy};

fn warnings(endpoint: &Value) -> String {
    endpoint["warnings"].to_string()
}

#[test]
fn a_daemon_is_the_same_over_unix_socket_tcp_and_tls() {
    let daemon = daemon!(&Options::default());
    let tls = daemon.tls_uri("127.0.0.1", "pki");
    let without_transport = tls.replace("qemu+tls:", "qemu:");
    let ways = [
        ("unix", daemon.unix_uri()),
        ("tcp", daemon.tcp_uri()),
        ("tls", tls),
        ("tls-by-default", without_transport),
    ];
    let asked: Vec<_> = ways.iter().map(|(id, uri)| endpoint(id, uri)).collect();
    let outcome = gather(&asked);
    let first = outcome.endpoint("unix");
    assert_eq!(host(&first)["id"], daemon.uuid());
    for (id, _) in &ways {
        let endpoint = outcome.endpoint(id);
        assert_eq!(host(&endpoint), host(&first), "{id}");
        assert_eq!(endpoint["warnings"], Value::Null, "{id}");
    }
}

#[test]
fn a_certificate_that_is_not_the_servers_is_a_tls_error_unless_it_is_not_looked_at() {
    let daemon = daemon!(&Options::default());
    let good = daemon.tls_uri("127.0.0.1", "pki");
    let wrong_authority = daemon.tls_uri("127.0.0.1", "other-pki");
    let wrong_name = daemon.tls_uri("localhost", "pki");
    let outcome = gather(&[
        endpoint("wrong-authority", &wrong_authority),
        endpoint("wrong-name", &wrong_name),
        endpoint("no-authority", &daemon.tls_uri("127.0.0.1", "nowhere")),
        with(endpoint("insecure", &wrong_name), "insecure", "true"),
        endpoint("no-verify", &format!("{wrong_authority}&no_verify=1")),
        endpoint("verify", &format!("{good}&no_verify=0")),
        endpoint(
            "tls-to-tcp",
            &good.replace(&daemon.tls_port().to_string(), &daemon.tcp().port().to_string()),
        ),
    ]);
    let message = "Failed to verify peer's certificate";
    let hint = "the authority that signed it";
    assert_failed(&outcome, "wrong-authority", "tls", message, hint);
    assert_failed(&outcome, "wrong-name", "tls", message, "a name in the server's certificate");
    assert_failed(&outcome, "no-authority", "tls", "Cannot read CA certificate", "cacert.pem");
    let what = "the server's certificate is not verified";
    for id in ["insecure", "no-verify"] {
        let endpoint = outcome.endpoint(id);
        assert_eq!(host(&endpoint)["id"], daemon.uuid());
        assert!(warnings(&endpoint).contains(what), "{id}: {endpoint:#}");
    }
    assert!(!warnings(&outcome.endpoint("verify")).contains(what));
    assert_failed(&outcome, "tls-to-tcp", "tls", "TLS handshake failed", "port for TLS");
}

#[test]
fn a_daemon_that_asks_for_a_clients_certificate_has_to_get_one() {
    let daemon = daemon!(&Options { client_certificate: true, ..Options::default() });
    let outcome = gather(&[
        endpoint("with", &daemon.tls_uri("127.0.0.1", "client-pki")),
        endpoint("without", &daemon.tls_uri("127.0.0.1", "pki")),
    ]);
    assert_eq!(host(&outcome.endpoint("with"))["id"], daemon.uuid());
    assert_failed(&outcome, "without", "tls", "", "clientcert.pem");
}

/// Makes a home folder in which ssh finds these known hosts.
pub fn make_home(daemon: &Libvirtd, home: &str, known_hosts: &str) {
    let folder = daemon.folder().join(home).join(".ssh");
    std::fs::create_dir_all(&folder).expect("the folder can be written to");
    std::fs::write(folder.join("known_hosts"), known_hosts).expect("written");
}

/// ssh looks for known hosts below the home folder that the list of users names, so the program
/// runs with a list of its own, in which root's home is `home`.
pub fn gather_at_home(daemon: &Libvirtd, home: &str, endpoints: &[Value]) -> Outcome {
    let passwd = daemon.folder().join(format!("{home}.passwd"));
    let folder = daemon.folder().join(home);
    let text = format!("root:x:0:0:root:{}:/bin/sh\n", folder.display());
    std::fs::write(&passwd, text).expect("the folder can be written to");
    let script = r#"mount --bind "$0" /etc/passwd && exec "$@""#;
    let words: [&Path; 5] =
        ["unshare".as_ref(), "--mount".as_ref(), "sh".as_ref(), "-c".as_ref(), script.as_ref()];
    let run = run(endpoints).through(words.into_iter().chain([passwd.as_path()]));
    with_policy(run, daemon, "allow_unverified_ssh = [\"careless\"]").run()
}

#[test]
fn ssh_needs_a_key_that_the_host_accepts_and_a_host_that_is_known() {
    if !on_path("ssh") {
        skip!("ssh was not found");
    }
    let daemon = daemon!(&Options { ssh: true, ..Options::default() });
    // With insecure, ssh notes the key that it has not verified: that takes a home of its own.
    make_home(&daemon, "friend", &daemon.known_host());
    make_home(&daemon, "stranger", "");
    make_home(&daemon, "careless", "");
    let key = |name: &str| daemon.folder().join("etc/ssh").join(name).display().to_string();
    let uri =
        |key: &str| format!("qemu+ssh://root@127.0.0.1:{}/system?keyfile={key}", daemon.ssh_port());
    let accepted = endpoint("accepted", &uri(&key("accepted_key")));

    let outcome = gather_at_home(
        &daemon,
        "friend",
        &[accepted.clone(), endpoint("refused", &uri(&key("refused_key")))],
    );
    assert_eq!(host(&outcome.endpoint("accepted"))["id"], daemon.uuid());
    let hint = "an ssh key that the host accepts";
    assert_failed(&outcome, "refused", "authentication", "Permission denied (publickey)", hint);

    let unknown = with(accepted.clone(), "id", "unknown-host");
    let outcome = gather_at_home(&daemon, "stranger", &[unknown]);
    let message = "Host key verification failed";
    assert_failed(&outcome, "unknown-host", "authentication", message, "known_hosts");
    // Only an endpoint that the operator names may have ssh write to known_hosts.
    let insecure = with(accepted, "insecure", "true");
    let careless = with(insecure.clone(), "id", "careless");
    let outcome = gather_at_home(&daemon, "careless", &[insecure]);
    let file = daemon.folder().join("careless/.ssh/known_hosts");
    let message = format!("writes them to {}", file.display());
    assert_failed(&outcome, "accepted", "configuration", &message, "allow_unverified_ssh");
    assert_eq!(std::fs::read_to_string(&file).expect("there"), "");
    let outcome = gather_at_home(&daemon, "careless", &[careless]);
    let endpoint = outcome.endpoint("careless");
    assert_eq!(host(&endpoint)["id"], daemon.uuid());
    assert!(warnings(&endpoint).contains("host keys that are unknown"), "{endpoint:#}");
}

#[test]
fn libssh2_finds_known_hosts_and_key_by_the_uris_parameters() {
    let daemon = daemon!(&Options { ssh: true, ..Options::default() });
    let known = daemon.folder().join("known_hosts");
    std::fs::write(&known, daemon.known_host()).expect("the folder can be written to");
    let nobody = daemon.folder().join("nobody");
    std::fs::write(&nobody, "").expect("the folder can be written to");
    let uri = |known: &PathBuf, key: &str| {
        let key = daemon.folder().join("etc/ssh").join(key);
        let (port, known, key) = (daemon.ssh_port(), known.display(), key.display());
        format!(
            "qemu+libssh2://root@127.0.0.1:{port}/system?sshauth=privkey&known_hosts={known}&keyfile={key}"
        )
    };
    let run = run(&[
        endpoint("accepted", &uri(&known, "accepted_key")),
        endpoint("refused", &uri(&known, "refused_key")),
        endpoint("unknown-host", &uri(&nobody, "accepted_key")),
        endpoint("auto", &format!("{}&known_hosts_verify=auto", uri(&nobody, "accepted_key"))),
    ]);
    let outcome = with_policy(run, &daemon, "").run();
    let accepted = outcome.endpoint("accepted");
    if accepted["error"]["message"].as_str().is_some_and(|text| text.contains("not supported")) {
        skip!("libvirt was built without libssh2 here");
    }
    assert_eq!(host(&accepted)["id"], daemon.uuid());
    assert_failed(&outcome, "refused", "authentication", "private key", "an ssh key");
    assert_failed(&outcome, "unknown-host", "authentication", "", "known_hosts");
    let auto = outcome.endpoint("auto");
    assert_eq!(host(&auto)["id"], daemon.uuid());
    assert!(warnings(&auto).contains("host keys that are unknown"), "{auto:#}");
    assert_eq!(std::fs::read_to_string(&nobody).expect("there"), "", "the host was noted");
}

pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
