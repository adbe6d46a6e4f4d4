//! The time limit of the run.

use std::time::{Duration, Instant};

/// The run's time limit: it holds from the start of the program, so that it covers the reading of the
/// infile.
#[derive(Debug, Clone, Copy)]
pub struct RunLimit {
    /// How long the run may take.
    pub length: Duration,
    /// When that time is over.
    pub ends_at: Instant,
}

impl RunLimit {
    /// A limit that begins now.
    pub fn from_now(length: Duration) -> Self {
        Self { length, ends_at: Instant::now() + length }
    }
}
