//! Namespaces and service accounts.

use gatherer_plugin_api::model;

use crate::objects::{Namespace, ServiceAccount};

use super::fields::{created_at, unless_blank};
use super::warnings::{Warnings, about};

/// Maps a namespace.
pub fn namespace(item: Namespace<'_>) -> (model::Namespace, Warnings) {
    let Namespace { metadata, status, .. } = item;
    let mut problems = Vec::new();
    let namespace = model::Namespace {
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
        phase: unless_blank(status.phase),
        created_at: created_at(&metadata, &mut problems),
        ..model::Namespace::default()
    };
    let warnings = about("Namespace", &metadata, problems);
    (model::Namespace { labels: metadata.labels, ..namespace }, warnings)
}

/// Maps a service account.
pub fn service_account(item: ServiceAccount<'_>) -> model::ServiceAccount {
    let ServiceAccount { metadata, .. } = item;
    model::ServiceAccount {
        namespace: metadata.namespace.to_string(),
        name: metadata.name.to_string(),
        uid: metadata.uid.to_string(),
    }
}
