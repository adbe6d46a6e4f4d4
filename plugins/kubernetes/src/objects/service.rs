//! A Service of core/v1.

use std::collections::BTreeMap;

use crate::json::{Text, items, only_from_an_object, or_default, texts};

use super::{NumberOrText, ObjectMeta};

/// A Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Service<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: ObjectMeta<'a>,
    /// The desired state.
    #[serde(borrow, deserialize_with = "or_default")]
    pub spec: ServiceSpec<'a>,
    /// The observed state.
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
    /// The first of `clusterIPs`; servers before 1.20 have only this.
    #[serde(rename = "clusterIP", borrow, deserialize_with = "or_default")]
    pub cluster_ip: Text<'a>,
    /// One per IP family.
    #[serde(rename = "clusterIPs", borrow, deserialize_with = "items")]
    pub cluster_ips: Vec<Text<'a>>,
    /// Addresses that are routed to the nodes without Kubernetes.
    #[serde(rename = "externalIPs", borrow, deserialize_with = "items")]
    pub external_ips: Vec<Text<'a>>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub ports: Vec<ServicePort<'a>>,
    /// The labels that its pods must have.
    #[serde(deserialize_with = "texts")]
    pub selector: BTreeMap<String, String>,
}

/// One of `spec.ports`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ServicePort<'a> {
    /// The name; optional if the service has one port.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub protocol: Text<'a>,
    /// The port of the service.
    pub port: Option<i64>,
    /// The port of the pods: a number, or the name of a container's port.
    #[serde(borrow)]
    pub target_port: Option<NumberOrText<'a>>,
    /// The port on every node.
    pub node_port: Option<i64>,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ServiceStatus<'a> {
    /// For services of type `LoadBalancer`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub load_balancer: LoadBalancer<'a>,
}

/// `status.loadBalancer`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct LoadBalancer<'a> {
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub ingress: Vec<Ingress<'a>>,
}

/// One of `status.loadBalancer.ingress`: an address or a host name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Ingress<'a> {
    /// The address.
    #[serde(borrow, deserialize_with = "or_default")]
    pub ip: Text<'a>,
    /// The host name. Amazon's load balancers have no address here.
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
