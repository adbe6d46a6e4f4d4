//! The objects of the Kubernetes API, limited to the members that `map` reads. k8s-openapi has complete
//! types, but a list of pods is megabytes long and few of its members are needed; a member without a
//! field here is skipped without being stored.
//!
//! A missing or null member is empty. A member of another JSON type than the API defines is an error.
//! Texts borrow from the page unless they contain escapes.

mod controller;
mod keyed_object;
mod namespace;
pub mod node;
mod object_meta;
mod pod;
mod service;
mod service_account;
mod virtual_machine;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::json::only_from_an_object;

pub use controller::{Controller, ControllerSpec, ControllerStatus};
pub use keyed_object::{KeyedObject, Keys};
pub use namespace::{Namespace, NamespaceStatus};
pub use object_meta::{ObjectMeta, OwnerReference};
pub use pod::{
    ContainerSpec, ContainerStatus, ContainerStatusState, EnvFrom, EnvVar, EnvVarSource, Ip,
    LocalObjectReference, Pod, PodSpec, PodStatus, Projected, Projection, SecretVolume, Volume,
    VolumeMount,
};
pub use service::{Ingress, LoadBalancer, Service, ServicePort, ServiceSpec, ServiceStatus};
pub use service_account::ServiceAccount;
pub use virtual_machine::{
    VirtualMachine, VmCondition, VmCpu, VmDomain, VmFirmware, VmInterface, VmMemory, VmRequests,
    VmResources, VmSpec, VmStatus,
};

/// A member whose presence is all that matters. It must be an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Present {}

only_from_an_object!(Present);

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
