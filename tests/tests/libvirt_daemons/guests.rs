//! The host of a daemon, and its guests: in every state, in large numbers, and while they change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use gatherer_tests::servers::libvirt::{CountingProxy, Libvirtd, LibvirtdOptions, guest_name};
use gatherer_tests::{ManagerHost, PluginFolder, Run};
use serde_json::{Value, json};

use crate::{daemon, endpoint, gather, host, states};

fn uuid(number: u32) -> String {
    format!("cafe0000-0000-4000-8000-{number:012x}")
}

/// Every text between `start` and `end`.
fn all_between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let rest = text.split(start).skip(1);
    rest.map(|rest| rest.split(end).next().unwrap_or_default()).collect()
}

#[test]
fn guests_are_reported_with_their_state() {
    let daemon = daemon!(&LibvirtdOptions::default());
    let define = |name: &str, number| daemon.definition(name, &uuid(number), 1, 32);
    let (running, paused, shut_off, transient) =
        (define("running", 1), define("paused", 2), define("shut-off", 3), define("transient", 4));
    daemon.virsh(&[
        format!("define {running}"),
        "start running".to_owned(),
        format!("define {paused}"),
        "start paused".to_owned(),
        "suspend paused".to_owned(),
        format!("define {shut_off}"),
        format!("create {transient}"),
    ]);
    let outcome = gather(&[endpoint("kvm", &daemon.unix_uri())]);
    let endpoint_of = outcome.endpoint("kvm");
    let found = states(host(&endpoint_of));
    let expected = [
        ("paused", "paused"),
        ("running", "running"),
        ("shut-off", "stopped"),
        ("transient", "running"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (name, state) in expected {
        assert_eq!(found[name], state, "{name}");
    }

    // The same in the Manager's format.
    let plugins = PluginFolder::with(&["libvirt"]);
    let request = json!([endpoint("kvm", &daemon.unix_uri())]);
    let document = Run::gather(&request).plugins(plugins.path()).run().document();
    let hosts = document["kvm"].as_ref().expect("a host");
    let host: &ManagerHost = hosts.values().next().expect("one");
    let data = host.optional_vm_data.as_ref().expect("states");
    for (name, word) in [
        ("paused", "paused"),
        ("running", "running"),
        ("shut-off", "stopped"),
        ("transient", "running"),
    ] {
        assert_eq!(data[name]["vmState"], word, "{data:?}");
    }
}

#[test]
fn the_host_agrees_with_the_daemons_capabilities() {
    let daemon = daemon!(&LibvirtdOptions::default());
    let outcome = gather(&[endpoint("kvm", &daemon.unix_uri())]);
    let endpoint = outcome.endpoint("kvm");
    let host = host(&endpoint);
    let capabilities = daemon.virsh(&["capabilities"]);
    let of_host = all_between(&capabilities, "<host>", "</host>")[0];
    let first = |start: &str, end: &str| all_between(of_host, start, end)[0].to_owned();

    assert_eq!(first("<uuid>", "</uuid>"), daemon.uuid());
    assert_eq!(host["id"], daemon.uuid());
    assert_eq!(host["identifiers"]["uuid"], daemon.uuid());
    let cpu = &host["cpu"];
    assert_eq!(cpu["architecture"], first("<arch>", "</arch>"));
    assert_eq!(cpu["model"], first("<model>", "</model>"));
    assert_eq!(cpu["vendor"], first("<vendor>", "</vendor>"));
    // Each processor of each cell has its socket, die and core.
    let (mut sockets, mut cores, mut threads) = (BTreeSet::new(), BTreeSet::new(), 0);
    for line in all_between(of_host, "<cpu id='", "/>") {
        let place = |name: &str| all_between(line, &format!("{name}='"), "'")[0].to_owned();
        sockets.insert(place("socket_id"));
        cores.insert((place("socket_id"), place("die_id"), place("core_id")));
        threads += 1;
    }
    let found = [&cpu["sockets"], &cpu["cores"], &cpu["threads"]].map(Value::as_u64);
    let expected = [sockets.len() as u64, cores.len() as u64, threads].map(Some);
    assert_eq!(found, expected, "{capabilities}");
    assert_eq!(host["hypervisor"]["type"], "qemu");
    let version = daemon.virsh(&["version"]);
    let version = all_between(&version, "Running hypervisor: QEMU ", "\n")[0];
    assert_eq!(host["hypervisor"]["version"], version);
    let node = daemon.virsh(&["nodeinfo"]);
    let kib: u64 = all_between(&node, "Memory size:", "KiB")[0].trim().parse().expect("a number");
    assert_eq!(host["memoryBytes"], kib * 1024);
}

#[test]
fn interfaces_and_disks_are_those_that_virsh_lists() {
    let daemon = daemon!(&LibvirtdOptions::default());
    let guest = daemon.definition("described", &uuid(1), 1, 32);
    daemon.virsh(&[
        format!("define {guest}"),
        "attach-interface described bridge br0 --mac 52:54:00:ab:cd:01 --config".to_owned(),
        "attach-interface described network default --mac 52:54:00:ab:cd:02 --config".to_owned(),
        "attach-disk described /var/lib/disk.img vda --config".to_owned(),
        "attach-disk described /var/lib/disk.iso sda --type cdrom --config".to_owned(),
    ]);
    let outcome = gather(&[endpoint("kvm", &daemon.unix_uri())]);
    let endpoint_of = outcome.endpoint("kvm");
    let guest = &host(&endpoint_of)["guests"][0];
    // Columns: Interface, Type, Source, Model, MAC.
    let listed = daemon.virsh(&["domiflist described"]);
    let expected: Vec<Value> = listed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.len() == 5)
        .map(|columns| json!({"mac": columns[4], "network": columns[2]}))
        .collect();
    assert_eq!(expected.len(), 2, "{listed}");
    assert_eq!(guest["interfaces"], Value::from(expected));
    // Columns: Type, Device, Target, Source.
    let listed = daemon.virsh(&["domblklist described --details"]);
    let expected: Vec<Value> = listed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.get(1) == Some(&"disk"))
        .map(|columns| json!({"name": columns[2]}))
        .collect();
    assert_eq!(expected.len(), 1, "{listed}");
    assert_eq!(guest["disks"], Value::from(expected));
}

