//! Controllers of pods: one type for the kinds of apps/v1, batch/v1 and core/v1, which count their pods
//! in different fields.

use crate::json::{only_from_an_object, or_default};

use super::ObjectMeta;

/// A Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob or ReplicationController.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Controller<'a> {
    /// The metadata.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: ObjectMeta<'a>,
    /// The desired state.
    #[serde(deserialize_with = "or_default")]
    pub spec: ControllerSpec,
    /// The observed state; absent until the controller has processed the object.
    pub status: Option<ControllerStatus>,
}

/// `spec`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct ControllerSpec {
    /// Of Deployments, StatefulSets, ReplicaSets and ReplicationControllers.
    pub replicas: Option<i64>,
    /// Of Jobs.
    pub completions: Option<i64>,
    /// Of Jobs.
    pub parallelism: Option<i64>,
}

/// `status`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default, rename_all = "camelCase")]
pub struct ControllerStatus {
    /// Of Deployments, StatefulSets, ReplicaSets and ReplicationControllers; omitted if 0.
    pub ready_replicas: Option<i64>,
    /// Of DaemonSets.
    pub desired_number_scheduled: Option<i64>,
    /// Of DaemonSets.
    pub number_ready: Option<i64>,
    /// Of Jobs; omitted if 0.
    pub succeeded: Option<i64>,
}

only_from_an_object!(Controller<'de>, ControllerSpec, ControllerStatus);
