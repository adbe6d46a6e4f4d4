//! Links between objects of different endpoints that are the same machine, or that run on it.

use serde::{Deserialize, Serialize};

/// A link between two objects of a run, usually of two endpoints. Hosts and guests of an endpoint, and a pod and its
/// host, are related by their place in the document and have no link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The object that the link starts from: a host, or a guest if both objects are guests.
    pub from: LinkedObject,
    /// How the objects are related.
    pub kind: LinkKind,
    /// The object that it leads to.
    pub to: LinkedObject,
    /// Why the program is certain of it.
    pub evidence: Evidence,
}

/// An object of the document. Only all members together identify it, because ids and names may be duplicated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LinkedObject {
    /// The id of its endpoint.
    pub endpoint: String,
    /// Whether it is a host or a guest.
    #[serde(rename = "type")]
    pub kind: ObjectKind,
    /// Its `id`. Absent if the guest has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its `name`.
    pub name: String,
}

/// The kind of a linked object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ObjectKind {
    /// One of `hosts`.
    Host,
    /// One of the `guests` of a host, or of `detachedGuests`.
    Guest,
}

/// How two objects are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LinkKind {
    /// Both are the same machine: a node of a cluster and the virtual machine that it is.
    Same,
    /// The first one runs on the second one: a node of a cluster on the hypervisor of its virtual machine. If that
    /// host fails, the object fails too.
    RunsOn,
}

/// The identifier by which two objects were recognized as the same machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The identifier's name.
    pub by: EvidenceKind,
    /// Its value, as the object has it from which the link starts.
    pub value: String,
}

/// The identifiers that link objects, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum EvidenceKind {
    /// The `providerId` of a node, which names the instance in its cloud.
    ProviderId,
    /// The instance id in a cloud.
    InstanceId,
    /// The UUID of the hardware or of the virtual machine.
    Uuid,
    /// The UUID of the hardware as the agent on a node reports it.
    SystemUuid,
    /// The machine id of a node's operating system.
    MachineId,
}
