//! Converts libvirt's answers into the inventory model. Pure functions without I/O.

mod description;

use std::collections::BTreeSet;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Cpu, Guest, GuestState, Host, HostState, Hypervisor, Software};
use gatherer_plugin_support::uuid;
use gatherer_plugin_support::xml::{self, Limits, Node};
use serde::Deserialize;

pub use description::describe;

/// The facts about the host. A field is absent if the driver does not support the call for it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct HostFacts {
    /// The host name of the hypervisor's machine.
    pub hostname: String,
    /// The driver in libvirt's spelling: `QEMU`, `Xen`, `TEST`.
    pub driver: String,
    /// The hypervisor's version: major * 1,000,000 + minor * 1,000 + release.
    pub hypervisor_version: Option<u64>,
    /// The version of libvirt on the hypervisor's side, in the same notation.
    pub library_version: Option<u64>,
    /// The capabilities, as XML.
    #[serde(default)]
    pub capabilities: Option<String>,
    /// Processors and memory.
    pub node: Option<NodeInfo>,
}

/// `virNodeInfo`. For a topology that does not fit, libvirt reports 1 node, 1 socket, all CPUs as
/// cores, and 1 thread.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct NodeInfo {
    /// The architecture with most drivers, but the processor's name with ESX.
    pub model: String,
    /// The memory, in KiB.
    pub memory_kib: u64,
    /// Active CPUs.
    pub cpus: u32,
    /// The frequency, in MHz; 0 if unknown.
    pub mhz: u32,
    /// NUMA nodes.
    pub nodes: u32,
    /// Sockets in each node.
    pub sockets: u32,
    /// Cores in each socket.
    pub cores: u32,
    /// Threads in each core.
    pub threads: u32,
}

/// State, virtual CPUs and memory of a guest; a field is absent if the driver did not report it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// `virDomainState`
    pub state: Option<i32>,
    /// The current number of virtual CPUs.
    pub vcpus: Option<u32>,
    /// The most memory that the guest may have, in KiB.
    pub max_memory_kib: Option<u64>,
}

impl Stats {
    /// Whether all fields are known.
    pub fn is_complete(&self) -> bool {
        self.state.is_some() && self.vcpus.is_some() && self.max_memory_kib.is_some()
    }
}

/// The key in `identifiers.other` of the host's UUID in libvirt's spelling, if that spelling is not
/// canonical.
const RAW_UUID: &str = "rawUuid";

/// The host, without its guests.
///
/// Its `id` is the host UUID from the capabilities, verbatim, or the host's name if the capabilities
/// have no UUID (the test driver). `os` stays absent, because libvirt does not report it.
pub fn host(facts: &HostFacts) -> Result<Host, GatherError> {
    let document = facts
        .capabilities
        .as_deref()
        .map(|text| xml::parse(text, Limits::default()))
        .transpose()
        .map_err(|error| GatherError::protocol(format!("the capabilities: {error}")))?;
    let capabilities = document.as_ref().map(host_element).transpose()?;

    let mut host = Host::new(facts.hostname.clone(), facts.hostname.clone());
    if let Some(raw) = capabilities.and_then(|node| xml::text(node, &["uuid"])) {
        raw.clone_into(&mut host.id);
        let identifiers = &mut host.identifiers;
        identifiers.uuid = uuid::canonical_or_raw(raw, RAW_UUID, &mut identifiers.other);
    }
    host.hypervisor = Some(Hypervisor {
        kind: facts.driver.to_lowercase(),
        version: facts.hypervisor_version.map(full_version),
    });
    host.software = Some(Software {
        name: "libvirt".to_owned(),
        version: facts.library_version.map(|version| {
            let (major, minor, _) = split_version(version);
            format!("{major}.{minor}")
        }),
    });
    if let Some(version) = facts.library_version {
        host.versions.insert("libvirt".to_owned(), full_version(version));
    }
    // It answered. libvirt knows no other state of a host.
    host.state = Some(HostState::Up);
    host.cpu = cpu(capabilities, facts.node.as_ref());
    host.memory_bytes = facts.node.as_ref().and_then(|node| bytes(node.memory_kib));
    Ok(host)
}

