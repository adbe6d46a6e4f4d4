//! A host system to a host of the model.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Address, Cpu, Host, HostState, Hypervisor, Identifiers, Version};
use gatherer_plugin_support::uuid;
use gatherer_plugin_support::xml;

use super::custom_fields::{CustomValue, custom_values};
use super::properties::{ObjectContent, unescape};

/// The properties of a host. All exist in vSphere 6.5.
pub const HOST_PROPERTIES: &[&str] = &[
    "name",
    "parent",
    "customValue",
    "runtime.connectionState",
    "runtime.inMaintenanceMode",
    "runtime.powerState",
    "summary.config.product",
    "summary.hardware.uuid",
    "summary.hardware.cpuModel",
    "summary.hardware.cpuMhz",
    "summary.hardware.numCpuPkgs",
    "summary.hardware.numCpuCores",
    "summary.hardware.numCpuThreads",
    "summary.hardware.memorySize",
    "hardware.cpuPkg",
    "config.network.vnic",
];

/// A host, and what is needed to find its place.
#[derive(Debug, Clone)]
pub struct HostRecord {
    /// The host, without location, labels and guests.
    pub host: Host,
    /// The id of the cluster, or of the compute resource that has only this host.
    pub parent: Option<String>,
    /// The values of custom attributes.
    pub custom_values: Vec<CustomValue>,
}

pub fn host_record(content: &ObjectContent) -> Result<HostRecord, GatherError> {
    let moref = &content.object.id;
    let name = content.text("name").map_or_else(|| moref.clone(), |name| unescape(&name));
    let own_uuid = content.text("summary.hardware.uuid");
    let mut host = Host::new(own_uuid.clone().unwrap_or_else(|| moref.clone()), name.clone());
    // The Manager knows hosts by the first word of their names.
    host.short_name =
        name.split_whitespace().next().filter(|word| *word != name).map(str::to_owned);
    host.identifiers = Identifiers {
        managed_object: Some(moref.clone()),
        // How pyvmomi, and so the Python program of older Managers, writes the object.
        previous: Some(format!("'vim.HostSystem:{moref}'")),
        ..Identifiers::default()
    };
    if let Some(text) = own_uuid {
        let others = &mut host.identifiers.other;
        host.identifiers.uuid = uuid::canonical_or_raw(&text, "rawUuid", others);
    }
    let product = content.value("summary.config.product");
    let product = |name: &str| Some(xml::text(product?, &[name])?.to_owned());
    host.hypervisor = Some(Hypervisor { kind: "vmware".to_owned(), version: product("version") });
    host.os = product("name").map(|name| Version { name: Some(name), version: product("version") });
    host.versions.extend(product("build").map(|build| ("build".to_owned(), build)));
    (host.state, host.source_state) = state(content)?;
    host.cpu = cpu(content, product("osType").as_deref())?;
    host.memory_bytes = content.number("summary.hardware.memorySize")?;
    host.addresses = addresses(content);
    let parent = content.reference("parent")?;
    let custom_values = custom_values(content)?;
    Ok(HostRecord { host, parent, custom_values })
}

fn state(content: &ObjectContent) -> Result<(Option<HostState>, Option<String>), GatherError> {
    let connection = content.text("runtime.connectionState");
    let is_in_maintenance = content.flag("runtime.inMaintenanceMode")?;
    let power = content.text("runtime.powerState");
    let state = match (connection.as_deref(), power.as_deref()) {
        (Some("connected"), Some("poweredOff" | "standBy")) => HostState::Down,
        (Some("connected"), _) if is_in_maintenance => HostState::Maintenance,
        (Some("connected"), _) => HostState::Up,
        (Some("disconnected" | "notResponding"), _) => HostState::Disconnected,
        _ => return Ok((None, connection)),
    };
    let word = match state {
        HostState::Maintenance => Some("inMaintenanceMode".to_owned()),
        HostState::Down => power,
        _ => connection,
    };
    Ok((Some(state), word))
}

fn cpu(content: &ObjectContent, os_type: Option<&str>) -> Result<Cpu, GatherError> {
    let packages = content.elements("hardware.cpuPkg", "HostCpuPackage");
    let first = |name: &str| Some(xml::text(*packages.first()?, &[name])?.to_owned());
    let is_arm = os_type.is_some_and(|os_type| os_type.contains("arm64"));
    let frequency: Option<u32> = content.number("summary.hardware.cpuMhz")?;
    Ok(Cpu {
        // All other hosts are x86_64. The server does not say it.
        architecture: Some(if is_arm { "aarch64" } else { "x86_64" }.to_owned()),
        vendor: first("vendor"),
        model: content.text("summary.hardware.cpuModel").or_else(|| first("description")),
        frequency_mhz: frequency.map(Into::into),
        sockets: content.number("summary.hardware.numCpuPkgs")?,
        cores: content.number("summary.hardware.numCpuCores")?,
        threads: content.number("summary.hardware.numCpuThreads")?,
        millicores: None,
    })
}

/// The addresses of the host's own network interfaces, whose names are the types.
fn addresses(content: &ObjectContent) -> Vec<Address> {
    let mut addresses = Vec::new();
    for nic in content.elements("config.network.vnic", "HostVirtualNic") {
        let kind = xml::text(nic, &["device"]).map(str::to_owned);
        let Some(ip) = xml::child(nic, "spec").and_then(|spec| xml::child(spec, "ip")) else {
            continue;
        };
        let v4 = xml::text(ip, &["ipAddress"]);
        let v6 = xml::child(ip, "ipV6Config")
            .into_iter()
            .flat_map(|config| xml::children(config, "ipV6Address"))
            .filter_map(|address| xml::text(address, &["ipAddress"]));
        addresses.extend(
            v4.into_iter()
                .chain(v6)
                .map(|address| Address { kind: kind.clone(), address: address.to_owned() }),
        );
    }
    addresses
}
