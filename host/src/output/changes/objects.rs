//! The objects of a result, as the comparison needs them: id, name, place and JSON.

use std::borrow::Cow;

use gatherer_plugin_api::model::{
    ConfigMap, Controller, EndpointResult, Guest, Host, Namespace, Pod, SecretKeys, Service,
    ServiceAccount,
};
use serde::Serialize;
use serde_json::Value;

use super::Place;

/// An object that has an identity.
pub trait Object: PartialEq + Serialize {
    /// The id; empty if it has none.
    fn id(&self) -> &str;
    /// The name, with the namespace if it is in one.
    fn full_name(&self) -> Cow<'_, str>;
    /// The host that the object itself names.
    fn own_place(&self) -> Option<Place> {
        None
    }
}

/// An object and its host.
#[derive(Debug)]
pub struct Placed<'a, T> {
    pub object: &'a T,
    pub place: Option<Place>,
}

impl<T: Object> Placed<'_, T> {
    /// The object as the inventory has it.
    pub fn json(&self) -> Value {
        serde_json::to_value(self.object).expect("every object of the model can be written as JSON")
    }
}

/// A host of which only the own members are known.
#[derive(Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct HostWithoutGuests(Host);

impl HostWithoutGuests {
    /// The host as the place of its guests.
    pub fn place(&self) -> Place {
        place_of(&self.0)
    }
}

/// The host as the place of its guests.
fn place_of(host: &Host) -> Place {
    Place { id: host.id.clone(), name: host.name.clone() }
}

/// Copies a host without its guests.
pub fn host_without_guests(host: &Host) -> HostWithoutGuests {
    let Host {
        id,
        name,
        short_name,
        hypervisor,
        os,
        software,
        identifiers,
        state,
        source_state,
        cpu,
        memory_bytes,
        addresses,
        location,
        provider,
        labels,
        taints,
        roles,
        conditions,
        capacity,
        allocatable,
        versions,
        images,
        created_at,
        synthetic,
        represented_by,
        guests: _,
    } = host;
    HostWithoutGuests(Host {
        id: id.clone(),
        name: name.clone(),
        short_name: short_name.clone(),
        hypervisor: hypervisor.clone(),
        os: os.clone(),
        software: software.clone(),
        identifiers: identifiers.clone(),
        state: *state,
        source_state: source_state.clone(),
        cpu: cpu.clone(),
        memory_bytes: *memory_bytes,
        addresses: addresses.clone(),
        location: location.clone(),
        provider: provider.clone(),
        labels: labels.clone(),
        taints: taints.clone(),
        roles: roles.clone(),
        conditions: conditions.clone(),
        capacity: capacity.clone(),
        allocatable: allocatable.clone(),
        versions: versions.clone(),
        images: images.clone(),
        created_at: *created_at,
        synthetic: *synthetic,
        represented_by: represented_by.clone(),
        guests: Vec::new(),
    })
}

/// All guests with their hosts, also those without one.
pub fn placed_guests(result: &EndpointResult) -> impl Iterator<Item = Placed<'_, Guest>> {
    let on_hosts = result.hosts.iter().flat_map(|host| {
        host.guests.iter().map(|object| Placed { object, place: Some(place_of(host)) })
    });
    let detached = result.detached_guests.iter().map(|object| Placed { object, place: None });
    on_hosts.chain(detached)
}

/// The items of a collection, each with the host that it names.
pub fn workload<T: Object>(items: &[T]) -> Vec<Placed<'_, T>> {
    items.iter().map(|object| Placed { object, place: object.own_place() }).collect()
}

impl Object for HostWithoutGuests {
    fn id(&self) -> &str {
        &self.0.id
    }

    fn full_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0.name)
    }
}

impl Object for Guest {
    fn id(&self) -> &str {
        let ids = [self.id.as_deref(), self.uuid.as_deref()];
        ids.into_iter().flatten().find(|id| !id.is_empty()).unwrap_or_default()
    }

    fn full_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}

impl Object for Namespace {
    fn id(&self) -> &str {
        &self.uid
    }

    fn full_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
}

impl Object for Pod {
    fn id(&self) -> &str {
        &self.uid
    }

    fn full_name(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{}/{}", self.namespace, self.name))
    }

    fn own_place(&self) -> Option<Place> {
        let host = self.host.as_ref()?;
        Some(Place { id: host.id.clone().unwrap_or_default(), name: host.name.clone() })
    }
}

macro_rules! in_namespace {
    ($($kind:ident),+) => {
        $(impl Object for $kind {
            fn id(&self) -> &str {
                &self.uid
            }

            fn full_name(&self) -> Cow<'_, str> {
                Cow::Owned(format!("{}/{}", self.namespace, self.name))
            }
        })+
    };
}

in_namespace!(ServiceAccount, Controller, Service, ConfigMap, SecretKeys);
