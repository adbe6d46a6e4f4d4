//! Pure: from the answers of the services to the model, and whether they are complete.

pub mod cpu_info;
pub mod flavor;
pub mod hypervisor;
pub mod server;
pub mod service;
pub mod values;

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{Cpu, Guest, GuestState, Host, Location, Warning};
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::counts;

use hypervisor::FoundHypervisor;
use server::{ListedServer, Place};
use service::ComputeService;

/// How many names an error lists.
const NAMES_MAX: usize = 10;

/// The lists of the compute service.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The servers of all projects.
    pub servers: Vec<ListedServer>,
    /// The compute services.
    pub services: Vec<ComputeService>,
    /// The hypervisors.
    pub hypervisors: Vec<FoundHypervisor>,
}

/// A complete answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The hosts with their guests.
    pub hosts: Vec<Host>,
    /// The guests on no host.
    pub detached: Vec<Guest>,
    /// The warnings.
    pub warnings: Vec<Warning>,
}

/// Fails if a cell is down. Its servers must not become guests on no host, because a Manager would unlink them.
pub fn check_cells(
    servers: &[ListedServer],
    services: &[ComputeService],
) -> Result<(), GatherError> {
    let lost = servers.iter().filter(|server| server.found.is_none()).count();
    let hosts: BTreeSet<&str> = services
        .iter()
        .filter(|service| service.is_unknown)
        .map(|service| service.host.as_str())
        .collect();
    if lost == 0 && hosts.is_empty() {
        return Ok(());
    }
    // Nova lists only as many servers of the cell as the first page has room for.
    let servers = match lost {
        0 => "servers".to_owned(),
        lost => format!("at least {}", counts::count(lost, "server")),
    };
    let on = match hosts.len() {
        0 => String::new(),
        _ => format!(" on {}", names(hosts)),
    };
    let message = format!("a cell of the cloud is down: Nova cannot read {servers}{on}");
    Err(GatherError::new(ErrorKind::Unavailable, message).with_hint(
        "check the database of the cell; what is known of it is kept until it answers again",
    ))
}

