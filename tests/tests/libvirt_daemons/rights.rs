//! What the program's way in lets anybody do: the set-ups of `docs/modules/Libvirt.md`, tried.
//!
//! virsh stands for somebody who got hold of the key, the certificate or the password.

use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};

use gatherer_tests::servers::libvirt::{
    CountingProxy, Libvirtd, Mechanism, Options, PASSWORD, READ_ONLY, USER,
};
use gatherer_tests::skip;

use crate::connect::{gather_at_home, make_home, on_path};
use crate::{assert_failed, daemon, endpoint, gather, host, run, with_policy};

/// The daemon's own words for a connection that it has opened for reading.
const DENIED: &str = "read only access prevents virDomainDefineXML";

/// Everything that a command said.
fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Tries to define a guest, by virsh on the daemon's machine, with these arguments first.
fn define(daemon: &Libvirtd, user: &str, arguments: &[&str]) -> Output {
    let definition = daemon.definition("new", "cafe0000-0000-4000-8000-000000000009", 1, 32);
    daemon
        .command_of(user)
        .args(["virsh", "-q"])
        .args(arguments)
        .args(["define", &definition])
        .output()
        .expect("nsenter starts")
}

#[track_caller]
fn assert_defines(daemon: &Libvirtd, arguments: &[&str]) {
    let output = define(daemon, "root", arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    daemon.virsh(&["undefine new"]);
}

#[track_caller]
fn assert_denied(output: &Output, words: &str) {
    let said = said(output);
    println!("{}", said.trim());
    assert!(!output.status.success() && said.contains(words), "no {words:?}: {said}");
}

#[test]
fn a_user_without_rights_reads_at_the_sockets_and_writes_at_none() {
    let daemon = daemon!(&Options { guests: 1, ..Options::default() });
    let read = ["-r", "-c", "qemu:///system", "list", "--all", "--name"];
    let output = daemon
        .command_of("gatherer")
        .args(["virsh", "-q"])
        .args(read)
        .output()
        .expect("nsenter starts");
    assert!(output.status.success() && said(&output).contains("guest-00000"), "{}", said(&output));
    let local = ["-c", "qemu:///system"];
    assert_denied(&define(&daemon, "gatherer", &local), "Permission denied");
    // The socket for reading stays one whatever is asked of it.
    let socket = ["-c", "qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro"];
    assert_denied(&define(&daemon, "gatherer", &socket), DENIED);
    assert_denied(&define(&daemon, "root", &socket), DENIED);
    assert_defines(&daemon, &local);

    // So the program itself may have it too.
    let socket = daemon.folder().join("run/libvirt/libvirt-sock-ro");
    let uri = format!("qemu+unix:///system?socket={}", socket.display());
    let outcome = gather(&[endpoint("kvm", &uri)]);
    let endpoint = outcome.endpoint("kvm");
    assert_eq!(host(&endpoint)["guests"].as_array().map(Vec::len), Some(1));
}

/// ssh with a key of the daemon's, and nothing asked.
fn ssh(daemon: &Libvirtd, user: &str, key: &str) -> Command {
    let key = daemon.folder().join("etc/ssh").join(key);
    let mut command = Command::new("ssh");
    command
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-i"])
        .arg(key)
        .args(["-p", &daemon.ssh_port().to_string(), "-l", user])
        .stdin(Stdio::null());
    command
}

#[test]
fn a_key_with_the_forced_command_can_gather_and_nothing_else() {
    if !on_path("ssh") {
        skip!("ssh was not found");
    }
    let daemon = daemon!(&Options { ssh: true, guests: 2, ..Options::default() });
    let key = daemon.folder().join("etc/ssh/gatherer_key");
    let port = daemon.ssh_port();
    let uri = format!("qemu+ssh://gatherer@127.0.0.1:{port}/system?keyfile={}", key.display());
    make_home(&daemon, "home", &daemon.known_host());
    let outcome = gather_at_home(&daemon, "home", &[endpoint("kvm", &uri)]);
    let endpoint = outcome.endpoint("kvm");
    let host = host(&endpoint);
    assert_eq!(host["id"], daemon.uuid());
    assert_eq!(host["guests"].as_array().map(Vec::len), Some(2));

    // Another command: what is asked for is not what runs.
    let run = |user, key| {
        let words = ["127.0.0.1", "echo", "ran-$((40", "+", "2))"];
        said(&ssh(&daemon, user, key).args(words).output().expect("ssh starts"))
    };
    assert!(run("root", "accepted_key").contains("ran-42"));
    let refused = run("gatherer", "gatherer_key");
    assert!(!refused.contains("ran-"), "{refused}");

    // Another port of that machine: TCP would be open to whoever is there.
    let forward = |user, key| {
        let target = daemon.tcp().to_string();
        ssh(&daemon, user, key).args(["-W", &target, "127.0.0.1"]).output().expect("ssh starts")
    };
    let allowed = forward("root", "accepted_key");
    assert!(allowed.status.success(), "{}", said(&allowed));
    assert_denied(&forward("gatherer", "gatherer_key"), "administratively prohibited");

    // A connection for writing.
    let connect = |user, key| {
        format!("qemu+ssh://{user}@127.0.0.1:{port}/system?keyfile=/etc/ssh/{key}&no_verify=1")
    };
    assert_denied(&define(&daemon, "root", &["-c", &connect("gatherer", "gatherer_key")]), DENIED);
    assert_defines(&daemon, &["-c", &connect("root", "accepted_key")]);
}

#[test]
fn the_forced_command_serves_libssh2_too() {
    let daemon = daemon!(&Options { ssh: true, guests: 2, ..Options::default() });
    let known = daemon.folder().join("known_hosts");
    std::fs::write(&known, daemon.known_host()).expect("the folder can be written to");
    let key = daemon.folder().join("etc/ssh/gatherer_key");
    let (port, known, key) = (daemon.ssh_port(), known.display(), key.display());
    let uri = format!(
        "qemu+libssh2://gatherer@127.0.0.1:{port}/system?sshauth=privkey&known_hosts={known}&keyfile={key}"
    );
    let outcome = with_policy(run(&[endpoint("kvm", &uri)]), &daemon, "").run();
    let endpoint = outcome.endpoint("kvm");
    if endpoint["error"]["message"].as_str().is_some_and(|text| text.contains("not supported")) {
        skip!("libvirt was built without libssh2 here");
    }
    assert_eq!(host(&endpoint)["guests"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_program_asks_for_reading_and_the_daemon_keeps_to_what_was_asked() {
    let daemon = daemon!(&Options::default());
    let proxy = CountingProxy::start(daemon.tcp());
    let outcome = gather(&[endpoint("kvm", &proxy.uri())]);
    assert_eq!(host(&outcome.endpoint("kvm"))["id"], daemon.uuid());
    assert_eq!(proxy.open_flags(), [READ_ONLY]);

    // virsh would not even ask, had it been told -r.
    assert_defines(&daemon, &["-c", &proxy.uri()]);
    assert_eq!(proxy.open_flags(), [READ_ONLY, 0]);
    proxy.ask_for_read_only();
    assert_denied(&define(&daemon, "root", &["-c", &proxy.uri()]), DENIED);
}

/// The URI of TLS as a client beside the daemon needs it, with a certificate of its own.
fn tls_uri_beside(daemon: &Libvirtd) -> String {
    let (from, to) = (daemon.folder().join("client-pki"), daemon.folder().join("tmp/client-pki"));
    std::fs::create_dir_all(&to).expect("the folder can be written to");
    for file in from.read_dir().expect("a folder").flatten() {
        std::fs::copy(file.path(), to.join(file.file_name())).expect("it can be copied");
    }
    format!("qemu+tls://127.0.0.1:{}/system?pkipath=/tmp/client-pki", daemon.tls_port())
}

#[test]
fn a_clients_certificate_is_enough_to_write() {
    let daemon = daemon!(&Options { client_certificate: true, ..Options::default() });
    assert_defines(&daemon, &["-c", &tls_uri_beside(&daemon)]);
}

#[test]
fn a_sasl_user_may_write() {
    let sasl = Some(Mechanism::ScramSha256);
    let daemon = daemon!(&Options { sasl, ..Options::default() });
    let mut file = String::new();
    let _ = write!(
        file,
        "[credentials-one]\nauthname={USER}\npassword={PASSWORD}\n\
         [auth-libvirt-127.0.0.1]\ncredentials=one\n"
    );
    std::fs::write(daemon.folder().join("tmp/auth"), file).expect("the folder can be written to");
    let uri = format!("{}&authfile=/tmp/auth", tls_uri_beside(&daemon));
    let output = define(&daemon, "root", &["-c", &uri]);
    if said(&output).contains("No worthy mechs") {
        skip!("SASL lacks the mechanism: {}", said(&output));
    }
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_client_that_is_not_on_the_daemons_list_is_not_let_in() {
    let only = |name| Options {
        client_certificate: true,
        allowed_clients: Some(vec![name]),
        ..Options::default()
    };
    let (listed, other) = (daemon!(&only("CN=client")), daemon!(&only("CN=gatherer")));
    let outcome = gather(&[
        endpoint("listed", &listed.tls_uri("127.0.0.1", "client-pki")),
        endpoint("not-listed", &other.tls_uri("127.0.0.1", "client-pki")),
    ]);
    assert_eq!(host(&outcome.endpoint("listed"))["id"], listed.uuid());
    assert_failed(&outcome, "not-listed", "tls", "", "clientcert.pem");

    // The list is to be filled in with what this prints.
    tls_uri_beside(&listed);
    let output = listed
        .command_of("root")
        .args(["virt-pki-query-dn", "/tmp/client-pki/clientcert.pem"])
        .output()
        .expect("nsenter starts");
    assert!(said(&output).contains("CN=client\n"), "{}", said(&output));
}
