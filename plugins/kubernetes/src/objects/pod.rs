//! A Pod of core/v1.

use crate::json::{Text, items, only_from_an_object, or_default};

use super::{Metadata, Present};

/// A Pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Pod<'a> {
    /// What every object has.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// What somebody wants of it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub spec: PodSpec<'a>,
    /// What its kubelet says.
    #[serde(borrow, deserialize_with = "or_default")]
    pub status: PodStatus<'a>,
}

/// `spec`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// The node that it is assigned to.
    #[serde(borrow, deserialize_with = "or_default")]
    pub node_name: Text<'a>,
    /// The service account that it acts as.
    #[serde(borrow, deserialize_with = "or_default")]
    pub service_account_name: Text<'a>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub init_containers: Vec<ContainerSpec<'a>>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub containers: Vec<ContainerSpec<'a>>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub ephemeral_containers: Vec<ContainerSpec<'a>>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub volumes: Vec<Volume<'a>>,
    /// The secrets that its images are pulled with.
    #[serde(borrow, deserialize_with = "items")]
    pub image_pull_secrets: Vec<Named<'a>>,
}

/// A container, as somebody wants it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ContainerSpec<'a> {
    /// Unique in the pod.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// A reference.
    #[serde(borrow, deserialize_with = "or_default")]
    pub image: Text<'a>,
    /// In the source's order, without the values that are written there: passwords, often.
    #[serde(borrow, deserialize_with = "items")]
    pub env: Vec<EnvVar<'a>>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub env_from: Vec<EnvFrom<'a>>,
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub volume_mounts: Vec<VolumeMount<'a>>,
}

/// One of a container's `env`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct EnvVar<'a> {
    /// The variable.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// Where its value comes from.
    #[serde(borrow, deserialize_with = "or_default")]
    pub value_from: EnvVarSource<'a>,
}

/// `valueFrom`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct EnvVarSource<'a> {
    /// A config map's key.
    #[serde(borrow, deserialize_with = "or_default")]
    pub config_map_key_ref: Named<'a>,
    /// A secret's key.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret_key_ref: Named<'a>,
}

/// One of a container's `envFrom`: every key is a variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct EnvFrom<'a> {
    /// A config map.
    #[serde(borrow, deserialize_with = "or_default")]
    pub config_map_ref: Named<'a>,
    /// A secret.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret_ref: Named<'a>,
}

/// One of a container's `volumeMounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct VolumeMount<'a> {
    /// The volume's.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// Where in the container.
    #[serde(borrow, deserialize_with = "or_default")]
    pub mount_path: Text<'a>,
    /// What of the volume.
    #[serde(borrow, deserialize_with = "or_default")]
    pub sub_path: Text<'a>,
    /// The same with variables in it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub sub_path_expr: Text<'a>,
}

/// One of `spec.volumes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Volume<'a> {
    /// Unique in the pod.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// It has a secret's keys.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret: SecretVolume<'a>,
    /// It has a config map's keys.
    #[serde(borrow, deserialize_with = "or_default")]
    pub config_map: Named<'a>,
    /// It is put together of several.
    #[serde(borrow, deserialize_with = "or_default")]
    pub projected: Projected<'a>,
    /// A driver of the cluster's own mounts it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub csi: CsiVolume<'a>,
    /// A share of Azure's.
    #[serde(borrow, deserialize_with = "or_default")]
    pub azure_file: SecretVolume<'a>,
    /// Ceph's file system.
    #[serde(borrow, deserialize_with = "or_default")]
    pub cephfs: RemoteVolume<'a>,
    /// OpenStack's.
    #[serde(borrow, deserialize_with = "or_default")]
    pub cinder: RemoteVolume<'a>,
    /// Of a driver that is a program on the node.
    #[serde(borrow, deserialize_with = "or_default")]
    pub flex_volume: RemoteVolume<'a>,
    /// A disk behind iSCSI.
    #[serde(borrow, deserialize_with = "or_default")]
    pub iscsi: RemoteVolume<'a>,
    /// Ceph's block device.
    #[serde(borrow, deserialize_with = "or_default")]
    pub rbd: RemoteVolume<'a>,
    /// ScaleIO's.
    #[serde(rename = "scaleIO", borrow, deserialize_with = "or_default")]
    pub scale_io: RemoteVolume<'a>,
    /// StorageOS's.
    #[serde(borrow, deserialize_with = "or_default")]
    pub storageos: RemoteVolume<'a>,
}