/// At most ten names.
fn names(names: BTreeSet<&str>) -> String {
    let more = names.len().saturating_sub(NAMES_MAX);
    let shown: Vec<&str> = names.into_iter().take(NAMES_MAX).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The servers on hypervisors that the list of servers lacks, with the name of the hypervisor, sorted.
pub fn missing_servers(found: &Found) -> BTreeMap<&str, &str> {
    let listed: BTreeSet<&str> = found.servers.iter().map(|server| server.id.as_str()).collect();
    let of_hypervisors = found.hypervisors.iter().flat_map(|hypervisor| {
        hypervisor.servers.iter().map(|id| (id.as_str(), hypervisor.host.name.as_str()))
    });
    of_hypervisors.filter(|(id, _)| !listed.contains(id)).collect()
}

/// Puts each server on its hypervisor. The lists are complete as far as the requests could find out.
pub fn answer(found: Found, region: Option<&str>) -> Result<Answer, GatherError> {
    check_empty_lists(&found)?;
    let Found { servers, services, mut hypervisors } = found;
    let mut warnings = Vec::new();
    warn_of_services(&services, &hypervisors, &mut warnings);
    let zones: BTreeMap<&str, &str> = services
        .iter()
        .filter_map(|service| Some((service.host.as_str(), service.zone.as_deref()?)))
        .collect();
    for hypervisor in &mut hypervisors {
        let zone = hypervisor.service_host.as_deref().and_then(|host| zones.get(host));
        hypervisor.host.location.cluster = zone.map(|zone| (*zone).to_owned());
        if hypervisor.is_down() {
            warnings.push(Warning {
                object: hypervisor.host.name.clone(),
                message: "its compute service is down: the states of its servers are not known"
                    .to_owned(),
            });
        }
    }
    let mut places = Places::new(&hypervisors);
    let mut detached = Vec::new();
    for listed in servers {
        let Some(found) = listed.found else { continue };
        let mut guest = found.guest;
        match found.place {
            Place::Hypervisor { name, service_host } => {
                let at = places.find(&name, service_host.as_deref()).unwrap_or_else(|| {
                    warnings.push(Warning {
                        object: name.clone(),
                        message: "servers are on this hypervisor, but Nova does not list it: its hardware \
                                  is not known"
                            .to_owned(),
                    });
                    hypervisors.push(hypervisor::unlisted(&name, region));
                    places.add(name, None, hypervisors.len() - 1)
                });
                if hypervisors[at].is_down() {
                    guest.state = Some(GuestState::Unknown);
                }
                let host = &mut hypervisors[at].host;
                guest.architecture = guest.architecture.or_else(|| host.cpu.architecture.clone());
                host.guests.push(guest);
            }
            Place::None => detached.push(guest),
            Place::NotReported => return Err(hosts_not_reported(&guest.name)),
        }
    }
    let hosts = hypervisors.into_iter().map(|hypervisor| hypervisor.host).collect();
    Ok(Answer { hosts, detached, warnings })
}

/// The servers of the project, on a pseudo-host with this id.
pub fn project_answer(servers: Vec<ListedServer>, id: &str, region: Option<&str>) -> Answer {
    let guests = servers.into_iter().filter_map(|server| Some(server.found?.guest)).collect();
    let host = Host {
        software: Some(hypervisor::software()),
        cpu: Cpu { architecture: Some("cloud".to_owned()), ..Cpu::default() },
        location: Location { datacenter: region.map(str::to_owned), ..Location::default() },
        synthetic: true,
        guests,
        ..Host::new(id, id)
    };
    Answer { hosts: vec![host], ..Answer::default() }
}

/// A list that is empty beside another one that is not.
fn check_empty_lists(found: &Found) -> Result<(), GatherError> {
    let running: u64 = found
        .hypervisors
        .iter()
        .fold(0, |sum, hypervisor| sum.saturating_add(hypervisor.running_servers));
    if found.servers.is_empty() && running > 0 {
        return Err(GatherError::protocol(format!(
            "the list of servers is empty, but the hypervisors report {}",
            counts::count(usize::try_from(running).unwrap_or(usize::MAX), "server")
        ))
        .with_hint(
            "check the databases of all cells; if all servers were deleted, try again after a minute",
        ));
    }
    if found.hypervisors.is_empty() && found.services.is_empty() && found.servers.is_empty() {
        // A cloud without compute hosts is of no use, and a Manager would lose everything that it knows of this one.
        return Err(GatherError::protocol(
            "the compute service reports no hypervisors, no compute services and no servers",
        )
        .with_hint(
            "check that region names the right one, and that the cells of Nova are mapped \
             (nova-manage cell_v2 list_cells)",
        ));
    }
    if found.hypervisors.is_empty() {
        let services = found.services.len();
        return Err(GatherError::protocol(format!(
            "the list of hypervisors is empty, but there are {} and {}",
            counts::count(services, "compute service"),
            counts::count(found.servers.len(), "server"),
        ))
        .with_hint(
            "check that the compute hosts are mapped to cells (nova-manage cell_v2 discover_hosts)",
        ));
    }
    Ok(())
}

/// Nova leaves hypervisors out whose compute service or whose mapping to a cell is gone.
fn warn_of_services(
    services: &[ComputeService],
    hypervisors: &[FoundHypervisor],
    warnings: &mut Vec<Warning>,
) {
    let known: BTreeSet<&str> =
        hypervisors.iter().filter_map(|hypervisor| hypervisor.service_host.as_deref()).collect();
    let hosts: BTreeSet<&str> = services.iter().map(|service| service.host.as_str()).collect();
    // Without the hosts of services nothing can be compared.
    if known.is_empty() {
        return;
    }
    for host in hosts.difference(&known).filter(|host| !host.is_empty()) {
        warnings.push(Warning {
            object: (*host).to_owned(),
            message: "Nova lists a compute service on this host, and no hypervisor".to_owned(),
        });
    }
}

/// Only administrators get the host of a server.
pub fn hosts_not_reported(server: &str) -> GatherError {
    let policy = crate::client::rights::HOSTS_OF_SERVERS;
    let message = format!(
        "Nova does not report on which host the server {server} is: the policy {policy} does not allow it"
    );
    GatherError::new(ErrorKind::Permission, message).with_hint(format!(
        "give the user a role for which the policy {policy} allows it (usually admin), or set tenant_only \
         to read only the servers of the project"
    ))
}

/// The positions of hypervisors by their names.
struct Places {
    names: BTreeMap<String, usize>,
    /// Two cells can have hypervisors with the same name.
    names_and_services: BTreeMap<(String, String), usize>,
    /// The only hypervisor of a compute service; `None` if it has several.
    services: BTreeMap<String, Option<usize>>,
}

impl Places {
    fn new(hypervisors: &[FoundHypervisor]) -> Self {
        let mut places = Self {
            names: BTreeMap::new(),
            names_and_services: BTreeMap::new(),
            services: BTreeMap::new(),
        };
        for (at, hypervisor) in hypervisors.iter().enumerate() {
            places.add(hypervisor.host.name.clone(), hypervisor.service_host.as_deref(), at);
        }
        places
    }

    fn add(&mut self, name: String, service_host: Option<&str>, at: usize) -> usize {
        if let Some(service) = service_host {
            self.names_and_services.entry((name.clone(), service.to_owned())).or_insert(at);
            self.services
                .entry(service.to_owned())
                .and_modify(|only| *only = None)
                .or_insert(Some(at));
        }
        self.names.entry(name).or_insert(at);
        at
    }

    fn find(&self, name: &str, service_host: Option<&str>) -> Option<usize> {
        let service = service_host.unwrap_or_default();
        let both = (name.to_owned(), service.to_owned());
        let exact = self.names_and_services.get(&both).or_else(|| self.names.get(name));
        exact.copied().or_else(|| {
            // The name of the hypervisor is not known, and that of the service is.
            (name == service).then(|| self.services.get(service).copied().flatten()).flatten()
        })
    }
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
