//! Module Kubernetes: the nodes of a cluster. `kubeconfig` says where it is and who we are,
//! `client` asks it, `map` reads what it says.

#![deny(unsafe_code)]

pub mod client;
pub mod kubeconfig;
pub mod map;
pub mod node;

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

struct Kubernetes;

impl Gatherer for Kubernetes {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, _context: &Context) -> Result<(), GatherError> {
        let _ = (&parameters.kubeconfig, &parameters.context, parameters.page_size);
        Err(GatherError::internal("not written yet"))
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Kubernetes" => Kubernetes },
}
