//! `match-images`: reports which containers run the known images, whether they run the newest revision, and
//! which images and containers match nothing.

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_images;
mod host_images;
mod inventory_file;

mod known;
pub mod matches;
mod matching;
#[cfg(test)]
mod matching_properties;
mod physical_hosts;
mod sources;
mod table;

use std::path::Path;
use std::rc::Rc;

use gatherer_plugin_api::model::{Inventory, Link};

use crate::cli::{Cli, FailOn, MatchFormat, MatchImages, Settings};
use crate::commands::gather::{InventoryReport, Product, print_product, table_style, unknown_id};
use crate::commands::tally::Tally;
use crate::commands::{fail, inventory_document, json_file, modules, printing};
use crate::exit::Exit;
use crate::output::format::{self, TableStyle};
use crate::output::outfile::{Outfile, Pieces};
use crate::run::reserve;
use known::KnownImage;
use matches::Matches;
use physical_hosts::PhysicalHosts;
use sources::ContainerSource;

/// The known images, and the output format.
struct MatchTask {
    images: Vec<KnownImage>,
    format: MatchFormat,
    only_outdated: bool,
}

impl MatchTask {
    /// Prints the result and returns the exit status. An endpoint whose pods are not all known counts as
    /// failed.
    fn finish<'a>(
        self,
        sources: impl ExactSizeIterator<Item = ContainerSource<'a>>,
        links: &[Link],
        fail_on: FailOn,
        style: TableStyle,
        outfile: Outfile,
    ) -> Exit {
        let total = sources.len();
        let mut matches = Matches::new(&self.images, sources, &PhysicalHosts::new(links));
        if self.only_outdated {
            matches.select_outdated();
        }
        let fails = fail_on.applies(matches.incomplete.len(), 0, total);
        let exit = if fails { Exit::EndpointsFailed } else { Exit::Done };
        match self.format {
            // Each container is listed under every image that it matches, so the output can be large: it is
            // written in pieces.
            MatchFormat::Json => {
                let document = |writer: &mut Pieces<'_>| format::write_document(&matches, writer);
                printing::write_pieces(outfile, document, exit)
            }
            MatchFormat::Table => {
                let table = |writer: &mut Pieces<'_>| table::write(&matches, style, writer);
                printing::write_pieces(outfile, table, exit)
            }
        }
    }
}

impl InventoryReport for MatchTask {
    fn needs_links(&self) -> bool {
        true
    }

    fn print(
        self: Box<Self>,
        inventory: &Inventory,
        fail_on: FailOn,
        style: TableStyle,
        outfile: Outfile,
    ) -> Exit {
        let sources = inventory.endpoints.iter().map(Into::into);
        self.finish(sources, &inventory.links, fail_on, style, outfile)
    }
}

/// Runs the command.
pub fn run(options: &MatchImages, cli: &Cli, settings: &Settings, tally: &Rc<Tally>) -> Exit {
    let task = match prepare(options, cli, settings) {
        Ok(Prepared::Done(exit)) => return exit,
        Ok(Prepared::Gather(task)) => task,
        Err((exit, problem)) => return fail(exit, &problem),
    };
    let catalog = match modules::read_catalog(settings) {
        Ok(catalog) => catalog,
        Err(exit) => return exit,
    };
    let infile = options.files.infile.as_deref().expect("clap requires --infile or --inventory");
    print_product(Product::Report(Box::new(task)), cli, infile, settings, &catalog, tally, None)
}

/// What is left to do after the files were read.
enum Prepared {
    /// Nothing: the containers came from an inventory file, and the result was printed.
    Done(Exit),
    /// The endpoints must be gathered.
    Gather(MatchTask),
}

/// Reads the images before any endpoint is queried. If there is an inventory file, also prints the result.
fn prepare(
    options: &MatchImages,
    cli: &Cli,
    settings: &Settings,
) -> Result<Prepared, (Exit, String)> {
    let containers = options.inventory.as_deref().or(options.files.infile.as_deref());
    let is_stdin = |path: &Path| path == Path::new("-");
    if is_stdin(&options.images) && containers.is_some_and(is_stdin) {
        let problem = "standard input cannot be both the images and the endpoints or inventory";
        return Err((Exit::Usage, problem.to_owned()));
    }
    if options.inventory.is_some() && cli.gather.shard.is_some() {
        let problem =
            "--shard is about endpoints that are queried, so it is not possible with --inventory";
        return Err((Exit::Usage, problem.to_owned()));
    }
    let limit = settings.run_limit;
    let unreadable = |problem| (Exit::Unreadable, problem);
    let images = json_file::read(
        "the file of images",
        &options.images,
        known::MAX_BYTES,
        limit,
        known::read,
    )
    .map_err(unreadable)?;
    let format = options.format.unwrap_or_default();
    let task = MatchTask { images, format, only_outdated: options.outdated };
    let Some(inventory) = &options.inventory else { return Ok(Prepared::Gather(task)) };
    let outfile = printing::prepare(cli.files.outfile.as_deref(), limit)
        .map_err(|problem| (Exit::Unwritable, problem))?;
    let document = json_file::read(
        "the inventory",
        inventory,
        inventory_document::MAX_BYTES,
        limit,
        inventory_file::read,
    )
    .map_err(unreadable)?;
    let links = document.links;
    let sources =
        select(document.sources, &cli.gather.only).map_err(|problem| (Exit::Usage, problem))?;
    let style = table_style(settings, &outfile);
    let fail_on = settings.fail_on;
    let print = move || task.finish(sources.into_iter(), &links, fail_on, style, outfile);
    printing::print_until_signal(print).map(Prepared::Done).map_err(|error| {
        let hint = reserve::hint(&error);
        (Exit::Internal, format!("the result cannot be printed: {error}{hint}"))
    })
}

/// Selects the endpoints with these ids, or all if there are no ids. The error is a message.
fn select(
    mut sources: Vec<ContainerSource<'static>>,
    ids: &[String],
) -> Result<Vec<ContainerSource<'static>>, String> {
    if let Some(id) = ids.iter().find(|id| sources.iter().all(|source| source.endpoint != **id)) {
        let known = sources.iter().map(|source| source.endpoint.as_str());
        return Err(unknown_id(id, "inventory", known));
    }
    sources.retain(|source| ids.is_empty() || ids.contains(&source.endpoint));
    Ok(sources)
}
