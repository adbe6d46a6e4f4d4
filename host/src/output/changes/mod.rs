//! Compares two results of one endpoint: which hosts, guests and items were created, changed, moved or deleted.
//!
//! An object is identified by its id. A renamed object is an update, and a guest on another host is one change. Ids can be
//! duplicated; `pairing.rs` says which objects then belong together.

#[cfg(test)]
pub mod applied;
#[cfg(test)]
mod changes_properties;
#[cfg(test)]
mod changes_tests;
pub mod lost;
mod members;
mod objects;
mod pairing;

use std::collections::HashMap;

use gatherer_plugin_api::Collection;
use gatherer_plugin_api::model::{CollectionStatus, EndpointResult, EndpointStatus, Guest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(test)]
pub use members::remove_passing;
pub use members::{Member, differences};
use objects::{Object, Placed, host_without_guests, placed_guests, workload};

/// The kind of an object.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// A host, without its guests.
    Host,
    /// A guest, on a host or on none.
    Guest,
    /// A namespace.
    Namespace,
    /// A service account.
    ServiceAccount,
    /// A controller.
    Controller,
    /// A pod.
    Pod,
    /// A service.
    Service,
    /// A config map.
    ConfigMap,
    /// A secret, of which only the keys are known.
    Secret,
}

impl ObjectKind {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Guest => "guest",
            Self::Namespace => "namespace",
            Self::ServiceAccount => "service-account",
            Self::Controller => "controller",
            Self::Pod => "pod",
            Self::Service => "service",
            Self::ConfigMap => "config-map",
            Self::Secret => "secret",
        }
    }
}

/// The host of a guest or pod, as its id and name. Hosts with the same id and name are one place.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub struct Place {
    /// The host's id; empty if it is unknown.
    pub id: String,
    /// The host's name.
    pub name: String,
}

/// What happened to one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Change {
    /// The kind of the object.
    pub object: ObjectKind,
    /// The id of the object; empty if it has none, and its name identifies it.
    pub id: String,
    /// The name of the object now, or its last one; `namespace/name` if it is in a namespace.
    pub name: String,
    /// The host of a guest or pod now, or its last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Place>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened to an object. `data` is the object as the inventory has it, a host without its guests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "change", rename_all = "camelCase")]
pub enum What {
    /// It is new.
    Created {
        /// The object.
        data: Value,
    },
    /// Some of its members changed.
    Updated {
        /// The object after the change.
        data: Value,
        /// The members that changed.
        members: Vec<Member>,
    },
    /// It is gone.
    Deleted {
        /// The object as it was last.
        data: Value,
    },
    /// A guest is on another host. Absent: on no host.
    Migrated {
        /// Its host before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Place>,
        /// Its host now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Place>,
        /// The guest after the change.
        data: Value,
        /// The members that changed at the same time.
        members: Vec<Member>,
    },
}

/// Compares two results of an endpoint, in the order of kind, id and name. There are no changes if one of them failed. A
/// collection gives changes only if it is complete in `after`; what `before` has of it is taken for all of it.
///
/// Members that only tell that time passed are no change, see `members.rs`.
pub fn compare(before: &EndpointResult, after: &EndpointResult) -> Vec<Change> {
    let mut changes = compare_hosts_and_guests(before, after);
    if !are_complete(before, after) {
        return changes;
    }
    macro_rules! compare_workloads {
        ($($kind:ident in $collection:ident: $list:ident;)+) => {
            $(if is_complete(after, Collection::$collection) {
                compare_lists(
                    ObjectKind::$kind,
                    &workload(&before.workloads.$list),
                    &workload(&after.workloads.$list),
                    &mut changes,
                );
            })+
        };
    }
    compare_workloads! {
        Namespace in Namespaces: namespaces;
        ServiceAccount in ServiceAccounts: service_accounts;
        Controller in Controllers: controllers;
        Pod in Pods: pods;
        Service in Services: services;
        ConfigMap in ConfigMaps: config_maps;
        Secret in Secrets: secrets;
    }
    sort(&mut changes);
    changes
}

