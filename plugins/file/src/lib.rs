//! The module File: hosts, guests and workloads from a JSON document that another program or a person
//! wrote. `client` fetches the document, `map` maps it to the model.

#![deny(unsafe_code)]

mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;

use std::collections::BTreeMap;

use gatherer_plugin_api::{Context, GatherError, Gatherer};
use map::Finding;
use serde::Deserialize;

/// The module's parameters, as `manifest.json` lists them.
#[derive(Deserialize)]
struct Parameters {
    url: String,
}

/// The module `File`.
struct File;

impl Gatherer for File {
    type Parameters = Parameters;

    fn gather(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let bytes = client::fetch(&parameters.url, context)?;
        context.check_cancelled()?;
        // Collections with an item that was too long to be sent.
        let mut incomplete: BTreeMap<&str, GatherError> = BTreeMap::new();
        let summary = map::read_each(bytes, &mut |finding| {
            context.check_cancelled()?;
            match finding {
                Finding::Host(host) => context.host(*host).map(drop),
                Finding::Item(item) => {
                    let collection = item.collection();
                    match context.item(item) {
                        Err(error) if error.item_too_long => {
                            incomplete.entry(collection).or_insert(error);
                            Ok(())
                        }
                        result => result,
                    }
                }
            }
        })?;
        for (name, result) in summary.collections {
            let result = match (result, incomplete.remove(&*name)) {
                (Ok(()), Some(error)) => Err(error),
                (result, _) => result,
            };
            context.collection_end(name, result)?;
        }
        for warning in summary.warnings {
            context.warning(warning.object, warning.message)?;
        }
        Ok(())
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "File" => File },
}
