//! From a node to a host.

use std::collections::BTreeSet;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{
    Address, Cpu, Host, HostState, Hypervisor, Location, Software, Version,
};
use gatherer_plugin_support::json;
use serde_json::{Number, Value};

use super::guest_list::is_node_name;
use super::replies::{ClusterStatusEntry, NodeEntry, NodeStatus};
use super::values;

/// The name of the operating system in the format that a Manager reads.
const SYSTEM: &str = "ProxmoxVE";
/// The architecture of nodes that do not report it. Proxmox VE is only made for this one.
const ARCHITECTURE: &str = "x86_64";

/// The cluster that a node belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The name. Absent for a node on its own.
    pub name: Option<String>,
    /// The number of nodes that it has, if the API reports it.
    pub nodes: Option<u32>,
    /// Whether a majority of the nodes is online, if the API reports it.
    pub quorate: Option<bool>,
    /// The version of the node that answered.
    pub version: Option<String>,
}

impl Cluster {
    /// Reads the entry of the cluster.
    pub fn new(status: &[ClusterStatusEntry], version: &Value) -> Self {
        let entry = status.iter().find(|entry| entry.kind == "cluster");
        Self {
            name: entry.and_then(|entry| values::text(&entry.name)),
            nodes: entry.and_then(|entry| values::count(&entry.nodes)),
            quorate: entry
                .filter(|entry| !entry.quorate.is_null())
                .map(|entry| values::flag(&entry.quorate)),
            version: values::text(version),
        }
    }
}

/// Checks that the list of nodes has every member of the cluster. A node that has lost its cluster's file system lists
/// only itself, and without a node there would be no guest.
pub fn check_nodes(
    entries: &[NodeEntry],
    status: &[ClusterStatusEntry],
    cluster: &Cluster,
) -> Result<(), GatherError> {
    let listed: BTreeSet<_> = entries.iter().map(|entry| entry.node.as_str()).collect();
    if listed.is_empty() || listed.iter().any(|name| !is_node_name(name)) {
        return Err(GatherError::protocol("the list of nodes is empty or has an invalid name"));
    }
    if let Some(expected) = cluster.nodes
        && listed.len() < expected as usize
    {
        let listed = listed.len();
        let message = format!("the list of nodes has {listed} of the cluster's {expected} nodes");
        return Err(GatherError::protocol(message));
    }
    let members = status.iter().filter(|entry| entry.kind == "node");
    let mut names = members.filter_map(|member| values::text(&member.name));
    match names.find(|name| !listed.contains(name.as_str())) {
        Some(name) => {
            let name = json::quote(&name);
            Err(GatherError::protocol(format!("the list of nodes lacks the member {name}")))
        }
        None => Ok(()),
    }
}

/// Whether a node can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachability {
    /// It is online, or its state is not known.
    Unknown,
    /// It is offline.
    Offline,
    /// It is named by a guest, but is not in the list of nodes.
    NotListed,
}

/// A node as the lists describe it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedNode {
    /// The name.
    pub name: String,
    /// The state in the API's word.
    pub status: Option<String>,
    /// Whether it can be asked.
    pub reachability: Reachability,
    threads: Option<u32>,
    memory_bytes: Option<u64>,
    address: Option<String>,
}

impl ListedNode {
    /// Combines the entries of the list of nodes and of the state of the cluster.
    pub fn new(entry: &NodeEntry, status: &[ClusterStatusEntry]) -> Self {
        let mut members = status.iter().filter(|member| member.kind == "node");
        let member =
            members.find(|member| values::text(&member.name).as_deref() == Some(&entry.node));
        let word = values::text(&entry.status);
        let is_offline = word.as_deref() == Some("offline")
            || member
                .is_some_and(|member| !member.online.is_null() && !values::flag(&member.online));
        Self {
            name: entry.node.clone(),
            status: word,
            reachability: if is_offline { Reachability::Offline } else { Reachability::Unknown },
            threads: values::count(&entry.maxcpu),
            memory_bytes: values::positive(&entry.maxmem),
            address: member.and_then(|member| values::text(&member.ip)),
        }
    }

