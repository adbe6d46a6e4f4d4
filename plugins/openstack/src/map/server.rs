//! Servers: Nova's word for virtual machines.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{
    Address, Disk, Guest, GuestState, Identifiers, Interface, Location, Version,
};
use gatherer_plugin_support::uuid::canonical_or_raw;
use serde_json::Value;

use super::flavor::{self, Flavors};
use super::service::UNKNOWN;
use super::values::{self, GIB, MIB};

/// The prefix of the members with the host of a server, which only administrators get.
const ATTRIBUTES: &str = "OS-EXT-SRV-ATTR";

/// A server of the list.
#[derive(Debug, Clone)]
pub struct ListedServer {
    /// The id, as Nova writes it.
    pub id: String,
    /// What is known of it. `None` if its cell is down: then Nova knows only the id and the project.
    pub found: Option<Box<FoundServer>>,
}

/// A server that Nova could read.
#[derive(Debug, Clone)]
pub struct FoundServer {
    /// Where it is.
    pub place: Place,
    /// The server in the model.
    pub guest: Guest,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On a hypervisor.
    Hypervisor {
        /// The name of the hypervisor, or of the host if the name of the hypervisor is not known.
        name: String,
        /// The host of the compute service.
        service_host: Option<String>,
    },
    /// On none: not yet, not any more, or its start failed.
    None,
    /// The answer does not say.
    NotReported,
}

/// Maps a server of the list.
pub fn listed(
    value: &Value,
    region: Option<&str>,
    flavors: &Flavors,
) -> Result<ListedServer, GatherError> {
    let id = values::text(&value["id"])
        .ok_or_else(|| GatherError::protocol("servers: one has no id"))?
        .to_owned();
    let status = values::text(&value["status"])
        .ok_or_else(|| GatherError::protocol(format!("servers: the server {id} has no status")))?;
    if status == UNKNOWN {
        return Ok(ListedServer { id, found: None });
    }
    let found = FoundServer {
        place: place(&id, value)?,
        guest: guest(&id, status, value, region, flavors),
    };
    Ok(ListedServer { id, found: Some(Box::new(found)) })
}

/// A server is on no host if the member is null. Any other value that is not a text is an error, because a Manager would
/// unlink the server.
fn place(id: &str, value: &Value) -> Result<Place, GatherError> {
    let [hypervisor, host] =
        ["hypervisor_hostname", "host"].map(|name| value.get(format!("{ATTRIBUTES}:{name}")));
    let is_name = |value: &Value| value.is_null() || value.is_string();
    if [hypervisor, host].into_iter().flatten().any(|value| !is_name(value)) {
        return Err(GatherError::protocol(format!(
            "servers: the server {id} has a host that is not a text"
        )));
    }
    let service_host = host.and_then(values::text).map(str::to_owned);
    Ok(match (hypervisor.and_then(values::text).map(str::to_owned), hypervisor.or(host)) {
        (Some(name), _) => Place::Hypervisor { name, service_host },
        (None, Some(_)) => match service_host {
            Some(host) => Place::Hypervisor { name: host.clone(), service_host: Some(host) },
            None => Place::None,
        },
        (None, None) => Place::NotReported,
    })
}

fn guest(id: &str, status: &str, value: &Value, region: Option<&str>, flavors: &Flavors) -> Guest {
    let mut identifiers = Identifiers::default();
    let uuid = canonical_or_raw(id, "rawUuid", &mut identifiers.other);
    let id = uuid.clone().unwrap_or_else(|| id.to_owned());
    let attribute =
        |name: &str| values::text(&value[format!("{ATTRIBUTES}:{name}")]).map(str::to_owned);
    if let Some(name) = attribute("instance_name") {
        identifiers.other.insert("instanceName".to_owned(), name);
    }
    let name = values::text(&value["name"]).map_or_else(|| id.clone(), str::to_owned);
    let flavor = flavor::of_server(value, flavors);
    let interfaces = interfaces(&value["addresses"]);
    Guest {
        uuid,
        identifiers,
        state: GuestState::from_word(status),
        source_state: Some(status.to_owned()),
        cpus: values::count(&flavor["vcpus"]),
        memory_bytes: values::bytes(&flavor["ram"], MIB),
        addresses: interfaces.iter().flat_map(|(_, addresses)| addresses.clone()).collect(),
        interfaces: interfaces.into_iter().map(|(interface, _)| interface).collect(),
        disks: disks(value, flavor, attribute("root_device_name")),
        architecture: values::text(&value["image"]["properties"]["architecture"])
            .or_else(|| values::text(&value["image"]["properties"]["hw_architecture"]))
            .map(str::to_owned),
        os: os(&value["image"]["properties"]),
        host_name: attribute("hostname"),
        location: Location {
            datacenter: region.map(str::to_owned),
            cluster: values::text(&value["OS-EXT-AZ:availability_zone"]).map(str::to_owned),
            folder: values::text(&value["tenant_id"]).map(str::to_owned),
        },
        labels: labels(value),
        created_at: values::text(&value["created"]).and_then(|created| created.parse().ok()),
        ..Guest::new(id, name)
    }
}

