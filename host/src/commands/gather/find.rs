//! The report of `--find`: the objects that were found, or exit status 1 if there are none.

use clap::ValueEnum as _;
use gatherer_plugin_api::model::{EndpointStatus, Inventory};

use super::InventoryReport;
use crate::cli::FailOn;
use crate::commands::printing;
use crate::exit::Exit;
use crate::output::format::{Format, TableStyle, found};
use crate::output::inventory::missing_collections;
use crate::output::outfile::{Outfile, Pieces};
use crate::output::search::{self, SearchText};

/// Prints the objects with a text.
pub struct FindReport {
    text: SearchText,
    is_table: bool,
}

impl FindReport {
    /// The report in a format. The error is a message: the other formats are documents, whose readers take an object that is
    /// not listed for one that does not exist.
    pub fn new(text: &SearchText, format: Format) -> Result<Self, String> {
        if matches!(format, Format::Table | Format::Ndjson) {
            return Ok(Self { text: text.clone(), is_table: format == Format::Table });
        }
        let name = format.to_possible_value();
        Err(format!(
            "--find is not possible with the format {}, because a reader would delete what was not found; \
             add --format table or --format ndjson",
            name.as_ref().map_or("of a Manager", |name| name.get_name())
        ))
    }
}

impl InventoryReport for FindReport {
    fn print(
        self: Box<Self>,
        inventory: &Inventory,
        fail_on: FailOn,
        style: TableStyle,
        outfile: Outfile,
    ) -> Exit {
        let found = search::find(inventory, &self.text);
        let endpoints = &inventory.endpoints;
        let failed =
            endpoints.iter().filter(|endpoint| endpoint.status != EndpointStatus::Complete);
        let incomplete =
            endpoints.iter().filter(|endpoint| !missing_collections(endpoint).is_empty());
        let fails = found.is_empty()
            || fail_on.applies(failed.count(), incomplete.count(), endpoints.len());
        let exit = if fails { Exit::EndpointsFailed } else { Exit::Done };
        let result = |writer: &mut Pieces<'_>| {
            if self.is_table {
                found::write_table(&found, self.text.given(), inventory, style, writer)
            } else {
                found::write_lines(&found, writer)
            }
        };
        printing::write_pieces(outfile, result, exit)
    }
}
