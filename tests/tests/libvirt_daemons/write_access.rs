//! Which of the setups in `docs/modules/Libvirt.md` allow write access with the program's credentials.
//!
//! virsh plays an attacker that has the program's key, certificate or password.

use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};

use gatherer_tests::servers::libvirt::{
    CountingProxy, Libvirtd, LibvirtdOptions, Mechanism, PASSWORD, READ_ONLY, USER,
};
use gatherer_tests::skip;

use crate::transports::{gather_at_home, make_home, on_path};
use crate::{assert_failed, daemon, endpoint, gather, host, run, with_policy};

/// The daemon's message if a read-only connection tries to define a guest.
const DENIED: &str = "read only access prevents virDomainDefineXML";

/// The stdout and stderr of a command.
fn text_of(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Tries to define a guest with virsh on the daemon's side, with these arguments first.
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
    assert!(output.status.success(), "{arguments:?}: {}", text_of(&output));
    daemon.virsh(&["undefine new"]);
}

#[track_caller]
fn assert_denied(output: &Output, words: &str) {
    let text = text_of(output);
    println!("{}", text.trim());
    assert!(!output.status.success() && text.contains(words), "{words:?} is missing: {text}");
}

#[test]
fn a_user_without_rights_can_read_but_not_write_through_the_sockets() {
    let daemon = daemon!(&LibvirtdOptions { guests: 1, ..LibvirtdOptions::default() });
    let read = ["-r", "-c", "qemu:///system", "list", "--all", "--name"];
    let output = daemon
        .command_of("gatherer")
        .args(["virsh", "-q"])
        .args(read)
        .output()
        .expect("nsenter starts");
    let text = text_of(&output);
    assert!(output.status.success() && text.contains("guest-00000"), "{text}");
    let local = ["-c", "qemu:///system"];
    assert_denied(&define(&daemon, "gatherer", &local), "Permission denied");
    // The read-only socket never allows writing.
    let socket = ["-c", "qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro"];
    assert_denied(&define(&daemon, "gatherer", &socket), DENIED);
    assert_denied(&define(&daemon, "root", &socket), DENIED);
    assert_defines(&daemon, &local);

    // The program can use the read-only socket.
    let socket = daemon.folder().join("run/libvirt/libvirt-sock-ro");
    let uri = format!("qemu+unix:///system?socket={}", socket.display());
    let outcome = gather(&[endpoint("kvm", &uri)]);
    let endpoint = outcome.endpoint("kvm");
    assert_eq!(host(&endpoint)["guests"].as_array().map(Vec::len), Some(1));
}

/// A command that runs ssh with a key of the daemon and without prompts.
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
fn a_key_with_the_forced_command_can_only_gather() {
    if !on_path("ssh") {
        skip!("ssh was not found");
    }
    let daemon = daemon!(&LibvirtdOptions { ssh: true, guests: 2, ..LibvirtdOptions::default() });
    let key = daemon.folder().join("etc/ssh/gatherer_key");
    let port = daemon.ssh_port();
    let uri = format!("qemu+ssh://gatherer@127.0.0.1:{port}/system?keyfile={}", key.display());
    make_home(&daemon, "home", &daemon.known_host());
    let outcome = gather_at_home(&daemon, "home", &[endpoint("kvm", &uri)]);
    let endpoint = outcome.endpoint("kvm");
    let host = host(&endpoint);
    assert_eq!(host["id"], daemon.uuid());
    assert_eq!(host["guests"].as_array().map(Vec::len), Some(2));

    // Another command does not run.
    let run = |user, key| {
        let words = ["127.0.0.1", "echo", "ran-$((40", "+", "2))"];
        text_of(&ssh(&daemon, user, key).args(words).output().expect("ssh starts"))
    };
    assert!(run("root", "accepted_key").contains("ran-42"));
    let refused = run("gatherer", "gatherer_key");
    assert!(!refused.contains("ran-"), "{refused}");

    // Ports of the host cannot be forwarded: the daemon's TCP port accepts every local client.
    let forward = |user, key| {
        let target = daemon.tcp().to_string();
        ssh(&daemon, user, key).args(["-W", &target, "127.0.0.1"]).output().expect("ssh starts")
    };
    let allowed = forward("root", "accepted_key");
    assert!(allowed.status.success(), "{}", text_of(&allowed));
    assert_denied(&forward("gatherer", "gatherer_key"), "administratively prohibited");

    // A connection for writing is refused.
    let connect = |user, key| {
        format!("qemu+ssh://{user}@127.0.0.1:{port}/system?keyfile=/etc/ssh/{key}&no_verify=1")
    };
    assert_denied(&define(&daemon, "root", &["-c", &connect("gatherer", "gatherer_key")]), DENIED);
    assert_defines(&daemon, &["-c", &connect("root", "accepted_key")]);
}

