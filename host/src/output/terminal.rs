//! The terminal that the progress display and other writers share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::MultiProgress;

/// The progress lines that the terminal shows now. The holder of the lock has the terminal alone.
static PROGRESS_LINES: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Locks the terminal.
pub fn progress_lines() -> MutexGuard<'static, Option<MultiProgress>> {
    PROGRESS_LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes something else to the terminal, with the progress lines out of the way. They come back by
/// themselves a moment later. Where no lines are shown, others may write at the same time: one that
/// waits for its reader keeps no other from writing elsewhere.
pub fn aside<T>(write: impl FnOnce() -> T) -> T {
    let lines = progress_lines();
    match &*lines {
        // A terminal that is gone needs no clearing.
        Some(shown) => drop(shown.clear()),
        None => drop(lines),
    }
    write()
}
