//! Module GoogleCE: reads the instances of a project of Google Compute Engine.

#![deny(unsafe_code)]

mod check;
mod client;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod key;
mod list;
mod machine_types;
pub mod map;
mod settings;
mod token;

use gatherer_plugin_api::{Context, GatherError, Gatherer};
use gatherer_plugin_support::cloud::{CloudNames, ZoneHosts};
use gatherer_plugin_support::run;
use serde::Deserialize;

use client::Compute;
use map::instance::Instance;
use settings::Settings;

/// What a Manager calls this cloud.
const NAMES: CloudNames = CloudNames { kind: "gce", name: "Google", service: "GCE" };

/// The module's parameters, as `manifest.json` lists them. Those without a default are empty if they are not set.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    #[serde(default)]
    service_account_email: String,
    cert_path: String,
    project_id: String,
    #[serde(default)]
    zone: String,
    endpoint_url: String,
    #[serde(default)]
    token_url: String,
}

/// The gatherer of module GoogleCE.
pub struct GoogleCe;

impl Gatherer for GoogleCe {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let settings = Settings::new(&parameters)?;
        let key = key::read(&parameters, context)?;
        let compute = Compute::new(&settings, key, context)?;
        let zone = settings.zone.as_deref();
        let (instances, denied) = run::block_on(context, async {
            let mut instances = list::instances(&compute, context).await?;
            let denied = machine_types::add(&compute, &mut instances, context).await?;
            Ok((instances, denied))
        })?;
        if let Some(error) = denied {
            let message =
                format!("the numbers of CPUs and the memory of its instances are unknown: {error}");
            context.warning(&settings.project, message)?;
        }
        send(instances, zone, context)
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        run::block_on(context, check::check(&parameters, context))
    }
}

/// Sends the pseudo-hosts with their guests.
fn send(
    instances: Vec<Instance>,
    zone: Option<&str>,
    context: &Context,
) -> Result<(), GatherError> {
    let mut hosts = ZoneHosts::new(context, NAMES, zone)?;
    for instance in instances {
        if let Some(host) = hosts.of_zone(&instance.zone)? {
            context.guest(&host, instance.guest)?;
        }
    }
    Ok(())
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "GoogleCE" => GoogleCe },
}
