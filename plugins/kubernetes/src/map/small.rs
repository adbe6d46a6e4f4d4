//! Namespaces and service accounts; and what all objects around the nodes have in common.

use gatherer_plugin_api::model;
use gatherer_plugin_api::model::Timestamp;

use crate::objects::{Metadata, Namespace, ServiceAccount};

use super::{Warnings, known, moment};

/// The namespace that the object describes.
pub fn namespace(item: Namespace<'_>) -> (model::Namespace, Warnings) {
    let Namespace { metadata, status } = item;
    let mut warnings = Vec::new();
    let namespace = model::Namespace {
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
        phase: known(&status.phase),
        created_at: created_at(&metadata, &mut warnings),
        ..model::Namespace::default()
    };
    let warnings = named("Namespace", &metadata, warnings);
    (model::Namespace { labels: metadata.labels, ..namespace }, warnings)
}

/// The service account that the object describes.
pub fn service_account(item: ServiceAccount<'_>) -> model::ServiceAccount {
    let ServiceAccount { metadata } = item;
    model::ServiceAccount {
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
    }
}

pub(super) fn created_at(metadata: &Metadata<'_>, warnings: &mut Vec<String>) -> Option<Timestamp> {
    moment(&metadata.creation_timestamp, || "its creationTimestamp".to_owned(), warnings)
}

/// The sentences with the object that they are about. Names of one kind repeat in other namespaces,
/// and names of one namespace in other kinds.
pub(super) fn named(kind: &str, metadata: &Metadata<'_>, sentences: Vec<String>) -> Warnings {
    if sentences.is_empty() {
        return Vec::new();
    }
    let Metadata { namespace, name, .. } = metadata;
    let slash = if namespace.is_empty() { "" } else { "/" };
    let object = format!("{kind} {}{slash}{}", &**namespace, &**name);
    sentences.into_iter().map(|sentence| (object.clone(), sentence)).collect()
}

/// A number that has to fit. One that does not is left out with a warning, in which `what` names it.
pub(super) fn fitting<T: TryFrom<i64>>(
    number: Option<i64>,
    what: impl FnOnce() -> String,
    warnings: &mut Vec<String>,
) -> Option<T> {
    let fitting = T::try_from(number?).ok();
    if fitting.is_none() {
        warnings.push(format!("{} is left out, because it is out of range", what()));
    }
    fitting
}
