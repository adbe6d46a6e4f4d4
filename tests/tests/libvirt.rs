//! Module Libvirt through the real program, with libvirt's built-in test driver, which needs no daemon:
//! the Manager's document, the inventory, and URIs that are rejected.

use std::fmt::Write as _;

use gatherer_plugin_support::testing::{Action, Authority, ScriptedServer, closed_port};
use gatherer_tests::{Failure, Outcome, PluginFolder, Run, skip};
use serde_json::{Value, json};

/// The message on a machine without libvirt's client library.
const NOT_INSTALLED: &str = "libvirt.so.0 is not installed";

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

/// Whether the program reports that libvirt's client library is not installed. A library that cannot be
/// loaded is not a reason to skip a test.
fn libvirt_is_missing() -> bool {
    let outcome = gather("inventory", &[endpoint("probe", "test:///default")]);
    outcome.endpoint("probe")["error"]["message"] == NOT_INSTALLED
}

/// Writes a file for the test driver and returns its URI: a host of 2 sockets, 4 cores, 8 threads and
/// 8 GiB, with guests of these names and of these states in libvirt's numbers.
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
        .expect("writing to a String cannot fail");
    }
    xml.push_str("</node>");
    let path = folder.path().join("node.xml");
    std::fs::write(&path, xml).expect("a file can be written");
    format!("test://{}", path.to_str().expect("the path is text"))
}

#[test]
fn a_missing_library_is_unsupported_with_the_package_in_the_hint() {
    if !libvirt_is_missing() {
        skip!("libvirt.so.0 is installed; the plugin's own tests load a library that is missing");
    }
    let failure = gather("inventory", &[endpoint("kvm", "qemu:///system")]).failure("kvm");
    assert_eq!(failure.kind, "unsupported", "{failure}");
    assert!(failure.hint.as_ref().is_some_and(|hint| hint.contains("libvirt0")), "{failure}");
}

#[test]
fn the_managers_document_has_the_default_hypervisor() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    let document = gather("gatherer", &[endpoint("kvm", "test:///default")]).document();
    let hosts = document["kvm"].as_ref().expect("complete");
    assert_eq!(hosts.len(), 1);
    let (key, host) = hosts.first_key_value().expect("one host");
    assert_eq!((key, &host.host_identifier), (&host.name, &host.name), "the host has no UUID");
    assert_eq!((host.kind.as_str(), host.os.as_str()), ("test", "libvirt"));
    assert_eq!(host.os_version.split('.').count(), 2, "major.minor: {}", host.os_version);
    assert_eq!((host.total_cpu_threads, host.ram_mb), (16, 3072));
    assert_eq!((host.cpu_arch.as_str(), host.cpu_mhz), ("i686", 1400.0));
    assert_eq!(host.vms["test"], "6695eb01-f6a4-8304-79aa-97f2502e193f");
    let data = host.optional_vm_data.as_ref().expect("present");
    assert_eq!(data["test"]["vmState"], "running");
}

#[test]
fn a_manager_gets_the_processors_of_all_numa_cells_and_the_frequency() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    // libvirt reports the sockets of one cell.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("node.xml");
    let xml = "<node><cpu><mhz>2600</mhz><model>x86_64</model><active>16</active><nodes>2</nodes>\
               <sockets>1</sockets><cores>4</cores><threads>2</threads></cpu>\
               <memory>8388608</memory></node>";
    std::fs::write(&path, xml).expect("a file can be written");
    let uri = format!("test://{}", path.to_str().expect("the path is text"));
    let document = gather("gatherer", &[endpoint("kvm", &uri)]).document();
    let hosts = document["kvm"].as_ref().expect("complete");
    let host = hosts.values().next().expect("one host");
    let counts = (host.total_cpu_sockets, host.total_cpu_cores, host.total_cpu_threads);
    assert_eq!((counts, host.cpu_mhz), ((2, 8, 16), 2600.0));
}

#[test]
fn the_inventory_leaves_out_what_libvirt_does_not_report() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
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
    assert_eq!(host["state"], "up");
    for absent in ["os", "identifiers", "synthetic"] {
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
        "interfaces": [{"mac": "aa:bb:cc:dd:ee:ff", "network": "default"}],
        "disks": [{"name": "vda"}],
    });
    assert_eq!(host["guests"], json!([guest]));
}

