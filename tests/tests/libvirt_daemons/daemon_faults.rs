//! Errors of daemons that do not listen, do not answer, hang or die.

use std::net::TcpListener;

use gatherer_plugin_support::testing::{FullPort, closed_port};
use gatherer_tests::servers::libvirt::{CountingProxy, LibvirtdOptions, signal};
use rustix::process::Signal;

use crate::{assert_failed, daemon, endpoint, gather, host, run, states, with};

fn tcp_uri(port: u16) -> String {
    format!("qemu+tcp://127.0.0.1:{port}/system")
}

#[test]
fn a_port_that_drops_packets_refuses_or_never_answers_has_its_own_error() {
    let full = FullPort::open();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("a bound address").port();
    let daemon = daemon!(&LibvirtdOptions::default());
    let hung = daemon.pid();
    signal(hung, Signal::STOP);
    let short = |id: &str, uri: &str| with(endpoint(id, uri), "timeout", "3");
    let full_port = full.address().port();
    let outcome = gather(&[
        short("drops-packets", &tcp_uri(full_port)),
        short("refuses", &tcp_uri(closed_port().port())),
        short("never-answers", &tcp_uri(silent_port)),
        short("stopped-tcp", &daemon.tcp_uri()),
        short("stopped-tls", &daemon.tls_uri("127.0.0.1", "pki")),
        short("stopped-unix", &daemon.unix_uri()),
    ]);
    // The plugin's own error, not the runner's: it mentions the port.
    let message = format!("port {full_port}");
    assert_failed(&outcome, "drops-packets", "timeout", &message, "firewall");
    assert_failed(&outcome, "refuses", "connection", "Connection refused", "listen_tcp");
    for id in ["never-answers", "stopped-tcp", "stopped-tls", "stopped-unix"] {
        assert_failed(&outcome, id, "timeout", "3 s", "timeout");
    }
    signal(hung, Signal::CONT);
    let outcome = gather(&[endpoint("again", &daemon.tcp_uri())]);
    assert_eq!(host(&outcome.endpoint("again"))["id"], daemon.uuid());
}

#[test]
fn a_daemon_that_is_killed_during_a_call_is_a_connection_error() {
    for call in
        ["connect-get-capabilities", "connect-list-all-domains", "connect-get-all-domain-stats"]
    {
        let daemon = daemon!(&LibvirtdOptions { guests: 3, ..LibvirtdOptions::default() });
        let proxy = CountingProxy::start(daemon.tcp());
        proxy.hold(call);
        let running = run(&[endpoint(call, &proxy.uri())]).start();
        proxy.wait_for_held();
        let pid = daemon.pid();
        // The stopped daemon receives the call but cannot answer it.
        signal(pid, Signal::STOP);
        proxy.release();
        signal(pid, Signal::KILL);
        let outcome = running.finish();
        assert_failed(&outcome, call, "connection", "qemu+tcp://127.0.0.1", "");
    }
}

#[test]
fn a_guest_with_a_hanging_qemu_does_not_fail_the_endpoint() {
    let daemon = daemon!(&LibvirtdOptions::default());
    let mut commands = Vec::new();
    for (number, name) in ["hangs", "runs"].into_iter().enumerate() {
        let uuid = format!("cafe0000-0000-4000-8000-{number:012x}");
        let definition = daemon.definition(name, &uuid, 2, 32);
        commands.extend([format!("define {definition}"), format!("start {name}")]);
    }
    daemon.virsh(&commands);
    signal(daemon.qemu("hangs"), Signal::STOP);

    let request = with(endpoint("kvm", &daemon.tcp_uri()), "timeout", "8");
    let first = gather(std::slice::from_ref(&request)).endpoint("kvm");
    println!("{}", first["warnings"]);
    let warned = first["warnings"].to_string().contains("qemu");
    assert!(warned, "the bulk call was expected to hang: {first:#}");
    // In the daemon the first call still waits for the guest, so the second call skips that guest.
    let second = gather(&[request]).endpoint("kvm");
    assert_eq!(second["warnings"], serde_json::Value::Null, "{second:#}");
    for endpoint in [&first, &second] {
        let host = host(endpoint);
        let found = states(host);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.values().all(|state| state == "running"), "{found:?}");
        for guest in host["guests"].as_array().expect("a list") {
            assert_eq!(guest["cpus"], 2, "{guest:#}");
            assert_eq!(guest["memoryBytes"], 32 << 20, "{guest:#}");
        }
    }
}
