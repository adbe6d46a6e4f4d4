//! Module NutanixAHV: reads the hosts and VMs of Nutanix clusters, from Prism Central or Prism Element.

#![deny(unsafe_code)]

mod check;
pub mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;

use gatherer_plugin_api::{Context, ErrorKind, GatherError, Gatherer, Secret};
use gatherer_plugin_support::run;
use serde::Deserialize;

use client::{ApiVersion, Prism};
use map::{Answer, Found};

/// The module's parameters, as `manifest.json` lists them.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    /// The host name or address of Prism.
    pub hostname: String,
    /// Its port, with https.
    pub port: u16,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret<String>,
    /// The version of the API, or `auto`.
    pub api: String,
}

/// The gatherer of module NutanixAHV.
pub struct NutanixAhv;

impl Gatherer for NutanixAhv {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let Answer { hosts, warnings } = run::block_on(context, answer(&parameters, context))?;
        for warning in warnings {
            context.warning(&warning.object, warning.message)?;
        }
        for mut host in hosts {
            let guests = std::mem::take(&mut host.guests);
            let host = context.host(host)?;
            for guest in guests {
                context.guest(&host, guest)?;
            }
        }
        Ok(())
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        run::block_on(context, check::check(&parameters, context))
    }
}

/// What to do if a list is not complete or not valid, and no better hint is known.
const NOT_COMPLETE_HINT: &str =
    "try again; if it fails each time, allow the user to view all clusters, hosts and VMs";

/// A client for these parameters.
fn prism<'a>(parameters: &'a Parameters, context: &'a Context) -> Result<Prism<'a>, GatherError> {
    let Parameters { hostname, port, username, password, .. } = parameters;
    Prism::new(hostname, *port, username, password, context)
}

/// Reads everything that the server has.
async fn answer(parameters: &Parameters, context: &Context) -> Result<Answer, GatherError> {
    let prism = prism(parameters, context)?;
    let version = client::choose(&prism, &parameters.api).await?;
    complete_answer(&prism, &version).await
}

/// Reads everything with one version. If the lists do not agree, the server may have changed between them: reads them again,
/// once.
async fn complete_answer(prism: &Prism<'_>, version: &ApiVersion) -> Result<Answer, GatherError> {
    match map::answer(found(prism, version).await?) {
        Err(error) => {
            tracing::info!("{error}; reading all lists again");
            map::answer(found(prism, version).await?)
        }
        complete => complete,
    }
}

/// Reads all lists.
async fn found(prism: &Prism<'_>, version: &ApiVersion) -> Result<Found, GatherError> {
    let found = match version {
        ApiVersion::V2 => client::found_v2(prism).await,
        ApiVersion::V3 => client::found_v3(prism).await,
        ApiVersion::V4 { vmm, clustermgmt } => client::found_v4(prism, vmm, clustermgmt).await,
    };
    found.map_err(|error| match (error.kind, &error.hint) {
        (ErrorKind::Protocol, None) => error.with_hint(NOT_COMPLETE_HINT),
        _ => error,
    })
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "NutanixAHV" => NutanixAhv },
}
