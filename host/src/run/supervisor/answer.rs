//! What an endpoint has answered.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{CollectionStatus, Guest, Host, Warning, Workloads};

/// A whole answer.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// The hosts with their guests.
    pub hosts: Vec<Host>,
    /// Guests on no host.
    pub detached_guests: Vec<Guest>,
    /// What else runs there.
    pub workloads: Workloads,
    /// The optional collections.
    pub collections: BTreeMap<String, CollectionStatus>,
    /// What does not fit, without making the answer untrue.
    pub warnings: Vec<Warning>,
    /// How many requests were repeated.
    pub retries: u32,
    /// What it takes of the memory that all answers share.
    pub memory_bytes: u64,
}
