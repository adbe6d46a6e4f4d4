//! Pods and the other objects besides nodes: how they are parsed and mapped, kind by kind.

mod containers;
mod controllers;
mod fixtures;
mod namespaces;
mod owners;
mod parsing;
mod pods;
mod secret_values;
mod services;
mod uses;
mod virtual_machines;

use std::collections::HashMap;

use gatherer_plugin_api::model;
use gatherer_plugin_kubernetes::map::{
    self, IgnoredBecause, ObjectWarning, Owners, Problem, Warnings,
};
use gatherer_plugin_kubernetes::objects::{Controller, Pod};
use serde_json::Value;

/// Maps a pod without knowledge of any controller.
fn pod(pod: &Value) -> (model::Pod, Warnings) {
    owned_pod(pod, &Owners::new())
}

fn owned_pod(pod: &Value, owners: &Owners) -> (model::Pod, Warnings) {
    let text = pod.to_string();
    let pod = serde_json::from_str::<Pod<'_>>(&text).expect("a pod");
    map::pod(pod, owners, &HashMap::new())
}

fn controller(kind: &str, controller: &Value) -> (model::Controller, Warnings) {
    let text = controller.to_string();
    map::controller(kind, serde_json::from_str::<Controller<'_>>(&text).expect("a controller"))
}

/// The single warning that this field of this object is ignored.
fn ignored(object: &str, field: &str, because: IgnoredBecause) -> Warnings {
    let problem = Problem::Ignored { field: field.to_owned(), because };
    vec![ObjectWarning { object: object.to_owned(), problem }]
}
