//! Pure: from the record of a virtual machine to the model.

use std::collections::BTreeMap;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Address, Guest, GuestState, Identifiers, Location, Version};

use super::canonical_uuid;
use super::devices::Devices;
use crate::pool::PoolRecords;
use crate::record::Record;

/// Whether a record is a guest: neither a control domain nor a snapshot. Templates are guests that never run.
pub fn is_listed(record: Record<'_>) -> Result<bool, GatherError> {
    Ok(!record.flag("is_control_domain")? && !record.flag("is_a_snapshot")?)
}

/// A guest. The cluster is the name of its pool.
pub fn guest(
    record: Record<'_>,
    records: &PoolRecords,
    devices: &Devices<'_>,
    cluster: Option<&str>,
) -> Result<Guest, GatherError> {
    let mut identifiers = Identifiers::default();
    let uuid = canonical_uuid(record, &mut identifiers)?;
    let id = uuid.clone().unwrap_or_else(|| identifiers.other["rawUuid"].clone());
    let mut guest = Guest::new(id, record.required_text("name_label")?);
    guest.uuid = uuid;
    guest.identifiers = identifiers;
    guest.template = record.flag("is_a_template")?;
    guest.source_state = record.text("power_state").map(str::to_owned);
    guest.state = record.text("power_state").and_then(GuestState::from_word);
    set_cpus(&mut guest, record, records);
    // The actual memory of a running guest changes all the time, so this is the most that it can get.
    guest.memory_bytes = record.number("memory_static_max");
    guest.labels = tags(record);
    guest.location = Location { cluster: cluster.map(str::to_owned), ..Location::default() };

    let tools = record.reference("guest_metrics").and_then(|it| records.guest_metrics.get(it));
    guest.os = tools.and_then(system);
    guest.interfaces = devices.interfaces(record.reference, tools);
    guest.disks = devices.disks(record.reference);
    for address in guest.interfaces.iter().flat_map(|interface| &interface.addresses) {
        guest.addresses.push(Address { kind: None, address: address.clone() });
    }
    Ok(guest)
}

/// The number of CPUs of a running guest, which can differ from that with which it will start.
fn set_cpus(guest: &mut Guest, record: Record<'_>, records: &PoolRecords) {
    let count = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    let at_startup = count(record.number("VCPUs_at_startup"));
    let metrics = record.reference("metrics").and_then(|it| records.vm_metrics.get(it));
    let running = match guest.state {
        Some(GuestState::Running | GuestState::Paused) => {
            count(metrics.and_then(|metrics| metrics.number("VCPUs_number")))
        }
        _ => None,
    };
    let running = running.filter(|cpus| *cpus > 0);
    guest.cpus = running.or(at_startup);
    guest.desired_cpus = at_startup.filter(|cpus| guest.cpus != Some(*cpus));
}

/// The system that the tools in the guest report. Windows tools append paths to its name.
fn system(tools: Record<'_>) -> Option<Version> {
    let text = |name| tools.entry("os_version", name);
    let name = text("name").map(|name| name.split('|').next().unwrap_or(name).trim().to_owned());
    let version = match (text("major"), text("minor")) {
        (Some(major), Some(minor)) => Some(format!("{major}.{minor}")),
        (major, _) => major.map(str::to_owned),
    };
    let system = Version { name: name.filter(|name| !name.is_empty()), version };
    (system != Version::default()).then_some(system)
}

/// Tags, which have no values.
pub fn tags(record: Record<'_>) -> BTreeMap<String, String> {
    record.texts("tags").map(|tag| (tag.to_owned(), String::new())).collect()
}
