//! API v4, of Prism Central: the replies, and their mapping to the model.

use gatherer_plugin_api::model::{Cpu, HostState, Location};
use gatherer_plugin_api::{ErrorKind, GatherError};
use serde::Deserialize;
use serde_json::Value;

use super::hardware::{self, PrismHypervisor};
use super::v4_devices::{DiskV4, NicV4, TextV4};
use super::{FoundCluster, FoundGuest, FoundHost};

/// What the server sends instead of a word that the user may not see.
const REDACTED: &str = "$REDACTED";

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct ListV4 {
    /// The items. Absent from a page beyond the end of the list; an object if the answer is an error.
    pub data: Option<Value>,
    /// The total, links and flags.
    pub metadata: Option<MetadataV4>,
}

/// The metadata of a page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataV4 {
    /// The number of items in the whole list.
    pub total_available_results: Option<usize>,
    flags: Option<Vec<FlagV4>>,
    links: Option<Vec<LinkV4>>,
}

#[derive(Debug, Deserialize)]
struct FlagV4 {
    name: Option<String>,
    value: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct LinkV4 {
    rel: Option<String>,
    href: Option<String>,
}

impl MetadataV4 {
    /// Whether this flag is true.
    pub fn has_flag(&self, name: &str) -> bool {
        let mut flags = self.flags.iter().flatten();
        flags.any(|flag| flag.name.as_deref() == Some(name) && flag.value == Some(true))
    }

    /// The link to the next page.
    pub fn next_link(&self) -> Option<&str> {
        let mut links = self.links.iter().flatten();
        links.find(|link| link.rel.as_deref() == Some("next"))?.href.as_deref()
    }
}

/// A reference by id: `extId`, or `uuid` in the cluster of a host.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferenceV4 {
    ext_id: Option<String>,
    uuid: Option<String>,
    name: Option<String>,
}

impl ReferenceV4 {
    fn id(reference: Option<&Self>) -> Option<String> {
        let reference = reference?;
        reference.ext_id.clone().or_else(|| reference.uuid.clone())
    }
}

