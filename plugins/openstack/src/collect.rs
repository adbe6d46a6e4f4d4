//! What is asked, in which order, and when the answers belong together.

use std::collections::BTreeSet;

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{Context, ErrorKind, GatherError};
use gatherer_plugin_support::counts;

use crate::client::{Cloud, Compute, Microversion};
use crate::map::flavor::Flavors;
use crate::map::server::ListedServer;
use crate::map::{self, Answer, Found};

/// How often all lists are read if one of them lacks what another one has.
const ATTEMPTS: usize = 3;

/// How many servers that the list lacks are asked for one by one. Most of them were deleted, and can be restored.
const ASKED_MAX: usize = 1000;

/// Reads everything.
pub async fn answer(cloud: &Cloud, context: &Context) -> Result<Answer, GatherError> {
    let compute = cloud.compute().await?;
    complete_answer(cloud, &compute, context).await
}

/// Reads everything from this compute service.
pub async fn complete_answer(
    cloud: &Cloud,
    compute: &Compute,
    context: &Context,
) -> Result<Answer, GatherError> {
    let mut warnings = Vec::new();
    if !compute.has(Microversion::DOWN_CELLS) {
        warnings.push(cells_are_not_reported(compute, context));
    }
    let flavors = flavors(cloud, compute, context, &mut warnings).await?;
    let region = compute.region.as_deref();
    let mut answer = if cloud.access().tenant_only {
        let servers = cloud.servers(compute, &flavors).await?;
        map::check_cells(&servers, &[])?;
        map::project_answer(servers, context.endpoint(), region)
    } else {
        map::answer(found(cloud, compute, &flavors).await?, region)?
    };
    answer.warnings.splice(0..0, warnings);
    Ok(answer)
}

/// The lists, none of which lacks what another one has.
async fn found(cloud: &Cloud, compute: &Compute, flavors: &Flavors) -> Result<Found, GatherError> {
    let mut deleted = BTreeSet::new();
    let mut attempt = 1;
    loop {
        let servers = cloud.servers(compute, flavors).await?;
        let services = services(cloud, compute, &servers).await?;
        let hypervisors = cloud.hypervisors(compute).await?;
        let found = Found { servers, services, hypervisors };
        let Some(error) = missing(cloud, compute, &found, &mut deleted).await? else {
            return Ok(found);
        };
        if attempt == ATTEMPTS {
            return Err(error);
        }
        tracing::info!("{error}; reading all lists again");
        attempt += 1;
    }
}

/// The compute services, unless a cell is down. If the servers show that, and the services cannot be read, the error is about
/// the cell.
async fn services(
    cloud: &Cloud,
    compute: &Compute,
    servers: &[ListedServer],
) -> Result<Vec<map::service::ComputeService>, GatherError> {
    let services = match cloud.services(compute).await {
        Err(error) => {
            map::check_cells(servers, &[])?;
            return Err(error);
        }
        Ok(services) => services,
    };
    map::check_cells(servers, &services)?;
    Ok(services)
}

/// The error about servers on hypervisors that the list of servers lacks: a cell may have been down for the time of one page.
/// Servers that are deleted are not missing, and added to `deleted`.
async fn missing(
    cloud: &Cloud,
    compute: &Compute,
    found: &Found,
    deleted: &mut BTreeSet<String>,
) -> Result<Option<GatherError>, GatherError> {
    let missing = map::missing_servers(found);
    let mut asked = 0;
    for (id, hypervisor) in &missing {
        if deleted.contains(*id) {
            continue;
        }
        asked += 1;
        if asked > ASKED_MAX || cloud.is_missing(compute, id).await? {
            let others = match missing.len() - 1 {
                0 => String::new(),
                others => format!(", and up to {} more", counts::count(others, "server")),
            };
            let message = format!(
                "the list of servers lacks {id}, which the hypervisor {hypervisor} has{others}"
            );
            return Ok(Some(
                GatherError::new(ErrorKind::Unavailable, message)
                    .with_hint("check the databases of all cells, and try again"),
            ));
        }
        deleted.insert((*id).to_owned());
    }
    Ok(None)
}

/// The flavors, if servers do not have their numbers. Without them only the sizes of servers are not known.
pub async fn flavors(
    cloud: &Cloud,
    compute: &Compute,
    context: &Context,
    warnings: &mut Vec<Warning>,
) -> Result<Flavors, GatherError> {
    if compute.has(Microversion::EMBEDDED_FLAVOR) {
        return Ok(Flavors::new());
    }
    match cloud.flavors(compute).await {
        Err(error) if matches!(error.kind, ErrorKind::Permission | ErrorKind::Configuration) => {
            warnings.push(Warning {
                object: context.endpoint().to_owned(),
                message: format!(
                    "the CPUs and the memory of servers are not known: {}",
                    error.message
                ),
            });
            Ok(Flavors::new())
        }
        flavors => flavors,
    }
}

/// An older compute service leaves out what it cannot read.
fn cells_are_not_reported(compute: &Compute, context: &Context) -> Warning {
    let newest = match compute.newest() {
        Some(version) => format!("only microversions up to {version}"),
        None => "no microversions".to_owned(),
    };
    Warning {
        object: context.endpoint().to_owned(),
        message: format!(
            "the compute service has {newest}: if a cell is down, it can leave out servers of the cell without \
             reporting that; from {} on it reports that",
            Microversion::DOWN_CELLS
        ),
    }
}
