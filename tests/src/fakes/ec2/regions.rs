//! DescribeAvailabilityZones, DescribeInstanceTypes and DescribeHosts.

use super::inventory::{Ec2Host, Ec2Type, Ec2Zone};
use super::pages::Page;
use super::parameters::Parameters;
use super::xml::Xml;
use super::{ACCOUNT, Ec2Error, Ec2Fake, Ec2Fault};

pub(super) fn describe_zones(
    fake: &Ec2Fake,
    parameters: &mut Parameters,
) -> Result<String, Ec2Error> {
    let filters = parameters.filters(&["zone-name", "zone-id", "zone-type", "opt-in-status"])?;
    let (names, ids) = (parameters.list("ZoneName"), parameters.list("ZoneId"));
    let all = parameters.boolean("AllAvailabilityZones")?;
    let visible = |zone: &&Ec2Zone| all || zone.opt_in != "not-opted-in";
    let mut zones: Vec<_> = fake.inventory.zones.iter().filter(visible).collect();
    let is_known = |name: &str| zones.iter().any(|zone| zone.name == *name || zone.id == *name);
    let unknown: Vec<&str> =
        names.iter().chain(&ids).map(String::as_str).filter(|name| !is_known(name)).collect();
    if !unknown.is_empty() && !fake.happens(Ec2Fault::UnknownZonesAreDropped) {
        let message = format!("Invalid availability zone: [{}]", unknown.join(", "));
        return Err(Ec2Error::new(400, "InvalidParameterValue", message));
    }
    zones.retain(|zone| {
        (names.is_empty() || names.contains(&zone.name))
            && (ids.is_empty() || ids.contains(&zone.id))
            && filters.iter().all(|filter| match filter.name.as_str() {
                "zone-name" => filter.matches(&zone.name),
                "zone-id" => filter.matches(&zone.id),
                "zone-type" => filter.matches(zone.kind),
                _ => filter.matches(zone.opt_in),
            })
    });
    if fake.happens(Ec2Fault::NoZones) {
        zones.clear();
    }
    let mut xml = Xml::default();
    xml.set("availabilityZoneInfo", zones, |xml, zone| {
        xml.text("zoneName", &zone.name);
        xml.text("zoneState", "available");
        xml.text("regionName", &fake.region);
        xml.empty("messageSet");
        xml.text("zoneId", &zone.id);
        xml.text("optInStatus", zone.opt_in);
        xml.text("zoneType", zone.kind);
        xml.text("groupName", &zone.name[..zone.name.len() - 1]);
        xml.text("networkBorderGroup", &fake.region);
        if zone.kind != "availability-zone" {
            xml.text("parentZoneName", format!("{}a", fake.region));
            xml.text("parentZoneId", "euc1-az2");
        }
    });
    Ok(xml.into_document("DescribeAvailabilityZones"))
}

pub(super) fn describe_types(
    fake: &Ec2Fake,
    parameters: &mut Parameters,
    request: &str,
) -> Result<String, Ec2Error> {
    let names = parameters.list("InstanceType");
    let filters = parameters.filters(&["instance-type", "bare-metal", "current-generation"])?;
    if !names.is_empty() && parameters.has("MaxResults") {
        let message = "The parameter instanceTypes cannot be used with the parameter maxResults";
        return Err(Ec2Error::new(400, "InvalidParameterCombination", message));
    }
    if names.len() > 100 {
        let message = "The maximum number of instance types is 100";
        return Err(Ec2Error::new(400, "InvalidParameterValue", message));
    }
    let most = parameters.max_results(5, 100)?;
    let token = parameters.take("NextToken");
    let knows_none = fake.happens(Ec2Fault::NoTypes);
    let types = if knows_none { &[] } else { fake.inventory.types.as_slice() };
    let is_unknown = |name: &&String| types.iter().all(|known| known.name != **name);
    let unknown: Vec<&str> = names.iter().filter(is_unknown).map(String::as_str).collect();
    if !unknown.is_empty() {
        let message =
            format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(Ec2Error::new(400, "InvalidInstanceType", message));
    }
    let is_listed = |kind: &&Ec2Type| {
        (names.is_empty() || names.iter().any(|name| name == kind.name))
            && filters.iter().all(|filter| match filter.name.as_str() {
                "instance-type" => filter.matches(kind.name),
                "bare-metal" => filter.matches(&kind.is_bare_metal.to_string()),
                _ => filter.matches("true"),
            })
    };
    let listed: Vec<_> = types.iter().filter(is_listed).collect();
    let page = fake.page(&listed, request, token.as_deref(), most)?;
    let mut xml = Xml::default();
    if page.has_list {
        xml.set("instanceTypeSet", page.items, write_type);
    }
    xml.optional("nextToken", page.next_token);
    Ok(xml.into_document("DescribeInstanceTypes"))
}

