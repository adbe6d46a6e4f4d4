//! The answer of one endpoint.

use gatherer_plugin_api::assembly::Gathered;

/// A complete answer.
#[derive(Debug, Default, PartialEq)]
pub struct Answer {
    /// What the plugin gathered.
    pub gathered: Gathered,
    /// How much of the memory budget it uses.
    pub memory_bytes: u64,
}
