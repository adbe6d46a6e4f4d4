//! What makes and keeps pods: one type for the kinds of apps/v1, batch/v1 and core/v1, which count
//! their pods under different names.

use crate::json::{only_from_an_object, or_default};

use super::Metadata;

/// A Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob or ReplicationController.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(remote = "Self", default)]
pub struct Controller<'a> {
    /// What every object has.
    #[serde(borrow, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// What somebody wants of it.
    #[serde(deserialize_with = "or_default")]
    pub spec: ControllerSpec,
    /// What its controller says. Absent: that has not seen it yet.
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
    /// Of Deployments, StatefulSets, ReplicaSets and ReplicationControllers; a 0 is left out.
    pub ready_replicas: Option<i64>,
    /// Of DaemonSets.
    pub desired_number_scheduled: Option<i64>,
    /// Of DaemonSets.
    pub number_ready: Option<i64>,
    /// Of Jobs; a 0 is left out.
    pub succeeded: Option<i64>,
}

only_from_an_object!(Controller<'de>, ControllerSpec, ControllerStatus);
