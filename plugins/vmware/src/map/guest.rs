//! A virtual machine to a guest of the model.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Address, Disk, Guest, GuestState, Interface, Version};
use gatherer_plugin_support::uuid;
use gatherer_plugin_support::xml::{self, Node};

use super::custom_fields::{CustomValue, custom_values};
use super::properties::{ObjectContent, number_at, unescape};

/// The properties of a virtual machine. All exist in vSphere 6.5. Those of `summary.config` are known even if `config`
/// is not, as with a machine whose files cannot be read.
pub const GUEST_PROPERTIES: &[&str] = &[
    "name",
    "parent",
    "customValue",
    "runtime.host",
    "runtime.connectionState",
    "runtime.powerState",
    "summary.config.uuid",
    "summary.config.instanceUuid",
    "summary.config.numCpu",
    "summary.config.memorySizeMB",
    "summary.config.template",
    "summary.config.guestFullName",
    "summary.config.managedBy",
    "config.version",
    "config.hardware.device",
    "guest.hostName",
    "guest.guestFullName",
    "guest.ipAddress",
    "guest.net",
];

/// The first version of the virtual hardware whose BIOS shows the UUID with other bytes.
const SWAPPED_SINCE: u32 = 13;
/// The extension that manages the agents of other extensions, and of clusters before 8.0 U3.
const AGENT_MANAGER: &str = "com.vmware.vim.eam";
/// The type of a cluster's agents since 8.0 U3, which the vCenter itself manages.
const CLUSTER_AGENT: &str = "vcls-entity";

/// A guest, and what is needed to find its host and place.
#[derive(Debug, Clone)]
pub struct GuestRecord {
    /// The guest, without location and labels.
    pub guest: Guest,
    /// The id of its host.
    pub host: Option<String>,
    /// The id of its folder. A machine in a vApp has none.
    pub parent: Option<String>,
    /// For each interface the id of its distributed port group, if its network's name is not known yet.
    pub port_groups: Vec<Option<String>>,
    /// The values of custom attributes.
    pub custom_values: Vec<CustomValue>,
    /// A warning about the guest.
    pub warning: Option<&'static str>,
}

pub fn guest_record(content: &ObjectContent) -> Result<GuestRecord, GatherError> {
    let moref = &content.object.id;
    let name = content.text("name").map_or_else(|| moref.clone(), |name| unescape(&name));
    let mut guest = Guest { name, ..Guest::default() };
    let warning = set_ids(&mut guest, content);
    (guest.state, guest.source_state) = state(content);
    guest.cpus = content.number("summary.config.numCpu")?;
    guest.memory_bytes = content
        .number::<u64>("summary.config.memorySizeMB")?
        .and_then(|mebibytes| mebibytes.checked_mul(1024 * 1024));
    guest.template = content.flag("summary.config.template")?;
    guest.agent = is_agent(content);
    let os = content.text("guest.guestFullName");
    let os = os.or_else(|| content.text("summary.config.guestFullName"));
    guest.os = os.map(|name| Version { name: Some(name), version: None });
    guest.host_name = content.text("guest.hostName");
    let port_groups = set_devices(&mut guest, content)?;
    set_addresses(&mut guest, content);
    let host = content.reference("runtime.host")?;
    if host.is_none() && guest.state == Some(GuestState::Running) {
        // Only a machine that is not running may be on no host.
        return Err(content.invalid("runtime.host"));
    }
    Ok(GuestRecord {
        host,
        parent: content.reference("parent")?,
        port_groups,
        custom_values: custom_values(content)?,
        warning,
        guest,
    })
}

