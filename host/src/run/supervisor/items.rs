//! Collecting the items of optional collections.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::{Guest, Use, Workloads};
use gatherer_plugin_api::{GatherError, Item};

/// A collection that has not ended.
#[derive(Debug, Default)]
struct OpenCollection {
    items: u64,
    /// The charge of its records.
    bytes: u64,
}

/// The items received so far.
#[derive(Default)]
pub struct Items {
    pub workloads: Workloads,
    pub detached_guests: Vec<Guest>,
    open: BTreeMap<String, OpenCollection>,
}

impl Items {
    /// Adds an item, or with `more` a further piece of the last item. `cost` is the charge of its record.
    pub fn add(&mut self, item: Item, more: bool, cost: u64) -> Result<(), GatherError> {
        let collection = item.collection();
        if !self.open.contains_key(collection) {
            self.open.insert(collection.to_owned(), OpenCollection::default());
        }
        let Some(open) = self.open.get_mut(collection) else { return Ok(()) };
        open.bytes += cost;
        if more {
            return self.append(item).ok_or_else(|| {
                GatherError::protocol(
                    "the plugin sent a further piece of an item that it did not send",
                )
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

    /// Appends the lists of a piece to those of the last item. `None` if the piece does not belong to it.
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

    /// Ends a collection. `items` is the number of items that the plugin counted.
    pub fn end(&mut self, collection: &str, items: u64) -> Result<(), GatherError> {
        let arrived = self.open.remove(collection).unwrap_or_default().items;
        if arrived == items {
            return Ok(());
        }
        Err(GatherError::protocol(format!(
            "the plugin counts {items} items of a collection, but {arrived} arrived"
        )))
    }

    /// Drops the items of a collection. Returns the charge of their records.
    pub fn drop_collection(&mut self, collection: &str) -> u64 {
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

    /// Whether a collection has items but has not ended.
    pub fn has_open_collection(&self) -> bool {
        !self.open.is_empty()
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
