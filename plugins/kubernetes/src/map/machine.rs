//! Virtual machines of KubeVirt.

use gatherer_plugin_api::model::{Address, Guest, GuestState, Identifiers};
use gatherer_plugin_support::quantity::Quantity;
use gatherer_plugin_support::uuid;

use crate::objects::{Cpu, Interface, Machine, MachineStatus, NumberOrText};

use super::small::{created_at, named};
use super::{Warnings, known};

/// The node that the machine runs on, if there is one, and the guest that the object describes.
///
/// Its id is the UUID of its firmware, which the guest itself sees; where there is none, the
/// object's UID. Its name repeats in other namespaces, so the namespace is among its attributes.
pub fn guest(machine: Machine<'_>) -> (Option<String>, Guest, Warnings) {
    let Machine { metadata, spec, status } = machine;
    let mut warnings = Vec::new();

    let mut identifiers = Identifiers::default();
    let mut canonical = |text: &str, raw: &str| {
        let own = known(text)?;
        let canonical = uuid::canonical(&own);
        if canonical.as_ref() != Some(&own) {
            identifiers.other.insert(raw.to_owned(), own);
        }
        canonical
    };
    let firmware = canonical(&spec.domain.firmware.uuid, "rawUuid");
    let uid = canonical(&metadata.uid, "rawKubernetesUid").or_else(|| known(&metadata.uid));
    identifiers.kubernetes_uid.clone_from(&uid);

    let domain = &spec.domain;
    let memory = [
        ("memory.guest", &domain.memory.guest),
        ("resources.requests.memory", &domain.resources.requests.memory),
    ];
    let memory = memory.into_iter().find_map(|(what, size)| Some((what, size.as_ref()?)));
    let guest = Guest {
        id: firmware.clone().or(uid),
        name: metadata.name.to_string(),
        uuid: firmware,
        identifiers,
        state: state(&status),
        source_state: known(&status.phase),
        cpus: cpus(domain.cpu, &mut warnings),
        memory_bytes: memory.and_then(|(what, size)| bytes(what, size, &mut warnings)),
        addresses: status.interfaces.iter().flat_map(addresses).collect(),
        template: false,
        created_at: created_at(&metadata, &mut warnings),
        attributes: known(&metadata.namespace)
            .map(|namespace| ("namespace".to_owned(), namespace))
            .into_iter()
            .collect(),
    };
    let warnings = named("VirtualMachineInstance", &metadata, warnings);
    (known(&status.node_name), guest, warnings)
}

/// The object exists as long as somebody wants the machine to run: before it does, it is on its
/// way. A paused one stays in phase `Running`.
fn state(status: &MachineStatus<'_>) -> Option<GuestState> {
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

/// The product of what the topology tells; what it leaves out, or writes as 0, is 1. Without any of
/// it nothing is known.
fn cpus(cpu: Cpu, warnings: &mut Vec<String>) -> Option<u32> {
    let told: Vec<u64> = [cpu.sockets, cpu.cores, cpu.threads]
        .into_iter()
        .flatten()
        .filter(|number| *number != 0)
        .collect();
    if told.is_empty() {
        return None;
    }
    let product = told.into_iter().try_fold(1, u64::checked_mul);
    let fitting = product.and_then(|product| u32::try_from(product).ok());
    if fitting.is_none() {
        warnings.push("its number of CPUs is left out, because it is out of range".to_owned());
    }
    fitting
}

/// A quantity, in whole bytes.
fn bytes(what: &str, size: &NumberOrText<'_>, warnings: &mut Vec<String>) -> Option<u64> {
    let bytes = match size {
        NumberOrText::Number(number) => {
            u64::try_from(*number).map_err(|_| "it is negative".to_owned())
        }
        NumberOrText::Text(text) => match text.parse::<Quantity>() {
            Ok(quantity) => quantity.round_down().map_err(|error| error.to_string()),
            Err(error) => Err(format!("it is no quantity: {error}")),
        },
    };
    let complain = |why: &String| warnings.push(format!("its {what} is left out, because {why}"));
    bytes.inspect_err(complain).ok()
}

/// The addresses of an interface, under the name of its network.
fn addresses(interface: &Interface<'_>) -> Vec<Address> {
    let address =
        |text: &str| Some(Address { kind: known(&interface.name), address: known(text)? });
    if interface.ip_addresses.is_empty() {
        return address(&interface.ip_address).into_iter().collect();
    }
    interface.ip_addresses.iter().filter_map(|text| address(text)).collect()
}