/// The only `host` element of the capabilities. Any other document fails the endpoint, because
/// without its UUID the host would count as a different host.
fn host_element<'a, 'input>(
    document: &'a xml::Document<'input>,
) -> Result<Node<'a, 'input>, GatherError> {
    let invalid =
        |problem: &str| Err(GatherError::protocol(format!("the capabilities: {problem}")));
    let root = document.root_element();
    if root.tag_name().name() != "capabilities" {
        return invalid("the root element must be capabilities");
    }
    let mut hosts = xml::children(root, "host");
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Ok(host),
        (None, _) => invalid("the element host is missing"),
        (Some(_), Some(_)) => invalid("duplicate element host"),
    }
}

/// A warning if the host is identified by its name, because libvirt reports no UUID. `None` for the
/// test driver, which never has a UUID.
pub fn missing_uuid_warning(facts: &HostFacts, host: &Host) -> Option<&'static str> {
    let has_uuid = host.identifiers.uuid.is_some() || host.identifiers.other.contains_key(RAW_UUID);
    (!has_uuid && !facts.driver.eq_ignore_ascii_case("test")).then_some(
        "libvirt does not report the host's UUID, so the host is identified by its name: if its \
         name changes, or libvirt reports a UUID later, it counts as a different host",
    )
}

/// A guest. Its UUID identifies it, because libvirt guarantees one.
pub fn guest(name: String, uuid: [u8; 16], reported: Stats) -> Guest {
    let uuid = uuid::from_bytes(uuid);
    let mut guest = Guest::new(uuid.clone(), name);
    guest.uuid = Some(uuid);
    if let Some(number) = reported.state {
        let (state, word) = guest_state(number);
        guest.state = Some(state);
        guest.source_state = Some(word.map_or_else(|| number.to_string(), str::to_owned));
    }
    // Drivers report 0 for an unknown number.
    guest.cpus = reported.vcpus.filter(|cpus| *cpus > 0);
    guest.memory_bytes = reported.max_memory_kib.and_then(bytes);
    guest
}

/// Converts KiB to bytes; `None` for 0, which means unknown, and on overflow.
fn bytes(kib: u64) -> Option<u64> {
    kib.checked_mul(1024).filter(|bytes| *bytes > 0)
}

/// The state for a `virDomainState`, and virsh's word for it; no word for numbers that are not
/// defined in libvirt 11.
fn guest_state(number: i32) -> (GuestState, Option<&'static str>) {
    match number {
        0 => (GuestState::Unknown, Some("no state")),
        1 => (GuestState::Running, Some("running")),
        2 => (GuestState::Blocked, Some("idle")),
        3 => (GuestState::Paused, Some("paused")),
        4 => (GuestState::ShuttingDown, Some("in shutdown")),
        5 => (GuestState::Stopped, Some("shut off")),
        6 => (GuestState::Crashed, Some("crashed")),
        7 => (GuestState::Suspended, Some("pmsuspended")),
        _ => (GuestState::Unknown, None),
    }
}

fn split_version(version: u64) -> (u64, u64, u64) {
    (version / 1_000_000, version / 1_000 % 1_000, version % 1_000)
}

fn full_version(version: u64) -> String {
    let (major, minor, release) = split_version(version);
    format!("{major}.{minor}.{release}")
}

