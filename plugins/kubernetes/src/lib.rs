//! The module Kubernetes: gathers the nodes of a cluster and, if requested, the workloads on them.
//!
//! `kubeconfig` reads the settings and credentials, `client` talks to the API server, `collect` lists
//! the requested objects, `check` checks whether that will work, `objects` has their types, and `map` converts them to the inventory's model.

#![deny(unsafe_code)]

mod check;
pub mod client;
mod collect;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod json;
pub mod kubeconfig;
pub mod map;
pub mod objects;
mod program;
pub mod quantity;

use std::alloc::System;

use gatherer_plugin_api::{Context, GatherError, Gatherer};
use zeroizing_alloc::ZeroAlloc;

use collect::Parameters;

/// Overwrites memory when it is freed. The API sends the values of secrets and config maps together with their
/// keys, and only the allocator knows all buffers of the TLS and HTTP libraries that they pass through.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

struct Kubernetes;

impl Gatherer for Kubernetes {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let page_size = parameters.page_size()?;
        let selection = parameters.selection()?;
        let name = parameters.context.as_deref().filter(|name| !name.is_empty());
        let access = kubeconfig::read(&parameters.kubeconfig, name, context)?;
        for warning in &access.warnings {
            context.warning(&warning.object, &warning.message)?;
        }
        collect::cluster(&access, page_size, &selection, context)
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        check::cluster(&parameters, context)
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Kubernetes" => Kubernetes },
}
