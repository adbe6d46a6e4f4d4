//! The steps of a check.

use std::collections::BTreeSet;

use gatherer_plugin_api::{CheckStep, Context, ErrorKind, GatherError};
use gatherer_plugin_support::counts::count;
use gatherer_plugin_support::http::connection_steps;

use crate::client::Compute;
use crate::failure::Wanted;
use crate::map::instance::Instance;
use crate::settings::Settings;
use crate::{Parameters, key, list, machine_types};

/// Checks the key, the connection, the login, the rights, and reads everything once.
pub async fn check(parameters: &Parameters, context: &Context) -> Result<(), GatherError> {
    let settings = Settings::new(parameters)?;
    let right = |wanted: Wanted<'_>| format!("right: {}", wanted.right());
    let list_step = right(Wanted::Instances { zone: None });
    let types_step = right(Wanted::MachineType);
    let connection = connection_steps(&settings.api).into_iter().map(str::to_owned);
    let own = ["login", &list_step, &types_step, "objects"].map(str::to_owned);
    context.check_plan(["key".to_owned()].into_iter().chain(connection).chain(own));

    let key = key::read(parameters, context)?;
    let message = format!("the file has a key of {}", key.email);
    context.check_step(CheckStep::ok("key", message));
    let compute = Compute::new(&settings, key, context)?;
    compute.check_connection().await?;
    compute.log_in().await?;
    let message = format!("{} gets a token", compute.account());
    context.check_step(CheckStep::ok("login", message));

    let mut instances = match list::instances(&compute, context).await {
        Ok(instances) => instances,
        Err(error) if error.kind == ErrorKind::Permission => {
            context.check_step(CheckStep::failed(&list_step, &error));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    context.check_step(CheckStep::ok(&list_step, "the account may list the instances"));
    let denied = machine_types::add(&compute, &mut instances, context).await?;
    let names_types = instances.iter().any(|instance| instance.machine_type.is_some());
    context.check_step(match denied {
        Some(error) => CheckStep::warning(
            &types_step,
            format!("CPUs and memory of instances are unknown: {}", error.message),
            error.hint.unwrap_or_default(),
        ),
        None if names_types => CheckStep::ok(&types_step, "the account may read machine types"),
        None => CheckStep::not_tried(&types_step, "no instance has a machine type"),
    });
    context.check_step(CheckStep::ok("objects", counted(&instances, &settings)));
    Ok(())
}

/// The numbers of instances and zones.
fn counted(instances: &[Instance], settings: &Settings) -> String {
    let instances_text = count(instances.len(), "instance");
    if let Some(zone) = &settings.zone {
        return format!("{instances_text} in the zone {zone}");
    }
    let zones: BTreeSet<_> = instances.iter().map(|instance| &instance.zone).collect();
    format!("{instances_text} in {}", count(zones.len(), "zone"))
}
