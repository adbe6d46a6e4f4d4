//! The output formats: pure functions from the inventory to text, one file or folder each. No format knows the name
//! of a module. What a format cannot express becomes a note.

mod containers;
pub mod found;
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

/// The output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// The maximum width of a line, in columns; [`UNLIMITED`](crate::output::terminal::UNLIMITED): nothing is cut.
    pub width: usize,
    /// Whether to use ANSI colors.
    pub color: bool,
}

/// Renders an inventory, which must be sorted.
pub fn render(format: Format, inventory: &Inventory, style: &TableStyle) -> Rendered {
    match format {
        Format::Gatherer => gatherer::render(inventory),
        Format::Inventory => inventory::render(inventory),
        Format::Ndjson => ndjson::render(inventory),
        Format::Containers => containers::render(inventory),
        Format::Table => table::render(inventory, *style),
    }
}
