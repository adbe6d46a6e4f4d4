//! The objects of the Kubernetes API. Services and namespaces have the types of k8s-openapi below their
//! metadata; the other types are our own, limited to the members that `map` reads.
//!
//! In our own types a missing or null member is empty, a member without a field is skipped without being
//! stored, and texts borrow from the page unless they contain escapes. In all types a member of another JSON
//! type than the API defines is an error.
//!
//! The reason for each own type, measured in the release build with objects that have 1.4 KB of
//! `managedFields`, as in a real cluster:
//!
//! | object | own type | k8s-openapi |
//! | --- | --- | --- |
//! | metadata (a service account) | 1.3 us | 6.5 us: it builds a tree of `managedFields`, and stores annotations |
//! | pod | 8.3 us | 24.1 us |
//! | node | 6.1 us | 13.0 us |
//! | config map, secret | 2.4 us | 9.8 us, and it copies the values of secrets |
//! | the seven kinds of controllers | 2.0 us | 4.4 us, and the library grows by 1,106 KB: each has a pod template |
//! | virtual machine | | KubeVirt is not part of the API |

mod controller;
mod keyed_object;
pub mod kinds;
mod node;
mod object_meta;
mod pod;
mod resource;
mod virtual_machine;

use k8s_openapi::api::core::v1::{LoadBalancerStatus, NamespaceStatus, ServiceSpec};
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

/// The status of a Service, without its conditions: the type of k8s-openapi rejects a condition whose time is
/// null, which an API server stores and returns.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ServiceStatus {
    /// For services of type `LoadBalancer`.
    #[serde(deserialize_with = "or_default")]
    pub load_balancer: LoadBalancerStatus,
}

/// A member whose presence is all that matters. It must be an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Present {}

only_from_an_object!(ServiceStatus, Present);
