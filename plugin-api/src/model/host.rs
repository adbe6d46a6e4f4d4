//! A virtual host: a hypervisor, a node of a cluster, or a pseudo-host that represents a cloud.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Guest, HostState, Identifiers, Software, Timestamp, is_false};

/// A virtual host and the guests that run on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The id by which a Manager identifies the host: the source's own identifier, verbatim. It may
    /// be duplicated within an endpoint (cloned machines); no host is dropped because of that.
    pub id: String,
    /// The host's name, as the source reports it.
    pub name: String,
    /// A shorter name for formats that list hosts under a key, if one is customary
    /// (`esx1` for `esx1.example.com`). Absent: the name itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_name: Option<String>,
    /// The hypervisor that runs the guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<Hypervisor>,
    /// The software that manages the host (`libvirt` 9.0, `Amazon AWS` EC2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<Software>,
    /// The host's operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Version>,
    /// All identifiers of the host that the source reports.
    #[serde(default, skip_serializing_if = "Identifiers::is_empty")]
    pub identifiers: Identifiers,
    /// The state of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<HostState>,
    /// The state in the source's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_state: Option<String>,
    /// The processors.
    #[serde(default, skip_serializing_if = "Cpu::is_empty")]
    pub cpu: Cpu,
    /// The memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The network addresses, in the source's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// The host's location in the source's hierarchy.
    #[serde(default, skip_serializing_if = "Location::is_empty")]
    pub location: Location,
    /// The cloud or hypervisor that the host itself is an instance of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Labels or tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The taints that keep pods off the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// The roles, sorted (`control-plane`, `worker`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The conditions that the source reports, without heartbeat times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The host's resources, in the source's own notation (`"memory": "16Gi"`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: BTreeMap<String, String>,
    /// The share of the resources that guests may use, in the source's own notation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, String>,
    /// Versions of the host's parts (`kernel`, `kubelet`, `containerRuntime`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// The container images that the host has, in the source's order. Absent if unknown; the source may
    /// report only some of them, and later than they change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<HostImage>,
    /// When the host was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// True if the host is not a real machine: it groups guests whose real host the source does not
    /// report (a cloud's instances). Formats with fixed types then print absent counts as 0.
    #[serde(default, skip_serializing_if = "is_false")]
    pub synthetic: bool,
    /// The id of the synthetic host of this endpoint that represents this host for a Manager: its format lists the guests
    /// of this host there, and not this host. Ignored if not exactly one synthetic host has the id. Since API 1.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub represented_by: Option<String>,
    /// The guests, sorted by id and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<Guest>,
}

impl Host {
    /// A host with this id and name and no other data.
    ///
    /// ```
    /// use gatherer_plugin_api::model::Host;
    /// let host = Host::new("4c4c4544-0042", "kvm1");
    /// assert_eq!(host.memory_bytes, None);
    /// ```
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), ..Self::default() }
    }
}

/// A container image that a host has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HostImage {
    /// The names of the image, with a tag (`nginx:1`) or a digest (`nginx@sha256:...`), in the source's
    /// order. The source may report only some of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// The hypervisor that runs a host's guests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Hypervisor {
    /// The kind, in lower case: `qemu`, `xen`, `vmware`, `kubernetes`, `aws`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The hypervisor's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// An operating system and its version. Either may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The name, as the source reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The processors of a host. Counts are totals for the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Cpu {
    /// The architecture as `uname -m` prints it (`x86_64`, `aarch64`), or the source's own word if
    /// `uname` has none for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The nominal frequency, in MHz. A JSON number keeps its notation: 2400 and 2400.0 differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_mhz: Option<serde_json::Number>,
    /// The number of physical packages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<u32>,
    /// The number of physical cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// The number of hardware threads: the CPUs that an operating system sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    /// The exact capacity in thousandths of a CPU, if the source uses this unit (Kubernetes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millicores: Option<u64>,
}

impl Cpu {
    /// Whether all members are unknown.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A network address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// The type in the source's own word: `InternalIP`, `Hostname`, `fixed`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The address or host name.
    pub address: String,
}

/// The location of a host or a guest in its source's hierarchy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// The data centre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    /// The cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The folder, as a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

impl Location {
    /// Whether all members are unknown.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The cloud or hypervisor that a host itself is an instance of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// The name: `aws`, `azure`, `gce`, `openstack`, `vsphere`, or the source's own word.
    pub name: String,
    /// The provider's id of the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// The region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// A Kubernetes taint, which keeps pods off a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// The key.
    pub key: String,
    /// The value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The effect: `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
    pub effect: String,
}

/// A condition of a host as the source reports it, without its heartbeat time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The type of the condition: `Ready`, `MemoryPressure`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The reason, as one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the status last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
}
