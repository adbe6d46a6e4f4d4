//! A Node, turned into the model: pure functions, no I/O. `provider` reads provider IDs; the other
//! modules turn the objects around the nodes into the model, in the same way.

mod container;
mod controller;
mod keyed;
mod machine;
mod owner;
mod pod;
mod provider;
mod service;
mod small;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use gatherer_plugin_api::model::{
    Address, Condition, Cpu, Host, HostState, Hypervisor, Identifiers, Taint, Timestamp, Version,
};
use gatherer_plugin_support::quantity::{OutOfRange, Quantity};
use gatherer_plugin_support::uuid;

use crate::json::Text;
use crate::objects::node::{self, Node, NodeInfo};

pub use controller::{controller, unlisted_controller};
pub use keyed::{config_map, secret};
pub use machine::guest;
pub use owner::{Entry, Owners};
pub use pod::pod;
pub use service::{selects, service};
pub use small::{namespace, service_account};
pub use uses::{Source, TooMany, uses};

/// What is odd about an object: its kind and name, and a sentence.
pub type Warnings = Vec<(String, String)>;

/// What a Node tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// The host.
    pub host: Host,
    /// What is odd about it: the object's name and a sentence.
    pub warnings: Vec<(String, String)>,
}

/// The host that a Node describes. What the Node does not tell stays absent, and what cannot be
/// read does too, with a warning; nothing makes it fail.
///
/// `id` is the machine ID, verbatim. Where there is none it is the next of system UUID, the
/// Node's UID and its name, with a warning: as soon as the kubelet tells its machine ID the host
/// will be another one to a Manager.
///
/// A Node counts CPUs and knows nothing of sockets, cores and threads: they stay absent, and
/// `cpu.millicores` is its capacity.
pub fn host(mut node: Node<'_>) -> Mapped {
    let mut warnings = Vec::new();

    let mut host = Host::new(id(&node, &mut warnings), &*node.metadata.name);
    host.identifiers = identifiers(&node);
    let Node { metadata, spec, status, .. } = &node;
    let info = &status.node_info;
    host.hypervisor =
        Some(Hypervisor { kind: "kubernetes".to_owned(), version: known(&info.kubelet_version) });
    // The image's name has the version in it. Windows and Linux at least are told apart without.
    let system = known(&info.os_image).or_else(|| known(&info.operating_system));
    host.os = system.map(|name| Version { name: Some(name), version: None });
    (host.state, host.source_state) = state(&node);
    host.cpu = Cpu {
        architecture: architecture(&node),
        millicores: amount(&node, "cpu", Quantity::milli_round_up, &mut warnings),
        ..Cpu::default()
    };
    host.memory_bytes = amount(&node, "memory", Quantity::round_down, &mut warnings);
    host.addresses = status.addresses.iter().filter_map(address).collect();
    let read = provider::read(&spec.provider_id, &metadata.labels);
    host.identifiers.instance_id.clone_from(&read.instance_id);
    host.provider = read.provider;
    warnings.extend(read.warning.map(str::to_owned));
    host.taints = spec.taints.iter().filter_map(taint).collect();
    host.roles = roles(&metadata.labels);
    host.conditions = conditions(&status.conditions, &mut warnings);
    host.versions = versions(info);
    host.created_at =
        moment(&metadata.creation_timestamp, || "its creationTimestamp".to_owned(), &mut warnings);

    let object = [&metadata.name, &metadata.uid].into_iter().find_map(|text| known(text));
    let object = object.unwrap_or_else(|| "a node without a name".to_owned());
    let warnings = warnings.into_iter().map(|sentence| (object.clone(), sentence)).collect();
    // What a Node mostly consists of.
    host.labels = take(&mut node.metadata.labels);
    host.capacity = take(&mut node.status.capacity);
    host.allocatable = take(&mut node.status.allocatable);
    Mapped { host, warnings }
}

