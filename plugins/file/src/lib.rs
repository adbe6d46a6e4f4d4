//! Module File: hosts, guests and workloads from a JSON document that somebody else wrote, another
//! gatherer or a person. `client` fetches it, `map` reads it.

#![deny(unsafe_code)]

mod client;
pub mod map;

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
        let document = map::read_each(bytes, &mut |found| {
            context.check_cancelled()?;
            match found {
                Found::Host(host) => context.host(*host).map(drop),
                Found::Item(item) => context.item(item),
            }
        })?;
        for (name, result) in document.collections {
            context.collection_end(name, result)?;
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