/// A cluster.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterV4 {
    /// The UUID.
    pub ext_id: String,
    name: Option<String>,
    vm_count: Option<u64>,
    nodes: Option<NodesV4>,
    config: Option<ClusterConfigV4>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodesV4 {
    number_of_nodes: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClusterConfigV4 {
    cluster_function: Option<Vec<String>>,
    hypervisor_types: Option<Vec<String>>,
    is_available: Option<bool>,
    cluster_arch: Option<String>,
}

/// A host.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostV4 {
    /// The UUID.
    pub ext_id: String,
    host_name: Option<String>,
    node_serial: Option<String>,
    hypervisor: Option<HypervisorV4>,
    cluster: Option<ReferenceV4>,
    number_of_cpu_sockets: Option<u32>,
    number_of_cpu_cores: Option<u32>,
    number_of_cpu_threads: Option<u32>,
    cpu_frequency_hz: Option<u64>,
    cpu_model: Option<String>,
    memory_size_bytes: Option<u64>,
    maintenance_state: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HypervisorV4 {
    external_address: Option<IpAddressV4>,
    full_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    number_of_vms: Option<u64>,
    state: Option<String>,
    acropolis_connection_state: Option<String>,
}

#[derive(Debug, Deserialize)]
struct IpAddressV4 {
    ipv4: Option<TextV4>,
    ipv6: Option<TextV4>,
}

/// A VM, on AHV or on ESXi.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VmV4 {
    /// The UUID in the API.
    pub ext_id: String,
    /// The UUID that the guest sees.
    bios_uuid: Option<String>,
    name: Option<String>,
    create_time: Option<String>,
    power_state: Option<String>,
    host: Option<ReferenceV4>,
    cluster: Option<ReferenceV4>,
    num_sockets: Option<u32>,
    num_cores_per_socket: Option<u32>,
    /// The number of virtual CPUs of a VM on ESXi.
    num_cpus: Option<u32>,
    memory_size_bytes: Option<u64>,
    is_agent_vm: Option<bool>,
    nics: Option<Vec<NicV4>>,
    disks: Option<Vec<DiskV4>>,
    guest_tools: Option<ToolsV4>,
    /// The guest tools of a VM on ESXi.
    nutanix_guest_tools: Option<ToolsV4>,
    /// The operating system of a VM on ESXi.
    guest_os_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolsV4 {
    guest_os_version: Option<String>,
    guest_info: Option<GuestInfoV4>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GuestInfoV4 {
    guest_os_full_name: Option<String>,
    dns_name: Option<TextV4>,
}

/// A controller VM. The list does not say its state.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControllerV4 {
    /// The UUID.
    pub ext_id: String,
    name: Option<String>,
    cluster_ext_id: Option<String>,
    node_ext_id: Option<String>,
    num_vcpus: Option<u32>,
    memory_size_bytes: Option<u64>,
    ip_address: Option<IpAddressV4>,
}

impl ClusterV4 {
    /// Whether the cluster has ESXi hosts, according to itself.
    pub fn has_esxi(&self) -> bool {
        let mut types =
            self.config.iter().flat_map(|config| config.hypervisor_types.iter().flatten());
        types.any(|kind| kind == "ESX")
    }
}

/// Maps a cluster.
pub fn cluster(reply: ClusterV4) -> Result<FoundCluster, GatherError> {
    let name = reply.name.unwrap_or_else(|| reply.ext_id.clone());
    let config = reply.config.as_ref();
    let functions =
        config.and_then(|config| config.cluster_function.as_deref()).unwrap_or_default();
    for function in functions {
        check_visible(Some(function), &name)?;
    }
    let has_hosts = |function: &String| matches!(&**function, "AOS" | "ONE_NODE" | "TWO_NODE");
    let architecture = config.and_then(|config| config.cluster_arch.as_deref());
    Ok(FoundCluster {
        id: reply.ext_id,
        has_hosts: functions.iter().any(has_hosts),
        is_available: config.and_then(|config| config.is_available),
        architecture: hardware::architecture(architecture),
        nodes: reply.nodes.and_then(|nodes| nodes.number_of_nodes),
        reported_guests: reply.vm_count,
        name,
    })
}

/// Maps a host. `clusters` are the registered ones.
pub fn host(reply: HostV4, clusters: &[FoundCluster]) -> Result<FoundHost, GatherError> {
    check_visible(reply.host_name.as_deref(), &reply.ext_id)?;
    let mut host = hardware::host(&reply.ext_id, reply.host_name, reply.node_serial);
    host.cpu = Cpu {
        frequency_mhz: hardware::megahertz(reply.cpu_frequency_hz),
        sockets: hardware::positive(reply.number_of_cpu_sockets),
        cores: hardware::positive(reply.number_of_cpu_cores),
        threads: hardware::positive(reply.number_of_cpu_threads),
        ..Cpu::default()
    };
    host.memory_bytes = hardware::positive(reply.memory_size_bytes);
    let cluster = ReferenceV4::id(reply.cluster.as_ref());
    let cluster_name = reply.cluster.and_then(|cluster| cluster.name);
    let known = clusters.iter().find(|known| Some(&known.id) == cluster.as_ref());
    host.location.cluster = cluster_name.or_else(|| known.map(|cluster| cluster.name.clone()));
    let architecture = known.and_then(|cluster| cluster.architecture.as_deref());
    hardware::set_cpu_model(&mut host.cpu, reply.cpu_model, architecture);
    let (mut reported_guests, mut is_esxi) = (None, false);
    if let Some(hypervisor) = reply.hypervisor {
        for word in [&hypervisor.kind, &hypervisor.state, &hypervisor.acropolis_connection_state] {
            check_visible(word.as_deref(), &host.name)?;
        }
        host.state = state(&hypervisor, reply.maintenance_state.as_deref());
        let described = PrismHypervisor {
            kind: hypervisor.kind.as_deref(),
            full_name: hypervisor.full_name.as_deref(),
        };
        described.describe(&mut host);
        is_esxi = described.is_esxi();
        reported_guests = hypervisor.number_of_vms;
        let address = hypervisor.external_address;
        let address = address.and_then(|address| address.ipv4.or(address.ipv6)?.value);
        host.addresses = hardware::addresses(address);
        host.source_state = hypervisor.state;
    }
    Ok(FoundHost { uuid: reply.ext_id, cluster, reported_guests, is_esxi, host })
}

fn state(hypervisor: &HypervisorV4, maintenance: Option<&str>) -> Option<HostState> {
    let state = hypervisor.state.as_deref().unwrap_or_default();
    let is_normal = |word: &str| word.is_empty() || word.eq_ignore_ascii_case("normal");
    if hypervisor.acropolis_connection_state.as_deref() == Some("DISCONNECTED") {
        Some(HostState::Disconnected)
    } else if state.contains("MAINTENANCE") || !maintenance.is_none_or(is_normal) {
        Some(HostState::Maintenance)
    } else if state == "ACROPOLIS_NORMAL" {
        Some(HostState::Up)
    } else {
        None
    }
}

/// Maps a VM. `clusters` are the registered ones.
pub fn guest(reply: VmV4, clusters: &[FoundCluster]) -> Result<FoundGuest, GatherError> {
    let name = reply.name.as_deref().unwrap_or(&reply.ext_id);
    check_visible(reply.power_state.as_deref(), name)?;
    check_visible(reply.name.as_deref(), &reply.ext_id)?;
    // A Manager compares the id with the UUID that the guest sees.
    let id = reply.bios_uuid.filter(|uuid| uuid.contains(|c| !matches!(c, '0' | '-')));
    let id = id.unwrap_or_else(|| reply.ext_id.clone());
    let is_agent = reply.is_agent_vm == Some(true);
    let mut guest = hardware::guest(&id, reply.name, reply.power_state, is_agent);
    if id != reply.ext_id {
        guest.identifiers.other.insert("extId".to_owned(), reply.ext_id);
    }
    guest.created_at = reply.create_time.and_then(|time| time.parse().ok());
    let of_sockets = hardware::virtual_cpus(reply.num_sockets, reply.num_cores_per_socket);
    guest.cpus = hardware::positive(reply.num_cpus).or(of_sockets);
    guest.memory_bytes = hardware::positive(reply.memory_size_bytes);
    let cluster = ReferenceV4::id(reply.cluster.as_ref());
    let known = clusters.iter().find(|known| Some(&known.id) == cluster.as_ref());
    guest.location =
        Location { cluster: known.map(|cluster| cluster.name.clone()), ..Location::default() };
    let (mut os, mut info) = (None, None);
    if let Some(tools) = reply.guest_tools.or(reply.nutanix_guest_tools) {
        (os, info) = (tools.guest_os_version, tools.guest_info);
    }
    if let Some(info) = info {
        os = info.guest_os_full_name.or(os);
        guest.host_name = info.dns_name.and_then(|name| name.value).filter(|name| !name.is_empty());
    }
    guest.os = hardware::guest_os(os.or(reply.guest_os_name));
    let nics = reply.nics.unwrap_or_default();
    hardware::set_interfaces(&mut guest, nics.into_iter().map(NicV4::into_interface).collect());
    guest.disks = reply.disks.unwrap_or_default().into_iter().map(DiskV4::into_disk).collect();
    Ok(FoundGuest { host: ReferenceV4::id(reply.host.as_ref()), cluster, guest })
}

/// Maps a controller VM. `clusters` are the registered ones.
pub fn controller(reply: ControllerV4, clusters: &[FoundCluster]) -> FoundGuest {
    let mut guest = hardware::guest(&reply.ext_id, reply.name, None, true);
    guest.cpus = hardware::positive(reply.num_vcpus);
    guest.memory_bytes = hardware::positive(reply.memory_size_bytes);
    let address = reply.ip_address.and_then(|address| address.ipv4.or(address.ipv6)?.value);
    guest.addresses = hardware::addresses(address);
    let known = clusters.iter().find(|known| Some(&known.id) == reply.cluster_ext_id.as_ref());
    guest.location =
        Location { cluster: known.map(|cluster| cluster.name.clone()), ..Location::default() };
    FoundGuest { host: reply.node_ext_id, cluster: reply.cluster_ext_id, guest }
}

/// A word that the user may not see means that the server may hide whole objects too.
fn check_visible(word: Option<&str>, object: &str) -> Result<(), GatherError> {
    if word != Some(REDACTED) {
        return Ok(());
    }
    let message = format!("the server hides a part of {object} from the user");
    Err(GatherError::new(ErrorKind::Permission, message)
        .with_hint("give the user a role that may view all clusters, hosts and VMs"))
}

/// Whether a host is an ESXi host; its VMs are in a list of their own.
pub fn is_esxi(host: &HostV4) -> bool {
    let kind = host.hypervisor.as_ref().and_then(|hypervisor| hypervisor.kind.as_deref());
    kind == Some("ESX")
}
