//! Pure: dedicated hosts, which are real machines.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Cpu, Host, HostState, Hypervisor, Location, Provider, Software};
use gatherer_plugin_support::xml::{Node, text};

use super::instance_type::InstanceType;
use super::{NAMES, count, owned, tags, time};

/// A dedicated host, before its instance type is known.
#[derive(Debug, Clone, PartialEq)]
pub struct DedicatedHost {
    /// The id.
    pub id: String,
    /// The availability zone.
    pub zone: Option<String>,
    /// The only type of its instances, if it has only one.
    pub type_name: Option<String>,
    /// Whether it was released: it is not a host of this account any more.
    pub is_released: bool,
    /// What the answer says.
    host: Host,
}

impl DedicatedHost {
    /// The host, with what its instance type says about the processor.
    pub fn into_host(self, region: &str, of_type: Option<&InstanceType>) -> Host {
        let mut host = self.host;
        host.provider = Some(Provider {
            name: NAMES.kind.to_owned(),
            instance_id: Some(self.id),
            region: Some(region.to_owned()),
            zone: self.zone,
        });
        if let Some(of_type) = of_type {
            host.cpu.architecture.clone_from(&of_type.architecture);
            host.cpu.vendor.clone_from(&of_type.vendor);
            host.cpu.frequency_mhz.clone_from(&of_type.frequency_mhz);
        }
        host
    }
}

/// Reads an item of `hostSet`.
pub fn dedicated_host(node: Node<'_, '_>) -> Result<DedicatedHost, GatherError> {
    let id = owned(node, &["hostId"]).ok_or_else(|| GatherError::protocol("a host has no id"))?;
    let labels = tags(node);
    let name = labels.get("Name").filter(|name| !name.trim().is_empty()).unwrap_or(&id).clone();
    let mut host = Host::new(id.clone(), name);
    host.labels = labels;
    host.hypervisor = Some(Hypervisor { kind: NAMES.kind.to_owned(), version: None });
    host.software =
        Some(Software { name: NAMES.name.to_owned(), version: Some(NAMES.service.to_owned()) });
    let word = text(node, &["state"]);
    host.source_state = word.map(str::to_owned);
    host.state = word.and_then(|word| match word {
        "available" => Some(HostState::Up),
        "permanent-failure" => Some(HostState::Down),
        // `under-assessment`, `pending`: the host may work or not.
        _ => None,
    });
    host.cpu = Cpu {
        sockets: count(node, &["hostProperties", "sockets"]),
        cores: count(node, &["hostProperties", "cores"]),
        threads: count(node, &["hostProperties", "totalVCpus"]),
        ..Cpu::default()
    };
    let zone = owned(node, &["availabilityZone"]);
    host.location = Location { datacenter: zone.clone(), ..Location::default() };
    host.created_at = time(node, &["allocationTime"]);
    let type_name = owned(node, &["hostProperties", "instanceType"]);
    let family = owned(node, &["hostProperties", "instanceFamily"]);
    if let Some(kind) = type_name.clone().or(family) {
        host.versions.insert("instanceType".to_owned(), kind);
    }
    let is_released = word.is_some_and(|word| word.starts_with("released"));
    Ok(DedicatedHost { id, zone, type_name, is_released, host })
}
