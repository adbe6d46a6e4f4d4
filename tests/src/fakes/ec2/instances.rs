//! DescribeInstances.

use super::inventory::{Ec2Instance, Ec2Interface};
use super::pages::Page;
use super::parameters::{Filter, Parameters};
use super::xml::Xml;
use super::{ACCOUNT, Ec2Error, Ec2Fake, Ec2Fault};

const FILTERS: [&str; 11] = [
    "architecture",
    "availability-zone",
    "availability-zone-id",
    "host-id",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "tag:Name",
    "tenancy",
];

pub(super) fn describe(
    fake: &Ec2Fake,
    parameters: &mut Parameters,
    request: &str,
) -> Result<String, Ec2Error> {
    let ids = parameters.list("InstanceId");
    let filters = parameters.filters(&FILTERS)?;
    let shows_hidden = parameters.boolean("IncludeManagedResources")?;
    let has_page = parameters.has("MaxResults") || parameters.has("NextToken");
    if !ids.is_empty() && has_page {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(Ec2Error::new(400, "InvalidParameterCombination", message));
    }
    let most = parameters.max_results(5, 1000)?;
    let token = parameters.take("NextToken");
    let inventory = &fake.inventory;
    let is_listed = |instance: &&Ec2Instance| {
        (shows_hidden || !instance.is_hidden())
            && (ids.is_empty() || ids.contains(&instance.id))
            && filters.iter().all(|filter| has(fake, instance, filter))
    };
    if let Some(unknown) = ids.iter().find(|id| inventory.instances.iter().all(|it| it.id != **id))
    {
        let message = format!("The instance ID '{unknown}' does not exist");
        return Err(Ec2Error::new(400, "InvalidInstanceID.NotFound", message));
    }
    let mut listed: Vec<_> = inventory.instances.iter().filter(is_listed).collect();
    if token.is_some() && fake.happens(Ec2Fault::InstanceGoneAfterFirstPage) {
        listed.pop();
    }
    let page = if ids.is_empty() {
        fake.page(&listed, request, token.as_deref(), most)?
    } else {
        Page { items: listed, next_token: None, has_list: true }
    };
    let mut xml = Xml::default();
    if page.has_list {
        let reservations = page.items.chunk_by(|one, other| one.reservation == other.reservation);
        xml.set("reservationSet", reservations, |xml, instances| {
            xml.text("reservationId", &instances[0].reservation);
            xml.text("ownerId", ACCOUNT);
            // Only the groups of EC2-Classic belong to the reservation.
            if instances[0].interfaces.is_empty() {
                write_groups(xml);
            } else {
                xml.empty("groupSet");
            }
            xml.set("instancesSet", instances, |xml, instance| write(fake, xml, instance));
        });
    }
    xml.optional("nextToken", page.next_token);
    Ok(xml.into_document("DescribeInstances"))
}

fn has(fake: &Ec2Fake, instance: &Ec2Instance, filter: &Filter) -> bool {
    let (code, state) = instance.state.code_and_name();
    let zone = fake.inventory.zones.iter().find(|zone| zone.name == instance.zone);
    let code = code.to_string();
    let value = match filter.name.as_str() {
        "architecture" => Some(instance.architecture),
        "availability-zone" => Some(instance.zone.as_str()),
        "availability-zone-id" => zone.map(|zone| zone.id.as_str()),
        "host-id" => instance.host.as_deref(),
        "instance-id" => Some(instance.id.as_str()),
        "instance-lifecycle" => instance.lifecycle,
        "instance-state-code" => Some(code.as_str()),
        "instance-state-name" => Some(state),
        "instance-type" => Some(instance.instance_type.as_str()),
        "tag:Name" => {
            let name = instance.tags.iter().find(|(key, _)| key == "Name");
            name.map(|(_, value)| value.as_str())
        }
        _ => Some(instance.tenancy),
    };
    value.is_some_and(|value| filter.matches(value))
}

