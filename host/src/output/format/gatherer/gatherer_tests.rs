//! Tests of the rules of the Manager's format.

use gatherer_plugin_api::model::{
    EndpointResult, EndpointStatus, Guest, GuestState, Host, Hypervisor, Inventory, SCHEMA_VERSION,
    Software, Version,
};
use serde_json::{Number, Value, json};

use super::super::Rendered;

pub fn endpoint(id: &str, status: EndpointStatus, hosts: Vec<Host>) -> EndpointResult {
    EndpointResult { status, hosts, ..EndpointResult::new(id.into(), None, None) }
}

pub fn inventory(endpoints: Vec<EndpointResult>) -> Inventory {
    Inventory {
        schema_version: SCHEMA_VERSION.into(),
        generator: Software { name: "virtual-host-gatherer".into(), version: None },
        run: None,
        endpoints,
    }
}

pub fn render(hosts: Vec<Host>) -> Rendered {
    super::render(&inventory(vec![endpoint("e", EndpointStatus::Complete, hosts)]))
}

/// The hosts of endpoint `e`, and the notes as `object: message`.
fn printed(hosts: Vec<Host>) -> (Value, Vec<String>) {
    let Rendered { text, notes } = render(hosts);
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    let notes = notes
        .into_iter()
        .map(|note| format!("{}: {}", note.warning.object, note.warning.message))
        .collect();
    (value["e"].take(), notes)
}

fn kvm1() -> Host {
    let mut host = Host::new("h1", "kvm1");
    host.cpu.architecture = Some("x86_64".into());
    host
}

fn one(host: Host) -> (Value, Vec<String>) {
    let (mut hosts, notes) = printed(vec![host]);
    (hosts["kvm1"].take(), notes)
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

const EXPECTED: &str = r#"{
    "a": {
        "kvm1": {
            "cpuArch": "x86_64",
            "cpuDescription": "Skylake \u00fc",
            "cpuMhz": 2400.0,
            "cpuVendor": "Intel",
            "fallbackHostIdentifier": "'vim.HostSystem:host-182'",
            "hostIdentifier": "h1",
            "name": "kvm1",
            "optionalVmData": {
                "web": {
                    "vmState": "shutting_down",
                    "vmware_uuid": "X"
                }
            },
            "os": "libvirt",
            "osVersion": "9.0",
            "ramMb": 65536,
            "totalCpuCores": 16,
            "totalCpuSockets": 2,
            "totalCpuThreads": 32,
            "type": "qemu",
            "vms": {
                "db": "0000-2",
                "web": "0000-1"
            }
        }
    },
    "b": {},
    "z": null
}
"#;

#[test]
fn prints_a_host_with_all_members() {
    let mut host = kvm1();
    host.hypervisor = Some(Hypervisor { kind: "qemu".into(), version: Some("7.2".into()) });
    host.software = Some(Software { name: "libvirt".into(), version: Some("9.0".into()) });
    host.identifiers.previous = Some("'vim.HostSystem:host-182'".into());
    host.cpu.vendor = Some("Intel".into());
    host.cpu.model = Some("Skylake ü".into());
    host.cpu.frequency_mhz = Number::from_f64(2400.0);
    (host.cpu.sockets, host.cpu.cores, host.cpu.threads) = (Some(2), Some(16), Some(32));
    host.memory_bytes = Some((64 << 30) + 1);
    let mut web = Guest::new("0000-1", "web");
    web.state = Some(GuestState::ShuttingDown);
    web.attributes.insert("vmware_uuid".into(), "X".into());
    host.guests = vec![web, Guest::new("0000-2", "db")];
    let rendered = super::render(&inventory(vec![
        endpoint("z", EndpointStatus::Failed, Vec::new()),
        endpoint("b", EndpointStatus::Complete, Vec::new()),
        endpoint("a", EndpointStatus::Complete, vec![host]),
    ]));
    assert_eq!(rendered.notes, []);
    assert_eq!(rendered.text, EXPECTED);
}

#[test]
fn prints_an_empty_object_without_endpoints() {
    assert_eq!(super::render(&inventory(Vec::new())).text, "{}\n");
}

