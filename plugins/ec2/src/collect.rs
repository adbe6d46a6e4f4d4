//! Reads everything, and sends it.

use std::collections::{BTreeMap, BTreeSet};

use gatherer_plugin_api::{Context, ErrorKind, GatherError, HostRef};
use gatherer_plugin_support::cloud::ZoneHosts;

use crate::Parameters;
use crate::client::{Ec2, TYPES_PER_CALL};
use crate::map::NAMES;
use crate::map::dedicated_host::DedicatedHost;
use crate::map::instance::Instance;
use crate::map::instance_type::InstanceType;

/// What an endpoint has.
struct Answer {
    instances: Vec<Instance>,
    hosts: Vec<DedicatedHost>,
    types: BTreeMap<String, InstanceType>,
    /// Why something is missing that is not essential.
    warnings: Vec<String>,
}

/// Gathers the endpoint.
pub async fn gather(
    client: &Ec2,
    parameters: &Parameters,
    context: &Context,
) -> Result<(), GatherError> {
    let zone = parameters.zone();
    if let Some(zone) = zone {
        check_zone(zone, client.region(), &client.zones().await?)?;
    }
    let answer = read(client, zone, parameters.dedicated_hosts, context).await?;
    send(answer, zone, parameters.dedicated_hosts, client.region(), context)
}

/// Fails if the region does not have the zone: instances of an unknown zone are an empty list, and not an error.
pub fn check_zone(zone: &str, region: &str, zones: &[String]) -> Result<(), GatherError> {
    if zones.iter().any(|known| known == zone) {
        return Ok(());
    }
    let error = GatherError::configuration(format!("the region {region} has no zone {zone:?}"));
    if zones.is_empty() {
        return Err(error.with_hint("check region and zone"));
    }
    Err(error.with_hint(format!("its zones are {}", zones.join(", "))))
}

/// Reads instances, dedicated hosts and types.
async fn read(
    client: &Ec2,
    zone: Option<&str>,
    needs_hosts: bool,
    context: &Context,
) -> Result<Answer, GatherError> {
    context.progress("instances");
    let instances = instances(client, zone).await?;
    context.progress("dedicated hosts");
    let hosts = dedicated_hosts(client, zone).await;
    context.progress("instance types");
    let (hosts, warning) = match hosts {
        Ok(hosts) => (hosts, None),
        // Without them, a Manager would remove the hosts.
        Err(error) if needs_hosts || !is_optional(&error) => return Err(error),
        Err(error) => (Vec::new(), missing("dedicated hosts are", &error)),
    };
    let mut warnings = Vec::from_iter(warning);
    let types = match types(client, &instances, &hosts).await {
        Ok(types) => types,
        Err(error) if is_optional(&error) => {
            warnings.extend(missing("CPUs and memory of instances are", &error));
            BTreeMap::new()
        }
        Err(error) => return Err(error),
    };
    Ok(Answer { instances, hosts, types, warnings })
}

/// The warning about something that could not be read. A service of another provider that does not have it is no problem.
fn missing(what: &str, error: &GatherError) -> Option<String> {
    tracing::info!("{error}");
    (error.kind == ErrorKind::Permission).then(|| format!("{what} unknown: {}", error.message))
}

/// The instances that exist, sorted by id.
pub async fn instances(client: &Ec2, zone: Option<&str>) -> Result<Vec<Instance>, GatherError> {
    let mut instances = client.instances(zone).await?;
    // Other services than Amazon's may ignore the filter.
    let is_here = |found: &Instance| is_in_zone(found.zone.as_deref(), zone);
    instances.retain(|instance| !instance.is_terminated && is_here(instance));
    instances.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(instances)
}

/// The dedicated hosts of the account, sorted by id.
pub async fn dedicated_hosts(
    client: &Ec2,
    zone: Option<&str>,
) -> Result<Vec<DedicatedHost>, GatherError> {
    let mut hosts = client.dedicated_hosts().await?;
    hosts.retain(|host| !host.is_released && is_in_zone(host.zone.as_deref(), zone));
    hosts.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(hosts)
}

/// The types of instances and hosts, by name.
pub async fn types(
    client: &Ec2,
    instances: &[Instance],
    hosts: &[DedicatedHost],
) -> Result<BTreeMap<String, InstanceType>, GatherError> {
    let of_instances = instances.iter().filter_map(|instance| instance.type_name.as_deref());
    let of_hosts = hosts.iter().filter_map(|host| host.type_name.as_deref());
    let names: BTreeSet<&str> = of_instances.chain(of_hosts).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let mut types = BTreeMap::new();
    for chunk in names.chunks(TYPES_PER_CALL) {
        let found = client.types(chunk).await?;
        types.extend(found.into_iter().map(|found| (found.name.clone(), found)));
    }
    Ok(types)
}

/// Whether an object in the zone `found` belongs to an endpoint with this zone.
fn is_in_zone(found: Option<&str>, zone: Option<&str>) -> bool {
    zone.is_none_or(|zone| found.is_none_or(|found| found == zone))
}

/// Whether a call is not allowed, or not offered by a service of another provider.
pub fn is_optional(error: &GatherError) -> bool {
    matches!(error.kind, ErrorKind::Permission | ErrorKind::Unsupported)
}

/// Sends the hosts, with the guests of each.
fn send(
    answer: Answer,
    zone: Option<&str>,
    are_hosts_listed: bool,
    region: &str,
    context: &Context,
) -> Result<(), GatherError> {
    let Answer { instances, hosts, types, warnings } = answer;
    for warning in warnings {
        context.warning(context.endpoint(), warning)?;
    }
    let type_of = |name: Option<&str>| types.get(name?);
    let mut zones = ZoneHosts::new(context, NAMES, zone)?;
    let mut places = BTreeMap::<String, HostRef>::new();
    for host in hosts {
        let of_type = type_of(host.type_name.as_deref()).cloned();
        let (id, of_zone) = (host.id.clone(), host.zone.clone());
        let mut host = host.into_host(region, of_type.as_ref());
        if !are_hosts_listed {
            let of_zone = place(of_zone.as_deref(), zone);
            // The pseudo-host must exist.
            zones.of_zone(of_zone)?;
            host.represented_by = Some(zones.id_of(of_zone));
        }
        places.insert(id, context.host(host)?);
    }
    for instance in instances {
        context.check_cancelled()?;
        let host = instance.host.as_ref().and_then(|host| places.get(host)).cloned();
        let host = match host {
            Some(host) => host,
            // A host of another account, or one that is new.
            None => match zones.of_zone(place(instance.zone.as_deref(), zone))? {
                Some(host) => host,
                None => continue,
            },
        };
        let of_type = type_of(instance.type_name.as_deref()).cloned();
        context.guest(&host, instance.into_guest(of_type.as_ref()))?;
    }
    Ok(())
}

/// The zone of an object: that of the endpoint, if the answer does not say it.
fn place<'a>(found: Option<&'a str>, zone: Option<&'a str>) -> &'a str {
    found.or(zone).unwrap_or("unknown")
}
