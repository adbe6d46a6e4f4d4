//! Applies changes to what is known of an endpoint, as a consumer of them does. Tests check with it that the changes are
//! complete.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::EndpointResult;
use serde_json::Value;

use super::objects::{Object, Placed, host_without_guests, placed_guests};
use super::{Change, Member, ObjectKind, Place, What, remove_passing};

/// All objects of an endpoint by kind, each with its host if it is a guest, without the members that only tell that time
/// passed. The order of the objects does not matter.
#[derive(Debug, Clone, Default)]
pub struct KnownObjects(BTreeMap<ObjectKind, Vec<(Option<Place>, Value)>>);

impl KnownObjects {
    /// The objects of a result.
    pub fn of(result: &EndpointResult) -> Self {
        let mut known = Self::default();
        for host in &result.hosts {
            known.add(ObjectKind::Host, None, json(&host_without_guests(host)));
        }
        for guest in placed_guests(result) {
            known.add(ObjectKind::Guest, guest.place.clone(), json(guest.object));
        }
        macro_rules! add {
            ($($kind:ident: $list:ident),+) => {
                $(for item in &result.workloads.$list {
                    known.add(ObjectKind::$kind, None, json(item));
                })+
            };
        }
        add!(Namespace: namespaces, ServiceAccount: service_accounts, Controller: controllers);
        add!(Pod: pods, Service: services, ConfigMap: config_maps, Secret: secrets);
        known
    }

    /// All objects of a kind, in an order that depends only on them.
    pub fn sorted(&self, kind: ObjectKind) -> Vec<(Option<Place>, String)> {
        let objects = self.0.get(&kind).into_iter().flatten();
        let mut objects: Vec<_> =
            objects.map(|(place, data)| (place.clone(), data.to_string())).collect();
        objects.sort();
        objects
    }

    /// Applies the changes of one comparison, in their order.
    pub fn apply(&mut self, changes: &[Change]) {
        self.move_guests_of_renamed_hosts(changes);
        for change in changes {
            let host = match change.object {
                ObjectKind::Guest => change.host.clone(),
                _ => None,
            };
            match &change.what {
                What::Created { data } => self.add(change.object, host, data.clone()),
                What::Deleted { data } => self.take(change.object, host.as_ref(), data.clone()),
                What::Updated { data, members } => {
                    self.take(change.object, host.as_ref(), reverted(data.clone(), members));
                    self.add(change.object, host, data.clone());
                }
                What::Migrated { from, to, data, members } => {
                    self.take(change.object, from.as_ref(), reverted(data.clone(), members));
                    self.add(change.object, to.clone(), data.clone());
                }
            }
        }
    }

    /// A renamed host takes its guests along, if no other host has its old id and name.
    fn move_guests_of_renamed_hosts(&mut self, changes: &[Change]) {
        let text = |data: &Value, member: &str| {
            data[member].as_str().expect("a host has an id and a name").to_owned()
        };
        let place = |data: &Value| Place { id: text(data, "id"), name: text(data, "name") };
        let hosts = self.0.get(&ObjectKind::Host).into_iter().flatten();
        let before: Vec<Place> = hosts.map(|(_, data)| place(data)).collect();
        let mut renamed = BTreeMap::new();
        for change in changes {
            if let (ObjectKind::Host, What::Updated { data, members }) =
                (change.object, &change.what)
            {
                let old = place(&reverted(data.clone(), members));
                if old != place(data) && before.iter().filter(|known| **known == old).count() == 1 {
                    renamed.insert(old, place(data));
                }
            }
        }
        for (host, _) in self.0.get_mut(&ObjectKind::Guest).into_iter().flatten() {
            if let Some(now) = host.as_ref().and_then(|host| renamed.get(host)) {
                *host = Some(now.clone());
            }
        }
    }

    fn add(&mut self, kind: ObjectKind, host: Option<Place>, mut data: Value) {
        remove_passing(&mut data);
        self.0.entry(kind).or_default().push((host, data));
    }

    /// Removes an object, which must be known.
    fn take(&mut self, kind: ObjectKind, host: Option<&Place>, mut data: Value) {
        remove_passing(&mut data);
        let objects = self.0.entry(kind).or_default();
        let is_it =
            |(place, known): &(Option<Place>, Value)| place.as_ref() == host && *known == data;
        let index = objects.iter().position(is_it);
        let index = index.unwrap_or_else(|| panic!("no such {kind:?} on {host:?}: {data}"));
        objects.swap_remove(index);
    }
}

fn json<T: Object>(object: &T) -> Value {
    Placed { object, place: None }.json()
}

/// The object before its members changed.
fn reverted(mut data: Value, members: &[Member]) -> Value {
    for member in members {
        let (parent, name) = member.path.rsplit_once('/').expect("a path has a slash");
        let name = name.replace("~1", "/").replace("~0", "~");
        match (data.pointer_mut(parent).expect("the parent of a changed member"), &member.before) {
            (Value::Object(members), Some(before)) => drop(members.insert(name, before.clone())),
            (Value::Object(members), None) => drop(members.remove(&name)),
            (other, _) => panic!("{} is in {other}", member.path),
        }
    }
    data
}
