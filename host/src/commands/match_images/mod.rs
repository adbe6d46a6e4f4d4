//! `match-images`: which containers run which of the images that somebody knows, whether they run
//! the newest revision, and what matches nothing.

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz_images;
mod inventory_file;
mod json_file;
mod known;
pub mod matches;
mod matching;
#[cfg(test)]
mod matching_properties;
mod sources;
mod table;

use std::path::Path;

use gatherer_plugin_api::model::Inventory;

use crate::cli::{Cli, FailOn, MatchFormat, MatchImages, Settings};
use crate::commands::gather::{Product, Report, print_product, table_style};
use crate::commands::{fail, modules, printing};
use crate::exit::Exit;
use crate::output::format::{self, TableStyle};
use crate::output::outfile::{Outfile, Pieces};
use crate::run::reserve;
use known::KnownImage;
use matches::Matches;
use sources::Source;

/// The known images, for which containers are to be found.
struct Task {
    images: Vec<KnownImage>,
    format: MatchFormat,
}

impl Task {
    /// Prints the result, and says the exit status: an endpoint of which not all pods are known is
    /// one that failed.
    fn finish(
        self,
        sources: impl ExactSizeIterator<Item = Source>,
        fail_on: FailOn,
        style: TableStyle,
        outfile: Outfile,
    ) -> Exit {
        let total = sources.len();
        let matches = Matches::new(&self.images, sources);
        let fails = fail_on.applies(matches.incomplete.len(), total);
        let exit = if fails { Exit::EndpointsFailed } else { Exit::Done };
        match self.format {
            // Many images of one name have as many lines for each container: it is written while
            // it is made.
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

impl Report for Task {
    fn print(
        self: Box<Self>,
        inventory: &Inventory,
        fail_on: FailOn,
        style: TableStyle,
        outfile: Outfile,
    ) -> Exit {
        self.finish(inventory.endpoints.iter().map(Into::into), fail_on, style, outfile)
    }
}

/// Runs the command.
pub fn run(options: &MatchImages, cli: &Cli, settings: &Settings) -> Exit {
    let task = match prepare(options, cli, settings) {
        Ok(Prepared::Done(exit)) => return exit,
        Ok(Prepared::Asks(task)) => task,
        Err((exit, problem)) => return fail(exit, &problem),
    };
    let catalog = match modules::read_catalog(settings) {
        Ok(catalog) => catalog,
        Err(exit) => return exit,
    };
    modules::log_skipped(&catalog);
    let infile = options.files.infile.as_deref().expect("clap requires --infile or --inventory");
    print_product(Product::Report(Box::new(task)), cli, infile, settings, &catalog)
}

/// What there is to do after the files were read.
enum Prepared {
    /// Nothing: the inventory was a file, and the result is printed.
    Done(Exit),
    /// The endpoints are to be asked.
    Asks(Task),
}

/// Reads the images, before anybody is asked; and where an inventory is given too, finishes.
fn prepare(
    options: &MatchImages,
    cli: &Cli,
    settings: &Settings,
) -> Result<Prepared, (Exit, String)> {
    let containers = options.inventory.as_deref().or(options.files.infile.as_deref());
    let is_stdin = |path: &Path| path == Path::new("-");
    if is_stdin(&options.images) && containers.is_some_and(is_stdin) {
        let problem = "standard input cannot be both the images and where they run";
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
    let task = Task { images, format: options.format.unwrap_or_default() };
    let Some(inventory) = &options.inventory else { return Ok(Prepared::Asks(task)) };
    let outfile = printing::prepare(cli.files.outfile.as_deref(), limit).map_err(unreadable)?;
    let sources = json_file::read(
        "the inventory",
        inventory,
        inventory_file::MAX_BYTES,
        limit,
        inventory_file::read,
    )
    .map_err(unreadable)?;
    let sources = only(sources, &cli.asking.only).map_err(|problem| (Exit::Usage, problem))?;
    let style = table_style(settings, &outfile);
    let fail_on = settings.fail_on;
    let print = move || task.finish(sources.into_iter(), fail_on, style, outfile);
    printing::print_until_signal(print).map(Prepared::Done).map_err(|error| {
        let hint = reserve::hint(&error);
        (Exit::Internal, format!("the result cannot be printed: {error}{hint}"))
    })
}

fn only(mut sources: Vec<Source>, ids: &[String]) -> Result<Vec<Source>, String> {
    if let Some(id) = ids.iter().find(|id| sources.iter().all(|source| source.endpoint != **id)) {
        return Err(format!("--only {id}: the inventory has no endpoint of this id"));
    }
    sources.retain(|source| ids.is_empty() || ids.contains(&source.endpoint));
    Ok(sources)
}
