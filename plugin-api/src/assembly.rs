//! Assembles the records of a gathering to its result, and checks the rules that a plugin must keep. The
//! program and the testing kit share it, so that a plugin's test fails where the program would.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::item::{check_known, shown};
use crate::model::{CollectionStatus, Completeness, Guest, Host, Use, Warning, Workloads};
use crate::record::{Record, Summary};
use crate::{Collection, GatherError, Item};

/// The complete result of a gathering: what the program puts into the inventory for the endpoint.
///
/// Hosts, guests and items are in the order in which the module sent them. As JSON, for snapshots, it has
/// the members of an endpoint in the inventory.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Gathered {
    /// The hosts with their guests.
    pub hosts: Vec<Host>,
    /// Guests that are not on a host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detached_guests: Vec<Guest>,
    /// The items of all other collections.
    #[serde(skip_serializing_if = "Workloads::is_empty")]
    pub workloads: Workloads,
    /// The collections that ended, each complete or with the error that makes it incomplete. The items
    /// of an incomplete one are dropped.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub collections: BTreeMap<String, CollectionStatus>,
    /// The warnings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// How many requests were retried.
    #[serde(skip)]
    pub retries: u32,
}

/// Assembles records to a result. After an error the gathering has failed.
#[derive(Debug, Default)]
pub struct Assembly {
    gathered: Gathered,
    guests: u64,
    /// The positions of the hosts, by `hostRef`.
    host_positions: HashMap<String, usize>,
    /// The number of items that arrived, by collection, until the collection ends.
    open: BTreeMap<&'static str, u64>,
}

impl Assembly {
    /// What was assembled so far.
    pub fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// Adds the next record. The error is of the kind `protocol`.
    pub fn add(&mut self, record: Record) -> Result<(), GatherError> {
        match record {
            Record::Host { host_ref, host } => self.add_host(host_ref, *host),
            Record::Guest { host_ref, guest } => self.add_guest(&host_ref, *guest),
            Record::Warning { object, message } => {
                self.gathered.warnings.push(Warning { object, message });
                Ok(())
            }
            Record::Item { item, more } => self.add_item(item, more),
            Record::CollectionEnd { name, items, error } => self.end(name, items, error),
            Record::StartOver { collection: Some(name) } => {
                if self.gathered.collections.contains_key(&name) {
                    return violation(format!(
                        "the plugin restarted the collection {} after its end",
                        shown(&name)
                    ));
                }
                self.drop_items(&name);
                check_known(&name)
            }
            Record::StartOver { collection: None } => {
                // Replaced instead of cleared, which would keep the capacity.
                let warnings = std::mem::take(&mut self.gathered.warnings);
                *self = Self::default();
                self.gathered.warnings = warnings;
                Ok(())
            }
        }
    }

    /// The result, if it agrees with what the plugin counted. The error is of the kind `protocol`.
    pub fn finish(mut self, summary: &Summary) -> Result<Gathered, GatherError> {
        let counts = &summary.counts;
        let hosts = self.gathered.hosts.len() as u64;
        if (counts.hosts, counts.guests) != (hosts, self.guests) {
            return violation(format!(
                "the plugin counts {} hosts and {} guests, but {hosts} and {} arrived",
                counts.hosts, counts.guests, self.guests
            ));
        }
        if let Some((collection, items)) = self.open.first_key_value() {
            return violation(format!(
                "the plugin sent {items} items of the collection {collection}, which it did not end"
            ));
        }
        self.gathered.retries = summary.retries;
        Ok(self.gathered)
    }

    fn add_host(&mut self, host_ref: String, host: Host) -> Result<(), GatherError> {
        if !host.guests.is_empty() {
            return violation("the plugin sent guests inside a host");
        }
        let position = self.gathered.hosts.len();
        if self.host_positions.insert(host_ref, position).is_some() {
            return violation("the plugin sent two hosts with the same hostRef");
        }
        self.gathered.hosts.push(host);
        Ok(())
    }

    fn add_guest(&mut self, host_ref: &str, guest: Guest) -> Result<(), GatherError> {
        let position = self.host_positions.get(host_ref).copied();
        let Some(host) = position.and_then(|position| self.gathered.hosts.get_mut(position)) else {
            return violation("the plugin sent a guest of a host that it did not send");
        };
        if host.guests.is_empty() {
            // `push` alone would allocate space for four, and in some clouds most hosts have one guest.
            host.guests.reserve_exact(1);
        }
        host.guests.push(guest);
        self.guests += 1;
        Ok(())
    }

