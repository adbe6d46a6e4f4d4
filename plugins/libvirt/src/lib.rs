//! Module Libvirt: one hypervisor, asked read-only through libvirt's client library.

#![deny(unsafe_code)]

pub mod client;
pub mod errors;
pub mod ffi;
pub mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;
mod patience;
mod probe;
pub mod uri;

use gatherer_plugin_api::{Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::{retry, run};
use serde::Deserialize;

use client::{BATCH, Session};
use files::Homes;
use uri::Uri;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    /// The connection URI.
    pub uri: String,
    /// The user name, where the daemon asks for one.
    #[serde(default)]
    pub sasl_username: Option<String>,
    /// The password that belongs to it.
    #[serde(default)]
    pub sasl_password: Option<Secret<String>>,
}

/// The module.
pub struct Libvirt;

impl Gatherer for Libvirt {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let mut uri = Uri::parse(&parameters.uri)?;
        let (policy, homes) = (&context.options().policy, Homes::of_this_process());
        uri.check_unverified_ssh(context.options().insecure, policy, homes.login())?;
        let unused: Vec<_> = uri.unused_parameters().collect();
        if !unused.is_empty() {
            let message =
                format!("without effect with this driver and transport: {}", unused.join(", "));
            context.warning("uri", message)?;
        }
        if context.options().insecure {
            let (unverified, what) = uri.without_verification();
            uri = unverified;
            if let Some(what) = what {
                context.warning("insecure", what)?;
            }
        } else if let Some(what) = uri.unverified() {
            context.warning("insecure", what)?;
        }
        if context.options().ca_file.is_some() {
            let message = "libvirt reads no ca_file; the URI's parameter pkipath names a folder \
                           with cacert.pem";
            context.warning("ca_file", message)?;
        }
        let credentials = client::credentials(&parameters)?;
        // Before the library is loaded: what is wrong with the request is reported without it too.
        let files = files::prepare(&mut uri, policy, &homes)?;

        let api = client::load(ffi::LIBRARY)?;
        let connect = async || {
            Session::open(api, uri.clone(), &credentials, context.remaining())
                .map_err(|error| files.explain(error))
        };
        let session = run::block_on(context, retry::idempotent(context, connect))?;
        context.check_cancelled()?;
        let (facts, warnings) = session.host()?;
        for message in warnings {
            context.warning(&facts.hostname, message)?;
        }
        let host = map::host(&facts).map_err(|error| session.name(error))?;
        if let Some(doubt) = map::identity_doubt(&facts, &host) {
            context.warning(&facts.hostname, doubt)?;
        }
        let host = context.host(host)?;

        let domains = session.domains()?;
        let total = domains.len();
        for (index, batch) in domains.chunks(BATCH).enumerate() {
            context.check_cancelled()?;
            if total > BATCH {
                context.progress(&format!("{} of {total} guests read", index * BATCH));
            }
            for guest in session.guests(batch, || context.check_cancelled())? {
                context.guest(&host, guest)?;
            }
        }
        if let Some(slowness) = session.slowness() {
            context.warning(&facts.hostname, slowness)?;
        }
        Ok(())
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Libvirt" => Libvirt },
}
