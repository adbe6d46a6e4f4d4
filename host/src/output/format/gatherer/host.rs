//! Converts one host to the Manager's types, with defaults for unknown values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gatherer_plugin_api::model::{Guest, GuestState, Host};
use serde::Serialize;
use serde_json::Number;

use super::identity::{Placeholders, fallback};
use super::text::{cut, storable};

/// The type of a host whose hypervisor type is unknown: the Manager's most general one.
const UNKNOWN_TYPE: &str = "fully_virtualized";
/// The Manager matches Kubernetes nodes with subscriptions by sockets. If a node does not report its sockets, the number
/// of cores is used.
const KUBERNETES: &str = "kubernetes";
/// The optional data with the state of a guest.
const VM_STATE: &str = "vmState";
/// The text for unknown values.
const UNKNOWN: &str = "(unknown)";

/// Frequencies must be lower than this, because the Manager stores the rounded number as a text of at most 16 characters.
const FREQUENCY_LIMIT_MHZ: f64 = 1e15;

/// The CPU architectures for which the Manager's database has both a processor and a server type. The Manager cannot store
/// a host with another architecture; those are printed as `cloud`.
const ARCHITECTURES: [&str; 17] = [
    "aarch64",
    "armv5tejl",
    "armv6hl",
    "armv6l",
    "armv7l",
    "cloud",
    "i386",
    "i486",
    "i586",
    "i686",
    "ia64",
    "ppc",
    "ppc64",
    "ppc64le",
    "s390",
    "s390x",
    "x86_64",
];

/// A host in the Manager's format. The members are sorted.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagerHost {
    cpu_arch: &'static str,
    cpu_description: String,
    cpu_mhz: Number,
    cpu_vendor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_host_identifier: Option<String>,
    /// Assigned after all hosts of the endpoint are known.
    pub host_identifier: String,
    name: String,
    /// Assigned with `vms`.
    pub optional_vm_data: BTreeMap<String, BTreeMap<String, String>>,
    os: String,
    os_version: String,
    ram_mb: i32,
    total_cpu_cores: i32,
    total_cpu_sockets: i32,
    total_cpu_threads: i32,
    #[serde(rename = "type")]
    kind: String,
    /// The guests' ids by name.
    pub vms: BTreeMap<String, String>,
}

impl ManagerHost {
    /// Converts a host without identity and guests. `note` is called for each value that was changed.
    pub fn new(host: &Host, placeholders: &Placeholders, note: &mut dyn FnMut(String)) -> Self {
        let cpu = &host.cpu;
        let kind = match &host.hypervisor {
            Some(hypervisor) if !hypervisor.kind.is_empty() => storable(&hypervisor.kind),
            _ => UNKNOWN_TYPE.to_owned(),
        };
        // If the host does not represent a machine, unknown counts are 0.
        let least = u32::from(!host.synthetic);
        let cores = cpu.cores.or_else(|| {
            let millicores = cpu.millicores?;
            Some(u32::try_from(millicores.div_ceil(1000)).unwrap_or(u32::MAX).max(1))
        });
        let cores = cores.unwrap_or(least);
        let sockets = cpu.sockets.unwrap_or(if kind == KUBERNETES { cores } else { 0 });
        let (os, os_version) = system(host);
        Self {
            cpu_arch: architecture(host, note),
            cpu_description: column(
                cpu.model.as_deref().unwrap_or(UNKNOWN),
                64,
                "cpuDescription",
                note,
            ),
            cpu_mhz: frequency(host, note),
            cpu_vendor: column(cpu.vendor.as_deref().unwrap_or(UNKNOWN), 32, "cpuVendor", note),
            fallback_host_identifier: fallback(host, kind == KUBERNETES, placeholders),
            host_identifier: String::new(),
            name: column(super::display_name(host), super::text::NAME, "name", note),
            optional_vm_data: BTreeMap::new(),
            os: column(os, 64, "os", note),
            os_version: column(os_version, 64, "osVersion", note),
            ram_mb: saturated(host.memory_bytes.unwrap_or(0) / (1024 * 1024)),
            total_cpu_cores: saturated(cores),
            total_cpu_sockets: saturated(sockets),
            total_cpu_threads: saturated(cpu.threads.unwrap_or(least)),
            kind,
            vms: BTreeMap::new(),
        }
    }

