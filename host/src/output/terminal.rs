//! Access to the terminal, which the progress display shares with log lines and results.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::MultiProgress;

/// The progress lines that are on the terminal now. The holder of the lock has exclusive access to the
/// terminal.
static PROGRESS_LINES: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Locks the terminal.
pub fn progress_lines() -> MutexGuard<'static, Option<MultiProgress>> {
    PROGRESS_LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls a function that writes to the terminal, after clearing the progress lines. The display draws them
/// again at its next update. If no progress lines are shown, the lock is not held while `write` runs: a
/// writer that waits for its reader then does not block others.
pub fn suspend_display<T>(write: impl FnOnce() -> T) -> T {
    let lines = progress_lines();
    match &*lines {
        // An error means that the terminal is gone.
        Some(shown) => drop(shown.clear()),
        None => drop(lines),
    }
    write()
}