fn cpu(capabilities: Option<Node<'_, '_>>, node: Option<&NodeInfo>) -> Cpu {
    let of_host = |name| capabilities.and_then(|host| xml::text(host, &["cpu", name]));
    let architecture = of_host("arch").or_else(|| {
        // ESX reports the processor's name here. An architecture is one lower-case word.
        node.map(|node| node.model.as_str()).filter(|model| {
            let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !model.is_empty() && model.bytes().all(|byte| is_word(byte) || byte == b'_')
        })
    });
    let counts =
        CpuCounts::from_cells(capabilities).or_from_node_info(node, cell_count(capabilities));
    Cpu {
        architecture: architecture.map(str::to_owned),
        vendor: of_host("vendor").map(str::to_owned),
        model: of_host("model").map(str::to_owned),
        frequency_mhz: node.map(|node| node.mhz).filter(|mhz| *mhz > 0).map(Into::into),
        sockets: counts.sockets,
        cores: counts.cores,
        threads: counts.threads,
        millicores: None,
    }
}

fn cells<'a, 'input>(host: Option<Node<'a, 'input>>) -> Option<Node<'a, 'input>> {
    xml::child(xml::child(host?, "topology")?, "cells")
}

fn cell_count(host: Option<Node<'_, '_>>) -> usize {
    cells(host).map_or(0, |cells| xml::children(cells, "cell").count())
}

/// Total numbers of sockets, cores and threads of the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct CpuCounts {
    sockets: Option<u32>,
    cores: Option<u32>,
    threads: Option<u32>,
}

impl CpuCounts {
    /// Counts the CPUs that the NUMA cells list. A CPU without a socket and a core is offline if
    /// other CPUs have them. If no CPU has them, only the number of threads is known.
    fn from_cells(host: Option<Node<'_, '_>>) -> Self {
        let mut all = BTreeSet::new();
        let mut placed = BTreeSet::new();
        let mut sockets = BTreeSet::new();
        let mut cores = BTreeSet::new();
        let cpus = cells(host)
            .into_iter()
            .flat_map(|cells| xml::children(cells, "cell"))
            .filter_map(|cell| xml::child(cell, "cpus"))
            .flat_map(|cpus| xml::children(cpus, "cpu"));
        for cpu in cpus {
            // Several cells may list the same CPU (emulated NUMA), so ids are counted, not elements.
            let Some(id) = cpu.attribute("id") else { continue };
            all.insert(id);
            let attribute = |name| cpu.attribute(name);
            if let (Some(socket), Some(core)) = (attribute("socket_id"), attribute("core_id")) {
                placed.insert(id);
                sockets.insert(socket);
                // A core id is unique only within its die, and on some machines within its cluster.
                cores.insert((socket, attribute("die_id"), attribute("cluster_id"), core));
            }
        }
        let threads = if placed.is_empty() { &all } else { &placed };
        Self { sockets: count(&sockets), cores: count(&cores), threads: count(threads) }
    }

    /// Adds the counts that the cells lack from `virNodeInfo`, if its numbers are consistent.
    fn or_from_node_info(self, node: Option<&NodeInfo>, cells: usize) -> Self {
        let Some(node) = node else { return self };
        if self.sockets.is_some() {
            return self;
        }
        let sockets = u64::from(node.nodes) * u64::from(node.sockets);
        let cores = sockets.saturating_mul(u64::from(node.cores));
        let threads = cores.saturating_mul(u64::from(node.threads));
        let known = |number: u64| u32::try_from(number).ok().filter(|number| *number > 0);
        let online = self.threads.or(known(node.cpus.into()));
        // With one node for several cells libvirt means that the topology does not fit. A product
        // below the number of CPUs means that not all sockets or cores are the same.
        let is_placeholder = node.nodes == 1 && cells > 1;
        if is_placeholder || threads == 0 || threads < u64::from(node.cpus) {
            return Self { threads: online, ..self };
        }
        // The product includes CPUs that are offline, so the number of online CPUs is better.
        Self { sockets: known(sockets), cores: known(cores), threads: online }
    }
}

fn count<T>(set: &BTreeSet<T>) -> Option<u32> {
    u32::try_from(set.len()).ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod map_tests;