    /// The host without data that often change: memory and guests.
    pub fn without_changing_data(&self) -> Self {
        Self { ram_mb: 0, vms: BTreeMap::new(), optional_vm_data: BTreeMap::new(), ..self.clone() }
    }

    /// Sets the name of a host that has none.
    pub fn set_name(&mut self, name: &str) {
        if self.name.is_empty() {
            cut(name, super::text::NAME).clone_into(&mut self.name);
        }
    }
}

/// The optional data of a guest: its attributes, and the Manager's label for its state. If it has no state, an attribute
/// with the state in the source's words is translated.
pub fn optional_data(guest: &Guest) -> BTreeMap<String, String> {
    let mut data: BTreeMap<String, String> =
        guest.attributes.iter().map(|(name, value)| (storable(name), storable(value))).collect();
    let word = data.remove(VM_STATE);
    let state = guest.state.or_else(|| GuestState::from_word(&word?));
    if let Some(state) = state {
        data.insert(VM_STATE.to_owned(), state.manager_label().to_owned());
    }
    data
}

/// Name and version of the operating system, or else of the software that manages the host. If the version of the system is
/// unknown, it is "1", which the classic program always printed for Kubernetes nodes.
fn system(host: &Host) -> (&str, &str) {
    let os_name = host.os.as_ref().and_then(|os| os.name.as_deref());
    let os_version = host.os.as_ref().and_then(|os| os.version.as_deref());
    match (os_name, &host.software) {
        (Some(name), _) => (name, os_version.unwrap_or("1")),
        (None, Some(software)) => (&software.name, software.version.as_deref().unwrap_or("")),
        (None, None) => ("", os_version.unwrap_or("")),
    }
}

/// The Manager's name of the CPU architecture.
fn architecture(host: &Host, note: &mut dyn FnMut(String)) -> &'static str {
    let Some(own) = host.cpu.architecture.as_deref() else {
        if !host.synthetic {
            note("CPU architecture unknown, printed as cloud".to_owned());
        }
        return "cloud";
    };
    let lower = own.to_ascii_lowercase();
    let uname = match lower.as_str() {
        "amd64" | "x86-64" | "x64" | "x86_64_mac" => "x86_64",
        "arm64" | "arm64_mac" => "aarch64",
        "386" => "i386",
        "armv7" => "armv7l",
        "ppc64el" => "ppc64le",
        other => other,
    };
    ARCHITECTURES.into_iter().find(|known| *known == uname).unwrap_or_else(|| {
        note(format!(
            "the Manager does not know its CPU architecture {:?}; printed as cloud",
            cut(own, 64)
        ));
        "cloud"
    })
}

/// The CPU frequency, unless it is out of range.
fn frequency(host: &Host, note: &mut dyn FnMut(String)) -> Number {
    let Some(own) = &host.cpu.frequency_mhz else { return Number::from(0) };
    if own.as_f64().is_some_and(|mhz| (0.0..FREQUENCY_LIMIT_MHZ).contains(&mhz)) {
        return own.clone();
    }
    note("its CPU frequency is not valid; printed as 0".to_owned());
    Number::from(0)
}

/// A text that fits into a column of the Manager's database.
fn column(text: &str, limit: usize, member: &str, note: &mut dyn FnMut(String)) -> String {
    let storable = if text.contains('\0') { Cow::from(storable(text)) } else { text.into() };
    if matches!(storable, Cow::Owned(_)) {
        note(format!("{member} has U+0000, which cannot be stored; printed as U+FFFD"));
    }
    let fitting = cut(&storable, limit);
    if fitting.len() < storable.len() {
        note(format!("{member} is cut to {limit} characters"));
    }
    fitting.to_owned()
}

/// A count as a 32-bit integer; a larger one becomes the largest.
fn saturated(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
