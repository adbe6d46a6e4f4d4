//! Formats: pure functions from the inventory to what is printed, one file or folder each.
//! None of them knows a module's name; what a format cannot say becomes a note.

mod containers;
mod gatherer;
mod inventory;
mod layout;
mod ndjson;
pub mod table;

pub use gatherer::json::to_text as manager_json;
#[cfg(any(test, feature = "fuzzing"))]
pub use inventory::to_text as document_text;
pub use inventory::write as write_document;
pub use ndjson::{EndpointLine, write as write_line};

use gatherer_plugin_api::model::{Inventory, Warning};

/// What is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// What a Manager reads: hosts by endpoint in fixed types, ASCII
    #[default]
    Gatherer,
    /// The whole inventory as versioned JSON
    Inventory,
    /// One endpoint of the inventory a line, as soon as it is answered
    Ndjson,
    /// What `mgrk8s` prints: the containers of all pods, ASCII
    Containers,
    /// For people: endpoints, hosts, guests and what went wrong
    Table,
}

/// Something that a format had to change or leave out, so that a log can say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The endpoint's id.
    pub endpoint: String,
    /// Which object, and what happened to it.
    pub warning: Warning,
}

/// What [`render`] returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The output; it ends with exactly one line break.
    pub text: String,
    /// What the format changed or left out, sorted.
    pub notes: Vec<Note>,
}

/// How [`Format::Table`] looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStyle {
    /// How many columns a line may fill.
    pub width: usize,
    /// Whether ANSI colors are used.
    pub color: bool,
}

/// Renders an inventory, which is sorted already.
pub fn render(format: Format, inventory: &Inventory, style: &TableStyle) -> Rendered {
    match format {
        Format::Gatherer => gatherer::render(inventory),
        Format::Inventory => inventory::render(inventory),
        Format::Ndjson => ndjson::render(inventory),
        Format::Containers => containers::render(inventory),
        Format::Table => table::render(inventory, *style),
    }
}