    /// A node that only guests name.
    pub fn not_listed(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            status: None,
            reachability: Reachability::NotListed,
            threads: None,
            memory_bytes: None,
            address: None,
        }
    }
}

/// The host of a node without its guests. `status` is the node's own answer, if it gave one.
pub fn host(node: &ListedNode, status: Option<&NodeStatus>, cluster: &Cluster) -> Host {
    let mut host = Host::new(&node.name, &node.name);
    // Older programs used the name too.
    host.identifiers.previous = Some(node.name.clone());
    host.location = Location { cluster: cluster.name.clone(), ..Location::default() };
    host.addresses = node
        .address
        .iter()
        .map(|address| Address { kind: None, address: address.clone() })
        .collect();
    host.software = Some(Software { name: SYSTEM.to_owned(), version: cluster.version.clone() });
    host.source_state.clone_from(&node.status);
    host.state = match (node.reachability, status) {
        (Reachability::Offline, _) => Some(HostState::Down),
        (_, Some(_)) => Some(HostState::Up),
        (Reachability::Unknown, None) => Some(HostState::Disconnected),
        (Reachability::NotListed, None) => None,
    };
    host.memory_bytes = node.memory_bytes;
    host.cpu = Cpu {
        architecture: Some(ARCHITECTURE.to_owned()),
        threads: node.threads,
        ..Cpu::default()
    };
    let version = status.and_then(version);
    host.hypervisor = Some(Hypervisor { kind: "proxmox".to_owned(), version: version.clone() });
    if let Some(status) = status {
        add_status(&mut host, status, version);
    }
    host
}

fn add_status(host: &mut Host, status: &NodeStatus, version: Option<String>) {
    if let Some(version) = version {
        host.versions.insert("pve".to_owned(), version.clone());
        host.os = Some(Version { name: Some(SYSTEM.to_owned()), version: Some(version) });
    }
    let text = |value: Option<&Value>| value.and_then(values::text);
    let kernel = text(status.current_kernel.get("release")).or_else(|| {
        let full = values::text(&status.kversion)?;
        full.strip_prefix("Linux ")?.split(' ').next().map(str::to_owned)
    });
    if let Some(kernel) = kernel {
        host.versions.insert("kernel".to_owned(), kernel);
    }
    if let Some(machine) = text(status.current_kernel.get("machine")) {
        host.cpu.architecture = Some(machine);
    }
    let info = |name: &str| status.cpuinfo.get(name);
    let count = |name: &str| info(name).and_then(values::count);
    host.cpu.sockets = count("sockets");
    host.cpu.cores = count("cores");
    host.cpu.threads = count("cpus").or(host.cpu.threads);
    host.cpu.vendor = text(info("vendor"));
    host.cpu.model = text(info("model"));
    host.cpu.frequency_mhz = info("mhz").and_then(frequency);
    let total = status.memory.get("total").and_then(values::positive);
    host.memory_bytes = total.or(host.memory_bytes);
}

/// `9.1.5` of `pve-manager/9.1.5/80cf92a64bef6889`.
fn version(status: &NodeStatus) -> Option<String> {
    let text = values::text(&status.pveversion)?;
    let version = text.strip_prefix("pve-manager/")?.split('/').next()?;
    (!version.is_empty()).then(|| version.to_owned())
}

