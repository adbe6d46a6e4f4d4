//! Module Kubernetes: the nodes of a cluster. `kubeconfig` says where it is and who we are,
//! `client` asks it, `map` reads what it says.

#![deny(unsafe_code)]

pub mod client;
mod json;
pub mod kubeconfig;
pub mod map;
pub mod node;

use std::sync::Arc;

use gatherer_plugin_api::{Context, GatherError, Gatherer};
use serde::Deserialize;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Deserialize)]
struct Parameters {
    kubeconfig: String,
    context: Option<String>,
    #[serde(default = "default_page_size")]
    page_size: i64,
}

fn default_page_size() -> i64 {
    500
}

impl Parameters {
    fn page_size(&self) -> Result<u32, GatherError> {
        u32::try_from(self.page_size).ok().filter(|size| (1..=5000).contains(size)).ok_or_else(
            || {
                GatherError::configuration("page_size is out of range")
                    .with_hint("give a number from 1 to 5000; 500 if it is left out")
            },
        )
    }
}

struct Kubernetes;

impl Gatherer for Kubernetes {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let page_size = parameters.page_size()?;
        let wanted = parameters.context.as_deref().filter(|name| !name.is_empty());
        let access = kubeconfig::read(&parameters.kubeconfig, wanted, context)?;
        for (object, sentence) in &access.warnings {
            context.warning(object, sentence)?;
        }
        client::nodes(&access, page_size, context, Arc::new(Hosts(context.clone())))
    }
}

/// Hands each node over as a host.
struct Hosts(Context);

impl client::Taker for Hosts {
    fn take(&self, node: node::Node) -> Result<(), GatherError> {
        self.0.check_cancelled()?;
        let mapped = map::host(&node);
        self.0.host(mapped.host)?;
        for (object, sentence) in mapped.warnings {
            self.0.warning(object, sentence)?;
        }
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
        self.0.start_over()
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Kubernetes" => Kubernetes },
}
