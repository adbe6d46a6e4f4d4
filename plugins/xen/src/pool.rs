//! Reads all objects of a pool, and checks that the lists belong together.

use gatherer_plugin_api::{Context, GatherError};
use gatherer_plugin_support::json;

use crate::client::Xapi;
use crate::record::{Class, Record};

/// How often pool, hosts and virtual machines are read until the lists belong together.
const MAX_READS: usize = 3;

/// The objects of a pool, one list for each class.
#[derive(Debug)]
pub struct PoolRecords {
    pub pools: Class,
    pub hosts: Class,
    pub host_metrics: Class,
    pub vms: Class,
    pub vm_metrics: Class,
    pub guest_metrics: Class,
    pub vifs: Class,
    pub networks: Class,
    pub vbds: Class,
    pub vdis: Class,
}

/// The lists that belong together.
#[derive(Debug)]
pub struct PoolLists {
    pub pools: Class,
    pub hosts: Class,
    pub vms: Class,
}

/// The host that answers for the pool.
pub fn coordinator<'a>(pools: &Class, hosts: &'a Class) -> Result<Record<'a>, GatherError> {
    let master = pools.iter().find_map(|pool| pool.reference("master"));
    let found = master.and_then(|master| hosts.get(master));
    found.ok_or_else(|| incomplete("host", "the pool's coordinator is missing"))
}

/// Reads the lists of pools, hosts and virtual machines until they belong together.
pub async fn read_lists(client: &Xapi, context: &Context) -> Result<PoolLists, GatherError> {
    let mut reads = 1;
    loop {
        context.progress("hosts and virtual machines");
        let pools = client.records("pool").await?;
        let hosts = client.records("host").await?;
        let vms = client.records("VM").await?;
        match check(&pools, &hosts, &vms) {
            Ok(()) => return Ok(PoolLists { pools, hosts, vms }),
            Err(error) if reads == MAX_READS => return Err(error),
            // An object can appear or disappear between two calls.
            Err(error) => tracing::info!("{error}; reading again"),
        }
        reads += 1;
    }
}

/// Reads the whole pool.
pub async fn read(client: &Xapi, context: &Context) -> Result<PoolRecords, GatherError> {
    let PoolLists { pools, hosts, vms } = read_lists(client, context).await?;
    context.progress("details of the virtual machines");
    let host_metrics = host_metrics(client, &hosts).await?;
    Ok(PoolRecords {
        pools,
        hosts,
        host_metrics,
        vms,
        vm_metrics: client.records("VM_metrics").await?,
        guest_metrics: client.records("VM_guest_metrics").await?,
        vifs: client.records("VIF").await?,
        networks: client.records("network").await?,
        vbds: client.records("VBD").await?,
        vdis: client.records("VDI").await?,
    })
}

/// Reads the metrics of the hosts. Without them, the guests of a lost host would seem to run.
pub async fn host_metrics(client: &Xapi, hosts: &Class) -> Result<Class, GatherError> {
    let host_metrics = client.records("host_metrics").await?;
    if host_metrics.is_empty() && hosts.iter().any(|host| host.reference("metrics").is_some()) {
        return Err(incomplete("host_metrics", "it is empty, but the hosts have metrics"));
    }
    Ok(host_metrics)
}

/// Checks that the lists have all objects to which the others refer. A list that lacks one would make a Manager remove it.
fn check(pools: &Class, hosts: &Class, vms: &Class) -> Result<(), GatherError> {
    for (class, records, why) in [
        ("pool", pools, "every host belongs to a pool"),
        ("host", hosts, "every pool has a host"),
        ("VM", vms, "every host has a control domain"),
    ] {
        if records.is_empty() {
            return Err(incomplete(class, &format!("it is empty, but {why}")));
        }
    }
    for coordinator in pools.iter().filter_map(|pool| pool.reference("master")) {
        if hosts.get(coordinator).is_none() {
            return Err(incomplete("host", "the pool's coordinator is missing"));
        }
    }
    for host in hosts.iter() {
        let own = host.references("resident_VMs")?.chain(host.reference("control_domain"));
        let missing = own.filter(|vm| vms.get(vm).is_none()).count();
        if missing > 0 {
            let host = json::quote(host.text("name_label").unwrap_or_default());
            let why = format!("{missing} of those that run on the host {host} are missing");
            return Err(incomplete("VM", &why));
        }
    }
    for vm in vms.iter() {
        if vm.reference("resident_on").is_some_and(|host| hosts.get(host).is_none()) {
            let vm = json::quote(vm.text("name_label").unwrap_or_default());
            return Err(incomplete("host", &format!("that on which {vm} runs is missing"))
                .with_hint("if the host was removed, run xe vm-reset-powerstate for its guests"));
        }
    }
    Ok(())
}

fn incomplete(class: &str, why: &str) -> GatherError {
    GatherError::protocol(format!("the list of {class} records is not complete: {why}"))
        .with_hint("restart the toolstack of the coordinator (xe-toolstack-restart)")
}
