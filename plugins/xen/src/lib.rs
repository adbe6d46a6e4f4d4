//! Module Xen: a pool of XenServer or XCP-ng hosts and its guests, through XAPI.

#![deny(unsafe_code)]

mod check;
mod client;
pub mod map;
mod pool;
pub mod record;
pub mod reply;

use gatherer_plugin_api::{Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::http::{Url, service_url};
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
        let client = client::Xapi::new(url(&parameters)?, &parameters, context)?;
        let records = run::block_on(context, async {
            let records = pool::read(&client, context).await;
            client.log_out().await;
            records
        })?;
        map::send(&records, context)
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let url = url(&parameters)?;
        let client = client::Xapi::new(url.clone(), &parameters, context)?;
        run::block_on(context, async {
            let result = check::check(&client, &url, context).await;
            client.log_out().await;
            result
        })
    }
}

/// The URL of the host, without a path.
fn url(parameters: &Parameters) -> Result<Url, GatherError> {
    service_url("https", &parameters.hostname, parameters.port)
        .map_err(|why| GatherError::configuration(format!("the parameter hostname {why}")))
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Xen" => Xen },
}
