//! Prints one line for each check as soon as it is finished, and the totals at the end.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::commands::fail;
use crate::exit::Exit;
use crate::output::escape::escape;
use crate::output::terminal::suspend_display;
use crate::process::stdout_was_closed;

/// Prints and counts the results of checks.
#[derive(Default)]
pub struct CheckReport {
    ok: usize,
    not_ok: usize,
    skipped: usize,
    /// Whether a line could not be written.
    has_unwritten_line: bool,
}

impl CheckReport {
    /// The check passed.
    pub fn ok(&mut self, check: &str) {
        self.ok += 1;
        self.print(&format!("ok       {}", escape(check)));
    }

    /// The check failed for this reason.
    pub fn not_ok(&mut self, check: &str, reason: &str) {
        self.not_ok += 1;
        self.print(&format!("not ok   {}: {}", escape(check), escape(reason)));
    }

    /// The check was not made for this reason.
    pub fn skipped(&mut self, check: &str, reason: &str) {
        self.skipped += 1;
        self.print(&format!("skipped  {}: {}", escape(check), escape(reason)));
    }

    /// The check passed, or failed for the reason in the error.
    pub fn verdict(&mut self, check: &str, verdict: Result<(), String>) {
        match verdict {
            Ok(()) => self.ok(check),
            Err(reason) => self.not_ok(check, &reason),
        }
    }

    /// Prints the totals and returns the exit status.
    pub fn finish(mut self, file: &Path) -> Exit {
        let Self { ok, not_ok, skipped, .. } = self;
        let verdict = if not_ok == 0 { "passes" } else { "does not pass" };
        self.print(&format!(
            "\n{} {verdict}: {ok} ok, {not_ok} not ok, {skipped} skipped",
            escape(&file.display().to_string())
        ));
        if self.has_unwritten_line {
            return fail(Exit::Unwritable, "the result cannot be written to standard output");
        }
        if not_ok == 0 { Exit::Done } else { Exit::EndpointsFailed }
    }

    /// Prints a line. It is not an error if the reader closed the output.
    fn print(&mut self, line: &str) {
        let written = suspend_display(|| {
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "{line}").and_then(|()| stdout.flush())
        });
        let is_lost = written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe);
        self.has_unwritten_line |= is_lost || stdout_was_closed();
    }
}
