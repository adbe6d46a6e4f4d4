//! Nodes, turned into hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use crate::quantity::{OutOfRange, Quantity};
use gatherer_plugin_api::model::{
    Address, Condition, Cpu, Host, HostImage, HostState, Hypervisor, Identifiers, Taint, Version,
};
use gatherer_plugin_support::json::shorten_name;
use gatherer_plugin_support::uuid;

use crate::json::Text;
use crate::objects::{Node, NodeAddress, NodeCondition, NodeImage, NodeInfo, NodeTaint};

use super::fields::{created_at, non_blank, timestamp};
use super::provider_id;
use super::warnings::{IgnoredBecause, ObjectWarning, Problem, Warnings};

/// A mapped Node.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedHost {
    /// The host.
    pub host: Host,
    /// The problems of its fields. Their object is the Node's name.
    pub warnings: Warnings,
}

/// Maps a Node to a host.
///
/// The host's `id` is the machine ID, unchanged. If the Node has none, the id is the first of system UUID,
/// UID and name that it has, with a warning: as soon as the kubelet reports the machine ID, a Manager will
/// see another host.
///
/// A Node has a number of CPUs, but no sockets, cores or threads. Those stay absent, and
/// `cpu.millicores` is its capacity.
///
/// The host has images only if `with_images` is set.
pub fn host(mut node: Node<'_>, with_images: bool) -> MappedHost {
    let mut problems = Vec::new();

    let mut host = Host::new(id(&node, &mut problems), &*node.metadata.name);
    host.identifiers = identifiers(&node);
    let Node { metadata, spec, status, .. } = &node;
    let info = &status.node_info;
    host.hypervisor = Some(Hypervisor {
        kind: "kubernetes".to_owned(),
        version: non_blank(&info.kubelet_version),
    });
    // The image's name includes the version. Without one, at least Linux and Windows are distinguished.
    let system = non_blank(&info.os_image).or_else(|| non_blank(&info.operating_system));
    host.os = system.map(|name| Version { name: Some(name), version: None });
    (host.state, host.source_state) = state(&node);
    host.cpu = Cpu {
        architecture: architecture(&node),
        millicores: capacity(&node, "cpu", Quantity::milli_round_up, &mut problems),
        ..Cpu::default()
    };
    host.memory_bytes = capacity(&node, "memory", Quantity::round_down, &mut problems);
    host.addresses = status.addresses.iter().filter_map(address).collect();
    let parsed = provider_id::parse(&spec.provider_id, &metadata.labels);
    host.identifiers.instance_id.clone_from(&parsed.instance_id);
    host.provider = parsed.provider;
    problems.extend(parsed.problem);
    host.taints = spec.taints.iter().filter_map(taint).collect();
    host.roles = roles(&metadata.labels);
    host.conditions = conditions(&status.conditions, &mut problems);
    host.versions = versions(info);
    host.created_at = created_at(metadata, &mut problems);
    if with_images {
        match status.images.read() {
            Ok(read) => host.images = images(&read),
            Err(_) => problems.push(Problem::UnknownImages),
        }
    }

    let object = [&metadata.name, &metadata.uid].into_iter().find_map(|text| non_blank(text));
    let object = shorten_name(object.as_deref().unwrap_or("a node without a name"));
    let warnings = problems
        .into_iter()
        .map(|problem| ObjectWarning { object: object.clone(), problem })
        .collect();
    // These are the largest parts of a Node: they are moved, not copied.
    host.labels = take(&mut node.metadata.labels);
    host.capacity = take(&mut node.status.capacity);
    host.allocatable = take(&mut node.status.allocatable);
    MappedHost { host, warnings }
}

fn id(node: &Node<'_>, problems: &mut Vec<Problem>) -> String {
    let info = &node.status.node_info;
    if let Some(id) = non_blank(&info.machine_id) {
        return id;
    }
    let substitutes = [
        (&info.system_uuid, "system UUID"),
        (&node.metadata.uid, "Kubernetes UID"),
        (&node.metadata.name, "name"),
    ];
    let substitute =
        substitutes.into_iter().find_map(|(text, field)| Some((non_blank(text)?, field)));
    problems.push(Problem::NoMachineId(substitute.as_ref().map(|(_, field)| *field)));
    substitute.map(|(id, _)| id).unwrap_or_default()
}

fn identifiers(node: &Node<'_>) -> Identifiers {
    let info = &node.status.node_info;
    let mut other = BTreeMap::new();
    let mut canonical = |text: &str, raw_name: &str| {
        // On some platforms the system UUID is not a UUID (on POWER it is a serial number).
        uuid::canonical_or_raw(text, raw_name, &mut other).or_else(|| other.remove(raw_name))
    };
    let system_uuid = canonical(&info.system_uuid, "rawSystemUuid");
    let kubernetes_uid = canonical(&node.metadata.uid, "rawKubernetesUid");
    let boot_id = canonical(&info.boot_id, "rawBootId");
    let provider_id = non_blank(&node.spec.provider_id);
    other.extend(boot_id.map(|id| ("bootId".to_owned(), id)));
    other.extend(provider_id.map(|id| ("providerId".to_owned(), id)));
    let machine_id = non_blank(&info.machine_id);
    Identifiers { machine_id, system_uuid, kubernetes_uid, other, ..Identifiers::default() }
}