#[test]
fn the_forced_command_works_with_libssh2_too() {
    let daemon = daemon!(&LibvirtdOptions { ssh: true, guests: 2, ..LibvirtdOptions::default() });
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
fn the_program_opens_read_only_and_the_daemon_enforces_it() {
    let daemon = daemon!(&LibvirtdOptions::default());
    let proxy = CountingProxy::start(daemon.tcp());
    let outcome = gather(&[endpoint("kvm", &proxy.uri())]);
    assert_eq!(host(&outcome.endpoint("kvm"))["id"], daemon.uuid());
    assert_eq!(proxy.open_flags(), [READ_ONLY]);

    // Here virsh is not started with -r, with which it would refuse to write without asking the daemon.
    assert_defines(&daemon, &["-c", &proxy.uri()]);
    assert_eq!(proxy.open_flags(), [READ_ONLY, 0]);
    proxy.force_read_only();
    assert_denied(&define(&daemon, "root", &["-c", &proxy.uri()]), DENIED);
}

/// The TLS URI for a client on the daemon's side, with a client certificate.
fn tls_uri_beside(daemon: &Libvirtd) -> String {
    let (from, to) = (daemon.folder().join("client-pki"), daemon.folder().join("tmp/client-pki"));
    std::fs::create_dir_all(&to).expect("the folder can be written to");
    for file in from.read_dir().expect("a folder").flatten() {
        std::fs::copy(file.path(), to.join(file.file_name())).expect("it can be copied");
    }
    format!("qemu+tls://127.0.0.1:{}/system?pkipath=/tmp/client-pki", daemon.tls_port())
}

#[test]
fn a_client_certificate_allows_writing() {
    let daemon =
        daemon!(&LibvirtdOptions { client_certificate: true, ..LibvirtdOptions::default() });
    assert_defines(&daemon, &["-c", &tls_uri_beside(&daemon)]);
}

#[test]
fn a_sasl_user_is_allowed_to_write() {
    let sasl = Some(Mechanism::ScramSha256);
    let daemon = daemon!(&LibvirtdOptions { sasl, ..LibvirtdOptions::default() });
    let mut file = String::new();
    let _ = write!(
        file,
        "[credentials-one]\nauthname={USER}\npassword={PASSWORD}\n\
         [auth-libvirt-127.0.0.1]\ncredentials=one\n"
    );
    std::fs::write(daemon.folder().join("tmp/auth"), file).expect("the folder can be written to");
    let uri = format!("{}&authfile=/tmp/auth", tls_uri_beside(&daemon));
    let output = define(&daemon, "root", &["-c", &uri]);
    if text_of(&output).contains("No worthy mechs") {
        skip!("SASL lacks the mechanism: {}", text_of(&output));
    }
    assert!(output.status.success(), "{}", text_of(&output));
}

#[test]
fn a_client_that_is_not_on_the_daemons_list_is_refused() {
    let only = |name| LibvirtdOptions {
        client_certificate: true,
        allowed_clients: Some(vec![name]),
        ..LibvirtdOptions::default()
    };
    let (listed, other) = (daemon!(&only("CN=client")), daemon!(&only("CN=gatherer")));
    let outcome = gather(&[
        endpoint("listed", &listed.tls_uri("127.0.0.1", "client-pki")),
        endpoint("not-listed", &other.tls_uri("127.0.0.1", "client-pki")),
    ]);
    assert_eq!(host(&outcome.endpoint("listed"))["id"], listed.uuid());
    assert_failed(&outcome, "not-listed", "tls", "", "clientcert.pem");

    // This command prints the name for the list.
    tls_uri_beside(&listed);
    let output = listed
        .command_of("root")
        .args(["virt-pki-query-dn", "/tmp/client-pki/clientcert.pem"])
        .output()
        .expect("nsenter starts");
    assert!(text_of(&output).contains("CN=client\n"), "{}", text_of(&output));
}