#[test]
fn prints_every_member_of_a_host_without_data() {
    let (host, notes) = one(kvm1());
    assert_eq!(
        host,
        json!({
            "cpuArch": "x86_64", "cpuDescription": "(unknown)", "cpuMhz": 0,
            "cpuVendor": "(unknown)", "hostIdentifier": "h1", "name": "kvm1",
            "optionalVmData": {}, "os": "", "osVersion": "", "ramMb": 0, "totalCpuCores": 1,
            "totalCpuSockets": 0, "totalCpuThreads": 1, "type": "fully_virtualized", "vms": {}
        })
    );
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn a_synthetic_host_has_zeros_and_the_architecture_cloud_without_a_note() {
    let mut host = Host::new("h1", "kvm1");
    host.synthetic = true;
    let (host, notes) = one(host);
    assert_eq!((&host["totalCpuCores"], &host["totalCpuThreads"]), (&json!(0), &json!(0)));
    assert_eq!(host["cpuArch"], "cloud");
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn a_kubernetes_node_has_sockets_and_cores_from_its_millicores() {
    for (millicores, cores) in [(3920, 4), (4000, 4), (1, 1), (0, 1), (u64::MAX, i32::MAX)] {
        let mut host = kvm1();
        host.hypervisor = Some(Hypervisor { kind: "kubernetes".into(), version: None });
        host.os = Some(Version { name: Some("SLES".into()), version: None });
        host.cpu.millicores = Some(millicores);
        let (host, _) = one(host);
        assert_eq!(host["totalCpuCores"], cores);
        assert_eq!(host["totalCpuSockets"], cores);
        assert_eq!(host["totalCpuThreads"], 1);
        assert_eq!((&host["os"], &host["osVersion"]), (&json!("SLES"), &json!("1")));
    }
}

#[test]
fn counts_are_limited_to_32_bits() {
    let mut host = kvm1();
    (host.cpu.sockets, host.cpu.cores) = (Some(u32::MAX), Some(u32::MAX));
    host.memory_bytes = Some(u64::MAX);
    let (host, _) = one(host);
    for member in ["totalCpuSockets", "totalCpuCores", "ramMb"] {
        assert_eq!(host[member], i32::MAX);
    }
}

#[test]
fn the_os_takes_precedence_over_the_managing_software() {
    let system = |os: Option<(Option<&str>, Option<&str>)>, software: Option<&str>| {
        let mut host = kvm1();
        host.os = os.map(|(name, version)| Version {
            name: name.map(Into::into),
            version: version.map(Into::into),
        });
        host.software = software.map(|name| Software { name: name.into(), version: None });
        let (host, _) = one(host);
        (host["os"].clone(), host["osVersion"].clone())
    };
    let pair = |os: &str, version: &str| (json!(os), json!(version));
    assert_eq!(system(Some((Some("ESXi"), Some("7"))), Some("x")), pair("ESXi", "7"));
    assert_eq!(system(Some((Some("ESXi"), Some(""))), None), pair("ESXi", ""));
    assert_eq!(system(Some((Some("ESXi"), None)), None), pair("ESXi", "1"));
    assert_eq!(system(None, Some("libvirt")), pair("libvirt", ""));
    assert_eq!(system(Some((None, Some("9"))), None), pair("", "9"));
}

#[test]
fn converts_architectures_and_prints_unknown_ones_as_cloud_with_a_note() {
    for (own, printed, noted) in [
        ("amd64", "x86_64", false),
        ("arm64", "aarch64", false),
        ("s390x", "s390x", false),
        ("cloud", "cloud", false),
        ("riscv64", "cloud", true),
        ("sun4u", "cloud", true),
        ("", "cloud", true),
    ] {
        let mut host = kvm1();
        host.cpu.architecture = Some(own.into());
        let (host, notes) = one(host);
        assert_eq!(host["cpuArch"], printed, "{own}");
        assert_eq!(!notes.is_empty(), noted, "{own}: {notes:?}");
    }
    let mut host = kvm1();
    host.cpu.architecture = None;
    assert_eq!(one(host).1, ["kvm1: CPU architecture unknown, printed as cloud"]);
}

#[test]
fn prints_a_frequency_unchanged_unless_it_is_out_of_range() {
    for (own, printed, noted) in [
        (json!(2400), "2400", false),
        (json!(2400.0), "2400.0", false),
        (json!(1e15), "0", true),
        (json!(u64::MAX), "0", true),
    ] {
        let mut host = kvm1();
        host.cpu.frequency_mhz = own.as_number().cloned();
        let Rendered { text, notes } = render(vec![host]);
        assert!(text.contains(&format!("\"cpuMhz\": {printed},")), "{text}");
        assert_eq!(!notes.is_empty(), noted);
    }
}

#[test]
fn cuts_texts_to_their_columns_with_a_note() {
    let mut host = kvm1();
    host.short_name = Some("kvm1".into());
    host.name = "😀".repeat(65);
    host.os = Some(Version { name: Some("o".repeat(65)), version: Some("v".repeat(65)) });
    host.cpu.vendor = Some("v".repeat(33));
    host.cpu.model = Some("m".repeat(65));
    let (host, notes) = one(host);
    assert_eq!(host["name"], "😀".repeat(64));
    assert_eq!(host["os"], "o".repeat(64));
    assert_eq!(host["osVersion"], "v".repeat(64));
    assert_eq!(host["cpuVendor"], "v".repeat(32));
    assert_eq!(host["cpuDescription"], "m".repeat(64));
    assert_eq!(notes.len(), 5, "{notes:?}");
}

#[test]
fn replaces_a_nul() {
    let mut host = kvm1();
    host.guests = vec![Guest::new("1\0", "web\0")];
    let text = render(vec![host]).text;
    assert!(!text.contains("\\u0000") && text.contains("\"web\\ufffd\": \"1\\ufffd\""), "{text}");
}

#[test]
fn hosts_with_the_same_name_get_their_id_in_the_key_and_keep_the_name() {
    let (hosts, notes) = printed(vec![Host::new("1", "esx"), Host::new("2", "esx"), kvm1()]);
    assert_eq!(keys(&hosts), ["esx (1)", "esx (2)", "kvm1"]);
    assert_eq!(hosts["esx (1)"]["name"], "esx");
    assert_eq!(notes.iter().filter(|note| note.contains("has this name")).count(), 2);
}

#[test]
fn uses_the_short_name_as_key() {
    let mut host = kvm1();
    host.short_name = Some("kvm".into());
    let (hosts, _) = printed(vec![host]);
    assert_eq!(hosts["kvm"]["name"], "kvm1");
}

#[test]
fn hosts_with_the_same_id_get_their_next_identifier_and_a_note() {
    let mut one = Host::new("m", "a");
    one.identifiers.system_uuid = Some("s1".into());
    let mut two = Host::new("m", "b");
    two.identifiers.system_uuid = Some("s2".into());
    let (hosts, notes) = printed(vec![one, two]);
    assert_eq!(hosts["a"]["hostIdentifier"], "m-s1");
    assert_eq!(hosts["b"]["hostIdentifier"], "m-s2");
    assert_eq!(notes.iter().filter(|note| note.contains("has this id")).count(), 2);
}

#[test]
fn replaces_empty_names_by_ids() {
    let mut host = Host::new("h", "");
    host.guests = vec![Guest::new("1", ""), Guest::new("2", "")];
    let (hosts, notes) = printed(vec![host, Host::new("", "")]);
    assert_eq!(keys(&hosts), ["h", "unknown"]);
    assert_eq!(hosts["h"]["name"], "h");
    assert_eq!(keys(&hosts["h"]["vms"]), ["1", "2"]);
    assert_eq!(notes.iter().filter(|note| note.contains("has no name")).count(), 4, "{notes:?}");
}

#[test]
fn guests_with_the_same_name_get_their_id_in_both_maps() {
    let mut host = kvm1();
    let mut one = Guest::new("1", "web");
    one.state = Some(GuestState::Running);
    let mut two = Guest::new("2", "web");
    two.state = Some(GuestState::Stopped);
    host.guests = vec![one, two];
    let (host, notes) = self::one(host);
    assert_eq!(host["vms"], json!({"web (1)": "1", "web (2)": "2"}));
    assert_eq!(host["optionalVmData"]["web (2)"]["vmState"], "stopped");
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn prints_a_guest_only_if_it_has_an_id_or_uuid() {
    let mut host = kvm1();
    let named = |name: &str| Guest { name: name.into(), ..Guest::default() };
    let mut uuid = named("b");
    uuid.uuid = Some("u".into());
    host.guests = vec![Guest::new("1", "a"), uuid, named("c"), Guest::new("i".repeat(129), "d")];
    let (host, notes) = one(host);
    assert_eq!(host["vms"], json!({"a": "1", "b": "u"}));
    assert_eq!(
        notes,
        [
            "kvm1: its guest \"c\" has no id; not printed",
            "kvm1: its guest \"d\" has no id that a Manager can store; not printed"
        ]
    );
}

#[test]
fn prints_only_labels_of_the_manager_as_the_state_of_a_guest() {
    let labels = [
        "unknown",
        "running",
        "stopped",
        "crashed",
        "paused",
        "powering_on",
        "shutting_down",
        "powering_off",
        "pausing",
        "suspending",
        "suspended",
        "resuming",
        "resetting",
        "migrating",
    ];
    for state in GuestState::ALL {
        let mut host = kvm1();
        let mut guest = Guest::new("1", "web");
        guest.state = Some(state);
        host.guests = vec![guest.clone()];
        let (printed, _) = one(host.clone());
        let label =
            printed["optionalVmData"]["web"]["vmState"].as_str().expect("a text").to_owned();
        assert!(labels.contains(&label.as_str()), "{label}");

        guest.attributes.insert("vmState".into(), "in shutdown".into());
        host.guests = vec![guest.clone()];
        assert_eq!(one(host.clone()).0["optionalVmData"]["web"]["vmState"], *label);

        // Without a state, the word in the attribute is translated.
        for (word, label) in [
            ("in shutdown", json!("shutting_down")),
            ("POWEROFF", json!("stopped")),
            ("dancing", json!("unknown")),
            (" ", Value::Null),
        ] {
            guest.state = None;
            guest.attributes.insert("vmState".into(), word.into());
            host.guests = vec![guest.clone()];
            let (printed, _) = one(host.clone());
            assert_eq!(printed["optionalVmData"]["web"]["vmState"], label, "{word}");
        }
    }
}

/// The `fallbackHostIdentifier` of each host in its order, over all endpoints.
fn fallbacks(endpoints: Vec<Vec<Host>>) -> Vec<Option<String>> {
    let endpoints = endpoints.into_iter().enumerate();
    let endpoints =
        endpoints.map(|(n, hosts)| endpoint(&n.to_string(), EndpointStatus::Complete, hosts));
    let text = super::render(&inventory(endpoints.collect())).text;
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let endpoints = value.as_object().expect("endpoints").values();
    let hosts = endpoints.flat_map(|hosts| hosts.as_object().expect("hosts").values());
    hosts.map(|host| Some(host.get("fallbackHostIdentifier")?.as_str()?.to_owned())).collect()
}

#[test]
fn a_replaced_placeholder_that_no_other_host_has_is_the_fallback() {
    let host = |id: &str, name: &str| {
        let mut host = Host::new(id, name);
        host.identifiers.system_uuid = Some(format!("system-{name}"));
        host
    };
    let zeros = "00000000-0000-0000-0000-000000000000";
    let fs = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";
    let text = |text: &str| Some(text.to_owned());
    for junk in [zeros, fs, "Not Settable", "03000200-0400-0500-0006-000700080009"] {
        assert_eq!(fallbacks(vec![vec![host(junk, "a")]]), [text(junk)]);
    }
    assert_eq!(fallbacks(vec![vec![host(zeros, "a"), host(fs, "b")]]), [text(zeros), text(fs)]);
    // A usable id, no id, a blank one.
    assert_eq!(
        fallbacks(vec![vec![host("h", "a"), host("", "b"), host(" ", "c")]]),
        [None, None, None]
    );
    // The same placeholder in one endpoint, in two endpoints, in another notation, as an older identity.
    assert_eq!(fallbacks(vec![vec![host(zeros, "a"), host(zeros, "b")]]), [None, None]);
    assert_eq!(fallbacks(vec![vec![host(zeros, "a")], vec![host(zeros, "b")]]), [None, None]);
    let digits = zeros.replace('-', "");
    assert_eq!(fallbacks(vec![vec![host(zeros, "a")], vec![host(&digits, "b")]]), [None, None]);
    let mut older = host("h", "b");
    older.identifiers.previous = Some(zeros.into());
    assert_eq!(fallbacks(vec![vec![older.clone()]]), [text(zeros)]);
    assert_eq!(fallbacks(vec![vec![host(zeros, "a")], vec![older]]), [None, None]);

    let mut node = host(zeros, "a");
    node.hypervisor = Some(Hypervisor { kind: "kubernetes".into(), version: None });
    assert_eq!(fallbacks(vec![vec![node]]), [None]);
    let mut named = host(zeros, "a");
    named.identifiers.previous = Some("'vim.HostSystem:host-1'".into());
    assert_eq!(fallbacks(vec![vec![named]]), [text("'vim.HostSystem:host-1'")]);
}

#[test]
fn two_endpoints_with_the_same_id_are_printed_as_failed() {
    let twice = vec![
        endpoint("e", EndpointStatus::Complete, vec![kvm1()]),
        endpoint("e", EndpointStatus::Complete, Vec::new()),
    ];
    let rendered = super::render(&inventory(twice));
    assert_eq!(rendered.text, "{\n    \"e\": null\n}\n");
    assert_eq!(rendered.notes.len(), 1);
}
