//! Module NutanixAHV through the real program, with a fake Prism: what a Manager reads.

use gatherer_plugin_support::testing::{TlsServer, closed_port};
use gatherer_tests::fakes::nutanix::{NutanixFake, NutanixInventory};
use gatherer_tests::{ManagerHost, PluginFolder, Run, assert_no_guest_is_lost};
use serde_json::{Value, json};

/// A fake Prism with TLS.
struct Prism {
    server: TlsServer,
    password: String,
}

impl Prism {
    fn start(fake: NutanixFake) -> Self {
        let server = TlsServer::start(move |request| fake.answer(request));
        Self { server, password: "pa55-of-prism".to_owned() }
    }

    /// The endpoint as a Manager sends it: every value is a text.
    fn endpoint(&self) -> Value {
        json!({
            "id": "prism", "module": "NutanixAHV", "hostname": "127.0.0.1",
            "port": self.server.port().to_string(),
            "username": "inventory", "password": self.password,
            "ca_file": self.server.ca_file(), "retries": "0",
        })
    }

    /// The hosts that a Manager reads, in the order of their keys.
    fn managers_hosts(&self) -> Vec<(String, ManagerHost)> {
        let plugins = PluginFolder::with(&["nutanix"]);
        let outcome = Run::gather(&json!([self.endpoint()])).plugins(plugins.path()).run();
        let mut document = outcome.document();
        let hosts = document.remove("prism").flatten().expect("the endpoint is complete");
        hosts.into_iter().collect()
    }
}

#[test]
fn no_guest_of_a_prism_is_lost_on_the_way_to_a_manager() {
    for (fake, guests) in [
        (NutanixFake::central_v4(NutanixInventory::sample(), 2), 12),
        (NutanixFake::central_v3(NutanixInventory::of_size(11)), 11),
        (NutanixFake::element(NutanixInventory::sample()), 7),
    ] {
        assert_no_guest_is_lost(Prism::start(fake).endpoint(), guests);
    }
}

#[test]
fn a_manager_gets_the_frequency_of_a_core_and_the_pseudo_host() {
    let prism = Prism::start(NutanixFake::element(NutanixInventory::sample()));
    let hosts = prism.managers_hosts();
    let keys: Vec<_> = hosts.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["Nutanix-AHV-DetachedVMs", "kestrel-1", "kestrel-2"]);

    let (key, host) = &hosts[1];
    assert_eq!((&host.name, &host.host_identifier), (key, key));
    assert_eq!(
        (&*host.kind, &*host.os, &*host.os_version),
        ("nutanix", "Nutanix AHV", "AHV 10.0.1")
    );
    assert!((host.cpu_mhz - 2400.0).abs() < 0.1, "{}", host.cpu_mhz);
    assert_eq!((host.total_cpu_sockets, host.total_cpu_cores, host.total_cpu_threads), (2, 32, 64));
    assert_eq!((&*host.cpu_arch, host.ram_mb), ("x86_64", 512 * 1024));
    assert_eq!(hosts[2].1.os_version, "Nutanix 20220304.480");

    let (key, pseudo) = &hosts[0];
    assert_eq!((&pseudo.name, &pseudo.host_identifier), (key, key));
    assert_eq!((&*pseudo.kind, &*pseudo.os), ("nutanix", "Nutanix AHV"));
    assert_eq!((&*pseudo.os_version, &*pseudo.cpu_arch), ("Fake Host", "x86_64"));
    let numbers =
        [pseudo.total_cpu_sockets, pseudo.total_cpu_cores, pseudo.total_cpu_threads, pseudo.ram_mb];
    assert_eq!((numbers, pseudo.cpu_mhz.abs() < 0.1), ([0; 4], true));
    // Two machines that are off, of which one has the name of another one on a host.
    assert_eq!(pseudo.vms.len(), 2);
    assert!(pseudo.vms.contains_key("mail"));
    let data = pseudo.optional_vm_data.as_ref().expect("optional data");
    assert_eq!(data["mail"]["vmState"], "stopped");
}

#[test]
fn a_manager_gets_an_esxi_host_with_its_own_type_and_system() {
    let prism = Prism::start(NutanixFake::central_v4(NutanixInventory::sample(), 2));
    let hosts = prism.managers_hosts();
    let keys: Vec<_> = hosts.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["Nutanix-AHV-DetachedVMs", "kestrel-1", "kestrel-2", "osprey-1"]);
    let esxi = &hosts[3].1;
    assert_eq!((&*esxi.kind, &*esxi.os), ("vmware", "VMware ESXi"));
    assert_eq!(esxi.os_version, "VMware ESXi 8.0.3-24022510");
    assert!(esxi.vms.contains_key("payroll"));
}

#[test]
fn a_prism_that_cannot_be_reached_fails_only_its_endpoint() {
    let prism = Prism::start(NutanixFake::central_v4(NutanixInventory::sample(), 2));
    let mut dead = prism.endpoint();
    dead["id"] = json!("dead");
    dead["port"] = json!(closed_port().port().to_string());
    let plugins = PluginFolder::with(&["nutanix"]);
    let outcome = Run::gather(&json!([dead, prism.endpoint()])).plugins(plugins.path()).run();
    let document = outcome.document();
    assert!(document["dead"].is_none());
    assert!(document["prism"].is_some());
    let outcome = Run::gather(&json!([dead])).plugins(plugins.path());
    let outcome = outcome.args(["--format", "inventory"]).run();
    assert_eq!(outcome.failure("dead").kind, "connection");
}

#[test]
fn the_password_is_shown_nowhere_with_the_most_detailed_log() {
    for password in ["pa55-of-prism", "another-pa55"] {
        let mut prism = Prism::start(NutanixFake::central_v4(NutanixInventory::sample(), 2));
        password.clone_into(&mut prism.password);
        let plugins = PluginFolder::with(&["nutanix"]);
        let run = Run::gather(&json!([prism.endpoint()])).plugins(plugins.path());
        let outcome = run.args(["-vv", "--format", "inventory"]).run();
        let is_right = password == "pa55-of-prism";
        let status = if is_right { "complete" } else { "failed" };
        assert_eq!(outcome.endpoint("prism")["status"], status, "{}", outcome.describe());
        let log = std::fs::read_to_string(outcome.home().join("gatherer.log")).expect("a log");
        let shown = outcome.describe() + &log;
        assert!(!shown.contains(password), "{shown}");
        for request in prism.server.received() {
            let header = request.header("authorization").expect("credentials");
            let encoded = header.strip_prefix("Basic ").expect("Basic authentication");
            assert!(!shown.contains(encoded), "{shown}");
        }
    }
}

#[test]
fn plugin_verify_gathers_from_a_prism_twice_and_cancels_it() {
    let prism = Prism::start(NutanixFake::central_v4(NutanixInventory::sample(), 2));
    let library = gatherer_tests::plugins::library("nutanix");
    let run = Run::new().args(["plugin", "verify"]).arg(library).args(["--request", "prism.json"]);
    let request = json!([prism.endpoint()]).to_string();
    std::fs::write(run.home().join("prism.json"), request).expect("writable");
    let outcome = run.run().expect_code(0);
    let text = outcome.stdout_text();
    assert!(
        text.contains("\nok       NutanixAHV prism: gathers the same answer again\n"),
        "{text}"
    );
    assert!(!text.lines().any(|line| line.starts_with("skipped")), "{text}");
}