/// Sets all ids, and returns a warning if the one for Managers is uncertain.
fn set_ids(guest: &mut Guest, content: &ObjectContent) -> Option<&'static str> {
    let moref = &content.object.id;
    guest.identifiers.managed_object = Some(moref.clone());
    let instance = content.text("summary.config.instanceUuid");
    if let Some(instance) = &instance {
        let id = uuid::canonical(instance).unwrap_or_else(|| instance.clone());
        guest.identifiers.other.insert("instanceUuid".to_owned(), id);
    }
    let Some(own) = content.text("summary.config.uuid") else {
        guest.id = Some(instance.unwrap_or_else(|| moref.clone()));
        return Some("the server reports no UUID for the virtual machine");
    };
    guest.attributes.insert("vmware_uuid".to_owned(), own.clone());
    let version = content.text("config.version");
    let version = version.and_then(|version| version.strip_prefix("vmx-")?.parse::<u32>().ok());
    guest.uuid = match version {
        Some(version) if version < SWAPPED_SINCE => uuid::canonical(&own),
        _ => uuid::swap_first_groups(&own),
    };
    guest.id = guest.uuid.clone().or(Some(own));
    version.is_none().then_some(
        "the server does not report the version of the virtual hardware; its UUID is that of version 13 or later",
    )
}

/// The state, and the source's word for it. The power state of a machine that is not connected may be old.
fn state(content: &ObjectContent) -> (Option<GuestState>, Option<String>) {
    let connection = content.text("runtime.connectionState");
    if let Some(word) = connection.filter(|word| word != "connected") {
        return (Some(GuestState::Unknown), Some(word));
    }
    let power = content.text("runtime.powerState");
    let state = match power.as_deref() {
        Some("poweredOn") => GuestState::Running,
        Some("poweredOff") => GuestState::Stopped,
        Some("suspended") => GuestState::Suspended,
        _ => GuestState::Unknown,
    };
    (Some(state), power)
}

/// Whether the machine belongs to the platform.
fn is_agent(content: &ObjectContent) -> bool {
    let Some(manager) = content.value("summary.config.managedBy") else { return false };
    xml::text(manager, &["extensionKey"]) == Some(AGENT_MANAGER)
        || xml::text(manager, &["type"]) == Some(CLUSTER_AGENT)
}

/// Sets disks and interfaces to the devices of these kinds, and returns the port groups of the interfaces.
fn set_devices(
    guest: &mut Guest,
    content: &ObjectContent,
) -> Result<Vec<Option<String>>, GatherError> {
    let path = "config.hardware.device";
    let mut port_groups = Vec::new();
    for device in content.elements(path, "VirtualDevice") {
        if let Some(mac) = xml::text(device, &["macAddress"]) {
            let backing = |names: &[&str]| {
                xml::text(xml::child(device, "backing")?, names).map(str::to_owned)
            };
            guest.interfaces.push(Interface {
                mac: Some(mac.to_ascii_lowercase()),
                addresses: Vec::new(),
                network: backing(&["deviceName"]),
            });
            port_groups.push(backing(&["port", "portgroupKey"]));
        } else if xml::child(device, "capacityInKB").is_some() {
            let bytes = number_at::<u64>(device, "capacityInBytes", content, path)?;
            let kibibytes = number_at::<u64>(device, "capacityInKB", content, path)?;
            guest.disks.push(Disk {
                name: xml::text(device, &["deviceInfo", "label"]).map(str::to_owned),
                capacity_bytes: bytes.or_else(|| kibibytes?.checked_mul(1024)),
            });
        }
    }
    Ok(port_groups)
}

/// Adds what the tools in the guest report about its interfaces.
fn set_addresses(guest: &mut Guest, content: &ObjectContent) {
    for nic in content.elements("guest.net", "GuestNicInfo") {
        let mac = xml::text(nic, &["macAddress"]).map(str::to_ascii_lowercase);
        let network = xml::text(nic, &["network"]).map(str::to_owned);
        let addresses = addresses(nic);
        guest.addresses.extend(
            addresses.iter().map(|address| Address { kind: None, address: address.clone() }),
        );
        match guest.interfaces.iter_mut().find(|known| known.mac == mac && mac.is_some()) {
            Some(known) => {
                known.addresses.extend(addresses);
                known.network = network.or(known.network.take());
            }
            None => guest.interfaces.push(Interface { mac, addresses, network }),
        }
    }
    if guest.addresses.is_empty() {
        let address = content.text("guest.ipAddress");
        guest.addresses.extend(address.map(|address| Address { kind: None, address }));
    }
}

fn addresses(nic: Node) -> Vec<String> {
    let texts = xml::children(nic, "ipAddress").filter_map(|address| address.text());
    texts.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
