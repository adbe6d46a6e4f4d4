//! Module Proxmox: reads the nodes of Proxmox VE, their virtual machines and containers through its API.

#![deny(unsafe_code)]

mod check;
mod client;
mod collect;
pub mod credentials;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;

use gatherer_plugin_api::{Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::http::service_url;
use gatherer_plugin_support::run;
use serde::Deserialize;

use client::Client;
use credentials::Credentials;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Debug, Default, Deserialize)]
pub struct Parameters {
    /// The name or address of a node.
    pub host: String,
    /// The port of the API.
    pub port: u16,
    /// The user, with or without its realm.
    #[serde(default)]
    pub username: Option<String>,
    /// The password of `username`.
    #[serde(default)]
    pub password: Option<Secret<String>>,
    /// The API token, with or without its owner.
    #[serde(default)]
    pub api_token_id: Option<String>,
    /// The secret of `api_token_id`.
    #[serde(default)]
    pub api_token_secret: Option<Secret<String>>,
    /// False if certificates must not be verified.
    #[serde(default)]
    pub verify_ssl: Option<bool>,
}

/// The gatherer of module Proxmox.
pub struct Proxmox;

impl Gatherer for Proxmox {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let client = client(parameters, context)?;
        run::block_on(context, collect::gather(&client, context))
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let client = client(parameters, context)?;
        run::block_on(context, check::check(&client, context))
    }
}

/// A client for these parameters. Warns about parameters that are not used, or not safe.
fn client(parameters: Parameters, context: &Context) -> Result<Client, GatherError> {
    let url = service_url("https", &parameters.host, parameters.port)
        .map_err(|why| GatherError::configuration(format!("the parameter host {why}")))?;
    let verifies = parameters.verify_ssl.unwrap_or(true);
    let (credentials, ignored) = Credentials::choose(parameters)?;
    if let Some(ignored) = ignored {
        context.warning(context.endpoint(), ignored)?;
    }
    if !verifies {
        context.warning(
            context.endpoint(),
            "certificates are not verified (verify_ssl is false): an attacker in the network can \
             read and change the traffic",
        )?;
    }
    Ok(Client::new(context, url, credentials, verifies))
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Proxmox" => Proxmox },
}
