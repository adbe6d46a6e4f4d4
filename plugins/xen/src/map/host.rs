//! Pure: from the record of a host to the model.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{
    Address, Cpu, Host, HostState, Hypervisor, Identifiers, Location, Software, Version,
};

use serde_json::Number;

use super::canonical_uuid;
use crate::record::Record;

/// The operating system of every host, as a Manager knows it.
const OS: &str = "citrixhypervisor";

/// The name and id of the pseudo-host, as a Manager knows it.
const DETACHED: &str = "Xen-DetachedVMs";

/// A host. The cluster is the name of its pool.
pub fn host(
    record: Record<'_>,
    metrics: Option<Record<'_>>,
    cluster: Option<&str>,
) -> Result<Host, GatherError> {
    let name = record.required_text("name_label")?;
    let mut identifiers = Identifiers::default();
    identifiers.uuid = canonical_uuid(record, &mut identifiers)?;
    if !name.is_empty() {
        // The classic program identified hosts by their names.
        identifiers.previous = Some(name.to_owned());
    }
    let mut host = Host::new(record.required_text("uuid")?, name);
    host.identifiers = identifiers;
    host.state = state(record, metrics)?;
    // XAPI writes this word if it cannot find out the version of Xen.
    let product = |name| {
        let version = record.entry("software_version", name);
        version.filter(|version| *version != "(unknown)").map(str::to_owned)
    };
    host.hypervisor = Some(hypervisor(product("xen")));
    host.os = Some(Version { name: Some(OS.to_owned()), version: product("product_version") });
    host.software =
        product("product_brand").map(|name| Software { name, version: product("product_version") });
    for (own, name) in [("linux", "kernel"), ("xapi", "xapi"), ("build_number", "build")] {
        if let Some(version) = product(own) {
            host.versions.insert(name.to_owned(), version);
        }
    }
    host.cpu = cpu(record);
    host.memory_bytes = metrics.and_then(|metrics| metrics.number("memory_total"));
    for member in ["hostname", "address"] {
        if let Some(address) = record.text(member) {
            let kind = Some(member.to_owned());
            host.addresses.push(Address { kind, address: address.to_owned() });
        }
    }
    host.location = Location { cluster: cluster.map(str::to_owned), ..Location::default() };
    host.labels = super::guest::tags(record);
    Ok(host)
}

/// The pseudo-host for guests on no host.
pub fn detached() -> Host {
    let mut host = Host::new(DETACHED, DETACHED);
    host.synthetic = true;
    host.hypervisor = Some(hypervisor(None));
    host.os = Some(Version { name: Some(OS.to_owned()), version: None });
    host.cpu.architecture = Some("x86_64".to_owned());
    host
}

/// Whether the coordinator has lost the connection to the host.
pub fn is_disconnected(metrics: Option<Record<'_>>) -> Result<bool, GatherError> {
    match metrics {
        Some(metrics) => Ok(!metrics.flag("live")?),
        None => Ok(false),
    }
}

/// `None` if the coordinator does not say whether the host is live.
fn state(
    record: Record<'_>,
    metrics: Option<Record<'_>>,
) -> Result<Option<HostState>, GatherError> {
    if is_disconnected(metrics)? {
        return Ok(Some(HostState::Disconnected));
    }
    if !record.flag("enabled")? {
        return Ok(Some(HostState::Maintenance));
    }
    Ok(metrics.map(|_| HostState::Up))
}

fn hypervisor(version: Option<String>) -> Hypervisor {
    Hypervisor { kind: "xen".to_owned(), version }
}

/// The processors. Their numbers are texts in a map.
fn cpu(record: Record<'_>) -> Cpu {
    let number = |name| record.entry_number("cpu_info", name);
    let count = |name| number(name).and_then(|number| u32::try_from(number).ok());
    let text = |name| record.entry("cpu_info", name).map(|text| text.trim().to_owned());
    let threads = count("cpu_count");
    // Only newer versions report the threads of each core.
    let threads_per_core = count("threads_per_core").filter(|threads| *threads > 0);
    let cores = threads.zip(threads_per_core).map(|(threads, per_core)| threads / per_core);
    let is_64_bit = |name| record.texts("capabilities").any(|word| word.ends_with(name));
    let architecture = match (is_64_bit("x86_64"), is_64_bit("aarch64")) {
        (true, _) => Some("x86_64".to_owned()),
        (_, true) => Some("aarch64".to_owned()),
        _ => None,
    };
    Cpu {
        architecture,
        vendor: text("vendor"),
        model: text("modelname"),
        frequency_mhz: text("speed").and_then(|speed| frequency(&speed)),
        sockets: count("socket_count").filter(|sockets| *sockets > 0),
        cores: cores.filter(|cores| *cores > 0),
        threads: threads.filter(|threads| *threads > 0),
        millicores: None,
    }
}

/// The frequency in MHz. XAPI writes 0 if it does not know it.
fn frequency(speed: &str) -> Option<Number> {
    let is_known = speed.parse::<f64>().is_ok_and(|mhz| mhz.is_finite() && mhz > 0.0);
    if is_known { speed.parse().ok() } else { None }
}
