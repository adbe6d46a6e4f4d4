//! Module VMware: reads the hosts and the virtual machines of a vCenter, or of one ESXi host, over its SOAP API.

mod check;
mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;

use std::sync::Arc;

use gatherer_plugin_api::{Collection, Context, GatherError, Gatherer, Item, Secret};
use gatherer_plugin_support::run;
use gatherer_plugin_support::session::Session;
use serde::Deserialize;

use client::{Login, Vsphere};
use map::VsphereInventory;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    hostname: String,
    port: u16,
    username: String,
    password: Secret<String>,
}

/// The gatherer of module VMware.
pub struct VMware;

impl Gatherer for VMware {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let inventory = run::block_on(context, read(&parameters, context))?;
        send(inventory, context)
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        run::block_on(context, check::check(&parameters, context))
    }
}

/// Reads the whole inventory. If the session ends meanwhile, logs in once more and reads it again: what a
/// session has begun to list cannot be continued in another one.
async fn read(parameters: &Parameters, context: &Context) -> Result<VsphereInventory, GatherError> {
    let vsphere = Arc::new(Vsphere::connect(parameters, context).await?);
    let session = Session::default();
    let log_in = || vsphere.log_in(parameters);
    let result =
        session.run(log_in, async |login: &Login| client::inventory(&vsphere, login).await).await;
    if let Some(login) = session.into_token() {
        vsphere.log_out(&login).await;
    }
    result
}

/// Sends everything to the runner.
fn send(inventory: VsphereInventory, context: &Context) -> Result<(), GatherError> {
    for (object, message) in inventory.warnings {
        context.warning(object, message)?;
    }
    for host in inventory.hosts {
        context.check_cancelled()?;
        context.host(host)?;
    }
    for guest in inventory.guests_without_host {
        context.item(Item::DetachedGuest(Box::new(guest)))?;
    }
    // Also without such guests: an absent collection means that its items were not gathered.
    context.collection_end(Collection::VirtualMachines, Ok(()))
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "VMware" => VMware },
}