fn write(fake: &Ec2Fake, xml: &mut Xml, instance: &Ec2Instance) {
    let is_old = fake.happens(Ec2Fault::OldInstances);
    let (code, state) = instance.state.code_and_name();
    xml.text("instanceId", &instance.id);
    xml.text("imageId", "ami-0123456789abcdef0");
    xml.within("instanceState", |xml| {
        xml.text("code", code);
        xml.text("name", state);
    });
    let primary = instance.interfaces.first();
    let address = primary.map(|interface| interface.private_addresses[0].as_str());
    let public = primary.and_then(|interface| interface.public_address.as_deref());
    match address {
        Some(address) => xml.text("privateDnsName", private_name(address)),
        None => xml.empty("privateDnsName"),
    }
    match public {
        Some(address) => xml.text("dnsName", public_name(address)),
        None => xml.empty("dnsName"),
    }
    if state == "running" || state == "pending" {
        xml.empty("reason");
    } else {
        xml.text("reason", "User initiated (2026-05-06 07:08:09 GMT)");
    }
    xml.text("keyName", "key-of-the-lab");
    xml.text("amiLaunchIndex", 0);
    xml.empty("productCodes");
    xml.text("instanceType", &instance.instance_type);
    xml.text("launchTime", &instance.launch_time);
    xml.within("placement", |xml| write_placement(fake, xml, instance));
    if instance.is_windows {
        xml.text("platform", "windows");
    }
    xml.within("monitoring", |xml| xml.text("state", "disabled"));
    xml.optional("subnetId", primary.map(|interface| &interface.subnet));
    xml.optional("vpcId", primary.map(|_| VPC));
    xml.optional("privateIpAddress", address);
    xml.optional("ipAddress", public);
    if primary.is_some() {
        xml.text("sourceDestCheck", true);
        write_groups(xml);
    } else {
        xml.empty("groupSet");
    }
    if !matches!(state, "running" | "pending") {
        xml.within("stateReason", |xml| {
            xml.text("code", "Client.UserInitiatedShutdown");
            xml.text("message", "Client.UserInitiatedShutdown: User initiated shutdown");
        });
    }
    xml.text("architecture", instance.architecture);
    xml.text("rootDeviceType", "ebs");
    xml.text("rootDeviceName", "/dev/xvda");
    xml.set("blockDeviceMapping", &instance.volumes, |xml, (device, volume)| {
        xml.text("deviceName", device);
        xml.within("ebs", |xml| {
            xml.text("volumeId", volume);
            xml.text("status", "attached");
            xml.text("attachTime", &instance.launch_time);
            xml.text("deleteOnTermination", true);
        });
    });
    xml.text("virtualizationType", "hvm");
    xml.text("clientToken", "5dd1a43f-8b5c-4c3e-9d2b-0f1e2d3c4b5a");
    xml.optional("instanceLifecycle", instance.lifecycle);
    if instance.lifecycle == Some("spot") {
        xml.text("spotInstanceRequestId", "sir-0abcdefg");
    }
    if !instance.tags.is_empty() {
        xml.tags(&instance.tags);
    }
    xml.text("hypervisor", "xen");
    xml.set("networkInterfaceSet", &instance.interfaces, |xml, interface| {
        write_interface(xml, interface, is_old);
    });
    xml.text("ebsOptimized", false);
    if !is_old {
        write_newer(xml, instance);
    }
}

fn write_placement(fake: &Ec2Fake, xml: &mut Xml, instance: &Ec2Instance) {
    let zone = fake.inventory.zones.iter().find(|zone| zone.name == instance.zone);
    xml.text("availabilityZone", &instance.zone);
    if !fake.happens(Ec2Fault::OldInstances) {
        xml.optional("availabilityZoneId", zone.map(|zone| &zone.id));
    }
    xml.empty("groupName");
    xml.text("tenancy", instance.tenancy);
    if let Some(host) = &instance.host {
        xml.text("hostId", host);
        xml.text("affinity", "default");
    }
}

