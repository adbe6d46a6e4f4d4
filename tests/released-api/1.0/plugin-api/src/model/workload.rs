//! What runs on a cluster besides its hosts and guests: pods, and the objects around them.
//!
//! An object is known by its `uid`. Names repeat, in other namespaces and in time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Container, Timestamp, is_false};

/// The workloads of an endpoint. Each list is one of its `collections`, where it stands whether
/// the list is whole; each is sorted by namespace, name and uid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Workloads {
    /// Collection `namespaces`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Namespace>,
    /// Collection `service-accounts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_accounts: Vec<ServiceAccount>,
    /// Collection `controllers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<Controller>,
    /// Collection `pods`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<Pod>,
    /// Collection `services`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// Collection `config-maps`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config_maps: Vec<ConfigMap>,
    /// Collection `secrets`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretKeys>,
}

impl Workloads {
    /// Whether there are none.
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
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// A principal that pods act as.
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

/// An object that another one belongs to, as an owner reference names it.
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

/// An object that makes and keeps pods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Controller {
    /// The namespace.
    pub namespace: String,
    /// The name, unique among its kind in the namespace at one time.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `ReplicaSet`, `Job`, `CronJob`,
    /// `ReplicationController`, or what the owner reference of a pod says.
    pub kind: String,
    /// How many pods it is to keep. A `Job` counts completions; a `CronJob` none. Absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<u32>,
    /// How many of its pods are ready; of a `Job`, how many have succeeded. Absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<u32>,
    /// What controls it in turn.
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
    /// The host that it is assigned to. Absent: none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<PodHost>,
    /// The pod's own addresses.
    #[serde(default, rename = "podIPs", skip_serializing_if = "Vec::is_empty")]
    pub pod_ips: Vec<String>,
    /// Its host's addresses; where the source tells one alone, that one.
    #[serde(default, rename = "hostIPs", skip_serializing_if = "Vec::is_empty")]
    pub host_ips: Vec<String>,
    /// The service account that it acts as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// The labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The top of the chain of controllers, as far as that is known: `Deployment` where a
    /// `ReplicaSet` of it made the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<Owner>,
    /// The chain of controllers, from the one that made the pod to the top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Owner>,
    /// True if nothing controls it: what is gone is not made again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bare: bool,
    /// True if its host's own files define it, and the object only mirrors it.
    #[serde(default, rename = "static", skip_serializing_if = "is_false")]
    pub is_static: bool,
    /// The containers: `init`, `app` and `ephemeral` ones, each kind in the source's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
}

/// The host of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PodHost {
    /// The `id` of the host. Absent: there is no host of that name among the endpoint's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name.
    pub name: String,
}

/// A pod that another object speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PodReference {
    /// The name.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
}

/// An address that stands for pods.
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
    /// The addresses within the cluster; `None` for a headless service.
    #[serde(default, rename = "clusterIPs", skip_serializing_if = "Vec::is_empty")]
    pub cluster_ips: Vec<String>,
    /// The addresses outside: those that it was given and those of its load balancer.
    #[serde(default, rename = "externalIPs", skip_serializing_if = "Vec::is_empty")]
    pub external_ips: Vec<String>,
    /// The ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
    /// The labels of the pods that it stands for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// The pods that its selector fits, whether ready or not, sorted by name and uid. Absent: the
    /// pods are not known, or it has no selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Vec<PodReference>>,
}

/// A port of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// The name, which a service of several ports gives each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The service's own port.
    pub port: u16,
    /// The pods' port: a number or the name of a container's port, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<String>,
    /// The port on every host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
}

/// A config map: its keys, never a value.
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

/// A secret: its type and keys, never a value.
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
    /// `Opaque`, `kubernetes.io/tls` and others.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The keys, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Where pods use it. Absent: the pods are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Vec<Use>>,
}

/// How a pod uses a config map or a secret. Neither `mountPath` nor `env`: the pod's images are
/// pulled with it, or it is a volume that no container mounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// The pod.
    pub pod: PodReference,
    /// The container, by its name. Absent: the pod as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Where it is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_path: Option<String>,
    /// What of the volume is mounted there. Absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    /// The environment variable that has a value of it; `*` where every key is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
}
