//! Module Xen: a pool of XenServer or XCP-ng hosts and its guests, through XAPI.

#![deny(unsafe_code)]

mod client;
pub mod map;
mod pool;
pub mod record;
pub mod reply;

use gatherer_plugin_api::{Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::http::service_url;
use gatherer_plugin_support::run;
use serde::Deserialize;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Deserialize)]
pub struct Parameters {
    hostname: String,
    port: u16,
    username: String,
    password: Secret<String>,
}

/// The gatherer of module Xen.
pub struct Xen;

impl Gatherer for Xen {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let url = service_url("https", &parameters.hostname, parameters.port)
            .map_err(|why| GatherError::configuration(format!("the parameter hostname {why}")))?;
        let client = client::Xapi::new(url, &parameters, context)?;
        let records = run::block_on(context, async {
            let records = pool::read(&client, context).await;
            client.log_out().await;
            records
        })?;
        map::send(&records, context)
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Xen" => Xen },
}
