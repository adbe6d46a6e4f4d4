//! `convert`: prints an inventory document in another format.

use std::path::Path;

use gatherer_plugin_api::model::{Inventory, SCHEMA_VERSION};

use super::gather::{table_style, unknown_id};
use super::{fail, inventory_document, json_file, printing};
use crate::cli::{Convert, Settings};
use crate::exit::Exit;
use crate::output::inventory;

/// Runs the command.
pub fn run(options: &Convert, outfile: Option<&Path>, settings: &Settings) -> Exit {
    prepare_and_print(options, outfile, settings)
        .unwrap_or_else(|(exit, problem)| fail(exit, &problem))
}

/// Reads the document and prints it. The error is the exit status and a message.
fn prepare_and_print(
    options: &Convert,
    outfile: Option<&Path>,
    settings: &Settings,
) -> Result<Exit, (Exit, String)> {
    let format = options.format.expect("clap requires --format");
    options.formats.check(format).map_err(|problem| (Exit::Usage, problem))?;
    let limit = settings.run_limit;
    let outfile =
        printing::prepare(outfile, limit).map_err(|problem| (Exit::Unwritable, problem))?;
    let path = &options.inventory;
    let max = inventory_document::MAX_BYTES;
    let read = json_file::read("the inventory", path, max, limit, inventory_document::read);
    let mut inventory = read.map_err(|problem| (Exit::Unreadable, problem))?;
    prepare(&mut inventory, options).map_err(|problem| (Exit::Usage, problem))?;
    let formats = options.formats.options(table_style(settings, &outfile));
    printing::print_inventory(inventory, format, formats, outfile, Exit::Done)
}

/// Selects the endpoints and sorts the document, as a run would have done. The error is a message.
fn prepare(inventory: &mut Inventory, options: &Convert) -> Result<(), String> {
    let endpoints = &mut inventory.endpoints;
    let is_known = |id: &String| endpoints.iter().any(|endpoint| endpoint.id == *id);
    if let Some(id) = options.only.iter().find(|id| !is_known(id)) {
        let known = endpoints.iter().map(|endpoint| endpoint.id.as_str());
        return Err(unknown_id(id, "inventory", known));
    }
    endpoints.retain(|endpoint| options.only.is_empty() || options.only.contains(&endpoint.id));
    if options.no_run_info {
        inventory.run = None;
    }
    inventory::sort_endpoints(endpoints, !options.no_run_info);
    SCHEMA_VERSION.clone_into(&mut inventory.schema_version);
    Ok(())
}
