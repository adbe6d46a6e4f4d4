//! The steps of a check.

use gatherer_plugin_api::{CheckStep, Context, GatherError};
use gatherer_plugin_support::counts::count;
use gatherer_plugin_support::http::{Client, Url, connection_steps};

use crate::client::Xapi;
use crate::{map, pool};

/// The role that includes all calls of this module, as XAPI names it.
const RIGHT: &str = "right: read-only";

/// Checks the connection, the login, the role, and whether the lists belong together.
pub async fn check(client: &Xapi, host: &Url, context: &Context) -> Result<(), GatherError> {
    let steps = ["login", RIGHT, "coordinator", "product", "objects"];
    context.check_plan(connection_steps(host).into_iter().chain(steps));
    Client::new(context)?.check_connection(host).await?;
    client.open().await?;
    let message = format!("the pool accepts the password of {}", client.username());
    context.check_step(CheckStep::ok("login", message));

    let pools = client.records("pool").await?;
    let hosts = client.records("host").await?;
    context.check_step(CheckStep::ok(RIGHT, "the user may list the objects of the pool"));
    let coordinator = pool::coordinator(&pools, &hosts)?;
    let name = coordinator.required_text("name_label")?;
    let message = match client.other_coordinator() {
        None => format!("the host {name} answers, and is the coordinator of its pool"),
        Some(url) => format!("{name} answers at {url}, because {host} is not the coordinator"),
    };
    context.check_step(CheckStep::ok("coordinator", message));
    let product = |entry| coordinator.entry("software_version", entry).unwrap_or("unknown");
    let message = format!("{} {}", product("product_brand"), product("product_version"));
    context.check_step(CheckStep::ok("product", message));

    let lists = pool::read_lists(client, context).await?;
    pool::host_metrics(client, &lists.hosts).await?;
    let guests = map::count_guests(&lists.vms)?;
    let message = format!(
        "{}, {} (with templates)",
        count(lists.hosts.len(), "host"),
        count(guests, "virtual machine")
    );
    context.check_step(CheckStep::ok("objects", message));
    Ok(())
}
