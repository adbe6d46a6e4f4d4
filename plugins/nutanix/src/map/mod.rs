//! From the replies of any version of the API to the model: what all versions have in common, and whether an answer
//! can be complete. No I/O.

mod hardware;
#[cfg(test)]
mod map_tests;
pub mod v2;
pub mod v3;
pub mod v4;
mod v4_devices;

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::model::{Cpu, Guest, Host, Hypervisor, Version, Warning};
use gatherer_plugin_api::{ErrorKind, GatherError};

/// The name of the pseudo-host with the VMs that are on no host. A Manager knows it by this name.
pub const DETACHED_HOST: &str = "Nutanix-AHV-DetachedVMs";

/// Everything that the endpoint has.
#[derive(Debug, Default)]
pub struct Found {
    /// The registered clusters. Empty with API v2, which has no list of them.
    pub clusters: Vec<FoundCluster>,
    /// The hosts, without guests.
    pub hosts: Vec<FoundHost>,
    /// The VMs.
    pub guests: Vec<FoundGuest>,
    /// The controller VMs, if they have a list of their own.
    pub controllers: Vec<FoundGuest>,
    /// Whether the VMs of ESXi hosts are listed.
    pub lists_esxi_guests: bool,
    /// What could not be read, although the rest is complete.
    pub warnings: Vec<Warning>,
}

/// A cluster that is registered in Prism Central.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCluster {
    /// The UUID.
    pub id: String,
    /// The name.
    pub name: String,
    /// Whether the cluster has hosts: Prism Central itself and witnesses are clusters without hosts.
    pub has_hosts: bool,
    /// Whether Prism Central can reach the cluster, if it says so.
    pub is_available: Option<bool>,
    /// The architecture of its processors, as `uname -m` prints it.
    pub architecture: Option<String>,
    /// The number of nodes, if known.
    pub nodes: Option<usize>,
    /// The number of VMs that the cluster reports, with the same VMs as a host's.
    pub reported_guests: Option<u64>,
}

/// A host.
#[derive(Debug, Clone)]
pub struct FoundHost {
    /// The UUID.
    pub uuid: String,
    /// The UUID of its cluster.
    pub cluster: Option<String>,
    /// The number of VMs that the host reports. It includes the controller VM and other service VMs, which are not in
    /// the list of VMs.
    pub reported_guests: Option<u64>,
    /// Whether the hypervisor is ESXi.
    pub is_esxi: bool,
    /// The host in the model.
    pub host: Host,
}

/// A VM.
#[derive(Debug, Clone)]
pub struct FoundGuest {
    /// The UUID of its host. `None` if it is on no host, as VMs that are off.
    pub host: Option<String>,
    /// The UUID of its cluster.
    pub cluster: Option<String>,
    /// The VM in the model.
    pub guest: Guest,
}

/// The hosts of a complete answer with their guests, the pseudo-host among them, and what is strange about it.
#[derive(Debug)]
pub struct Answer {
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The warnings.
    pub warnings: Vec<Warning>,
}

/// Checks that the answer can be complete, and puts each VM on its host, or on the pseudo-host.
pub fn answer(found: Found) -> Result<Answer, GatherError> {
    check_hosts(&found)?;
    check_guests(&found)?;
    let mut warnings = unlisted_guests(&found);
    warnings.extend(found.warnings);
    let mut hosts: Vec<Host> = Vec::with_capacity(found.hosts.len() + 1);
    let mut places = BTreeMap::new();
    for host in found.hosts {
        places.insert(host.uuid.to_ascii_lowercase(), hosts.len());
        hosts.push(host.host);
    }
    let place = |host: &str| places.get(&host.to_ascii_lowercase()).copied();
    let mut detached = detached_host();
    for FoundGuest { host, guest, .. } in found.guests {
        match host.filter(|host| !host.trim().is_empty()) {
            Some(host) => match place(&host) {
                Some(place) => hosts[place].guests.push(guest),
                None => return Err(unlisted_host(&guest)),
            },
            None => detached.guests.push(guest),
        }
    }
    for FoundGuest { host, guest, .. } in found.controllers {
        let place = host.and_then(|host| place(&host));
        let guests = place.map_or(&mut detached.guests, |place| &mut hosts[place].guests);
        // On ESXi it is in the list of VMs too.
        if !guests.iter().any(|listed| listed.name == guest.name) {
            guests.push(guest);
        }
    }
    hosts.push(detached);
    Ok(Answer { hosts, warnings })
}

/// The list of hosts lacks the host of this VM, so it may lack others too.
fn unlisted_host(guest: &Guest) -> GatherError {
    let message = format!("the host of the VM {} is not listed", guest.name);
    GatherError::new(ErrorKind::Permission, message).with_hint("allow the user to view all hosts")
}

