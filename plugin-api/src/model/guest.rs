//! A guest: a virtual machine or an instance that runs on a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, GuestState, Identifiers, Location, Timestamp, Version, is_false};

/// A virtual machine or instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Guest {
    /// The id by which a Manager identifies the guest: its UUID or instance id, as consumers of the
    /// source expect it. Absent if the source has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name. It may be duplicated, even on one host.
    pub name: String,
    /// The UUID, in canonical lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Further identifiers.
    #[serde(default, skip_serializing_if = "Identifiers::is_empty")]
    pub identifiers: Identifiers,
    /// The state of the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<GuestState>,
    /// The state in the source's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_state: Option<String>,
    /// The number of virtual CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// The number of virtual CPUs that the guest should have. It differs from `cpus` until a change
    /// takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_cpus: Option<u32>,
    /// The memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The memory that the guest should have, in bytes. It differs from `memory_bytes` until a change
    /// takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_memory_bytes: Option<u64>,
    /// The network addresses, in the source's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// The network interfaces, in the source's order. Since API 1.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Interface>,
    /// The disks, in the source's order. Since API 1.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk>,
    /// The architecture of its CPUs as `uname -m` prints it (`x86_64`, `aarch64`), or the source's own word if `uname` has
    /// none for it. Since API 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The guest's operating system, in the source's own words. Since API 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Version>,
    /// The host name that the guest's operating system reports. Since API 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// The guest's location in the source's hierarchy. Since API 1.1.
    #[serde(default, skip_serializing_if = "Location::is_empty")]
    pub location: Location,
    /// Labels or tags. Since API 1.1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// True if the guest is a template, which never runs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub template: bool,
    /// True if the guest is part of the platform, which creates and removes it by itself: a vCLS agent, a storage
    /// controller. Since API 1.1.
    #[serde(default, skip_serializing_if = "is_false")]
    pub agent: bool,
    /// When the guest was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Further attributes for a Manager's optional data, as text (`vmware_uuid`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Guest {
    /// A guest with this id and name and no other data.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: Some(id.into()), name: name.into(), ..Self::default() }
    }
}

/// A network interface of a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// The hardware address, in lower case with colons: `52:54:00:12:34:56`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The addresses, in the source's order. Absent if unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The network that the interface is connected to: the name of a network, bridge, port group or subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// A disk of a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// The name in the source's own words: `Hard disk 1`, `vda`, `scsi0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The capacity, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_bytes: Option<u64>,
}
