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

mod api_object;
mod controller;
mod keyed_object;
pub mod kinds;
mod node;
mod object_meta;
mod pod;
mod resource;
mod virtual_machine;

pub use api_object::{ApiObject, Namespace, Present, Service, ServiceAccount, ServiceStatus};
pub use controller::{Controller, ControllerSpec, ControllerStatus};
pub use keyed_object::{KeyedObject, Keys};
pub use node::{Node, NodeAddress, NodeCondition, NodeImage, NodeInfo, NodeTaint};
pub use object_meta::{ObjectMeta, OwnerReference};
pub use pod::{
    ContainerSpec, ContainerStatus, ContainerStatusState, EnvFrom, EnvVar, EnvVarSource, Ip,
    LocalObjectReference, Pod, PodSpec, PodStatus, Projected, Projection, SecretVolume, Volume,
    VolumeMount,
};
pub use resource::Resource;
pub use virtual_machine::{
    NumberOrText, VirtualMachine, VmCondition, VmCpu, VmCurrentMemory, VmDomain, VmFirmware,
    VmGuestOsInfo, VmInterface, VmMemory, VmQuantities, VmResources, VmSpec, VmStatus,
};
