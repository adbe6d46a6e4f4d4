//! Prints one line for each check as soon as it is finished, and the totals at the end.

use std::io::Write as _;
use std::path::Path;

use crate::exit::Exit;
use crate::output::escape::escape;
use crate::output::terminal::suspend_display;

/// Prints and counts the results of checks.
#[derive(Default)]
pub struct CheckReport {
    ok: usize,
    not_ok: usize,
    skipped: usize,
}

impl CheckReport {
    /// The check passed.
    pub fn ok(&mut self, check: &str) {
        self.ok += 1;
        print(&format!("ok       {}", escape(check)));
    }

    /// The check failed for this reason.
    pub fn not_ok(&mut self, check: &str, reason: &str) {
        self.not_ok += 1;
        print(&format!("not ok   {}: {}", escape(check), escape(reason)));
    }

    /// The check was not made for this reason.
    pub fn skipped(&mut self, check: &str, reason: &str) {
        self.skipped += 1;
        print(&format!("skipped  {}: {}", escape(check), escape(reason)));
    }

    /// The check passed, or failed for the reason in the error.
    pub fn verdict(&mut self, check: &str, verdict: Result<(), String>) {
        match verdict {
            Ok(()) => self.ok(check),
            Err(reason) => self.not_ok(check, &reason),
        }
    }

    /// Prints the totals and returns the exit status.
    pub fn finish(self, file: &Path) -> Exit {
        let Self { ok, not_ok, skipped } = self;
        let verdict = if not_ok == 0 { "passes" } else { "does not pass" };
        print(&format!(
            "\n{} {verdict}: {ok} ok, {not_ok} not ok, {skipped} skipped",
            escape(&file.display().to_string())
        ));
        if not_ok == 0 { Exit::Done } else { Exit::EndpointsFailed }
    }
}

/// Prints a line. An error is ignored, because the exit status has the result too.
fn print(line: &str) {
    suspend_display(|| {
        let mut stdout = std::io::stdout().lock();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    });
}
