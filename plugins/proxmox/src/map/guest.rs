//! From a guest of the list and its configuration to a guest of the model.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{Disk, Guest, GuestState, Interface, Location, Version};
use gatherer_plugin_support::uuid;

use super::guest_list::{GuestKind, ListedGuest};
use super::property;
use super::replies::Config;
use super::values;

const MIB: u64 = 1024 * 1024;

/// The prefixes of disks in a configuration. EFI variables and the state of a TPM are not disks of the guest.
const DISK_PREFIXES: [&str; 5] = ["ide", "mp", "sata", "scsi", "virtio"];

/// What the guests of one endpoint have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The cluster, for the location.
    pub cluster: Option<String>,
    /// The first part of ids of guests without a UUID: the name of the cluster, or of the first node.
    pub name: String,
}

/// A guest. Without its configuration, its UUID is not known.
pub fn guest(listed: &ListedGuest, config: Option<&Config>, scope: &Scope) -> Guest {
    let setting = |name: &str| config.and_then(|config| values::text(config.get(name)?));
    let vmid = listed.vmid;
    let own_id = format!("{}/{vmid}", scope.name);
    let mut guest = Guest::new(own_id.clone(), name(listed, &setting));

    let other = &mut guest.identifiers.other;
    other.insert("vmid".to_owned(), vmid.to_string());
    other.insert("proxmoxId".to_owned(), own_id.clone());
    let generation = setting("vmgenid").and_then(|text| uuid::canonical(&text));
    if let Some(generation) = &generation {
        other.insert("vmgenid".to_owned(), generation.clone());
    }
    let smbios1 = setting("smbios1");
    let smbios = smbios1.as_deref().and_then(property::smbios_uuid);
    let smbios = smbios.and_then(|(_, text)| uuid::canonical_or_raw(text, "rawUuid", other));
    guest.identifiers.uuid.clone_from(&smbios);
    guest.uuid.clone_from(&smbios);
    guest.id = smbios.or(generation).or(Some(own_id));

    guest.state = state(listed);
    guest.source_state.clone_from(&listed.status);
    guest.template = listed.template
        || config.and_then(|config| config.get("template")).is_some_and(values::flag);
    guest.cpus = listed.cpus.or_else(|| cpus(listed.kind, config?));
    guest.memory_bytes = listed
        .memory_bytes
        .or_else(|| property::memory_mib(&setting("memory")?).and_then(|mib| mib.checked_mul(MIB)));
    guest.location = Location {
        cluster: scope.cluster.clone(),
        folder: listed.pool.clone(),
        ..Location::default()
    };
    guest.labels = labels(listed.tags.clone().or_else(|| setting("tags")).as_deref());
    guest.os = setting("ostype").map(|name| Version { name: Some(name), version: None });
    if let Some(config) = config {
        guest.interfaces = interfaces(config);
        guest.disks = disks(config);
    }
    guest.attributes = attributes(listed);
    guest
}

/// The name of the list, else of the configuration, else the one that Proxmox VE shows for a guest without a name.
fn name(listed: &ListedGuest, setting: &impl Fn(&str) -> Option<String>) -> String {
    let (member, default) = match listed.kind {
        GuestKind::Qemu => ("name", format!("VM {}", listed.vmid)),
        GuestKind::Lxc => ("hostname", format!("CT{}", listed.vmid)),
    };
    listed.name.clone().or_else(|| setting(member)).unwrap_or(default)
}

fn state(listed: &ListedGuest) -> Option<GuestState> {
    let state = listed.status.as_deref().and_then(GuestState::from_word);
    match (state, listed.lock.as_deref()) {
        // Suspended to disk.
        (Some(GuestState::Stopped), Some("suspended")) => Some(GuestState::Suspended),
        (Some(GuestState::Running), Some("suspending")) => Some(GuestState::Suspending),
        (Some(GuestState::Running), Some("migrate")) => Some(GuestState::Migrating),
        (None, _) => Some(GuestState::Unknown),
        _ => state,
    }
}

/// The number of CPUs of a configuration. A container without a number may use all of its node.
fn cpus(kind: GuestKind, config: &Config) -> Option<u32> {
    let count = |name: &str| config.get(name).and_then(values::count);
    let or_default = |name: &str| config.get(name).map_or(Some(1), values::count);
    match kind {
        GuestKind::Lxc => count("cores"),
        GuestKind::Qemu => {
            count("vcpus").or_else(|| or_default("sockets")?.checked_mul(or_default("cores")?))
        }
    }
}

/// Tags have no values.
fn labels(tags: Option<&str>) -> BTreeMap<String, String> {
    let tags = tags.unwrap_or_default().split([';', ',', ' ']);
    tags.filter(|tag| !tag.is_empty()).map(|tag| (tag.to_owned(), String::new())).collect()
}

/// The interfaces `net0`, `net1` and so on, in the order of their numbers.
fn interfaces(config: &Config) -> Vec<Interface> {
    let mut found = Vec::new();
    for (name, value) in config {
        let (Some(number), Some(text)) = (property::numbered(name, "net"), values::text(value))
        else {
            continue;
        };
        let interface = Interface {
            mac: property::mac(&text),
            addresses: property::static_addresses(&text),
            network: property::property(&text, "bridge").map(str::to_owned),
        };
        found.push((number, interface));
    }
    found.sort_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, interface)| interface).collect()
}

/// The disks, without CD drives, ordered by their bus and number. A container's first disk is `rootfs`.
fn disks(config: &Config) -> Vec<Disk> {
    let mut found = Vec::new();
    for (name, value) in config {
        let number = |prefix: &&'static str| Some((*prefix, property::numbered(name, prefix)?));
        let order =
            if name == "rootfs" { Some(("", 0)) } else { DISK_PREFIXES.iter().find_map(number) };
        let Some(order) = order else { continue };
        let Some(text) = values::text(value) else { continue };
        if property::property(&text, "media") == Some("cdrom") {
            continue;
        }
        let capacity_bytes = property::property(&text, "size").and_then(property::size_bytes);
        found.push((order, Disk { name: Some(name.clone()), capacity_bytes }));
    }
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, disk)| disk).collect()
}

/// The optional data of the format that a Manager reads. The names are those of older programs.
fn attributes(listed: &ListedGuest) -> BTreeMap<String, String> {
    let mib = |bytes: Option<u64>| bytes.map(|bytes| (bytes / MIB).to_string());
    let all = [
        ("proxmoxVmid", Some(listed.vmid.to_string())),
        ("proxmoxType", Some(listed.kind.word().to_owned())),
        ("uptime", listed.uptime_seconds.map(|seconds| seconds.to_string())),
        ("totalCpuThreads", listed.cpus.map(|cpus| cpus.to_string())),
        ("memory", mib(listed.memory_bytes)),
        ("disk", mib(listed.disk_bytes)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
