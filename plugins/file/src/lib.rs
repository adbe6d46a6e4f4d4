//! The module File: hosts, guests and workloads from a JSON document that another program or a person
//! wrote. `client` fetches the document, `map` maps it to the model.

#![deny(unsafe_code)]

#[cfg(test)]
mod check_tests;
mod client;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod map;

use std::collections::BTreeMap;

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_api::{CheckStep, Context, GatherError, Gatherer};
use map::{DocumentSummary, Finding};
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
        let mut incomplete = IncompleteCollections::new();
        let summary = map::read_each(bytes, &mut |finding| {
            context.check_cancelled()?;
            send(finding, &mut incomplete, context)
        })?;
        let summary = with_too_long_items(summary, incomplete);
        for (name, result) in summary.collections {
            context.collection_end(name, result)?;
        }
        for warning in summary.warnings {
            context.warning(warning.object, warning.message)?;
        }
        Ok(())
    }

    fn check(parameters: Parameters, context: &Context) -> Result<(), GatherError> {
        let bytes = client::check(&parameters.url, &["format", "objects"], context)?;
        context.check_cancelled()?;
        let explain = |error| client::with_hint(error, map::FORMATS_HINT);
        let format = map::format_name(&bytes).map_err(explain)?;
        let (mut hosts, mut guests, mut items) = (0, 0, 0);
        // Each object is sent, as a run does: only that shows whether one is too long. The runner drops it.
        let mut incomplete = IncompleteCollections::new();
        let mut unsent = None;
        let summary = map::read_each(bytes, &mut |finding| {
            context.check_cancelled()?;
            match &finding {
                Finding::Host(host) => {
                    hosts += 1;
                    guests += host.guests.len();
                }
                Finding::Item(_) => items += 1,
            }
            if unsent.is_none() {
                unsent = send(finding, &mut incomplete, context).err();
            }
            Ok(())
        })
        .map_err(explain)?;
        context.check_step(CheckStep::ok("format", format!("the document is {format}")));
        if let Some(error) = unsent {
            return Err(error);
        }
        let summary = with_too_long_items(summary, incomplete);
        let counts = format!("hosts: {hosts}, guests: {guests}, items of collections: {items}");
        context.check_step(objects_step(counts, &summary));
        Ok(())
    }
}

/// The collections with an item that was too long to be sent, each with the error about it.
type IncompleteCollections = BTreeMap<&'static str, GatherError>;

/// Sends what was found. An item that is too long makes only its collection incomplete.
fn send(
    finding: Finding,
    incomplete: &mut IncompleteCollections,
    context: &Context,
) -> Result<(), GatherError> {
    let item = match finding {
        Finding::Host(host) => return context.host(*host).map(drop),
        Finding::Item(item) => item,
    };
    let collection = item.collection();
    match context.item(item) {
        Err(error) if error.item_too_long => {
            incomplete.entry(collection).or_insert(error);
            Ok(())
        }
        result => result,
    }
}

/// The summary, in which the collections without an item that was too long are incomplete.
fn with_too_long_items(
    mut summary: DocumentSummary,
    mut incomplete: IncompleteCollections,
) -> DocumentSummary {
    for (name, result) in &mut summary.collections {
        if let Some(error) = incomplete.remove(name.as_str())
            && result.is_ok()
        {
            *result = Err(error);
        }
    }
    summary
}

/// The step about the content of a document: a warning if it has collections that are not complete.
fn objects_step(counts: String, summary: &DocumentSummary) -> CheckStep {
    let missing = summary.collections.iter().filter(|(_, result)| result.is_err());
    let missing: Vec<&str> = missing.map(|(name, _)| name.as_str()).collect();
    if !missing.is_empty() {
        let message = format!("{counts}; these collections are missing: {}", missing.join(", "));
        return CheckStep::warning("objects", message, "write the document again");
    }
    match summary.warnings.first() {
        None => CheckStep::ok("objects", counts),
        Some(Warning { object, message }) => {
            let others = summary.warnings.len() - 1;
            let others = if others > 0 { format!(" ({others} more)") } else { String::new() };
            let message = format!("{counts}; {object}: {message}{others}");
            CheckStep::warning("objects", message, "correct the document")
        }
    }
}

gatherer_plugin_api::export_gatherer! {
    manifest: "manifest.json",
    modules: { "File" => File },
}
