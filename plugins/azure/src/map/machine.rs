//! From a virtual machine, or an instance of a scale set, to a guest.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Disk, Guest, Interface, Location, Timestamp, Version};
use gatherer_plugin_support::uuid;
use serde_json::Value;

use super::location;
use super::resource_id::{ResourceId, last_part, part};
use super::size::Sizes;
use super::state::PowerState;
use super::values;

const GIB: u64 = 1024 * 1024 * 1024;

/// A virtual machine or an instance of a scale set.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// The id.
    pub id: ResourceId,
    /// The normalized name of the location.
    pub location: String,
    /// The name of the size.
    pub size: Option<String>,
    /// What is known without the list of sizes.
    pub guest: Guest,
}

impl Machine {
    /// An entry of the list of virtual machines. Its state is not known yet, unless the entry has an instance view.
    pub fn parse(entry: &Value) -> Result<Self, GatherError> {
        let id = ResourceId::of(entry, "a virtual machine")?;
        let location = location::of(entry, &format!("the virtual machine {}", id.as_str()))?;
        let size = values::text(entry, "/properties/hardwareProfile/vmSize");
        // An instance of a uniform scale set has a size of the scale set.
        let size = size.or_else(|| values::text(entry, "/sku/name"));
        let mut machine =
            Self { guest: guest(entry, &id, &location, size.as_deref()), id, location, size };
        machine.set_state(&PowerState::of_instance_view(instance_view(entry)));
        Ok(machine)
    }

    /// Sets what the statuses say.
    pub fn set_state(&mut self, power: &PowerState) {
        self.guest.state = Some(power.state);
        self.guest.source_state.clone_from(&power.word);
        self.guest.template = power.is_generalized;
    }

    /// Whether the size is needed for the CPUs or the memory.
    pub fn needs_size(&self) -> bool {
        self.guest.cpus.is_none() || self.guest.memory_bytes.is_none()
    }

    /// Sets the CPUs and the memory of the size, unless the machine has its own ones. False if the size is not in the list.
    pub fn set_size(&mut self, sizes: &Sizes) -> bool {
        let name = self.size.as_deref().map(str::to_lowercase);
        let Some(size) = name.and_then(|name| sizes.get(&name)) else { return false };
        self.guest.cpus = self.guest.cpus.or(size.cpus);
        self.guest.memory_bytes = self.guest.memory_bytes.or(size.memory_bytes);
        true
    }
}

/// An entry of the list of states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedState {
    /// The id of the virtual machine.
    pub id: ResourceId,
    /// Its state.
    pub power: PowerState,
}

impl ListedState {
    /// An entry of the list of states. Only its id and its statuses are read: the list leaves out other members.
    pub fn parse(entry: &Value) -> Result<Self, GatherError> {
        let id = ResourceId::of(entry, "the state of a virtual machine")?;
        Ok(Self { id, power: PowerState::of_instance_view(instance_view(entry)) })
    }
}

fn instance_view(entry: &Value) -> &Value {
    values::at(entry, "/properties/instanceView").unwrap_or(&Value::Null)
}

fn guest(entry: &Value, id: &ResourceId, location: &str, size: Option<&str>) -> Guest {
    let text = |pointer: &str| values::text(entry, pointer);
    let name = text("/name").unwrap_or_else(|| id.name().to_owned());
    let mut guest = Guest { name, ..Guest::default() };

    let other = &mut guest.identifiers.other;
    other.insert("resourceId".to_owned(), id.as_str().to_owned());
    let vm_id = text("/properties/vmId");
    guest.uuid = vm_id.as_deref().and_then(|id| uuid::canonical_or_raw(id, "rawVmId", other));
    guest.identifiers.uuid.clone_from(&guest.uuid);
    guest.identifiers.instance_id = guest.uuid.clone().or_else(|| vm_id.clone());
    // Without a vmId the id of the resource is the only one.
    guest.id = guest.identifiers.instance_id.clone().or_else(|| Some(id.key()));

    guest.cpus =
        values::count(entry, "/properties/hardwareProfile/vmSizeProperties/vCPUsAvailable");
    let scale_set = id.part("virtualMachineScaleSets").map(str::to_owned).or_else(|| {
        // A machine of a flexible scale set names it.
        text("/properties/virtualMachineScaleSet/id").map(|id| last_part(&id).to_owned())
    });
    let group = id.part("resourceGroups").map(str::to_owned);
    guest.location = Location {
        datacenter: Some(location.to_owned()),
        cluster: scale_set,
        folder: group.clone(),
    };
    guest.labels = labels(entry);
    guest.os = os(entry);
    guest.host_name = text("/properties/instanceView/computerName")
        .or_else(|| text("/properties/osProfile/computerName"));
    guest.interfaces = interfaces(entry);
    guest.disks = disks(entry);
    guest.created_at =
        text("/properties/timeCreated").and_then(|time| time.parse::<Timestamp>().ok());
    let zones: Vec<_> =
        values::list(entry, "/zones").iter().filter_map(|zone| values::text(zone, "")).collect();
    let all = [
        ("vmSize", size.map(str::to_owned)),
        ("resourceGroup", group),
        ("zones", Some(zones.join(",")).filter(|zones| !zones.is_empty())),
        ("priority", text("/properties/priority")),
        ("licenseType", text("/properties/licenseType")),
        ("image", image(entry)),
        ("provisioningState", text("/properties/provisioningState")),
    ];
    guest.attributes =
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    guest
}

