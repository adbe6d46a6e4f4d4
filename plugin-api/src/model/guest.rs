//! A guest: a virtual machine or an instance that runs on a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, GuestState, Identifiers, Timestamp, is_false};

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
    /// True if the guest is a template, which never runs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub template: bool,
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