    fn add_item(&mut self, item: Item, more: bool) -> Result<(), GatherError> {
        let collection = item.collection();
        if self.gathered.collections.contains_key(collection) {
            return violation(format!(
                "the plugin sent an item of the collection {collection} after its end"
            ));
        }
        if more {
            return self.append(item).ok_or_else(|| {
                GatherError::protocol(
                    "the plugin sent a further piece of an item that it did not send",
                )
            });
        }
        *self.open.entry(collection).or_default() += 1;
        let workloads = &mut self.gathered.workloads;
        match item {
            Item::Namespace(item) => workloads.namespaces.push(item),
            Item::ServiceAccount(item) => workloads.service_accounts.push(item),
            Item::Controller(item) => workloads.controllers.push(item),
            Item::Pod(item) => workloads.pods.push(*item),
            Item::Service(item) => workloads.services.push(item),
            Item::ConfigMap(item) => workloads.config_maps.push(item),
            Item::Secret(item) => workloads.secrets.push(item),
            Item::DetachedGuest(item) => self.gathered.detached_guests.push(*item),
        }
        Ok(())
    }

    /// Appends the lists of a piece to those of the last item. `None` if the piece does not belong to it.
    fn append(&mut self, piece: Item) -> Option<()> {
        let workloads = &mut self.gathered.workloads;
        match piece {
            Item::Service(piece) => {
                let last = workloads.services.last_mut()?;
                (last.uid == piece.uid).then_some(())?;
                last.pods.get_or_insert_default().extend(piece.pods?);
            }
            Item::ConfigMap(piece) => {
                let last = workloads.config_maps.last_mut()?;
                (last.uid == piece.uid).then_some(())?;
                extend((&mut last.keys, &mut last.used_by), (piece.keys, piece.used_by))?;
            }
            Item::Secret(piece) => {
                let last = workloads.secrets.last_mut()?;
                (last.uid == piece.uid).then_some(())?;
                extend((&mut last.keys, &mut last.used_by), (piece.keys, piece.used_by))?;
            }
            _ => return None,
        }
        Some(())
    }

    fn end(
        &mut self,
        name: String,
        items: u64,
        error: Option<GatherError>,
    ) -> Result<(), GatherError> {
        if self.gathered.collections.contains_key(&name) {
            return violation(format!("the plugin ended the collection {} twice", shown(&name)));
        }
        let status = if error.is_some() {
            self.drop_items(&name);
            Completeness::Failed
        } else {
            // With an error it has no items to lose, and plugins of API 1.0 may end such a collection.
            check_known(&name)?;
            let arrived = self.open.remove(name.as_str()).unwrap_or(0);
            if arrived != items {
                return violation(format!(
                    "the plugin counts {items} items of the collection {name}, but {arrived} arrived"
                ));
            }
            Completeness::Complete
        };
        self.gathered.collections.insert(name, CollectionStatus { status, error });
        Ok(())
    }

    /// Drops the items of a collection.
    fn drop_items(&mut self, collection: &str) {
        let workloads = &mut self.gathered.workloads;
        match Collection::from_name(collection) {
            None => {}
            Some(Collection::Namespaces) => workloads.namespaces = Vec::new(),
            Some(Collection::ServiceAccounts) => workloads.service_accounts = Vec::new(),
            Some(Collection::Controllers) => workloads.controllers = Vec::new(),
            Some(Collection::Pods) => workloads.pods = Vec::new(),
            Some(Collection::Services) => workloads.services = Vec::new(),
            Some(Collection::ConfigMaps) => workloads.config_maps = Vec::new(),
            Some(Collection::Secrets) => workloads.secrets = Vec::new(),
            Some(Collection::VirtualMachines) => self.gathered.detached_guests = Vec::new(),
        }
        self.open.remove(collection);
    }
}

/// Appends the keys and uses of a piece. `None` if it has neither.
fn extend(
    (keys, uses): (&mut Vec<String>, &mut Option<Vec<Use>>),
    (more_keys, more_uses): (Vec<String>, Option<Vec<Use>>),
) -> Option<()> {
    if more_keys.is_empty() && more_uses.is_none() {
        return None;
    }
    keys.extend(more_keys);
    if let Some(more) = more_uses {
        uses.get_or_insert_default().extend(more);
    }
    Some(())
}

/// The error of a plugin that broke a rule.
fn violation<T>(message: impl Into<String>) -> Result<T, GatherError> {
    Err(GatherError::protocol(message))
}

#[cfg(test)]
mod tests {
    use super::Assembly;
    use crate::model::Host;
    use crate::record::Record;

    #[test]
    fn starting_over_frees_the_memory_of_the_hosts() {
        let mut assembly = Assembly::default();
        let host = Box::new(Host::new("i", "n"));
        assembly.add(Record::Host { host_ref: "0".into(), host }).expect("a host");
        assert!(assembly.host_positions.capacity() > 0);
        assembly.add(Record::StartOver { collection: None }).expect("a restart");
        let hosts = &assembly.gathered().hosts;
        assert_eq!((assembly.host_positions.capacity(), hosts.capacity()), (0, 0));
    }
}
