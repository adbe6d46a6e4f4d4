//! The steps of a check.

use gatherer_plugin_api::{CheckStep, Context, ErrorKind, GatherError};
use gatherer_plugin_support::counts::{count, objects_step};
use gatherer_plugin_support::http::{UsedCredential, connection_steps, display_url};

use crate::client::{Cloud, Compute, Login, Microversion, rights};
use crate::collect;
use crate::map::server::{ListedServer, Place};
use crate::map::{self, Answer, Found};

/// The rights that reading everything needs, before the list of hypervisors, which fails if a cell is down.
const RIGHTS: [&str; 3] = [rights::ALL_TENANTS, rights::HOSTS_OF_SERVERS, rights::SERVICES];

/// The step about cells.
const CELLS: &str = "cells";

/// Checks the connection, the login, the compute service, the rights, and whether the lists belong together.
pub async fn check(cloud: &Cloud, context: &Context) -> Result<(), GatherError> {
    let access = cloud.access();
    let steps = connection_steps(&access.auth_url).into_iter().map(str::to_owned);
    let own = ["login", "product"].map(str::to_owned);
    let of_lists = if access.tenant_only {
        vec![step_of(rights::SERVERS), CELLS.to_owned()]
    } else {
        let mut of_lists = RIGHTS.map(step_of).to_vec();
        of_lists.extend([CELLS.to_owned(), step_of(rights::HYPERVISORS)]);
        of_lists
    };
    context.check_plan(steps.chain(own).chain(of_lists).chain(["objects".to_owned()]));
    cloud.check_connection().await?;

    let login = cloud.login().await?;
    context.check_step(login_step(cloud, &login, context));
    let compute = cloud.compute().await?;
    context.check_step(CheckStep::ok("product", product(&compute)));

    let flavors = collect::flavors(cloud, &compute, context, &mut Vec::new()).await?;
    let Some(found) = lists(cloud, &compute, &flavors, context).await? else { return Ok(()) };
    let region = compute.region.as_deref();
    let answer = if access.tenant_only {
        map::project_answer(found.servers, context.endpoint(), region)
    } else {
        map::answer(found, region)?
    };
    let warnings = answer.warnings.iter();
    let warnings = warnings.map(|warning| (warning.object.as_str(), warning.message.as_str()));
    context.check_step(objects_step(counted(&answer), warnings));
    Ok(())
}

/// The lists, after a step for each right. `None` if a right is missing.
async fn lists(
    cloud: &Cloud,
    compute: &Compute,
    flavors: &map::flavor::Flavors,
    context: &Context,
) -> Result<Option<Found>, GatherError> {
    let mut is_missing = false;
    let mut step = |right: &str, allowed: Option<&GatherError>| {
        is_missing |= allowed.is_some();
        context.check_step(match allowed {
            None => CheckStep::ok(step_of(right), "the user has it"),
            Some(error) => CheckStep::failed(step_of(right), error),
        });
    };
    if cloud.access().tenant_only {
        let servers = allowed(cloud.servers(compute, flavors).await)?;
        step(rights::SERVERS, servers.as_ref().err());
        let Ok(servers) = servers else { return Ok(None) };
        map::check_cells(&servers, &[])?;
        context.check_step(cells_step(compute));
        return Ok(Some(Found { servers, ..Found::default() }));
    }
    let servers = allowed(cloud.servers(compute, flavors).await)?;
    step(rights::ALL_TENANTS, servers.as_ref().err());
    match servers.as_deref().map(first_without_host) {
        Ok(Some(name)) => step(rights::HOSTS_OF_SERVERS, Some(&map::hosts_not_reported(&name))),
        Ok(None) => step(rights::HOSTS_OF_SERVERS, None),
        Err(_) => context.check_step(CheckStep::not_tried(step_of(rights::HOSTS_OF_SERVERS), "")),
    }
    let services = allowed(cloud.services(compute).await)?;
    step(rights::SERVICES, services.as_ref().err());
    if let (Ok(servers), Ok(services)) = (&servers, &services) {
        map::check_cells(servers, services)?;
        context.check_step(cells_step(compute));
    } else {
        context.check_step(CheckStep::not_tried(CELLS, ""));
    }
    let hypervisors = allowed(cloud.hypervisors(compute).await)?;
    step(rights::HYPERVISORS, hypervisors.as_ref().err());
    Ok(match (servers, services, hypervisors) {
        (Ok(servers), Ok(services), Ok(hypervisors)) if !is_missing => {
            Some(Found { servers, services, hypervisors })
        }
        _ => None,
    })
}

/// The list, or the error if a right is missing. Every other error ends the check.
fn allowed<T>(list: Result<T, GatherError>) -> Result<Result<T, GatherError>, GatherError> {
    match list {
        Err(error) if error.kind != ErrorKind::Permission => Err(error),
        list => Ok(list),
    }
}

/// The name of a server whose host the user may not see.
fn first_without_host(servers: &[ListedServer]) -> Option<String> {
    let found = servers.iter().filter_map(|server| server.found.as_ref());
    let mut hidden = found.filter(|found| found.place == Place::NotReported);
    hidden.next().map(|found| found.guest.name.clone())
}

fn step_of(right: &str) -> String {
    format!("right: {right}")
}

fn login_step(cloud: &Cloud, login: &Login, context: &Context) -> CheckStep {
    let name = cloud.access().identity.name();
    let project = match &login.project {
        Some(project) => format!(" for the project {project}"),
        None => String::new(),
    };
    let message = format!("the identity service accepts {name}{project}");
    if let Some(at) = login.password_expires_at {
        context.expiry(&name, at);
    }
    UsedCredential { name, expiry: login.password_expires_at }
        .accepted_step("login", &message, context)
}

fn product(compute: &Compute) -> String {
    let version = match (compute.microversion(), compute.newest()) {
        (Some(used), Some(newest)) if used == newest => format!("microversion {used}"),
        (Some(used), Some(newest)) => format!("microversion {used} (it has {newest})"),
        _ => "no microversions".to_owned(),
    };
    let region = match &compute.region {
        Some(region) => format!(" of the region {region}"),
        None => String::new(),
    };
    format!("Nova{region} at {}, {version}", display_url(&compute.base))
}

/// The step about cells: whether the answers of this version show that one is down.
fn cells_step(compute: &Compute) -> CheckStep {
    if compute.has(Microversion::DOWN_CELLS) {
        return CheckStep::ok(CELLS, "all cells answer");
    }
    let message = format!(
        "the compute service has no microversion {}: it can leave out servers of a cell that is down without \
         reporting that",
        Microversion::DOWN_CELLS
    );
    CheckStep::warning(CELLS, message, "update Nova to Stein or later")
}

/// The numbers of objects.
fn counted(answer: &Answer) -> String {
    let real = answer.hosts.iter().filter(|host| !host.synthetic).count();
    let on_hosts: usize = answer.hosts.iter().map(|host| host.guests.len()).sum();
    let detached = match answer.detached.len() {
        0 => String::new(),
        number => format!(" and {} on no host", count(number, "server")),
    };
    format!("{}, {}{detached}", count(real, "hypervisor"), count(on_hosts, "server"))
}
