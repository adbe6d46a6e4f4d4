//! A Service of core/v1.

use std::collections::BTreeMap;

use crate::json::{Text, items, only_from_an_object, or_default, texts};

use super::{Metadata, NumberOrText};

/// A Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Service<'a> {
    /// What every object has.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// What somebody wants of it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub spec: ServiceSpec<'a>,
    /// What its load balancer says.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: ServiceStatus<'a>,
}

/// `spec`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ServiceSpec<'a> {
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type", borrow, deserialize_with = "or_default")]
    pub kind: Text<'a>,
    /// The first of `clusterIPs`, and all that servers before 1.20 tell.
    #[serde(rename = "clusterIP", borrow, deserialize_with = "or_default")]
    pub cluster_ip: Text<'a>,
    /// One for each IP family.
    #[serde(rename = "clusterIPs", borrow, deserialize_with = "items")]
    pub cluster_ips: Vec<Text<'a>>,
    /// Addresses that somebody else routes to the nodes.
    #[serde(rename = "externalIPs", borrow, deserialize_with = "items")]
    pub external_ips: Vec<Text<'a>>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub ports: Vec<ServicePort<'a>>,
    /// The labels of its pods.
    #[serde(deserialize_with = "texts")]
    pub selector: BTreeMap<String, String>,
}

/// One of `spec.ports`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ServicePort<'a> {
    /// Which.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub protocol: Text<'a>,
    /// The service's own.
    pub port: Option<i64>,
    /// The pods', or the name of a container's.
    #[serde(borrow)]
    pub target_port: Option<NumberOrText<'a>>,
    /// That on every node.
    pub node_port: Option<i64>,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ServiceStatus<'a> {
    /// Of services of type `LoadBalancer`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub load_balancer: LoadBalancer<'a>,
}

/// `status.loadBalancer`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct LoadBalancer<'a> {
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub ingress: Vec<Ingress<'a>>,
}

/// One of `status.loadBalancer.ingress`: an address or a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Ingress<'a> {
    /// The address.
    #[serde(borrow, deserialize_with = "or_default")]
    pub ip: Text<'a>,
    /// The name. Amazon's load balancers have nothing else.
    #[serde(borrow, deserialize_with = "or_default")]
    pub hostname: Text<'a>,
}

only_from_an_object!(
    Service<'de>,
    ServiceSpec<'de>,
    ServicePort<'de>,
    ServiceStatus<'de>,
    LoadBalancer<'de>,
    Ingress<'de>
);
