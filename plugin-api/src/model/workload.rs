//! The workloads of a cluster besides hosts and guests: pods and related objects.
//!
//! The `uid` identifies an object. The same name can occur in other namespaces and be reused later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Container, RequestedImage, Timestamp, is_false};

/// The workloads of an endpoint. Each list belongs to one of the endpoint's `collections`, which
/// records whether the list is complete. Lists are sorted by namespace, name and uid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Workloads {
    /// The items of the collection `namespaces`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// The items of the collection `service-accounts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_accounts: Vec<ServiceAccount>,
    /// The items of the collection `controllers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<Controller>,
    /// The items of the collection `pods`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<Pod>,
    /// The items of the collection `services`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// The items of the collection `config-maps`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config_maps: Vec<ConfigMap>,
    /// The items of the collection `secrets`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretKeys>,
}

impl Workloads {
    /// Whether all lists are empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Namespace {
    /// The name, unique in the cluster at one time.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// The labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `Active` or `Terminating`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// A service account: the identity that pods use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccount {
    /// The namespace.
    pub namespace: String,
    /// The name, unique in the namespace at one time.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
}

/// The owner of an object, as an owner reference names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The kind: `ReplicaSet`.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
}

/// A controller: an object that creates and maintains pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Controller {
    /// The namespace.
    pub namespace: String,
    /// The name, unique in its kind and namespace at one time.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `ReplicaSet`, `Job`, `CronJob`,
    /// `ReplicationController`, or the kind in the owner reference of a pod.
    pub kind: String,
    /// The desired number of pods; for a `Job`, of completions. A `CronJob` has none. Absent if
    /// unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<u32>,
    /// The number of pods that are ready; for a `Job`, that have succeeded. Absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<u32>,
    /// The object that controls this controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// A pod: containers that share one host and one network address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// The namespace.
    pub namespace: String,
    /// The name, unique in the namespace at one time.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The host that the pod is assigned to. Absent if it is not assigned yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<PodHost>,
    /// The pod's own addresses.
    #[serde(default, rename = "podIPs", skip_serializing_if = "Vec::is_empty")]
    pub pod_ips: Vec<String>,
    /// The addresses of the pod's host; only one if the source reports only one.
    #[serde(default, rename = "hostIPs", skip_serializing_if = "Vec::is_empty")]
    pub host_ips: Vec<String>,
    /// The service account of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// The labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it is to be removed at the latest. Present if it is being deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Timestamp>,
    /// The topmost known controller: for example the `Deployment` of the `ReplicaSet` that created
    /// the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<Owner>,
    /// The chain of controllers, from the one that created the pod to the topmost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Owner>,
    /// True if no controller recreates the pod when it is gone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bare: bool,
    /// True for a static pod: a file on its host defines it, and the object only mirrors it.
    #[serde(default, rename = "static", skip_serializing_if = "is_false")]
    pub is_static: bool,
    /// The containers: first `init` and `sidecar` ones, then `app` and then `ephemeral` ones, each in the
    /// source's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// The volumes whose content is an image, in the source's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_volumes: Vec<ImageVolume>,
}

/// A volume whose content is an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageVolume {
    /// The name, unique among the volumes of its pod.
    pub name: String,
    /// The image.
    pub requested_image: RequestedImage,
}

/// The host of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PodHost {
    /// The `id` of the host. Absent if the endpoint has no host with that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name.
    pub name: String,
}

/// A reference from another object to a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PodReference {
    /// The name.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
}

/// A service: an address that represents pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// The namespace.
    pub namespace: String,
    /// The name, unique in the namespace at one time.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The addresses inside the cluster; the text `None` for a headless service.
    #[serde(default, rename = "clusterIPs", skip_serializing_if = "Vec::is_empty")]
    pub cluster_ips: Vec<String>,
    /// The external addresses: those in its specification and those of its load balancer.
    #[serde(default, rename = "externalIPs", skip_serializing_if = "Vec::is_empty")]
    pub external_ips: Vec<String>,
    /// The ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
    /// The labels that select the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// The pods that the selector matches, ready or not, sorted by name and uid. Absent if the pods
    /// are unknown or the service has no selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Vec<PodReference>>,
}

/// A port of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// The name. Every port of a service with several ports has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The port of the service.
    pub port: u16,
    /// The port of the pods, as text: a number or the name of a container's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<String>,
    /// The port on every host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
}

/// A config map with its keys, never with values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConfigMap {
    /// The namespace.
    pub namespace: String,
    /// The name, unique in the namespace at one time.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// The keys, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Where pods use it. Absent: the pods are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Vec<Use>>,
}

/// A secret with its type and keys, never with values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SecretKeys {
    /// The namespace.
    pub namespace: String,
    /// The name, unique in the namespace at one time.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// The type, for example `Opaque` or `kubernetes.io/tls`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The keys, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Where pods use it. Absent: the pods are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Vec<Use>>,
}

/// How a pod uses a config map or a secret. If neither `mountPath` nor `env` is present, it is used to
/// pull the pod's images, or it is a volume that no container mounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// The pod.
    pub pod: PodReference,
    /// The name of the container. Absent if the pod as a whole uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The path at which it is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_path: Option<String>,
    /// The path inside the volume that is mounted there. Absent if the whole volume is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    /// The environment variable that is set from it; `*` if every key becomes a variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
}