/// The text, unless it says nothing.
fn known(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn id(node: &Node<'_>, warnings: &mut Vec<String>) -> String {
    let info = &node.status.node_info;
    if let Some(id) = known(&info.machine_id) {
        return id;
    }
    let next = [
        (&info.system_uuid, "system UUID"),
        (&node.metadata.uid, "Kubernetes UID"),
        (&node.metadata.name, "name"),
    ];
    let next = next.into_iter().find_map(|(text, what)| Some((known(text)?, what)));
    let (id, stands_for_it) = match next {
        Some((id, what)) => (id, format!("its {what} stands for it")),
        None => (String::new(), "neither does it have a name".to_owned()),
    };
    warnings.push(format!("it tells no machineID; {stands_for_it}"));
    id
}

fn identifiers(node: &Node<'_>) -> Identifiers {
    let info = &node.status.node_info;
    let mut other = BTreeMap::new();
    let mut canonical = |text: &str, raw: &str| {
        let own = known(text)?;
        // Some platforms have system UUIDs that are none (POWER's is a serial number).
        let canonical = uuid::canonical(&own).unwrap_or_else(|| own.clone());
        if canonical != own {
            other.insert(raw.to_owned(), own);
        }
        Some(canonical)
    };
    let system_uuid = canonical(&info.system_uuid, "rawSystemUuid");
    let kubernetes_uid = canonical(&node.metadata.uid, "rawKubernetesUid");
    let boot_id = canonical(&info.boot_id, "rawBootId");
    let provider_id = known(&node.spec.provider_id);
    other.extend(boot_id.map(|id| ("bootId".to_owned(), id)));
    other.extend(provider_id.map(|id| ("providerId".to_owned(), id)));
    let machine_id = known(&info.machine_id);
    Identifiers { machine_id, system_uuid, kubernetes_uid, other, ..Identifiers::default() }
}

/// The state, and what `kubectl get nodes` prints under STATUS. That has one word, NotReady, for
/// a kubelet that says no and for one that was lost.
fn state(node: &Node<'_>) -> (Option<HostState>, Option<String>) {
    let ready = node.status.conditions.iter().rfind(|condition| &*condition.kind == "Ready");
    let cordoned = node.spec.unschedulable;
    let (state, word) = match ready.map(|ready| &*ready.status) {
        Some("True") if cordoned => (Some(HostState::Maintenance), "Ready"),
        Some("True") => (Some(HostState::Up), "Ready"),
        Some("False") => (Some(HostState::Down), "NotReady"),
        Some("Unknown") => (Some(HostState::Disconnected), "NotReady"),
        Some(_) => (None, "NotReady"),
        None => (None, "Unknown"),
    };
    let suffix = if cordoned { ",SchedulingDisabled" } else { "" };
    (state, Some(format!("{word}{suffix}")))
}

/// The architecture as `uname -m` says it. 32-bit ARM says no more than that; what runs
/// Kubernetes today is version 7.
fn architecture(node: &Node<'_>) -> Option<String> {
    let label = |key: &str| node.metadata.labels.get(key).and_then(|text| known(text));
    let own = known(&node.status.node_info.architecture)
        .or_else(|| label("kubernetes.io/arch"))
        .or_else(|| label("beta.kubernetes.io/arch"))?;
    let uname = match own.as_str() {
        "amd64" => "x86_64",
        "386" => "i686",
        "arm64" => "aarch64",
        "arm" => "armv7l",
        "loong64" => "loongarch64",
        "mips64le" => "mips64",
        "mipsle" => "mips",
        _ => return Some(own),
    };
    Some(uname.to_owned())
}

/// How much of a resource the node has. What is no quantity, negative or more than 64 bits hold
/// is left out with a warning: a number that was made to fit would look like a true one.
fn amount(
    node: &Node<'_>,
    resource: &str,
    rounded: fn(Quantity) -> Result<u64, OutOfRange>,
    warnings: &mut Vec<String>,
) -> Option<u64> {
    let text = node.status.capacity.get(resource)?;
    let amount = match text.parse::<Quantity>() {
        Ok(quantity) => rounded(quantity).map_err(|error| error.to_string()),
        Err(error) => Err(format!("it is no quantity: {error}")),
    };
    let complain = |why: &String| {
        warnings.push(format!("its capacity of {resource} is left out, because {why}"));
    };
    amount.inspect_err(complain).ok()
}

fn address(address: &node::Address<'_>) -> Option<Address> {
    Some(Address { kind: known(&address.kind), address: known(&address.address)? })
}

fn taint(taint: &node::Taint<'_>) -> Option<Taint> {
    let node::Taint { key, value, effect } = taint;
    Some(Taint { key: known(key)?, value: known(value), effect: effect.to_string() })
}

/// The roles as kubectl finds them, sorted.
fn roles(labels: &BTreeMap<String, String>) -> Vec<String> {
    let by_key = labels.keys().filter_map(|key| key.strip_prefix("node-role.kubernetes.io/"));
    let by_value = labels.get("kubernetes.io/role").map(String::as_str);
    let roles: BTreeSet<&str> = by_key.chain(by_value).filter(|role| !role.is_empty()).collect();
    roles.into_iter().map(str::to_owned).collect()
}

/// The conditions by type, because kubelets and controllers add theirs in any order.
fn conditions(conditions: &[node::Condition<'_>], warnings: &mut Vec<String>) -> Vec<Condition> {
    let mut sorted: Vec<&node::Condition<'_>> = conditions.iter().collect();
    sorted.sort_by(|one, other| one.kind.cmp(&other.kind));
    let mut read = |condition: &node::Condition<'_>| {
        let what = || format!("the lastTransitionTime of its condition {:?}", &*condition.kind);
        Some(Condition {
            kind: known(&condition.kind)?,
            status: condition.status.to_string(),
            reason: known(&condition.reason),
            message: known(&condition.message),
            last_transition_time: moment(&condition.last_transition_time, what, warnings),
        })
    };
    sorted.into_iter().filter_map(&mut read).collect()
}

fn versions(info: &NodeInfo<'_>) -> BTreeMap<String, String> {
    let parts = [
        ("containerRuntime", &info.container_runtime_version),
        ("kernel", &info.kernel_version),
        ("kubeProxy", &info.kube_proxy_version),
        ("kubelet", &info.kubelet_version),
        ("osImage", &info.os_image),
    ];
    let part = |(name, text): (&str, &Text<'_>)| Some((name.to_owned(), known(text)?));
    parts.into_iter().filter_map(part).collect()
}

/// The moment that a text tells. `what` names it, for the warning that it is none.
fn moment(
    text: &str,
    what: impl FnOnce() -> String,
    warnings: &mut Vec<String>,
) -> Option<Timestamp> {
    if text.trim().is_empty() {
        return None;
    }
    let complain = |_: &_| warnings.push(format!("{} is left out, because it is no time", what()));
    text.parse::<Timestamp>().inspect_err(complain).ok()
}
