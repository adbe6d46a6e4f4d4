//! API v3, of Prism Central: the replies, and their mapping to the model.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{Cpu, Disk, Interface, Location};
use serde::Deserialize;

use super::hardware::{self, PrismHypervisor};
use super::{FoundCluster, FoundGuest, FoundHost};

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct ListV3<T> {
    /// The totals.
    pub metadata: Option<MetadataV3>,
    /// The items.
    pub entities: Option<Vec<T>>,
}

/// The totals of a list.
#[derive(Debug, Deserialize)]
pub struct MetadataV3 {
    /// The number of items in the whole list.
    pub total_matches: Option<usize>,
}

/// What every item has: its identity, and its observed state.
#[derive(Debug, Deserialize)]
pub struct EntityV3<R> {
    metadata: Option<EntityMetadataV3>,
    status: Option<StatusV3<R>>,
}

#[derive(Debug, Deserialize)]
struct EntityMetadataV3 {
    uuid: Option<String>,
    creation_time: Option<String>,
    categories: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Debug, Deserialize)]
struct StatusV3<R> {
    name: Option<String>,
    resources: Option<R>,
    cluster_reference: Option<ReferenceV3>,
}

#[derive(Debug, Deserialize)]
struct ReferenceV3 {
    uuid: Option<String>,
    name: Option<String>,
}

/// The resources of a cluster.
#[derive(Debug, Deserialize)]
pub struct ClusterV3 {
    config: Option<ClusterConfigV3>,
}

#[derive(Debug, Deserialize)]
struct ClusterConfigV3 {
    service_list: Option<Vec<String>>,
    is_available: Option<bool>,
    cluster_arch: Option<String>,
}

/// The resources of a host.
#[derive(Debug, Deserialize)]
pub struct HostV3 {
    serial_number: Option<String>,
    cpu_model: Option<String>,
    num_cpu_sockets: Option<u32>,
    num_cpu_cores: Option<u32>,
    cpu_capacity_hz: Option<u64>,
    memory_capacity_mib: Option<u64>,
    hypervisor: Option<HypervisorV3>,
}

#[derive(Debug, Deserialize)]
struct HypervisorV3 {
    ip: Option<String>,
    hypervisor_full_name: Option<String>,
    num_vms: Option<u64>,
}

/// The resources of a VM.
#[derive(Debug, Deserialize)]
pub struct VmV3 {
    power_state: Option<String>,
    host_reference: Option<ReferenceV3>,
    num_sockets: Option<u32>,
    num_vcpus_per_socket: Option<u32>,
    memory_size_mib: Option<u64>,
    is_agent_vm: Option<bool>,
    nic_list: Option<Vec<NicV3>>,
    disk_list: Option<Vec<DiskV3>>,
    guest_tools: Option<ToolsV3>,
}

#[derive(Debug, Deserialize)]
struct NicV3 {
    mac_address: Option<String>,
    ip_endpoint_list: Option<Vec<EndpointV3>>,
    subnet_reference: Option<ReferenceV3>,
}

#[derive(Debug, Deserialize)]
struct EndpointV3 {
    ip: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DiskV3 {
    disk_size_bytes: Option<u64>,
    disk_size_mib: Option<u64>,
    device_properties: Option<DeviceV3>,
}

#[derive(Debug, Deserialize)]
struct DeviceV3 {
    device_type: Option<String>,
    disk_address: Option<DiskAddressV3>,
}

#[derive(Debug, Deserialize)]
struct DiskAddressV3 {
    adapter_type: Option<String>,
    device_index: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct ToolsV3 {
    nutanix_guest_tools: Option<NutanixToolsV3>,
}

#[derive(Debug, Deserialize)]
struct NutanixToolsV3 {
    guest_os_version: Option<String>,
}

impl<R> EntityV3<R> {
    /// The UUID. `None` if there is none, or it is blank.
    pub fn uuid(&self) -> Option<&str> {
        let uuid = self.metadata.as_ref()?.uuid.as_deref()?;
        (!uuid.trim().is_empty()).then_some(uuid)
    }
}

impl EntityV3<ClusterV3> {
    /// Whether this is Prism Central itself.
    pub fn is_prism_central(&self) -> bool {
        self.services().iter().any(|service| service == "PRISM_CENTRAL")
    }

    fn services(&self) -> &[String] {
        let config =
            self.status.as_ref().and_then(|status| status.resources.as_ref()?.config.as_ref());
        config.and_then(|config| config.service_list.as_deref()).unwrap_or_default()
    }
}

impl EntityV3<HostV3> {
    /// Whether it has a name, by which a Manager knows it.
    pub fn has_name(&self) -> bool {
        let name = self.status.as_ref().and_then(|status| status.name.as_deref());
        name.is_some_and(|name| !name.trim().is_empty())
    }

