//! The transports to a daemon: unix socket, TCP, TLS and ssh.

use std::path::{Path, PathBuf};

use gatherer_tests::servers::libvirt::{Libvirtd, LibvirtdOptions};
use gatherer_tests::{Outcome, skip};
use serde_json::Value;

use crate::{
    assert_failed, daemon, endpoint, gather, host, run, warned_objects, with, with_policy,
};

#[test]
fn unix_socket_tcp_and_tls_give_the_same_host() {
    let daemon = daemon!(&LibvirtdOptions::default());
    let tls = daemon.tls_uri("127.0.0.1", "pki");
    let without_transport = tls.replace("qemu+tls:", "qemu:");
    let uris = [
        ("unix", daemon.unix_uri()),
        ("tcp", daemon.tcp_uri()),
        ("tls", tls),
        ("tls-by-default", without_transport),
    ];
    let endpoints: Vec<_> = uris.iter().map(|(id, uri)| endpoint(id, uri)).collect();
    let outcome = gather(&endpoints);
    let first = outcome.endpoint("unix");
    assert_eq!(host(&first)["id"], daemon.uuid());
    for (id, _) in &uris {
        let endpoint = outcome.endpoint(id);
        assert_eq!(host(&endpoint), host(&first), "{id}");
        assert_eq!(endpoint["warnings"], Value::Null, "{id}");
    }
}

#[test]
fn an_invalid_server_certificate_is_a_tls_error_unless_it_is_not_verified() {
    let daemon = daemon!(&LibvirtdOptions::default());
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
    assert_failed(&outcome, "wrong-authority", "tls", message, "cacert.pem");
    assert_failed(&outcome, "wrong-name", "tls", message, "cacert.pem");
    assert_failed(&outcome, "no-authority", "tls", "Cannot read CA certificate", "cacert.pem");
    for id in ["insecure", "no-verify"] {
        let endpoint = outcome.endpoint(id);
        assert_eq!(host(&endpoint)["id"], daemon.uuid());
        assert_eq!(warned_objects(&endpoint), ["insecure"], "{id}: {endpoint:#}");
    }
    let verified = outcome.endpoint("verify");
    assert_eq!(host(&verified)["id"], daemon.uuid());
    assert!(warned_objects(&verified).is_empty(), "{verified:#}");
    assert_failed(&outcome, "tls-to-tcp", "tls", "TLS handshake failed", "tls_port");
}

#[test]
fn a_required_client_certificate_must_be_given() {
    let daemon =
        daemon!(&LibvirtdOptions { client_certificate: true, ..LibvirtdOptions::default() });
    let outcome = gather(&[
        endpoint("with", &daemon.tls_uri("127.0.0.1", "client-pki")),
        endpoint("without", &daemon.tls_uri("127.0.0.1", "pki")),
    ]);
    assert_eq!(host(&outcome.endpoint("with"))["id"], daemon.uuid());
    assert_failed(&outcome, "without", "tls", "", "clientcert.pem");
}

/// Creates a home folder with these known hosts for ssh.
pub fn make_home(daemon: &Libvirtd, home: &str, known_hosts: &str) {
    let folder = daemon.folder().join(home).join(".ssh");
    std::fs::create_dir_all(&folder).expect("the folder can be written to");
    std::fs::write(folder.join("known_hosts"), known_hosts).expect("written");
}

/// Runs the program with `home` as root's home folder. ssh reads known hosts from the home folder in the
/// user database, so the program gets its own `/etc/passwd`.
pub fn gather_at_home(daemon: &Libvirtd, home: &str, endpoints: &[Value]) -> Outcome {
    let passwd = daemon.folder().join(format!("{home}.passwd"));
    let folder = daemon.folder().join(home);
    let text = format!("root:x:0:0:root:{}:/bin/sh\n", folder.display());
    std::fs::write(&passwd, text).expect("the folder can be written to");
    let script = r#"mount --bind "$0" /etc/passwd && exec "$@""#;
    let words: [&Path; 5] =
        ["unshare".as_ref(), "--mount".as_ref(), "sh".as_ref(), "-c".as_ref(), script.as_ref()];
    let run = run(endpoints).through(words.into_iter().chain([passwd.as_path()]));
    with_policy(run, daemon, "allow_unverified_ssh = [\"unverified\"]").run()
}

