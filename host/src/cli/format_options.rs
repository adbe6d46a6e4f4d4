//! The options of formats, each of which is refused with another format.

use clap::{Args, ValueEnum as _};

use crate::output::format::{CsvTable, Format, FormatOptions, HypervisorId, TableStyle};

/// The options of formats.
#[derive(Debug, Clone, Default, Args)]
pub struct FormatArgs {
    /// Use this as the id of a hypervisor, with --format virt-who [default: uuid] [e.g. --hypervisor-id hostname]
    #[arg(long, value_name = "ID")]
    pub hypervisor_id: Option<HypervisorId>,

    /// Print this table, with --format csv [default: guests] [e.g. --csv-table hosts]
    #[arg(long, value_name = "TABLE")]
    pub csv_table: Option<CsvTable>,
}

impl FormatArgs {
    /// The options that are given, with their only format.
    fn all(&self) -> impl Iterator<Item = (&'static str, Format)> {
        let hypervisor_id = self.hypervisor_id.map(|_| ("--hypervisor-id", Format::VirtWho));
        let csv_table = self.csv_table.map(|_| ("--csv-table", Format::Csv));
        hypervisor_id.into_iter().chain(csv_table)
    }

    /// An option that is given.
    pub fn given(&self) -> Option<&'static str> {
        self.all().next().map(|(option, _)| option)
    }

    /// The values of the options, with the style of tables.
    pub fn options(&self, style: TableStyle) -> FormatOptions {
        FormatOptions {
            style,
            hypervisor_id: self.hypervisor_id.unwrap_or_default(),
            csv_table: self.csv_table.unwrap_or_default(),
        }
    }

    /// Checks that no option of another format is given. The error is a message.
    pub fn check(&self, format: Format) -> Result<(), String> {
        let Some((option, own)) = self.all().find(|(_, own)| *own != format) else { return Ok(()) };
        let name = |format: Format| {
            let value = format.to_possible_value();
            value.map(|value| value.get_name().to_owned()).unwrap_or_default()
        };
        Err(format!(
            "{option} is not possible with the format {}; add --format {}",
            name(format),
            name(own)
        ))
    }
}
