//! The objects of the Kubernetes API, limited to the members that `map` reads. A member without a field here
//! is skipped without being stored.
//!
//! A missing or null member is empty. A member of another JSON type than the API defines is an error.
//! Texts borrow from the page unless they contain escapes.

mod controller;
mod keyed_object;
pub mod kinds;
mod node;
mod object_meta;
mod pod;
mod resource;
mod virtual_machine;

use k8s_openapi::api::core::v1::{NamespaceStatus, ServiceSpec, ServiceStatus};
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use crate::json::{OnlyObjects, only_from_an_object, or_default};

pub use controller::{Controller, ControllerSpec, ControllerStatus};
pub use keyed_object::{KeyedObject, Keys};
pub use node::{Node, NodeAddress, NodeCondition, NodeInfo, NodeTaint};
pub use object_meta::{ObjectMeta, OwnerReference};
pub use pod::{
    ContainerSpec, ContainerStatus, ContainerStatusState, EnvFrom, EnvVar, EnvVarSource, Ip,
    LocalObjectReference, Pod, PodSpec, PodStatus, Projected, Projection, SecretVolume, Volume,
    VolumeMount,
};
pub use resource::Resource;
pub use virtual_machine::{
    NumberOrText, VirtualMachine, VmCondition, VmCpu, VmDomain, VmFirmware, VmInterface, VmMemory,
    VmRequests, VmResources, VmSpec, VmStatus,
};

/// An object with the common structure of the API.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(
    remote = "Self",
    default,
    bound(deserialize = "Spec: Deserialize<'de> + Default, Status: Deserialize<'de> + Default")
)]
pub struct ApiObject<'a, Spec, Status> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: ObjectMeta<'a>,
    /// The desired state.
    #[serde(deserialize_with = "or_default")]
    pub spec: Spec,
    /// The observed state.
    #[serde(deserialize_with = "or_default")]
    pub status: Status,
}

impl<'de, Spec, Status> Deserialize<'de> for ApiObject<'de, Spec, Status>
where
    Spec: Deserialize<'de> + Default,
    Status: Deserialize<'de> + Default,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The inherent function that `remote = "Self"` derives.
        Self::deserialize(OnlyObjects(deserializer))
    }
}

/// A Namespace of core/v1.
pub type Namespace<'a> = ApiObject<'a, IgnoredAny, NamespaceStatus>;

/// A ServiceAccount of core/v1.
pub type ServiceAccount<'a> = ApiObject<'a, IgnoredAny, IgnoredAny>;

/// A Service of core/v1.
pub type Service<'a> = ApiObject<'a, ServiceSpec, ServiceStatus>;

/// A member whose presence is all that matters. It must be an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Present {}

only_from_an_object!(Present);
