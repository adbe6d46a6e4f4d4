//! The answer of one endpoint.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{CollectionStatus, Guest, Host, Warning, Workloads};

/// A complete answer.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// The hosts with their guests.
    pub hosts: Vec<Host>,
    /// Guests that run on no host.
    pub detached_guests: Vec<Guest>,
    /// Pods, services and other workloads.
    pub workloads: Workloads,
    /// The state of each optional collection.
    pub collections: BTreeMap<String, CollectionStatus>,
    /// Warnings about objects of the endpoint.
    pub warnings: Vec<Warning>,
    /// How many requests the plugin repeated.
    pub retries: u32,
    /// How much of the memory budget the answer uses.
    pub memory_bytes: u64,
}
