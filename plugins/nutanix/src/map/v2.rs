//! API v2.0, of Prism Element: the replies, and their mapping to the model.

use gatherer_plugin_api::model::{Cpu, Host, HostState};
use serde::Deserialize;

use super::hardware::{self, PrismHypervisor};
use super::{FoundGuest, FoundHost};

/// A list. Its totals are in the metadata.
#[derive(Debug, Deserialize)]
pub struct ListV2<T> {
    /// The totals.
    pub metadata: Option<MetadataV2>,
    /// The items.
    pub entities: Option<Vec<T>>,
}

/// The totals of a list.
#[derive(Debug, Deserialize)]
pub struct MetadataV2 {
    /// The number of items.
    pub grand_total_entities: Option<usize>,
    /// The number of items that match the request.
    pub total_entities: Option<usize>,
}

impl MetadataV2 {
    /// The number of items in the whole list. If the two totals differ, the list is filtered, so the larger one counts.
    pub fn total(&self) -> Option<usize> {
        self.grand_total_entities.max(self.total_entities)
    }
}

/// A host.
#[derive(Debug, Deserialize)]
pub struct HostV2 {
    /// The UUID.
    pub uuid: String,
    name: Option<String>,
    serial: Option<String>,
    hypervisor_address: Option<String>,
    hypervisor_full_name: Option<String>,
    hypervisor_type: Option<String>,
    hypervisor_state: Option<String>,
    host_in_maintenance_mode: Option<bool>,
    cpu_model: Option<String>,
    num_cpu_sockets: Option<u32>,
    num_cpu_cores: Option<u32>,
    num_cpu_threads: Option<u32>,
    cpu_frequency_in_hz: Option<u64>,
    memory_capacity_in_bytes: Option<u64>,
    num_vms: Option<u64>,
    cluster_uuid: Option<String>,
}

/// A VM.
#[derive(Debug, Deserialize)]
pub struct VmV2 {
    /// The UUID.
    pub uuid: String,
    name: Option<String>,
    power_state: Option<String>,
    host_uuid: Option<String>,
    num_vcpus: Option<u32>,
    num_cores_per_vcpu: Option<u32>,
    memory_mb: Option<u64>,
    vm_features: Option<FeaturesV2>,
    vm_nics: Option<Vec<NicV2>>,
    vm_disk_info: Option<Vec<DiskV2>>,
}

#[derive(Debug, Deserialize)]
struct FeaturesV2 {
    #[serde(rename = "AGENT_VM")]
    agent_vm: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct NicV2 {
    mac_address: Option<String>,
    ip_address: Option<String>,
    ip_addresses: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct DiskV2 {
    is_cdrom: Option<bool>,
    disk_address: Option<DiskAddressV2>,
    size: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct DiskAddressV2 {
    device_bus: Option<String>,
    device_index: Option<u64>,
}

impl HostV2 {
    /// Whether this is a machine. Prism Central itself has no name, processor and hypervisor.
    pub fn is_machine(&self) -> bool {
        self.name.is_some() || self.cpu_model.is_some() || self.hypervisor_full_name.is_some()
    }
}

/// Maps a host.
pub fn host(reply: HostV2) -> FoundHost {
    let hypervisor = PrismHypervisor {
        kind: reply.hypervisor_type.as_deref(),
        full_name: reply.hypervisor_full_name.as_deref(),
    };
    let mut host = Host {
        cpu: Cpu {
            frequency_mhz: hardware::megahertz(reply.cpu_frequency_in_hz),
            sockets: hardware::positive(reply.num_cpu_sockets),
            cores: hardware::positive(reply.num_cpu_cores),
            threads: hardware::positive(reply.num_cpu_threads),
            ..Cpu::default()
        },
        memory_bytes: hardware::positive(reply.memory_capacity_in_bytes),
        addresses: hardware::addresses(reply.hypervisor_address),
        state: state(reply.hypervisor_state.as_deref(), reply.host_in_maintenance_mode),
        ..hardware::host(&reply.uuid, reply.name, reply.serial)
    };
    hypervisor.describe(&mut host);
    hardware::set_cpu_model(&mut host.cpu, reply.cpu_model, None);
    let is_esxi = hypervisor.is_esxi();
    host.source_state = reply.hypervisor_state;
    FoundHost {
        uuid: reply.uuid,
        cluster: reply.cluster_uuid,
        reported_guests: reply.num_vms,
        is_esxi,
        host,
    }
}

fn state(word: Option<&str>, is_in_maintenance: Option<bool>) -> Option<HostState> {
    match word {
        _ if is_in_maintenance == Some(true) => Some(HostState::Maintenance),
        Some(word) if word.contains("Maintenance") => Some(HostState::Maintenance),
        Some("kAcropolisNormal") => Some(HostState::Up),
        _ => None,
    }
}

/// Maps a VM.
pub fn guest(reply: VmV2) -> FoundGuest {
    let is_agent = reply.vm_features.and_then(|features| features.agent_vm) == Some(true);
    let mut guest = hardware::guest(&reply.uuid, reply.name, reply.power_state, is_agent);
    guest.cpus = hardware::virtual_cpus(reply.num_vcpus, reply.num_cores_per_vcpu);
    guest.memory_bytes = hardware::mebibytes(reply.memory_mb);
    let mut interfaces = Vec::new();
    for nic in reply.vm_nics.unwrap_or_default() {
        let addresses = nic.ip_addresses.unwrap_or_default();
        let addresses = nic.ip_address.into_iter().chain(addresses);
        interfaces.push(hardware::interface(nic.mac_address, addresses, None));
    }
    hardware::set_interfaces(&mut guest, interfaces);
    for disk in reply.vm_disk_info.unwrap_or_default() {
        if disk.is_cdrom != Some(true) {
            let address = disk.disk_address.as_ref();
            let bus = address.and_then(|address| address.device_bus.as_deref());
            let index = address.and_then(|address| address.device_index);
            guest.disks.push(hardware::disk(bus, index, disk.size));
        }
    }
    FoundGuest { host: reply.host_uuid, cluster: None, guest }
}
