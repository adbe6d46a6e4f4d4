//! Module Kubernetes: the nodes of a cluster. `kubeconfig` says where it is and who we are,
//! `client` asks it, `map` reads what it says.

#![deny(unsafe_code)]

pub mod client;
mod json;
pub mod kubeconfig;
pub mod map;
pub mod node;
pub mod objects;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatherer_plugin_api::{Context, GatherError, Gatherer};
use gatherer_plugin_support::run;
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
        let hosts = Arc::new(Hosts { context: context.clone(), warnings: Mutex::default() });
        let taker: Arc<dyn client::Taker<node::Nodes>> = hosts.clone();
        run::block_on(context, async {
            let client = client::Client::new(&access, page_size, context).await?;
            client.list(&client::Resource::nodes(), taker).await
        })?;
        for (object, sentence) in hosts.warnings().drain(..) {
            context.warning(object, sentence)?;
        }
        Ok(())
    }
}

/// How many warnings are kept; about so many are shown.
const MOST_WARNINGS: usize = 20_000;

/// Hands each node over as a host.
struct Hosts {
    context: Context,
    /// Of the nodes that were handed over. Warnings cannot be taken back, so they wait until it is
    /// certain that the list is not started again.
    warnings: Mutex<Vec<(String, String)>>,
}

impl Hosts {
    fn warnings(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl client::Taker<node::Nodes> for Hosts {
    fn take(&self, node: node::Node<'_>) -> Result<(), GatherError> {
        self.context.check_cancelled()?;
        let mapped = map::host(node);
        self.context.host(mapped.host)?;
        let mut warnings = self.warnings();
        if warnings.len() < MOST_WARNINGS {
            warnings.extend(mapped.warnings);
        }
        Ok(())
    }

    fn start_over(&self) -> Result<(), GatherError> {
        self.warnings().clear();
        self.context.start_over()
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Kubernetes" => Kubernetes },
}
