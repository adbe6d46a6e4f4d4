//! Maps a host to a hypervisor of the report, or says why it cannot be one.

use std::borrow::Cow;

use gatherer_plugin_api::model::{Guest, GuestState, Host};
use gatherer_plugin_support::uuid;

use super::report::{
    VirtWhoAttributes, VirtWhoFacts, VirtWhoGuest, VirtWhoHypervisor, VirtWhoHypervisorId,
};
use crate::output::format::HypervisorId;
use crate::output::format::gatherer::text::cut;
use crate::output::placeholder_ids::is_placeholder;

/// The maximum length of a text in candlepin's database.
const TEXT: usize = 255;

/// The kind of hypervisor of a node of a Kubernetes cluster, whose guests are those of KubeVirt.
pub const KUBERNETES: &str = "kubernetes";

/// The hypervisor of a host, and the number of its guests that have no usable UUID. The error says why the host has no
/// usable id.
pub fn hypervisor(
    host: &Host,
    chosen: HypervisorId,
) -> Result<(VirtWhoHypervisor<'_>, usize), &'static str> {
    let hypervisor_id = id(host, chosen)?;
    let virt_who_type = virt_who_type(host);
    let guest_ids: Vec<_> = host
        .guests
        .iter()
        .filter_map(|guest| {
            Some(VirtWhoGuest {
                guest_id: guest_id(guest)?,
                state: guest.state.unwrap_or(GuestState::Unknown).virt_who_number(),
                attributes: VirtWhoAttributes {
                    virt_who_type: virt_who_type.clone(),
                    active: is_active(guest.state).into(),
                },
            })
        })
        .collect();
    let without_uuid = host.guests.len() - guest_ids.len();
    let hypervisor = VirtWhoHypervisor {
        hypervisor_id: VirtWhoHypervisorId { hypervisor_id },
        name: known(&host.name),
        guest_ids,
        facts: facts(host),
    };
    Ok((hypervisor, without_uuid))
}

/// Whether a guest in this state is active for virt-who, which counts only the numbers of a running and a paused guest.
fn is_active(state: Option<GuestState>) -> bool {
    matches!(state.unwrap_or(GuestState::Unknown).virt_who_number(), 1 | 3)
}

/// The chosen id of a host.
fn id(host: &Host, chosen: HypervisorId) -> Result<Cow<'_, str>, &'static str> {
    let text = match chosen {
        HypervisorId::Uuid => own_id(host).ok_or("its id does not identify it")?,
        HypervisorId::Hwuuid => {
            Cow::Owned(system_uuid(host).ok_or("it has no UUID of its hardware")?)
        }
        HypervisorId::Hostname => known(&host.name).ok_or("it has no name")?,
    };
    // A part of it could be the id of another host.
    if cut(&text, TEXT) == text { Ok(text) } else { Err("its id is longer than 255 characters") }
}

/// The id of the host in its source. A source whose hosts have UUIDs, but whose Managers know them by their names, has
/// the name as the id; virt-who uses the UUID.
fn own_id(host: &Host) -> Option<Cow<'_, str>> {
    let uuid = host.identifiers.uuid.as_deref().filter(|_| host.id == host.name);
    let usable = |text: &&str| !is_placeholder(text);
    uuid.filter(usable).or_else(|| Some(host.id.as_str()).filter(usable)).map(storable)
}

/// The UUID of the hardware, in lower case, if it identifies a machine.
fn system_uuid(host: &Host) -> Option<String> {
    let identifiers = &host.identifiers;
    let texts = [&identifiers.uuid, &identifiers.system_uuid];
    texts
        .into_iter()
        .flatten()
        .filter(|text| !is_placeholder(text))
        .find_map(|text| uuid::canonical(text))
}

/// The UUID of a guest, if it identifies a machine: that of Xen's own domain consists of zeros.
fn guest_id(guest: &Guest) -> Option<Cow<'_, str>> {
    let text = guest.uuid.as_deref().filter(|text| !is_placeholder(text))?;
    let is_canonical = text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        });
    if is_canonical { Some(Cow::Borrowed(text)) } else { uuid::canonical(text).map(Cow::Owned) }
}

fn facts(host: &Host) -> VirtWhoFacts<'_> {
    let hypervisor = host.hypervisor.as_ref();
    let kind = hypervisor.and_then(|hypervisor| match hypervisor.kind.as_str() {
        // virt-who says so too, because KubeVirt starts QEMU.
        KUBERNETES => Some(Cow::Borrowed("qemu")),
        kind => known(kind),
    });
    VirtWhoFacts {
        sockets: host.cpu.sockets.map(|sockets| sockets.to_string()),
        kind,
        version: hypervisor.and_then(|hypervisor| known(hypervisor.version.as_deref()?)),
        cluster: host.location.cluster.as_deref().and_then(known),
        system_uuid: system_uuid(host),
    }
}

/// The word for the kind of virtualization: the name of the part of virt-who that reads it.
fn virt_who_type(host: &Host) -> Option<Cow<'_, str>> {
    if host.software.as_ref().is_some_and(|software| software.name == "libvirt") {
        return Some(Cow::Borrowed("libvirt"));
    }
    match host.hypervisor.as_ref()?.kind.as_str() {
        "qemu" | "kvm" => Some(Cow::Borrowed("libvirt")),
        "vmware" => Some(Cow::Borrowed("esx")),
        "nutanix" => Some(Cow::Borrowed("ahv")),
        KUBERNETES => Some(Cow::Borrowed("kubevirt")),
        // `hyperv` and `xen` are virt-who's words. It has none for other kinds.
        kind => known(kind),
    }
}

/// A text that a reader can store, cut to its length. `None` if it is blank.
fn known(text: &str) -> Option<Cow<'_, str>> {
    (!text.trim().is_empty()).then(|| storable(cut(text, TEXT)))
}

/// Replaces U+0000, which databases cannot store.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { Cow::Borrowed(text) }
}
