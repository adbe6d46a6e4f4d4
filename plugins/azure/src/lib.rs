//! Module Azure: the virtual machines of an Azure subscription, and the instances of its scale sets, through Azure Resource
//! Manager.

#![deny(unsafe_code)]

mod check;
mod client;
mod collect;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod login;
pub mod map;
pub mod settings;

use gatherer_plugin_api::{Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::run;
use serde::Deserialize;

use client::Client;
use settings::Settings;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Parameters {
    /// The id of the subscription.
    pub subscription_id: String,
    /// The client id of the app registration.
    pub application_id: String,
    /// The tenant of the app registration, or a domain of it.
    pub tenant_id: String,
    /// The value of a client secret.
    #[serde(default)]
    pub secret_key: Option<Secret<String>>,
    /// The location; all if absent.
    #[serde(default)]
    pub zone: Option<String>,
    /// The path or text of a certificate with its key, instead of a client secret.
    #[serde(default)]
    pub certificate: Option<Secret<String>>,
    /// `public`, `usgovernment` or `china`.
    #[serde(default)]
    pub cloud: Option<String>,
    /// The login service, instead of the cloud's.
    #[serde(default)]
    pub authority_url: Option<String>,
    /// Azure Resource Manager, instead of the cloud's.
    #[serde(default)]
    pub endpoint_url: Option<String>,
    /// Whether the operator knows that the application may read the whole subscription.
    #[serde(default)]
    pub reader_confirmed: Option<bool>,
}

/// The gatherer of module Azure.
pub struct Azure;

impl Gatherer for Azure {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let settings = Settings::new(parameters, context)?;
        settings.report_expiry(context)?;
        let client = Client::new(&settings, context);
        let collected = run::block_on(context, async {
            let location = collect::location(&client, &settings).await?;
            collect::read(&client, &settings, location, context).await
        })?;
        collect::send(collected, context)
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let settings = Settings::new(parameters, context)?;
        let client = Client::new(&settings, context);
        run::block_on(context, check::check(&client, &settings, context))
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Azure" => Azure },
}
