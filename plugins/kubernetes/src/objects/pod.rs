//! A Pod of core/v1.

use crate::json::{Text, items, only_from_an_object, or_default};

use super::api_object::{ApiObject, Present};

/// A Pod.
pub type Pod<'a> = ApiObject<'a, PodSpec<'a>, PodStatus<'a>>;

/// `spec`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// The node, once the pod was scheduled.
    #[serde(borrow, deserialize_with = "or_default")]
    pub node_name: Text<'a>,
    /// The service account of its processes.
    #[serde(borrow, deserialize_with = "or_default")]
    pub service_account_name: Text<'a>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub init_containers: Vec<ContainerSpec<'a>>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub containers: Vec<ContainerSpec<'a>>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub ephemeral_containers: Vec<ContainerSpec<'a>>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub volumes: Vec<Volume<'a>>,
    /// The secrets for pulling its images.
    #[serde(borrow, deserialize_with = "items")]
    pub image_pull_secrets: Vec<LocalObjectReference<'a>>,
}

/// A container in the specification.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ContainerSpec<'a> {
    /// Unique in the pod.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The image reference.
    #[serde(borrow, deserialize_with = "or_default")]
    pub image: Text<'a>,
    /// `Always` for an init container that is a sidecar.
    #[serde(borrow, deserialize_with = "or_default")]
    pub restart_policy: Text<'a>,
    /// In the order of the source. Literal values are skipped, because they are often passwords.
    #[serde(borrow, deserialize_with = "items")]
    pub env: Vec<EnvVar<'a>>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub env_from: Vec<EnvFrom<'a>>,
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub volume_mounts: Vec<VolumeMount<'a>>,
}

/// One of a container's `env`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct EnvVar<'a> {
    /// The name of the variable.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The source of its value.
    #[serde(borrow, deserialize_with = "or_default")]
    pub value_from: EnvVarSource<'a>,
}

/// `valueFrom`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct EnvVarSource<'a> {
    /// A key of a config map.
    #[serde(borrow, deserialize_with = "or_default")]
    pub config_map_key_ref: LocalObjectReference<'a>,
    /// A key of a secret.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret_key_ref: LocalObjectReference<'a>,
}

/// One of a container's `envFrom`: every key of the object becomes a variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct EnvFrom<'a> {
    /// A config map.
    #[serde(borrow, deserialize_with = "or_default")]
    pub config_map_ref: LocalObjectReference<'a>,
    /// A secret.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret_ref: LocalObjectReference<'a>,
}

/// One of a container's `volumeMounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct VolumeMount<'a> {
    /// The name of the volume.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The path in the container.
    #[serde(borrow, deserialize_with = "or_default")]
    pub mount_path: Text<'a>,
    /// The path in the volume.
    #[serde(borrow, deserialize_with = "or_default")]
    pub sub_path: Text<'a>,
    /// The path in the volume, with variables.
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
    /// A volume with the keys of a secret.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret: SecretVolume<'a>,
    /// A volume with the keys of a config map.
    #[serde(borrow, deserialize_with = "or_default")]
    pub config_map: LocalObjectReference<'a>,
    /// A volume that combines several sources.
    #[serde(borrow, deserialize_with = "or_default")]
    pub projected: Projected<'a>,
    /// A volume with the content of an image.
    #[serde(borrow, deserialize_with = "or_default")]
    pub image: ImageVolumeSource<'a>,
    /// A volume of a CSI driver.
    #[serde(borrow, deserialize_with = "or_default")]
    pub csi: CsiVolume<'a>,
    /// An Azure file share.
    #[serde(borrow, deserialize_with = "or_default")]
    pub azure_file: SecretVolume<'a>,
    /// A Ceph file system.
    #[serde(borrow, deserialize_with = "or_default")]
    pub cephfs: RemoteVolume<'a>,
    /// An OpenStack Cinder volume.
    #[serde(borrow, deserialize_with = "or_default")]
    pub cinder: RemoteVolume<'a>,
    /// A volume of a driver that is a program on the node.
    #[serde(borrow, deserialize_with = "or_default")]
    pub flex_volume: RemoteVolume<'a>,
    /// An iSCSI disk.
    #[serde(borrow, deserialize_with = "or_default")]
    pub iscsi: RemoteVolume<'a>,
    /// A Ceph block device.
    #[serde(borrow, deserialize_with = "or_default")]
    pub rbd: RemoteVolume<'a>,
    /// A ScaleIO volume.
    #[serde(rename = "scaleIO", borrow, deserialize_with = "or_default")]
    pub scale_io: RemoteVolume<'a>,
    /// A StorageOS volume.
    #[serde(borrow, deserialize_with = "or_default")]
    pub storageos: RemoteVolume<'a>,
}

