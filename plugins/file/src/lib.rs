//! Module File: hosts, guests and workloads from a JSON document that somebody else wrote, another
//! gatherer or a person. `client` fetches it, `map` reads it.

#![deny(unsafe_code)]

mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;

use std::collections::BTreeMap;

use gatherer_plugin_api::{Context, GatherError, Gatherer};
use map::Found;
use serde::Deserialize;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Deserialize)]
struct Parameters {
    url: String,
}

struct File;

impl Gatherer for File {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let bytes = client::fetch(&parameters.url, context)?;
        context.check_cancelled()?;
        // Collections that lack an item, which is too long to be handed over.
        let mut torn: BTreeMap<&str, GatherError> = BTreeMap::new();
        let document = map::read_each(bytes, &mut |found| {
            context.check_cancelled()?;
            match found {
                Found::Host(host) => context.host(*host).map(drop),
                Found::Item(item) => {
                    let collection = item.collection();
                    match context.item(item) {
                        Err(error) if error.item_too_long => {
                            torn.entry(collection).or_insert(error);
                            Ok(())
                        }
                        handed_over => handed_over,
                    }
                }
            }
        })?;
        for (name, result) in document.collections {
            let torn = torn.remove(&*name).map_or(Ok(()), Err);
            context.collection_end(name, result.and(torn))?;
        }
        for warning in document.warnings {
            context.warning(warning.object, warning.message)?;
        }
        Ok(())
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "File" => File },
}