#[test]
fn two_thousand_guests_are_read_completely_with_at_most_ten_calls() {
    const GUESTS: usize = 2_000;
    let start = std::time::Instant::now();
    let daemon = daemon!(&LibvirtdOptions { guests: GUESTS, ..LibvirtdOptions::default() });
    println!("started in {:?}", start.elapsed());
    let proxy = CountingProxy::start(daemon.tcp());
    let outcome = gather(&[endpoint("kvm", &proxy.uri())]);
    let endpoint = outcome.endpoint("kvm");
    let found = states(host(&endpoint));
    let expected: BTreeMap<String, String> =
        (0..GUESTS).map(|index| (guest_name(index), "stopped".to_owned())).collect();
    assert!(found == expected, "{} guests, but not the expected ones", found.len());

    let (calls, queries) = (proxy.calls(), proxy.queries());
    println!("{} calls in {:?}: {}", calls.len(), outcome.took, calls.join(" "));
    println!("{} without the calls that every connection makes", queries.len());
    assert!(queries.len() <= 10, "{} calls: {}", queries.len(), queries.join(" "));
    // For the guests: one list, and a bulk call for each 1,000 of them.
    let of_guests = queries.iter().filter(|name| name.contains("domain")).count();
    assert_eq!(of_guests, 3, "{}", queries.join(" "));
}

/// A virsh process that defines and removes guests until this is dropped.
struct Churn {
    virsh: Child,
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<u32>>,
}

impl Churn {
    const GUESTS: u32 = 8;

    fn start(daemon: &Libvirtd) -> Self {
        for number in 0..Self::GUESTS {
            daemon.definition(&format!("temporary-{number}"), &uuid(100 + number), 1, 32);
        }
        let mut virsh = daemon
            .virsh_command()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nsenter starts");
        let mut stdin = virsh.stdin.take().expect("a pipe");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                let mut commands = String::new();
                for number in 0..Self::GUESTS {
                    let _ = writeln!(commands, "define /tmp/temporary-{number}.xml");
                }
                for number in 0..Self::GUESTS {
                    let _ = writeln!(commands, "undefine temporary-{number}");
                }
                // A full pipe blocks until virsh reads on; a broken pipe ends the loop.
                if stdin.write_all(commands.as_bytes()).is_err() {
                    break;
                }
                rounds += 1;
            }
            rounds
        });
        Self { virsh, stop, writer: Some(writer) }
    }
}

impl Drop for Churn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Killing virsh breaks the pipe, in case the writer is blocked.
        let _ = self.virsh.kill();
        let _ = self.virsh.wait();
        let rounds = self.writer.take().and_then(|writer| writer.join().ok());
        println!("defined and removed up to {rounds:?} times");
    }
}

#[test]
fn guests_that_change_meanwhile_neither_fail_the_endpoint_nor_hide_others() {
    const PERMANENT: usize = 300;
    let daemon = daemon!(&LibvirtdOptions { guests: PERMANENT, ..LibvirtdOptions::default() });
    let uri = daemon.unix_uri();
    let endpoints: Vec<_> = (0..8).map(|number| endpoint(&number.to_string(), &uri)).collect();
    let churn = Churn::start(&daemon);
    // How many temporary guests were reported in total, and by how many endpoints.
    let (mut seen, mut gatherings) = (0, 0);
    for _ in 0..4 {
        let inventory = gather(&endpoints).inventory();
        for endpoint in inventory["endpoints"].as_array().expect("a list") {
            let found = states(host(endpoint));
            assert!(found.values().all(|state| state == "stopped"), "{endpoint:#}");
            let permanent = (0..PERMANENT).filter(|index| found.contains_key(&guest_name(*index)));
            assert_eq!(permanent.count(), PERMANENT, "{endpoint:#}");
            gatherings += 1;
            seen += found.len() - PERMANENT;
        }
    }
    drop(churn);
    let possible = gatherings * Churn::GUESTS as usize;
    println!("{seen} of {possible} temporary guests seen");
    assert!(seen > 0, "no temporary guest was ever seen, so nothing was tested");
    assert!(seen < possible, "no temporary guest was ever missing, so nothing was tested");
}
