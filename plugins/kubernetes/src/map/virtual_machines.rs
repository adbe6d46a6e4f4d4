//! KubeVirt's virtual machines.

use std::mem::take;

use crate::quantity::{OutOfRange, Quantity};
use gatherer_plugin_api::model::{Address, Guest, GuestState, Identifiers, Interface, Version};
use gatherer_plugin_support::uuid;

use crate::objects::{
    NumberOrText, VirtualMachine, VmCpu, VmDomain, VmGuestOsInfo, VmInterface, VmStatus,
};

use super::fields::{created_at, non_blank};
use super::warnings::{IgnoredBecause, ObjectWarning, Problem, Warnings, about, object_name};

const KIND: &str = "VirtualMachineInstance";

/// The attribute with the namespace of a guest.
const NAMESPACE: &str = "namespace";

/// Maps a virtual machine: the name of its node, if it has one, and the guest.
///
/// The guest's id is the UUID of its firmware, which is visible inside the guest; without one, it is the
/// object's UID. The namespace is an attribute, because names repeat among namespaces.
pub fn guest(machine: VirtualMachine<'_>) -> (Option<String>, Guest, Warnings) {
    let VirtualMachine { mut metadata, spec, status } = machine;
    let mut problems = Vec::new();

    let mut identifiers = Identifiers::default();
    let mut canonical =
        |text: &str, raw_name: &str| uuid::canonical_or_raw(text, raw_name, &mut identifiers.other);
    let firmware = canonical(&spec.domain.firmware.uuid, "rawUuid");
    let uid = canonical(&metadata.uid, "rawKubernetesUid").or_else(|| non_blank(&metadata.uid));
    identifiers.kubernetes_uid.clone_from(&uid);

    let desired_cpus = desired_cpus(&spec.domain, &mut problems);
    let desired_memory = desired_memory(&spec.domain, &status, &mut problems);
    let current_memory = first_quantity(
        &[
            ("status.memory.guestCurrent", &status.memory.guest_current),
            ("status.memory.guestAtBoot", &status.memory.guest_at_boot),
        ],
        Quantity::round_down,
        &mut problems,
    );
    let current_topology = status.current_cpu_topology;
    let guest = Guest {
        id: firmware.clone().or(uid),
        name: metadata.name.to_string(),
        uuid: firmware,
        identifiers,
        state: state(&status),
        source_state: non_blank(&status.phase),
        cpus: if has_factors(current_topology) {
            cpus("status.currentCPUTopology", current_topology, &mut problems)
        } else {
            desired_cpus
        },
        desired_cpus,
        memory_bytes: current_memory.unwrap_or(desired_memory),
        desired_memory_bytes: desired_memory,
        addresses: status.interfaces.iter().flat_map(addresses).collect(),
        interfaces: status.interfaces.iter().map(interface).collect(),
        os: operating_system(&status.guest_os_info),
        created_at: created_at(&metadata, &mut problems),
        attributes: non_blank(&metadata.namespace)
            .map(|namespace| (NAMESPACE.to_owned(), namespace))
            .into_iter()
            .collect(),
        labels: take(&mut metadata.labels),
        ..Guest::default()
    };
    let warnings = about(KIND, &metadata, problems);
    (non_blank(&status.node_name), guest, warnings)
}

/// The warning about a guest whose node the cluster does not have.
pub fn guest_without_node(guest: &Guest, node: String) -> ObjectWarning {
    let namespace = guest.attributes.get(NAMESPACE).map_or("", String::as_str);
    let object = object_name(KIND, namespace, &guest.name);
    ObjectWarning { object, problem: Problem::NodeNotFound(node) }
}

/// The state of the guest. The object exists only while the machine is to run, so a machine that does not
/// run yet is powering on. A paused machine stays in the phase `Running`.
fn state(status: &VmStatus<'_>) -> Option<GuestState> {
    let paused =
        status.conditions.iter().any(|one| &*one.kind == "Paused" && &*one.status == "True");
    match &*status.phase {
        "Pending" | "Scheduling" | "Scheduled" => Some(GuestState::PoweringOn),
        "Running" if paused => Some(GuestState::Paused),
        "Running" => Some(GuestState::Running),
        "Succeeded" => Some(GuestState::Stopped),
        "Failed" => Some(GuestState::Crashed),
        "Unknown" => Some(GuestState::Unknown),
        _ => None,
    }
}

/// Whether the topology says anything about the number of CPUs.
fn has_factors(cpu: VmCpu) -> bool {
    factors(cpu).next().is_some()
}

