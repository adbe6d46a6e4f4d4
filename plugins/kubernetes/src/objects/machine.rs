//! A VirtualMachineInstance of KubeVirt (kubevirt.io/v1): a virtual machine while it is to run.

use crate::json::{Text, items, only_from_an_object, or_default};

use super::{Metadata, NumberOrText};

/// A VirtualMachineInstance.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Machine<'a> {
    /// What every object has.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// What somebody wants of it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub spec: MachineSpec<'a>,
    /// What KubeVirt says.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: MachineStatus<'a>,
}

/// `spec`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct MachineSpec<'a> {
    /// The machine itself.
    #[serde(borrow, deserialize_with = "or_default")]
    pub domain: Domain<'a>,
}

/// `spec.domain`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Domain<'a> {
    /// Its virtual CPUs.
    #[serde(deserialize_with = "or_default")]
    pub cpu: Cpu,
    /// Its memory.
    #[serde(borrow, deserialize_with = "or_default")]
    pub memory: GuestMemory<'a>,
    /// What the pod around it asks its node for.
    #[serde(borrow, deserialize_with = "or_default")]
    pub resources: Resources<'a>,
    /// Its firmware.
    #[serde(borrow, deserialize_with = "or_default")]
    pub firmware: Firmware<'a>,
}

/// `spec.domain.cpu`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Cpu {
    /// Sockets.
    pub sockets: Option<u64>,
    /// Cores of a socket.
    pub cores: Option<u64>,
    /// Threads of a core.
    pub threads: Option<u64>,
}

/// `spec.domain.memory`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct GuestMemory<'a> {
    /// What the guest sees: a quantity.
    #[serde(borrow)]
    pub guest: Option<NumberOrText<'a>>,
}

/// `spec.domain.resources`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Resources<'a> {
    /// What is set aside.
    #[serde(borrow, deserialize_with = "or_default")]
    pub requests: Requests<'a>,
}

/// `spec.domain.resources.requests`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Requests<'a> {
    /// A quantity. Where the guest's own memory is not given, it is this.
    #[serde(borrow)]
    pub memory: Option<NumberOrText<'a>>,
}

/// `spec.domain.firmware`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Firmware<'a> {
    /// The UUID that the guest reads from its firmware.
    #[serde(borrow, deserialize_with = "or_default")]
    pub uuid: Text<'a>,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct MachineStatus<'a> {
    /// The node that it runs on, as soon as one was found.
    #[serde(borrow, deserialize_with = "or_default")]
    pub node_name: Text<'a>,
    /// `Pending`, `Scheduling`, `Scheduled`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub phase: Text<'a>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub conditions: Vec<MachineCondition<'a>>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub interfaces: Vec<Interface<'a>>,
}

/// One of `status.conditions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct MachineCondition<'a> {
    /// Which.
    #[serde(rename = "type", borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// `True`, `False` or `Unknown`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: Text<'a>,
}

/// One of `status.interfaces`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Interface<'a> {
    /// Which network of the specification it is; empty for those that only the guest knows of.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The first address.
    #[serde(borrow, deserialize_with = "or_default")]
    pub ip_address: Text<'a>,
    /// All of them.
    #[serde(borrow, deserialize_with = "items")]
    pub ip_addresses: Vec<Text<'a>>,
}

only_from_an_object!(
    Machine<'de>,
    MachineSpec<'de>,
    Domain<'de>,
    Cpu,
    GuestMemory<'de>,
    Resources<'de>,
    Requests<'de>,
    Firmware<'de>,
    MachineStatus<'de>,
    MachineCondition<'de>,
    Interface<'de>
);