/// The changes of hosts and guests alone.
pub fn compare_hosts_and_guests(before: &EndpointResult, after: &EndpointResult) -> Vec<Change> {
    let mut changes = Vec::new();
    if !are_complete(before, after) {
        return changes;
    }
    let hosts_before: Vec<_> = before.hosts.iter().map(host_without_guests).collect();
    let hosts_after: Vec<_> = after.hosts.iter().map(host_without_guests).collect();
    let (old, new) = (placed(&hosts_before), placed(&hosts_after));
    let pairs = pairing::pair(&old, &new);
    let renamed = renamed_places(&old, &new, &pairs.both);
    changes.extend(changes_of(ObjectKind::Host, &old, &new, &pairs));
    if are_guests_comparable(before, after) {
        let mut old: Vec<Placed<'_, Guest>> = placed_guests(before).collect();
        for guest in &mut old {
            if let Some(now) = guest.place.as_ref().and_then(|place| renamed.get(place)) {
                guest.place = Some(now.clone());
            }
        }
        let new: Vec<_> = placed_guests(after).collect();
        compare_lists(ObjectKind::Guest, &old, &new, &mut changes);
    }
    sort(&mut changes);
    changes
}

/// Whether neither result failed.
fn are_complete(before: &EndpointResult, after: &EndpointResult) -> bool {
    before.status == EndpointStatus::Complete && after.status == EndpointStatus::Complete
}

/// Sorts changes by kind, id and name.
fn sort(changes: &mut [Change]) {
    changes.sort_by(|one, other| {
        (one.object, &one.id, &one.name).cmp(&(other.object, &other.id, &other.name))
    });
}

/// Whether all items of a collection are listed.
fn is_complete(result: &EndpointResult, collection: Collection) -> bool {
    result.collections.get(collection.as_str()).is_some_and(CollectionStatus::is_complete)
}

/// Whether all guests in `after` are listed. Most modules list guests with their hosts, without a collection. If `before`
/// has the collection and `after` does not, it was not gathered again.
pub fn are_guests_comparable(before: &EndpointResult, after: &EndpointResult) -> bool {
    let name = Collection::VirtualMachines.as_str();
    match after.collections.get(name) {
        Some(status) => status.is_complete(),
        None => !before.collections.contains_key(name),
    }
}

/// Objects that are on no host.
fn placed<T: Object>(objects: &[T]) -> Vec<Placed<'_, T>> {
    objects.iter().map(|object| Placed { object, place: None }).collect()
}

/// The places of renamed hosts: a host takes its guests along. If several hosts have the old id and name, it is not known
/// which guests are on which of them.
fn renamed_places(
    before: &[Placed<'_, objects::HostWithoutGuests>],
    after: &[Placed<'_, objects::HostWithoutGuests>],
    pairs: &[(usize, usize)],
) -> HashMap<Place, Place> {
    let mut holders: HashMap<Place, usize> = HashMap::new();
    for host in before {
        *holders.entry(host.object.place()).or_default() += 1;
    }
    let places =
        pairs.iter().map(|(old, new)| (before[*old].object.place(), after[*new].object.place()));
    places.filter(|(old, new)| old != new && holders[old] == 1).collect()
}

fn compare_lists<T: Object>(
    kind: ObjectKind,
    before: &[Placed<'_, T>],
    after: &[Placed<'_, T>],
    changes: &mut Vec<Change>,
) {
    changes.extend(changes_of(kind, before, after, &pairing::pair(before, after)));
}

/// The changes of the objects of one kind.
fn changes_of<T: Object>(
    kind: ObjectKind,
    before: &[Placed<'_, T>],
    after: &[Placed<'_, T>],
    pairs: &pairing::Pairs,
) -> Vec<Change> {
    let both = pairs.both.iter();
    let both = both.filter_map(|(old, new)| changed(kind, &before[*old], &after[*new]));
    let gone = pairs.only_before.iter().map(|index| &before[*index]);
    let gone = gone.map(|old| change(kind, old, What::Deleted { data: old.json() }));
    let new = pairs.only_after.iter().map(|index| &after[*index]);
    let new = new.map(|new| change(kind, new, What::Created { data: new.json() }));
    both.chain(gone).chain(new).collect()
}

/// The change of an object that is in both results, if it changed.
fn changed<T: Object>(
    kind: ObjectKind,
    old: &Placed<'_, T>,
    new: &Placed<'_, T>,
) -> Option<Change> {
    let is_moved = kind == ObjectKind::Guest && old.place != new.place;
    if old.object == new.object && !is_moved {
        return None;
    }
    let data = new.json();
    let members = members::differences(&old.json(), &data);
    let what = if is_moved {
        What::Migrated { from: old.place.clone(), to: new.place.clone(), data, members }
    } else if members.is_empty() {
        return None;
    } else {
        What::Updated { data, members }
    };
    Some(change(kind, new, what))
}

fn change<T: Object>(kind: ObjectKind, of: &Placed<'_, T>, what: What) -> Change {
    Change {
        object: kind,
        id: of.object.id().to_owned(),
        name: of.object.full_name().into_owned(),
        host: of.place.clone(),
        what,
    }
}