/// The frequency in MHz, a number or its text.
fn frequency(value: &Value) -> Option<Number> {
    let number = match value {
        Value::Number(number) => number.clone(),
        Value::String(text) => Number::from_f64(text.trim().parse().ok()?)?,
        _ => return None,
    };
    number.as_f64().is_some_and(|mhz| mhz > 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).expect("a reply")
    }

    fn status(cpuinfo: &Value) -> NodeStatus {
        read(json!({"cpuinfo": cpuinfo}))
    }

    #[test]
    fn the_topology_is_that_of_the_nodes_own_answer() {
        let entry = read(json!({"node": "pve1", "status": "online", "maxcpu": 48, "maxmem": 1}));
        let node = ListedNode::new(&entry, &[]);
        let status: NodeStatus = read(json!({
            "pveversion": "pve-manager/8.2.4/faa83925c9641325",
            "kversion": "Linux 6.8.8-2-pve #1 SMP",
            "cpuinfo": {"sockets": 2, "cores": 24, "cpus": 48, "mhz": "2600.123",
                "model": "A Processor", "vendor": "GenuineIntel"},
            "memory": {"total": 137_438_953_472_u64},
        }));
        let host = host(&node, Some(&status), &Cluster::default());
        let cpu = &host.cpu;
        assert_eq!((cpu.sockets, cpu.cores, cpu.threads), (Some(2), Some(24), Some(48)));
        assert_eq!(cpu.frequency_mhz, Number::from_f64(2600.123));
        assert_eq!(host.memory_bytes, Some(128 << 30));
        assert_eq!((host.id.as_str(), host.state), ("pve1", Some(HostState::Up)));
        assert_eq!(host.versions["kernel"], "6.8.8-2-pve");
        assert_eq!(host.os.and_then(|os| os.version).as_deref(), Some("8.2.4"));
    }

    #[test]
    fn numbers_that_are_absent_or_zero_are_unknown() {
        let node = ListedNode::new(&read(json!({"node": "pve1"})), &[]);
        for cpuinfo in [
            json!({"sockets": 0, "cores": 0, "mhz": "0", "model": ""}),
            json!({"sockets": null, "cores": "many", "mhz": "fast"}),
            json!([1]),
            json!(null),
        ] {
            let host = host(&node, Some(&status(&cpuinfo)), &Cluster::default());
            let expected = Cpu { architecture: Some("x86_64".into()), ..Cpu::default() };
            assert_eq!((host.cpu, host.memory_bytes), (expected, None), "{cpuinfo}");
        }
    }

    #[test]
    fn a_node_is_offline_if_one_of_the_lists_says_so() {
        let entry = |word: &str| read::<NodeEntry>(json!({"node": "pve1", "status": word}));
        let members = |online: Value| {
            read::<Vec<ClusterStatusEntry>>(json!([
                {"type": "cluster", "name": "c", "quorate": 1},
                {"type": "node", "name": "pve2", "online": 0},
                {"type": "node", "name": "pve1", "online": online, "ip": "192.0.2.1"},
            ]))
        };
        for (word, online, expected) in [
            ("online", json!(1), Reachability::Unknown),
            ("online", json!(null), Reachability::Unknown),
            ("unknown", json!("1"), Reachability::Unknown),
            ("online", json!(0), Reachability::Offline),
            ("offline", json!(1), Reachability::Offline),
        ] {
            let node = ListedNode::new(&entry(word), &members(online));
            assert_eq!(node.reachability, expected, "{word}");
            assert_eq!(node.address.as_deref(), Some("192.0.2.1"));
        }
    }

    #[test]
    fn the_state_tells_down_unreachable_and_not_listed_apart() {
        let offline = ListedNode::new(&read(json!({"node": "a", "status": "offline"})), &[]);
        let online = ListedNode::new(&read(json!({"node": "a", "status": "online"})), &[]);
        let state = |node: &ListedNode| host(node, None, &Cluster::default()).state;
        assert_eq!(state(&offline), Some(HostState::Down));
        assert_eq!(state(&online), Some(HostState::Disconnected));
        assert_eq!(state(&ListedNode::not_listed("a")), None);
    }

    #[test]
    fn a_host_without_an_own_answer_has_the_version_of_the_cluster_as_its_software() {
        let cluster = Cluster { version: Some("9.1.5".into()), ..Cluster::default() };
        let host = host(&ListedNode::not_listed("a"), None, &cluster);
        assert_eq!(host.os, None);
        assert_eq!(host.software.and_then(|software| software.version).as_deref(), Some("9.1.5"));
    }
}
