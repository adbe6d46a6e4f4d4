//! Pure: instances.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{
    Address, Disk, Guest, GuestState, Interface, Location, Timestamp, Version,
};
use gatherer_plugin_support::xml::{Node, child, text};

use super::instance_type::InstanceType;
use super::{architecture, count, items, number, owned, tags, time};

/// An instance, before its type and host are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The id.
    pub id: String,
    /// The availability zone.
    pub zone: Option<String>,
    /// The name of its type.
    pub type_name: Option<String>,
    /// The dedicated host on which it runs.
    pub host: Option<String>,
    /// Whether it is terminated: it does not exist any more, and is only listed for about an hour.
    pub is_terminated: bool,
    /// What the answer says. The CPUs are those of its CPU options.
    pub guest: Guest,
}

impl Instance {
    /// The guest, with what its type adds.
    pub fn into_guest(self, of_type: Option<&InstanceType>) -> Guest {
        let mut guest = self.guest;
        guest.cpus = guest.cpus.or_else(|| of_type?.cpus);
        guest.memory_bytes = of_type.and_then(|of_type| of_type.memory_bytes);
        if guest.architecture.is_none() {
            guest.architecture = of_type.and_then(|of_type| of_type.architecture.clone());
        }
        guest
    }
}

/// The state of a guest for EC2's word.
pub fn state(word: &str) -> GuestState {
    match word {
        "pending" => GuestState::PoweringOn,
        "running" => GuestState::Running,
        // It is being terminated.
        "shutting-down" => GuestState::ShuttingDown,
        // Also while it hibernates.
        "stopping" => GuestState::PoweringOff,
        "stopped" | "terminated" => GuestState::Stopped,
        _ => GuestState::Unknown,
    }
}

/// Reads an item of `instancesSet`. `owner` is the account of its reservation.
pub fn instance(node: Node<'_, '_>, owner: Option<&str>) -> Result<Instance, GatherError> {
    let id = owned(node, &["instanceId"])
        .ok_or_else(|| GatherError::protocol("an instance has no id"))?;
    let labels = tags(node);
    let name = labels.get("Name").filter(|name| !name.trim().is_empty()).unwrap_or(&id).clone();
    let mut guest = Guest::new(id.clone(), name);
    guest.labels = labels;
    guest.identifiers.instance_id = Some(id.clone());
    let word = text(node, &["instanceState", "name"]);
    guest.state = word.map(state);
    guest.source_state = word.map(str::to_owned);
    let cores = count(node, &["cpuOptions", "coreCount"]);
    let threads = count(node, &["cpuOptions", "threadsPerCore"]);
    guest.cpus = cores.zip(threads).and_then(|(cores, threads)| cores.checked_mul(threads));
    guest.architecture = text(node, &["architecture"]).map(|word| architecture(word).to_owned());
    let system = text(node, &["platformDetails"]).or_else(|| text(node, &["platform"]));
    guest.os = system.map(|name| Version { name: Some(name.to_owned()), version: None });
    let zone = owned(node, &["placement", "availabilityZone"]);
    guest.location = Location { datacenter: zone.clone(), ..Location::default() };
    set_network(&mut guest, node);
    let disks = items(node, "blockDeviceMapping");
    let disks = disks.map(|disk| Disk { name: owned(disk, &["deviceName"]), capacity_bytes: None });
    guest.disks = disks.collect();
    // A service manages it: it creates and terminates it.
    guest.agent = text(node, &["operator", "managed"]) == Some("true");
    for (attribute, path) in [
        ("instanceType", &["instanceType"] as &[&str]),
        ("imageId", &["imageId"]),
        ("instanceLifecycle", &["instanceLifecycle"]),
        ("tenancy", &["placement", "tenancy"]),
        ("dedicatedHost", &["placement", "hostId"]),
        ("outpost", &["outpostArn"]),
        ("vpcId", &["vpcId"]),
        ("usageOperation", &["usageOperation"]),
        ("managedBy", &["operator", "principal"]),
    ] {
        if let Some(value) = text(node, path) {
            guest.attributes.insert(attribute.to_owned(), value.to_owned());
        }
    }
    if let Some(owner) = owner {
        guest.attributes.insert("accountId".to_owned(), owner.to_owned());
    }
    Ok(Instance {
        id,
        zone,
        type_name: owned(node, &["instanceType"]),
        host: owned(node, &["placement", "hostId"]),
        is_terminated: word == Some("terminated"),
        guest,
    })
}

/// The interfaces and addresses.
fn set_network(guest: &mut Guest, node: Node<'_, '_>) {
    let position = |interface: &Node<'_, '_>| {
        let of_attachment = |name| number(*interface, &["attachment", name]);
        (of_attachment("networkCardIndex").unwrap_or(0), of_attachment("deviceIndex"))
    };
    let mut interfaces: Vec<_> = items(node, "networkInterfaceSet").collect();
    interfaces.sort_by_key(position);
    // The first interface cannot be detached, so it is as old as the instance. The launch time changes with every start.
    guest.created_at = interfaces.first().and_then(|first| first_attachment(*first));
    let mut add = |kind: &str, address: Option<String>| {
        let Some(address) = address else { return };
        if !guest.addresses.iter().any(|known| known.address == address) {
            guest.addresses.push(Address { kind: Some(kind.to_owned()), address });
        }
    };
    for interface in interfaces {
        let mut addresses = Vec::new();
        for private in items(interface, "privateIpAddressesSet") {
            let address = owned(private, &["privateIpAddress"]);
            addresses.extend(address.clone());
            add("private", address);
            add("public", owned(private, &["association", "publicIp"]));
        }
        for address in items(interface, "ipv6AddressesSet") {
            let address = owned(address, &["ipv6Address"]);
            addresses.extend(address.clone());
            add("ipv6", address);
        }
        if addresses.is_empty() {
            addresses.extend(owned(interface, &["privateIpAddress"]));
        }
        guest.interfaces.push(Interface {
            mac: text(interface, &["macAddress"]).map(str::to_ascii_lowercase),
            addresses,
            network: owned(interface, &["subnetId"]),
        });
    }
    // Without a VPC there are no interfaces.
    add("private", owned(node, &["privateIpAddress"]));
    add("public", owned(node, &["ipAddress"]));
    add("ipv6", owned(node, &["ipv6Address"]));
    add("privateDnsName", owned(node, &["privateDnsName"]));
    add("publicDnsName", owned(node, &["dnsName"]));
}

/// When the first interface of the first network card was attached.
fn first_attachment(interface: Node<'_, '_>) -> Option<Timestamp> {
    let attachment = child(interface, "attachment")?;
    let is_first = number(attachment, &["deviceIndex"]) == Some(0)
        && number(attachment, &["networkCardIndex"]).unwrap_or(0) == 0;
    if is_first { time(attachment, &["attachTime"]) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_ec2_has_its_state() {
        for (word, expected) in [
            ("pending", GuestState::PoweringOn),
            ("running", GuestState::Running),
            ("shutting-down", GuestState::ShuttingDown),
            ("stopping", GuestState::PoweringOff),
            ("stopped", GuestState::Stopped),
            ("terminated", GuestState::Stopped),
            ("dancing", GuestState::Unknown),
        ] {
            assert_eq!(state(word), expected, "{word}");
        }
    }
}
