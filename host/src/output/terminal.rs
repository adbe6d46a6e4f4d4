//! Access to the terminal, which the progress display shares with log lines and results, and the width of tables.

use std::io::IsTerminal as _;
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

/// The width of a text that is not cut and not wrapped.
pub const UNLIMITED: usize = usize::MAX;

/// The width if a terminal does not report one.
const DEFAULT_WIDTH: usize = 100;

/// Tables are at least this wide, even if the terminal is narrower.
const MIN_WIDTH: usize = 40;

/// Whether standard output is a terminal.
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// The width of what is printed on a terminal or elsewhere: that of the terminal, or else COLUMNS. A pipe or a file has
/// no width of its own: nothing is cut there, because another program searches it.
pub fn output_width(on_terminal: bool) -> usize {
    let reported = if on_terminal {
        rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col)
    } else {
        None
    };
    let columns = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let default = if on_terminal { DEFAULT_WIDTH } else { UNLIMITED };
    let known = reported.filter(|width| *width > 0).or_else(columns);
    known.map_or(default, |width: u16| usize::from(width).max(MIN_WIDTH))
}
