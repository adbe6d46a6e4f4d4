//! Pure: from the objects of a vSphere inventory to the model.

mod custom_fields;
mod guest;
mod host;
mod managed_object;
#[cfg(test)]
mod map_tests;
mod places;
mod properties;

use std::collections::{BTreeMap, HashMap};

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Guest, Host, Location};
use gatherer_plugin_support::xml::{self, Node};

use guest::{GUEST_PROPERTIES, GuestRecord, guest_record};
use host::{HOST_PROPERTIES, HostRecord, host_record};
pub use managed_object::{ManagedObject, is_nil, type_of};
use places::{Place, Places};
use properties::{ObjectContent, unescape};

const PLACE_PROPERTIES: &[&str] = &["name", "parent"];

/// The kinds of objects in the view, and the properties that are read of each.
pub const PROPERTIES: &[(&str, &[&str])] = &[
    ("Folder", PLACE_PROPERTIES),
    ("Datacenter", PLACE_PROPERTIES),
    ("ComputeResource", PLACE_PROPERTIES),
    ("Network", &["name"]),
    ("HostSystem", HOST_PROPERTIES),
    ("VirtualMachine", GUEST_PROPERTIES),
];

/// An object of the inventory.
#[derive(Debug, Clone)]
pub struct Record {
    id: String,
    name: Option<String>,
    /// The properties that could not be read, with the type of the fault.
    unread: BTreeMap<String, String>,
    kind: RecordKind,
}

#[derive(Debug, Clone)]
enum RecordKind {
    Host(Box<HostRecord>),
    Guest(Box<GuestRecord>),
    Place(Place),
    Network,
    CustomFields(BTreeMap<i32, String>),
    /// The object was deleted meanwhile.
    Deleted,
    /// Another kind of object.
    Other,
}

impl Record {
    /// The object's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the object is a virtual machine that still exists.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn is_guest(&self) -> bool {
        matches!(self.kind, RecordKind::Guest(_))
    }
}

/// Everything that is sent to the runner.
#[derive(Debug, Default)]
pub struct VsphereInventory {
    /// The hosts with their guests.
    pub hosts: Vec<Host>,
    /// The guests that the server reports on no host.
    pub guests_without_host: Vec<Guest>,
    /// Objects and warnings about them.
    pub warnings: Vec<(String, String)>,
}

/// A host that is not in the list although a guest runs on it.
#[derive(Debug, PartialEq, Eq)]
pub struct UnlistedHost {
    guest: String,
    host: ManagedObject,
}

impl std::fmt::Display for UnlistedHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { guest, host } = self;
        write!(f, "the list has no {host}, the host of the virtual machine {guest:?}")
    }
}

/// The record of an element `objects` of an answer.
pub fn record(node: Node) -> Result<Record, GatherError> {
    let content = ObjectContent::read(node)?;
    let name = content.text("name").map(|name| unescape(&name));
    let kind = match content.object.kind.as_str() {
        _ if content.is_deleted => RecordKind::Deleted,
        "HostSystem" => RecordKind::Host(Box::new(host_record(&content)?)),
        "VirtualMachine" => RecordKind::Guest(Box::new(guest_record(&content)?)),
        "CustomFieldsManager" => {
            RecordKind::CustomFields(custom_fields::custom_field_names(&content)?)
        }
        kind if kind.contains("Network") || kind.contains("Portgroup") => RecordKind::Network,
        "Folder" | "StoragePod" | "Datacenter" | "ComputeResource" | "ClusterComputeResource" => {
            RecordKind::Place(Place {
                kind: content.object.kind.clone(),
                name: name.clone().unwrap_or_else(|| content.object.id.clone()),
                parent: content.reference("parent")?,
            })
        }
        _ => RecordKind::Other,
    };
    Ok(Record { id: content.object.id, name, unread: content.unread, kind })
}

