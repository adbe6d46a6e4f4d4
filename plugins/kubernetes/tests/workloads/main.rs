//! Pods and what belongs to them: what of an object is read, and what the model says of it.

mod containers;
mod fixtures;
mod objects;
mod others;
mod owners;
mod pods;
mod uses;
mod values;

use std::collections::HashMap;

use gatherer_plugin_api::model;
use gatherer_plugin_kubernetes::map::{self, Owners, Warnings};
use gatherer_plugin_kubernetes::objects::{Controller, Pod};
use serde_json::Value;

/// A pod of which nothing else is known.
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

/// One warning about this object.
fn warned(object: &str, sentence: &str) -> Warnings {
    vec![(object.to_owned(), sentence.to_owned())]
}
