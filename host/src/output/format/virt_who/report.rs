//! The document: what `virt-who --print` prints, and what a check-in of hypervisors sends.

use std::borrow::Cow;

use serde::Serialize;

/// The hypervisors of a run with their guests: what `virt-who --print` prints, and what virt-who sends to the check-in of
/// hypervisors of a subscription manager.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct VirtWhoReport<'a> {
    /// The hypervisors. No two of them have the same id, in any case of letters.
    pub hypervisors: Vec<VirtWhoHypervisor<'a>>,
}

/// A hypervisor and its guests.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct VirtWhoHypervisor<'a> {
    /// Its id.
    pub hypervisor_id: VirtWhoHypervisorId<'a>,
    /// Its name. Absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<Cow<'a, str>>,
    /// All its guests that have a UUID. A reader removes other guests from the hypervisor.
    pub guest_ids: Vec<VirtWhoGuest<'a>>,
    /// What is known of it. Absent if nothing is.
    #[serde(skip_serializing_if = "VirtWhoFacts::is_empty")]
    pub facts: VirtWhoFacts<'a>,
}

/// The id of a hypervisor.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct VirtWhoHypervisorId<'a> {
    /// The id: what the option `--hypervisor-id` chose.
    #[schemars(length(min = 1, max = 255))]
    pub hypervisor_id: Cow<'a, str>,
}

/// A guest of a hypervisor.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct VirtWhoGuest<'a> {
    /// Its UUID, in lower case.
    #[schemars(regex(pattern = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))]
    pub guest_id: Cow<'a, str>,
    /// Its state: 0 unknown, 1 running, 2 blocked, 3 paused, 4 being shut down, 5 shut off, 6 crashed, 7 suspended.
    #[schemars(range(min = 0, max = 7))]
    pub state: u8,
    /// Further data of it.
    pub attributes: VirtWhoAttributes<'a>,
}

/// Further data of a guest.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub struct VirtWhoAttributes<'a> {
    /// The kind of virtualization in virt-who's words: `libvirt`, `esx`, `hyperv`, `xen`, `ahv`, `kubevirt`, or the kind of
    /// the hypervisor if virt-who has no word for it. Absent if it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub virt_who_type: Option<Cow<'a, str>>,
    /// 1 if it is running or paused, and otherwise 0.
    #[schemars(range(min = 0, max = 1))]
    pub active: u8,
}

/// What is known of a hypervisor. All facts are texts; an unknown one is absent.
#[derive(Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct VirtWhoFacts<'a> {
    /// The number of its CPU sockets.
    #[serde(rename = "cpu.cpu_socket(s)", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]+$"))]
    pub sockets: Option<String>,
    /// The kind of hypervisor: `qemu`, `vmware`, `xen`.
    #[serde(rename = "hypervisor.type", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub kind: Option<Cow<'a, str>>,
    /// The version of the hypervisor.
    #[serde(rename = "hypervisor.version", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub version: Option<Cow<'a, str>>,
    /// The name of its cluster.
    #[serde(rename = "hypervisor.cluster", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub cluster: Option<Cow<'a, str>>,
    /// The UUID of its hardware, in lower case. Readers recognize a hypervisor by it, so no two hypervisors have the same
    /// one.
    #[serde(rename = "dmi.system.uuid", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))]
    pub system_uuid: Option<String>,
}

impl VirtWhoFacts<'_> {
    /// Whether all facts are unknown.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