/// The factors of the number of CPUs. One that is missing or 0 counts as 1.
fn factors(cpu: VmCpu) -> impl Iterator<Item = u64> {
    [cpu.sockets, cpu.cores, cpu.threads].into_iter().flatten().filter(|number| *number != 0)
}

/// The number of virtual CPUs of a topology with at least one factor: sockets times cores times threads.
fn cpus(field: &str, cpu: VmCpu, problems: &mut Vec<Problem>) -> Option<u32> {
    let product = factors(cpu).try_fold(1, u64::checked_mul);
    let cpus = product.and_then(|product| u32::try_from(product).ok());
    if cpus.is_none() {
        let because = IgnoredBecause::NumberOutOfRange;
        problems.push(Problem::Ignored { field: field.to_owned(), because });
    }
    cpus
}

/// The number of virtual CPUs in the specification. As in KubeVirt, it follows from the resources of the pod if the
/// domain has no topology.
fn desired_cpus(domain: &VmDomain<'_>, problems: &mut Vec<Problem>) -> Option<u32> {
    if has_factors(domain.cpu) {
        return cpus("domain.cpu", domain.cpu, problems);
    }
    let fields = [
        ("resources.limits.cpu", &domain.resources.limits.cpu),
        ("resources.requests.cpu", &domain.resources.requests.cpu),
    ];
    let milli = first_quantity(&fields, Quantity::milli_round_up, problems)??;
    let of_pod = VmCpu { sockets: Some(milli.div_ceil(1000)), ..VmCpu::default() };
    if has_factors(of_pod) { cpus("resources.cpu", of_pod, problems) } else { None }
}

/// The memory in the specification. As in KubeVirt, it is that of the pod if the domain has no memory of its own.
fn desired_memory(
    domain: &VmDomain<'_>,
    status: &VmStatus<'_>,
    problems: &mut Vec<Problem>,
) -> Option<u64> {
    let fields = [
        ("memory.guest", &domain.memory.guest),
        ("status.memory.guestRequested", &status.memory.guest_requested),
        ("resources.requests.memory", &domain.resources.requests.memory),
        ("resources.limits.memory", &domain.resources.limits.memory),
    ];
    first_quantity(&fields, Quantity::round_down, problems).flatten()
}

/// The first of the fields that the object has, in whole units; `None` if it has none of them. The inner `None` is
/// a quantity that cannot be used.
#[expect(clippy::option_option, reason = "a missing quantity is not an unusable one")]
fn first_quantity(
    fields: &[(&str, &Option<NumberOrText<'_>>)],
    round: fn(Quantity) -> Result<u64, OutOfRange>,
    problems: &mut Vec<Problem>,
) -> Option<Option<u64>> {
    let (field, size) = fields.iter().find_map(|(field, size)| Some((*field, size.as_ref()?)))?;
    let quantity = match size {
        NumberOrText::Number(number) => number.to_string().parse::<Quantity>(),
        NumberOrText::Text(text) => text.parse::<Quantity>(),
    };
    let rounded = quantity
        .map_err(IgnoredBecause::NotAQuantity)
        .and_then(|quantity| round(quantity).map_err(IgnoredBecause::QuantityOutOfRange));
    match rounded {
        Ok(number) => Some(Some(number)),
        Err(because) => {
            problems.push(Problem::Ignored { field: field.to_owned(), because });
            Some(None)
        }
    }
}

/// The addresses of an interface. Their kind is the name of the interface's network.
fn addresses(interface: &VmInterface<'_>) -> Vec<Address> {
    let address =
        |text: &str| Some(Address { kind: non_blank(&interface.name), address: non_blank(text)? });
    if interface.ip_addresses.is_empty() {
        return address(&interface.ip_address).into_iter().collect();
    }
    interface.ip_addresses.iter().filter_map(|text| address(text)).collect()
}

/// An interface, with the name of the network in the specification.
fn interface(interface: &VmInterface<'_>) -> Interface {
    Interface {
        mac: non_blank(&interface.mac).map(|mac| mac.to_lowercase()),
        addresses: addresses(interface).into_iter().map(|address| address.address).collect(),
        network: non_blank(&interface.name),
    }
}

/// The operating system, if the guest agent reports it.
fn operating_system(info: &VmGuestOsInfo<'_>) -> Option<Version> {
    let os = Version { name: non_blank(&info.name), version: non_blank(&info.version) };
    (os != Version::default()).then_some(os)
}
