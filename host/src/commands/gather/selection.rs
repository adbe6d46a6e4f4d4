//! Which entries of the infile a command queries: `--shard` and `--only`.

use gatherer_plugin_api::did_you_mean;
use gatherer_plugin_api::model::Shard;

use crate::cli::GatherOptions;
use crate::output::escape::escape;
use crate::output::inventory::count;
use crate::request::{Entry, ShardOption, shard_of_entry, shown_shard};

/// Selects entries by their ids.
pub struct Selection<'a> {
    only: &'a [String],
    shard: Option<Shard>,
}

impl<'a> Selection<'a> {
    /// What the options select. The error is a message.
    pub fn of(options: &'a GatherOptions) -> Result<Self, String> {
        let shard = options.shard.map(ShardOption::shard).transpose()?;
        Ok(Self { only: &options.only, shard })
    }

    /// The shard whose entries are selected, if not all are.
    pub fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// Selects the entries. The error is a message.
    pub fn select(&self, mut entries: Vec<Entry>) -> Result<Vec<Entry>, String> {
        // An id is wrong only if no shard has it.
        for id in self.only {
            if !entries.iter().any(|entry| entry.id() == id) {
                return Err(unknown_id(id, "infile", entries.iter().map(Entry::id)));
            }
        }
        let total = entries.len();
        entries.retain(|entry| {
            (self.only.is_empty() || self.only.iter().any(|id| id == entry.id()))
                && self.shard.is_none_or(|shard| shard_of_entry(entry, shard.count) == shard.index)
        });
        if let Some(shard) = self.shard {
            tracing::info!(
                json.shard = shard.index,
                json.shards = shard.count,
                "{} has {} of {}",
                shown_shard(shard),
                entries.len(),
                count(total, "endpoint")
            );
        }
        Ok(entries)
    }
}

/// The message about an id of `--only` that the infile or inventory does not have.
pub fn unknown_id<'a>(
    id: &str,
    input: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    const SHOWN: usize = 10;
    let mut end = did_you_mean(id, known.clone());
    if end.is_empty() {
        let shown: Vec<_> = known.clone().take(SHOWN).map(escape).collect();
        let more = known.count().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        end = if shown.is_empty() {
            "; it has no endpoints".to_owned()
        } else {
            format!("; its ids are {}{more}", shown.join(", "))
        };
    }
    format!("--only {}: the {input} has no endpoint with this id{end}", escape(id))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use gatherer_plugin_api::model::{EndpointResult, Shard};
    use proptest::prelude::*;

    use super::Selection;
    use crate::request::Entry;

    /// The shard of each id, by the selections of all shards.
    fn shards(ids: &BTreeSet<String>, count: u32) -> BTreeMap<String, Vec<u32>> {
        let mut shards = BTreeMap::<String, Vec<u32>>::new();
        for index in 0..count {
            let result = |id: &String| Box::new(EndpointResult::new(id.clone(), None, None));
            let entries = ids.iter().map(|id| Entry::Failed(result(id))).collect();
            let selection = Selection { only: &[], shard: Some(Shard { index, count }) };
            for entry in selection.select(entries).expect("entries") {
                shards.entry(entry.id().to_owned()).or_default().push(index);
            }
        }
        shards
    }

    proptest! {
        #[test]
        fn each_endpoint_is_in_one_shard_and_new_endpoints_move_none(
            ids in prop::collection::btree_set(".{0,12}", 1..20),
            new in prop::collection::btree_set(".{0,12}", 0..20),
            count in 1..40_u32,
        ) {
            let before = shards(&ids, count);
            prop_assert_eq!(before.keys().collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
            prop_assert!(before.values().all(|shards| shards.len() == 1));
            let after = shards(&ids.union(&new).cloned().collect(), count);
            for (id, shard) in &before {
                prop_assert_eq!(&after[id], shard, "{}", id);
            }
        }
    }

    #[test]
    fn the_shards_of_many_endpoints_have_similar_sizes() {
        let ids = (0..5000).map(|number| format!("vcenter-{number}")).collect();
        let mut sizes = [0; 8];
        for shard in shards(&ids, 8).into_values().flatten() {
            sizes[shard as usize] += 1;
        }
        assert_eq!(sizes.iter().sum::<i32>(), 5000);
        // 625 are expected, with a standard deviation of 23.
        assert!(sizes.iter().all(|size| (540..710).contains(size)), "{sizes:?}");
    }
}
