//! `diff`: compares two documents, and says what a Manager would create, update and unlink.

#[cfg(test)]
mod diff_properties;
mod documents;
mod manager_hosts;
pub mod report;
#[cfg(test)]
mod report_tests;
mod table;
mod unique_keys;

use std::collections::BTreeSet;
use std::path::Path;

use super::gather::{table_style, unknown_id};
use super::{fail, inventory_document, json_file, printing};
use crate::cli::{Diff, DiffFormat, Settings};
use crate::exit::Exit;
use crate::output::format;
use crate::output::outfile::Pieces;
use crate::run::reserve;
use documents::Document;
use report::DiffReport;

/// Runs the command.
pub fn run(options: &Diff, outfile: Option<&Path>, settings: &Settings) -> Exit {
    prepare_and_print(options, outfile, settings)
        .unwrap_or_else(|(exit, problem)| fail(exit, &problem))
}

/// Reads both documents and prints their differences. The error is the exit status and a message.
fn prepare_and_print(
    options: &Diff,
    outfile: Option<&Path>,
    settings: &Settings,
) -> Result<Exit, (Exit, String)> {
    let is_stdin = |path: &Path| path == Path::new("-");
    if is_stdin(&options.old) && is_stdin(&options.new) {
        let problem = "standard input cannot be both documents; name a file for one of them";
        return Err((Exit::Usage, problem.to_owned()));
    }
    let limit = settings.run_limit;
    let outfile =
        printing::prepare(outfile, limit).map_err(|problem| (Exit::Unwritable, problem))?;
    let read = |name: &str, path: &Path| {
        let read =
            json_file::read(name, path, inventory_document::MAX_BYTES, limit, documents::read);
        read.map_err(|problem| (Exit::Unreadable, problem))
    };
    let old = read("the older document", &options.old)?;
    let new = read("the newer document", &options.new)?;
    check_known(&options.only, &old, &new).map_err(|problem| (Exit::Usage, problem))?;
    let report = DiffReport::new(old, new, &options.only);
    let differs = options.exit_code && report.has_differences();
    let exit = if differs { Exit::EndpointsFailed } else { Exit::Done };
    let style = table_style(settings, &outfile);
    let format = options.format.unwrap_or_default();
    let print = move || match format {
        DiffFormat::Table => {
            let table = |writer: &mut Pieces<'_>| table::write(&report, style, writer);
            printing::write_pieces(outfile, table, exit)
        }
        DiffFormat::Json => {
            let document = |writer: &mut Pieces<'_>| format::write_document(&report, writer);
            printing::write_pieces(outfile, document, exit)
        }
    };
    printing::print_until_signal(print).map_err(|error| {
        let hint = reserve::hint(&error);
        (Exit::Internal, format!("the result cannot be printed: {error}{hint}"))
    })
}

/// Checks that each id is in one of the documents. The error is a message.
fn check_known(only: &[String], old: &Document, new: &Document) -> Result<(), String> {
    let ids: BTreeSet<&str> = old.ids().chain(new.ids()).collect();
    match only.iter().find(|id| !ids.contains(id.as_str())) {
        None => Ok(()),
        Some(id) => Err(unknown_id(id, "pair of documents", ids.iter().copied())),
    }
}