impl Volume<'_> {
    /// The secret that it is logged in with where its storage is, for each kind of such storage:
    /// empty if it is of another kind.
    pub fn logins(&self) -> [&str; 9] {
        [
            &self.csi.node_publish_secret_ref.name,
            &self.azure_file.secret_name,
            &self.cephfs.secret_ref.name,
            &self.cinder.secret_ref.name,
            &self.flex_volume.secret_ref.name,
            &self.iscsi.secret_ref.name,
            &self.rbd.secret_ref.name,
            &self.scale_io.secret_ref.name,
            &self.storageos.secret_ref.name,
        ]
    }
}

/// A volume's `csi`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct CsiVolume<'a> {
    /// The secret that its driver is given.
    #[serde(borrow, deserialize_with = "or_default")]
    pub node_publish_secret_ref: Named<'a>,
}

/// A volume of storage that one logs in to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct RemoteVolume<'a> {
    /// The secret that it is logged in with.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret_ref: Named<'a>,
}

/// A volume's `secret`, or its `azureFile`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct SecretVolume<'a> {
    /// The secret. Elsewhere it is called `name`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret_name: Text<'a>,
}

/// A volume's `projected`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Projected<'a> {
    /// In the source's order.
    #[serde(borrow, deserialize_with = "items")]
    pub sources: Vec<Projection<'a>>,
}

/// One of a volume's `projected.sources`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Projection<'a> {
    /// A secret's keys.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret: Named<'a>,
    /// A config map's keys.
    #[serde(borrow, deserialize_with = "or_default")]
    pub config_map: Named<'a>,
}

/// A reference to an object of the pod's namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Named<'a> {
    /// Its name.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
}

/// `status`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct PodStatus<'a> {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub phase: Text<'a>,
    /// The first of `podIPs`.
    #[serde(rename = "podIP", borrow, deserialize_with = "or_default")]
    pub pod_ip: Text<'a>,
    /// One for each IP family.
    #[serde(rename = "podIPs", borrow, deserialize_with = "items")]
    pub pod_ips: Vec<Ip<'a>>,
    /// The first of `hostIPs`, and all that servers before 1.28 tell.
    #[serde(rename = "hostIP", borrow, deserialize_with = "or_default")]
    pub host_ip: Text<'a>,
    /// One for each IP family.
    #[serde(rename = "hostIPs", borrow, deserialize_with = "items")]
    pub host_ips: Vec<Ip<'a>>,
    /// By name, not in the specification's order.
    #[serde(borrow, deserialize_with = "items")]
    pub init_container_statuses: Vec<ContainerStatus<'a>>,
    /// By name, not in the specification's order.
    #[serde(borrow, deserialize_with = "items")]
    pub container_statuses: Vec<ContainerStatus<'a>>,
    /// By name, not in the specification's order.
    #[serde(borrow, deserialize_with = "items")]
    pub ephemeral_container_statuses: Vec<ContainerStatus<'a>>,
}

/// One of `status.podIPs` and `status.hostIPs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Ip<'a> {
    /// The address.
    #[serde(borrow, deserialize_with = "or_default")]
    pub ip: Text<'a>,
}

/// A container, as its kubelet sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ContainerStatus<'a> {
    /// That of the specification.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The image in the runtime's words.
    #[serde(borrow, deserialize_with = "or_default")]
    pub image: Text<'a>,
    /// What of it runs. Empty before it was started.
    #[serde(rename = "imageID", borrow, deserialize_with = "or_default")]
    pub image_id: Text<'a>,
    /// `<runtime>://<its own id>`.
    #[serde(rename = "containerID", borrow, deserialize_with = "or_default")]
    pub container_id: Text<'a>,
    /// What it is doing.
    #[serde(deserialize_with = "or_default")]
    pub state: ContainerStatusState,
    /// Whether it is ready to serve.
    #[serde(deserialize_with = "or_default")]
    pub ready: bool,
    /// How often it was started again.
    pub restart_count: Option<i64>,
}

/// `state`: one of these is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct ContainerStatusState {
    /// It is to be started.
    pub waiting: Option<Present>,
    /// It runs.
    pub running: Option<Present>,
    /// It has ended.
    pub terminated: Option<Present>,
}

only_from_an_object!(
    Pod<'de>,
    PodSpec<'de>,
    ContainerSpec<'de>,
    EnvVar<'de>,
    EnvVarSource<'de>,
    EnvFrom<'de>,
    VolumeMount<'de>,
    Volume<'de>,
    CsiVolume<'de>,
    RemoteVolume<'de>,
    SecretVolume<'de>,
    Projected<'de>,
    Projection<'de>,
    Named<'de>,
    PodStatus<'de>,
    Ip<'de>,
    ContainerStatus<'de>,
    ContainerStatusState
);
