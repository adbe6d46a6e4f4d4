//! `merge`: puts the inventories of several runs together.

mod combine;
#[cfg(test)]
mod combine_properties;
mod files;
mod requested;
mod shards;

use std::path::Path;

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus};

use super::gather::{self, table_style};
use super::{fail, modules, printing};
use crate::cli::{FailOn, Merge, Settings};
use crate::exit::Exit;
use crate::output::format::Format;
use crate::output::inventory::{assemble, count, missing_collections};
use crate::plugins::Catalog;
use combine::Combined;
use requested::Request;
use shards::Shards;

/// Runs the command.
pub fn run(options: &Merge, outfile: Option<&Path>, settings: &Settings) -> Exit {
    let catalog = match options.infile.as_ref().map(|_| modules::read_catalog(settings)) {
        None => None,
        Some(Ok(catalog)) => Some(catalog),
        Some(Err(exit)) => return exit,
    };
    merge_and_print(options, outfile, settings, catalog.as_ref())
        .unwrap_or_else(|(exit, problem)| fail(exit, &problem))
}

/// Reads the inventories and prints the merged one. The catalog is needed for the infile. The error is the exit status
/// and a message.
fn merge_and_print(
    options: &Merge,
    outfile: Option<&Path>,
    settings: &Settings,
    catalog: Option<&Catalog>,
) -> Result<Exit, (Exit, String)> {
    let format = options.format.unwrap_or(Format::Inventory);
    options.formats.check(format).map_err(|problem| (Exit::Usage, problem))?;
    files::check_stdin(options).map_err(|problem| (Exit::Usage, problem))?;
    let outfile = printing::prepare(outfile, settings.run_limit)
        .map_err(|problem| (Exit::Unwritable, problem))?;
    let request = match (&options.infile, catalog) {
        (Some(infile), Some(catalog)) => {
            modules::log_skipped(catalog);
            let entries = gather::entries(infile, settings, catalog)
                .map_err(|problem| (Exit::Unreadable, problem))?;
            Some(Request::new(entries, format))
        }
        _ => None,
    };
    let combined = read_and_combine(options, settings, request)
        .map_err(|problem| (Exit::Unreadable, problem))?;
    let exit = exit(&combined.endpoints, settings.fail_on);
    let run = combined.run.filter(|_| !options.no_run_info);
    let inventory = assemble(combined.endpoints, run);
    let formats = options.formats.options(table_style(settings, &outfile));
    printing::print_inventory(inventory, format, formats, outfile, exit)
}

/// Reads the inventories and combines them. The error is a message.
fn read_and_combine(
    options: &Merge,
    settings: &Settings,
    request: Option<Request>,
) -> Result<Combined, String> {
    let (sources, too_old) = files::read(options, settings.run_limit)?;
    let shards = Shards::of(&sources, too_old)?;
    let mut combined = combine::combine(sources)?;
    for warning in combined.warnings.drain(..) {
        tracing::warn!("{warning}");
    }
    match request {
        None => shards.check_complete().map_err(|problem| {
            format!(
                "{problem}; ask the endpoints again, or name the request with --infile to have those that are missing \
                 reported as failed"
            )
        })?,
        Some(request) => {
            let added = request.complete(&mut combined.endpoints, &shards);
            if let Err(problem) = shards.check_complete() {
                tracing::warn!("{problem}: {} failed", count(added, "endpoint"));
            }
        }
    }
    tracing::info!("merged {}", count(combined.endpoints.len(), "endpoint"));
    Ok(combined)
}

/// The exit status of a run with these results.
fn exit(endpoints: &[EndpointResult], fail_on: FailOn) -> Exit {
    let is_failed = |endpoint: &&EndpointResult| endpoint.status == EndpointStatus::Failed;
    let is_incomplete = |endpoint: &&EndpointResult| !missing_collections(endpoint).is_empty();
    let failed = endpoints.iter().filter(is_failed).count();
    let incomplete = endpoints.iter().filter(is_incomplete).count();
    let applies = fail_on.applies(failed, incomplete, endpoints.len());
    if applies { Exit::EndpointsFailed } else { Exit::Done }
}
