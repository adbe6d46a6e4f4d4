//! A VirtualMachineInstance of KubeVirt (kubevirt.io/v1). The object exists only while the virtual machine is to
//! run.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::json::{Text, items, only_from_an_object, or_default};

use super::api_object::ApiObject;

/// A VirtualMachineInstance.
pub type VirtualMachine<'a> = ApiObject<'a, VmSpec<'a>, VmStatus<'a>>;

/// `spec`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmSpec<'a> {
    /// The hardware of the virtual machine.
    #[serde(borrow, deserialize_with = "or_default")]
    pub domain: VmDomain<'a>,
}

/// `spec.domain`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmDomain<'a> {
    /// The virtual CPUs.
    #[serde(deserialize_with = "or_default")]
    pub cpu: VmCpu,
    /// The memory.
    #[serde(borrow, deserialize_with = "or_default")]
    pub memory: VmMemory<'a>,
    /// The resources of the pod that runs the virtual machine.
    #[serde(borrow, deserialize_with = "or_default")]
    pub resources: VmResources<'a>,
    /// The firmware.
    #[serde(borrow, deserialize_with = "or_default")]
    pub firmware: VmFirmware<'a>,
}

/// `spec.domain.cpu` and `status.currentCPUTopology`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmCpu {
    /// The number of sockets.
    pub sockets: Option<u64>,
    /// The cores per socket.
    pub cores: Option<u64>,
    /// The threads per core.
    pub threads: Option<u64>,
}

/// `spec.domain.memory`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmMemory<'a> {
    /// The memory inside the guest: a quantity.
    #[serde(borrow)]
    pub guest: Option<NumberOrText<'a>>,
}

/// `spec.domain.resources`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmResources<'a> {
    /// The resources that are reserved.
    #[serde(borrow, deserialize_with = "or_default")]
    pub requests: VmQuantities<'a>,
    /// The most resources that it may use.
    #[serde(borrow, deserialize_with = "or_default")]
    pub limits: VmQuantities<'a>,
}

/// `spec.domain.resources.requests` and `limits`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmQuantities<'a> {
    /// A quantity. It is the number of virtual CPUs if the domain has no `cpu`.
    #[serde(borrow)]
    pub cpu: Option<NumberOrText<'a>>,
    /// A quantity. It is the guest's memory if `memory.guest` is missing.
    #[serde(borrow)]
    pub memory: Option<NumberOrText<'a>>,
}

/// `spec.domain.firmware`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmFirmware<'a> {
    /// The UUID that the firmware shows to the guest.
    #[serde(borrow, deserialize_with = "or_default")]
    pub uuid: Text<'a>,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct VmStatus<'a> {
    /// The node, once the virtual machine was scheduled.
    #[serde(borrow, deserialize_with = "or_default")]
    pub node_name: Text<'a>,
    /// `Pending`, `Scheduling`, `Scheduled`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub phase: Text<'a>,
    /// The virtual CPUs that the guest has. A changed `spec.domain.cpu` takes effect later.
    #[serde(rename = "currentCPUTopology", deserialize_with = "or_default")]
    pub current_cpu_topology: VmCpu,
    /// The memory that the guest has.
    #[serde(borrow, deserialize_with = "or_default")]
    pub memory: VmCurrentMemory<'a>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub conditions: Vec<VmCondition<'a>>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub interfaces: Vec<VmInterface<'a>>,
    /// The operating system, as the guest agent reports it.
    #[serde(rename = "guestOSInfo", borrow, deserialize_with = "or_default")]
    pub guest_os_info: VmGuestOsInfo<'a>,
}

/// `status.guestOSInfo`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmGuestOsInfo<'a> {
    /// The name: `Fedora Linux`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The version: `41 (Cloud Edition)`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub version: Text<'a>,
}

/// `status.memory`: quantities.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct VmCurrentMemory<'a> {
    /// The memory with which the guest was started.
    #[serde(borrow)]
    pub guest_at_boot: Option<NumberOrText<'a>>,
    /// The memory that the guest has.
    #[serde(borrow)]
    pub guest_current: Option<NumberOrText<'a>>,
    /// The memory that the guest should have.
    #[serde(borrow)]
    pub guest_requested: Option<NumberOrText<'a>>,
}

/// One of `status.conditions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct VmCondition<'a> {
    /// The type.
    #[serde(rename = "type", borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// `True`, `False` or `Unknown`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: Text<'a>,
}

/// One of `status.interfaces`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct VmInterface<'a> {
    /// The network in the specification; empty for interfaces that exist only inside the guest.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The hardware address.
    #[serde(borrow, deserialize_with = "or_default")]
    pub mac: Text<'a>,
    /// The first of `ipAddresses`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub ip_address: Text<'a>,
    /// All addresses.
    #[serde(borrow, deserialize_with = "items")]
    pub ip_addresses: Vec<Text<'a>>,
}

only_from_an_object!(
    VmSpec<'de>,
    VmDomain<'de>,
    VmCpu,
    VmMemory<'de>,
    VmResources<'de>,
    VmQuantities<'de>,
    VmFirmware<'de>,
    VmStatus<'de>,
    VmCurrentMemory<'de>,
    VmCondition<'de>,
    VmInterface<'de>,
    VmGuestOsInfo<'de>
);

/// A member that the API allows to be a number or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberOrText<'a> {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(Cow<'a, str>),
}

impl<'de: 'a, 'a> Deserialize<'de> for NumberOrText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrTextVisitor<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for NumberOrTextVisitor<'a> {
            type Value = NumberOrText<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or a string")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(NumberOrText::Number(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let number = i64::try_from(number);
                number
                    .map(NumberOrText::Number)
                    .map_err(|_| E::custom("a number does not fit 64 bits"))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(NumberOrText::Text(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(NumberOrText::Text(text.to_owned().into()))
            }
        }

        deserializer.deserialize_any(NumberOrTextVisitor(PhantomData))
    }
}
