//! Hypervisors.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{
    Address, Host, HostState, Hypervisor, Location, Software, Version,
};
use serde_json::Value;

use super::{cpu_info, values};

/// The types of hypervisors that a Manager knows for this module. It gets every other one as the last of these.
const KINDS: [&str; 7] =
    ["fully_virtualized", "para_virtualized", "vmware", "hyperv", "virtage", "virtualbox", "qemu"];

/// A hypervisor of the list.
#[derive(Debug, Clone)]
pub struct FoundHypervisor {
    /// The id, which is a number in older versions.
    pub id: String,
    /// The host of the compute service that manages it. One service may manage many.
    pub service_host: Option<String>,
    /// The number of servers on it, if the version reports it. It is updated once a minute.
    pub running_servers: u64,
    /// The ids of the servers on it, if the server lists them.
    pub servers: Vec<String>,
    /// The hypervisor in the model.
    pub host: Host,
}

impl FoundHypervisor {
    /// What distinguishes it from the others of a list.
    pub fn key(&self) -> (String, String, Option<String>) {
        (self.id.clone(), self.host.name.clone(), self.service_host.clone())
    }

    /// Whether its compute service has no connection to Nova.
    pub fn is_down(&self) -> bool {
        self.host.state == Some(HostState::Disconnected)
    }
}

/// Maps a hypervisor.
pub fn hypervisor(value: &Value, region: Option<&str>) -> Result<FoundHypervisor, GatherError> {
    let name = values::text(&value["hypervisor_hostname"])
        .ok_or_else(|| GatherError::protocol("hypervisors: one has no hypervisor_hostname"))?;
    let id = values::text_or_number(&value["id"]).unwrap_or_default();
    let service_host = values::text(&value["service"]["host"]).map(str::to_owned);
    let reported = values::text(&value["hypervisor_type"]);
    let version = values::text_or_number(&value["hypervisor_version"]);
    let state = values::text(&value["state"]);
    let status = values::text(&value["status"]);
    let mut host = Host {
        hypervisor: Some(Hypervisor {
            kind: kind(reported),
            version: version.as_deref().and_then(|version| dotted(reported, version)),
        }),
        os: Some(Version { name: reported.map(str::to_owned), version }),
        software: Some(software()),
        state: match (state, status) {
            (Some("down"), _) => Some(HostState::Disconnected),
            (Some("up"), Some("disabled")) => Some(HostState::Maintenance),
            (Some("up"), _) => Some(HostState::Up),
            _ => None,
        },
        source_state: match (state, status) {
            (Some(state), Some(status)) => Some(format!("{state}, {status}")),
            (one, other) => one.or(other).map(str::to_owned),
        },
        cpu: cpu_info::cpu(&value["cpu_info"], &value["vcpus"]),
        memory_bytes: values::bytes(&value["memory_mb"], values::MIB),
        location: Location { datacenter: region.map(str::to_owned), ..Location::default() },
        ..Host::new(name, name)
    };
    if let Some(address) = values::text(&value["host_ip"]) {
        host.addresses.push(Address { kind: None, address: address.to_owned() });
    }
    for (name, text) in
        [("computeNodeId", (!id.is_empty()).then_some(&id)), ("serviceHost", service_host.as_ref())]
    {
        if let Some(text) = text {
            host.identifiers.other.insert(name.to_owned(), text.clone());
        }
    }
    let servers = servers(&value["servers"]).ok_or_else(|| {
        GatherError::protocol(format!(
            "hypervisors: {name} has a list of servers that is not valid"
        ))
    })?;
    Ok(FoundHypervisor {
        id,
        service_host,
        running_servers: values::positive(&value["running_vms"]).unwrap_or(0),
        servers,
        host,
    })
}

/// The ids of the servers on a hypervisor. Older versions have no list, and no member for an empty one.
fn servers(list: &Value) -> Option<Vec<String>> {
    match list {
        Value::Null => Some(Vec::new()),
        Value::Array(servers) => {
            servers.iter().map(|server| values::text(&server["uuid"]).map(str::to_owned)).collect()
        }
        _ => None,
    }
}

/// A hypervisor that is known only by its name, because servers are on it.
pub fn unlisted(name: &str, region: Option<&str>) -> FoundHypervisor {
    let host = Host {
        hypervisor: Some(Hypervisor { kind: kind(None), version: None }),
        software: Some(software()),
        location: Location { datacenter: region.map(str::to_owned), ..Location::default() },
        ..Host::new(name, name)
    };
    FoundHypervisor {
        id: String::new(),
        service_host: None,
        running_servers: 0,
        servers: Vec::new(),
        host,
    }
}

/// What manages the hypervisors.
pub fn software() -> Software {
    Software { name: "OpenStack".to_owned(), version: Some("Nova".to_owned()) }
}

/// The type for a Manager.
fn kind(reported: Option<&str>) -> String {
    let lower = reported.unwrap_or_default().to_ascii_lowercase();
    KINDS.into_iter().find(|kind| **kind == lower).unwrap_or("qemu").to_owned()
}

/// The version of QEMU as QEMU writes it: `4.2.1` for 4002001.
fn dotted(reported: Option<&str>, version: &str) -> Option<String> {
    let number: u64 = version.parse().ok()?;
    match reported {
        Some("QEMU") if number >= 1_000_000 => {
            Some(format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000))
        }
        _ => Some(version.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_type_that_a_manager_does_not_know_is_qemu() {
        for (reported, expected) in [
            ("QEMU", "qemu"),
            ("hyperv", "hyperv"),
            ("VirtualBox", "virtualbox"),
            ("ironic", "qemu"),
            ("VMware vCenter Server", "qemu"),
            ("vmware", "vmware"),
            ("fake", "qemu"),
        ] {
            assert_eq!(kind(Some(reported)), expected);
        }
        assert_eq!(kind(None), "qemu");
    }

    #[test]
    fn the_version_of_qemu_is_readable() {
        for (reported, version, expected) in [
            (Some("QEMU"), "4002001", Some("4.2.1")),
            (Some("QEMU"), "10001002", Some("10.1.2")),
            (Some("QEMU"), "1000", Some("1000")),
            (Some("fake"), "4002001", Some("4002001")),
            (Some("QEMU"), "", None),
        ] {
            assert_eq!(dotted(reported, version).as_deref(), expected);
        }
    }

    #[test]
    fn states_follow_the_service_and_its_administrator() {
        for (state, status, expected) in [
            (json!("up"), json!("enabled"), Some(HostState::Up)),
            (json!("up"), json!("disabled"), Some(HostState::Maintenance)),
            (json!("down"), json!("enabled"), Some(HostState::Disconnected)),
            (json!("down"), json!("disabled"), Some(HostState::Disconnected)),
            (json!("lost"), json!("enabled"), None),
            (Value::Null, Value::Null, None),
        ] {
            let value = json!({"hypervisor_hostname": "h", "state": state, "status": status});
            let found = hypervisor(&value, None).expect("a hypervisor");
            assert_eq!(found.host.state, expected, "{value}");
        }
    }

    #[test]
    fn a_hypervisor_without_a_name_is_an_error() {
        for value in [json!({}), json!({"hypervisor_hostname": ""}), json!([]), Value::Null] {
            assert!(hypervisor(&value, None).is_err(), "{value}");
        }
    }
}
