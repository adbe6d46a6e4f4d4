//! Controllers of pods. Each kind counts its pods in different fields.

use gatherer_plugin_api::model;

use crate::objects::{Controller, ControllerSpec, ControllerStatus};

use super::fields::in_range;
use super::owners::{controlling, owner};
use super::warnings::{Warnings, about};

/// Maps a controller of this kind.
///
/// API servers omit `readyReplicas` and `succeeded` when they are 0, so they are 0 if the object has a
/// status without them. Every other missing count stays absent. A `Job` without `completions`
/// completes as often as its `parallelism`. A `CronJob` creates jobs and has no pods of its own.
pub fn controller(kind: &str, item: Controller<'_>) -> (model::Controller, Warnings) {
    let Controller { metadata, spec, status } = item;
    let ControllerSpec { replicas, completions, parallelism } = spec;
    let omitted_if_zero = |count: fn(ControllerStatus) -> Option<i64>| {
        status.map(|status| count(status).unwrap_or_default())
    };
    let mut problems = Vec::new();
    let mut count =
        |number, field: &str| in_range::<u32>(number, || field.to_owned(), &mut problems);
    let (desired_replicas, ready_replicas) = match kind {
        "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" => (
            count(replicas, "replicas"),
            count(omitted_if_zero(|status| status.ready_replicas), "readyReplicas"),
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
            count(omitted_if_zero(|status| status.succeeded), "succeeded"),
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
    (controller, about(kind, &metadata, problems))
}

/// A controller of a kind that is not listed, from the owner reference of an object that it controls.
pub fn unlisted_controller(namespace: &str, owner: &model::Owner) -> model::Controller {
    let model::Owner { kind, name, uid } = owner.clone();
    model::Controller { namespace: namespace.to_owned(), name, uid, kind, ..Default::default() }
}
