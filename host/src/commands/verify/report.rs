//! One line for each check, printed as soon as it is done, and the sum of them.

use std::io::Write as _;
use std::path::Path;

use crate::exit::Exit;
use crate::output::escape::escape;
use crate::output::terminal::suspend_display;

/// How many checks ended how.
#[derive(Default)]
pub struct Report {
    ok: usize,
    not_ok: usize,
    skipped: usize,
}

impl Report {
    /// The check holds.
    pub fn ok(&mut self, check: &str) {
        self.ok += 1;
        print(&format!("ok       {}", escape(check)));
    }

    /// The check does not hold, for this reason.
    pub fn not_ok(&mut self, check: &str, sentence: &str) {
        self.not_ok += 1;
        print(&format!("not ok   {}: {}", escape(check), escape(sentence)));
    }

    /// The check was not made, for this reason.
    pub fn skipped(&mut self, check: &str, why: &str) {
        self.skipped += 1;
        print(&format!("skipped  {}: {}", escape(check), escape(why)));
    }

    /// The check holds, or does not for one of these reasons.
    pub fn verdict(&mut self, check: &str, verdict: Result<(), String>) {
        match verdict {
            Ok(()) => self.ok(check),
            Err(sentence) => self.not_ok(check, &sentence),
        }
    }

    /// Says how it went.
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

/// That nobody reads it is no error: the exit status says it too.
fn print(line: &str) {
    suspend_display(|| {
        let mut stdout = std::io::stdout().lock();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    });
}