#[test]
fn the_default_hypervisor_has_no_warnings_even_if_insecure() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    let mut insecure = endpoint("kvm", "test:///default");
    insecure["insecure"] = json!(true);
    let outcome = gather("inventory", &[insecure]);
    let endpoint = outcome.endpoint("kvm");
    assert_eq!(endpoint["status"], "complete", "{endpoint:#}");
    // The test driver never has a UUID, and libvirt verifies nothing with it.
    assert!(endpoint["warnings"].as_array().is_none_or(Vec::is_empty), "{endpoint:#}");
}

#[test]
fn guests_in_every_state_have_the_managers_labels() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let expected = [
        ("on", 1, "running", "running"),
        ("held", 3, "paused", "paused"),
        ("off", 5, "stopped", "shut off"),
        ("broken", 6, "crashed", "crashed"),
        ("asleep", 7, "suspended", "pmsuspended"),
    ];
    let uri = node_file(&folder, expected.map(|(name, number, _, _)| (name, number)));
    let document = gather("gatherer", &[endpoint("kvm", &uri)]).document();
    let host = document["kvm"].as_ref().expect("complete").values().next().expect("one host");
    assert_eq!(
        (host.total_cpu_sockets, host.total_cpu_cores, host.total_cpu_threads, host.ram_mb),
        (2, 4, 8, 8192)
    );
    assert_eq!(host.vms.len(), expected.len());
    let data = host.optional_vm_data.as_ref().expect("present");

    let outcome = gather("inventory", &[endpoint("kvm", &uri)]);
    let inventory = outcome.endpoint("kvm");
    let guests = inventory["hosts"][0]["guests"].as_array().expect("a list");
    for (name, _, label, word) in expected {
        assert_eq!(data[name]["vmState"], label);
        let guest = guests.iter().find(|guest| guest["name"] == name).expect(name);
        assert_eq!(guest["sourceState"], word);
        assert_eq!((&guest["cpus"], &guest["memoryBytes"]), (&json!(2), &json!(268_435_456)));
    }
}

#[test]
fn a_hypervisor_without_guests_is_complete_and_empty() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let uri = node_file(&folder, []);
    let document = gather("gatherer", &[endpoint("kvm", &uri)]).document();
    let hosts = document["kvm"].as_ref().expect("complete");
    assert!(hosts.len() == 1 && hosts.values().all(|host| host.vms.is_empty()), "{hosts:?}");
}

#[test]
fn two_thousand_guests_are_complete_and_in_the_same_order_every_time() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let names: Vec<_> = (0..2_000).map(|number| format!("guest{number:04}")).collect();
    let uri = node_file(&folder, names.iter().map(|name| (name.as_str(), 1)));
    let first = gather("gatherer", &[endpoint("kvm", &uri)]);
    let document = first.document();
    let host = document["kvm"].as_ref().expect("complete").values().next().expect("one host");
    assert!(host.vms.keys().eq(names.iter()));
    // libvirt does not list guests in a fixed order.
    assert_eq!(first.stdout, gather("gatherer", &[endpoint("kvm", &uri)]).stdout);
}

#[test]
fn a_uri_that_runs_programs_fails_only_its_endpoint_and_names_the_part() {
    let home = tempfile::tempdir().expect("a folder");
    let trap = home.path().join("ran");
    let run = format!("touch%20{}", trap.to_str().expect("the path is text"));
    let rejected = [
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
    let mut endpoints: Vec<_> = rejected.iter().map(|(id, uri, _)| endpoint(id, uri)).collect();
    endpoints.push(endpoint("good", "test:///default"));
    let outcome = gather("inventory", &endpoints);
    for (id, _, part) in &rejected {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, "configuration", "{id}: {failure}");
        let message = &failure.message;
        assert!(message.contains("uri") && message.contains(part), "{id}: {message}");
    }
    assert!(!trap.exists(), "a program was run");
    assert!(!outcome.describe().contains("7f3a91"), "a password was shown");
    let good = outcome.endpoint("good");
    assert!(good["status"] == "complete" || good["error"]["message"] == NOT_INSTALLED, "{good:#}");
}

