//! Reports the results of checks: one line for each as soon as it is finished and the totals at the end, or one
//! JSON document at the end.

use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use crate::commands::fail;
use crate::exit::Exit;
use crate::output::escape::{escape, escape_json_lines};
use crate::output::outfile;
use crate::output::terminal::suspend_display;

/// Reports and counts the results of checks.
pub struct CheckReport {
    as_json: bool,
    /// The results so far, as JSON.
    checks: Vec<Value>,
    counts: [u64; 3],
    /// The last error of printing a line.
    print_error: Option<io::Error>,
}

/// The result of a check.
#[derive(Clone, Copy)]
enum CheckResult {
    Ok,
    NotOk,
    Skipped,
}

impl CheckReport {
    /// An empty report, which is printed as lines or as JSON.
    pub fn new(as_json: bool) -> Self {
        Self { as_json, checks: Vec::new(), counts: [0; 3], print_error: None }
    }

    /// The check passed.
    pub fn ok(&mut self, check: &str) {
        self.add(CheckResult::Ok, check, None);
    }

    /// The check passed, and found something that is worth reporting.
    pub fn ok_with(&mut self, check: &str, detail: &str) {
        self.add(CheckResult::Ok, check, Some(detail));
    }

    /// The check failed for this reason.
    pub fn not_ok(&mut self, check: &str, reason: &str) {
        self.add(CheckResult::NotOk, check, Some(reason));
    }

    /// The check was not made for this reason.
    pub fn skipped(&mut self, check: &str, reason: &str) {
        self.add(CheckResult::Skipped, check, Some(reason));
    }

    /// The check passed, or failed for the reason in the error.
    pub fn verdict(&mut self, check: &str, verdict: Result<(), String>) {
        match verdict {
            Ok(()) => self.ok(check),
            Err(reason) => self.not_ok(check, &reason),
        }
    }

    fn add(&mut self, result: CheckResult, check: &str, detail: Option<&str>) {
        self.counts[result as usize] += 1;
        if self.as_json {
            let mut entry = json!({"check": check, "result": result.as_str()});
            if let Some(detail) = detail {
                entry["detail"] = detail.into();
            }
            self.checks.push(entry);
            return;
        }
        let detail = detail.map_or_else(String::new, |detail| format!(": {}", escape(detail)));
        self.print(&format!("{:9}{}{detail}", result.label(), escape(check)));
    }

    /// Prints the totals, or the document, and returns the exit status.
    pub fn finish(mut self, file: &Path) -> Exit {
        let [ok, not_ok, skipped] = self.counts;
        let file = file.display().to_string();
        if self.as_json {
            let document = json!({
                "file": file,
                "passes": not_ok == 0,
                "ok": ok,
                "notOk": not_ok,
                "skipped": skipped,
                "checks": std::mem::take(&mut self.checks),
            });
            self.print(&escape_json_lines(&format!("{document:#}")));
        } else {
            let verdict = if not_ok == 0 { "passes" } else { "does not pass" };
            self.print(&format!(
                "\n{} {verdict}: {ok} ok, {not_ok} not ok, {skipped} skipped",
                escape(&file)
            ));
        }
        match self.print_error {
            Some(error) => {
                let message = format!("the result cannot be written to standard output: {error}");
                fail(Exit::Unwritable, &message)
            }
            None if not_ok == 0 => Exit::Done,
            None => Exit::EndpointsFailed,
        }
    }

    /// Prints a line. It is not an error if the reader closed the output.
    fn print(&mut self, line: &str) {
        let printed = outfile::check_stdout().and_then(|()| {
            suspend_display(|| {
                let mut stdout = io::stdout().lock();
                writeln!(stdout, "{line}").and_then(|()| stdout.flush())
            })
        });
        if let Err(error) = printed
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.print_error = Some(error);
        }
    }
}

impl CheckResult {
    /// The word in JSON.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotOk => "not-ok",
            Self::Skipped => "skipped",
        }
    }

    /// The words at the beginning of a line.
    const fn label(self) -> &'static str {
        match self {
            Self::NotOk => "not ok",
            other => other.as_str(),
        }
    }
}
