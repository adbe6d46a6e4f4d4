//! What the versions of the API report alike: processors, hypervisors, states, and the parts of a VM.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{
    Address, Cpu, Disk, Guest, GuestState, Host, Hypervisor, Identifiers, Interface, Version,
};
use gatherer_plugin_support::uuid::canonical_or_raw;
use serde_json::Number;

/// The type of a host with AHV, in the Manager's word.
pub const AHV: &str = "nutanix";
/// The operating system of a host with AHV.
pub const AHV_NAME: &str = "Nutanix AHV";

/// A hypervisor, in the words of Prism.
pub struct PrismHypervisor<'a> {
    /// The type: `AHV`, `ESX`, `kKvm`, `kVMware`.
    pub kind: Option<&'a str>,
    /// The name with the version: `Nutanix 20220304.480`, `AHV 10.0.1`.
    pub full_name: Option<&'a str>,
}

impl PrismHypervisor<'_> {
    /// Whether it is ESXi.
    pub fn is_esxi(&self) -> bool {
        let is_esxi = |text: &str| text.to_ascii_lowercase().contains("vmware") || text == "ESX";
        self.kind.or(self.full_name).is_some_and(is_esxi)
    }

    /// The hypervisor and the operating system in the model. A Manager shows the full name as the version of the system.
    pub fn describe(&self, host: &mut Host) {
        let (kind, name) = match self.kind {
            _ if self.is_esxi() => ("vmware", "VMware ESXi"),
            Some("HYPERV" | "kHyperv") => ("hyperv", "Microsoft Hyper-V"),
            Some("XEN" | "kXen") => ("xen", "Xen"),
            _ => (AHV, AHV_NAME),
        };
        let full_name = self.full_name.map(str::trim).filter(|name| !name.is_empty());
        let mut words = full_name.unwrap_or_default().split_whitespace();
        let version = words.rfind(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        host.hypervisor =
            Some(Hypervisor { kind: kind.to_owned(), version: version.map(str::to_owned) });
        host.os =
            Some(Version { name: Some(name.to_owned()), version: full_name.map(str::to_owned) });
    }
}

/// Sets what follows from the model of the processor: its vendor, and its architecture, if the cluster does not report it.
pub fn set_cpu_model(cpu: &mut Cpu, model: Option<String>, architecture: Option<&str>) {
    let model = model.filter(|model| !model.trim().is_empty());
    let lower = model.as_deref().unwrap_or_default().to_ascii_lowercase();
    let (vendor, from_model) = if lower.starts_with("intel") {
        (Some("Intel"), Some("x86_64"))
    } else if lower.starts_with("amd") {
        (Some("AMD"), Some("x86_64"))
    } else if lower.starts_with("power") {
        (Some("IBM"), Some("ppc64le"))
    } else {
        (None, None)
    };
    cpu.vendor = vendor.map(str::to_owned);
    cpu.model = model;
    cpu.architecture = architecture.or(from_model).map(str::to_owned);
}

/// The architecture of a cluster as `uname -m` prints it: `X86_64`, `PPC64LE`.
pub fn architecture(word: Option<&str>) -> Option<String> {
    let word = word?.to_ascii_lowercase();
    (word == "x86_64" || word == "ppc64le").then_some(word)
}

/// A frequency in MHz, from Hz. 0 is unknown.
pub fn megahertz(hertz: Option<u64>) -> Option<Number> {
    let hertz = hertz.filter(|hertz| *hertz > 0)?;
    Some(Number::from(hertz / 1_000_000))
}

/// Bytes from mebibytes. 0 is unknown.
pub fn mebibytes(count: Option<u64>) -> Option<u64> {
    count.filter(|count| *count > 0)?.checked_mul(1024 * 1024)
}

/// A count; 0 is unknown.
pub fn positive<T: Default + PartialEq>(count: Option<T>) -> Option<T> {
    count.filter(|count| *count != T::default())
}

/// The number of virtual CPUs: sockets times cores, as Prism shows it. It does not count threads of a core.
pub fn virtual_cpus(sockets: Option<u32>, cores_per_socket: Option<u32>) -> Option<u32> {
    positive(sockets)?.checked_mul(positive(cores_per_socket).unwrap_or(1))
}

/// A guest with this id and name, its state in the source's word, and whether it belongs to the platform.
pub fn guest(id: &str, name: Option<String>, state: Option<String>, is_agent: bool) -> Guest {
    let mut identifiers = Identifiers::default();
    let uuid = canonical_or_raw(id, "rawUuid", &mut identifiers.other);
    let id = uuid.clone().unwrap_or_else(|| id.to_owned());
    let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
    let agent = is_agent || is_controller_vm(&name);
    Guest {
        uuid,
        identifiers,
        state: state.as_deref().and_then(GuestState::from_word),
        source_state: state,
        agent,
        ..Guest::new(id, name)
    }
}

/// Whether this is the name that Foundation gives to controller VMs: `NTNX-15SM60210038-A-CVM`. No version of the API marks
/// them in another way.
fn is_controller_vm(name: &str) -> bool {
    name.starts_with("NTNX-") && name.ends_with("-CVM")
}

/// Sets the interfaces of a guest, and the addresses of all of them.
pub fn set_interfaces(guest: &mut Guest, interfaces: Vec<Interface>) {
    for interface in &interfaces {
        for address in &interface.addresses {
            guest.addresses.push(Address { kind: None, address: address.clone() });
        }
    }
    guest.interfaces = interfaces;
}

/// An interface, with the hardware address in lower case.
pub fn interface(
    mac: Option<String>,
    addresses: impl IntoIterator<Item = String>,
    network: Option<String>,
) -> Interface {
    let mut unique = Vec::new();
    for address in addresses {
        if !address.is_empty() && !unique.contains(&address) {
            unique.push(address);
        }
    }
    Interface { mac: mac.map(|mac| mac.to_ascii_lowercase()), addresses: unique, network }
}

/// A disk, with its place as the name: `scsi.0`.
pub fn disk(bus: Option<&str>, index: Option<u64>, capacity_bytes: Option<u64>) -> Disk {
    let name = bus.zip(index).map(|(bus, index)| format!("{}.{index}", bus.to_ascii_lowercase()));
    Disk { name, capacity_bytes: positive(capacity_bytes) }
}

/// The operating system, as the guest tools report it: `linux:64:CentOS Linux-7.3`.
pub fn guest_os(reported: Option<String>) -> Option<Version> {
    let reported = reported.filter(|reported| !reported.trim().is_empty())?;
    let name = reported.splitn(3, ':').nth(2).filter(|name| !name.is_empty());
    let name = name.map(str::to_owned).unwrap_or(reported);
    Some(Version { name: Some(name), version: None })
}

/// A host with this UUID. A Manager knows it by its name, as the classic program printed it.
pub fn host(uuid: &str, name: Option<String>, serial: Option<String>) -> Host {
    let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| uuid.to_owned());
    let mut other = BTreeMap::new();
    let canonical = canonical_or_raw(uuid, "rawUuid", &mut other);
    if let Some(serial) = serial.filter(|serial| !serial.is_empty()) {
        other.insert("serialNumber".to_owned(), serial);
    }
    let identifiers = Identifiers { uuid: canonical, other, ..Identifiers::default() };
    Host { identifiers, ..Host::new(name.clone(), name) }
}

/// The address of a host.
pub fn addresses(address: Option<String>) -> Vec<Address> {
    let address = address.filter(|address| !address.is_empty());
    address.into_iter().map(|address| Address { kind: None, address }).collect()
}
