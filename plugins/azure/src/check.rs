//! The steps of a check.

use gatherer_plugin_api::{CheckStep, Context, GatherError};
use gatherer_plugin_support::counts::{count, objects_step};
use gatherer_plugin_support::http::connection_steps;

use crate::client::Client;
use crate::collect;
use crate::settings::{Credentials, Settings};

/// Checks the connection, the login, the location, and everything that a run reads.
pub async fn check(
    client: &Client<'_>,
    settings: &Settings,
    context: &Context,
) -> Result<(), GatherError> {
    let mut plan = connection_steps(&settings.endpoint);
    plan.push("login");
    if settings.zone.is_some() {
        plan.push("zone");
    }
    plan.push("objects");
    context.check_plan(plan);
    client.check_connection().await?;
    client.log_in().await?;
    context.check_step(match &settings.login.credentials {
        Credentials::Secret(_) => {
            CheckStep::ok("login", "the login service accepts the client secret")
        }
        Credentials::Certificate(certificate) => {
            let message = "the login service accepts the certificate";
            certificate.credential.accepted_step("login", message, context)
        }
    });
    let location = collect::location(client, settings).await?;
    if let Some(location) = &location {
        let message = format!("the subscription has the location {location}");
        context.check_step(CheckStep::ok("zone", message));
    }
    let collected = collect::read(client, settings, location, context).await?;
    let counts = format!(
        "{} (with the instances of {})",
        count(collected.machines.len(), "virtual machine"),
        count(collected.scale_sets, "uniform scale set")
    );
    let warnings = &collected.warnings;
    let warnings = warnings.iter().map(|(object, message)| (object.as_str(), message.as_str()));
    context.check_step(objects_step(counts, warnings));
    Ok(())
}
