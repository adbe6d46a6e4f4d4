//! The kinds of objects that are listed: the resource to request, and the type of the items.

use serde::de::Deserialize;

use super::api_object::{Namespace, Service, ServiceAccount};
use super::controller::Controller;
use super::keyed_object::KeyedObject;
use super::node::Node;
use super::pod::Pod;
use super::resource::Resource;
use super::virtual_machine::VirtualMachine;

/// A type of list, with the item type that its pages are deserialized into.
pub trait Listed: Send + Sync + 'static {
    /// One item, borrowed from its page.
    type Item<'de>: Deserialize<'de>;
    /// The name and the uid of an item.
    fn identity<'a>(item: &'a Self::Item<'_>) -> (&'a str, &'a str);
}

macro_rules! list_types {
    ($($list:ident => $item:ident;)+) => { $(
        #[doc = concat!("A list whose items are parsed as [`", stringify!($item), "`].")]
        pub struct $list;

        impl Listed for $list {
            type Item<'de> = $item<'de>;

            fn identity<'a>(item: &'a $item<'_>) -> (&'a str, &'a str) {
                (&item.metadata.name, &item.metadata.uid)
            }
        }
    )+ };
}

list_types! {
    NodeList => Node;
    NamespaceList => Namespace;
    ServiceAccountList => ServiceAccount;
    ControllerList => Controller;
    PodList => Pod;
    ServiceList => Service;
    KeyedObjectList => KeyedObject;
    VirtualMachineList => VirtualMachine;
}

/// `nodes`
pub const NODES: Resource = Resource::new("Node", "a node", "nodes", "v1");
/// `namespaces`
pub const NAMESPACES: Resource = Resource::new("Namespace", "a namespace", "namespaces", "v1");
/// `serviceaccounts`
pub const SERVICE_ACCOUNTS: Resource =
    Resource::new("ServiceAccount", "a service account", "serviceaccounts", "v1");
/// `pods`
pub const PODS: Resource = Resource::new("Pod", "a pod", "pods", "v1");
/// `services`
pub const SERVICES: Resource = Resource::new("Service", "a service", "services", "v1");
/// `configmaps`
pub const CONFIG_MAPS: Resource =
    Resource::new("ConfigMap", "a config map", "configmaps", "v1").secret();
/// `secrets`
pub const SECRETS: Resource = Resource::new("Secret", "a secret", "secrets", "v1").secret();

/// The controllers whose API version is the same in every cluster.
pub const CONTROLLERS: [Resource; 6] = [
    Resource::new("Deployment", "a deployment", "deployments", "apps/v1"),
    Resource::new("StatefulSet", "a stateful set", "statefulsets", "apps/v1"),
    Resource::new("DaemonSet", "a daemon set", "daemonsets", "apps/v1"),
    Resource::new("ReplicaSet", "a replica set", "replicasets", "apps/v1"),
    Resource::new("Job", "a job", "jobs", "batch/v1"),
    Resource::new(
        "ReplicationController",
        "a replication controller",
        "replicationcontrollers",
        "v1",
    ),
];
