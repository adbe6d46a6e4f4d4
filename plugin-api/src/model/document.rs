//! The inventory document and the results of its endpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Guest, Host, Link, Timestamp, Workloads, collection_names};
use crate::{Expiry, GatherError};

/// The version of the inventory schema, `major.minor`. A minor version only adds members.
pub const SCHEMA_VERSION: &str = "1.8";

/// The result of a run: every endpoint of the request, either complete or marked as failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The version of this document's schema, `major.minor`. A reader should accept any minor
    /// version of a major version that it supports.
    pub schema_version: String,
    /// The program that wrote the document.
    pub generator: Software,
    /// When the run took place. `--no-run-info` omits it, so that equal answers give equal bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunInfo>,
    /// Which part of the request the run asked (`--shard`). The endpoints of the other shards are not in the document,
    /// and it has no links, because these may lead to other shards. Since version 1.8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The endpoints of the request, sorted by id.
    pub endpoints: Vec<EndpointResult>,
    /// Which hosts and guests of the complete endpoints are the same machine, and on which hosts these run, sorted. Since
    /// version 1.7.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// A program or library with its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Software {
    /// The name, as its vendor writes it.
    pub name: String,
    /// The version, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// One of the parts into which several runs divide the endpoints of a request, by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    /// The number of the shard, counted from 0.
    pub index: u32,
    /// How many shards there are.
    pub count: u32,
}

/// The start and end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunInfo {
    /// When the program had read the request.
    pub started_at: Timestamp,
    /// When the last endpoint had answered or failed.
    pub finished_at: Timestamp,
}

/// The result of one endpoint: complete, or failed with an error and without hosts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EndpointResult {
    /// The endpoint's id in the request, or a generated UUID if it has none.
    pub id: String,
    /// The endpoint's module in the request. Absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The plugin that gathered from the endpoint. Absent if none was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Software>,
    /// Whether `hosts` is complete.
    pub status: EndpointStatus,
    /// Why the endpoint failed. Present if and only if `status` is `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<GatherError>,
    /// The hosts, sorted by id. Empty if the endpoint failed.
    #[serde(default)]
    pub hosts: Vec<Host>,
    /// Guests without a host: not placed yet, or on a host that the source does not report. Sorted
    /// by id and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detached_guests: Vec<Guest>,
    /// What runs on the hosts besides guests. Empty if the endpoint failed.
    #[serde(default, skip_serializing_if = "Workloads::is_empty")]
    pub workloads: Workloads,
    /// Optional collections, for example a cluster's pods, and whether each is complete. An
    /// incomplete collection does not fail the endpoint. Since version 1.3 a status is also listed under the name of the
    /// collection's list: `configMaps` as well as `config-maps`.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        serialize_with = "collection_names::serialize",
        deserialize_with = "collection_names::deserialize"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, CollectionStatus>"))]
    pub collections: BTreeMap<String, CollectionStatus>,
    /// How many objects the filters of the endpoint left out. Present if a complete endpoint has filters.
    /// Since version 1.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filtered: Option<Filtered>,
    /// Unusual findings that do not make the answer wrong, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Data that differ from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<EndpointRun>,
}

impl EndpointResult {
    /// A failed result without an error, hosts or any other data yet.
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
            filtered: None,
            warnings: Vec::new(),
            run: None,
        }
    }
}

/// Whether an endpoint's answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum EndpointStatus {
    /// Every host and guest of the endpoint is listed. An empty list means that it has none.
    Complete,
    /// The endpoint could not be read completely. A missing host or guest may still exist.
    Failed,
}

/// The status of one optional collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CollectionStatus {
    /// Whether every item is listed.
    // Both enumerations have the same two words today, so the schema defines them once.
    #[cfg_attr(feature = "schema", schemars(with = "EndpointStatus"))]
    pub status: Completeness,
    /// Why the collection is incomplete. Present if and only if `status` is `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<GatherError>,
}

impl CollectionStatus {
    /// Whether every item is listed. A collection with an error is incomplete, whatever its status is.
    pub fn is_complete(&self) -> bool {
        self.status == Completeness::Complete && self.error.is_none()
    }
}

/// Whether a collection is complete. Today the words are those of [`EndpointStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Completeness {
    /// Every item of the collection is listed. An empty list means that it has none.
    Complete,
    /// The collection could not be read completely, and none of its items is listed.
    Failed,
}

/// The objects that the filters of an endpoint (its options `include` and `exclude`) left out of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Filtered {
    /// The number of hosts.
    pub hosts: u64,
    /// The number of guests, with those of the hosts that were left out.
    pub guests: u64,
}

/// Something unusual about one object that does not make the answer wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// The object: the name of a host or guest, a parameter, or a URL without secrets.
    pub object: String,
    /// The warning, as one sentence for the operator.
    pub message: String,
}

/// Data about how an endpoint was gathered, which differ from run to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EndpointRun {
    /// When the endpoint's worker was started.
    pub started_at: Timestamp,
    /// The time from the worker's start to its last frame, in milliseconds.
    pub duration_ms: u64,
    /// The number of requests that the plugin retried. Absent if the endpoint failed and its plugin was built with API
    /// 1.0, which reports the number only at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// When certificates, tokens and passwords of the endpoint expire, as far as the plugin saw it, sorted. Since version
    /// 1.5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expiries: Vec<Expiry>,
}
