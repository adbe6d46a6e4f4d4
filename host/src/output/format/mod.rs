//! The output formats: pure functions from the inventory to text, one file or folder each. No format knows the name
//! of a module. What a format cannot express becomes a note.

mod ansible;
mod containers;
mod csv;
pub mod found;
mod gatherer;
mod inventory;
mod layout;
mod ndjson;
mod prometheus;
pub mod table;
mod virt_who;

pub use csv::CsvTable;
pub use gatherer::json::to_text as manager_json;
#[cfg(any(test, feature = "fuzzing"))]
pub use inventory::to_text as document_text;
pub use inventory::write as write_document;
pub use ndjson::{EndpointLine, write as write_line};
pub use virt_who::report::VirtWhoReport;

use gatherer_plugin_api::model::{Inventory, Warning};

use crate::output::terminal::UNLIMITED;

/// The output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The format of a Manager: hosts by endpoint with fixed types, ASCII
    #[default]
    Gatherer,
    /// The whole inventory as versioned JSON
    Inventory,
    /// One inventory line for each endpoint, as soon as it is finished
    Ndjson,
    /// The format of `mgrk8s`: the containers of all pods, ASCII
    Containers,
    /// A table for people: endpoints, hosts, guests, errors and warnings
    Table,
    /// The format of virt-who: hypervisors with the UUIDs of their guests, ASCII
    VirtWho,
    /// A dynamic inventory of Ansible: machines, groups and variables
    Ansible,
    /// Metrics for the textfile collector of Prometheus's node_exporter
    Prometheus,
    /// A table for databases: endpoints, hosts, guests, pods or links, by RFC 4180
    Csv,
}

impl Format {
    /// Whether the output shows links between endpoints, or the warnings about uncertain ones.
    pub fn has_links(self) -> bool {
        !matches!(self, Self::Gatherer | Self::Ndjson | Self::Containers)
    }
}

/// Something that a format changed or left out, to be logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The endpoint's id.
    pub endpoint: String,
    /// The object, and what was changed.
    pub warning: Warning,
}

/// The result of [`render`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The output; it ends with exactly one line break.
    pub text: String,
    /// What the format changed or left out, sorted.
    pub notes: Vec<Note>,
}

/// The width and color of [`Format::Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStyle {
    /// The maximum width of a line, in columns; [`UNLIMITED`]: nothing is cut.
    pub width: usize,
    /// Whether to use ANSI colors.
    pub color: bool,
}

impl Default for TableStyle {
    /// Everything in full, without color.
    fn default() -> Self {
        Self { width: UNLIMITED, color: false }
    }
}

/// The options of the formats, each of which applies to one format only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FormatOptions {
    /// The style of [`Format::Table`].
    pub style: TableStyle,
    /// The id of a hypervisor in the format of virt-who.
    pub hypervisor_id: HypervisorId,
    /// The table of [`Format::Csv`].
    pub csv_table: CsvTable,
}

/// Which of a host's identifiers is the id of the hypervisor for virt-who's readers. The names are those of virt-who's
/// option `hypervisor_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum HypervisorId {
    /// The id of the host in its source, as in the inventory
    #[default]
    Uuid,
    /// The UUID of the hardware (SMBIOS)
    Hwuuid,
    /// The name of the host
    Hostname,
}

/// Renders an inventory, which must be sorted.
pub fn render(format: Format, inventory: &Inventory, options: &FormatOptions) -> Rendered {
    match format {
        Format::Gatherer => gatherer::render(inventory),
        Format::Inventory => inventory::render(inventory),
        Format::Ndjson => ndjson::render(inventory),
        Format::Containers => containers::render(inventory),
        Format::Table => table::render(inventory, options.style),
        Format::VirtWho => virt_who::render(inventory, options.hypervisor_id),
        Format::Ansible => ansible::render(inventory),
        Format::Prometheus => prometheus::render(inventory),
        Format::Csv => csv::render(inventory, options.csv_table),
    }
}
