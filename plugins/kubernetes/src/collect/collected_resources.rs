//! The resources that are collected besides nodes.

use gatherer_plugin_api::GatherError;

use crate::client::{Client, Listed, Resource};
use crate::objects::{
    Controller, KeyedObject, Namespace, Pod, Service, ServiceAccount, VirtualMachine,
};

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
    NamespaceList => Namespace;
    ServiceAccountList => ServiceAccount;
    ControllerList => Controller;
    PodList => Pod;
    ServiceList => Service;
    KeyedObjectList => KeyedObject;
    VirtualMachineList => VirtualMachine;
}

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

/// Cron jobs, which are in `batch/v1` from Kubernetes 1.21 on and in `batch/v1beta1` before. Every server has
/// `batch/v1`, because it also contains jobs.
pub async fn cron_jobs(client: &Client<'_>) -> Result<Resource, GatherError> {
    for api_version in ["batch/v1", "batch/v1beta1"] {
        let resources = client.resources(api_version).await?;
        if resources.iter().any(|resource| resource == "cronjobs") {
            return Ok(Resource::new("CronJob", "a cron job", "cronjobs", api_version));
        }
    }
    Err(GatherError::protocol("the server has no cronjobs in batch/v1 or batch/v1beta1"))
}

/// KubeVirt's virtual machines that are running or starting; `None` if KubeVirt is not installed.
pub async fn virtual_machines(client: &Client<'_>) -> Result<Option<Resource>, GatherError> {
    let resource = Resource::new(
        "VirtualMachineInstance",
        "a virtual machine instance",
        "virtualmachineinstances",
        "",
    );
    for api_version in client.versions("kubevirt.io").await? {
        let resources = client.resources(&api_version).await?;
        if resources.iter().any(|name| name == resource.plural) {
            return Ok(Some(Resource { api_version: api_version.into(), ..resource }));
        }
    }
    // If only KubeVirt's operator is installed, the group exists without this resource.
    Ok(None)
}
