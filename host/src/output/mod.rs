//! Turns results into output: the inventory, its formats, and the files that they are written to.

pub mod changes;
pub mod checked;
pub mod escape;
pub mod events;
pub mod exposition;
pub mod filters;
pub mod format;
pub mod inventory;
pub mod links;
pub mod outfile;
pub mod placeholder_ids;
pub mod search;
pub mod terminal;
pub mod warning_kinds;
