//! The program.
mod format;
fn main() {}
