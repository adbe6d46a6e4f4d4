//! Which shards of a request the inventories have.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::Shard;

use super::files::{Source, TooOld};
use crate::request::{SHARDS_MAX, shown_shard};

/// The maximum number of missing shards, and of old inventories, that a message names.
const SHOWN_MAX: usize = 10;

/// The shards of the inventories.
#[derive(Debug, Default)]
pub struct Shards {
    /// How many shards there are, if an inventory has one.
    count: Option<u32>,
    /// The names of the files of the shards that are not missing.
    files: BTreeMap<u32, String>,
    /// Whether an inventory is that of a whole request.
    has_whole: bool,
    too_old: Vec<TooOld>,
}

impl Shards {
    /// The shards of these inventories. Fails if their numbers of shards differ.
    pub fn of(sources: &[Source], too_old: Vec<TooOld>) -> Result<Self, String> {
        let mut shards = Self { too_old, ..Self::default() };
        let mut first = None;
        for Source { name, inventory } in sources {
            let Some(shard @ Shard { index, count }) = inventory.shard else {
                shards.has_whole = true;
                continue;
            };
            if count > SHARDS_MAX || index >= count {
                return Err(format!(
                    "the inventory {name} has a shard that cannot exist: {index} of {count}"
                ));
            }
            let (first_name, first_count) = *first.get_or_insert((name, count));
            if first_count != count {
                return Err(format!(
                    "the numbers of shards differ: {first_name} is one of {first_count}, and {name} is one of {count}; \
                     merge only inventories of the same shards"
                ));
            }
            if let Some(other) = shards.files.get(&index) {
                tracing::warn!("{} is in {other} and in {name}", shown_shard(shard));
            } else {
                shards.files.insert(index, name.clone());
            }
        }
        shards.count = first.map(|(_, count)| count);
        if shards.count.is_none() {
            // The old ones still say how many there are, if they agree.
            let mut old = shards.too_old.iter().filter_map(|old| old.shard);
            let count = old.next().map(|shard| shard.count);
            shards.count = count.filter(|count| old.all(|shard| shard.count == *count));
        }
        Ok(shards)
    }

    /// Fails if a shard is missing, or an inventory is too old. The error is a message.
    pub fn check_complete(&self) -> Result<(), String> {
        let missing: Vec<u32> =
            (0..self.count.unwrap_or(0)).filter(|index| !self.files.contains_key(index)).collect();
        // Another inventory may have the shard of an old one.
        let unused: Vec<&str> = self
            .too_old
            .iter()
            .filter(|old| old.shard.is_none_or(|shard| !self.files.contains_key(&shard.index)))
            .map(|old| old.reason.as_str())
            .collect();
        let mut problems = Vec::new();
        if let (Some(last), Some(count)) = (missing.last(), self.count) {
            problems.push(if missing.len() == 1 {
                format!("{} is missing", shown_shard(Shard { index: *last, count }))
            } else {
                let numbers: Vec<_> = missing.iter().map(u32::to_string).collect();
                format!("shards {} of 0..{} are missing", first_of(&numbers, ", "), count - 1)
            });
        }
        if !unused.is_empty() {
            problems.push(first_of(&unused, "; "));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    /// Whether the inventory that must have the entries of a shard is used.
    pub fn has(&self, index: u32) -> bool {
        self.files.contains_key(&index)
    }

    /// How many shards there are, if that is known.
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    /// Whether an inventory is that of a whole request.
    pub fn has_whole(&self) -> bool {
        self.has_whole
    }

    /// Why no inventory has an endpoint of a shard, or of an unknown one.
    pub fn reason(&self, index: Option<u32>) -> String {
        let (Some(index), Some(count)) = (index, self.count) else {
            let old = self.too_old.first().map(|old| format!(": {}", old.reason));
            return format!("no inventory has this endpoint{}", old.unwrap_or_default());
        };
        let shard = Shard { index, count };
        if let Some(file) = self.files.get(&index) {
            return format!(
                "{} is {file}, which does not have this endpoint: its run had another request",
                shown_shard(shard)
            );
        }
        let old = self.too_old.iter().find(|old| old.shard == Some(shard));
        let old = old.map(|old| format!(": {}", old.reason));
        format!("{} is missing{}", shown_shard(shard), old.unwrap_or_default())
    }
}

/// The first texts, and how many others there are.
fn first_of(texts: &[impl AsRef<str>], separator: &str) -> String {
    let shown: Vec<_> = texts.iter().take(SHOWN_MAX).map(AsRef::as_ref).collect();
    let more = texts.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(separator))
}
