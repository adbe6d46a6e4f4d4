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
        shard: None,
        links: Vec::new(),
    }
}

pub fn render(hosts: Vec<Host>) -> Rendered {
    super::render(&inventory(vec![endpoint("e", EndpointStatus::Complete, hosts)]))
}

/// The hosts of endpoint `e`, and the notes as `object: message`.
pub fn printed(hosts: Vec<Host>) -> (Value, Vec<String>) {
    let Rendered { text, notes } = render(hosts);
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    let notes = notes
        .into_iter()
        .map(|note| format!("{}: {}", note.warning.object, note.warning.message))
        .collect();
    (value["e"].take(), notes)
}

pub fn kvm1() -> Host {
    let mut host = Host::new("h1", "kvm1");
    host.cpu.architecture = Some("x86_64".into());
    host
}

pub fn one(host: Host) -> (Value, Vec<String>) {
    let (mut hosts, notes) = printed(vec![host]);
    (hosts["kvm1"].take(), notes)
}

pub fn keys(value: &Value) -> Vec<&str> {
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