/// The objects of a view, from the answer with its property `view`.
pub fn view_objects(answer: Node) -> Result<Vec<ManagedObject>, GatherError> {
    let invalid = || GatherError::protocol("the answer has no list of the objects in the view");
    let objects = xml::child(answer, "returnval").and_then(|result| xml::child(result, "objects"));
    let content = ObjectContent::read(objects.ok_or_else(invalid)?)?;
    // A view without objects has no value or an empty one, but then the server has not even a datacenter.
    let view = content.value("view").ok_or_else(invalid)?;
    let objects = xml::children(view, "ManagedObjectReference").map(ManagedObject::read);
    objects.collect::<Option<_>>().ok_or_else(invalid)
}

/// Puts guests on their hosts, and adds what other objects say about both.
pub fn inventory(records: Vec<Record>) -> Result<VsphereInventory, UnlistedHost> {
    let (mut places, mut networks, mut fields) =
        (Places::default(), HashMap::new(), BTreeMap::new());
    let (mut hosts, mut guests) = (Vec::new(), Vec::new());
    let mut warnings = unread_warnings(&records);
    for Record { id, name, kind, .. } in records {
        match kind {
            RecordKind::Host(host) => hosts.push((id, *host)),
            RecordKind::Guest(guest) => guests.push(*guest),
            RecordKind::Place(place) => places.add(id, place),
            RecordKind::Network => networks.extend(name.map(|name| (id, name))),
            RecordKind::CustomFields(names) => fields = names,
            RecordKind::Deleted | RecordKind::Other => {}
        }
    }

    let mut index = HashMap::new();
    let mut inventory = VsphereInventory::default();
    for (id, HostRecord { mut host, parent, custom_values }) in hosts {
        host.location = places.location(parent.as_deref());
        host.labels = custom_fields::labels(custom_values, &fields);
        index.insert(id, inventory.hosts.len());
        inventory.hosts.push(host);
    }
    for record in guests {
        let GuestRecord { mut guest, host, parent, port_groups, custom_values, warning } = record;
        warnings.extend(warning.map(|warning| (guest.name.clone(), warning.to_owned())));
        for (interface, port_group) in guest.interfaces.iter_mut().zip(port_groups) {
            let name = || networks.get(&port_group?).cloned();
            interface.network = interface.network.take().or_else(name);
        }
        guest.labels = custom_fields::labels(custom_values, &fields);
        let host = match host.map(|id| index.get(&id).copied().ok_or(id)) {
            None => None,
            Some(Ok(place)) => Some(&mut inventory.hosts[place]),
            Some(Err(id)) => {
                let host = ManagedObject::new("HostSystem", &id);
                return Err(UnlistedHost { guest: guest.name, host });
            }
        };
        let of_host = host.as_ref().map(|host| host.location.clone()).unwrap_or_default();
        let own = places.location(parent.as_deref());
        guest.location = Location {
            datacenter: own.datacenter.or(of_host.datacenter),
            cluster: of_host.cluster,
            folder: own.folder,
        };
        match host {
            Some(host) => host.guests.push(guest),
            None => inventory.guests_without_host.push(guest),
        }
    }
    inventory.warnings = warnings;
    Ok(inventory)
}

/// A warning for each property that could not be read, with the number of objects.
fn unread_warnings(records: &[Record]) -> Vec<(String, String)> {
    let mut unread: BTreeMap<(&str, &str), Vec<&Record>> = BTreeMap::new();
    for record in records {
        for (path, fault) in &record.unread {
            unread.entry((path, fault)).or_default().push(record);
        }
    }
    let warning = |((path, fault), records): ((&str, &str), Vec<&Record>)| {
        let first = records[0].name.as_ref().unwrap_or(&records[0].id);
        let more = match records.len() - 1 {
            0 => String::new(),
            more => format!(" (and of {more} other objects)"),
        };
        (first.clone(), format!("the server does not report the property {path}{more}: {fault}"))
    };
    unread.into_iter().map(warning).collect()
}