impl Volume<'_> {
    /// The secret for logging in to the storage, for each kind of volume that has one; empty for every kind that
    /// this volume is not.
    pub fn login_secrets(&self) -> [&str; 9] {
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

/// A volume's `image`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct ImageVolumeSource<'a> {
    /// The image reference.
    #[serde(borrow, deserialize_with = "or_default")]
    pub reference: Text<'a>,
}

/// A volume's `csi`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct CsiVolume<'a> {
    /// The secret that the driver receives.
    #[serde(borrow, deserialize_with = "or_default")]
    pub node_publish_secret_ref: LocalObjectReference<'a>,
}

/// A volume on storage that requires a login.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct RemoteVolume<'a> {
    /// The secret for the login.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret_ref: LocalObjectReference<'a>,
}

/// A volume's `secret`, or its `azureFile`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct SecretVolume<'a> {
    /// The name of the secret. Other volumes call this member `name`.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret_name: Text<'a>,
}

/// A volume's `projected`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Projected<'a> {
    /// In the order of the source.
    #[serde(borrow, deserialize_with = "items")]
    pub sources: Vec<Projection<'a>>,
}

/// One of a volume's `projected.sources`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct Projection<'a> {
    /// The keys of a secret.
    #[serde(borrow, deserialize_with = "or_default")]
    pub secret: LocalObjectReference<'a>,
    /// The keys of a config map.
    #[serde(borrow, deserialize_with = "or_default")]
    pub config_map: LocalObjectReference<'a>,
}

/// A reference to an object in the pod's namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct LocalObjectReference<'a> {
    /// The name of the object.
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
    /// One per IP family.
    #[serde(rename = "podIPs", borrow, deserialize_with = "items")]
    pub pod_ips: Vec<Ip<'a>>,
    /// The first of `hostIPs`; servers before 1.28 have only this.
    #[serde(rename = "hostIP", borrow, deserialize_with = "or_default")]
    pub host_ip: Text<'a>,
    /// One per IP family.
    #[serde(rename = "hostIPs", borrow, deserialize_with = "items")]
    pub host_ips: Vec<Ip<'a>>,
    /// In any order; their names are those of the specification.
    #[serde(borrow, deserialize_with = "items")]
    pub init_container_statuses: Vec<ContainerStatus<'a>>,
    /// In any order; their names are those of the specification.
    #[serde(borrow, deserialize_with = "items")]
    pub container_statuses: Vec<ContainerStatus<'a>>,
    /// In any order; their names are those of the specification.
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

/// The status of a container, which the kubelet reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ContainerStatus<'a> {
    /// The name in the specification.
    #[serde(borrow, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// The image as the runtime names it.
    #[serde(borrow, deserialize_with = "or_default")]
    pub image: Text<'a>,
    /// The id of the image that runs. Empty before the container was started.
    #[serde(rename = "imageID", borrow, deserialize_with = "or_default")]
    pub image_id: Text<'a>,
    /// `<runtime>://<the runtime's id>`.
    #[serde(rename = "containerID", borrow, deserialize_with = "or_default")]
    pub container_id: Text<'a>,
    /// The state.
    #[serde(deserialize_with = "or_default")]
    pub state: ContainerStatusState,
    /// Whether the container passes its readiness probe.
    #[serde(deserialize_with = "or_default")]
    pub ready: bool,
    /// How often the container was restarted.
    pub restart_count: Option<i64>,
}

/// `state`: one of these members is present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct ContainerStatusState {
    /// The container has not started yet.
    pub waiting: Option<Present>,
    /// The container runs.
    pub running: Option<Present>,
    /// The container has ended.
    pub terminated: Option<Present>,
}

only_from_an_object!(
    PodSpec<'de>,
    ContainerSpec<'de>,
    EnvVar<'de>,
    EnvVarSource<'de>,
    EnvFrom<'de>,
    VolumeMount<'de>,
    Volume<'de>,
    ImageVolumeSource<'de>,
    CsiVolume<'de>,
    RemoteVolume<'de>,
    SecretVolume<'de>,
    Projected<'de>,
    Projection<'de>,
    LocalObjectReference<'de>,
    PodStatus<'de>,
    Ip<'de>,
    ContainerStatus<'de>,
    ContainerStatusState
);
