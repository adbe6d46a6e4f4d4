//! The API's objects, as far as `map` reads them. k8s-openapi has all of each; but a list of pods is
//! megabytes long, most of which nobody here asks for, and what has no member is skipped without
//! being kept.
//!
//! What is missing or null is empty, and what has another JSON type than the API says is an error.
//! Texts are those of the page itself.

mod account;
mod controller;
mod keyed;
mod machine;
mod metadata;
mod namespace;
pub mod node;
mod pod;
mod service;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::json::only_from_an_object;

pub use account::ServiceAccount;
pub use controller::{Controller, ControllerSpec, ControllerStatus};
pub use keyed::{Keyed, Keys};
pub use machine::{
    Cpu, Domain, Firmware, GuestMemory, Interface, Machine, MachineCondition, MachineSpec,
    MachineStatus, Requests, Resources,
};
pub use metadata::{Metadata, OwnerReference};
pub use namespace::{Namespace, NamespaceStatus};
pub use pod::{
    ContainerSpec, ContainerStatus, ContainerStatusState, EnvFrom, EnvVar, EnvVarSource, Ip, Named,
    Pod, PodSpec, PodStatus, Projected, Projection, SecretVolume, Volume, VolumeMount,
};
pub use service::{Ingress, LoadBalancer, Service, ServicePort, ServiceSpec, ServiceStatus};

/// A member of which only counts that it is there. It has to be an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Present {}

only_from_an_object!(Present);

/// What the API writes as a number or as a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberOrText<'a> {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(Cow<'a, str>),
}

impl<'de: 'a, 'a> Deserialize<'de> for NumberOrText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Either<'a> {
            type Value = NumberOrText<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or a text")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(NumberOrText::Number(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let number = i64::try_from(number);
                number.map(NumberOrText::Number).map_err(|_| E::custom("a number is too large"))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(NumberOrText::Text(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(NumberOrText::Text(text.to_owned().into()))
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}
