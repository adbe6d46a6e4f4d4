//! The normalized inventory: what every plugin produces and every format is made from.
//!
//! Three rules apply to all types. Names are camelCase in JSON. An absent member means *unknown*:
//! plugins must not substitute 0 or a placeholder. Objects are identified by id, never by name:
//! names may be duplicated, and no object is dropped because of that.

mod collection_names;
mod container;
mod document;
mod guest;
mod host;
mod identifiers;
mod link;
mod state;
mod workload;

pub use container::{Container, ContainerKind, ContainerState, RequestedImage};
pub use document::{
    CollectionStatus, Completeness, EndpointResult, EndpointRun, EndpointStatus, Filtered,
    Inventory, RunInfo, SCHEMA_VERSION, Shard, Software, Warning,
};
pub use guest::{Disk, Guest, Interface};
pub use host::{
    Address, Condition, Cpu, Host, HostImage, Hypervisor, Location, Provider, Taint, Version,
};
pub use identifiers::Identifiers;
pub use link::{Evidence, EvidenceKind, Link, LinkKind, LinkedObject, ObjectKind};
pub use state::{GuestState, HostState};
pub use workload::{
    ConfigMap, Controller, ImageVolume, Namespace, Owner, Pod, PodHost, PodReference, SecretKeys,
    Service, ServiceAccount, ServicePort, Use, Workloads,
};

/// Parsing of image references, as it was part of API 1.0.
#[deprecated(
    since = "1.1.0",
    note = "depend on the crate `gatherer-image-reference`, which this module re-exports"
)]
pub mod image {
    pub use gatherer_image_reference::{
        ImageId, ImageReference, ImageReferenceError, container_id, image_id,
    };
}

/// A timestamp in UTC; RFC 3339 with `Z` in JSON.
pub type Timestamp = jiff::Timestamp;

/// Makes serde omit a flag that is `false`: an absent flag means `false`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}