/// The interfaces with their addresses. The API lists addresses by network, and an interface can have several.
fn interfaces(addresses: &Value) -> Vec<(Interface, Vec<Address>)> {
    let mut interfaces: Vec<(Interface, Vec<Address>)> = Vec::new();
    for (network, addresses) in addresses.as_object().into_iter().flatten() {
        for entry in addresses.as_array().into_iter().flatten() {
            let Some(address) = values::text(&entry["addr"]) else { continue };
            let mac = values::text(&entry["OS-EXT-IPS-MAC:mac_addr"]).map(str::to_ascii_lowercase);
            let kind = values::text(&entry["OS-EXT-IPS:type"]).map(str::to_owned);
            let known = interfaces.iter().position(|(interface, _)| {
                interface.mac == mac && interface.network.as_deref() == Some(network)
            });
            let at = known.unwrap_or(interfaces.len());
            if known.is_none() {
                let interface =
                    Interface { mac, network: Some(network.clone()), ..Interface::default() };
                interfaces.push((interface, Vec::new()));
            }
            let (interface, of_interface) = &mut interfaces[at];
            interface.addresses.push(address.to_owned());
            of_interface.push(Address { kind, address: address.to_owned() });
        }
    }
    interfaces
}

/// The disks: those of the flavor, and the volumes, whose sizes the compute service does not know. A server that was started
/// from a volume has no image, and no disk of the flavor's size.
fn disks(value: &Value, flavor: &Value, root: Option<String>) -> Vec<Disk> {
    let mut disks = Vec::new();
    if value["image"].is_object() {
        let capacity_bytes = values::bytes(&flavor["disk"], GIB);
        let name = root.unwrap_or_else(|| "root".to_owned());
        disks.push(Disk { name: Some(name), capacity_bytes });
    }
    // Of a flavor of the list the member has another name.
    let ephemeral = flavor.get("ephemeral").or_else(|| flavor.get("OS-FLV-EXT-DATA:ephemeral"));
    for (name, capacity_bytes) in [
        ("ephemeral", ephemeral.and_then(|size| values::bytes(size, GIB))),
        ("swap", values::bytes(&flavor["swap"], MIB)),
    ] {
        if capacity_bytes.is_some() {
            disks.push(Disk { name: Some(name.to_owned()), capacity_bytes });
        }
    }
    let volumes = value["os-extended-volumes:volumes_attached"].as_array();
    for id in volumes.into_iter().flatten().filter_map(|volume| values::text(&volume["id"])) {
        disks.push(Disk { name: Some(id.to_owned()), capacity_bytes: None });
    }
    disks
}

/// The operating system of the image, which later versions report.
fn os(properties: &Value) -> Option<Version> {
    let [name, version] =
        ["os_distro", "os_version"].map(|name| values::text_or_number(&properties[name]));
    let name = name.or_else(|| values::text(&properties["os_type"]).map(str::to_owned));
    (name.is_some() || version.is_some()).then_some(Version { name, version })
}

/// The metadata, and the tags, without values.
fn labels(value: &Value) -> BTreeMap<String, String> {
    let tags = value["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut labels: BTreeMap<String, String> =
        tags.map(|tag| (tag.to_owned(), String::new())).collect();
    for (name, value) in value["metadata"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        labels.insert(name.clone(), value);
    }
    labels
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