/// Members that answers from before 2018 do not have.
fn write_newer(xml: &mut Xml, instance: &Ec2Instance) {
    xml.text("enaSupport", true);
    if let Some([cores, threads]) = instance.cpu_options {
        xml.within("cpuOptions", |xml| {
            xml.text("coreCount", cores);
            xml.text("threadsPerCore", threads);
        });
    }
    xml.within("capacityReservationSpecification", |xml| {
        xml.text("capacityReservationPreference", "open");
    });
    xml.within("hibernationOptions", |xml| xml.text("configured", false));
    xml.within("metadataOptions", |xml| {
        xml.text("state", "applied");
        xml.text("httpTokens", "required");
        xml.text("httpPutResponseHopLimit", 2);
        xml.text("httpEndpoint", "enabled");
    });
    xml.within("enclaveOptions", |xml| xml.text("enabled", false));
    xml.text("bootMode", "uefi-preferred");
    xml.optional("platformDetails", instance.platform_details);
    xml.text("usageOperation", "RunInstances");
    xml.text("usageOperationUpdateTime", &instance.launch_time);
    xml.within("privateDnsNameOptions", |xml| {
        xml.text("hostnameType", "ip-name");
        xml.text("enableResourceNameDnsARecord", false);
        xml.text("enableResourceNameDnsAAAARecord", false);
    });
    xml.within("maintenanceOptions", |xml| xml.text("autoRecovery", "default"));
    xml.text("currentInstanceBootMode", "uefi");
    xml.within("operator", |xml| {
        xml.text("managed", instance.operator.is_some());
        if let Some(operator) = &instance.operator {
            xml.text("principal", operator.principal);
            xml.text("hiddenByDefault", operator.is_hidden);
        }
    });
    xml.optional("outpostArn", instance.outpost.as_deref());
}

const VPC: &str = "vpc-0c0ffee0000000000";

fn write_groups(xml: &mut Xml) {
    xml.set("groupSet", ["sg-0c0ffee0000000002"], |xml, group| {
        xml.text("groupId", group);
        xml.text("groupName", "servers");
    });
}

fn write_interface(xml: &mut Xml, interface: &Ec2Interface, is_old: bool) {
    xml.text("networkInterfaceId", &interface.id);
    xml.text("subnetId", &interface.subnet);
    xml.text("vpcId", VPC);
    xml.empty("description");
    xml.text("ownerId", ACCOUNT);
    xml.text("status", "in-use");
    xml.text("macAddress", &interface.mac);
    xml.text("privateIpAddress", &interface.private_addresses[0]);
    xml.text("privateDnsName", private_name(&interface.private_addresses[0]));
    xml.text("sourceDestCheck", true);
    write_groups(xml);
    xml.within("attachment", |xml| {
        xml.text("attachmentId", interface.id.replace("eni-", "eni-attach-"));
        xml.text("deviceIndex", 0);
        xml.text("status", "attached");
        xml.text("attachTime", "2026-03-04T05:06:07.000Z");
        xml.text("deleteOnTermination", true);
        if !is_old {
            xml.text("networkCardIndex", 0);
        }
    });
    let association = |xml: &mut Xml, address: &str| {
        xml.within("association", |xml| {
            xml.text("publicIp", address);
            xml.text("publicDnsName", public_name(address));
            xml.text("ipOwnerId", "amazon");
        });
    };
    if let Some(address) = &interface.public_address {
        association(xml, address);
    }
    let addresses = interface.private_addresses.iter().enumerate();
    xml.set("privateIpAddressesSet", addresses, |xml, (index, address)| {
        xml.text("privateIpAddress", address);
        xml.text("privateDnsName", private_name(address));
        xml.text("primary", index == 0);
        if let Some(address) = interface.public_address.as_deref().filter(|_| index == 0) {
            association(xml, address);
        }
    });
    xml.set("ipv6AddressesSet", &interface.ipv6_addresses, |xml, address| {
        xml.text("ipv6Address", address);
        xml.text("isPrimaryIpv6", false);
    });
    if !is_old {
        xml.text("interfaceType", "interface");
    }
}

fn private_name(address: &str) -> String {
    format!("ip-{}.eu-central-1.compute.internal", address.replace('.', "-"))
}

fn public_name(address: &str) -> String {
    format!("ec2-{}.eu-central-1.compute.amazonaws.com", address.replace('.', "-"))
}
