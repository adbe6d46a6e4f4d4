//! The structure that objects of the API have in common, and the objects that need no more than that.

use k8s_openapi::api::core::v1::{LoadBalancerStatus, NamespaceStatus, ServiceSpec};
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::object_meta::ObjectMeta;
use crate::json::{OnlyObjects, only_from_an_object, or_default};

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