#[test]
fn ssh_requires_an_accepted_key_and_a_known_host() {
    if !on_path("ssh") {
        skip!("ssh was not found");
    }
    let daemon = daemon!(&LibvirtdOptions { ssh: true, ..LibvirtdOptions::default() });
    // With insecure, ssh writes the unverified key to known_hosts, so that run gets its own home folder.
    make_home(&daemon, "known", &daemon.known_host());
    make_home(&daemon, "unknown", "");
    make_home(&daemon, "unverified", "");
    let key = |name: &str| daemon.folder().join("etc/ssh").join(name).display().to_string();
    let uri =
        |key: &str| format!("qemu+ssh://root@127.0.0.1:{}/system?keyfile={key}", daemon.ssh_port());
    let accepted = endpoint("accepted", &uri(&key("accepted_key")));

    let outcome = gather_at_home(
        &daemon,
        "known",
        &[accepted.clone(), endpoint("refused", &uri(&key("refused_key")))],
    );
    assert_eq!(host(&outcome.endpoint("accepted"))["id"], daemon.uuid());
    let message = "Permission denied (publickey)";
    assert_failed(&outcome, "refused", "authentication", message, "ssh key");

    let unknown = with(accepted.clone(), "id", "unknown-host");
    let outcome = gather_at_home(&daemon, "unknown", &[unknown]);
    let message = "Host key verification failed";
    assert_failed(&outcome, "unknown-host", "authentication", message, "known_hosts");
    // Only for an endpoint that the operator names may ssh write to known_hosts.
    let insecure = with(accepted, "insecure", "true");
    let unverified = with(insecure.clone(), "id", "unverified");
    let outcome = gather_at_home(&daemon, "unverified", &[insecure]);
    let file = daemon.folder().join("unverified/.ssh/known_hosts");
    let message = file.display().to_string();
    assert_failed(&outcome, "accepted", "configuration", &message, "allow_unverified_ssh");
    assert_eq!(std::fs::read_to_string(&file).expect("the file still exists"), "");
    let outcome = gather_at_home(&daemon, "unverified", &[unverified]);
    let endpoint = outcome.endpoint("unverified");
    assert_eq!(host(&endpoint)["id"], daemon.uuid());
    assert_eq!(warned_objects(&endpoint), ["insecure"], "{endpoint:#}");
}

#[test]
fn libssh2_uses_known_hosts_and_key_from_the_uris_parameters() {
    let daemon = daemon!(&LibvirtdOptions { ssh: true, ..LibvirtdOptions::default() });
    let known = daemon.folder().join("known_hosts");
    std::fs::write(&known, daemon.known_host()).expect("the folder can be written to");
    let empty = daemon.folder().join("empty");
    std::fs::write(&empty, "").expect("the folder can be written to");
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
        endpoint("unknown-host", &uri(&empty, "accepted_key")),
        endpoint("auto", &format!("{}&known_hosts_verify=auto", uri(&empty, "accepted_key"))),
    ]);
    let outcome = with_policy(run, &daemon, "").run();
    let accepted = outcome.endpoint("accepted");
    if accepted["error"]["message"].as_str().is_some_and(|text| text.contains("not supported")) {
        skip!("libvirt was built without libssh2 here");
    }
    assert_eq!(host(&accepted)["id"], daemon.uuid());
    assert_failed(&outcome, "refused", "authentication", "private key", "ssh key");
    assert_failed(&outcome, "unknown-host", "authentication", "", "known_hosts");
    let auto = outcome.endpoint("auto");
    assert_eq!(host(&auto)["id"], daemon.uuid());
    assert_eq!(warned_objects(&auto), ["insecure"], "{auto:#}");
    let known_hosts = std::fs::read_to_string(&empty).expect("the file still exists");
    assert_eq!(known_hosts, "", "the host was added");
}

/// Whether `PATH` has this program.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
