//! A guest: a virtual machine or an instance that runs on a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Address, GuestState, Identifiers, Timestamp, is_false};

/// A virtual machine or instance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Guest {
    /// What a Manager keys on: the guest's UUID or instance id, as the source's consumers
    /// expect it. Absent where the source knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name; it may repeat, even on one host.
    pub name: String,
    /// The UUID, canonical lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Every further identity.
    #[serde(default, skip_serializing_if = "Identifiers::is_empty")]
    pub identifiers: Identifiers,
    /// What the guest is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<GuestState>,
    /// The source's own word for the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_state: Option<String>,
    /// Virtual CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// The memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// The network addresses, in the source's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// True if it is a template, which never runs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub template: bool,
    /// When the guest was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Further facts for a Manager's optional data, as text (`vmware_uuid`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl Guest {
    /// A guest of this id and name, of which nothing else is known yet.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: Some(id.into()), name: name.into(), ..Self::default() }
    }
}
