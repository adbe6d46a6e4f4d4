//! Daemons that are not there, say nothing, hang or die.

use std::net::TcpListener;

use gatherer_tests::fault_server::{FullPort, closed_port};
use gatherer_tests::servers::libvirt::{CountingProxy, Options, signal};
use rustix::process::Signal;

use crate::{assert_failed, daemon, endpoint, gather, host, run, states, with};

fn tcp_uri(port: u16) -> String {
    format!("qemu+tcp://127.0.0.1:{port}/system")
}

#[test]
fn a_port_that_swallows_refuses_or_says_nothing_is_told_by_its_own_sentence() {
    let hole = FullPort::open();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_port = silent.local_addr().expect("it is bound").port();
    let daemon = daemon!(&Options::default());
    let hung = daemon.pid();
    signal(hung, Signal::STOP);
    let short = |id: &str, uri: &str| with(endpoint(id, uri), "timeout", "3");
    let outcome = gather(&[
        short("swallows", &tcp_uri(hole.address().port())),
        short("refuses", &tcp_uri(closed_port().port())),
        short("says-nothing", &tcp_uri(silent_port)),
        short("stopped-tcp", &daemon.tcp_uri()),
        short("stopped-tls", &daemon.tls_uri("127.0.0.1", "pki")),
        short("stopped-unix", &daemon.unix_uri()),
    ]);
    let hint = "check that the libvirt daemon listens there";
    let message = "no connection to port";
    assert_failed(&outcome, "swallows", "timeout", message, hint);
    assert_failed(&outcome, "refuses", "connection", "Connection refused", hint);
    for id in ["says-nothing", "stopped-tcp", "stopped-tls", "stopped-unix"] {
        assert_failed(&outcome, id, "timeout", "did not answer within 3 s", "timeout");
    }
    signal(hung, Signal::CONT);
    let outcome = gather(&[endpoint("again", &daemon.tcp_uri())]);
    assert_eq!(host(&outcome.endpoint("again"))["id"], daemon.uuid());
}

#[test]
fn a_daemon_that_is_killed_in_the_middle_of_a_call_is_a_connection_error() {
    for call in
        ["connect-get-capabilities", "connect-list-all-domains", "connect-get-all-domain-stats"]
    {
        let daemon = daemon!(&Options { guests: 3, ..Options::default() });
        let proxy = CountingProxy::start(daemon.tcp());
        proxy.hold(call);
        let running = run(&[endpoint(call, &proxy.uri())]).start();
        proxy.wait_for_held();
        let pid = daemon.pid();
        // It gets the call and cannot answer it any more.
        signal(pid, Signal::STOP);
        proxy.release();
        signal(pid, Signal::KILL);
        let outcome = running.finish();
        assert_failed(&outcome, call, "connection", "qemu+tcp://127.0.0.1", "");
    }
}

#[test]
fn a_guest_whose_qemu_hangs_does_not_cost_the_endpoint() {
    let daemon = daemon!(&Options::default());
    let mut commands = Vec::new();
    for (number, name) in ["hangs", "runs"].into_iter().enumerate() {
        let uuid = format!("cafe0000-0000-4000-8000-{number:012x}");
        let definition = daemon.definition(name, &uuid, 2, 32);
        commands.extend([format!("define {definition}"), format!("start {name}")]);
    }
    daemon.virsh(&commands);
    signal(daemon.qemu("hangs"), Signal::STOP);

    let asked = with(endpoint("kvm", &daemon.tcp_uri()), "timeout", "8");
    let first = gather(std::slice::from_ref(&asked)).endpoint("kvm");
    println!("{}", first["warnings"]);
    let warned = first["warnings"].to_string().contains("may hang");
    assert!(warned, "the bulk call was expected to hang: {first:#}");
    // The first call still waits for the guest in the daemon: it is left alone now.
    let second = gather(&[asked]).endpoint("kvm");
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
