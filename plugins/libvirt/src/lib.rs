//! Module Libvirt: reads one hypervisor and its guests through libvirt's client library, read-only.

#![deny(unsafe_code)]

mod call_timeout;
mod check;
pub mod client;
pub mod details;
pub mod errors;
pub mod ffi;
pub mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod hypervisor_errors;
pub mod map;
mod probe;
pub mod uri;

use gatherer_plugin_api::{Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::{retry, run};
use serde::Deserialize;

use client::{BATCH, Session};
use details::{DetailReader, Details};
use ffi::{Api, Credentials};
use files::{HomeFolders, PrivateCopies};
use uri::Uri;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    /// The connection URI, not yet checked.
    pub uri: String,
    /// The user name, if the daemon requires one.
    #[serde(default)]
    pub sasl_username: Option<String>,
    /// The password of `sasl_username`.
    #[serde(default)]
    pub sasl_password: Option<Secret<String>>,
    /// `auto`, `always` or `never`: whether the details of guests are read.
    #[serde(default)]
    pub details: String,
}

/// The gatherer of module Libvirt.
pub struct Libvirt;

impl Gatherer for Libvirt {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let details = parameters.details.parse()?;
        let Target { mut uri, warnings, homes } = Target::of(&parameters, context)?;
        for (object, message) in warnings {
            context.warning(object, message)?;
        }
        let credentials = client::credentials(&parameters)?;
        // Checked before the library is loaded, so that a machine without libvirt reports errors of
        // the request too.
        let copies = files::prepare(&mut uri, &context.options().policy, &homes)?;

        let api = client::load(ffi::LIBRARY)?;
        let session = open(api, &uri, &credentials, &copies, context)?;
        context.check_cancelled()?;
        gather_from(&session, details, context)
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        check::hypervisor(&parameters, context)
    }
}

/// The hypervisor of an endpoint.
struct Target {
    uri: Uri,
    /// The names and sentences of warnings about the parameters.
    warnings: Vec<(&'static str, String)>,
    homes: HomeFolders,
}

impl Target {
    fn of(parameters: &Parameters, context: &Context) -> Result<Self, GatherError> {
        let mut uri = Uri::parse(&parameters.uri)?;
        let (options, homes) = (context.options(), HomeFolders::of_current_user());
        uri.check_unverified_ssh(options.insecure, &options.policy, homes.login())?;
        let mut warnings = Vec::new();
        let unused: Vec<_> = uri.unused_parameters().collect();
        if !unused.is_empty() {
            let message = format!(
                "parameters without effect with this driver and transport: {}",
                unused.join(", ")
            );
            warnings.push(("uri", message));
        }
        if options.insecure {
            let (unverified, warning) = uri.without_verification();
            uri = unverified;
            warnings.extend(warning.map(|warning| ("insecure", warning.into())));
        } else if let Some(warning) = uri.verification_warning() {
            warnings.push(("insecure", warning.into()));
        }
        for (option, is_set, file) in [
            ("ca_file", options.ca_file.is_some(), "cacert.pem"),
            ("client_cert", options.client_cert.is_some(), "clientcert.pem"),
            ("client_key", options.client_key.is_some(), "clientkey.pem"),
        ] {
            if is_set {
                let message = format!(
                    "libvirt does not use {option}; set the URI's parameter pkipath to a folder \
                     with {file}"
                );
                warnings.push((option, message));
            }
        }
        Ok(Self { uri, warnings, homes })
    }
}

/// Opens a session. The connection is tried again within the endpoint's budget of retries.
fn open(
    api: &'static Api,
    uri: &Uri,
    credentials: &Credentials,
    copies: &PrivateCopies,
    context: &Context,
) -> Result<Session, GatherError> {
    let connect = async || {
        Session::open(api, uri.clone(), credentials, context.remaining())
            .map_err(|error| copies.restore_original_names(error))
    };
    run::block_on(context, retry::idempotent(context, connect))
}

/// Sends the hypervisor of a session and its guests to the runner.
pub fn gather_from(
    session: &Session,
    details: Details,
    context: &Context,
) -> Result<(), GatherError> {
    let (facts, warnings) = session.host()?;
    for message in warnings {
        context.warning(&facts.hostname, message)?;
    }
    let host = map::host(&facts).map_err(|error| session.with_uri(error))?;
    if let Some(warning) = map::missing_uuid_warning(&facts, &host) {
        context.warning(&facts.hostname, warning)?;
    }
    let host = context.host(host)?;

    let domains = session.domains()?;
    let total = domains.len();
    let mut details = DetailReader::new(session, details, total, context);
    for (index, batch) in domains.chunks(BATCH).enumerate() {
        context.check_cancelled()?;
        if total > BATCH {
            context.progress(&format!("{} of {total} guests read", index * BATCH));
        }
        let mut guests = session.guests(batch, || context.check_cancelled())?;
        details.add_to(&mut guests, batch, || context.check_cancelled())?;
        for guest in guests {
            context.guest(&host, guest)?;
        }
    }
    for warning in [session.bulk_timeout_warning(), details.warning()].into_iter().flatten() {
        context.warning(&facts.hostname, warning)?;
    }
    Ok(())
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "Libvirt" => Libvirt },
}
