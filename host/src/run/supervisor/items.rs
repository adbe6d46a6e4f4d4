//! The items of optional collections, as a worker sends them.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{Guest, Use, Workloads};
use gatherer_plugin_api::{GatherError, Item};

/// What has come of one collection that has not ended.
#[derive(Debug, Default)]
struct Open {
    items: u64,
    /// What its records were charged for.
    bytes: u64,
}

/// The items so far.
#[derive(Default)]
pub struct Items {
    pub workloads: Workloads,
    pub detached_guests: Vec<Guest>,
    open: BTreeMap<String, Open>,
}

impl Items {
    /// Takes an item, or what the item before it lacks. `cost` is what its record was charged for.
    pub fn take(&mut self, item: Item, more: bool, cost: u64) -> Result<(), GatherError> {
        let collection = item.collection();
        if !self.open.contains_key(collection) {
            self.open.insert(collection.to_owned(), Open::default());
        }
        let Some(open) = self.open.get_mut(collection) else { return Ok(()) };
        open.bytes += cost;
        if more {
            return self.append(item).ok_or_else(|| {
                GatherError::protocol("the plugin sent the rest of an item that it did not send")
            });
        }
        open.items += 1;
        let Workloads { namespaces, service_accounts, controllers, pods, .. } = &mut self.workloads;
        match item {
            Item::Namespace(item) => namespaces.push(item),
            Item::ServiceAccount(item) => service_accounts.push(item),
            Item::Controller(item) => controllers.push(item),
            Item::Pod(item) => pods.push(*item),
            Item::Service(item) => self.workloads.services.push(item),
            Item::ConfigMap(item) => self.workloads.config_maps.push(item),
            Item::Secret(item) => self.workloads.secrets.push(item),
            Item::DetachedGuest(item) => self.detached_guests.push(*item),
            _ => {
                return Err(GatherError::protocol("the plugin sent an item of an unknown kind"));
            }
        }
        Ok(())
    }

    /// Adds the lists of a piece to those of the item before it.
    fn append(&mut self, piece: Item) -> Option<()> {
        match piece {
            Item::Service(piece) => {
                let last = self.workloads.services.last_mut()?;
                (last.uid == piece.uid).then_some(())?;
                last.pods.get_or_insert_default().extend(piece.pods?);
            }
            Item::ConfigMap(piece) => {
                let last = self.workloads.config_maps.last_mut()?;
                (last.uid == piece.uid).then_some(())?;
                extend((&mut last.keys, &mut last.used_by), (piece.keys, piece.used_by))?;
            }
            Item::Secret(piece) => {
                let last = self.workloads.secrets.last_mut()?;
                (last.uid == piece.uid).then_some(())?;
                extend((&mut last.keys, &mut last.used_by), (piece.keys, piece.used_by))?;
            }
            _ => return None,
        }
        Some(())
    }

    /// A collection came to a good end, of so many items.
    pub fn end(&mut self, collection: &str, items: u64) -> Result<(), GatherError> {
        let arrived = self.open.remove(collection).unwrap_or_default().items;
        if arrived == items {
            return Ok(());
        }
        Err(GatherError::protocol(format!(
            "the plugin counts {items} items of a collection, but {arrived} arrived"
        )))
    }

    /// Forgets the items of a collection. Returns what their records were charged for.
    pub fn forget(&mut self, collection: &str) -> u64 {
        let workloads = &mut self.workloads;
        match collection {
            "namespaces" => workloads.namespaces = Vec::new(),
            "service-accounts" => workloads.service_accounts = Vec::new(),
            "controllers" => workloads.controllers = Vec::new(),
            "pods" => workloads.pods = Vec::new(),
            "services" => workloads.services = Vec::new(),
            "config-maps" => workloads.config_maps = Vec::new(),
            "secrets" => workloads.secrets = Vec::new(),
            gatherer_plugin_api::VIRTUAL_MACHINES => self.detached_guests = Vec::new(),
            _ => {}
        }
        self.open.remove(collection).unwrap_or_default().bytes
    }

    /// Whether there are items of which nobody said that they are all.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }
}

/// Adds the keys and uses of a piece. `None` if it has neither.
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
