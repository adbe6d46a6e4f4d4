//! The steps of a check.

use gatherer_plugin_api::{CheckStep, Context, ErrorKind, GatherError};
use gatherer_plugin_support::counts::count;
use gatherer_plugin_support::http::connection_steps;

use crate::Parameters;
use crate::client::Ec2;
use crate::collect;

const ZONES: &str = "right: ec2:DescribeAvailabilityZones";
const INSTANCES: &str = "right: ec2:DescribeInstances";
const HOSTS: &str = "right: ec2:DescribeHosts";
const TYPES: &str = "right: ec2:DescribeInstanceTypes";

/// Checks the connection, the credentials, the rights and the zone, and counts what a run would read.
pub async fn check(
    client: &Ec2,
    parameters: &Parameters,
    context: &Context,
) -> Result<(), GatherError> {
    let zone = parameters.zone();
    let mut plan: Vec<&str> = connection_steps(client.url()).into_iter().collect();
    plan.push("login");
    if zone.is_some() {
        plan.extend([ZONES, "zone"]);
    }
    plan.extend([INSTANCES, HOSTS, TYPES, "objects"]);
    context.check_plan(plan);
    client.check_connection().await?;

    if let Some(zone) = zone {
        let zones = after_login(client, context, client.zones().await)?;
        context.check_step(CheckStep::ok(ZONES, count(zones.len(), "zone")));
        collect::check_zone(zone, client.region(), &zones)?;
        let message = format!("the region {} has the zone {zone}", client.region());
        context.check_step(CheckStep::ok("zone", message));
    }
    let instances = collect::instances(client, zone).await;
    let instances = match zone {
        None => after_login(client, context, instances)?,
        Some(_) => instances?,
    };
    context.check_step(CheckStep::ok(INSTANCES, "instances can be listed"));
    let hosts = match collect::dedicated_hosts(client, zone).await {
        Err(error) if parameters.dedicated_hosts || !collect::is_optional(&error) => {
            return Err(error);
        }
        hosts => hosts,
    };
    context.check_step(optional_step(HOSTS, "dedicated hosts", &hosts));
    let hosts = hosts.unwrap_or_default();
    let types = match collect::types(client, &instances, &hosts).await {
        Err(error) if !collect::is_optional(&error) => return Err(error),
        types => types,
    };
    context.check_step(optional_step(TYPES, "CPUs and memory of instances", &types));
    let (instances, hosts) =
        (count(instances.len(), "instance"), count(hosts.len(), "dedicated host"));
    context.check_step(CheckStep::ok("objects", format!("{instances}, {hosts}")));
    Ok(())
}

/// Sends the step `login` after the first call: its result shows whether the service accepts the credentials.
fn after_login<T>(
    client: &Ec2,
    context: &Context,
    result: Result<T, GatherError>,
) -> Result<T, GatherError> {
    let is_accepted = match &result {
        Ok(_) => true,
        Err(error) => error.kind == ErrorKind::Permission,
    };
    if is_accepted {
        let message = format!("the service accepts {}", client.source().name());
        context.check_step(CheckStep::ok("login", message));
    }
    result
}

/// The step about a right without which a run has a warning.
fn optional_step<T>(step: &str, what: &str, result: &Result<T, GatherError>) -> CheckStep {
    match result {
        Ok(_) => CheckStep::ok(step, format!("{what} can be read")),
        Err(error) => {
            let hint = error.hint.clone().unwrap_or_default();
            CheckStep::warning(step, format!("{what} are unknown: {}", error.message), hint)
        }
    }
}
