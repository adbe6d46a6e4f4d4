//! KubeVirt's virtual machines.

use crate::quantity::{OutOfRange, Quantity};
use gatherer_plugin_api::model::{Address, Guest, GuestState, Identifiers};
use gatherer_plugin_support::uuid;

use crate::objects::{NumberOrText, VirtualMachine, VmCpu, VmInterface, VmStatus};

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
    let VirtualMachine { metadata, spec, status } = machine;
    let mut problems = Vec::new();

    let mut identifiers = Identifiers::default();
    let mut canonical =
        |text: &str, raw_name: &str| uuid::canonical_or_raw(text, raw_name, &mut identifiers.other);
    let firmware = canonical(&spec.domain.firmware.uuid, "rawUuid");
    let uid = canonical(&metadata.uid, "rawKubernetesUid").or_else(|| non_blank(&metadata.uid));
    identifiers.kubernetes_uid.clone_from(&uid);

    let domain = &spec.domain;
    let memory = [
        ("memory.guest", &domain.memory.guest),
        ("resources.requests.memory", &domain.resources.requests.memory),
    ];
    let memory = memory.into_iter().find_map(|(field, size)| Some((field, size.as_ref()?)));
    let guest = Guest {
        id: firmware.clone().or(uid),
        name: metadata.name.to_string(),
        uuid: firmware,
        identifiers,
        state: state(&status),
        source_state: non_blank(&status.phase),
        cpus: cpus(domain.cpu, &mut problems),
        memory_bytes: memory.and_then(|(field, size)| bytes(field, size, &mut problems)),
        addresses: status.interfaces.iter().flat_map(addresses).collect(),
        template: false,
        created_at: created_at(&metadata, &mut problems),
        attributes: non_blank(&metadata.namespace)
            .map(|namespace| (NAMESPACE.to_owned(), namespace))
            .into_iter()
            .collect(),
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

/// The number of virtual CPUs: sockets times cores times threads. A factor that is missing or 0 counts as 1;
/// without any factor the number is unknown.
fn cpus(cpu: VmCpu, problems: &mut Vec<Problem>) -> Option<u32> {
    let factors: Vec<u64> = [cpu.sockets, cpu.cores, cpu.threads]
        .into_iter()
        .flatten()
        .filter(|number| *number != 0)
        .collect();
    if factors.is_empty() {
        return None;
    }
    let product = factors.into_iter().try_fold(1, u64::checked_mul);
    let cpus = product.and_then(|product| u32::try_from(product).ok());
    if cpus.is_none() {
        let because = IgnoredBecause::NumberOutOfRange;
        problems.push(Problem::Ignored { field: "domain.cpu".to_owned(), because });
    }
    cpus
}

/// A quantity in whole bytes.
fn bytes(field: &str, size: &NumberOrText<'_>, problems: &mut Vec<Problem>) -> Option<u64> {
    let bytes = match size {
        NumberOrText::Number(number) => u64::try_from(*number)
            .map_err(|_| IgnoredBecause::QuantityOutOfRange(OutOfRange::Negative)),
        NumberOrText::Text(text) => text
            .parse::<Quantity>()
            .map_err(IgnoredBecause::NotAQuantity)
            .and_then(|quantity| quantity.round_down().map_err(IgnoredBecause::QuantityOutOfRange)),
    };
    match bytes {
        Ok(bytes) => Some(bytes),
        Err(because) => {
            problems.push(Problem::Ignored { field: field.to_owned(), because });
            None
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
