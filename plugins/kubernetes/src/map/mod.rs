//! Kubernetes objects, turned into the inventory's model: pure functions without I/O, one file per kind.
//!
//! The mapping never fails. A field that is missing in an object stays absent in the model; a field
//! that has an invalid value stays absent too, and an [`ObjectWarning`] reports it.

mod config_maps_and_secrets;
mod containers;
mod controllers;
mod fields;
mod namespaces;
mod nodes;
mod owners;
mod pods;
mod provider_id;
mod services;
mod uses;
mod virtual_machines;
mod warnings;

pub use config_maps_and_secrets::{config_map, secret};
pub use controllers::{controller, unlisted_controller};
pub use namespaces::{namespace, service_account};
pub use nodes::{MappedHost, host};
pub use owners::{OwnerEntry, Owners};
pub use pods::pod;
pub use services::{selects, service};
pub use uses::{KeyedKind, ObjectUse, TooManyUses, uses};
pub use virtual_machines::{guest, guest_without_node};
pub use warnings::{IgnoredBecause, ObjectWarning, Problem, Warnings};
