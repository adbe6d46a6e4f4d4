//! Pure: an instance.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{
    Address, Disk, Guest, GuestState, Interface, Location, Timestamp, Version,
};
use gatherer_plugin_support::json::{Json, quote};

use super::machine_type::architecture;
use super::values;

const GIB: u64 = 1024 * 1024 * 1024;

/// A machine type of a zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineTypeName {
    /// The zone.
    pub zone: String,
    /// The name: `e2-medium`, `custom-2-4096`.
    pub name: String,
}

/// An instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The id, a number of 64 bits.
    pub id: String,
    /// The zone.
    pub zone: String,
    /// The machine type, if the instance names it.
    pub machine_type: Option<MachineTypeName>,
    /// The guest, without what its machine type has.
    pub guest: Guest,
}

impl Instance {
    /// Reads an instance of a zone. The error is a sentence.
    pub fn parse(json: &Json, zone: &str) -> Result<Self, String> {
        let name = values::text(json, "name");
        let Some(id) = values::digits(json, "id") else {
            return Err(format!("the instance {} has no id", quote(name.unwrap_or_default())));
        };
        let Some(name) = name else { return Err(format!("the instance {id} has no name")) };
        let mut guest = Guest::new(id.clone(), name);
        guest.identifiers.instance_id = Some(id.clone());
        if let Some(zone) = values::text(json, "machineType").and_then(zone_path) {
            let path = format!("{zone}/instances/{name}");
            guest.identifiers.other.insert("resourceId".to_owned(), path);
        }
        guest.source_state = values::text(json, "status").map(str::to_owned);
        guest.state = guest.source_state.as_deref().and_then(GuestState::from_word);
        guest.created_at =
            values::text(json, "creationTimestamp").and_then(|time| time.parse::<Timestamp>().ok());
        guest.host_name = values::text(json, "hostname").map(str::to_owned);
        guest.location = Location { datacenter: Some(zone.to_owned()), ..Location::default() };
        guest.labels = labels(json);
        set_interfaces(&mut guest, json);
        set_disks(&mut guest, json);
        let scheduling = json.get("scheduling").unwrap_or(&Json::Null);
        let attributes = [
            ("machineType", values::last_part(json, "machineType")),
            ("cpuPlatform", values::text(json, "cpuPlatform")),
            ("provisioningModel", values::text(scheduling, "provisioningModel")),
        ];
        for (name, value) in attributes {
            if let Some(value) = value {
                guest.attributes.insert(name.to_owned(), value.to_owned());
            }
        }
        let machine_type =
            values::text(json, "machineType").and_then(|url| machine_type(url, zone));
        Ok(Self { id, zone: zone.to_owned(), machine_type, guest })
    }
}

/// The path `projects/P/zones/Z` in the URL of a machine type, which is in the zone of its instance.
fn zone_path(url: &str) -> Option<&str> {
    let path = &url[url.find("projects/")?..];
    let (zone, _) = path.split_once("/machineTypes/")?;
    matches!(zone.split('/').collect::<Vec<_>>()[..], [_, _, "zones", _]).then_some(zone)
}

/// The machine type in a URL like `https://.../projects/P/zones/Z/machineTypes/T`.
fn machine_type(url: &str, zone: &str) -> Option<MachineTypeName> {
    let mut parts = url.rsplit('/');
    let name = parts.next().filter(|name| is_part_of_a_path(name))?;
    if parts.next() != Some("machineTypes") {
        return None;
    }
    let zone = match (parts.next(), parts.next()) {
        (Some(of_url), Some("zones")) if is_part_of_a_path(of_url) => of_url,
        _ => zone,
    };
    Some(MachineTypeName { zone: zone.to_owned(), name: name.to_owned() })
}

fn is_part_of_a_path(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=100).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// The labels, and the network tags, which have no values.
fn labels(json: &Json) -> BTreeMap<String, String> {
    let tags = json.get("tags").map_or(&[][..], |tags| values::list(tags, "items"));
    let mut labels = BTreeMap::new();
    for tag in tags {
        if let Json::Text(tag) = tag {
            labels.insert(tag.clone(), String::new());
        }
    }
    for (name, value) in values::members(json, "labels") {
        if let Json::Text(value) = value {
            labels.insert(name.clone(), value.clone());
        }
    }
    labels
}

/// Adds the interfaces, and their addresses in the API's own words. The API does not report hardware addresses.
fn set_interfaces(guest: &mut Guest, json: &Json) {
    for entry in values::list(json, "networkInterfaces") {
        let mut found = Vec::new();
        let mut add = |object: &Json, name: &str| {
            if let Some(address) = values::text(object, name) {
                found.push(Address { kind: Some(name.to_owned()), address: address.to_owned() });
            }
        };
        add(entry, "networkIP");
        add(entry, "ipv6Address");
        for external in ["accessConfigs", "ipv6AccessConfigs"] {
            for config in values::list(entry, external) {
                add(config, "natIP");
                add(config, "externalIpv6");
            }
        }
        let network = values::last_part(entry, "network");
        guest.interfaces.push(Interface {
            mac: None,
            addresses: found.iter().map(|address| address.address.clone()).collect(),
            network: network.or_else(|| values::last_part(entry, "subnetwork")).map(str::to_owned),
        });
        guest.addresses.append(&mut found);
    }
}

/// Adds the disks, and what the boot disk says about the operating system and the architecture.
fn set_disks(guest: &mut Guest, json: &Json) {
    let disks = values::list(json, "disks");
    for disk in disks {
        let size = values::positive(disk, "diskSizeGb").and_then(|size| size.checked_mul(GIB));
        guest.disks.push(Disk {
            name: values::text(disk, "deviceName").map(str::to_owned),
            capacity_bytes: size,
        });
    }
    let Some(boot) = disks.iter().find(|disk| values::flag(disk, "boot")) else { return };
    guest.architecture = values::text(boot, "architecture").and_then(architecture);
    let license = values::list(boot, "licenses").iter().find_map(|license| match license {
        Json::Text(url) => url.rsplit('/').next().filter(|name| !name.is_empty()),
        _ => None,
    });
    guest.os = license.map(|name| Version { name: Some(name.to_owned()), version: None });
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
