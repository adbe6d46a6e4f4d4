//! Modules SUSECloud and OpenStack: read the hypervisors of an OpenStack cloud and the servers on them, through Keystone
//! and Nova. Both have the same code and different parameters.

#![deny(unsafe_code)]

pub mod access;
pub mod catalog;
mod check;
pub mod client;
pub mod clouds_yaml;
mod collect;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;

use gatherer_plugin_api::{
    Collection, Context, GatherError, Gatherer, Item, Secret, model::GuestState,
};
use gatherer_plugin_support::run;
use serde::Deserialize;

use access::Access;
use client::Cloud;
use map::Answer;

/// The parameters of module SUSECloud, as `manifest.json` lists them.
#[derive(Deserialize)]
pub struct SuseCloudParameters {
    /// The host of the identity service.
    pub hostname: String,
    /// The port of the identity service.
    pub port: u16,
    /// The user.
    pub username: String,
    /// The password of `username`.
    pub password: Secret<String>,
    /// `https` or `http`.
    pub protocol: String,
    /// The project.
    pub tenant: String,
    /// The region, or nothing.
    #[serde(default)]
    pub region: String,
    /// The interface of the compute service.
    pub interface: String,
    /// Whether only the project's servers are read.
    #[serde(default)]
    pub tenant_only: Option<bool>,
}

/// The parameters of module OpenStack, as `manifest.json` lists them. An empty text is an absent value.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct OpenStackParameters {
    /// The URL of the identity service.
    pub auth_url: String,
    /// The user.
    pub username: String,
    /// The password of `username`.
    pub password: Option<Secret<String>>,
    /// The name of the user's domain.
    pub user_domain: String,
    /// The project.
    pub project: String,
    /// The name of the project's domain.
    pub project_domain: String,
    /// The id of an application credential.
    pub application_credential_id: String,
    /// The secret of the application credential.
    pub application_credential_secret: Option<Secret<String>>,
    /// The region.
    pub region: String,
    /// The interface of the compute service.
    pub interface: String,
    /// A clouds.yaml: its path, or its text.
    pub clouds_yaml: String,
    /// The cloud in `clouds_yaml`.
    pub cloud: String,
    /// Whether only the project's servers are read.
    pub tenant_only: Option<bool>,
}

/// The gatherer of module SUSECloud.
pub struct SuseCloud;

impl Gatherer for SuseCloud {
    type Parameters = SuseCloudParameters;

    fn gather(parameters: SuseCloudParameters, context: &Context) -> Result<(), GatherError> {
        gather(Access::of_suse_cloud(parameters)?, context)
    }

    fn check(parameters: SuseCloudParameters, context: &Context) -> Result<(), GatherError> {
        run_check(Access::of_suse_cloud(parameters)?, context)
    }
}

/// The gatherer of module OpenStack.
pub struct OpenStack;

impl Gatherer for OpenStack {
    type Parameters = OpenStackParameters;

    fn gather(parameters: OpenStackParameters, context: &Context) -> Result<(), GatherError> {
        gather(Access::of_open_stack(parameters, context)?, context)
    }

    fn check(parameters: OpenStackParameters, context: &Context) -> Result<(), GatherError> {
        run_check(Access::of_open_stack(parameters, context)?, context)
    }
}

/// Reads everything, and sends it.
fn gather(access: Access, context: &Context) -> Result<(), GatherError> {
    let cloud = cloud(access, context)?;
    let Answer { hosts, detached, warnings } =
        run::block_on(context, collect::answer(&cloud, context))?;
    for warning in warnings {
        context.warning(warning.object, warning.message)?;
    }
    for host in hosts {
        context.check_cancelled()?;
        context.host(host)?;
    }
    for guest in detached {
        if guest.state == Some(GuestState::Running) {
            context.warning(&guest.name, "the server is active, but on no host")?;
        }
        context.item(Item::DetachedGuest(Box::new(guest)))?;
    }
    // Also without such guests: an absent collection means that its items were not gathered.
    context.collection_end(Collection::VirtualMachines, Ok(()))
}

fn run_check(access: Access, context: &Context) -> Result<(), GatherError> {
    let cloud = cloud(access, context)?;
    run::block_on(context, check::check(&cloud, context))
}

/// A client for this access, after the warnings about it.
fn cloud(mut access: Access, context: &Context) -> Result<Cloud, GatherError> {
    for warning in std::mem::take(&mut access.warnings) {
        context.warning(context.endpoint(), warning)?;
    }
    Ok(Cloud::new(access, context))
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "SUSECloud" => SuseCloud, "OpenStack" => OpenStack },
}
