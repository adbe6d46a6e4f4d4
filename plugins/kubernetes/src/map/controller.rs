//! Controllers: each kind counts its pods under names of its own.

use gatherer_plugin_api::model;

use crate::objects::{Controller, ControllerSpec, ControllerStatus};

use super::Warnings;
use super::owner::{controlling, owner};
use super::small::{fitting, named};

/// The controller that an object of this kind describes.
///
/// Servers leave a count of 0 out of `readyReplicas` and `succeeded`: where there is a status they
/// are 0. All else that is absent stays absent. A `Job` without `completions` is to have as many as
/// it runs at once. A `CronJob` keeps no pods itself.
pub fn controller(kind: &str, item: Controller<'_>) -> (model::Controller, Warnings) {
    let Controller { metadata, spec, status } = item;
    let ControllerSpec { replicas, completions, parallelism } = spec;
    let counted = |count: fn(ControllerStatus) -> Option<i64>| {
        status.map(|status| count(status).unwrap_or_default())
    };
    let mut warnings = Vec::new();
    let mut count =
        |number, what: &str| fitting::<u32>(number, || format!("its {what}"), &mut warnings);
    let (desired_replicas, ready_replicas) = match kind {
        "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" => (
            count(replicas, "replicas"),
            count(counted(|status| status.ready_replicas), "readyReplicas"),
        ),
        "DaemonSet" => (
            count(
                status.and_then(|status| status.desired_number_scheduled),
                "desiredNumberScheduled",
            ),
            count(status.and_then(|status| status.number_ready), "numberReady"),
        ),
        "Job" => (
            count(completions.or(parallelism), "completions"),
            count(counted(|status| status.succeeded), "succeeded"),
        ),
        _ => (None, None),
    };
    let controller = model::Controller {
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
        kind: kind.to_owned(),
        desired_replicas,
        ready_replicas,
        owner: controlling(&metadata.owner_references).map(owner),
    };
    (controller, named(kind, &metadata, warnings))
}

/// A controller of a kind that is not listed, as the reference of what it controls names it.
pub fn unlisted_controller(namespace: &str, owner: &model::Owner) -> model::Controller {
    let model::Owner { kind, name, uid } = owner.clone();
    model::Controller { namespace: namespace.to_owned(), name, uid, kind, ..Default::default() }
}