#[test]
fn a_hypervisor_that_cannot_be_reached_fails_only_its_endpoint() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let not_xml = folder.path().join("not-xml");
    std::fs::write(&not_xml, "root:Canary-7f3a91\n").expect("a file can be written");
    let socket = folder.path().join("missing-socket");
    let (not_xml, socket) = (not_xml.display(), socket.display());
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("a bound address").port()
    };
    let failing = [
        ("port", format!("qemu+tcp://127.0.0.1:{closed}/system"), "connection"),
        ("socket", format!("qemu+unix:///system?socket={socket}"), "connection"),
        ("session", format!("qemu+unix:///session?socket={socket}"), "connection"),
        ("not-xml", format!("test://{not_xml}"), "configuration"),
        ("device", "test:///dev/zero".to_owned(), "configuration"),
    ];
    let mut endpoints: Vec<_> = failing.iter().map(|(id, uri, _)| endpoint(id, uri)).collect();
    endpoints.push(endpoint("good", "test:///default"));
    let outcome = gather("inventory", &endpoints);
    for (id, uri, kind) in &failing {
        let failure = outcome.failure(id);
        assert_eq!(failure.kind, *kind, "{id}: {failure}");
        let shown = uri.split('?').next().expect("a first part");
        assert!(failure.message.starts_with(shown), "{id}: {failure}");
    }
    assert_eq!(outcome.endpoint("good")["status"], "complete");
    assert!(!outcome.describe().contains("7f3a91"), "the contents of a file were shown");
}

/// The errors of endpoints, without those whose driver or transport this machine's libvirt does not have.
fn failures_of_drivers(outcome: &Outcome, ids: &[&str]) -> Vec<(String, Failure)> {
    let failures = ids.iter().map(|id| ((*id).to_owned(), outcome.failure(id)));
    failures.filter(|(_, failure)| failure.kind != "unsupported").collect()
}

#[test]
fn a_host_name_that_is_not_found_is_a_connection_error_with_a_hint_for_every_driver() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    let uris = [
        ("esx", "esx://host.invalid/?no_verify=1"),
        ("vpx", "vpx://vc.invalid/dc/cluster/host?no_verify=1"),
        ("gsx", "gsx://host.invalid/"),
        ("hyperv", "hyperv://host.invalid/"),
        ("tcp", "qemu+tcp://host.invalid/system"),
        ("tls", "qemu+tls://host.invalid/system"),
        ("xen", "xen+tcp://host.invalid/"),
        ("libssh2", "qemu+libssh2://u@host.invalid/system"),
    ];
    let outcome = gather("inventory", &uris.map(|(id, uri)| endpoint(id, uri)));
    let failures = failures_of_drivers(&outcome, &uris.map(|(id, _)| id));
    assert!(failures.iter().any(|(id, _)| id == "tcp"), "{failures:?}");
    for (id, failure) in failures {
        assert_eq!(failure.kind, "connection", "{id}: {failure}");
        let hint = failure.hint.as_deref().unwrap_or_default();
        assert!(hint.contains("host name"), "{id}: {failure}");
    }
}

#[test]
fn an_esx_host_that_refuses_or_has_another_protocol_or_certificate_has_its_own_error() {
    if libvirt_is_missing() {
        skip!("{NOT_INSTALLED}");
    }
    let authority = Authority::new("authority");
    let untrusted =
        ScriptedServer::https(&authority.identity(&["127.0.0.1"]), |_| Action::answer(404, ""));
    let plain = ScriptedServer::http(|_| Action::answer(404, ""));
    let esx = |id: &str, port: u16, query: &str| {
        let mut endpoint = endpoint(id, &format!("esx://127.0.0.1:{port}/{query}"));
        endpoint["sasl_username"] = json!("root");
        endpoint["sasl_password"] = json!("hunter2");
        endpoint
    };
    let outcome = gather(
        "inventory",
        &[
            esx("refuses", closed_port().port(), ""),
            esx("untrusted", untrusted.address().port(), ""),
            esx("plain", plain.address().port(), ""),
            esx("another", untrusted.address().port(), "?no_verify=1"),
        ],
    );
    let kinds = [
        ("refuses", "connection"),
        ("untrusted", "tls"),
        ("plain", "tls"),
        ("another", "configuration"),
    ];
    let failures = failures_of_drivers(&outcome, &kinds.map(|(id, _)| id));
    for (id, failure) in failures {
        let kind = kinds.iter().find(|(known, _)| *known == id).expect("an id").1;
        assert_eq!(failure.kind, kind, "{id}: {failure}");
        assert!(failure.hint.is_some(), "{id}: {failure}");
    }
    assert!(!outcome.describe().contains("hunter2"), "the password was shown");
}

#[test]
fn an_endpoint_without_a_uri_names_the_parameter() {
    let outcome = gather("inventory", &[json!({"id": "kvm", "module": "Libvirt", "uri": ""})]);
    let failure = outcome.failure("kvm");
    assert_eq!(failure.kind, "configuration", "{failure}");
    assert!(failure.message.contains("uri"), "{failure}");
}

#[test]
fn the_module_list_has_the_original_parameters_in_their_order() {
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
