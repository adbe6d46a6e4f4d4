//! Fuzz targets: each takes one input and panics if it breaks a rule.

/// A target's name, and the function that runs it on one input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[];
