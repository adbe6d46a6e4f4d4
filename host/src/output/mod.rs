//! From results to bytes: the inventory, its formats, and where they are written.

pub mod escape;
pub mod format;
pub mod inventory;
pub mod outfile;
pub mod terminal;
