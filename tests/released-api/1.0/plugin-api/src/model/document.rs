//! The document and its endpoints: what was asked, and whether the answer is whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Guest, Host, Timestamp, Workloads};
use crate::GatherError;

/// The version of the inventory schema, `major.minor`. A minor version only adds members.
pub const SCHEMA_VERSION: &str = "1.1";

/// One run's result: every endpoint of the request, each whole or marked failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The version of this document's schema, `major.minor`; a reader accepts any minor
    /// version of the major version that it knows.
    pub schema_version: String,
    /// The program that wrote the document.
    pub generator: Software,
    /// When the run took place. Left out by `--no-run-info`, so that equal answers give equal bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunInfo>,
    /// The endpoints of the request, sorted by id.
    pub endpoints: Vec<EndpointResult>,
}

/// A program or a library with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Software {
    /// The name, as its makers write it.
    pub name: String,
    /// The version, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// When a run began and ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunInfo {
    /// The moment at which the request had been read.
    pub started_at: Timestamp,
    /// The moment at which the last endpoint had been answered or given up.
    pub finished_at: Timestamp,
}

/// The answer of one endpoint: whole, or failed with a reason and without hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EndpointResult {
    /// The id that the request gave the endpoint, or a fresh UUID.
    pub id: String,
    /// The module that the request named. Absent where it named none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The plugin that served the endpoint. Absent where none was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Software>,
    /// Whether `hosts` is the whole truth.
    pub status: EndpointStatus,
    /// Why the endpoint failed. Present exactly if `status` is `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<GatherError>,
    /// The hosts, sorted by id. Empty where the endpoint failed.
    #[serde(default)]
    pub hosts: Vec<Host>,
    /// Guests on no host: not yet placed, or on one that the source does not tell. Sorted by id
    /// and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detached_guests: Vec<Guest>,
    /// What runs on the hosts besides guests. Empty where the endpoint failed.
    #[serde(default, skip_serializing_if = "Workloads::is_empty")]
    pub workloads: Workloads,
    /// Optional collections (a cluster's pods, say) and whether each is whole: losing one of
    /// them does not lose the hosts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub collections: BTreeMap<String, CollectionStatus>,
    /// What was odd but did not make the answer untrue, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// What differs from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<EndpointRun>,
}

impl EndpointResult {
    /// A failed result without anything yet.
    pub fn new(id: String, module: Option<String>, plugin: Option<Software>) -> Self {
        Self {
            id,
            module,
            plugin,
            status: EndpointStatus::Failed,
            error: None,
            hosts: Vec::new(),
            detached_guests: Vec::new(),
            workloads: Workloads::default(),
            collections: BTreeMap::new(),
            warnings: Vec::new(),
            run: None,
        }
    }
}

/// Whether an endpoint's answer is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum EndpointStatus {
    /// Every host and guest that the endpoint has is listed; there may truly be none.
    Complete,
    /// The endpoint could not be read to its end; nothing may be concluded from absence.
    Failed,
}

/// Whether one optional collection is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CollectionStatus {
    /// Whether every item is listed.
    // The schema has the two words once, as long as they are the same.
    #[cfg_attr(feature = "schema", schemars(with = "EndpointStatus"))]
    pub status: Completeness,
    /// Why the collection is not whole. Present exactly if `status` is `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<GatherError>,
}

/// Whether a collection is whole: the same two words as an endpoint's, today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Completeness {
    /// Every item that the endpoint has is listed; there may truly be none.
    Complete,
    /// The collection could not be read to its end, and no item of it is listed.
    Failed,
}

/// Something odd about one object that did not make the answer untrue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// What it is about: a host's or guest's name, a parameter, a URL without secrets.
    pub object: String,
    /// One sentence for the operator.
    pub message: String,
}

/// What of an endpoint's answer differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EndpointRun {
    /// The moment at which the endpoint's worker was started.
    pub started_at: Timestamp,
    /// From the worker's start to its last frame, in milliseconds.
    pub duration_ms: u64,
    /// How many requests the plugin had to repeat. Absent where the endpoint failed: its error
    /// says it where it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
}