/// The state, and what `kubectl get nodes` prints as STATUS. kubectl prints NotReady both for a kubelet
/// that reports "not ready" and for one that no longer reports; the state distinguishes them.
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

/// The architecture as `uname -m` names it. The Node does not have the version of 32-bit ARM; machines that run
/// Kubernetes today have version 7.
fn architecture(node: &Node<'_>) -> Option<String> {
    let label = |key: &str| node.metadata.labels.get(key).and_then(|text| non_blank(text));
    let go_name = non_blank(&node.status.node_info.architecture)
        .or_else(|| label("kubernetes.io/arch"))
        .or_else(|| label("beta.kubernetes.io/arch"))?;
    let uname = match go_name.as_str() {
        "amd64" => "x86_64",
        "386" => "i686",
        "arm64" => "aarch64",
        "arm" => "armv7l",
        "loong64" => "loongarch64",
        "mips64le" => "mips64",
        "mipsle" => "mips",
        _ => return Some(go_name),
    };
    Some(uname.to_owned())
}

/// The Node's capacity of a resource. A quantity that is invalid, negative or above 64 bits is left out with
/// a warning: a clamped number would look like a correct one.
fn capacity(
    node: &Node<'_>,
    resource: &str,
    rounded: fn(Quantity) -> Result<u64, OutOfRange>,
    problems: &mut Vec<Problem>,
) -> Option<u64> {
    let text = node.status.capacity.get(resource)?;
    let amount = match text.parse::<Quantity>() {
        Ok(quantity) => rounded(quantity).map_err(IgnoredBecause::QuantityOutOfRange),
        Err(error) => Err(IgnoredBecause::NotAQuantity(error)),
    };
    match amount {
        Ok(amount) => Some(amount),
        Err(because) => {
            problems.push(Problem::Ignored { field: format!("capacity.{resource}"), because });
            None
        }
    }
}

fn address(address: &NodeAddress<'_>) -> Option<Address> {
    Some(Address { kind: non_blank(&address.kind), address: non_blank(&address.address)? })
}

fn taint(taint: &NodeTaint<'_>) -> Option<Taint> {
    let NodeTaint { key, value, effect } = taint;
    Some(Taint { key: non_blank(key)?, value: non_blank(value), effect: effect.to_string() })
}

/// The roles, sorted, by the rules of kubectl.
fn roles(labels: &BTreeMap<String, String>) -> Vec<String> {
    let by_key = labels.keys().filter_map(|key| key.strip_prefix("node-role.kubernetes.io/"));
    let by_value = labels.get("kubernetes.io/role").map(String::as_str);
    let roles: BTreeSet<&str> = by_key.chain(by_value).filter(|role| !role.is_empty()).collect();
    roles.into_iter().map(str::to_owned).collect()
}

/// The conditions, sorted by type: kubelets and controllers add theirs in any order.
fn conditions(conditions: &[NodeCondition<'_>], problems: &mut Vec<Problem>) -> Vec<Condition> {
    let mut sorted: Vec<&NodeCondition<'_>> = conditions.iter().collect();
    sorted.sort_by(|one, other| one.kind.cmp(&other.kind));
    let mut convert = |condition: &NodeCondition<'_>| {
        let field = || format!("condition {:?}: lastTransitionTime", &*condition.kind);
        Some(Condition {
            kind: non_blank(&condition.kind)?,
            status: condition.status.to_string(),
            reason: non_blank(&condition.reason),
            message: non_blank(&condition.message),
            last_transition_time: timestamp(&condition.last_transition_time, field, problems),
        })
    };
    sorted.into_iter().filter_map(&mut convert).collect()
}

/// The most bytes of names of images that a host keeps. With 50 images of five names a Node has about 30 KB; a
/// record of more than 1 MiB would fail the endpoint.
const MAX_IMAGE_BYTES: usize = 256 * 1024;

/// The images, without those beyond the limit: an image that is not listed is unknown.
fn images(images: &[NodeImage<'_>]) -> Vec<HostImage> {
    let mut bytes = 0;
    let mut is_kept = |image: &HostImage| {
        bytes += image.names.iter().map(String::len).sum::<usize>();
        bytes <= MAX_IMAGE_BYTES
    };
    let converted = images.iter().map(|image| HostImage {
        names: image.names.iter().filter_map(|name| non_blank(name)).collect(),
    });
    converted.filter(|image| !image.names.is_empty()).take_while(&mut is_kept).collect()
}

fn versions(info: &NodeInfo<'_>) -> BTreeMap<String, String> {
    let parts = [
        ("containerRuntime", &info.container_runtime_version),
        ("kernel", &info.kernel_version),
        ("kubeProxy", &info.kube_proxy_version),
        ("kubelet", &info.kubelet_version),
        ("osImage", &info.os_image),
    ];
    let part = |(name, text): (&str, &Text<'_>)| Some((name.to_owned(), non_blank(text)?));
    parts.into_iter().filter_map(part).collect()
}
