//! The steps of a check.

use std::sync::Arc;

use gatherer_plugin_api::{CheckStep, Context, GatherError};
use gatherer_plugin_support::counts::{count, objects_step};
use gatherer_plugin_support::http::{Client, connection_steps};

use crate::Parameters;
use crate::client::{self, Login, Vsphere, rights};

/// The step that shows whether the account's role applies to everything.
const PROPAGATION: &str = "right: Propagate to children";

/// Checks the connection, the login, the rights on the root folder, and whether the inventory can be read.
pub async fn check(parameters: &Parameters, context: &Context) -> Result<(), GatherError> {
    let url = client::service(parameters)?;
    let rights = rights::NEEDED.map(step_of_right);
    let mut plan: Vec<String> = connection_steps(&url).into_iter().map(str::to_owned).collect();
    plan.extend(["product", "login"].map(str::to_owned));
    plan.extend(rights);
    plan.extend([PROPAGATION, "objects"].map(str::to_owned));
    context.check_plan(plan);
    Client::new(context)?.check_connection(&url).await?;

    let vsphere = Arc::new(Vsphere::connect(parameters, context).await?);
    context.check_step(CheckStep::ok("product", vsphere.product()));
    let login = vsphere.log_in(parameters).await?;
    let message = format!("the server accepts the password of {}", login.account());
    context.check_step(CheckStep::ok("login", message));
    let result = check_session(&vsphere, &login, context).await;
    vsphere.log_out(&login).await;
    result
}

async fn check_session(
    vsphere: &Arc<Vsphere>,
    login: &Login,
    context: &Context,
) -> Result<(), GatherError> {
    let (mut is_missing, mut on_everything) =
        (false, "the role applies to everything below the root folder");
    for right in rights::NEEDED {
        let name = step_of_right(right);
        context.check_step(match rights::has(vsphere, login, right).await? {
            Some(true) => CheckStep::ok(name, "the account has it on the root folder"),
            Some(false) => {
                is_missing = true;
                CheckStep::failed(name, &rights::missing(right))
            }
            None => {
                on_everything = "a single host shows everything to every account";
                CheckStep::ok(name, on_everything)
            }
        });
    }
    if is_missing {
        return Ok(());
    }
    let limit = rights::limit(vsphere, login).await?;
    // The first warning of the inventory is about this limit.
    let known_warnings = usize::from(limit.is_some());
    context.check_step(match limit {
        None => CheckStep::ok(PROPAGATION, on_everything),
        Some(limit) => CheckStep::warning(PROPAGATION, limit, rights::REMEDY),
    });
    let inventory = client::inventory(vsphere, login).await?;
    let on_hosts: usize = inventory.hosts.iter().map(|host| host.guests.len()).sum();
    let guests = on_hosts + inventory.guests_without_host.len();
    let message =
        format!("{}, {}", count(inventory.hosts.len(), "host"), count(guests, "virtual machine"));
    let warnings = inventory.warnings.iter().skip(known_warnings);
    let warnings = warnings.map(|(object, warning)| (object.as_str(), warning.as_str()));
    context.check_step(objects_step(message, warnings));
    Ok(())
}

fn step_of_right(right: &str) -> String {
    format!("right: {right}")
}
