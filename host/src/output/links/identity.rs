//! The identities of a machine: what a host or guest claims to be, in a form that can be compared.

use std::borrow::Cow;

use gatherer_plugin_api::model::{EvidenceKind, Guest, Host};
use uuid::Uuid;

use crate::output::placeholder_ids::is_placeholder;

/// The UUID of SMBIOS in either byte order: the smaller one of both forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HardwareUuid(u128);

impl HardwareUuid {
    /// A UUID in any spelling; `None` if the text is not a UUID, or a placeholder.
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text.trim()).ok()?;
        let swapped = Uuid::from_bytes(uuid.to_bytes_le());
        let is_unique = |uuid: &Uuid| {
            !is_placeholder(uuid.as_simple().encode_lower(&mut Uuid::encode_buffer()))
        };
        let smaller = uuid.as_u128().min(swapped.as_u128());
        [uuid, swapped].iter().all(is_unique).then_some(Self(smaller))
    }
}

impl Identity<'_> {
    /// Whether two machines of different systems can have it.
    pub fn is_local(&self) -> bool {
        // The name of a cluster is the operator's choice, and often the default one.
        matches!(self, Self::Instance(provider, _) if provider == PROXMOX)
    }
}

/// What identifies a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identity<'a> {
    /// The UUID of its hardware.
    Uuid(HardwareUuid),
    /// The path of a resource in a cloud, without a leading slash, in lower case.
    Resource(String),
    /// An id that is unique in a cloud or a cluster, and which one.
    Instance(Cow<'a, str>, Cow<'a, str>),
}

/// An identity with the identifier that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<'a> {
    /// What the machine claims to be.
    pub identity: Identity<'a>,
    /// The identifier.
    pub by: EvidenceKind,
    /// Its value.
    pub value: &'a str,
}

/// The namespace of ids of guests that are numbered in a cluster: `<cluster>/<number>`.
const PROXMOX: &str = "proxmox";

/// What a host claims to be, the strongest claim first.
pub fn of_host<'a>(host: &'a Host) -> Vec<Claim<'a>> {
    let identifiers = &host.identifiers;
    let mut claims = Vec::new();
    let mut claim = |by, value: &'a str, identity: Option<Identity<'a>>| {
        if let Some(identity) = identity {
            claims.push(Claim { identity, by, value });
        }
    };
    if let Some(id) = identifiers.other.get("providerId") {
        claim(EvidenceKind::ProviderId, id, of_provider_id(id));
    } else if let Some(id) = &identifiers.instance_id {
        let provider = host.provider.as_ref().map_or("", |provider| &provider.name);
        claim(EvidenceKind::InstanceId, id, of_instance(provider, id));
    }
    for (by, id) in [
        (EvidenceKind::Uuid, &identifiers.uuid),
        (EvidenceKind::SystemUuid, &identifiers.system_uuid),
        (EvidenceKind::MachineId, &identifiers.machine_id),
    ] {
        if let Some(id) = id {
            claim(by, id, HardwareUuid::parse(id).map(Identity::Uuid));
        }
    }
    claims
}

/// What a guest claims to be. `provider` is the kind of the hypervisor that it runs on, if that is known.
pub fn of_guest<'a>(guest: &'a Guest, provider: &'a str) -> Vec<Claim<'a>> {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    let mut claim = |by, value: &'a str, identity: Option<Identity<'a>>| {
        if let Some(identity) = identity
            && claims.iter().all(|claim| claim.identity != identity)
        {
            claims.push(Claim { identity, by, value });
        }
    };
    let other = &guest.identifiers.other;
    if let Some(path) = other.get("resourceId") {
        claim(EvidenceKind::InstanceId, path, of_resource(path));
    }
    if let Some(id) = &guest.identifiers.instance_id {
        claim(EvidenceKind::InstanceId, id, of_instance(provider, id));
    }
    if let Some(id) = other.get("proxmoxId") {
        claim(EvidenceKind::InstanceId, id, Some(Identity::Instance(PROXMOX.into(), id.into())));
    }
    for uuid in uuids_of_guest(guest) {
        claim(EvidenceKind::Uuid, uuid, HardwareUuid::parse(uuid).map(Identity::Uuid));
    }
    claims
}

/// The UUIDs of a guest, those that are not valid included.
fn uuids_of_guest(guest: &Guest) -> impl Iterator<Item = &String> {
    let uuids = [&guest.uuid, &guest.identifiers.uuid, &guest.id];
    uuids.into_iter().flatten().chain(guest.identifiers.other.get("extId"))
}

/// The UUIDs by which a guest is compared.
pub fn hardware_of_guest(guest: &Guest) -> Vec<HardwareUuid> {
    uuids_of_guest(guest).filter_map(|uuid| HardwareUuid::parse(uuid)).collect()
}

/// The machine ids that the operating system of a guest may have, if it has one from the hypervisor: systemd makes the machine
/// id of a virtual machine from its UUID, without the dashes.
pub fn machine_ids(guest: &Guest) -> impl Iterator<Item = Uuid> {
    let uuids = [&guest.uuid, &guest.identifiers.uuid, &guest.id];
    uuids.into_iter().flatten().filter_map(|uuid| parse_machine_id(uuid))
}

/// A machine id, or the UUID that it was made from.
pub fn parse_machine_id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text.trim()).ok()
}

/// The instance that a node's provider ID names. The formats are those of the cloud providers of Kubernetes.
fn of_provider_id(id: &str) -> Option<Identity<'_>> {
    let (provider, path) = id.trim().split_once("://")?;
    match provider {
        "azure" => of_resource(path),
        "gce" => {
            let [project, zone, name] = path.split('/').collect::<Vec<_>>()[..] else {
                return None;
            };
            of_resource(&format!("projects/{project}/zones/{zone}/instances/{name}"))
        }
        // The region or zone may be empty.
        "aws" | "openstack" => of_instance(provider, path.rsplit('/').next()?),
        PROXMOX => of_instance(provider, path.trim_start_matches('/')),
        // The ids of others are not unique: clusters of k3s have nodes with the same names.
        _ => HardwareUuid::parse(path.trim_start_matches('/')).map(Identity::Uuid),
    }
}

/// An instance id: a UUID, a path, or a text that is unique in its cloud.
fn of_instance<'a>(provider: &'a str, id: &'a str) -> Option<Identity<'a>> {
    if Uuid::try_parse(id.trim()).is_ok() {
        return HardwareUuid::parse(id).map(Identity::Uuid);
    }
    if id.starts_with('/') {
        return of_resource(id);
    }
    (!provider.is_empty() && !is_placeholder(id))
        .then(|| Identity::Instance(provider.into(), id.into()))
}

/// The path of a resource, whose spelling differs between the answers of a cloud.
fn of_resource<'a>(path: &str) -> Option<Identity<'a>> {
    let path = path.trim().trim_matches('/').to_lowercase();
    (path.contains('/') && !path.contains("//")).then_some(Identity::Resource(path))
}