    /// Whether this is Prism Central itself, which is listed as a host without name, processor and hypervisor, and is in
    /// none of the clusters that have hosts.
    pub fn is_prism_central(&self, clusters: &[FoundCluster]) -> bool {
        let Some(status) = &self.status else { return false };
        let cluster = status.cluster_reference.as_ref().and_then(|cluster| cluster.uuid.as_ref());
        let is_own = |known: &FoundCluster| known.has_hosts && Some(&known.id) == cluster;
        if clusters.iter().any(is_own) {
            return false;
        }
        let is_machine = |host: &HostV3| {
            let hypervisor = host.hypervisor.as_ref();
            let full_name =
                hypervisor.and_then(|hypervisor| hypervisor.hypervisor_full_name.as_ref());
            full_name.is_some() || host.cpu_model.is_some() || host.num_cpu_cores.is_some()
        };
        status.name.is_none() && !status.resources.as_ref().is_some_and(is_machine)
    }
}

/// Maps a cluster. `None` without a UUID.
pub fn cluster(reply: EntityV3<ClusterV3>) -> Option<FoundCluster> {
    let id = reply.uuid()?.to_owned();
    let has_hosts = reply.services().iter().any(|service| service == "AOS");
    let (name, resources) = match reply.status {
        Some(status) => (status.name, status.resources),
        None => (None, None),
    };
    let config = resources.and_then(|resources| resources.config);
    Some(FoundCluster {
        name: name.unwrap_or_else(|| id.clone()),
        id,
        has_hosts,
        is_available: config.as_ref().and_then(|config| config.is_available),
        architecture: hardware::architecture(
            config.as_ref().and_then(|config| config.cluster_arch.as_deref()),
        ),
        nodes: None,
        reported_guests: None,
    })
}

/// Maps a host with this UUID. `clusters` are the registered ones.
pub fn host(uuid: String, reply: EntityV3<HostV3>, clusters: &[FoundCluster]) -> FoundHost {
    let (name, cluster, resources) = match reply.status {
        Some(status) => (status.name, status.cluster_reference, status.resources),
        None => (None, None, None),
    };
    let cluster = cluster.and_then(|cluster| cluster.uuid);
    let known = clusters.iter().find(|known| Some(&known.id) == cluster.as_ref());
    let mut host = hardware::host(&uuid, name, None);
    host.location.cluster = known.map(|cluster| cluster.name.clone());
    let (mut reported_guests, mut is_esxi) = (None, false);
    if let Some(resources) = resources {
        let hypervisor = resources.hypervisor.as_ref();
        let described = PrismHypervisor {
            kind: None,
            full_name: hypervisor.and_then(|hypervisor| hypervisor.hypervisor_full_name.as_deref()),
        };
        described.describe(&mut host);
        is_esxi = described.is_esxi();
        reported_guests = hypervisor.and_then(|hypervisor| hypervisor.num_vms);
        let cores = hardware::positive(resources.num_cpu_cores);
        // The capacity is that of all cores.
        let frequency = resources.cpu_capacity_hz.zip(cores);
        host.cpu = Cpu {
            frequency_mhz: hardware::megahertz(
                frequency.map(|(hertz, cores)| hertz / u64::from(cores)),
            ),
            sockets: hardware::positive(resources.num_cpu_sockets),
            cores,
            ..Cpu::default()
        };
        let architecture = known.and_then(|cluster| cluster.architecture.as_deref());
        hardware::set_cpu_model(&mut host.cpu, resources.cpu_model, architecture);
        host.memory_bytes = hardware::mebibytes(resources.memory_capacity_mib);
        host.addresses =
            hardware::addresses(resources.hypervisor.and_then(|hypervisor| hypervisor.ip));
        if let Some(serial) = resources.serial_number.filter(|serial| !serial.is_empty()) {
            host.identifiers.other.insert("serialNumber".to_owned(), serial);
        }
    }
    FoundHost { uuid, cluster, reported_guests, is_esxi, host }
}

/// Maps a VM with this UUID.
pub fn guest(uuid: &str, reply: EntityV3<VmV3>) -> FoundGuest {
    let (name, cluster, resources) = match reply.status {
        Some(status) => (status.name, status.cluster_reference, status.resources),
        None => (None, None, None),
    };
    let (cluster, cluster_name) = match cluster {
        Some(reference) => (reference.uuid, reference.name),
        None => (None, None),
    };
    let state = resources.as_ref().and_then(|resources| resources.power_state.clone());
    let is_agent = resources.as_ref().and_then(|resources| resources.is_agent_vm) == Some(true);
    let mut guest = hardware::guest(uuid, name, state, is_agent);
    guest.location = Location { cluster: cluster_name, ..Location::default() };
    if let Some(metadata) = reply.metadata {
        guest.created_at = metadata.creation_time.and_then(|time| time.parse().ok());
        for (name, value) in metadata.categories.unwrap_or_default() {
            guest.labels.insert(name, value.unwrap_or_default());
        }
    }
    let mut host = None;
    if let Some(vm) = resources {
        guest.cpus = hardware::virtual_cpus(vm.num_sockets, vm.num_vcpus_per_socket);
        guest.memory_bytes = hardware::mebibytes(vm.memory_size_mib);
        let tools = vm.guest_tools.and_then(|tools| tools.nutanix_guest_tools);
        guest.os = hardware::guest_os(tools.and_then(|tools| tools.guest_os_version));
        let nics = vm.nic_list.unwrap_or_default();
        hardware::set_interfaces(&mut guest, nics.into_iter().map(interface).collect());
        guest.disks = vm.disk_list.unwrap_or_default().iter().filter_map(disk).collect();
        host = vm.host_reference.and_then(|host| host.uuid);
    }
    FoundGuest { host, cluster, guest }
}

fn interface(nic: NicV3) -> Interface {
    let endpoints = nic.ip_endpoint_list.unwrap_or_default();
    let addresses = endpoints.into_iter().filter_map(|endpoint| endpoint.ip);
    let network = nic.subnet_reference.and_then(|subnet| subnet.name);
    hardware::interface(nic.mac_address, addresses, network)
}

fn disk(disk: &DiskV3) -> Option<Disk> {
    let device = disk.device_properties.as_ref();
    if device.is_some_and(|device| device.device_type.as_deref() == Some("CDROM")) {
        return None;
    }
    let address = device.and_then(|device| device.disk_address.as_ref());
    let bus = address.and_then(|address| address.adapter_type.as_deref());
    let index = address.and_then(|address| address.device_index);
    let size = disk.disk_size_bytes.or_else(|| hardware::mebibytes(disk.disk_size_mib));
    Some(hardware::disk(bus, index, size))
}
