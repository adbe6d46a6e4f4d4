//! Module AmazonEC2: the instances of an account in a region of Amazon EC2, and its dedicated hosts.

#![deny(unsafe_code)]

mod check;
mod client;
mod collect;
pub mod credentials;
pub mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;
pub mod partition;
mod sign;

use gatherer_plugin_api::{Context, GatherError, Gatherer, Secret};
use gatherer_plugin_support::run;
use serde::Deserialize;

use client::Ec2;
use credentials::Machine;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// The id of an access key.
    pub access_key_id: Option<String>,
    /// The secret of `access_key_id`.
    pub secret_access_key: Option<Secret<String>>,
    /// The code of the region.
    pub region: String,
    /// The availability zone; all zones if it is not set.
    pub zone: Option<String>,
    /// The session token of temporary credentials.
    pub session_token: Option<Secret<String>>,
    /// A profile of the shared credentials file.
    pub profile: Option<String>,
    /// The role that is assumed with a web identity.
    pub role_arn: Option<String>,
    /// The file with the token of the web identity.
    pub web_identity_token_file: Option<String>,
    /// The URL of EC2.
    pub endpoint_url: Option<String>,
    /// The URL of STS.
    pub sts_endpoint_url: Option<String>,
    /// Whether a Manager gets dedicated hosts.
    pub dedicated_hosts: bool,
}

impl Parameters {
    /// The zone, if the endpoint has one.
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref().map(str::trim).filter(|zone| !zone.is_empty())
    }
}

/// The gatherer of module AmazonEC2.
pub struct AmazonEc2;

impl Gatherer for AmazonEc2 {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        gather(&parameters, &Machine::of_process(), context)
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        check(&parameters, &Machine::of_process(), context)
    }
}

/// Gathers with the identity of this machine, or of another one in tests.
pub fn gather(
    parameters: &Parameters,
    machine: &Machine,
    context: &Context,
) -> Result<(), GatherError> {
    let client = Ec2::new(parameters, machine, context)?;
    run::block_on(context, collect::gather(&client, parameters, context))
}

/// Checks with the identity of this machine, or of another one in tests.
pub fn check(
    parameters: &Parameters,
    machine: &Machine,
    context: &Context,
) -> Result<(), GatherError> {
    let client = Ec2::new(parameters, machine, context)?;
    run::block_on(context, check::check(&client, parameters, context))
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "AmazonEC2" => AmazonEc2 },
}