fn write_type(xml: &mut Xml, kind: &Ec2Type) {
    let threads: Vec<u32> = (1..=kind.threads_per_core).collect();
    xml.text("instanceType", kind.name);
    xml.text("currentGeneration", true);
    xml.text("freeTierEligible", false);
    xml.texts("supportedUsageClasses", ["on-demand", "spot"]);
    xml.texts("supportedRootDeviceTypes", ["ebs"]);
    xml.texts("supportedVirtualizationTypes", ["hvm"]);
    xml.text("bareMetal", kind.is_bare_metal);
    if !kind.is_bare_metal {
        xml.text("hypervisor", "nitro");
    }
    xml.within("processorInfo", |xml| {
        xml.texts("supportedArchitectures", kind.architectures);
        xml.text("sustainedClockSpeedInGhz", "3.1");
        xml.text("manufacturer", "Intel");
    });
    xml.within("vCpuInfo", |xml| {
        xml.text("defaultVCpus", kind.cores * kind.threads_per_core);
        xml.text("defaultCores", kind.cores);
        xml.text("defaultThreadsPerCore", kind.threads_per_core);
        if !kind.is_bare_metal {
            xml.texts("validCores", [kind.cores]);
            xml.texts("validThreadsPerCore", threads);
        }
    });
    xml.within("memoryInfo", |xml| xml.text("sizeInMiB", kind.memory_mib));
    xml.text("instanceStorageSupported", false);
    xml.text("dedicatedHostsSupported", true);
    xml.text("autoRecoverySupported", true);
}

pub(super) fn describe_hosts(
    fake: &Ec2Fake,
    parameters: &mut Parameters,
    request: &str,
) -> Result<String, Ec2Error> {
    let ids = parameters.list("HostId");
    let filters = parameters.filters(&["availability-zone", "instance-type", "state"])?;
    if !ids.is_empty() && parameters.has("MaxResults") {
        let message = "The parameter hostIdSet cannot be used with the parameter maxResults";
        return Err(Ec2Error::new(400, "InvalidParameterCombination", message));
    }
    let most = parameters.max_results(5, 500)?;
    let token = parameters.take("NextToken");
    let hosts = &fake.inventory.hosts;
    if let Some(unknown) = ids.iter().find(|id| hosts.iter().all(|host| host.id != **id)) {
        let message = format!("The host ID '{unknown}' does not exist");
        return Err(Ec2Error::new(400, "InvalidHostID.NotFound", message));
    }
    let is_listed = |host: &&Ec2Host| {
        (ids.is_empty() || ids.contains(&host.id))
            && filters.iter().all(|filter| match filter.name.as_str() {
                "availability-zone" => filter.matches(&host.zone),
                "state" => filter.matches(host.state),
                _ => host.instance_type.is_some_and(|kind| filter.matches(kind)),
            })
    };
    let listed: Vec<_> = hosts.iter().filter(is_listed).collect();
    let page = if ids.is_empty() {
        fake.page(&listed, request, token.as_deref(), most)?
    } else {
        Page { items: listed, next_token: None, has_list: true }
    };
    let mut xml = Xml::default();
    if page.has_list {
        xml.set("hostSet", page.items, |xml, host| write_host(fake, xml, host));
    }
    xml.optional("nextToken", page.next_token);
    Ok(xml.into_document("DescribeHosts"))
}

fn write_host(fake: &Ec2Fake, xml: &mut Xml, host: &Ec2Host) {
    let zone = fake.inventory.zones.iter().find(|zone| zone.name == host.zone);
    let instances = fake.inventory.guests().filter(|it| it.host.as_ref() == Some(&host.id));
    xml.text("hostId", &host.id);
    xml.text("autoPlacement", "on");
    xml.text("availabilityZone", &host.zone);
    xml.optional("availabilityZoneId", zone.map(|zone| &zone.id));
    xml.within("hostProperties", |xml| {
        xml.text("cores", host.cores);
        xml.optional("instanceType", host.instance_type);
        xml.text("instanceFamily", host.family);
        xml.text("sockets", host.sockets);
        xml.text("totalVCpus", host.vcpus);
    });
    xml.set("instances", instances, |xml, instance| {
        xml.text("instanceId", &instance.id);
        xml.text("instanceType", &instance.instance_type);
        xml.text("ownerId", ACCOUNT);
    });
    xml.text("state", host.state);
    xml.text("allocationTime", "2026-01-02T03:04:05Z");
    if host.state == "released" {
        xml.text("releaseTime", "2026-02-03T04:05:06Z");
    } else {
        xml.within("availableCapacity", |xml| {
            xml.set("availableInstanceCapacity", host.instance_type, |xml, kind| {
                xml.text("availableCapacity", 2);
                xml.text("instanceType", kind);
                xml.text("totalCapacity", 2);
            });
            xml.text("availableVCpus", host.vcpus);
        });
    }
    let tags: Vec<_> = host.name.iter().map(|name| ("Name".to_owned(), name.clone())).collect();
    xml.tags(&tags);
    xml.text("hostRecovery", "off");
    let is_for_family = host.instance_type.is_none();
    xml.text("allowsMultipleInstanceTypes", if is_for_family { "on" } else { "off" });
    xml.text("ownerId", ACCOUNT);
    xml.text("memberOfServiceLinkedResourceGroup", false);
}
