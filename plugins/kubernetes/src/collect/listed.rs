//! The resources that are collected besides nodes.

use gatherer_plugin_api::GatherError;

use crate::client::{Client, Listed, Resource};
use crate::objects::{Controller, Keyed, Machine, Namespace, Pod, Service, ServiceAccount};

macro_rules! listed {
    ($($list:ident => $item:ident;)+) => { $(
        #[doc = concat!("A list whose items are read as [`", stringify!($item), "`].")]
        pub struct $list;

        impl Listed for $list {
            type Item<'de> = $item<'de>;

            fn identity<'a>(item: &'a $item<'_>) -> (&'a str, &'a str) {
                (&item.metadata.name, &item.metadata.uid)
            }
        }
    )+ };
}

listed! {
    Namespaces => Namespace;
    ServiceAccounts => ServiceAccount;
    Controllers => Controller;
    Pods => Pod;
    Services => Service;
    KeyedObjects => Keyed;
    Machines => Machine;
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

/// The controllers whose version is the same in every cluster.
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

/// Cron jobs: of `batch/v1` from Kubernetes 1.21 on, of `batch/v1beta1` before. All servers have
/// `batch/v1`, because jobs are in it, and one of the two has cron jobs.
pub async fn cron_jobs(client: &Client<'_>) -> Result<Resource, GatherError> {
    for api_version in ["batch/v1", "batch/v1beta1"] {
        let resources = client.resources(api_version).await?;
        if resources.iter().any(|resource| resource == "cronjobs") {
            return Ok(Resource::new("CronJob", "a cron job", "cronjobs", api_version));
        }
    }
    Err(GatherError::protocol("the server has cron jobs neither in batch/v1 nor in batch/v1beta1"))
}

/// KubeVirt's virtual machines that run or are about to; none where it is not installed.
pub async fn machines(client: &Client<'_>) -> Result<Option<Resource>, GatherError> {
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
    // Of KubeVirt's operator alone, the group has other resources.
    Ok(None)
}