/// The tags.
fn labels(entry: &Value) -> BTreeMap<String, String> {
    let tags = values::at(entry, "/tags").and_then(Value::as_object);
    let tags = tags.into_iter().flatten();
    tags.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// What the agent in the machine reports, else the kind of the disk's operating system.
fn os(entry: &Value) -> Option<Version> {
    let name = values::text(entry, "/properties/instanceView/osName");
    let version = values::text(entry, "/properties/instanceView/osVersion");
    if name.is_some() {
        return Some(Version { name, version });
    }
    let kind = values::text(entry, "/properties/storageProfile/osDisk/osType")?;
    Some(Version { name: Some(kind), version: None })
}

/// The image that the machine was made of: `publisher:offer:sku:version`, or the name of an own image.
fn image(entry: &Value) -> Option<String> {
    let reference = values::at(entry, "/properties/storageProfile/imageReference")?;
    let part = |name: &str| values::text(reference, name);
    if let (Some(publisher), Some(offer), Some(sku)) =
        (part("/publisher"), part("/offer"), part("/sku"))
    {
        let version = part("/exactVersion").or_else(|| part("/version"));
        let version = version.map(|version| format!(":{version}")).unwrap_or_default();
        return Some(format!("{publisher}:{offer}:{sku}{version}"));
    }
    let id = part("/id")
        .or_else(|| part("/sharedGalleryImageId"))
        .or_else(|| part("/communityGalleryImageId"))?;
    Some(super::resource_id::part(&id, "images").unwrap_or_else(|| last_part(&id)).to_owned())
}

/// The interfaces whose configuration is part of the machine, with their subnets. Other interfaces are resources of their
/// own, of which a machine has only the ids.
fn interfaces(entry: &Value) -> Vec<Interface> {
    let own = values::list(entry, "/properties/networkProfile/networkInterfaceConfigurations");
    let of_set = values::list(
        entry,
        "/properties/networkProfileConfiguration/networkInterfaceConfigurations",
    );
    let configured = own.iter().chain(of_set).map(|configuration| {
        let mut subnets = values::list(configuration, "/properties/ipConfigurations")
            .iter()
            .filter_map(|ip| values::text(ip, "/properties/subnet/id"));
        let network = subnets.next().map(|subnet| subnet_name(&subnet));
        Interface { network, ..Interface::default() }
    });
    configured.filter(|interface| interface.network.is_some()).collect()
}

/// The name of a subnet with its network: `net1/default`.
fn subnet_name(id: &str) -> String {
    match part(id, "virtualNetworks") {
        Some(network) => format!("{network}/{}", last_part(id)),
        None => last_part(id).to_owned(),
    }
}

/// The disk of the operating system, and the data disks in the order of their numbers.
fn disks(entry: &Value) -> Vec<Disk> {
    let disk = |value: &Value| Disk {
        name: values::text(value, "/name"),
        capacity_bytes: values::positive(value, "/diskSizeGB")
            .and_then(|size| size.checked_mul(GIB)),
    };
    let mut data: Vec<_> =
        values::list(entry, "/properties/storageProfile/dataDisks").iter().collect();
    data.sort_by_key(|value| values::at(value, "/lun").and_then(Value::as_u64));
    let os =
        values::at(entry, "/properties/storageProfile/osDisk").filter(|value| value.is_object());
    os.into_iter().chain(data).map(disk).collect()
}
