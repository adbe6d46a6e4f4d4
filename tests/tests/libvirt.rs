//! Module Libvirt through the real program, on libvirt's built-in test driver, which needs no
//! daemon: what a Manager gets, what the inventory says, which URIs never reach libvirt.

use std::fmt::Write as _;

use gatherer_tests::{Outcome, PluginFolder, Run, skip};
use serde_json::{Value, json};

const MISSING: &str = "libvirt.so.0 is not installed";

fn endpoint(id: &str, uri: &str) -> Value {
    json!({
        "id": id, "module": "Libvirt", "uri": uri,
        "sasl_username": null, "sasl_password": "", "retries": "0",
    })
}

fn gather(format: &str, endpoints: &[Value]) -> Outcome {
    let plugins = PluginFolder::with(&["libvirt"]);
    Run::gather(&json!(endpoints)).plugins(plugins.path()).args(["--format", format]).run()
}

/// Whether the machine lacks libvirt's client library, by the program's own words. A library
/// that is there and cannot be used is no reason to skip.
fn libvirt_is_missing() -> bool {
    let outcome = gather("inventory", &[endpoint("probe", "test:///default")]);
    outcome.endpoint("probe")["error"]["message"] == MISSING
}

/// A test driver's file: a host of 2 sockets, 4 cores, 8 threads and 8 GiB, and its guests by
/// name and libvirt's number of their state.
fn node_file<'a>(
    folder: &tempfile::TempDir,
    guests: impl IntoIterator<Item = (&'a str, u8)>,
) -> String {
    let mut xml = String::from(
        "<node xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>\
         <cpu><mhz>2000</mhz><model>x86_64</model><active>8</active><nodes>1</nodes>\
         <sockets>2</sockets><cores>2</cores><threads>2</threads></cpu>\
         <memory>8388608</memory>",
    );
    for (index, (name, state)) in guests.into_iter().enumerate() {
        write!(
            xml,
            "<domain type='test'><name>{name}</name>\
             <uuid>00000000-0000-4000-8000-{index:012}</uuid>\
             <memory>262144</memory><vcpu>2</vcpu><os><type>hvm</type></os>\
             <test:runstate>{state}</test:runstate></domain>"
        )
        .expect("a String takes everything");
    }
    xml.push_str("</node>");
    let path = folder.path().join("node.xml");
    std::fs::write(&path, xml).expect("a file can be written");
    format!("test://{}", path.to_str().expect("the path is text"))
}