/// Prism has at least one host, and each of its clusters one for each of its nodes. A cluster that Prism Central cannot reach may be missing
/// from the lists.
fn check_hosts(found: &Found) -> Result<(), GatherError> {
    let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
    for cluster in found.hosts.iter().filter_map(|host| host.cluster.as_deref()) {
        *listed.entry(cluster).or_default() += 1;
    }
    for cluster in &found.clusters {
        let name = &cluster.name;
        if cluster.has_hosts && cluster.is_available == Some(false) {
            return Err(GatherError::new(
                ErrorKind::Unavailable,
                format!("Prism Central has no connection to the cluster {name}"),
            )
            .with_hint("restore the connection, or unregister the cluster from Prism Central"));
        }
        let hosts = listed.get(&*cluster.id).copied().unwrap_or(0);
        let nodes = cluster.nodes.unwrap_or(0).max(1);
        if cluster.has_hosts && hosts < nodes {
            let message = match hosts {
                0 => format!("no host of the cluster {name} is listed"),
                _ => format!(
                    "{hosts} hosts of the cluster {name} are listed, but it has {nodes} nodes"
                ),
            };
            return Err(GatherError::new(ErrorKind::Permission, message).with_hint(
                "allow the user to view all hosts, and check the connection of Prism Central to the cluster",
            ));
        }
    }
    if found.hosts.is_empty() {
        return Err(GatherError::new(ErrorKind::Permission, "the server lists no host")
            .with_hint("allow the user to view all clusters and hosts"));
    }
    Ok(())
}

/// A list without any VM, of all clusters or of one, is complete only if no host runs more than its controller VM. (Prism
/// Central 2024.3 was seen to list none, without an error, although there were VMs.)
fn check_guests(found: &Found) -> Result<(), GatherError> {
    let of_hosts = sum(found.hosts.iter().map(|host| host.reported_guests));
    let of_clusters = sum(found.clusters.iter().map(|cluster| cluster.reported_guests));
    let reported = of_hosts.max(of_clusters);
    let hosts = found.hosts.len() as u64;
    if found.guests.is_empty() && reported > hosts {
        return Err(GatherError::protocol(format!(
            "the list of VMs is empty, but the hosts report {reported} VMs, more than one controller VM for each of \
             the {hosts} hosts"
        ))
        .with_hint("allow the user to view all VMs; if it is allowed to, set api to another version"));
    }
    let listed: BTreeSet<&String> =
        found.guests.iter().filter_map(|guest| guest.cluster.as_ref()).collect();
    for cluster in found.clusters.iter().filter(|cluster| cluster.has_hosts) {
        let of_cluster = |host: &&FoundHost| host.cluster.as_ref() == Some(&cluster.id);
        let hosts: Vec<&FoundHost> = found.hosts.iter().filter(of_cluster).collect();
        let reported = sum(hosts.iter().map(|host| host.reported_guests));
        let can_list = found.lists_esxi_guests || !hosts.iter().any(|host| host.is_esxi);
        if can_list && reported > hosts.len() as u64 && !listed.contains(&cluster.id) {
            let name = &cluster.name;
            let message = format!(
                "no VM of the cluster {name} is listed, but its hosts report {reported} VMs, more than one controller \
                 VM for each of the {} hosts",
                hosts.len()
            );
            return Err(GatherError::new(ErrorKind::Permission, message)
                .with_hint("allow the user to view the VMs of all clusters"));
        }
    }
    Ok(())
}

/// The sum of the known numbers, at most the largest possible one.
fn sum(numbers: impl IntoIterator<Item = Option<u64>>) -> u64 {
    numbers.into_iter().flatten().fold(0, u64::saturating_add)
}

/// Warnings about hosts whose VMs are not in any list.
fn unlisted_guests(found: &Found) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for host in found.hosts.iter().filter(|host| host.is_esxi && !found.lists_esxi_guests) {
        let message = "only API v4 lists the VMs of an ESXi host; use module VMware for them";
        warnings.push(Warning { object: host.host.name.clone(), message: message.to_owned() });
    }
    warnings
}

/// The pseudo-host with the VMs that are on no host. It is always sent, with the same values as by the classic program.
fn detached_host() -> Host {
    Host {
        hypervisor: Some(Hypervisor { kind: hardware::AHV.to_owned(), version: None }),
        os: Some(Version {
            name: Some(hardware::AHV_NAME.to_owned()),
            version: Some("Fake Host".to_owned()),
        }),
        cpu: Cpu { architecture: Some("x86_64".to_owned()), ..Cpu::default() },
        synthetic: true,
        ..Host::new(DETACHED_HOST, DETACHED_HOST)
    }
}
