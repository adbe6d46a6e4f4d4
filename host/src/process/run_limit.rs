//! The time limit of the run.

use std::time::{Duration, Instant};

/// The run's time limit. It counts from the start of the program, so that it includes reading the infile.
#[derive(Debug, Clone, Copy)]
pub struct RunLimit {
    /// How long the run may take.
    pub length: Duration,
    /// The end of that time.
    pub ends_at: Instant,
}

impl RunLimit {
    /// A limit that starts now.
    pub fn from_now(length: Duration) -> Self {
        Self { length, ends_at: Instant::now() + length }
    }
}