#[test]
fn a_missing_library_is_one_sentence_with_what_to_install() {
    if !libvirt_is_missing() {
        skip!("libvirt.so.0 is installed; the plugin's own tests open a library that is not");
    }
    let outcome = gather("inventory", &[endpoint("kvm", "qemu:///system")]);
    let error = &outcome.endpoint("kvm")["error"];
    assert_eq!(error["kind"], "unsupported", "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("libvirt0")), "{error}");
}

#[test]
fn a_manager_gets_the_default_hypervisor_in_its_own_terms() {
    if libvirt_is_missing() {
        skip!("{MISSING}");
    }
    let document = gather("gatherer", &[endpoint("kvm", "test:///default")]).document();
    let hosts = document["kvm"].as_ref().expect("complete");
    assert_eq!(hosts.len(), 1);
    let (key, host) = hosts.first_key_value().expect("one host");
    assert_eq!((key, &host.host_identifier), (&host.name, &host.name), "it has no UUID");
    assert_eq!((host.kind.as_str(), host.os.as_str()), ("test", "libvirt"));
    assert_eq!(host.os_version.split('.').count(), 2, "major.minor: {}", host.os_version);
    assert_eq!((host.total_cpu_threads, host.ram_mb), (16, 3072));
    assert_eq!((host.cpu_arch.as_str(), host.cpu_mhz), ("i686", 1400.0));
    assert_eq!(host.vms["test"], "6695eb01-f6a4-8304-79aa-97f2502e193f");
    let data = host.optional_vm_data.as_ref().expect("present");
    assert_eq!(data["test"]["vmState"], "running");
}

#[test]
fn the_inventory_leaves_out_what_libvirt_does_not_tell() {
    if libvirt_is_missing() {
        skip!("{MISSING}");
    }
    let outcome = gather("inventory", &[endpoint("kvm", "test:///default")]);
    let endpoint = outcome.endpoint("kvm");
    assert_eq!(endpoint["status"], "complete");
    let host = &endpoint["hosts"][0];
    assert_eq!(host["id"], host["name"]);
    assert_eq!(host["hypervisor"], json!({"type": "test", "version": "0.0.2"}));
    assert_eq!(host["software"]["name"], "libvirt");
    assert_eq!(host["memoryBytes"], 3_221_225_472_u64);
    assert_eq!(host["cpu"]["frequencyMhz"], 1400);
    for absent in ["os", "identifiers", "state", "synthetic"] {
        assert!(host.get(absent).is_none(), "{absent}: {host:#}");
    }
    for absent in ["vendor", "model", "millicores"] {
        assert!(host["cpu"].get(absent).is_none(), "{absent}: {host:#}");
    }
    let guest = json!({
        "id": "6695eb01-f6a4-8304-79aa-97f2502e193f",
        "name": "test",
        "uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f",
        "state": "running",
        "sourceState": "running",
        "cpus": 2,
        "memoryBytes": 8_589_934_592_u64,
    });
    assert_eq!(host["guests"], json!([guest]));
}

#[test]
fn the_default_hypervisor_is_warned_of_in_no_way_even_if_insecure() {
    if libvirt_is_missing() {
        skip!("{MISSING}");
    }
    let mut insecure = endpoint("kvm", "test:///default");
    insecure["insecure"] = json!(true);
    let outcome = gather("inventory", &[insecure]);
    let endpoint = outcome.endpoint("kvm");
    assert_eq!(endpoint["status"], "complete", "{endpoint:#}");
    // It has no UUID and never will, and nothing of it is verified anyway.
    assert!(endpoint["warnings"].as_array().is_none_or(Vec::is_empty), "{endpoint:#}");
}

#[test]
fn guests_in_every_state_are_listed_with_the_labels_that_a_manager_knows() {
    if libvirt_is_missing() {
        skip!("{MISSING}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let wanted = [
        ("on", 1, "running", "running"),
        ("held", 3, "paused", "paused"),
        ("off", 5, "stopped", "shut off"),
        ("broken", 6, "crashed", "crashed"),
        ("asleep", 7, "suspended", "pmsuspended"),
    ];
    let uri = node_file(&folder, wanted.map(|(name, number, _, _)| (name, number)));
    let document = gather("gatherer", &[endpoint("kvm", &uri)]).document();
    let host = document["kvm"].as_ref().expect("complete").values().next().expect("one host");
    assert_eq!(
        (host.total_cpu_sockets, host.total_cpu_cores, host.total_cpu_threads, host.ram_mb),
        (2, 4, 8, 8192)
    );
    assert_eq!(host.vms.len(), wanted.len());
    let data = host.optional_vm_data.as_ref().expect("present");

    let outcome = gather("inventory", &[endpoint("kvm", &uri)]);
    let inventory = outcome.endpoint("kvm");
    let guests = inventory["hosts"][0]["guests"].as_array().expect("a list");
    for (name, _, label, word) in wanted {
        assert_eq!(data[name]["vmState"], label);
        let guest = guests.iter().find(|guest| guest["name"] == name).expect(name);
        assert_eq!(guest["sourceState"], word);
        assert_eq!((&guest["cpus"], &guest["memoryBytes"]), (&json!(2), &json!(268_435_456)));
    }
}

#[test]
fn a_hypervisor_without_guests_is_complete_and_empty() {
    if libvirt_is_missing() {
        skip!("{MISSING}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let uri = node_file(&folder, []);
    let document = gather("gatherer", &[endpoint("kvm", &uri)]).document();
    let hosts = document["kvm"].as_ref().expect("complete");
    assert!(hosts.len() == 1 && hosts.values().all(|host| host.vms.is_empty()), "{hosts:?}");
}

#[test]
fn two_thousand_guests_are_all_there_and_the_same_every_time() {
    if libvirt_is_missing() {
        skip!("{MISSING}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let names: Vec<_> = (0..2_000).map(|number| format!("guest{number:04}")).collect();
    let uri = node_file(&folder, names.iter().map(|name| (name.as_str(), 1)));
    let first = gather("gatherer", &[endpoint("kvm", &uri)]);
    let document = first.document();
    let host = document["kvm"].as_ref().expect("complete").values().next().expect("one host");
    assert!(host.vms.keys().eq(names.iter()));
    // libvirt lists guests in an order of its own.
    assert_eq!(first.stdout, gather("gatherer", &[endpoint("kvm", &uri)]).stdout);
}

#[test]
fn uris_that_run_programs_fail_alone_and_name_what_is_not_allowed() {
    let home = tempfile::tempdir().expect("a folder");
    let trap = home.path().join("ran");
    let run = format!("touch%20{}", trap.to_str().expect("the path is text"));
    let refused = [
        ("ext", format!("qemu+ext:///system?command={run}"), "ext"),
        ("command", format!("qemu+ssh://127.0.0.1/system?command={run}"), "command"),
        ("hidden", format!("qemu+ssh://127.0.0.1/system?comm%61nd={run}"), "command"),
        ("second", format!("qemu+ssh://127.0.0.1/system?no_tty=1;command={run}"), "command"),
        ("netcat", format!("qemu+ssh://127.0.0.1/system?netcat={run}"), "netcat"),
        ("proxy", "qemu+ssh://127.0.0.1/system?proxy=native".to_owned(), "proxy"),
        ("embed", "qemu:///embed?root=/nonexistent".to_owned(), "path"),
        ("host", "qemu+ssh://-oProxyCommand=x/system".to_owned(), "host"),
        ("user", "qemu+ssh://%2DoProxyCommand=x@h/system".to_owned(), "user"),
        ("driver", "openvz:///system".to_owned(), "driver"),
        ("nul", "qemu:///sys%00tem".to_owned(), "control"),
        ("alias", "production".to_owned(), "qemu://"),
        ("password", "qemu+tcp://me:Canary-7f3a91@127.0.0.1/system".to_owned(), "password"),
    ];
    let mut endpoints: Vec<_> = refused.iter().map(|(id, uri, _)| endpoint(id, uri)).collect();
    endpoints.push(endpoint("good", "test:///default"));
    let outcome = gather("inventory", &endpoints);
    for (id, _, part) in &refused {
        let error = &outcome.endpoint(id)["error"];
        assert_eq!(error["kind"], "configuration", "{id}: {error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("uri") && message.contains(part), "{id}: {message}");
    }
    assert!(!trap.exists(), "a program was run");
    assert!(!outcome.describe().contains("7f3a91"), "a password was shown");
    let good = outcome.endpoint("good");
    assert!(good["status"] == "complete" || good["error"]["message"] == MISSING, "{good:#}");
}

#[test]
fn what_libvirt_cannot_reach_is_that_endpoints_failure_and_leaves_the_others() {
    if libvirt_is_missing() {
        skip!("{MISSING}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let foreign = folder.path().join("foreign");
    std::fs::write(&foreign, "root:Canary-7f3a91\n").expect("a file can be written");
    let socket = folder.path().join("no-such-socket");
    let (foreign, socket) = (foreign.display(), socket.display());
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("it has an address").port()
    };
    let failing = [
        ("port", format!("qemu+tcp://127.0.0.1:{closed}/system"), "connection"),
        ("socket", format!("qemu+unix:///system?socket={socket}"), "connection"),
        ("session", format!("qemu+unix:///session?socket={socket}"), "connection"),
        ("foreign", format!("test://{foreign}"), "configuration"),
        ("device", "test:///dev/zero".to_owned(), "configuration"),
    ];
    let mut endpoints: Vec<_> = failing.iter().map(|(id, uri, _)| endpoint(id, uri)).collect();
    endpoints.push(endpoint("good", "test:///default"));
    let outcome = gather("inventory", &endpoints);
    for (id, uri, kind) in &failing {
        let error = &outcome.endpoint(id)["error"];
        assert_eq!(error["kind"], *kind, "{id}: {error}");
        let shown = uri.split('?').next().expect("a first part");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(shown), "{id}: {message}");
    }
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    assert!(!outcome.describe().contains("7f3a91"), "a foreign file was shown");
}

#[test]
fn an_endpoint_without_a_uri_names_the_parameter() {
    let outcome = gather("inventory", &[json!({"id": "kvm", "module": "Libvirt", "uri": ""})]);
    let error = &outcome.endpoint("kvm")["error"];
    assert_eq!(error["kind"], "configuration", "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("uri")), "{error}");
}

#[test]
fn the_form_that_a_manager_shows_has_the_classic_parameters() {
    let plugins = PluginFolder::with(&["libvirt"]);
    let outcome = Run::new().arg("--list-modules").plugins(plugins.path()).run().expect_code(0);
    let modules: Value = serde_json::from_slice(&outcome.stdout).expect("JSON");
    let expected =
        json!({"module": "Libvirt", "uri": "", "sasl_username": null, "sasl_password": null});
    assert_eq!(modules["Libvirt"], expected);
    let order = ["uri", "sasl_username", "sasl_password"]
        .map(|name| outcome.stdout_text().find(&format!("\"{name}\"")).expect(name));
    assert!(order.is_sorted(), "{}", outcome.stdout_text());
}
