//! Controllers of pods: one type for the kinds of apps/v1, batch/v1 and core/v1, which count their pods
//! in different fields. The types of k8s-openapi would parse a whole pod template for each.

use crate::json::only_from_an_object;

use super::api_object::ApiObject;

/// A Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob or ReplicationController. Its status is
/// absent until the controller has processed the object.
pub type Controller<'a> = ApiObject<'a, ControllerSpec, Option<ControllerStatus>>;

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

only_from_an_object!(ControllerSpec, ControllerStatus);
